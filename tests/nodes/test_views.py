"""Views: something to see of every value of every type, in numbers that are the value's own."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from test_values import VALUES

from diffusion import attention as heads
from diffusion import checkpoint
from diffusion.attention import Attention
from diffusion.checkpoint import CaptionerHandle, Checkpoint, CLIPHandle
from diffusion.clip import unit
from diffusion.dataset import Pictures
from diffusion.finetune import Tuning
from diffusion.heat import Heat
from diffusion.image import Image, Mask
from diffusion.inversion import Inversion
from diffusion.latent import Latent
from diffusion.learned import LearnedWord, add_word
from diffusion.lora import Factors, Lora
from diffusion.maps import MISSING, averaged, heat_map, map_sheet, shared_span
from diffusion.measures import Table
from diffusion.noise import Noise
from diffusion.prediction import Prediction
from diffusion.preview import Preview, quick_look
from diffusion.schedules import Schedule
from diffusion.terms import TermVectors
from diffusion.text import Conditioning, Tokens
from diffusion.training import Examples
from engine import REGISTRY, load_node_packages
from engine.types import VALUE_TYPES, is_json
from engine.view import Seen, ViewType, views_of
from nodes import values, words

load_node_packages()
TYPES = re.findall(r'^value_type\(\s*"(\w+)"', Path(values.__file__).read_text(encoding="utf-8"), re.MULTILINE)
"""The types that this repository declares; tests declare others."""
VIEWS = {f"{type} {name}": found for type in (*TYPES, "json") for name, found in views_of(type).items()}

G = torch.Generator().manual_seed(1)
LATENTS = torch.randn(3, 4, 6, 5, generator=G)
LATENT = Latent(LATENTS[:1], 2.0, denoised=LATENTS[1:2])
PREVIEW = Preview(torch.randn(4, 3, generator=G) / 4, torch.full((3,), 0.5))
PIXELS = np.random.default_rng(2).integers(0, 256, (5, 7, 4), dtype=np.uint8)
WORD = LearnedWord("sks", torch.randn(2, 12, generator=G))
TABLE = Table("loss", (("seed", (1, 2)), ("step", (0, 1, 2))), np.array([[1, 2, np.nan], [3, 4, 5]]))

MORE: dict[str, Any] = {
    "attention of nothing": Attention(()),
    "attention of one token": Attention((heads.Layer("mid", torch.ones(1, 2, 2, 1)),)),
    "conditioning gone wrong": Conditioning(torch.full((1, 77, 8), float("nan")), torch.zeros(1, 8)),
    "conditioning without end": Conditioning(torch.full((1, 3, 8), float("inf")), torch.zeros(1, 8)),
    "examples": Examples(LATENTS, ("a fox", "", "a 🦊")),
    "inversion": Inversion(WORD, torch.zeros(2, 12), torch.zeros(2, 12), (0.5, 0.25)),
    "inversion before its first step": Inversion(WORD, torch.zeros(2, 12), torch.zeros(2, 12)),
    "latent of one channel": Latent(LATENTS[:1, :1], 0.0),
    "latent of one number": Latent(torch.ones(1, 1, 1, 1), 0.0),
    "learned word": WORD,
    "learned word of one vector": LearnedWord("*", torch.zeros(1, 12)),
    "long prompt": Tokens(
        "x", tuple(range(154)), ("<b>", *["a</w>"] * 75, "<|endoftext|>") * 2, (1.0,) * 154, "and what is cut"
    ),
    "picture of one pixel": Image(PIXELS[:1, :1]),
    "pictures": Pictures((Image(PIXELS), Image(PIXELS[..., :3].repeat(100, axis=0))), ("a fox", ""), ("fox", "tall")),
    "schedule of one step": Schedule((1e-60, 0.0)),
    "schedule with timesteps": Schedule((3.0, 1.0, 0.0), timesteps=(999.0, 250.0)),
    "table as wide as numbers go": Table("q", (("a", (1, 2)),), np.array([1e300, -1e300])),
    "wide picture": Image(np.zeros((3, 3000, 3), dtype=np.uint8)),
}
JSON: dict[str, Any] = {
    "a number": 3, "a text": "x", "nothing": None, "truth": True, "a list": [1, [2, 3]], "an empty list": [],
    "an object": {"a": 1, "b": [2]}, "objects": [{"a": 1, "b": 2}, {"a": 3, "b": 4}], "mixed": [{"a": 1}, {"b": 1}],
}  # fmt: skip


@pytest.fixture(scope="module")
def handles(model: Checkpoint) -> dict[str, Any]:
    """A handle of every type; no network is behind those of the last two."""
    stamp, rgb = (1, 10**18), (0.5, 0.5, 0.5)
    tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, LearnedWord("sks", torch.randn(2, 16)))
    return {
        "UNet": model.unet, "VAE": model.vae, "TextEncoder": encoder, "Tokenizer": tokenizer,
        "CLIP": CLIPHandle(Path("/secret/models/clip"), stamp, 64, rgb, rgb, model.tokenizer),
        "Captioner": CaptionerHandle(Path("/secret/models/captioner"), stamp, 64, rgb, rgb),
    }  # fmt: skip


def cases(handles: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Type, name and value of everything there is to look at."""
    named = [(type(value).__name__, name, value) for name, value in (VALUES | MORE).items()]
    plain = [("json", name, value) for name, value in JSON.items()]
    return [*named, *plain, *((name, name, value) for name, value in handles.items())]


def see(value: Any, name: str, type: str = "", preview: Preview | None = None, **texts: str) -> Seen:
    """A value as a view of its type shows it, params given as texts."""
    found = views_of(type or value.__class__.__name__)[name]
    return found.function(value, **found.read(texts), **({"preview": preview} if found.given else {}))


def opened(seen: Seen) -> Pillow.Image:
    """The picture, unpacked."""
    assert seen.png is not None
    with Pillow.open(io.BytesIO(seen.png())) as picture:
        assert picture.format == "PNG"
        picture.load()
        return picture


# ── what all views promise ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("type", [*TYPES, "json"])
def test_every_value_type_can_be_looked_at(type: str) -> None:
    assert len(views_of(type)) >= 1


def test_every_type_has_a_value_here(handles: dict[str, Any]) -> None:
    assert {type for type, _, _ in cases(handles)} == {*TYPES, "json"}


def test_every_view_of_every_value_gives_a_picture_of_fair_size_and_json(handles: dict[str, Any]) -> None:
    looked = 0
    for type, name, value in cases(handles):
        for found in views_of(type).values():
            seen = found.function(value, **found.read({}))
            where = f"{found.name} of {name}"
            data = seen.data()
            assert json.loads(json.dumps(data, allow_nan=False)) == json.loads(json.dumps(data)), where
            if found.shows == "table":
                assert set(data) == {"columns", "rows"}, where
                assert all(len(row) == len(data["columns"]) for row in data["rows"]), where
            else:
                assert seen.png is not None, where
            if seen.png is not None:
                size = opened(seen).size
                assert 128 <= max(size) <= 1024, where
            looked += 1
    assert looked > 90


def test_looking_changes_nothing() -> None:
    def taken_apart(value: Any) -> str:
        encoded = VALUE_TYPES[type(value).__name__].spec.codec.encode(value)
        return repr([encoded.meta, *((name, array.tobytes()) for name, array in encoded.arrays.items())])

    for value in (*VALUES.values(), *MORE.values()):
        before = taken_apart(value)
        for found in views_of(type(value).__name__).values():
            seen = found.function(value, **found.read({}))
            seen.data()
            if seen.png is not None:
                seen.png()
        assert taken_apart(value) == before, value


@pytest.mark.parametrize("found", VIEWS.values(), ids=VIEWS)
def test_every_view_explains_itself(found: ViewType) -> None:
    assert found.help.endswith(".")
    assert [param.name for param in found.params.values() if not param.help] == []
    for param in found.params.values():
        assert is_json(param.annotation)
        assert param.default is None or param.coerce(param.default) == param.default
    assert json.loads(json.dumps(found.schema())) == found.schema()


@pytest.mark.parametrize("found", VIEWS.values(), ids=VIEWS)
def test_what_is_given_has_a_node_that_makes_it_of_values(found: ViewType) -> None:
    for type, name in found.given.values():
        node = REGISTRY[name]
        assert [output.kind for output in node.outputs.values()] == [type]
        assert all(not param.required for param in node.params.values())


def test_declaring_the_views_imports_nothing_heavy() -> None:
    code = (
        "import sys, nodes; from engine.view import VIEWS;"
        "[view.schema() for views in VIEWS.values() for view in views.values()];"
        "print(len(VIEWS), [name for name in ('torch', 'numpy', 'PIL', 'diffusion') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{len(TYPES) + 1} []"


def test_pictures_and_tables_are_looked_at_without_torch() -> None:
    code = (
        "import sys, nodes, numpy as np; from engine.view import views_of;"
        "from diffusion.image import Image, Mask; from diffusion.heat import Heat;"
        "from diffusion.measures import Table;"
        "values = [Image(np.zeros((2, 2, 3), np.uint8)), Mask(np.zeros((2, 2), np.uint8)), Heat(np.ones((2, 2))),"
        "Table('q', (('a', (1, 2)),), np.ones(2))];"
        "seen = [v.function(x) for x in values for v in views_of(type(x).__name__).values()];"
        "print(len([s.png() for s in seen if s.png]), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "5 False"


@pytest.mark.parametrize(
    ("value", "name", "texts", "message"),
    [
        (LATENT, "channels", {"channel": "9"}, "channel: expected -1 (all) to 3, found 9"),
        (LATENT, "channels", {"channel": "-2"}, "channel: expected greater than or equal to -1, found -2"),
        (LATENT, "channels", {"chanel": "1"}, 'chanel: unknown param of the view "channels" of Latent; did you mean'),
        (LATENT, "rgb", {"of": "noise"}, "of: expected one of samples, denoised, found 'noise'"),
        (replace(LATENT, denoised=None), "rgb", {"of": "denoised"}, "of: expected samples, found denoised; no step"),
        (VALUES["no channels"], "channels", {"channel": "0"}, "channel: expected -1 (all) to -1, found 0"),
        (VALUES["conditioning"], "heat", {"token": "77"}, "token: expected -1 (all) to 76, found 77"),
        (VALUES["conditioning"], "heat", {"first": "16"}, "first: expected 0 to 15, found 16"),
        (VALUES["attention"], "heat", {"token": "77"}, "token: expected -1 (all but the first) to 76, found 77"),
        (VALUES["attention"], "heat", {"layer": "down"}, "layer: expected a part of up.1, mid, found 'down'"),
        (VALUES["attention"], "heat", {"head": "2"}, "head: expected -1 (the mean of all) to 1, found 2"),
        (VALUES["attention"], "tokens", {"first": "77"}, "first: expected 0 to 76, found 77"),
        (VALUES["attention"], "layers", {"head": "3"}, "head: expected -1 (the mean of all) to 1, found 3"),
        (VALUES["heat"], "heat", {"low": "9", "high": "1"}, "range: expected low ≤ high, found 9 and 1"),
        (TABLE, "plot", {"x": "steps"}, "x: expected one of the table's axes, seed, step, found 'steps'"),
        (TABLE, "map", {"y": "steps"}, "y: expected one of the table's axes, seed, step, found 'steps'"),
        (TABLE, "rows", {"first": "5"}, "first: expected 0 to 4, found 5"),
        (MORE["pictures"], "sheet", {"index": "2"}, "index: expected -1 (all) to 1, found 2"),
        (MORE["examples"], "sheet", {"index": "3"}, "index: expected -1 (all) to 2, found 3"),
        (MORE["learned word"], "heat", {"vector": "2"}, "vector: expected -1 (all) to 1, found 2"),
        (VALUES["image"], "picture", {"side": "-1"}, "side: expected greater than or equal to 0, found -1"),
        (VALUES["noise"], "channels", {"draw": "x"}, "draw: expected integer, found 'x'"),
    ],
)
def test_a_param_that_a_value_does_not_have_is_named_in_one_line(
    value: Any, name: str, texts: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        see(value, name, **texts)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_more_numbers_than_are_given_at_once_name_the_param_that_narrows_them() -> None:
    image = Image(np.zeros((800, 800, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="found 1,920,000; side takes a smaller picture"):
        see(image, "picture").data()
    assert np.shape(see(image, "picture", side="500").data()["pixels"]) == (500, 500, 3)
    long = Conditioning(torch.zeros(1, 77, 20_000), torch.zeros(1, 20_000))
    with pytest.raises(ValueError, match="found 1,540,000; the one row, or first and count, choose some"):
        see(long, "heat").data()
    assert np.shape(see(long, "heat", first="5", count="100").data()["values"]) == (77, 100)
    assert max(opened(see(long, "heat")).size) <= 1024
    wide = Latent(torch.zeros(1, 4, 600, 600), 0.0)
    with pytest.raises(ValueError, match="found 1,440,000; channel takes one"):
        see(wide, "channels").data()
    assert np.shape(see(wide, "channels", channel="3").data()["values"]) == (600, 600)
    broad = Table("q", (("a", tuple(range(400_000))),), np.zeros(400_000))
    assert len(see(broad, "plot").data()["rows"]) == 400_000
    deep = Table("q", (("a", (0,)), ("b", tuple(range(400_000)))), np.zeros((1, 400_000)))
    with pytest.raises(ValueError, match="found 1,200,000; the view rows has first and count"):
        see(deep, "plot").data()


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tokens_are_a_table_of_pieces(model: Checkpoint) -> None:
    prompt = words.tokenize(model.tokenizer, "(fox:1.2) é")
    data = see(prompt, "tokens").data()
    assert data["columns"] == ["position", "piece", "text", "id", "weight", "kind"]
    assert [row[1] for row in data["rows"]] == list(prompt.pieces)
    assert [row[3] for row in data["rows"]] == list(prompt.ids)
    assert [row[2] for row in data["rows"][1:4]] == ["f", "o", "x"]
    assert [row[4] for row in data["rows"][:5]] == [1.0, 1.2, 1.2, 1.2, 1.0]
    kinds = [row[5] for row in data["rows"]]
    assert kinds == ["begin", *["word"] * 5, "end", *["padding"] * 70]
    assert opened(see(prompt, "tokens")).width > 128


def test_each_group_of_a_long_prompt_begins_and_ends() -> None:
    kinds = [row[5] for row in see(MORE["long prompt"], "tokens").data()["rows"]]
    assert kinds == ["begin", *["word"] * 75, "end"] * 2


def test_embeddings_are_shown_without_padding_unless_asked_for(model: Checkpoint) -> None:
    found = words.embed(model.text_encoder, words.tokenize(model.tokenizer, "ab"))
    data = see(found, "heat").data()
    assert data["axes"]["token"] == [0, 1, 2, 3]
    np.testing.assert_allclose(data["values"], found.vectors[0, :4], rtol=1e-5)
    assert len(see(found, "heat", padding="true").data()["values"]) == 77
    assert np.shape(see(found, "similarity").data()["values"]) == (4, 4)
    assert opened(see(found, "heat", padding="true")).height > opened(see(found, "heat")).height


def test_conditioning_is_its_states() -> None:
    value = VALUES["conditioning"]
    data = see(value, "heat").data()
    assert data["axes"] == {"token": list(range(77)), "dimension": list(range(16))}
    np.testing.assert_allclose(data["values"], value.states[0], rtol=1e-5)
    one = see(value, "heat", token="5", first="3", count="4").data()
    assert one["axes"] == {"dimension": [3, 4, 5, 6]}
    np.testing.assert_allclose(one["values"], value.states[0, 5, 3:7], rtol=1e-5)
    assert opened(see(value, "heat", token="5")).size == (720, 440)


def test_likeness_of_states_is_their_cosine() -> None:
    value = VALUES["conditioning"]
    directions = unit(value.states[0])
    found = see(value, "similarity").data()["values"]
    np.testing.assert_allclose(found, directions @ directions.T, atol=1e-5)
    assert [found[i][i] for i in range(77)] == [1.0] * 77
    terms = TermVectors(("up", "down"), torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
    assert see(terms, "similarity").data()["values"] == [[1.0, -1.0], [-1.0, 1.0]]


# ── noise and latents ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_channels_are_the_numbers_themselves() -> None:
    data = see(LATENT, "channels").data()
    assert list(data["axes"]) == ["channel", "row", "column"]
    np.testing.assert_allclose(data["values"], LATENT.samples[0], rtol=1e-5)
    one = see(LATENT, "channels", channel="2", of="denoised").data()
    np.testing.assert_allclose(one["values"], LATENTS[1, 2], rtol=1e-5)
    assert one["axes"] == {"row": list(range(6)), "column": list(range(5))}
    assert opened(see(LATENT, "channels")).tobytes() != opened(see(LATENT, "channels", of="denoised")).tobytes()


def test_noise_is_the_draw_that_is_asked_for() -> None:
    noise = Noise(7, (2, 3, 4))
    np.testing.assert_allclose(see(noise, "channels").data()["values"], noise.draw(0)[0], rtol=1e-5)
    drawn = see(noise, "channels", draw="3", channel="1").data()["values"]
    np.testing.assert_allclose(drawn, noise.draw(3)[0, 1], rtol=1e-5)


def test_a_latent_in_colours_is_the_quick_look_enlarged() -> None:
    seen = see(LATENT, "rgb", preview=PREVIEW)
    wanted = quick_look(LATENT, PREVIEW).pixels
    assert seen.data()["pixels"] == wanted.tolist()
    picture = opened(seen)
    assert picture.size == (5 * 43, 6 * 43)
    assert np.array_equal(np.asarray(picture)[21::43, 21::43], wanted)
    clean = see(LATENT, "rgb", preview=PREVIEW, of="denoised")
    assert clean.data()["pixels"] == quick_look(Latent(LATENTS[1:2], 0.0), PREVIEW).pixels.tolist()


def test_without_a_preview_colours_are_the_directions_in_which_a_latent_varies() -> None:
    samples = torch.zeros(1, 4, 2, 8)
    samples[0, 2] = torch.linspace(-1, 1, 8)  # by far the most
    samples[0, 1, 1] = 0.3  # the second most
    found = np.array(see(Latent(samples, 0.0), "rgb").data()["pixels"])
    assert (np.diff(found[:, :, 0].astype(int), axis=1) > 0).all()
    assert (found[1, :, 1] > found[0, :, 1]).all()
    assert np.ptp(found[:, :, 2]) == 0
    flat = see(VALUES["latent"].__class__(torch.full((1, 4, 2, 2), 3.0), 0.0), "rgb").data()["pixels"]
    assert np.unique(flat).tolist() == [128]


def test_what_is_not_finite_is_null_and_grey() -> None:
    samples = LATENTS[:1].clone()
    samples[0, 1, 2, 3] = float("nan")
    broken = Latent(samples, 2.0)
    values = see(broken, "channels").data()["values"]
    assert values[1][2][3] is None
    assert sum(number is None for number in np.ravel(np.array(values, dtype=object))) == 1
    pixels = see(broken, "rgb", preview=PREVIEW).data()["pixels"]
    assert tuple(pixels[2][3]) == MISSING
    assert sum(tuple(pixel) == MISSING for row in pixels for pixel in row) == 1
    colours = np.asarray(opened(see(broken, "channels", channel="1"))).reshape(-1, 3)
    assert (colours == MISSING).all(axis=1).sum() > 1000


def test_a_prediction_shows_its_noise_and_its_clean_latent() -> None:
    value = Prediction(LATENTS[:1], 2.0, LATENTS[1:2])
    np.testing.assert_allclose(see(value, "channels").data()["values"], value.eps[0], rtol=1e-5)
    clean = see(value, "channels", of="denoised", channel="0").data()["values"]
    np.testing.assert_allclose(clean, LATENTS[1, 0], rtol=1e-5)
    wanted = quick_look(Latent(LATENTS[1:2], 0.0), PREVIEW)
    assert see(value, "rgb", preview=PREVIEW).data()["pixels"] == wanted.pixels.tolist()


def test_the_spread_of_a_latent_is_a_density() -> None:
    rows = see(LATENT, "histogram", bins="8").data()["rows"]
    assert len(rows) == 4 * 8
    values = sorted({row[1] for row in rows})
    for channel in range(4):
        densities = [row[2] for row in rows if row[0] == channel]
        assert sum(densities) * (values[1] - values[0]) == pytest.approx(1)


def test_a_schedule_is_its_steps_and_sigmas() -> None:
    value = MORE["schedule with timesteps"]
    assert see(value, "plot").data() == {
        "columns": ["step", "sigma", "timestep"], "rows": [[0, 3.0, 999.0], [1, 1.0, 250.0], [2, 0.0, None]],
    }  # fmt: skip
    assert see(VALUES["schedule"], "plot").data()["rows"] == [[i, s] for i, s in enumerate(VALUES["schedule"].sigmas)]
    assert opened(see(value, "plot")).tobytes() != opened(see(value, "plot", what="signal share")).tobytes()


def test_a_preview_is_the_colour_of_each_channel() -> None:
    rows = see(PREVIEW, "colours").data()["rows"]
    assert [row[0] for row in rows] == [0, 1, 2, 3, "bias"]
    np.testing.assert_allclose([row[1:] for row in rows[:-1]], PREVIEW.weights, rtol=1e-5)
    assert rows[-1][1:] == [0.5, 0.5, 0.5]


# ── attention ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_attention_is_what_is_selected_of_it() -> None:
    value = VALUES["attention"]
    found = see(value, "heat", token="5", layer="mid", head="1").data()
    np.testing.assert_allclose(found["values"], heads.select(value, [5], "mid", 1).values, rtol=1e-5)
    rest = see(value, "heat").data()["values"]
    np.testing.assert_allclose(rest, heads.select(value, range(1, 77)).values, rtol=1e-5)


def test_attention_is_shown_token_by_token_and_layer_by_layer() -> None:
    value = VALUES["attention"]
    some = see(value, "tokens", first="70", count="20").data()
    assert some["token"] == [str(at) for at in range(70, 77)]
    np.testing.assert_allclose(some["values"][2], heads.select(value, [72]).values, rtol=1e-5)
    layers = see(value, "layers", token="3").data()
    assert layers["layer"] == ["up.1", "mid"]
    np.testing.assert_allclose(layers["values"][1], value.layers[1].weights[..., 3].mean(dim=0), rtol=1e-5)


# ── pictures, tables and plain data ───────────────────────────────────────────────────────────────────────────────────


def test_a_picture_is_itself() -> None:
    image = Image(np.random.default_rng(3).integers(0, 256, (130, 200, 4), dtype=np.uint8))
    assert np.array_equal(np.asarray(opened(see(image, "picture"))), image.pixels)
    assert opened(see(image, "picture", side="50")).size == (50, 32)
    assert opened(see(image, "picture", side="0")).tobytes() == image.pixels.tobytes()
    data = see(VALUES["image"], "picture").data()
    assert (data["width"], data["height"]) == (7, 5)
    assert data["pixels"] == VALUES["image"].pixels.tolist()


def test_a_small_picture_is_enlarged_pixel_by_pixel() -> None:
    picture = np.asarray(opened(see(VALUES["image"], "picture")))
    assert picture.shape == (5 * 19, 7 * 19, 3)
    assert np.array_equal(picture[9::19, 9::19], VALUES["image"].pixels)


def test_a_mask_and_heat_are_their_numbers() -> None:
    mask = Mask(np.array([[0, 255], [128, 0]], dtype=np.uint8))
    assert see(mask, "picture").data()["values"] == [[0, 255], [128, 0]]
    assert np.asarray(opened(see(mask, "picture")))[10, 100].tolist() == [255, 255, 255]
    heat = Heat(np.array([[0.5, -1.0]]))
    assert see(heat, "heat").data() == {"axes": {"row": [0], "column": [0, 1]}, "values": [[0.5, -1.0]]}
    assert opened(see(heat, "heat")).tobytes() != opened(see(heat, "heat", low="-9", colours="grey")).tobytes()


def test_a_table_is_a_row_a_number() -> None:
    wanted = {
        "columns": ["seed", "step", "loss"],
        "rows": [[1, 0, 1.0], [1, 1, 2.0], [2, 0, 3.0], [2, 1, 4.0], [2, 2, 5.0]],
    }
    assert see(TABLE, "plot").data() == see(TABLE, "map").data() == see(TABLE, "rows").data() == wanted
    assert see(TABLE, "rows", first="1", count="2").data()["rows"] == [[1, 1, 2.0], [2, 0, 3.0]]
    assert opened(see(TABLE, "plot")).tobytes() != opened(see(TABLE, "plot", x="seed", log_y="1")).tobytes()


def test_what_cannot_be_drawn_as_it_was_asked_for_is_said() -> None:
    names = Table("q", (("word", ("a", "b")),), np.ones(2))
    with pytest.raises(ValueError, match="log_x: expected an axis of numbers"):
        opened(see(names, "plot", log_x="true"))
    with pytest.raises(ValueError, match="table: expected two axes"):
        opened(see(names, "map", x="word"))


@pytest.mark.parametrize(
    ("value", "columns", "rows"),
    [
        (3, ["value"], [[3]]),
        (None, ["value"], [[None]]),
        ([5, "x"], ["place", "value"], [[0, 5], [1, "x"]]),
        ({"a": [1]}, ["name", "value"], [["a", [1]]]),
        ([{"a": 1, "b": 2}, {"b": 4, "a": 3}], ["a", "b"], [[1, 2], [3, 4]]),
        ([{"a": 1}, {"b": 2}], ["place", "value"], [[0, {"a": 1}], [1, {"b": 2}]]),
    ],
)
def test_plain_data_is_a_table(value: Any, columns: list[str], rows: list[Any]) -> None:
    assert see(value, "value", "json").data() == {"columns": columns, "rows": rows}


# ── CLIP, training, handles ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_description_is_the_way_to_it() -> None:
    data = see(VALUES["description"], "steps").data()
    assert data["columns"] == ["words", "similarity", "gain"]
    assert data["rows"] == [["a fox", 0.1 + 0.2, None], ["red", 0.5, 0.2], ["é", 0.6, 0.1]]


def test_terms_and_vectors_of_clip() -> None:
    terms = VALUES["term vectors"]
    assert see(terms, "terms").data()["rows"] == [[0, "a 🦊"], [1, "é"]]
    assert see(terms, "terms", first="1").data()["rows"] == [[1, "é"]]
    vector = VALUES["clip vector"]
    np.testing.assert_allclose(see(vector, "curve").data()["values"], vector.vector[0], rtol=1e-5)


def test_what_is_learnt_from_is_shown_with_its_captions() -> None:
    pictures, examples = MORE["pictures"], MORE["examples"]
    assert see(pictures, "sheet").data()["rows"] == [[0, "fox", "a fox", 7, 5], [1, "tall", "", 7, 500]]
    assert see(pictures, "sheet", index="0").data()["pixels"] == PIXELS.tolist()
    assert see(examples, "sheet", first="1").data()["rows"] == [[1, ""], [2, "a 🦊"]]
    one = see(examples, "sheet", preview=PREVIEW, index="1").data()["pixels"]
    assert one == quick_look(Latent(LATENTS[1:2], 0.0), PREVIEW).pixels.tolist()


def test_vectors_of_a_word() -> None:
    np.testing.assert_allclose(see(WORD, "heat").data()["values"], WORD.vectors, rtol=1e-5)
    np.testing.assert_allclose(see(WORD, "heat", vector="1").data()["values"], WORD.vectors[1], rtol=1e-5)
    assert see(MORE["inversion"], "heat").data() == see(WORD, "heat").data()


@pytest.mark.parametrize("kind", ["inversion", "tuning"])
def test_losses_step_by_step(kind: str) -> None:
    losses = (1.0, 0.5, 0.25)
    value = replace(MORE["inversion"], losses=losses) if kind == "inversion" else Tuning({}, None, losses=losses)
    data = see(value, "losses", over="2").data()
    assert data["columns"] == ["step", "loss", "mean of the last 2"]
    assert data["rows"] == [[1, 1.0, 1.0], [2, 0.5, 0.75], [3, 0.25, 0.375]]


def test_the_norm_of_what_a_lora_changes() -> None:
    value = VALUES["lora"]
    rows = {row[0]: row[1:] for row in see(value, "layers").data()["rows"]}
    for name, (down, up, alpha) in value.factors.items():
        change = alpha / len(down) * up.flatten(1).double() @ down.flatten(1).double()
        assert rows[name][-1] == pytest.approx(float(change.norm()), rel=1e-5)
    assert rows["unet.conv_in"][:4] == [2, 0.1 + 0.2, 4, 16]
    fresh = Lora({"unet.conv_in": Factors(torch.randn(2, 4), torch.zeros(3, 2), 2.0)})
    assert see(fresh, "layers").data()["rows"] == [["unet.conv_in", 2, 2.0, 4, 3, 0.0]]


def test_what_is_tuned_is_listed() -> None:
    tuning = Tuning({"unet.a": torch.tensor([3.0, 4.0]), "unet.b": torch.zeros(2, 3)}, None)
    assert see(tuning, "parameters").data()["rows"] == [["unet.a", [2], 2, 5.0], ["unet.b", [2, 3], 6, 0.0]]


def test_a_handle_tells_what_it_knows_and_loads_nothing(
    handles: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(checkpoint, "_live", load)
    monkeypatch.setattr(checkpoint, "_tokenizer", load)
    found = {}
    for type, handle in handles.items():
        data = see(handle, "facts", type).data()
        found[type] = dict(data["rows"])
        assert found[type]["kind"] == type
        assert found[type]["bytes"] == handle.stamp[0]
        assert datetime.fromisoformat(found[type]["changed"]).timestamp() == handle.stamp[1] // 10**9
        assert str(handle.folder.parent) not in json.dumps(data)
        assert found[type]["folder"] == f"{handle.folder.parent.name}/{handle.folder.name}"
    assert found["UNet"]["config.block_out_channels"] == [16, 32]
    assert found["UNet"]["training.sigmas"].startswith("1000 numbers, 0.02917 … 14.61")
    assert found["Tokenizer"]["new_words"] == [{"placeholder": "sks", "ids": [514, 515]}]
    assert re.fullmatch(r"rows [0-9a-f]{12}", found["TextEncoder"]["patch 0"])
    assert found["CLIP"]["tokenizer.folder"] == "tiny/tokenizer"


# ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_neighbours_are_averaged_where_there_are_too_many() -> None:
    field = np.arange(10, dtype=np.float32)[None].repeat(2, axis=0)
    assert averaged(field, 1, limit=5).tolist() == [[0.5, 2.5, 4.5, 6.5, 8.5]] * 2
    assert averaged(field, 0, limit=1).tolist() == [list(range(10))]
    uneven = averaged(np.arange(7.0), 0, limit=3)
    assert uneven.tolist() == [0.5, 2.5, 5.0]
    assert averaged(field, 1, limit=10) is field


def test_colours_leave_out_the_few_numbers_that_are_far_off() -> None:
    numbers = np.ones(10_000)
    numbers[0] = 500.0
    assert shared_span([numbers], "diverging") == (-500, 500)
    assert shared_span([numbers], "diverging", within=0.999) == (-1, 1)
    assert shared_span([np.array([np.nan])], "viridis") == (-1, 1)
    assert shared_span([np.array([2.0]), np.array([5.0, np.inf])], "viridis") == (2, 5)


def test_maps_side_by_side_share_their_colours() -> None:
    low, high = np.full((4, 4), 1.0), np.full((4, 4), 2.0)
    both = map_sheet([low, high], ["low", "high"]).pixels
    alone = map_sheet([high], ["high"]).pixels
    left, right = (both[60, x] for x in (60, 400))
    assert right.tolist() == alone[60, 60].tolist()  # the end of the colours
    assert left.tolist() != right.tolist()


def test_rows_and_columns_of_a_map_are_where_they_are_named() -> None:
    field = np.zeros((2, 3))
    field[1, 2] = 1.0
    pixels = heat_map(field, ["a", "b"], range(3), ("letter", "number"), colours="grey").pixels.astype(int)
    dark, light = (np.argwhere((pixels == level).all(axis=2)) for level in (0, 255))
    assert len(dark) >= 5 * 44 * 44
    top, left = dark.min(axis=0)
    inside = light[(light >= (top, left)).all(axis=1) & (light < (top + 88, left + 132)).all(axis=1)]
    assert inside.min(axis=0).tolist() == [top + 44, left + 88]
    assert len(inside) == 44 * 44
