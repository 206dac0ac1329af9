"""The workflow file: its shape as pydantic models, reading, writing, moving old formats forward."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from engine.errors import Fault, StorageError, WorkflowError, shown, suggest

FORMAT = 1
"""The format version that this Diffuscope writes."""

DEPTH_LIMIT = 100
"""More levels of nesting than this are taken for a mistake."""

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From format n to n + 1, by n."""

WORD = r"[A-Za-z_][A-Za-z0-9_]*"
Name = Annotated[str, Field(pattern=rf"^{WORD}$")]
Reference = Annotated[str, Field(pattern=rf"^{WORD}((\.{WORD})?(\.all)?|\.{WORD}\.{WORD}\.all)$")]
INPUT_TYPES = {"string": str, "int": int, "float": float, "bool": bool}


class Strict(BaseModel):
    """No unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Input(Strict):
    """A value the user of a workflow may set."""

    type: Literal["string", "int", "float", "bool"]
    default: str | int | float | bool | None = None
    description: str = ""


class Node(Strict):
    """A node: its type, what it is linked to, and its literals; bypassed it is not computed, but hands on a link."""

    type: str
    in_: dict[Name, Reference] = Field(default_factory=dict, alias="in")
    params: dict[Name, Any] = Field(default_factory=dict)
    bypass: bool = False
    note: str = ""


class Repeat(Strict):
    """A loop: its body, unrolled for each value of the loop variable, handing the carried values on.

    An unfinished one, with nothing carried yet, can be saved; `check` finds the fault. Bypassed it does not turn.
    """

    type: Literal["repeat"]
    for_: dict[Name, Annotated[list[int | Reference], Field(min_length=2, max_length=2)]] = Field(
        alias="for", min_length=1, max_length=1
    )
    carry: dict[Name, Reference] = Field(default_factory=dict)
    body: dict[Name, AnyNode]
    next: dict[Name, Reference] = Field(default_factory=dict)
    bypass: bool = False
    note: str = ""

    @property
    def variable(self) -> str:
        """The name of the loop variable."""
        return next(iter(self.for_))

    @property
    def bounds(self) -> list[int | str]:
        """First value, and the one before which it stops."""
        return self.for_[self.variable]


def _kind(value: Any) -> str:
    found = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return "repeat" if found == "repeat" else "node"


AnyNode = Annotated[Annotated[Repeat, Tag("repeat")] | Annotated[Node, Tag("node")], Discriminator(_kind)]
Repeat.model_rebuild()


class Workflow(Strict):
    """A workflow as it stands in its file."""

    diffuscope: int = FORMAT
    title: str = ""
    description: str = ""
    inputs: dict[Name, Input] = Field(default_factory=dict)
    nodes: dict[Name, AnyNode]
    layout: dict[str, Any] = Field(default_factory=dict)

    _source: Path | None = None

    @property
    def source(self) -> Path | None:
        """The file it was read from."""
        return self._source

    @property
    def name(self) -> str:
        """What messages call it: the file's name, or its title."""
        return self._source.name if self._source else self.title or "workflow"

    @property
    def folder(self) -> Path:
        """Where relative paths in it begin."""
        return self._source.parent if self._source else Path()

    def to_json(self) -> dict[str, Any]:
        """The workflow as plain JSON data, in the order of the file, without what is default."""
        return {"diffuscope": FORMAT} | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def with_param(workflow: Workflow, path: str, value: Any) -> Workflow:
    """A copy of a workflow in which one param has another value, and its link, if it had one, is gone.

    Args:
        workflow: stays as it is.
        path: `node.param`, or `sample.denoise.guidance_scale` inside a loop.
        value: checked later, with everything else.

    Raises:
        WorkflowError: there is no such node.
    """
    *names, param = path.split(".")
    copy = workflow.model_copy(deep=True)
    copy._source = workflow._source
    nodes: dict[str, Any] = copy.nodes
    for depth, name in enumerate(names):
        if name not in nodes:
            raise WorkflowError([Fault(path, f'unknown node "{name}"', suggest(name, nodes))], workflow.name)
        node = nodes[name]
        if depth < len(names) - 1:
            nodes = node.body if isinstance(node, Repeat) else {}
        elif isinstance(node, Repeat):
            raise WorkflowError([Fault(path, "a repeat has no params", suggest(param, node.body))], workflow.name)
        else:
            node.in_.pop(param, None)
            node.params[param] = value
    return copy


# ── reading and writing ───────────────────────────────────────────────────────────────────────────────────────────────


def parse_workflow(data: Any, name: str = "workflow") -> Workflow:
    """Read a workflow from JSON data of any format version; raise `WorkflowError` with every fault of shape."""
    if not isinstance(data, dict):
        raise WorkflowError([Fault("(top)", f"expected a JSON object, found {type(data).__name__}")], name)
    version = data.get("diffuscope")
    if isinstance(version, bool) or not isinstance(version, int):
        found = "nothing" if version is None else repr(version)
        hint = f'write "diffuscope": {FORMAT}'
        raise WorkflowError([Fault("diffuscope", f"expected a format version, found {found}", hint)], name)
    if version > FORMAT:
        message = f"expected format {FORMAT} or older, found {version}"
        raise WorkflowError([Fault("diffuscope", message, "it was written by a newer Diffuscope; update")], name)
    if version < 1:
        raise WorkflowError([Fault("diffuscope", f"expected a format from 1 on, found {version}")], name)
    blemishes = list(_blemishes(data))
    if blemishes:
        raise WorkflowError(blemishes, name)
    while version < FORMAT:
        data = MIGRATIONS[version](data) | {"diffuscope": version + 1}
        version += 1
    try:
        return Workflow.model_validate(data)
    except ValidationError as error:
        raise WorkflowError(_shape_faults(error), name) from None


def _blemishes(data: Any, where: str = "", depth: int = 0) -> Iterator[Fault]:
    """Text that cannot be written to a file again, and nesting beyond what anybody writes."""
    if depth > DEPTH_LIMIT:
        yield Fault(f"{where[:60]}…", f"expected at most {DEPTH_LIMIT} levels, found more")
    elif isinstance(data, str) and not data.isascii() and any("\ud800" <= c <= "\udfff" for c in data):
        yield Fault(where or "(top)", f"expected Unicode text, found {shown(data)}")
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _blemishes(key, where, depth + 1)
            yield from _blemishes(value, f"{where}.{key}" if where else str(key), depth + 1)
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _blemishes(value, f"{where}.{i}", depth + 1)


def _shape_faults(error: ValidationError) -> list[Fault]:
    """Pydantic's errors as faults; a value that fits none of several types is one fault."""
    faults: dict[str, Fault] = {}
    for detail in error.errors():
        fault = _shape_fault(detail)
        before = faults.get(fault.where)
        if before is not None:
            expected = before.message.partition(", found ")[0]
            fault = Fault(fault.where, fault.message.replace("expected", f"{expected} or", 1))
        faults[fault.where] = fault
    return list(faults.values())


def _shape_fault(detail: Any) -> Fault:
    """One of pydantic's errors: where in the file, what was expected, what was found."""
    loc = detail["loc"]
    steps = [str(step) for i, step in enumerate(loc) if not _internal(step, loc[:i])]
    where, found = ".".join(steps) or "(top)", detail.get("input")
    text = shown(found)
    kind = detail["type"]
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return Fault(where, f"expected an object, found {text}")
    if kind in ("too_short", "too_long"):
        count = detail["ctx"].get("min_length", detail["ctx"].get("max_length"))
        return Fault(where, f"expected {'at least' if kind == 'too_short' else 'at most'} {count}, found {text}")
    if kind == "extra_forbidden":
        known = ("type", "in", "params", "bypass", "note", "for", "carry", "body", "next", "title", "description",
                 "inputs", "nodes", "layout", "default")  # fmt: skip
        return Fault(where, "unknown key", suggest(steps[-1], known) if len(steps[-1]) < 40 else "")
    if kind == "missing":
        return Fault(where, "expected a value, found nothing")
    if kind == "string_pattern_mismatch":
        expected = 'a name such as "steps" or "model.unet"'
        return Fault(where, f"expected {expected}, found {text}")
    message = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return Fault(where, f"expected {message[:1].lower()}{message[1:]}, found {text}")


def _internal(step: Any, before: tuple[Any, ...]) -> bool:
    """Whether a step of pydantic's path is not in the file: the tag of a union, or the type tried."""
    if step in ("repeat", "node"):
        return len(before) > 1 and before[-2] in ("nodes", "body")
    if step in ("str", "int", "float", "bool"):
        return len(before) > 2 and (before[-1] == "default" or isinstance(before[-1], int))
    return isinstance(step, str) and (step == "[key]" or step.startswith("constrained-"))


def load_workflow(path: str | Path) -> Workflow:
    """Read a workflow file.

    Raises:
        WorkflowError: it is no JSON, or not of the right shape; every fault is listed.
        StorageError: the file cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise WorkflowError([Fault("(file)", "expected UTF-8 text, found other bytes")], path.name) from None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "(file)"
        message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise WorkflowError([Fault(at, f"expected JSON: {message}")], path.name) from None
    workflow = parse_workflow(data, path.name)
    workflow._source = path.resolve()
    return workflow


def save_workflow(workflow: Workflow, path: str | Path) -> None:
    """Write a workflow as JSON that a person can read and diff; the file is replaced in one step."""
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    text = json.dumps(workflow.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None
