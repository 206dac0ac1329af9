"""The handlers, a file a subject; together they are the API."""

from web.server.api import Routes
from web.server.routes import catalogue, files, jobs, saved, status, values

ALL = Routes(jobs.routes, values.routes, saved.routes, catalogue.routes, files.routes, status.routes)

__all__ = ["ALL"]
