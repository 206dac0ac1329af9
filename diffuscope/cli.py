"""The command line. Exit status: 0 done, 1 a node failed, 2 the workflow or the arguments are wrong, 130 Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.table import Table

from diffuscope import serving
from diffuscope.engine import Engine
from diffuscope.folders import default_cache
from diffusion.runtime import DTYPES
from engine import (
    REGISTRY,
    Cache,
    DiffuscopeError,
    Fault,
    Result,
    StorageError,
    Workflow,
    WorkflowError,
    load_node_packages,
    load_workflow,
)
from engine.axis import literal, parse_sweep
from engine.check import check as check_workflow
from engine.errors import suggest
from engine.events import Event, Failed, Finished, Planned, Started, Warned
from engine.expand import expand
from engine.schema import workflow_schema
from engine.workflow import Input, with_param

out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)


def find_workflow(text: str) -> Path:
    """A workflow file by path, or one of those that ship with Diffuscope by name."""
    path = Path(text)
    if path.exists():
        return path
    shipped = {file.stem: file for file in shipped_workflows()}
    if text in shipped:
        return shipped[text]
    known = f"give a path, or the name of one that ships: {', '.join(sorted(shipped))}"
    raise StorageError(f"{text}: no such file; {suggest(path.stem, shipped) or known}")


def shipped_workflows() -> list[Path]:
    """The workflow files that ship with Diffuscope."""
    from importlib.util import find_spec

    spec = find_spec("workflows")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return [file for folder in folders for file in sorted(Path(folder).glob("*.json"))]


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def assignments(pairs: Sequence[str], option: str) -> Iterator[tuple[str, str]]:
    """NAME=VALUE pairs, taken apart."""
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise WorkflowError([Fault(option, f"expected NAME=VALUE, found {pair!r}")], "arguments")
        yield name.strip(), value


def read_input(spec: Input, text: str) -> Any:
    """A word from the command line as the input's type; text stays text."""
    return text if spec.type == "string" else literal(text)


Prepared = tuple[Workflow, dict[str, Any], dict[str, list[Any]]]


def prepare(file: str, sets: Sequence[str], sweeps: Sequence[str]) -> Prepared:
    """A workflow with its inputs and sweeps, from the arguments."""
    load_node_packages()
    workflow = load_workflow(find_workflow(file))
    inputs: dict[str, Any] = {}
    for name, text in assignments(sets, "--set"):
        if "." in name:
            workflow = with_param(workflow, name, literal(text))
        else:
            inputs[name] = read_input(workflow.inputs[name], text) if name in workflow.inputs else text
    swept: dict[str, list[Any]] = {}
    for name, text in assignments(sweeps, "--sweep"):
        try:
            values = parse_sweep(text)
        except ValueError as error:
            raise WorkflowError([Fault(f"--sweep {name}", str(error))], "arguments") from None
        is_text = name in workflow.inputs and workflow.inputs[name].type == "string"
        swept[name] = text.split(",") if is_text else values
    return workflow, inputs, swept


def open_cache(folder: Path | None, off: bool) -> Cache:
    """The cache; the default folder is done without, with a word, where it cannot be used."""
    if off:
        return Cache()
    if folder is not None:
        return Cache(folder)
    try:
        return Cache(default_cache())
    except StorageError as error:
        err.print(f"[yellow]warning[/] {plain(error)}; values of this run are not kept")
        return Cache()


def plain(value: object) -> str:
    """Text that rich prints as it is."""
    from rich.markup import escape

    return escape(str(value))


inputs_options = [
    click.argument("file"),
    click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="An input, or NODE.PARAM."),
    click.option("--sweep", "sweeps", multiple=True, metavar="NAME=SPEC",
                 help="Compute for many values of an input: 1,2,3 or 0.6:0.99:0.01."),
]  # fmt: skip
cache_options = [
    click.option("--cache", "cache_folder", type=click.Path(path_type=Path, file_okay=True), help="Folder for values."),
    click.option("--no-cache", is_flag=True, help="Keep values in memory only."),
]


def options(*groups: list[Any]) -> Any:
    """Several decorators as one."""

    def decorate(function: Any) -> Any:
        for option in reversed([option for group in groups for option in group]):
            function = option(function)
        return function

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="diffuscope")
def cli() -> None:
    """Diffuscope opens the black box of latent diffusion: workflows of nodes, one denoise step a node."""


cli.add_command(serving.serve)
cli.add_command(serving.child)


# ── run ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.command()
@options(inputs_options, cache_options)
@click.option("--out", "out_folder", type=click.Path(path_type=Path), default="outputs", show_default=True,
              help="Folder for pictures.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the models.")
@click.option("--exact", is_flag=True, help="One by one and bit for bit reproducible on a device.")
@click.option(
    "--events", type=click.Path(path_type=Path, allow_dash=True), help="Write events, one JSON object a line."
)
@click.option("--only", metavar="NODE", help="Run only what this node needs.")
def run(
    file: str, sets: Sequence[str], sweeps: Sequence[str], cache_folder: Path | None, no_cache: bool, out_folder: Path,
    device: str, dtype: str, exact: bool, events: Path | None, only: str | None,
) -> int:  # fmt: skip
    """Run a workflow FILE, or one that ships with Diffuscope by its name."""
    workflow, inputs, swept = prepare(file, sets, sweeps)
    expect_writable(out_folder)
    engine = Engine(open_cache(cache_folder, no_cache), out_folder, device, dtype, exact)
    graph = engine.graph(workflow, inputs, swept)
    with ExitStack() as stack:
        stack.callback(engine.close)
        watcher = stack.enter_context(watching(events))
        try:
            result = engine.run_graph(workflow, graph, inputs, swept, only, watcher)
        except KeyboardInterrupt:
            err.print("[yellow]interrupted[/]: what was finished is kept; run again to go on from there")
            raise
    summary(result)
    return 1 if result.outcome.failures else 0


def expect_writable(folder: Path) -> None:
    """Say at once, and not after an hour, that pictures cannot be written."""
    probe = folder / f".diffuscope-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be written: {error.strerror or error}; choose another with --out"
        ) from None


@contextmanager
def watching(events: Path | None) -> Iterator[Any]:
    """A listener that moves a progress bar, prints warnings and failures, and writes events to a file."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with ExitStack() as stack:
        sink: IO[str] | None = None
        if events is not None:
            try:
                sink = sys.stdout if str(events) == "-" else stack.enter_context(events.open("w", encoding="utf-8"))
            except OSError as error:
                raise StorageError(f"{events}: cannot be written: {error.strerror or error}") from None
        progress = stack.enter_context(Progress(*columns, console=err, transient=True, disable=not err.is_terminal))
        task = progress.add_task("planning", total=None)

        def write(event: Event) -> None:
            nonlocal sink
            if sink is None:
                return
            try:
                sink.write(json.dumps(event.to_json(), ensure_ascii=False) + "\n")
                sink.flush()
            except OSError as error:  # a full disk is no reason to lose the run
                message = f"{events}: cannot be written: {error.strerror or error}; going on without events"
                err.print(f"[yellow]warning[/] {plain(message)}")
                if sink is not sys.stdout:
                    with suppress(OSError):
                        sink.close()
                sink = None

        def listen(event: Event) -> None:
            write(event)
            match event:
                case Planned():
                    progress.update(task, total=len(event.run))
                case Started():
                    progress.update(task, description=plain(event.label)[:48])
                case Finished(cached=False):
                    progress.advance(task)
                case Warned():
                    err.print(f"[yellow]warning[/] {plain(event.label)}: {plain(event.message)}")
                case Failed():
                    err.print(f"[red]failed[/] {plain(event.label)}: {plain(event.error)}")
                    for label, key in event.inputs.items():
                        err.print(f"         [dim]given {plain(label)} ({key[:12]})[/]")

        yield listen


def summary(result: Result) -> None:
    """What ran and what was cached, a row for each place in the workflow, and where the pictures are."""
    outcome = result.outcome
    rows: dict[str, list[int]] = {}
    failed = [failure.label for failure in outcome.failures]
    for column, labels in enumerate((outcome.ran, outcome.cached, failed, outcome.skipped)):
        for label in labels:
            place = re.sub(r"\[\d+\]", "[…]", label.partition(" @ ")[0])
            rows.setdefault(place, [0, 0, 0, 0])[column] += 1
    names = ["ran", "cached", "failed", "left out"]
    shown = [i for i in range(4) if i < 2 or any(counts[i] for counts in rows.values())]
    table = Table("node", *[names[i] for i in shown], box=None, pad_edge=False, header_style="dim")
    for place, counts in rows.items():
        table.add_row(plain(place), *[str(counts[i] or "·") for i in shown])
    err.print(table)
    counted = f"{len(outcome.ran)} ran, {len(outcome.cached)} cached"
    err.print(f"{outcome.status} in {outcome.seconds:.2f} s: {counted}", style="dim")
    for path in outcome.files:
        print(path)  # noqa: T201 - the one thing that scripts read


# ── looking before running ────────────────────────────────────────────────────────────────────────────────────────────


@cli.command()
@options(inputs_options)
def check(file: str, sets: Sequence[str], sweeps: Sequence[str]) -> int:
    """Check a workflow: every fault, before anything runs."""
    workflow, inputs, swept = prepare(file, sets, sweeps)
    faults = check_workflow(workflow, REGISTRY, inputs, swept)
    if faults:
        raise WorkflowError(faults, workflow.name)
    expand(workflow, REGISTRY, inputs, swept)  # finds what only values can tell, and files that are missing
    out.print(f"{plain(workflow.name)}: no faults")
    return 0


@cli.command()
@options(inputs_options, cache_options)
@click.option("--only", metavar="NODE", help="Plan only what this node needs.")
@click.option("--json", "as_json", is_flag=True, help="As JSON: label, node and key of each call.")
def plan(
    file: str, sets: Sequence[str], sweeps: Sequence[str], cache_folder: Path | None, no_cache: bool,
    only: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Show what a run would do: what would run, what is cached, what is not needed."""
    workflow, inputs, swept = prepare(file, sets, sweeps)
    engine = Engine(open_cache(cache_folder, no_cache))
    graph = engine.graph(workflow, inputs, swept)
    todo = engine.plan(graph, only)
    named = [
        (state, graph.calls[key]) for state, keys in (("cached", todo.cached), ("run", todo.to_run)) for key in keys
    ]
    if as_json:
        calls = [{"state": s, "label": c.label, "node": c.type.name, "key": c.key} for s, c in named]
        print(json.dumps({"calls": calls, "unneeded": todo.unneeded}, indent=1, ensure_ascii=False))  # noqa: T201
        return 0
    table = Table("", "call", "node", "key", box=None, pad_edge=False, header_style="dim")
    for state, call in named:
        table.add_row(f"[{'green' if state == 'cached' else 'bold'}]{state}[/]", plain(call.label), call.type.name,
                      f"[dim]{call.key[:12]}[/]")  # fmt: skip
    out.print(table)
    counted = f"{len(todo.to_run)} to run, {len(todo.cached)} cached, {todo.unneeded} not needed"
    out.print(counted, style="dim")
    return 0


@cli.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def nodes(name: str | None, as_json: bool) -> int:
    """List the nodes, or show one: its ports, params and help."""
    load_node_packages()
    if name is not None and name not in REGISTRY:
        raise WorkflowError([Fault("nodes", f'unknown node "{name}"', suggest(name, REGISTRY))], "arguments")
    chosen = [REGISTRY[name]] if name is not None else list(REGISTRY.values())
    if as_json:
        schemas = [type.schema() for type in chosen]
        print(json.dumps(schemas if name is None else schemas[0], indent=1, ensure_ascii=False))  # noqa: T201
        return 0
    if name is None:
        table = Table("node", "family", "what it does", box=None, pad_edge=False, header_style="dim")
        for type in sorted(chosen, key=lambda type: (type.category, type.name)):
            table.add_row(type.name, type.category, plain(type.summary))
        out.print(table)
        return 0
    type = chosen[0]
    gives = ", ".join(f"{o.name}: {o.kind}" if o.name else o.kind for o in type.outputs.values())
    out.print(f"[bold]{type.name}[/] → {gives}\n\n{plain(type.help)}\n")
    table = Table("in", "type", "default", "", box=None, pad_edge=False, header_style="dim")
    for port in type.ports.values():
        kind = f"all {port.kind}s" if port.collected else f"list of {port.kind}" if port.many else port.kind
        table.add_row(port.name, kind, "" if port.required else "none", plain(port.help))
    for param in type.params.values():
        schema = param.schema()
        span = [f"{word} {schema[limit]}" for word, limit in (("≥", "minimum"), ("≤", "maximum")) if limit in schema]
        kind = " | ".join(map(str, param.choices)) if param.choices else " ".join([param.kind, *span])
        table.add_row(param.name, kind, "" if param.required else json.dumps(param.default), plain(param.help))
    out.print(table)
    return 0


@cli.command()
def schema() -> int:
    """Print the JSON Schema of the workflow file, with every known node."""
    print(json.dumps(workflow_schema(load_node_packages()), indent=1, ensure_ascii=False))  # noqa: T201
    return 0


@cli.command()
def models() -> int:
    """List the checkpoints in the model folders (the shipped one, and those in DIFFUSCOPE_MODELS)."""
    from nodes.paths import list_models

    table = Table("name", "MB", "folder", box=None, pad_edge=False, header_style="dim")
    for model in list_models():
        name = model.name + (" (default)" if model.default else "")
        table.add_row(name, f"{model.bytes / 1e6:.1f}", plain(model.folder))
    out.print(table)
    return 0


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.command()
@click.argument("what", metavar="KEY|LABEL")
@click.option("--cache", "cache_folder", type=click.Path(path_type=Path), help="Folder for values.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the picture, if it is one, to this PNG.")
def show(what: str, cache_folder: Path | None, save: Path | None) -> int:
    """Show a cached value, by the beginning of its key, or by the label of its call (the newest of that label)."""
    load_node_packages()
    cache = Cache(cache_folder or default_cache())
    assert cache.disk is not None
    found = cache.disk.entries(what)
    keys = {entry.key for entry in found}
    if not found or (len(keys) > 1 and found[0].label != what):
        message = f'expected one value of key or label "{what}", found {len(keys)}'
        hint = (
            ", ".join(f"{e.key[:16]} ({e.label})" for e in found[:4]) or "diffuscope plan --json lists keys and labels"
        )
        raise WorkflowError([Fault("show", message, hint)], "arguments")
    entry = found[0]
    value = cache.disk.get(entry.key)
    if value is None:
        raise StorageError(f"{entry.key[:16]}: the stored value is damaged; it will be computed again when needed")
    outputs, seconds = value
    out.print(
        f"[bold]{plain(entry.label)}[/]  {entry.node}  {entry.bytes:,} bytes  {seconds:.3f} s\n[dim]{entry.key}[/]"
    )
    type = REGISTRY.get(entry.node)
    for name, item in outputs.items():
        if type is not None and name in type.outputs:
            described = type.outputs[name].type.codec.describe(item)
            heading = name or type.outputs[name].kind
            out.print(f"{heading}: {plain(json.dumps(described, ensure_ascii=False))}")
        if save is not None and hasattr(item, "to_pillow"):
            item.to_pillow().save(save)
            print(save)  # noqa: T201
    cache.close()
    return 0


@cli.command()
@click.argument("picture", type=click.Path(path_type=Path))
@options(cache_options)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def verify(picture: Path, cache_folder: Path | None, no_cache: bool, device: str) -> int:
    """Run the workflow inside a saved PICTURE again, and compare. Only a cache given by --cache is read."""
    from diffuscope.verify import verify_picture

    difference = verify_picture(picture, Engine(Cache(None if no_cache else cache_folder), device=device, exact=True))
    if difference == 0:
        out.print(f"{plain(picture)}: the same, pixel for pixel")
        return 0
    out.print(f"{plain(picture)}: differs by up to {difference} of 255")
    return 1


@cli.group()
def cache() -> None:
    """Look at and tidy the folder of values."""


def disk(folder: Path | None) -> Any:
    """The disk tier of a cache folder."""
    tier = Cache(folder or default_cache()).disk
    assert tier is not None
    return tier


folder_option = click.option("--cache", "folder", type=click.Path(path_type=Path), help="Folder for values.")


@cache.command("info")
@folder_option
def cache_info(folder: Path | None) -> int:
    """How many values there are, of which nodes, and how much room they take."""
    tier = disk(folder)
    counts: dict[str, list[float]] = {}
    for entry in tier.entries():
        row = counts.setdefault(entry.node, [0, 0, 0])
        row[0], row[1], row[2] = row[0] + 1, row[1] + entry.bytes, row[2] + entry.seconds
    table = Table("node", "values", "MB", "seconds", box=None, pad_edge=False, header_style="dim")
    for node, (count, size, seconds) in sorted(counts.items(), key=lambda item: -item[1][1]):
        table.add_row(node, f"{count:.0f}", f"{size / 1e6:.2f}", f"{seconds:.1f}")
    out.print(table)
    out.print(f"{plain(tier.folder)}: {tier.total() / 1e6:.1f} of {tier.budget / 1e6:.0f} MB", style="dim")
    return 0


@cache.command("prune")
@folder_option
@click.option("--to", "megabytes", type=click.FloatRange(min=0), default=1000.0, show_default=True, help="MB to leave.")
def cache_prune(folder: Path | None, megabytes: float) -> int:
    """Delete what is cheap to compute again for its size, and long unused, until so much is left."""
    out.print(f"{disk(folder).prune(int(megabytes * 1e6))} values deleted")
    return 0


@cache.command("clear")
@folder_option
def cache_clear(folder: Path | None) -> int:
    """Delete every value."""
    out.print(f"{disk(folder).clear()} values deleted")
    return 0


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        status = cli.main(args=arguments, prog_name="diffuscope", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except click.ClickException as error:
        error.show()
        status = 2
    except DiffuscopeError as error:
        for line in str(error).splitlines():
            err.print(f"[red]error[/] {plain(line)}")
        status = 2
    except BrokenPipeError:
        sys.stderr.close()
        status = 0
    sys.exit(status)
