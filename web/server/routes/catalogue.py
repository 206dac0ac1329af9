"""What there is to work with: nodes and models; and what a workflow would do, without doing it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from web.server.api import Call, Reply, Routes
from web.server.routes.jobs import OF_CALL, Ordered
from web.server.server import Server
from web.server.settings import JSON_BYTES

routes = Routes()


class Catalogue(BaseModel):
    """All that an editor knows of nodes."""

    model_config = ConfigDict(extra="allow")

    nodes: list[dict[str, Any]] = Field(description="ports, params (JSON Schema), outputs, help, labels")
    types: dict[str, Any] = Field(description="what travels on wires, and how it is seen")
    categories: dict[str, Any]


class Models(BaseModel):
    """The models in the model folders."""

    models: list[dict[str, Any]]


class FaultShown(BaseModel):
    """One thing that is wrong with a workflow."""

    where: str
    message: str
    hint: str = ""


class Checked(BaseModel):
    """What is wrong with a workflow, if anything is."""

    model_config = ConfigDict(extra="allow")

    faults: list[FaultShown]
    calls: int | None = Field(None, description="how many it has, if nothing is wrong")


class Planned(BaseModel):
    """What a job would do."""

    model_config = ConfigDict(extra="allow")

    calls: list[dict[str, Any]] = Field(description="label, node, path, key and state of each call")
    counts: dict[str, int]
    wires: dict[str, Any] = Field(description="top-level references → the keys of their values, or constants")
    axes: dict[str, Any]


@routes.add("GET", "/api/nodes", gives={200: Catalogue})
async def list_nodes(server: Server, call: Call[None, None]) -> Reply:
    """Every node, with JSON Schema of its params and labels in English and Japanese; every type, with its views."""
    found, _ = await server.ask("nodes")
    return Reply(Catalogue(**found), headers={"Cache-Control": "no-cache"})


@routes.add("GET", "/api/models", gives={200: Models})
async def list_models(server: Server, call: Call[None, None]) -> Reply:
    """The models that workflows can name."""
    found, _ = await server.ask("models")
    return Reply(Models(**found))


@routes.add("POST", "/api/check", body=Ordered, gives={200: Checked}, refuses=[404, 422], limit=JSON_BYTES)
async def check(server: Server, call: Call[None, Ordered]) -> Reply:
    """Every fault of a workflow, without running it; the answer is 200 whether there are any or not."""
    found, _ = await server.ask("check", job=call.body.order(server).to_json())
    return Reply(Checked(**found))


@routes.add(
    "POST", "/api/plan", body=Ordered, gives={200: Planned}, refuses=[404, 422], links={200: OF_CALL}, limit=JSON_BYTES
)
async def plan(server: Server, call: Call[None, Ordered]) -> Reply:
    """What would run, what is cached, what is not needed; with the keys by which the values can be seen."""
    found, _ = await server.ask("plan", job=call.body.order(server).to_json())
    return Reply(Planned(**found))
