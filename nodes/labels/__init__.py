"""What people call things: labels of categories, value types, nodes and their inputs and outputs, a file a language.

English follows from names by rule, and its file holds only what the rule gets wrong. What a language's file leaves out
is said in English, so a label is never missing, not even for nodes of other packages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from importlib.resources import files
from typing import Any, Literal, TypedDict

from pydantic import BaseModel

from engine.axis import AxisParams
from engine.node import NodeType
from engine.workflow import Repeat

LANGUAGES = ("en", "ja")

OWN: Mapping[str, type[BaseModel]] = {"repeat": Repeat, "axis": AxisParams}
"""The node types that the engine expands itself, each with its shape; their category is `flow`."""

SPELLINGS = {word.lower(): word for word in ("CLIP", "CSV", "EMA", "JSON", "LoRA", "PNG", "RGB", "UNet", "VAE")}


class NodeLabels(TypedDict):
    """All labels of a node, ready to be written as JSON."""

    label: str
    help: str
    """One or two sentences."""
    inputs: dict[str, str]
    """By name, ports first, then params."""
    outputs: dict[str, str]
    """By name; a single output stands under `value`, as it does in `NodeType.schema`."""


def label(section: Literal["categories", "types"], name: str, language: str = "en") -> str:
    """The label of a category, or of a value type or JSON kind; an unknown language reads as English."""
    return look_up(language, (section, name)) or by_rule(name)


def labels_for(type: NodeType, language: str = "en") -> NodeLabels:
    """All labels of a node; an unknown language reads as English."""
    kinds = {output.name: output.kind for output in type.outputs.values()}
    return gather(type.name, (*type.ports, *type.params), kinds, type.summary, language)


def own_labels(name: str, language: str = "en") -> NodeLabels:
    """All labels of a node type that the engine expands itself: `repeat` or `axis`."""
    fields = (field.alias or key for key, field in OWN[name].model_fields.items())
    inputs = [key for key in fields if key not in ("type", "bypass", "note")]
    return gather(name, inputs, {"": "json"} if name == "axis" else {}, "", language)


def gather(name: str, inputs: Iterable[str], outputs: Mapping[str, str], help: str, language: str) -> NodeLabels:
    """All labels of a node, by the names of its inputs, and the names and kinds of its outputs.

    What a node says of an input or output stands before what is said of that name in any node. An output without a name
    is called what its type is called.
    """

    def called(side: str, key: str, otherwise: tuple[str, str]) -> str:
        return look_up(language, ("nodes", name, side, key), otherwise) or by_rule(otherwise[1])

    return {
        "label": look_up(language, ("nodes", name, "label")) or by_rule(name),
        "help": look_up(language, ("nodes", name, "help")) or help,
        "inputs": {key: called("inputs", key, ("names", key)) for key in inputs},
        "outputs": {
            key or "value": called("outputs", key or "value", ("names", key) if key else ("types", kind))
            for key, kind in outputs.items()
        },
    }


def look_up(language: str, *places: tuple[str, ...]) -> str | None:
    """What stands at the first of the places that has something, in the language's book, else in the English one."""
    for book in (read_book(each) for each in (language, "en") if each in LANGUAGES):
        for place in places:
            found = reduce(lambda at, key: at.get(key, {}), place, book)
            if found:
                return str(found)
    return None


@cache
def read_book(language: str) -> dict[str, Any]:
    """A language's file: `categories`, `types`, `names` of inputs and outputs in any node, and `nodes`.

    An input or output with the name of a type (`text_encoder`) is called what the type is called, unless `names` says
    otherwise.
    """
    book: dict[str, Any] = json.loads((files(__name__) / f"{language}.json").read_text(encoding="utf-8"))
    book["names"] = {snake_case(name): text for name, text in book["types"].items()} | book["names"]
    return book


def by_rule(name: str) -> str:
    """The English label that follows from a name: `guidance_scale` → Guidance scale, `vae_decode` → VAE decode."""
    text = " ".join(SPELLINGS.get(word, word) for word in snake_case(name).split("_"))
    return text[:1].upper() + text[1:]


def snake_case(name: str) -> str:
    """`TextEncoder` → text_encoder; `UNet` → unet."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
