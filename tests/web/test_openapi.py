"""The document says what the routes do: valid OpenAPI 3.1, every status that can occur, links that lead somewhere."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, Field
from toy_routes import Health, ItemId, routes, served

from web.server.api import Link, Raw, Routes
from web.server.openapi import document


@pytest.fixture(scope="module", params=[False, True], ids=["open", "with token"])
def spec(request):
    return document(routes, token=request.param)


def test_it_is_valid_openapi(spec):
    OpenAPIV31SpecValidator(json.loads(json.dumps(spec))).validate()
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_route_is_in_it(spec):
    found = {(method.upper(), path) for path, methods in spec["paths"].items() for method in methods}
    assert found == {(route.method, route.template) for route in routes}
    made = spec["paths"]["/api/items"]["get"]
    assert (made["operationId"], made["summary"], made["tags"]) == ("list_items", "All items.", ["toy_routes"])
    assert made["description"] == "In the order that was asked for."
    assert spec["tags"] == [{"name": "server"}, {"name": "toy_routes"}]


def test_parameters_have_their_types(spec):
    found = {each["name"]: each for each in spec["paths"]["/api/items"]["get"]["parameters"]}
    assert found["limit"] == {
        "name": "limit", "in": "query", "required": False, "description": "how many",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    }  # fmt: skip
    assert found["order"]["schema"] == {"type": "string", "enum": ["name", "time"], "default": "name"}
    assert found["after"]["schema"] == {"type": "string"}
    assert (found["If-None-Match"]["in"], found["Last-Event-ID"]["in"]) == ("header", "header")
    (found_id,) = spec["paths"]["/api/items/{id}"]["get"]["parameters"]
    assert found_id["required"] and found_id["schema"]["pattern"] == "^[a-f0-9]{4}$"
    more = spec["paths"]["/api/views/{name}/{index}"]["get"]["parameters"][-1]
    assert more["schema"] == {"type": "object", "additionalProperties": {"type": "string"}}


def test_statuses_that_can_occur():
    open_spec, closed = document(routes)["paths"], document(routes, token=True)["paths"]

    def statuses(paths, path, method):
        return [int(status) for status in paths[path][method]["responses"]]

    assert statuses(open_spec, "/api/health", "get") == [200, 400, 403, 421]
    assert statuses(closed, "/api/health", "get") == [200, 400, 403, 421]
    assert statuses(closed, "/api/items", "get") == [200, 304, 400, 401, 403, 421, 429]
    assert statuses(open_spec, "/api/items", "post") == [201, 400, 403, 408, 409, 413, 415, 421, 422]
    assert statuses(open_spec, "/api/items/{id}", "delete") == [204, 400, 403, 404, 421]
    assert statuses(open_spec, "/api/pictures", "put") == [200, 400, 403, 408, 413, 415, 421]
    assert statuses(open_spec, "/api/socket", "get") == [101, 400, 403, 421, 426]


def test_what_travels():
    spec = document(routes)
    post = spec["paths"]["/api/items"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewItem-Input"
    }
    assert post["responses"]["201"]["description"] == "An item."
    assert post["responses"]["201"]["links"] == {
        "item": {"operationId": "read_item", "parameters": {"id": "$response.body#/id"}}
    }
    assert post["responses"]["422"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    view = spec["paths"]["/api/views/{name}/{index}"]["get"]["responses"]["200"]
    assert list(view["content"]) == ["image/png", "text/plain", "application/json"]
    assert view["description"] == "a picture, or what it says"
    assert list(spec["paths"]["/api/pictures"]["put"]["requestBody"]["content"]) == ["image/png", "image/jpeg"]
    assert "content" not in spec["paths"]["/api/items/{id}"]["delete"]["responses"]["204"]


def test_refusals_outside_the_api_are_text():
    some = Routes()

    @some.add("GET", "/metrics", gives={200: Raw("text/plain")})
    async def read_metrics(toys, call):
        """Numbers."""

    assert document(some)["paths"]["/metrics"]["get"]["responses"]["403"]["content"] == {
        "text/plain": {"schema": {"type": "string"}}
    }


def test_the_token_is_asked_for():
    spec = document(routes, token=True)
    assert spec["security"] == [{"bearer": []}, {"cookie": []}]
    assert spec["paths"]["/api/health"]["get"]["security"] == []
    assert spec["components"]["securitySchemes"]["cookie"]["name"] == "diffuscope_token"
    assert "security" not in document(routes)


def test_answers_are_as_documented():
    spec = document(routes)

    async def go():
        async with served() as toy:
            for method, path, template, options in [
                ("POST", "/api/items", "/api/items", {"json": {"name": "fox", "inner": {"name": "vole"}}}),
                ("POST", "/api/items", "/api/items", {"json": {"name": "fox"}}),
                ("POST", "/api/items", "/api/items", {"json": {}}),
                ("GET", "/api/items", "/api/items", {}),
                ("GET", "/api/items/0000", "/api/items/{id}", {}),
                ("GET", "/api/items/zzzz", "/api/items/{id}", {}),
                ("GET", "/api/health", "/api/health", {}),
            ]:
                status, body, answer = await toy.ask(method, path, **options)
                response = spec["paths"][template][method.lower()]["responses"][str(status)]
                schema = response["content"][answer.content_type]["schema"] | {"components": spec["components"]}
                Draft202012Validator(schema).validate(body)

    asyncio.run(go())


def test_links_that_lead_nowhere():
    for link, error in [
        (Link("read_itm", {}), "go.links.200.x: expected an operation, found 'read_itm'"),
        (Link("read_item", {"name": "$response.body#/id"}), "go.links.200.x: read_item has no parameter name"),
    ]:
        some = Routes(routes)

        @some.add("GET", "/api/go", gives={200: Health}, links={200: {"x": link}})
        async def go(toys, call):
            """Go."""

        with pytest.raises(ValueError, match=error):
            document(some)


def test_two_models_of_one_name():
    some = Routes()

    class Shape(BaseModel):
        side: int

    class Query(BaseModel):
        kind: Annotated[ItemId, Field(description="what")] | None = None

    @some.add("GET", "/api/a", query=Query, gives={200: Shape})
    async def first(toys, call):
        """One."""

    def other():
        class Shape(BaseModel):
            radius: float

        return Shape

    @some.add("GET", "/api/b", gives={200: other()})
    async def second(toys, call):
        """Another."""

    names = set(document(some)["components"]["schemas"])
    assert sum(name.endswith("Shape") for name in names) == 2  # pydantic tells them apart by where they were made
    (kind,) = document(some)["paths"]["/api/a"]["get"]["parameters"]
    assert kind["schema"]["pattern"] == "^[a-f0-9]{4}$"
