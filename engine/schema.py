"""JSON Schema of the workflow file, with the params of every known node, for editors that complete and check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.axis import AxisParams
from engine.node import NodeType
from engine.workflow import Workflow


def workflow_schema(registry: Mapping[str, NodeType]) -> dict[str, Any]:
    """The schema; a node's `type` decides which params and links it may have."""
    schema: dict[str, Any] = Workflow.model_json_schema(by_alias=True)
    reference = {"type": "string", "description": "a name, such as steps or model.unet"}
    kinds = [node_schema(type, reference) for type in registry.values()]
    axis = {"properties": {"type": {"const": "axis"}, "params": AxisParams.model_json_schema(by_alias=True)}}
    node = schema["$defs"]["Node"]
    node["oneOf"] = [*kinds, axis]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def node_schema(type: NodeType, reference: Mapping[str, Any]) -> dict[str, Any]:
    """What a node of one type may look like."""
    params = {name: param.schema() for name, param in type.params.items()}
    links = {name: {**reference, "description": f"{port.kind}: {port.help}"} for name, port in type.ports.items()}
    links |= {name: dict(reference) for name in params}
    return {
        "description": type.help,
        "properties": {
            "type": {"const": type.name},
            "params": {"type": "object", "properties": params, "additionalProperties": False},
            "in": {"type": "object", "properties": links, "additionalProperties": False},
        },
    }
