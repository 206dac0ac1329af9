"""What there is: nodes and types with their labels, models, kept values."""

from __future__ import annotations

from typing import Any

from engine import Registry
from engine.axis import AxisParams
from engine.cache import DiskTier
from engine.node import NodeType
from engine.types import JSON_TYPE, VALUE_TYPES, ValueType
from engine.view import views_of
from nodes.labels import LANGUAGES, OWN, label, labels_for, own_labels
from nodes.paths import list_models

FLOW = "flow"
"""The category of what the engine expands itself."""


class Lists:
    """Lists what there is."""

    def __init__(self, registry: Registry, disk: DiskTier) -> None:
        self.registry, self.disk = registry, disk

    def nodes(self) -> dict[str, Any]:
        """Every node, every type of value, every category, and the two that the engine expands itself."""
        types = {JSON_TYPE.name: JSON_TYPE} | {name: token.spec for name, token in VALUE_TYPES.items()}
        return {
            "nodes": [described(type) for type in self.registry.values()],
            "builtins": [own(name) for name in OWN],
            "types": {name: described_type(type) for name, type in types.items()},
            "categories": {
                name: {language: label("categories", name, language) for language in LANGUAGES}
                for name in dict.fromkeys([FLOW, *(type.category for type in self.registry.values())])
            },
        }

    def models(self) -> dict[str, Any]:
        """The models that `load_checkpoint` and its kind find by name; no folder is told."""
        told = ("name", "parts", "bytes", "default", "shipped")
        return {"models": [{name: getattr(model, name) for name in told} for model in list_models()]}

    def cache_info(self) -> dict[str, int]:
        """How many values are kept on disk, how many bytes they take, and how many they may."""
        return {"values": len(self.disk.entries()), "bytes": self.disk.total(), "budget": self.disk.budget}


def described(type: NodeType) -> dict[str, Any]:
    """A node as JSON, with its labels."""
    return type.schema() | {"labels": {language: labels_for(type, language) for language in LANGUAGES}}


def own(name: str) -> dict[str, Any]:
    """A node that the engine expands itself as JSON; params of an axis as one JSON Schema."""
    schema = AxisParams.model_json_schema(by_alias=True) if name == "axis" else None
    labels = {language: own_labels(name, language) for language in LANGUAGES}
    return {"name": name, "category": FLOW, "help": labels["en"]["help"], "params": schema, "labels": labels}


def described_type(type: ValueType) -> dict[str, Any]:
    """A type of value as JSON."""
    return {
        "help": type.help,
        "labels": {language: label("types", type.name, language) for language in LANGUAGES},
        "stored": type.stored,
        "views": [view.schema() for view in views_of(type.name).values()],
    }
