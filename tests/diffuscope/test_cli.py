"""The command line: what it prints, where it writes, how it ends, and one clear line for every bad input."""

from __future__ import annotations

import copy
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from diffusion.samplers import SAMPLERS
from engine import Cache, load_workflow

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
Command = Callable[..., Any]

STEPS = ["sample[0].denoise", "sample[1].denoise"]
EVERYTHING = [
    "model", "noise", "schedule", "start", "words", "positive", "unwanted", "negative", *STEPS, "image", "save"
]  # fmt: skip


# ── run ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_writes_a_picture_and_says_where(run_tiny: Command, here: Path) -> None:
    ran = run_tiny()
    assert (ran.status, ran.out) == (0, "outputs/text_to_image-0001.png\n")
    with Pillow.open(here / "outputs" / "text_to_image-0001.png") as picture:
        assert picture.size == (16, 16)
    assert re.search(r"sample\[…\]\.denoise +2 +·", ran.err)
    assert f"{len(EVERYTHING)} ran, 0 cached" in ran.err


def test_a_second_run_only_saves(run_tiny: Command, labels: Command) -> None:
    run_tiny("--events", "first")
    assert labels("first") == EVERYTHING
    second = run_tiny("--events", "second")
    assert second.status == 0 and "1 ran, 1 cached" in second.err
    assert second.out == "outputs/text_to_image-0002.png\n"
    assert labels("second") == ["save"]
    assert labels("second", cached=True) == ["image"]


def test_a_second_run_in_a_new_process_loads_no_weights_and_imports_no_torch(
    run_tiny: Command, labels: Command
) -> None:
    first = run_tiny()
    code = (
        "import sys; from diffuscope.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as ended: print(ended.code, [m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    arguments = ["run", "text_to_image", "--set", "model.path=tiny", "--set", "steps=2", "--events", "again"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["outputs/text_to_image-0002.png", "0 []"]
    assert labels("again") == ["save"]
    pictures = [Path(name).read_bytes() for name in (first.out.strip(), done.stdout.splitlines()[0])]
    assert pictures[0] == pictures[1]


def test_a_workflow_by_its_path(command: Command, here: Path) -> None:
    (here / "mine.json").write_text((WORKFLOWS / "text_to_image.json").read_text())
    ran = command("run", "mine.json", "--set", "model.path=tiny", "--set", "steps=1")
    assert (ran.status, ran.out) == (0, "outputs/mine-0001.png\n")


def test_pictures_go_where_they_are_told_to(run_tiny: Command, here: Path) -> None:
    assert run_tiny("--out", "a/b").out == "a/b/text_to_image-0001.png\n"
    assert [path.name for path in (here / "a" / "b").iterdir()] == ["text_to_image-0001.png"]


def test_set_gives_an_input_its_type(command: Command) -> None:
    def params(*sets: str) -> dict[str, dict[str, Any]]:
        options = [word for pair in sets for word in ("--set", pair)]
        return command("plan", "text_to_image", "--set", "model.path=tiny", *options, "--json")

    assert params("prompt=42").status == 0  # text stays text
    assert params("guidance_scale=3").status == 0  # a whole number is a fine float
    assert params("prompt=").status == 0
    assert params("prompt=a=b").status == 0
    assert params("seed=0042").status == 2
    assert params("prompt=42").out != params("prompt=43").out
    assert params("guidance_scale=3").out == params("guidance_scale=3.0").out


def test_set_reaches_a_param_inside_a_loop(run_tiny: Command, labels: Command) -> None:
    run_tiny()
    run_tiny("--set", "sample.denoise.eta=0.5", "--events", "eta")
    assert labels("eta") == ["model", *STEPS, "image", "save"]
    run_tiny("--set", "sample.denoise.guidance_scale=2", "--events", "linked")  # in the place of its link
    assert labels("linked") == ["model", *STEPS, "image", "save"]


def test_sweep_computes_for_many_values(run_tiny: Command, labels: Command) -> None:
    ran = run_tiny("--sweep", "seed=1:3", "--sweep", "prompt=a cat,a dog", "--events", "swept")
    files = [
        f"outputs/text_to_image seed={seed}, prompt=a {who}-0001.png" for seed in (1, 2, 3) for who in ("cat", "dog")
    ]
    assert ran.status == 0
    assert sorted(ran.out.splitlines()) == sorted(files)
    ran_labels = labels("swept")
    assert sum(label.startswith("noise @ ") for label in ran_labels) == 3
    assert sum(label.startswith("words @ ") for label in ran_labels) == 2
    assert sum(".denoise @ " in label for label in ran_labels) == 2 * 6


def test_only_runs_what_a_node_needs(run_tiny: Command, labels: Command, here: Path) -> None:
    ran = run_tiny("--only", "positive", "--events", "only")
    assert (ran.status, ran.out) == (0, "")
    assert labels("only") == ["model", "words", "positive"]


def test_without_a_cache_nothing_is_kept(run_tiny: Command, tmp_path: Path) -> None:
    for _ in range(2):
        assert f"{len(EVERYTHING)} ran, 0 cached" in run_tiny("--no-cache").err
    assert not (tmp_path / "cache").exists()


def test_events_are_json_lines(run_tiny: Command, here: Path) -> None:
    run_tiny("--events", "events.jsonl", "--set", "prompt=ä fox")
    events = [json.loads(line) for line in (here / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    planned, *middle, done = events
    assert planned == {"event": "planned", "run": EVERYTHING, "cached": 0, "unneeded": 0}
    fields = {
        "started": {"event", "label", "node", "key"},
        "finished": {"event", "label", "node", "key", "cached", "seconds", "bytes"},
    }
    assert all(event.keys() == fields[event["event"]] for event in middle)
    assert [event["label"] for event in middle if event["event"] == "started"] == EVERYTHING
    assert all(re.fullmatch("[0-9a-f]{64}", event["key"]) for event in middle)
    assert done["event"] == "done" and done["status"] == "done" and done["ran"] == len(EVERYTHING)
    assert done["files"] == ["outputs/text_to_image-0001.png"]


def test_events_may_go_to_standard_output(run_tiny: Command) -> None:
    ran = run_tiny("--events", "-")
    *events, path = ran.out.splitlines()
    assert [json.loads(line)["event"] for line in events][-1] == "done"
    assert path == "outputs/text_to_image-0001.png"


def test_a_prompt_too_long_runs_and_names_what_was_cut_off(run_tiny: Command) -> None:
    ran = run_tiny("--set", "prompt=" + "a " * 75 + r"striped \[bold\]zebra")
    assert ran.status == 0
    assert 'warning words: the prompt is longer than 77 tokens; cut off: "striped [bold]zebra"' in ran.err


# ── looking before running ────────────────────────────────────────────────────────────────────────────────────────────


def test_check(command: Command, here: Path) -> None:
    for file in WORKFLOWS.glob("*.json"):
        assert command("check", file) == (0, f"{file.name}: no faults\n", "")
        assert command("check", file.stem).status == 0


def test_check_lists_every_fault(command: Command, here: Path) -> None:
    data = json.loads((WORKFLOWS / "text_to_image.json").read_text())
    data["nodes"]["image"]["type"] = "vae_decod"
    data["nodes"]["schedule"]["in"]["stepz"] = "steps"
    data["inputs"]["seed"]["default"] = -1
    (here / "bad.json").write_text(json.dumps(data))
    checked = command("check", "bad.json")
    assert checked.status == 2
    lines = checked.err.splitlines()
    assert len(lines) == 3 and all(line.startswith("error bad.json: ") for line in lines)


def test_plan(run_tiny: Command, command: Command) -> None:
    options = ("text_to_image", "--set", "model.path=tiny", "--set", "steps=2")
    before = command("plan", *options)
    assert before.status == 0 and f"{len(EVERYTHING)} to run, 0 cached, 0 not needed" in before.out
    run_tiny()
    planned = json.loads(command("plan", *options, "--json").out)
    assert [(call["state"], call["label"], call["node"]) for call in planned["calls"]] == [
        ("cached", "image", "vae_decode"),
        ("run", "save", "save_image"),
    ]
    assert planned["unneeded"] == len(EVERYTHING) - 2
    assert "sample[1].denoise" in command("plan", *options, "--no-cache", "--only", "sample").out


def test_nodes(command: Command) -> None:
    listed = command("nodes")
    assert listed.status == 0 and "denoise_step" in listed.out and "save_image" in listed.out
    one = command("nodes", "denoise_step")
    assert one.out.startswith("denoise_step → Latent\n\nMove the latent one noise level down the schedule.\n")
    assert re.search(r"guidance_scale +float ≥ 0\.0 ≤ 50\.0 +7\.5|guidance_scale +float ≥ 0 ≤ 50 +7\.5", one.out)
    assert "ddim | plms" in " ".join(one.out.split())
    schema = json.loads(command("nodes", "denoise_step", "--json").out)
    assert schema["params"]["guidance_scale"]["maximum"] == 50
    assert len(json.loads(command("nodes", "--json").out)) >= 19


def test_schema(command: Command) -> None:
    printed = json.loads(command("schema").out)
    assert "denoise_step" in json.dumps(printed)


def test_models(command: Command, tiny_model: Path) -> None:
    listed = command("models")
    assert listed.status == 0
    assert re.search(r"^tiny +[\d.]+ +\S", listed.out, flags=re.MULTILINE)


def test_version_and_help(command: Command) -> None:
    assert command("--version").out.startswith("diffuscope, version ")
    for words in ([], ["run"], ["check"], ["plan"], ["nodes"], ["show"], ["models"], ["schema"], ["verify"], ["cache"]):
        ran = command(*words, "--help")
        assert ran.status == 0 and ran.out.startswith("Usage: diffuscope")


def test_commands_that_compute_nothing_import_no_torch(here: Path) -> None:
    commands = [
        ["check", "steps_and_samplers"],
        ["plan", "text_to_image", "--set", "model.path=tiny"],
        ["nodes"],
        ["nodes", "denoise_step"],
        ["schema"],
        ["models"],
        ["cache", "info"],
    ]
    code = (
        "import sys, json; from diffuscope.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    try: main(words)\n"
        "    except SystemExit as ended:\n"
        "        print(words[0], ended.code, [m for m in ('torch', 'numpy') if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True)
    assert ran.stderr.splitlines() == [f"{words[0]} 0 []" for words in commands]


def test_python_m_and_a_closed_pipe(here: Path) -> None:
    line = f"{sys.executable} -m diffuscope nodes --json | head -c 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[", "")


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_show_by_label_and_by_key(run_tiny: Command, command: Command, here: Path) -> None:
    run_tiny()
    shown = command("show", "sample[1].denoise")
    assert shown.status == 0
    assert shown.out.startswith("sample[1].denoise  denoise_step  ")
    described = json.loads(shown.out.splitlines()[-1].partition("Latent: ")[2])
    assert described["shape"] == [1, 4, 8, 8]
    key = shown.out.splitlines()[1]
    assert command("show", key[:12]).out == shown.out
    assert '"pieces"' in command("show", "words").out
    assert command("show", "image", "--save", "look.png").out.endswith("look.png\n")
    with Pillow.open(here / "look.png") as picture:
        assert picture.size == (16, 16)


def test_show_says_what_it_does_not_find(run_tiny: Command, command: Command) -> None:
    run_tiny()
    missing = command("show", "imago")
    assert missing.status == 2
    assert missing.err == (
        'error arguments: show: expected one value of key or label "imago", found 0; '
        "diffuscope plan --json lists keys and labels\n"
    )


def test_show_names_a_damaged_value(run_tiny: Command, command: Command, tmp_path: Path) -> None:
    run_tiny()
    for file in (tmp_path / "cache" / "values").glob("*/*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    damaged = command("show", "image")
    assert damaged.status == 2 and "the stored value is damaged; it will be computed again when needed" in damaged.err


def test_damaged_values_are_computed_again(run_tiny: Command, labels: Command, tmp_path: Path) -> None:
    first = Path(run_tiny().out.strip()).read_bytes()
    for file in (tmp_path / "cache" / "values").glob("*/*.safetensors"):
        file.write_bytes(b"damaged")
    again = run_tiny("--events", "again")
    assert again.status == 0 and Path(again.out.strip()).read_bytes() == first
    assert labels("again")[-4:] == [*STEPS, "image", "save"]


def test_cache_info_prune_and_clear(run_tiny: Command, command: Command, tmp_path: Path) -> None:
    run_tiny()
    info = command("cache", "info")
    assert re.search(r"^denoise_step +2 +0\.\d+ +\d+\.\d", info.out, flags=re.MULTILINE)
    assert str(tmp_path / "cache") in info.out
    assert command("cache", "prune").out == "0 values deleted\n"
    pruned = int(command("cache", "prune", "--to", "0.005").out.split()[0])
    left = Cache(tmp_path / "cache").disk
    assert left is not None and left.total() <= 5000 and pruned > 0
    count = len(left.entries())
    assert command("cache", "clear").out == f"{count} values deleted\n"
    assert command("cache", "clear").out == "0 values deleted\n"
    assert list((tmp_path / "cache" / "values").glob("*/*")) == []


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def base() -> dict[str, Any]:
    """Text to image on the tiny model, in one step."""
    data = json.loads((WORKFLOWS / "text_to_image.json").read_text())
    data["inputs"]["steps"]["default"] = 1
    data["nodes"]["model"]["params"]["path"] = "tiny"
    return data


def changed(path: str, value: Any = None) -> Callable[[], Any]:
    """A workflow with another value at a dotted path, or with none there."""

    def change() -> Any:
        data = base()
        *steps, last = path.split(".")
        place = data
        for step in steps:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return data

    return change


def text(content: str) -> Callable[[], Any]:
    """A file of some text."""
    return lambda: content


LOOK = {"type": "denoised", "in": {"latent": "start"}}
BAD_FILES = {
    "unknown node": (
        changed("nodes.image.type", "vae_decod"),
        'nodes.image.type: unknown node "vae_decod"; did you mean "vae_decode"?',
    ),
    "unknown port": (
        changed("nodes.image.in.latnt", "start"),
        'nodes.image.in.latnt: unknown port or param of "vae_decode"; did you mean "latent"?',
    ),
    "unknown param": (
        changed("nodes.model.params.pth", "tiny"),
        'nodes.model.params.pth: unknown param of "load_checkpoint"; did you mean "path"?',
    ),
    "unknown name": (
        changed("nodes.image.in.latent", "sampel.latent"),
        'nodes.image.in.latent: unknown name "sampel"; did you mean "sample"?',
    ),
    "missing input": (
        changed("nodes.image.in.latent"),
        "nodes.image.in.latent: missing: expected Latent, found nothing",
    ),
    "wrong type": (
        changed("nodes.image.in.latent", "positive"),
        'nodes.image.in.latent: expected Latent, got Conditioning (from "positive"); known: sample.latent, start',
    ),
    "wrong kind of param": (
        changed("nodes.model.params.path", 5),
        "nodes.model.params.path: expected string, found 5",
    ),
    "out of range": (
        changed("nodes.sample.body.denoise.params", {"eta": 1.5}),
        "nodes.sample.body.denoise.params.eta: expected less than or equal to 1, found 1.5",
    ),
    "an unknown choice": (
        changed("inputs.sampler.default", "eular"),
        f"inputs.sampler: expected one of {', '.join(SAMPLERS)}, found 'eular'; "
        'did you mean "euler"?; it is read at nodes.schedule.in.sampler',
    ),
    "NaN": (
        changed("inputs.guidance_scale.default", math.nan),
        "inputs.guidance_scale.default: expected string or integer or a finite number or boolean, found nan",
    ),
    "a cycle": (
        lambda: (
            base()
            | {"nodes": base()["nodes"] | {name: LOOK | {"in": {"latent": other}} for name, other in ("ab", "ba")}}
        ),
        "nodes.a: cycle: a → b → a; a loop is written with type repeat",
    ),
    "a shadow": (
        changed("nodes.sample.body.start", LOOK | {"in": {"latent": "latent"}}),
        'nodes.sample.body.start: "start" shadows an outer name; rename one of them',
    ),
    "a newer format": (
        changed("diffuscope", 2),
        "diffuscope: expected format 1 or older, found 2; it was written by a newer Diffuscope; update",
    ),
    "no format": (
        changed("diffuscope"),
        'diffuscope: expected a format version, found nothing; write "diffuscope": 1',
    ),
    "half a file": (text('{"diffuscope": 1, "nodes"'), "line 1, column 26: expected JSON: Expecting ':' delimiter"),
    "an empty file": (text(""), "line 1, column 1: expected JSON: Expecting value"),
    "a list": (text("[]"), "(top): expected a JSON object, found list"),
    "an unknown model": (
        changed("nodes.model.params.path", "tinny"),
        'nodes.model.params.path: expected a model, found none called "tinny"; did you mean "tiny"?',
    ),
    "a missing picture": (
        changed("nodes.look", {"type": "load_image", "params": {"path": "notess.txt"}}),
        'nodes.look.params.path: expected a file, found none at "notess.txt" '
        '(beside the workflow or in the working directory); did you mean "notes.txt"?',
    ),
}


@pytest.mark.parametrize(("make", "line"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_workflow_is_one_clear_line(command: Command, here: Path, make: Callable[[], Any], line: str) -> None:
    data = make()
    (here / "bad.json").write_text(data if isinstance(data, str) else json.dumps(data))
    (here / "notes.txt").write_text("no picture")
    ran = command("run", "bad.json")
    assert ran == (2, "", f"error bad.json: {line}\n")


BAD_ARGUMENTS = {
    "an unknown file": (
        ["nope.json"],
        "error nope.json: no such file; give a path, or the name of one that ships: attention, ",
    ),
    "nearly a shipped workflow": (["text_to_imag"], 'error text_to_imag: no such file; did you mean "text_to_image"?'),
    "a folder": (["."], "error .: cannot be read: Is a directory"),
    "an unknown input": (["--set", "stepz=3"], 'inputs.stepz: unknown input; did you mean "steps"?'),
    "no value": (["--set", "steps"], "error arguments: --set: expected NAME=VALUE, found 'steps'"),
    "not a number": (["--set", "steps=many"], "inputs.steps: expected int, found 'many'"),
    "not a whole number": (["--set", "steps=2.5"], "inputs.steps: expected int, found 2.5"),
    "too few": (
        ["--set", "steps=0"],
        "inputs.steps: expected greater than or equal to 1, found 0; it is read at nodes.schedule.in.steps",
    ),
    "too many": (["--set", "steps=1001"], "inputs.steps: expected less than or equal to 1000, found 1001"),
    "not finite": (
        ["--set", "guidance_scale=NaN"],
        "inputs.guidance_scale: expected JSON data with finite numbers, found nan",
    ),
    "too large a size": (["--set", "width=99999"], "inputs.width: expected less than or equal to 8192, found 99999"),
    "a node that is not there": (["--set", "sample.denois.eta=1"], 'unknown node "denois"; did you mean "denoise"?'),
    "a param of a loop": (["--set", "sample.eta=1"], "sample.eta: a repeat has no params"),
    "a param that is not there": (
        ["--set", "sample.denoise.etta=1"],
        'nodes.sample.body.denoise.params.etta: unknown param of "denoise_step"; did you mean "eta"?',
    ),
    "an empty sweep": (["--sweep", "steps="], "error arguments: --sweep steps: expected values, found nothing"),
    "an endless sweep": (["--sweep", "steps=1:2:0"], "--sweep steps: a step of 0 never leads from 1 to 2"),
    "a sweep of nothing": (["--sweep", "stepz=1,2"], 'inputs.stepz: unknown input; did you mean "steps"?'),
    "a sweep out of range": (["--sweep", "steps=0,1"], "inputs.steps: expected greater than or equal to 1, found 0"),
    "only what is not there": (["--only", "imag"], 'error arguments: only: unknown node "imag"; did you mean "image"?'),
    "an unknown device": (["--device", "tpu"], 'device: expected auto, cpu, cuda or cuda:N, found "tpu"'),
    "a device too many": (["--device", "cuda:99"], "error arguments: device: expected one of "),
    "an output folder that is a file": (
        ["--out", "notes.txt"],
        "error notes.txt: cannot be written: File exists; choose another with --out",
    ),
    "an output folder below a file": (["--out", "notes.txt/out"], "error notes.txt/out: cannot be written: "),
    "a cache that is a file": (
        ["--cache", "notes.txt"],
        "error notes.txt: cannot be used as a cache: [Errno 17] File exists: 'notes.txt'; "
        "choose another folder with --cache, or run with --no-cache",
    ),
    "events that cannot be written": (
        ["--events", "nope/events"],
        "error nope/events: cannot be written: No such file or directory",
    ),
}


@pytest.mark.parametrize(("arguments", "line"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_a_bad_argument_is_one_clear_line(command: Command, here: Path, arguments: list[str], line: str) -> None:
    (here / "good.json").write_text(json.dumps(base()))
    (here / "notes.txt").write_text("no picture")
    file = [] if not arguments[0].startswith("--") else ["good.json"]
    ran = command("run", *file, *arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert line in ran.err
    assert (here / "notes.txt").read_text() == "no picture"


@pytest.mark.parametrize(
    "words", [["bogus"], ["run"], ["run", "x", "--dtype", "int8"], ["cache", "prune", "--to", "-1"]]
)
def test_wrong_usage_is_status_two(command: Command, words: list[str]) -> None:
    ran = command(*words)
    assert ran.status == 2 and "Usage: diffuscope" in ran.err


@pytest.mark.parametrize("words", [["cache", "info"], ["cache", "clear"], ["show", "x"], ["plan", "text_to_image"]])
def test_a_cache_that_cannot_be_used_is_named(command: Command, here: Path, words: list[str]) -> None:
    (here / "file").touch()
    ran = command(*words, "--cache", "file", *(["--set", "model.path=tiny"] if words[0] == "plan" else []))
    assert ran.status == 2
    assert ran.err.startswith("error file: cannot be used as a cache: ") and ran.err.count("\n") == 1


# ── what fails while running ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_failing_call_names_itself_and_the_rest_is_finished_and_kept(
    command: Command, here: Path, labels: Command
) -> None:
    data = base()
    data["nodes"]["look"] = {"type": "load_image", "params": {"path": "notes.txt"}}
    data["nodes"]["more"] = {"type": "resize_image", "in": {"image": "look"}, "params": {"width": 8, "height": 8}}
    (here / "bad.json").write_text(json.dumps(data))
    (here / "notes.txt").write_text("no picture")
    ran = command("run", "bad.json", "--events", "events")
    assert (ran.status, ran.out) == (1, "outputs/bad-0001.png\n")
    line = "failed look: notes.txt: expected a picture (PNG, JPEG, WebP …), found another kind of file"
    assert [line] == [found for found in ran.err.splitlines() if found.startswith("failed look")]
    assert labels("events", "failed") == ["look"]
    assert re.search(r"^more +· +· +· +1", ran.err, flags=re.MULTILINE)
    again = command("run", "bad.json", "--events", "events")
    assert again.status == 1
    assert labels("events") == ["save"]


@pytest.mark.parametrize(("width", "near"), [(17, "16 or 18"), (1, "2")])
def test_a_size_the_vae_cannot_take(run_tiny: Command, width: int, near: str) -> None:
    ran = run_tiny("--set", f"width={width}")
    assert ran.status == 1
    line = f"failed noise: width: expected a multiple of 2, which the VAE needs, found {width}; try {near}"
    assert line in ran.err.splitlines()


@pytest.mark.parametrize("keep", [None, 1000], ids=["missing", "truncated"])
def test_weights_that_are_missing_or_truncated(run_tiny: Command, tiny_model: Path, tmp_path: Path, keep: Any) -> None:
    import shutil

    weights = shutil.copytree(tiny_model, tmp_path / "broken") / "unet" / "diffusion_pytorch_model.safetensors"
    if keep is None:
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:keep])
    ran = run_tiny("--set", f"model.path={tmp_path / 'broken'}")
    assert ran.status == 1 and "Traceback" not in ran.err
    assert "failed model: broken/unet" in ran.err
    assert ("found neither" if keep is None else "expected a whole safetensors file") in ran.err


def test_a_default_cache_that_cannot_be_used_is_done_without(
    run_tiny: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "file").touch()
    monkeypatch.setenv("DIFFUSCOPE_CACHE", "file")
    ran = run_tiny()
    assert (ran.status, ran.out) == (0, "outputs/text_to_image-0001.png\n")
    assert ran.err.startswith("warning file: cannot be used as a cache: ")
    assert "values of this run are not kept" in ran.err


def test_a_full_cache_disk_costs_a_warning_and_no_picture(run_tiny: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    ran = run_tiny()
    assert (ran.status, ran.out) == (0, "outputs/text_to_image-0001.png\n")
    warned = [line for line in ran.err.splitlines() if line.startswith("warning")]
    assert len(warned) == 1
    assert "No space left on device; going on without storing values" in warned[0]


def test_a_full_output_disk_fails_the_saving_and_keeps_the_rest(
    run_tiny: Command, labels: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Pillow.Image, "save", full)
        ran = run_tiny()
    assert ran.status == 1
    assert (
        "failed save: outputs: cannot be written: No space left on device; choose another folder with --out" in ran.err
    )
    assert list((here / "outputs").iterdir()) == []
    assert run_tiny("--events", "again").status == 0
    assert labels("again") == ["save"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110
def test_events_on_a_full_disk_cost_a_warning_and_no_picture(run_tiny: Command) -> None:
    ran = run_tiny("--events", "/dev/full")
    assert (ran.status, ran.out) == (0, "outputs/text_to_image-0001.png\n")
    line = "warning /dev/full: cannot be written: No space left on device; going on without events"
    assert ran.err.splitlines().count(line) == 1


# ── Ctrl-C ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(command: Command, here: Path, labels: Command) -> None:
    steps = 100
    arguments = ["run", "text_to_image", "--set", "model.path=tiny", "--set", f"steps={steps}", "--events"]
    process = subprocess.Popen(
        [sys.executable, "-m", "diffuscope", *arguments, "first"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (here / "first").exists() and '"finished", "label": "sample[3]' in (here / "first").read_text():
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.005)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.rstrip() == "interrupted: what was finished is kept; run again to go on from there"
    assert "Traceback" not in err
    lines = (here / "first").read_text().splitlines()
    assert json.loads(lines[-1])["status"] == "interrupted"

    assert command(*arguments, "second").status == 0
    done = {label for label in labels("first") if label.startswith("sample")}
    rest = {label for label in labels("second") if label.startswith("sample")}
    assert 4 <= len(done) < steps
    assert done & rest == set()
    assert done | rest == {f"sample[{i}].denoise" for i in range(steps)}


def test_the_base_workflow_of_these_tests_is_good(command: Command, here: Path) -> None:
    (here / "good.json").write_text(json.dumps(copy.deepcopy(base())))
    assert command("check", "good.json").status == 0
    assert load_workflow(here / "good.json").inputs["steps"].default == 1
