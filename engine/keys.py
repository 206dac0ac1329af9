"""Step 3: the key of a call, and the DAG in which equal calls are one.

key = SHA-256 of canonical JSON of {"node", "version", "params", "in"}: params are coerced and defaulted, a file stands
as the digest of its content, a link as [key of the call, output], a gathered constant as {"value"}. Names, layout,
device and batch stay out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx

from engine.errors import StorageError
from engine.expand import Call, Cell, Const, Expansion, Link, links_of

Digest = Callable[[Path, tuple[str, ...]], str]
"""A file or folder, and for a folder the patterns of the files that count → a digest of the content."""

EVERYTHING = ("**/*",)

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def canonical(data: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal data give equal bytes."""
    return _encode(data).encode()


def files_of(path: Path, parts: tuple[str, ...] = EVERYTHING) -> list[Path]:
    """The file itself, or those in a folder that fit one of the patterns, in order."""
    if not path.is_dir():
        return [path]
    return sorted({file for part in parts for file in path.glob(part) if file.is_file()})


def content_digest(path: Path, parts: tuple[str, ...] = EVERYTHING) -> str:
    """SHA-256 of a file's bytes; of a folder, over the names and digests of the files in it that count."""
    if path.is_dir():
        entries = {file.relative_to(path).as_posix(): content_digest(file) for file in files_of(path, parts)}
        return hashlib.sha256(canonical(entries)).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Graph:
    """The calls of a run as a DAG of keys.

    Attributes:
        dag: an edge from each call to those that read it; `dag.nodes[key]["call"]` is the call.
        calls: key → the call that was first with it; in an order in which links point backwards.
        keys: the key of each expanded call, by index.
        targets: the keys asked for.
        expansion: what it was made from.
    """

    dag: nx.DiGraph
    calls: dict[str, Call]
    keys: list[str]
    targets: list[str]
    expansion: Expansion


def build_graph(expansion: Expansion, digest: Digest = content_digest, precision: str = "float32") -> Graph:
    """Key every call and join equal ones.

    Args:
        expansion: the flat calls.
        digest: content of a file or folder → its digest.
        precision: numeric type of the models; it changes values, so any but float32 enters the keys.
    """
    keys: list[str] = []
    calls: dict[str, Call] = {}
    edges: list[tuple[str, str]] = []
    digests: dict[tuple[str, tuple[str, ...]], str] = {}

    def at(cell: Cell) -> Any:
        return {"value": cell.value} if isinstance(cell, Const) else [keys[cell.call], cell.output]

    for call in expansion.calls:
        type, params = call.type, call.params
        for name, param in type.params.items():
            if param.file is not None and params.get(name) is not None:
                file = (params[name], param.file.parts)
                if file not in digests:
                    try:
                        digests[file] = digest(Path(params[name]), param.file.parts)
                    except OSError as error:
                        raise StorageError(f"{params[name]}: cannot be read: {error.strerror or error}") from None
                params = params | {name: {"sha256": digests[file]}}
        document: dict[str, Any] = {
            "node": type.name,
            "version": type.version,
            "params": params,
            "in": {
                name: at(source)
                if isinstance(source, Link)
                else {"axes": source.axes, "cells": [[coords, at(cell)] for coords, cell in source.cells]}
                for name, source in call.links.items()
            },
        }
        if precision != "float32":
            document["precision"] = precision
        call.key = key = hashlib.sha256(_encode(document).encode()).hexdigest()
        keys.append(key)
        if key not in calls:
            calls[key] = call
            edges += [(keys[link.call], key) for source in call.links.values() for link in links_of(source)]

    dag: nx.DiGraph = nx.DiGraph()
    dag.add_nodes_from((key, {"call": call}) for key, call in calls.items())
    dag.add_edges_from(edges)
    return Graph(dag, calls, keys, list(dict.fromkeys(keys[i] for i in expansion.targets)), expansion)


def upstream(call: Call, keys: list[str]) -> list[str]:
    """The keys a call reads, each once."""
    return list(dict.fromkeys(keys[link.call] for source in call.links.values() for link in links_of(source)))
