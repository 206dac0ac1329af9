"""The nodes that look: one pass caught, words found, tables over the axes of sweeps and loops, numbered files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from diffusion import heat as heats
from diffusion import measures
from diffusion.attention import Attention, Layer, Rows, SharedRange, select
from diffusion.checkpoint import Checkpoint
from diffusion.heat import Heat
from diffusion.image import Image
from diffusion.latent import Latent
from diffusion.measures import Table
from diffusion.schedules import Schedule
from diffusion.text import Conditioning, Tokens, words_of
from engine import REGISTRY, CallError, Collected, Engine, StorageError, parse_workflow
from engine.context import Context, entered
from nodes import sampling, seeing, words

PROMPT = "cat, on a mat"


@pytest.fixture(scope="module")
def tokens(model: Checkpoint) -> Tokens:
    """Of the prompt, a letter a token."""
    return words.tokenize(model.tokenizer, PROMPT)


@pytest.fixture(scope="module")
def conditioning(model: Checkpoint, tokens: Tokens) -> Conditioning:
    """Of the prompt."""
    return words.encode(model.text_encoder, tokens)


def noisy(h: int = 8, w: int = 8, sigma: float = 3.0, seed: int = 0) -> Latent:
    """A latent of noise."""
    return Latent(torch.randn(1, 4, h, w, generator=torch.Generator().manual_seed(seed)) * sigma, sigma)


@pytest.fixture(scope="module")
def caught(model: Checkpoint, conditioning: Conditioning) -> Attention:
    """Of one pass over an oblong latent."""
    return seeing.attention(model.unet, noisy(4, 12), conditioning)


# ── cross attention ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_pass_is_caught(caught: Attention) -> None:
    assert [layer.name for layer in caught.layers] == [
        "down_blocks.1.attentions.0", "mid_block.attentions.0", "up_blocks.0.attentions.0", "up_blocks.0.attentions.1",
    ]  # fmt: skip
    assert all(layer.weights.shape == (2, 2, 6, 77) for layer in caught.layers)


def test_what_is_caught_is_what_the_step_does(model: Checkpoint, conditioning: Conditioning) -> None:
    """The same latent and prompt give the same weights, another prompt others."""
    again = seeing.attention(model.unet, noisy(), conditioning)
    other = seeing.attention(
        model.unet, noisy(), words.encode(model.text_encoder, words.tokenize(model.tokenizer, "b"))
    )
    first = seeing.attention(model.unet, noisy(), conditioning)
    assert all(torch.equal(a.weights, b.weights) for a, b in zip(first.layers, again.layers, strict=True))
    assert not torch.equal(first.layers[0].weights, other.layers[0].weights)


def test_a_clean_latent_has_no_noise_to_look_at(model: Checkpoint, conditioning: Conditioning) -> None:
    message = r"latent: expected noise in it \(sigma > 0\), found sigma 0; take the latent before a step"
    with pytest.raises(ValueError, match=message):
        seeing.attention(model.unet, Latent(torch.zeros(1, 4, 8, 8), 0.0), conditioning)


def test_a_map_is_that_of_the_words_tokens(caught: Attention, tokens: Tokens) -> None:
    positions = dict(words_of(tokens))["cat"]
    assert len(positions) == 3
    heat = seeing.attention_map(caught, tokens, "Cat", "up_blocks", 1)
    assert heat.values.shape == (2, 6)
    assert np.array_equal(heat.values, select(caught, positions, "up_blocks", 1).values)


def test_a_word_that_the_prompt_lacks_is_refused_with_those_it_has(caught: Attention, tokens: Tokens) -> None:
    with pytest.raises(ValueError, match='word: expected one of the words cat, on, a, mat; found "dog"'):
        seeing.attention_map(caught, tokens, "dog")


def test_the_average_of_one_is_itself(caught: Attention) -> None:
    average = seeing.average_attention([caught, caught])
    assert all(torch.allclose(a.weights, b.weights) for a, b in zip(average.layers, caught.layers, strict=True))


@pytest.mark.parametrize("rows", get_args(Rows))
def test_a_sheet_has_a_row_for_each_and_a_column_a_word(caught: Attention, tokens: Tokens, rows: str) -> None:
    image = seeing.attention_sheet([caught] * 3, tokens, rows=rows, size=64, title="t")
    narrow = seeing.attention_sheet([caught] * 3, tokens, rows=rows, size=64, title="t", columns=2, count=1)
    assert image.size[0] - narrow.size[0] == 2 * (64 + 6)
    shown = {"step": 3, "layer": 4, "head": 2}[rows]
    assert image.size[1] - narrow.size[1] == (shown - 1) * (21 + 6 + 20)  # map, gap, caption


# ── heat and latents ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_heat_becomes_a_picture() -> None:
    heat = Heat(np.array([[0.0, 1.0]]))
    assert seeing.heat_to_image(heat, scale=5).size == (10, 5)
    assert seeing.heat_to_image(heat, "grey", 0, 2).pixels[0].tolist() == [[0, 0, 0], [128, 128, 128]]
    white = Image(np.full((10, 20, 3), 255, dtype=np.uint8))
    laid = seeing.overlay_heat(heat, white, colours="grey").pixels.astype(int)
    assert laid.shape == (10, 20, 3) and laid[5, 19].sum() > laid[5, 0].sum() + 300


def test_channels_stand_side_by_side_in_one_range() -> None:
    samples = torch.zeros(1, 3, 4, 4)
    samples[0, 0], samples[0, 1] = 2.0, -1.0
    pixels = seeing.latent_channels(Latent(samples, 0.0)).pixels
    colours = {tuple(colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
    expected = heats.painted(np.array([2.0, -1.0, 0.0]), (-2, 2), "diverging").tolist()
    assert {tuple(colour) for colour in expected} <= colours


def test_one_channel_or_the_norm() -> None:
    latent = Latent(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, 2, 3), 0.0)
    assert (seeing.latent_heat(latent).values == 5).all() and (seeing.latent_heat(latent, 1).values == 4).all()
    with pytest.raises(ValueError, match=r"channel: expected -1 \(the norm\) to 1, found 2"):
        seeing.latent_heat(latent, 2)


def test_a_quick_look_has_the_latents_size(model: Checkpoint) -> None:
    assert seeing.quick_look(noisy(4, 12), seeing.fit_preview(model.vae)).size == (12, 4)


def test_norm_and_distance() -> None:
    zeros, twos = Latent(torch.zeros(1, 4, 2, 2), 0.0), Latent(torch.full((1, 4, 2, 2), 2.0), 1.0)
    assert seeing.latent_norm(twos) == seeing.latent_distance(zeros, twos) == 2
    assert seeing.latent_norm(noisy(64, 64, 3.0)) == pytest.approx(3, rel=0.05)
    with pytest.raises(ValueError, match="distance: expected two of one size"):
        seeing.latent_distance(zeros, noisy())


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def collected(values: Sequence[Any], **axes: list[Any]) -> Collected[Any]:
    """A value for each coordinate."""
    return Collected([*axes.items()], list(zip(np.ndindex(*map(len, axes.values())), values, strict=True)))


def test_numbers_become_a_table() -> None:
    made = seeing.table(collected([1.0, 2.0, 3.0, 4.0], seed=[7, 8], steps=[4, 20]), "score")
    assert (made.quantity, made.axes) == ("score", (("seed", (7, 8)), ("steps", (4, 20))))
    assert made.numbers.tolist() == [[1, 2], [3, 4]]


def test_schedules_become_a_table() -> None:
    schedules = collected([Schedule((4.0, 2.0, 0.0)), Schedule((3.0, 0.0))], steps=[2, 1])
    made = seeing.schedule_table(schedules)
    assert made.axes == (("steps", (2, 1)), ("step", (0, 1, 2)))
    assert np.array_equal(made.numbers, [[4, 2, 0], [3, 0, np.nan]], equal_nan=True)
    assert seeing.schedule_table(schedules, "signal share").numbers[0].tolist() == [1 / 17, 0.2, 1]


def test_latents_are_counted_as_the_unet_sees_them() -> None:
    made = seeing.latent_histogram(collected([noisy(64, 64, sigma) for sigma in (0.5, 50.0)], sigma=[0.5, 50]), 21)
    (_, sigmas), (name, middles) = made.axes
    assert (sigmas, name, len(middles)) == ((0.5, 50), "value", 21)
    width = middles[1] - middles[0]
    spread = [float(np.sqrt((row * width) @ np.square(middles))) for row in made.numbers]
    assert spread == pytest.approx([0.5 / 1.25**0.5, 1], rel=0.05)


def test_runs_part_step_by_step() -> None:
    a = [Latent(torch.zeros(1, 4, 2, 2), 1.0)] * 3
    b = [Latent(torch.full((1, 4, 2, 2), float(i)), 1.0) for i in range(3)]
    assert seeing.divergence(a, b).numbers.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="expected two runs of as many steps, found 3 and 2"):
        seeing.divergence(a, b[:2])


def test_neighbours_of_latents_and_of_pictures() -> None:
    flat = [Latent(torch.full((1, 4, 2, 2), float(x)), 0.0) for x in (0, 1, 5)]
    made = seeing.neighbour_distance(collected(flat, strength=[0.5, 0.6, 0.7]))
    assert made.axes[0][1] == pytest.approx((0.55, 0.65)) and made.numbers.tolist() == [1, 4]
    grey = [Image(np.full((2, 2, 3), level, dtype=np.uint8)) for level in (250, 5)]
    made = seeing.image_neighbours(collected([*grey, Image(np.zeros((2, 2, 4), dtype=np.uint8))], word=["a", "b", "c"]))
    assert (made.quantity, made.numbers.tolist()) == ("RMS distance in levels of 255", [245, 250])
    assert made.axes == (("word", ("a → b", "b → c")),)


TABLE = Table("score", (("seed", (1, 2)), ("step", (0, 1))), np.array([[0.1, 1], [np.nan, 3]]))


def test_plots_are_drawn_with_their_options() -> None:
    assert seeing.line_plot(TABLE, width=500, height=300).size == (500, 300)
    assert np.any(seeing.line_plot(TABLE, log_y=True).pixels != seeing.line_plot(TABLE).pixels)
    assert np.any(seeing.line_plot(TABLE, x="seed").pixels != seeing.line_plot(TABLE).pixels)
    auto, grey = seeing.heat_plot(TABLE), seeing.heat_plot(TABLE, colours="grey")
    assert auto.size == grey.size and np.any(auto.pixels != grey.pixels)
    assert np.ptp(grey.pixels.astype(int), axis=2).max() < 30, "grey has no colour but that of the letters"


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_table_is_saved_as_csv_and_numbered(tmp_path: Path) -> None:
    (tmp_path / "scores-0003.png").touch()
    files: list[Path] = []
    with entered(Context(out=tmp_path, title="scores", on_file=files.append)):
        paths = [Path(seeing.save_table(TABLE)) for _ in range(2)]
    assert paths == files == [tmp_path / "scores-0001.csv", tmp_path / "scores-0002.csv"]
    with paths[0].open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["seed", "step", "score"],
            ["1", "0", "0.1"],
            ["1", "1", "1.0"],
            ["2", "1", "3.0"],
        ]


def test_a_table_that_cannot_be_saved_is_an_error_and_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    message = f"{tmp_path}: cannot be written: No space left on device; choose another folder with --out"
    with entered(Context(out=tmp_path)), pytest.raises(StorageError) as raised:
        seeing.save_table(TABLE, "...")
    assert str(raised.value) == message and list(tmp_path.iterdir()) == []


# ── in a workflow ─────────────────────────────────────────────────────────────────────────────────────────────────────


def run(tiny_model: Path, out: Path, more: dict[str, Any], look: bool = True) -> Any:
    """A loop of three steps, in its body a node that looks, and more nodes."""
    ported = {"unet": "model.unet", "latent": "latent"}
    looking = {"look": {"type": "attention", "in": {**ported, "conditioning": "positive"}}}
    return Engine(out=out).run(parse_workflow({
        "diffuscope": 1,
        "title": "looking",
        "nodes": {
            "model": {"type": "load_checkpoint", "params": {"path": str(tiny_model)}},
            "words": {"type": "tokenize", "in": {"tokenizer": "model.tokenizer"}, "params": {"text": PROMPT}},
            "positive": {"type": "encode", "in": {"text_encoder": "model.text_encoder", "tokens": "words"}},
            "seed": {"type": "axis", "params": {"name": "seed", "values": [1, 2]}},
            "noise": {"type": "noise", "in": {"unet": "model.unet", "vae": "model.vae", "seed": "seed"}},
            "schedule": {"type": "schedule", "in": {"unet": "model.unet"}, "params": {"steps": 3, "sampler": "euler"}},
            "start": {"type": "start", "in": {"noise": "noise", "schedule": "schedule"}},
            "sample": {
                "type": "repeat",
                "for": {"i": [0, 3]},
                "carry": {"latent": "start"},
                "body": {
                    **(looking if look else {}),
                    "denoise": {
                        "type": "denoise_step",
                        "in": {**ported, "schedule": "schedule", "index": "i", "positive": "positive"},
                        "params": {"sampler": "euler", "guidance_scale": 1.0},
                    },
                },
                "next": {"latent": "denoise"},
            },
            **more,
        },
    }))  # fmt: skip


def test_a_loop_is_looked_at_from_outside(tiny_model: Path, tmp_path: Path) -> None:
    result = run(tiny_model, tmp_path, {
        "sheet": {"type": "attention_sheet", "in": {"attentions": "sample.look.all", "tokens": "words"}},
        "norm": {"type": "latent_norm", "in": {"latent": "sample.latent.all"}},
        "norms": {"type": "table", "in": {"values": "norm"}, "params": {"quantity": "RMS"}},
        "plot": {"type": "line_plot", "in": {"table": "norms"}},
        "histogram": {"type": "latent_histogram", "in": {"latents": "sample.latent.all"}},
        "apart": {"type": "neighbour_distance", "in": {"latents": "sample.latent.all"}, "params": {"along": "seed"}},
        "csv": {"type": "save_table", "in": {"table": "norms"}},
    })  # fmt: skip
    assert result.outcome.failures == []
    assert len(result["sheet"].values) == 2
    norms = result["norms"]
    assert dict(norms.axes) == {"seed": (1, 2), "sample.i": (0, 1, 2, 3)}
    assert not np.isnan(norms.numbers).any() and (norms.numbers[:, 0] > norms.numbers[:, -1]).all()
    assert dict(result["histogram"].axes).keys() == {"seed", "sample.i", "value"}
    assert dict(result["apart"].axes) == {"seed": (1.5,), "sample.i": (0, 1, 2, 3)}
    assert [path.name for path in tmp_path.iterdir()] == ["looking-0001.csv"]


def test_looking_does_not_change_the_latent(tiny_model: Path, tmp_path: Path) -> None:
    looked, plain = (run(tiny_model, tmp_path, {}, look) for look in (True, False))
    assert len([label for label in looked.outcome.ran if ".look" in label]) == 6
    assert not [label for label in plain.outcome.ran if ".look" in label]
    for a, b in zip(looked["sample.latent"].values, plain["sample.latent"].values, strict=True):
        assert torch.equal(a.samples, b.samples)


def test_looking_at_the_clean_latent_fails_alone(tiny_model: Path, tmp_path: Path) -> None:
    look = {"unet": "model.unet", "latent": "sample.latent", "conditioning": "positive"}
    result = run(tiny_model, tmp_path, {"last": {"type": "attention", "in": look}})
    with pytest.raises(CallError, match="latent: expected noise in it"):
        result["last"]
    assert len(result["sample.latent"].values) == 2


# ── declarations ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_choices_are_those_that_exist() -> None:
    def choices(node: str, param: str) -> tuple[Any, ...]:
        return REGISTRY[node].params[param].choices

    assert choices("heat_to_image", "colours") == tuple(heats.ANCHORS)
    assert choices("heat_plot", "colours") == ("auto", *heats.ANCHORS)
    assert choices("schedule_table", "what") == tuple(measures.LEVELS)
    assert choices("attention_sheet", "rows") == get_args(Rows)
    assert choices("attention_sheet", "shared_range") == get_args(SharedRange)


def test_latents_given_to_nodes_stay_as_they_are(model: Checkpoint, conditioning: Conditioning) -> None:
    latent = noisy()
    before = latent.samples.clone()
    seeing.attention(model.unet, latent, conditioning)
    seeing.latent_channels(latent)
    seeing.latent_heat(latent, 0)
    seeing.quick_look(latent, seeing.fit_preview(model.vae))
    seeing.latent_histogram(collected([latent], a=[1]))
    assert torch.equal(latent.samples, before)
    assert sampling.denoised(latent).samples is latent.samples


def test_attention_that_goes_elsewhere_is_counted_as_a_share() -> None:
    def looking(at: int) -> Attention:
        weights = torch.zeros(2, 3, 3, 4)
        weights[..., at] = 1
        return Attention((Layer("one", weights), Layer("two", weights[:, :1])))

    pairs = zip(looking(0).layers, looking(1).layers, strict=True)
    half = Attention(tuple(Layer(a.name, (a.weights + b.weights) / 2) for a, b in pairs))
    made = seeing.attention_neighbours(
        collected([looking(0), half, looking(1), looking(1)], t=[0.0, 0.5, 1.0, 2.0]), "t"
    )
    assert made.axes == (("t", (0.25, 0.75, 1.5)),)
    assert made.numbers.tolist() == [0.5, 0.5, 0.0]
    other = Attention(looking(0).layers[:1])
    with pytest.raises(ValueError, match="attention: expected two of the same layers, sizes and number of tokens"):
        seeing.attention_neighbours(collected([looking(0), other], t=[0, 1]))
