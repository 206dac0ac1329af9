"""The OpenAPI 3.1 document, made from the routes: what they declare is what it says.

Each operation lists the statuses that its handler gives and refuses with, and those that the layers before it can give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from web.server.api import API, Given, Problem, Raw, Route, Routes, header_name, parts
from web.server.guard import COOKIE, OPEN

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"

ALWAYS = {
    400: "the request is not sound: its Host, its query or its headers",
    403: "the request was made by a page of another site",
    421: "the request was sent to a name that is not allowed",
}
WITH_VARIABLES = {404: "no such address"}
WITH_BODY = {
    408: "the body did not arrive in time",
    413: "the body is too large",
    415: "the body is of another type",
}
WITH_MODEL = {422: "the body does not fit"}
WITH_SOCKET = {426: "the request asks for no WebSocket"}
WITH_TOKEN = {401: "the token is missing or wrong", 429: "too many wrong tokens"}
"""Why the layers before a handler refuse, by status."""


def document(routes: Routes, *, token: bool = False) -> Json:
    """The document.

    Args:
        routes: the API.
        token: whether clients must show one.

    Raises:
        ValueError: a link leads nowhere, or two models share a name.
    """
    schemas = Schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, schemas, routes, token)
    components: Json = {"schemas": schemas.components}
    made: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Diffuscope",
            "version": version("diffuscope"),
            "description": "Workflows of latent diffusion: check, run, watch every value between noise and picture.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": components,
    }
    if token:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        made["security"] = [{"bearer": []}, {"cookie": []}]
    return made


class Schemas:
    """The schemas of all that routes take and give, with what they share as components."""

    def __init__(self, routes: Routes) -> None:
        kinds: dict[tuple[str, JsonSchemaMode], TypeAdapter[Any]] = {}
        self._keys: dict[tuple[int, str], str] = {}
        for mode, kind in _json_kinds(routes):
            key = self._keys.setdefault((id(kind), mode), str(len(self._keys)))
            kinds[key, mode] = TypeAdapter(kind)
        self._made, shared = TypeAdapter.json_schemas(
            [(key, mode, kind) for (key, mode), kind in kinds.items()], ref_template=REFERENCE
        )
        self.components: Json = dict(shared.get("$defs", {}))

    def of(self, kind: Any, mode: JsonSchemaMode) -> Json:
        """The schema of a type that a route takes ("validation") or gives ("serialization")."""
        return self._made[self._keys[id(kind), mode], mode]

    def lifted(self, schema: Json) -> Json:
        """A schema of its own (of a query, a header, a variable) whose definitions go to the components."""
        schema = dict(schema)
        for name, definition in schema.pop("$defs", {}).items():
            if self.components.setdefault(name, definition) != definition:
                raise ValueError(f"components.schemas.{name}: two models have this name; rename one")
        return schema


def _json_kinds(routes: Routes) -> Iterator[tuple[JsonSchemaMode, Any]]:
    yield "serialization", Problem
    for route in routes:
        if route.body is not None and not isinstance(route.body, Raw):
            yield "validation", route.body
        for given in route.gives.values():
            yield from (("serialization", kind) for kind in parts(given) if not isinstance(kind, Raw))


# ── an operation ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _operation(route: Route, schemas: Schemas, routes: Routes, token: bool) -> Json:
    summary, _, description = route.help.partition("\n")
    made: Json = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary.strip(),
        "description": description.strip(),
        "parameters": list(_parameters(route, schemas)),
        "requestBody": _body(route, schemas),
        "responses": _responses(route, schemas, routes, token),
    }
    if token and route.address in OPEN:
        made["security"] = []
    return {name: value for name, value in made.items() if value or name == "security"}


def _parameters(route: Route, schemas: Schemas) -> Iterator[Json]:
    for name, kind in route.path.items():
        schema = schemas.lifted(kind.json_schema(ref_template=REFERENCE))
        yield _parameter(name, "path", schema, True)
    for place, model in (("query", route.query), ("header", route.headers)):
        if model is None:
            continue
        schema = schemas.lifted(model.model_json_schema(ref_template=REFERENCE))
        for name, info in model.model_fields.items():
            shown = header_name(name, info.alias) if place == "header" else info.alias or name
            yield _parameter(shown, place, schema["properties"][info.alias or name], info.is_required())
        if place == "query" and model.model_config.get("extra") == "allow":
            more = {"type": "object", "additionalProperties": {"type": "string"}}
            yield _parameter("more", "query", more, False) | {"description": "any other keys, as text"}


def _parameter(name: str, place: str, schema: Json, required: bool) -> Json:
    """One parameter; its description stands beside its schema, and null, which no text can say, is no choice."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    described = {"description": schema.pop("description")} if "description" in schema else {}
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    schema |= choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}
    if schema.get("default", 0) is None:
        del schema["default"]
    return {"name": name, "in": place, "required": required, "schema": schema} | described


def _body(route: Route, schemas: Schemas) -> Json | None:
    if route.body is None:
        return None
    if isinstance(route.body, Raw):
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in route.body.content_types}
        return {"required": True, "content": content, "description": route.body.description}
    return {"required": True, "content": {"application/json": {"schema": schemas.of(route.body, "validation")}}}


def _responses(route: Route, schemas: Schemas, routes: Routes, token: bool) -> Json:
    refused: dict[int, str] = dict(ALWAYS)
    refused |= WITH_VARIABLES if route.path else {}
    refused |= WITH_BODY if route.body is not None else {}
    refused |= WITH_MODEL if route.body is not None and not isinstance(route.body, Raw) else {}
    refused |= WITH_SOCKET if 101 in route.gives else {}
    refused |= WITH_TOKEN if token and route.address not in OPEN else {}
    refused |= {status: HTTPStatus(status).phrase for status in route.refuses if status not in refused}
    problem: Json = {"application/json": {"schema": schemas.of(Problem, "serialization")}}
    if not route.address.startswith(API):
        problem = {"text/plain": {"schema": _raw_schema("text/plain")}}
    answers = {status: _answer(status, given, schemas) for status, given in route.gives.items()}
    for status, links in route.links.items():
        answers[status]["links"] = {
            name: {"operationId": link.operation, "parameters": dict(link.parameters)} for name, link in links.items()
        }
        for name, link in links.items():
            _check_link(f"{route.name}.links.{status}.{name}", link.operation, link.parameters, routes)
    answers = {status: {"description": why, "content": problem} for status, why in refused.items()} | answers
    return {str(status): answers[status] for status in sorted(answers)}


def _answer(status: int, given: Given, schemas: Schemas) -> Json:
    description, content = "", Json()
    for kind in parts(given):
        if isinstance(kind, Raw):
            description = description or kind.description
            content |= {name: {"schema": _raw_schema(name)} for name in kind.content_types}
        else:
            content["application/json"] = {"schema": schemas.of(kind, "serialization")}
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                description = description or (kind.__doc__ or "").strip().partition("\n")[0]
    made: Json = {"description": description or HTTPStatus(status).phrase}
    return made | ({"content": content} if content else {})


def _raw_schema(content_type: str) -> Json:
    """OpenAPI 3.1 describes bytes and streams by their content type alone, text as a string."""
    return {"type": "string"} if content_type == "text/plain" else {}


def _check_link(where: str, operation: str, parameters: Mapping[str, str], routes: Routes) -> None:
    target = next((route for route in routes if route.name == operation), None)
    if target is None:
        raise ValueError(f"{where}: expected an operation, found {operation!r}")
    query = target.query.model_fields if target.query else {}
    known = {*target.path, *(info.alias or name for name, info in query.items())}
    if unknown := sorted(set(parameters) - known):
        raise ValueError(f"{where}: {operation} has no parameter {', '.join(unknown)}")
