"""The clerk: what it answers about workflows and values, and that nothing it is asked brings it down."""

from __future__ import annotations

import copy
import io
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as checked_with
from hypothesis import strategies as st
from PIL import Image as Pillow

from diffuscope import Engine, parse_workflow
from engine import WorkflowError
from engine.view import Seen, ViewType, views_of
from nodes.paths import shipped
from web.server import looking
from web.server.clerk import Clerk
from web.server.refused import Refused
from web.server.settings import Limits, Settings
from web.server.wire import pack

ROOT = Path(__file__).parents[2]
TEMPLATES = {file.stem: file for file in sorted(shipped("workflows")[0].glob("*.json"))}
Order = dict[str, Any]


def of(nodes: dict[str, Any], **more: Any) -> Order:
    """An order of a workflow with these nodes."""
    inputs = more.pop("workflow_inputs", {})
    return {"workflow": {"diffuscope": 1, "inputs": inputs, "nodes": nodes}, **more}


def template(name: str, **inputs: Any) -> Order:
    """An order of a shipped workflow on the tiny model."""
    data = json.loads(TEMPLATES[name].read_text(encoding="utf-8"))
    data["nodes"]["model"]["params"]["path"] = "tiny"
    return {"workflow": data, "template": name, "inputs": inputs}


def axis(name: str, count: int) -> dict[str, Any]:
    return {"type": "axis", "params": {"name": name, "seeds": count}}


def noise(**params: Any) -> dict[str, Any]:
    return {"type": "noise", "params": {"seed": 1, **params}, "in": {"unet": "model.unet", "vae": "model.vae"}}


MODEL = {"type": "load_checkpoint", "params": {"path": "tiny"}}


def faults(clerk: Clerk, order: Order) -> list[str]:
    """What `check` finds, as `where: message` lines; planning refuses with the same."""
    found = clerk.planner.check(order)["faults"]
    if found:
        with pytest.raises(WorkflowError) as caught:
            clerk.planner.plan(order)
        assert len(caught.value.faults) == len(found)
    return [f"{fault['where']}: {fault['message']}" for fault in found]


def run(settings: Settings, order: Order) -> Any:
    """Run an order as a worker would, into the same cache."""
    engine = Engine(settings.cache, settings.out, device="cpu")
    result = engine.run(parse_workflow(order["workflow"], "w"), sweeps=order.get("sweeps"), **order.get("inputs", {}))
    assert result.outcome.failures == []
    engine.close()
    return result


# ── checking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_ships_may_be_run(clerk: Clerk, name: str) -> None:
    data = json.loads(TEMPLATES[name].read_text(encoding="utf-8"))
    found = clerk.planner.check({"workflow": data, "template": name})
    assert found["faults"] == []
    assert found["calls"] >= found["effects"] >= 1 and found["title"] == data["title"]


def test_faults_of_shape_of_links_and_of_files_look_the_same(clerk: Clerk) -> None:
    assert faults(clerk, {"workflow": []}) == ["(top): expected a JSON object, found list"]
    assert faults(clerk, of({})) == ["nodes: expected at least one node, found none"]
    assert faults(clerk, of({"a": {"type": "nope"}})) == ['nodes.a.type: unknown node "nope"']
    missing = of({"a": {"type": "load_image", "params": {"path": "uploads/none.png"}}})
    assert faults(clerk, missing)[0].startswith("nodes.a.params.path: expected a file, found none at")


def test_an_unknown_node_to_compute_alone(clerk: Clerk) -> None:
    order = of({"terms": {"type": "term_list", "params": {"name": "styles"}}}, only="term")
    (fault,) = clerk.planner.check(order)["faults"]
    assert fault == {"where": "only", "message": 'unknown node "term"', "hint": 'did you mean "terms"?'}


def test_sweeps_are_values_or_a_text(clerk: Clerk) -> None:
    order = template("text_to_image", steps=1) | {"sweeps": {"seed": "0:2:1"}}
    assert clerk.planner.plan(order)["axes"]["seed"] == [0, 1, 2]
    assert clerk.planner.plan(order | {"sweeps": {"prompt": "a,1"}})["axes"]["prompt"] == ["a", "1"]
    assert faults(clerk, order | {"sweeps": {"seed": "0:2:-1"}})[0].startswith("sweeps.seed: a step of -1 never leads")


def test_pictures_that_are_too_large(settings: Settings) -> None:
    clerk = Clerk(replace(settings, limits=Limits(pixels=32 * 32)))
    fits = {"model": MODEL, "n": noise(width=32, height=32)}
    assert faults(clerk, of(fits)) == []
    assert faults(clerk, of({**fits, "n": noise(width=64, height=17)})) == [
        "nodes.n: expected at most 1024 pixels, found 64 × 17"
    ]
    body = {"n": noise(height=64) | {"in": {"unet": "model.unet", "vae": "model.vae", "width": "w"}}}
    loop = {"type": "repeat", "for": {"i": [0, 3]}, "carry": {"x": "w"}, "body": body, "next": {"x": "x"}}
    order = of({"model": MODEL, "w": {"type": "axis", "params": {"name": "w", "values": [8, 64, 72]}}, "loop": loop})
    assert faults(clerk, order) == [
        f"nodes.loop.body.n: expected at most 1024 pixels, found {width} × 64" for width in (64, 72)
    ]


# ── what asks for too much ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_product_of_axes(clerk: Clerk) -> None:
    both = {"unet": "model.unet", "vae": "model.vae", "seed": "a", "width": "b"}
    nodes = {"model": MODEL, "a": axis("a", 1000), "b": axis("b", 1000), "n": {"type": "noise", "in": both}}
    assert faults(clerk, of(nodes)) == ["nodes.n: expected at most 20000 calls"]


def test_axes_that_nothing_reads(clerk: Clerk) -> None:
    nodes = {f"a{i}": axis(f"a{i}", 100_000) for i in range(1000)}
    assert faults(clerk, of(nodes)) == ["nodes: expected at most 20000 values on all axes together, found more"]
    loop = {"type": "repeat", "for": {"i": [0, 1]}, "carry": {"x": "b"}, "body": nodes, "next": {"x": "x"}}
    assert len(faults(clerk, of({"b": axis("b", 1), "loop": loop}))) == 1


def test_loops_in_loops(clerk: Clerk) -> None:
    loop: dict[str, Any] = {
        "type": "repeat",
        "for": {"z": [0, 10]},
        "carry": {"x": "q"},
        "body": {},
        "next": {"x": "x"},
    }
    for depth in range(8):
        loop = {"type": "repeat", "for": {f"i{depth}": [0, 10]}, "carry": {f"x{depth}": "q"},
                "body": {f"l{depth}": loop}, "next": {f"x{depth}": f"x{depth}"}}  # fmt: skip
    (fault,) = faults(clerk, of({"q": axis("q", 1), "loop": loop}))
    assert fault.endswith("expected at most 20000 iterations")


def test_a_text_that_a_loop_squares(clerk: Clerk) -> None:
    body = {"t": {"type": "fill_text", "in": {"text": "x", "word": "x"}}}
    start = {"type": "axis", "params": {"name": "s", "values": ["{}" * 60]}}
    loop = {"type": "repeat", "for": {"i": [0, 60]}, "carry": {"x": "s"}, "body": body, "next": {"x": "t"}}
    (fault,) = faults(clerk, of({"s": start, "loop": loop}))
    assert "text: expected at most 1000000 characters, found " in fault


@pytest.mark.parametrize("depth", [101, 10_000])
def test_json_that_is_nested_without_end(clerk: Clerk, depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    order = of({"a": {"type": "load_image", "params": {"path": deep}}})
    assert "expected at most 100 levels, found more" in faults(clerk, order)[0]
    answer, _ = clerk.answer({"id": 1, "do": "check", "job": of({"a": axis("a", 1)}, sweeps={"a": [deep]})})
    assert answer["ok"]["faults"]


PIECES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 10**6), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["seed", "sample.latent.all", "model.vae", "sample", "axis", "repeat", "noise", "denoise.all"]),
)  # fmt: skip


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in some JSON."""
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, item in items:
        yield from places(item, (*at, name))


@checked_with(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_workflow_becomes_the_clerk_says_something_of_it(settings: Settings, data: st.DataObject) -> None:
    clerk = Clerk(replace(settings, limits=Limits(calls=300)))
    name = data.draw(st.sampled_from(["text_to_image", "film_strip", "inpaint", "strength_sweep", "interrogate_parts"]))
    order = copy.deepcopy(json.loads(TEMPLATES[name].read_text(encoding="utf-8")))
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from([place for place in places(order) if place]))
        inside = order
        for step in path:
            inside = inside[step]
        inside[last] = data.draw(PIECES)
    answer, _ = clerk.answer({"id": 1, "do": "check", "job": {"workflow": order, "template": name}})
    clerk.planner.cache.close()
    assert "ok" in answer, answer
    assert answer["ok"]["faults"] or answer["ok"]["calls"] <= 300
    pack(answer)


# ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_before_and_after_the_run(clerk: Clerk, settings: Settings) -> None:
    order = template("text_to_image", steps=2)
    before = clerk.planner.plan(order)
    assert before["counts"] == {"run": len(before["calls"]), "cached": 0, "unneeded": 0}
    run(settings, order)
    after = clerk.planner.plan(order)
    states = {call["label"]: call["state"] for call in after["calls"]}
    assert (states["save"], states["image"], states["sample[1].denoise"]) == ("run", "cached", "unneeded")
    assert after["counts"] == {"run": 1, "cached": 1, "unneeded": len(states) - 2}
    assert [call["key"] for call in after["calls"]] == [call["key"] for call in before["calls"]]
    only = clerk.planner.plan(order | {"only": "start"})
    assert {call["label"] for call in only["calls"] if call["state"] != "unneeded"} == {"start"}


def test_a_plan_tells_where_each_call_stands(clerk: Clerk) -> None:
    calls = clerk.planner.plan(template("text_to_image", steps=2) | {"sweeps": {"seed": [5, 6]}})["calls"]
    (call,) = [call for call in calls if call["label"] == "sample[1].denoise @ seed=6"]
    assert {name: call[name] for name in call.keys() - {"key", "label"}} == {
        "node": "denoise_step", "path": "sample.denoise", "iterations": [1], "coordinates": "seed=6", "at": {"seed": 1},
        "state": "run", "kept": False, "outputs": {"": "Latent"},
    }  # fmt: skip


def test_a_plan_tells_what_is_on_each_wire(clerk: Clerk) -> None:
    order = template("text_to_image", steps=2) | {"sweeps": {"seed": [5, 6]}}
    order["workflow"]["nodes"] |= {
        "styles": {"type": "term_list", "params": {"name": "styles"}},
        "mood": {"type": "axis", "params": {"name": "mood", "values": ["calm", "x" * 500]}},
    }
    found = clerk.planner.plan(order)
    keys = {call["label"]: call["key"] for call in found["calls"]}
    assert found["wires"]["image"] == [
        {"at": {"seed": seed}, "place": [i], "key": keys[f"image @ seed={seed}"], "output": ""}
        for i, seed in enumerate([5, 6])
    ]
    assert found["wires"]["model.vae"] == [{"at": {}, "place": [], "key": keys["model"], "output": "vae"}]
    assert found["wires"]["sample.latent"][1]["key"] == keys["sample[1].denoise @ seed=6"]
    assert found["wires"]["mood"] == [
        {"at": {"mood": "calm"}, "place": [0], "value": "calm"},
        {"at": {"mood": "x" * 200}, "place": [1], "value": "x" * 200, "cut": True},
    ]
    assert found["axes"]["mood"] == ["calm", "x" * 500]
    assert not found["cut"]


def test_wires_are_as_many_as_calls_may_be(settings: Settings) -> None:
    clerk = Clerk(replace(settings, limits=Limits(calls=10)))
    found = clerk.planner.plan(of({"a": axis("a", 6), "b": axis("b", 4)}))
    assert (list(found["wires"]), found["cut"]) == (["a", "b"], False)
    two = of({"a": axis("a", 6), "b": {"type": "axis", "params": {"name": "a", "seeds": 4}}})
    assert faults(clerk, two)
    loop = {
        "type": "repeat",
        "for": {"i": [0, 1]},
        "carry": {"x": "a", "y": "a"},
        "body": {},
        "next": {"x": "x", "y": "y"},
    }
    found = clerk.planner.plan(of({"a": axis("a", 6), "loop": loop}))
    assert (list(found["wires"]), found["cut"]) == (["a"], True)


def test_relative_paths_begin_where_the_workflow_is_saved_and_then_in_the_inputs(
    clerk: Clerk, settings: Settings
) -> None:
    image = {"type": "load_image", "params": {"path": "a.png"}}
    Pillow.new("RGB", (8, 8), "red").save(settings.inputs / "a.png")
    in_inputs = clerk.planner.plan(of({"image": image}, name="mine"))["calls"][0]["key"]
    Pillow.new("RGB", (8, 8), "blue").save(settings.workflows / "a.png")
    beside = clerk.planner.plan(of({"image": image}, name="mine"))["calls"][0]["key"]
    assert beside != in_inputs == clerk.planner.plan(of({"image": image}))["calls"][0]["key"]
    picture = {"image": {"type": "load_image", "params": {"path": "pictures/beach.png"}}}
    assert (TEMPLATES["inpaint"].parent / "pictures" / "beach.png").exists()
    assert faults(clerk, of(picture, template="inpaint")) == []


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def order(settings: Settings) -> Order:
    """Two steps, which have been run."""
    made = template("text_to_image", steps=2)
    run(settings, made)
    return made


def keys_of(clerk: Clerk, order: Order) -> dict[str, str]:
    """Label → key."""
    return {call["label"]: call["key"] for call in clerk.planner.plan(order)["calls"]}


def test_what_is_known_of_a_value(clerk: Clerk, order: Order) -> None:
    key = keys_of(clerk, order)["sample[0].denoise"]
    found = clerk.looker.value(key)
    assert (found["key"], found["node"], found["label"]) == (key, "denoise_step", "sample[0].denoise")
    assert found["seconds"] > 0 and found["bytes"] > 0 and found["created"] > 1e9
    latent = found["outputs"][""]
    assert latent["type"] == "Latent" and latent["summary"]["shape"] == [1, 4, 8, 8]
    assert latent["parts"]["samples"]["dtype"] == "float32" and latent["parts"]["samples"]["std"] > 0
    assert [view["name"] for view in latent["views"]] == list(views_of("Latent"))
    pack(found)


def test_plain_json_is_a_value_too(clerk: Clerk, settings: Settings) -> None:
    order = of({"terms": {"type": "term_list", "params": {"name": "styles"}}})
    run(settings, order)
    key = keys_of(clerk, order)["terms"]
    found = clerk.looker.value(key)["outputs"][""]
    assert found["type"] == "list" and len(found["summary"]["value"]) > 10 and found["parts"] == {}
    shown = clerk.looker.view(key)
    assert shown.type == "application/json" and json.loads(shown.data)


def test_handles_are_made_again_where_the_order_is_told(clerk: Clerk, order: Order) -> None:
    key = keys_of(clerk, order)["model"]
    with pytest.raises(Refused, match="no value of this key is kept"):
        clerk.looker.value(key)
    found = clerk.looker.value(key, order)
    assert set(found["outputs"]) == {"unet", "vae", "text_encoder", "tokenizer"} and found["seconds"] is None
    assert found["outputs"]["vae"]["type"] == "VAE" and found["outputs"]["vae"]["summary"] == {}
    facts = json.loads(clerk.looker.view(key, output="unet", job=order).data)
    assert ["kind", "UNet"] in facts["rows"]
    pack(found)


def test_what_would_have_to_be_computed_is_not(clerk: Clerk, order: Order) -> None:
    keys = keys_of(clerk, order)
    clerk.planner.disk.remove([keys["sample[0].denoise"]])
    with pytest.raises(Refused) as caught:
        clerk.looker.value(keys["sample[0].denoise"], order)
    assert (caught.value.status, str(caught.value)) == (404, "sample[0].denoise: no longer kept")
    assert caught.value.hint == "run the job again"
    with pytest.raises(Refused, match="save: save_image acts; what it gives is never kept"):
        clerk.looker.value(keys["save"], order)
    assert clerk.planner.plan(order)["counts"]["run"] == 1


def test_an_order_that_has_become_faulty_says_so_where_it_is_needed(clerk: Clerk, order: Order) -> None:
    key = keys_of(clerk, order)["image"]
    order["workflow"]["nodes"]["model"]["params"]["path"] = "gone"
    assert clerk.looker.value(key, order)["node"] == "vae_decode"
    with pytest.raises(WorkflowError, match='found none called "gone"'):
        clerk.looker.value("0" * 64, order)


@pytest.mark.parametrize("key", ["", "ab" * 8, "A" * 64, "g" * 64, "../" * 21 + "a", "*" * 64, "0" * 64])
def test_a_key_of_nothing(clerk: Clerk, order: Order, key: str) -> None:
    for function in (clerk.looker.value, clerk.looker.view):
        with pytest.raises(Refused) as caught:
            function(key, job=order)
        assert caught.value.status == 404


def test_a_damaged_value_is_gone(clerk: Clerk, order: Order) -> None:
    key = keys_of(clerk, order)["image"]
    clerk.planner.disk.path(key).write_bytes(b"rubbish")
    with pytest.raises(Refused, match="no value of this key is kept"):
        clerk.looker.value(key)
    assert {call["label"]: call["state"] for call in clerk.planner.plan(order)["calls"]}["image"] == "run"


def test_a_value_of_a_node_that_is_not_installed(clerk: Clerk, order: Order) -> None:
    key = keys_of(clerk, order)["image"]
    clerk.looker.registry = {name: type for name, type in clerk.looker.registry.items() if name != "vae_decode"}  # type: ignore[assignment]
    with pytest.raises(Refused, match='made by a node "vae_decode" that is not installed'):
        clerk.looker.value(key)


def test_what_comes_later_is_seen_by_a_clerk_that_looked_before(clerk: Clerk, settings: Settings) -> None:
    order = template("text_to_image", steps=1)
    key = keys_of(clerk, order)["image"]
    with pytest.raises(Refused):
        clerk.looker.value(key, order)
    run(settings, order)
    assert clerk.looker.value(key, order)["node"] == "vae_decode"
    assert clerk.planner.plan(order)["counts"]["run"] == 1


# ── views ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_as_a_picture_and_as_numbers(clerk: Clerk, order: Order) -> None:
    key = keys_of(clerk, order)["image"]
    shown = clerk.looker.view(key)
    assert shown.type == "image/png"
    with Pillow.open(io.BytesIO(shown.data)) as picture:
        assert picture.size[0] >= 16
    numbers = clerk.looker.view(key, form="json")
    assert numbers.type == "application/json" and json.loads(numbers.data)


def test_every_view_of_every_value_of_a_run(clerk: Clerk, order: Order) -> None:
    seen = 0
    for label, key in keys_of(clerk, order).items():
        if label == "save":
            continue
        for output, about in clerk.looker.value(key, order)["outputs"].items():
            for view in about["views"]:
                assert clerk.looker.view(key, output, view["name"], job=order).data
                json.loads(clerk.looker.view(key, output, view["name"], form="json", job=order).data)
                seen += 1
    assert seen > 15


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"output": "pixel"}, 'unknown output "pixel"'),
        ({"view": "channel"}, 'unknown view "channel"'),
        (
            {"view": "channels", "params": {"chanel": "1"}},
            'chanel: unknown param of the view "channels" of Latent; did',
        ),
        ({"view": "channels", "params": {"channel": "x"}}, "channel: "),
        ({"view": "channels", "params": {"channel": "99"}}, "channel"),
        ({"form": "svg"}, 'expected png or json, found "svg"'),
    ],
)
def test_a_view_that_there_is_not(clerk: Clerk, order: Order, asked: dict[str, Any], line: str) -> None:
    with pytest.raises(Refused) as caught:
        clerk.looker.view(keys_of(clerk, order)["start"], **asked)
    assert caught.value.status == 400
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_several_outputs_must_be_told_apart(clerk: Clerk, order: Order) -> None:
    with pytest.raises(Refused) as caught:
        clerk.looker.view(keys_of(clerk, order)["model"], job=order)
    assert (caught.value.status, caught.value.hint) == (400, "known: text_encoder, tokenizer, unet, vae")


def test_a_latent_in_the_colours_of_its_vae(clerk: Clerk, order: Order, settings: Settings) -> None:
    key = keys_of(clerk, order)["start"]
    plain, fitted = (clerk.looker.view(key, view="rgb", job=job).data for job in (None, order))
    assert plain != fitted
    order["workflow"]["nodes"]["fit"] = {"type": "fit_preview", "in": {"vae": "model.vae"}}
    assert {call["label"]: call["state"] for call in clerk.planner.plan(order)["calls"]}["fit"] == "cached"
    other = Clerk(settings)
    assert other.looker.view(key, view="rgb", job=order).data == fitted
    other.planner.cache.close()


def test_a_damaged_preview_is_made_again(clerk: Clerk, order: Order, settings: Settings) -> None:
    key = keys_of(clerk, order)["start"]
    fitted = clerk.looker.view(key, view="rgb", job=order).data
    (entry,) = [entry for entry in clerk.planner.disk.entries() if entry.node == "fit_preview"]
    clerk.planner.disk.path(entry.key).write_bytes(b"rubbish")
    other = Clerk(settings)
    assert other.looker.view(key, view="rgb", job=order).data != fitted
    assert other.looker.view(key, view="rgb", job=order).data == fitted
    other.planner.cache.close()


def test_a_view_goes_without_what_cannot_be_made(
    clerk: Clerk, settings: Settings, order: Order, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key, given = keys_of(clerk, order)["start"], list[Any]()

    def look(value: Any, **more: Any) -> Seen:
        given.append(more)
        return Seen(lambda: 1, None)

    def offer(node: str) -> None:
        offered = {"x": ViewType("x", "Latent", "table", look, {}, {"extra": ("Any", node)}, "A view.")}
        monkeypatch.setattr(looking, "views_of", lambda type: offered)

    clerk.planner.disk.remove([keys_of(clerk, order)["image"]])
    with_none = ("nope", "load_image", "save_image", "gather_pictures", "side_by_side")
    for node in (*with_none, "latent_channels"):
        offer(node)
        assert clerk.looker.view(key, job=order).data == b"1"
    *none, made = (more["extra"] for more in given)
    assert none == [None] * len(with_none) and made.size[0] > 8
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(" ")[0] for line in told] == list(with_none)
    assert not list(settings.out.glob("*-0002.png"))


def test_a_slider_expands_nothing_again(clerk: Clerk, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (keys_of(clerk, order)[label] for label in ("start", "sample[0].denoise"))
    shown = clerk.looker.view(first, view="rgb", job=order).data
    monkeypatch.setattr(clerk.planner, "expand", None)
    monkeypatch.setattr(looking, "build_graph", None)
    assert clerk.looker.view(second, view="rgb", job=order).data != shown
    monkeypatch.setattr(clerk.planner.disk, "get", None)
    assert clerk.looker.view(first, view="rgb", job=order).data == shown


def test_a_graph_is_forgotten_when_a_file_it_reads_changes(
    clerk: Clerk, order: Order, settings: Settings, tmp_path: Path
) -> None:
    Pillow.new("RGB", (8, 8), "red").save(settings.inputs / "a.png")
    order = of({"image": {"type": "load_image", "params": {"path": "a.png"}}})
    before = clerk.looker.known(order)
    assert clerk.looker.known(order) is before
    Pillow.new("RGB", (9, 8), "blue").save(settings.inputs / "a.png")
    assert clerk.looker.known(order).graph.keys != before.graph.keys
    (settings.inputs / "a.png").unlink()
    with pytest.raises(WorkflowError, match="expected a file, found none"):
        clerk.looker.known(order)


def test_only_few_graphs_are_remembered(clerk: Clerk) -> None:
    for count in range(1, 9):
        clerk.looker.known(of({"a": axis("a", count)}))
    assert len(clerk.looker.graphs) == looking.GRAPHS


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nodes_with_their_labels_types_and_views(clerk: Clerk) -> None:
    found = clerk.lists.nodes()
    nodes = {node["name"]: node for node in found["nodes"]}
    assert nodes.keys() == clerk.planner.registry.keys()
    step = nodes["denoise_step"]
    assert step["params"]["guidance_scale"]["default"] == 7.5 and step["ports"]["latent"]["type"] == "Latent"
    assert set(step["labels"]) == {"en", "ja"} and step["labels"]["ja"]["label"] != step["labels"]["en"]["label"]
    kinds = {port["type"] for node in found["nodes"] for port in node["ports"].values()}
    assert found["types"].keys() >= kinds - {"int", "float", "str", "bool", "list"}
    assert [view["name"] for view in found["types"]["Latent"]["views"]] == list(views_of("Latent"))
    assert not found["types"]["VAE"]["stored"] and found["types"]["Latent"]["stored"]
    own = {node["name"]: node for node in found["builtins"]}
    assert own.keys() == {"repeat", "axis"} and "seeds" in own["axis"]["params"]["properties"]
    assert found["categories"].keys() == {node["category"] for node in [*found["nodes"], *found["builtins"]]}
    assert found["categories"]["flow"]["ja"]
    pack(found)


def test_models_without_their_folders(clerk: Clerk, settings: Settings, tiny_model: Path) -> None:
    models = {model["name"]: model for model in clerk.lists.models()["models"]}
    assert models.keys() == {"tiny", "emoji"}
    assert models["tiny"] | {"bytes": 0} == {
        "name": "tiny", "parts": ("checkpoint",), "bytes": 0, "default": False, "shipped": False,
    }  # fmt: skip
    assert models["emoji"]["parts"] == ("checkpoint", "clip", "captioner")
    assert models["emoji"]["default"] and models["emoji"]["shipped"] and models["emoji"]["bytes"] > 1e7
    assert models["tiny"]["bytes"] > (tiny_model / "vae" / "diffusion_pytorch_model.safetensors").stat().st_size
    assert "/" not in json.dumps(list(models.values()))


def test_how_full_the_cache_is(clerk: Clerk, order: Order) -> None:
    found = clerk.lists.cache_info()
    assert found["values"] >= 8 and 0 < found["bytes"] < found["budget"]


# ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_refusal_is_one_line_with_a_status(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def raising(error: BaseException) -> Callable[[], None]:
        def fail() -> None:
            raise error

        return fail

    def answer(error: BaseException) -> dict[str, Any]:
        monkeypatch.setattr(clerk, "functions", {"fail": raising(error)})
        found, blob = clerk.answer({"id": 7, "do": "fail"})
        assert found.pop("id") == 7 and blob == b""
        pack(found)
        return found

    assert answer(Refused(404, "a\nb\ud800", where="w", hint="h")) == {
        "refused": {"status": 404, "message": "a b\\ud800", "where": "w", "hint": "h", "faults": []}
    }
    assert answer(MemoryError())["refused"]["status"] == 422
    assert answer(RecursionError("maximum"))["refused"]["message"] == "expected less, found data nested too deeply"
    assert caplog.records == []
    assert answer(KeyError("a\nb")) == {"broken": "KeyError: 'a\\nb'"}
    assert "Traceback" in caplog.text
    found, _ = Clerk.answer(clerk, {"id": 8, "do": "nope"})
    assert found == {"id": 8, "broken": "KeyError: 'nope'"}


def test_faults_travel_with_a_refusal(clerk: Clerk) -> None:
    found, _ = clerk.answer({"id": 7, "do": "plan", "job": of({"a": {"type": "nope"}, "b": {"type": "noise"}})})
    refused = found["refused"]
    assert refused["status"] == 422 and len(refused["faults"]) >= 2
    assert refused["message"].startswith('nodes.a.type: unknown node "nope"') and "more)" in refused["message"]
    assert set(refused["faults"][0]) == {"where", "message", "hint"}


class Peer:
    """The server's end of a wire to a clerk in another process."""

    def __init__(self, settings: Settings, code: str = "") -> None:
        ours, theirs = socket.socketpair()
        program = (
            "import sys; from pathlib import Path; from web.server.settings import Settings; "
            "from web.server.wire import Wire; from web.server.clerk import serve; "
            f"d = Path({str(settings.data)!r}); s = Settings(d, Path({str(settings.out)!r}), "
            f"Path({str(settings.cache)!r}), ()); {code}serve(Wire(int(sys.argv[1])), s)"
        )
        with theirs:
            arguments = [sys.executable, "-P", "-c", program, str(theirs.fileno())]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            self.process = subprocess.Popen(
                arguments, pass_fds=[theirs.fileno()], cwd=settings.inputs, env=environment, stderr=subprocess.PIPE
            )
        self.socket = ours
        self.file = ours.makefile("rb")

    def receive(self) -> tuple[dict[str, Any], bytes]:
        size, extra = struct.unpack(">II", self.file.read(8))
        return json.loads(self.file.read(size)), self.file.read(extra)

    def ask(self, **message: Any) -> tuple[dict[str, Any], bytes]:
        self.socket.sendall(pack(message))
        return self.receive()

    def close(self) -> tuple[int, str]:
        """Hang up; exit status and what was said on stderr."""
        self.file.close()
        self.socket.close()
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors.decode()


def test_questions_over_a_socket(settings: Settings) -> None:
    Pillow.fromarray(np.zeros((20, 30, 3), dtype=np.uint8)).save(settings.uploads / "a.png")
    peer = Peer(settings)
    told, _ = peer.receive()
    assert told == {"tell": "ready", "pid": peer.process.pid}
    good = of({"image": {"type": "load_image", "params": {"path": "uploads/a.png"}}})
    answer, _ = peer.ask(id=1, do="check", job=good)
    assert (answer["id"], answer["ok"]["calls"]) == (1, 1)
    answer, blob = peer.ask(id=2, do="thumbnail", path=str(settings.uploads / "a.png"), side=64)
    assert answer == {"id": 2, "ok": {"type": "image/png"}} and blob.startswith(b"\x89PNG")
    answer, _ = peer.ask(id=3, do="value", key="0" * 64)
    assert answer["refused"]["status"] == 404
    answer, _ = peer.ask(id=4, do="check", path="x")
    assert "broken" in answer
    answer, _ = peer.ask(id=5, do="plan", job=good)
    assert answer["ok"]["counts"] == {"run": 1, "cached": 0, "unneeded": 0}
    status, errors = peer.close()
    assert status == 0 and errors.count("Traceback") == 1


def test_what_cannot_be_written_as_json_is_no_end(settings: Settings) -> None:
    code = "from web.server import clerk as c; c.Lists.cache_info = lambda self: {'x': '\\ud800'}; "
    code += "c.Lists.cache_info.__name__ = 'cache_info'; "
    peer = Peer(settings, code)
    peer.receive()
    answer, _ = peer.ask(id=1, do="cache_info")
    assert answer["id"] == 1 and "broken" in answer
    answer, _ = peer.ask(id=2, do="models")
    assert answer["ok"]["models"]
    assert peer.close()[0] == 0


def test_a_clerk_that_checks_does_without_torch(settings: Settings) -> None:
    peer = Peer(settings, "import atexit; ")
    peer.receive()
    order = template("text_to_image", steps=2)
    for do in ("check", "plan"):
        assert "ok" in peer.ask(id=1, do=do, job=order)[0]
    assert "ok" in peer.ask(id=1, do="nodes")[0]
    maps = Path(f"/proc/{peer.process.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()
    peer.close()
