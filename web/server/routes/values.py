"""Values: what is on a wire, in numbers, as a picture, or as a table."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from engine.workflow import WORD
from web.server.api import Call, Raw, Refusal, Reply, Routes
from web.server.routes.jobs import JobId
from web.server.server import Server

routes = Routes()

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="of a call, as events and plans name it")]
Output = Annotated[str, Field(pattern=rf"^({WORD})?$")]


class ValueQuery(BaseModel):
    """Where a value is looked for."""

    job: JobId | None = Field(None, description="the job in which it was made, for values that are not kept themselves")


class ViewQuery(ValueQuery):
    """What to see of a value; the view's own params stand beside these."""

    model_config = ConfigDict(extra="allow")

    output: Output = Field("", description="which of the call's outputs, if it has several")
    view: Output = Field("", description="one of those that the value lists; the first by default")
    form: Literal["", "png", "json"] = Field("", description="a picture, or the numbers; what fits the view by default")


class OutputAbout(BaseModel):
    """One output of a call."""

    type: str
    summary: dict[str, Any] = Field(description="what a person wants to know first")
    parts: dict[str, dict[str, Any]] = Field(description="shape, dtype, min, max, mean and std of each array")
    views: list[dict[str, Any]] = Field(description="how it can be seen, with JSON Schema of the params")


class Value(BaseModel):
    """What a call gave."""

    model_config = ConfigDict(extra="allow")

    key: str
    node: str
    label: str
    seconds: float | None = None
    bytes: int | None = None
    outputs: dict[str, OutputAbout]


async def order_around(server: Server, key: str, job: str | None) -> dict[str, Any] | None:
    """The order in which a value was made: of the job that is named, else of the latest that told of it."""
    id = job or await server.dispatcher.change(server.jobs.job_of, key)
    found = await server.dispatcher.change(server.jobs.get, id) if id else None
    if job and found is None:
        raise Refusal(404, "no such job")
    return found.order.to_json() if found else None


@routes.add("GET", "/api/values/{key}", path={"key": Key}, query=ValueQuery, gives={200: Value}, refuses=[404, 422])
async def read_value(server: Server, call: Call[ValueQuery, None]) -> Reply:
    """What is known of a value: type, shape, range, mean, spread, and how it can be seen."""
    key = call.path["key"]
    found, _ = await server.look("value", key=key, job=await order_around(server, key, call.query.job))
    return Reply(Value(**found))


@routes.add(
    "GET", "/api/values/{key}/view", path={"key": Key}, query=ViewQuery,
    gives={200: Raw("image/png", "application/json", description="a picture, or the numbers behind it")},
    refuses=[400, 404, 422],
)  # fmt: skip
async def view_value(server: Server, call: Call[ViewQuery, None]) -> web.Response:
    """A value as a picture or a table; a value never changes, so an answer may be kept for ever."""
    key, query = call.path["key"], call.query
    found, blob = await server.look(
        "view", key=key, output=query.output, view=query.view, form=query.form, params=dict(query.model_extra or {}),
        job=await order_around(server, key, query.job),
    )  # fmt: skip
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return web.Response(body=blob, content_type=found["type"], headers=headers)
