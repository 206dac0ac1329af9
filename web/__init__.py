"""The web face: the HTTP server (`web.server`)."""
