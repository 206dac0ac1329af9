"""Attention capture: the very weights that the UNet uses, beside an output that is the same bit by bit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from diffusion import attention, sheets
from diffusion.attention import Attention, Layer, attention_sheet, capture, columns_of, evenly, mean, select
from diffusion.image import Image
from diffusion.unet import UNet, UNetConfig, onlooker

CONFIG = UNetConfig(
    sample_size=8, block_out_channels=(16, 32, 32), layers_per_block=1, cross_attention_dim=16, attention_head_dim=4,
    norm_num_groups=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
)  # fmt: skip
NAMES = [
    "down_blocks.1.attentions.0", "down_blocks.2.attentions.0", "mid_block.attentions.0",
    "up_blocks.0.attentions.0", "up_blocks.0.attentions.1", "up_blocks.1.attentions.0", "up_blocks.1.attentions.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def unet() -> UNet:
    """A small UNet of random weights."""
    torch.manual_seed(0)
    return UNet(CONFIG).eval().requires_grad_(False)


def one_pass(unet: UNet, h: int = 8, w: int = 8, seed: int = 0, batch: int = 1) -> Callable[[], Tensor]:
    """A pass over a random latent."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, 4, h, w, generator=generator)
    states = torch.randn(batch, 77, 16, generator=generator)
    return lambda: unet(x, torch.full((batch,), 500.0), states)


# ── capture ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_looking_changes_nothing(unet: UNet) -> None:
    call = one_pass(unet)
    before = call()
    output, _ = capture(unet, (8, 8), call)
    assert torch.equal(output, before)
    assert torch.equal(call(), before)


def test_every_cross_attention_is_caught_in_order_and_no_self_attention(unet: UNet) -> None:
    _, caught = capture(unet, (8, 8), one_pass(unet))
    assert [layer.name for layer in caught.layers] == NAMES
    assert all(layer.weights.shape[-1] == 77 and layer.weights.dtype == torch.float32 for layer in caught.layers)


def test_each_place_shares_out_all_its_attention(unet: UNet) -> None:
    _, caught = capture(unet, (8, 8), one_pass(unet))
    for layer in caught.layers:
        assert (layer.weights.sum(dim=-1) - 1).abs().max() < 1e-5
        assert layer.weights.min() >= 0


@pytest.mark.parametrize(
    ("size", "sizes"),
    [((8, 8), [(4, 4), (2, 2)]), ((4, 16), [(2, 8), (1, 4)]), ((16, 4), [(8, 2), (4, 1)]), ((7, 13), [(4, 7), (2, 4)]),
     ((1, 1), [(1, 1), (1, 1)]), ((1, 2), [(1, 1), (1, 1)]), ((3, 1), [(2, 1), (1, 1)])],
)  # fmt: skip
def test_layers_have_their_own_height_and_width(
    unet: UNet, size: tuple[int, int], sizes: list[tuple[int, int]]
) -> None:
    _, caught = capture(unet, size, one_pass(unet, *size))
    upper, lower = sizes
    found = [layer.weights.shape[:3] for layer in caught.layers]
    assert found == [(4, *size) for size in (upper, lower, lower, lower, lower, upper, upper)]


def test_the_weights_are_those_that_the_layer_uses(unet: UNet) -> None:
    """Weights · values, projected, must be what the layer itself gives."""
    layer = unet.mid_block.attentions[0].transformer_blocks[0].attn2
    seen: dict[str, Any] = {}

    def keep(_: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        seen.update(context=inputs[1], output=output)

    hook = layer.register_forward_hook(keep)
    _, caught = capture(unet, (4, 8), one_pass(unet, 4, 8))
    hook.remove()
    weights = caught.layers[2].weights
    assert weights.shape == (4, 1, 2, 77)
    values = layer.to_v(seen["context"])[0].view(77, 4, 8).transpose(0, 1)  # (77, width) → (heads, 77, d)
    mixed = (weights.flatten(1, 2) @ values).transpose(0, 1).flatten(1)  # (heads, h·w, d) → (h·w, width)
    assert torch.allclose(layer.to_out[0](mixed), seen["output"][0], atol=1e-5)


def test_a_prompt_of_several_groups_is_caught_whole(unet: UNet) -> None:
    x, states = torch.randn(1, 4, 8, 8), torch.randn(1, 154, 16)
    _, caught = capture(unet, (8, 8), lambda: unet(x, torch.tensor([1.0]), states))
    assert {layer.weights.shape[-1] for layer in caught.layers} == {154}


def test_nothing_is_left_behind_after_an_error(unet: UNet) -> None:
    def fails() -> None:
        one_pass(unet)()
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        capture(unet, (8, 8), fails)
    assert onlooker.get() is None
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in unet.modules())
    _, caught = capture(unet, (8, 8), one_pass(unet))
    assert len(caught.layers) == len(NAMES)


def test_other_threads_and_other_unets_are_left_alone(unet: UNet) -> None:
    other = UNet(CONFIG).eval().requires_grad_(False)
    expected = capture(unet, (8, 8), one_pass(unet))[1]

    def call() -> Tensor:
        one_pass(other, seed=5)()
        thread = threading.Thread(target=one_pass(unet, 16, 16, seed=6))
        thread.start()
        thread.join()
        return one_pass(unet)()

    _, caught = capture(unet, (8, 8), call)
    assert all(torch.equal(a.weights, b.weights) for a, b in zip(caught.layers, expected.layers, strict=True))


def test_captures_may_be_nested(unet: UNet) -> None:
    outer_pass, inner_pass = one_pass(unet), one_pass(unet, 4, 4, seed=2)
    (_, inner), outer = capture(unet, (8, 8), lambda: (capture(unet, (4, 4), inner_pass)[1:], outer_pass())[::-1])
    assert inner[0].layers[0].weights.shape[1] == 2 and outer.layers[0].weights.shape[1] == 4


def test_what_is_no_single_pass_is_refused(unet: UNet) -> None:
    call = one_pass(unet)
    with pytest.raises(ValueError, match="call: expected one pass with a batch of one, found another pass"):
        capture(unet, (8, 8), lambda: (call(), call()))
    with pytest.raises(ValueError, match="found a batch of 2"):
        capture(unet, (8, 8), one_pass(unet, batch=2))
    with pytest.raises(ValueError, match="unet: expected a pass through its cross attention, found none"):
        capture(unet, (8, 8), lambda: 1)
    assert onlooker.get() is None


# ── averages and selections ───────────────────────────────────────────────────────────────────────────────────────────


def made(*sizes: tuple[int, int], heads: int = 2, tokens: int = 5, seed: int = 0) -> Attention:
    """Attention with a layer of random weights for each size."""
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.randn(heads, h, w, tokens, generator=generator) for h, w in sizes)
    return Attention(tuple(Layer(f"block.{i}", one.softmax(dim=-1)) for i, one in enumerate(logits)))


def test_the_mean_is_that_of_each_layer() -> None:
    one, other = made((2, 3), (1, 1)), made((2, 3), (1, 1), seed=1)
    average = mean([one, other])
    for a, b, c in zip(one.layers, other.layers, average.layers, strict=True):
        assert torch.allclose(c.weights, (a.weights + b.weights) / 2) and c.name == a.name
    assert all(torch.equal(a.weights, b.weights) for a, b in zip(mean([one]).layers, one.layers, strict=True))


@pytest.mark.parametrize(
    ("attentions", "message"),
    [([], "expected at least one, found none"),
     ([made((2, 2)), made((2, 3))], "expected the same layers and sizes in all"),
     ([made((2, 2)), made((2, 2), (1, 1))], "expected the same layers and sizes in all")],
)  # fmt: skip
def test_what_has_no_mean_is_refused(attentions: list[Attention], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean(attentions)


def test_the_tokens_of_a_word_are_added_up_and_all_make_one() -> None:
    one = made((4, 6), (2, 3))
    parts = [select(one, [at]).values for at in range(5)]
    assert np.allclose(select(one, [1, 3]).values, parts[1] + parts[3], atol=1e-6)
    assert np.allclose(select(one, range(5)).values, 1, atol=1e-5)


def test_a_head_and_a_layer_are_picked() -> None:
    one = made((4, 6), (2, 3))
    first, second = (layer.weights.numpy() for layer in one.layers)
    assert np.allclose(select(one, [2], "block.0", 1).values, first[1, :, :, 2])
    assert np.allclose(select(one, [2], "block.1").values, second[..., 2].mean(axis=0), atol=1e-6)
    assert select(one, [2]).values.shape == (4, 6)


def test_layers_count_the_same_whatever_their_size() -> None:
    large, small = torch.zeros(1, 4, 4, 2), torch.ones(1, 1, 1, 2)
    assert np.allclose(select(Attention((Layer("a", small), Layer("b", large))), [0]).values, np.full((4, 4), 0.5))


def test_small_layers_are_enlarged_where_they_are() -> None:
    small = torch.zeros(1, 2, 2, 1)
    small[0, 0, 1] = 1
    heat = select(Attention((Layer("a", small), Layer("b", torch.zeros(1, 8, 8, 1)))), [0]).values
    assert heat.argmax() // 8 < 4 <= heat.argmax() % 8


@pytest.mark.parametrize(
    ("positions", "layers", "head", "message"),
    [
        ([0], "up", -1, "layer: expected a part of block.0, block.1, found 'up'"),
        ([0], "", 2, r"head: expected -1 \(the mean of all\) to 1, found 2"),
        ([0], "", -2, "head: expected -1"),
        ([5], "", -1, r"positions: expected one or more of 0 to 4, found \[5\]"),
        ([], "", -1, "positions: expected one or more"),
    ],
)
def test_what_is_not_there_is_named(positions: list[int], layers: str, head: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select(made((2, 2), (1, 1)), positions, layers, head)


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = [("a", (1,)), ("tabby", (2, 3)), ("cat", (4,)), (",", (5,)), ("a", (6,)), ("dog", (7,)), ("'s", (8,))]


def test_columns_are_words_or_all_there_is() -> None:
    assert [text for text, _ in columns_of(WORDS, 12, 99, False)] == ["a", "tabby", "cat", "a", "dog", "'s"]
    assert [text for text, _ in columns_of(WORDS, 12, 2, False)] == ["a", "tabby"]
    everything = columns_of(WORDS, 12, 99, True)
    assert [text for text, _ in everything] == ["(begin)", *(text for text, _ in WORDS), "(end, padding)"]
    assert sorted(at for _, positions in everything for at in positions) == [*range(12)]
    with pytest.raises(ValueError, match="tokens: expected a prompt with a word in it, found none; every_token shows"):
        columns_of([("!", (1,))], 12, 9, False)


def test_some_are_chosen_evenly() -> None:
    assert [evenly(*of) for of in ((1, 5), (3, 5), (21, 5), (20, 1), (0, 5))] == [
        [0], [0, 1, 2], [0, 5, 10, 15, 20], [0], [],
    ]  # fmt: skip


# ── sheets ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(monkeypatch: pytest.MonkeyPatch, attentions: list[Attention], **options: Any) -> dict[str, Any]:
    """What a sheet is made of."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr(attention, "sheet", lambda **parts: asked.update(parts) or parts["cells"][0][0])
    attention_sheet(attentions, [("cat", (1, 2)), ("dog", (3,))], **options)
    return asked


def test_a_sheet_of_steps_ends_with_their_average(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [made((2, 3), (1, 1), seed=i) for i in range(9)]
    asked = drawn(monkeypatch, steps, row_limit=3, size=30, title="t")
    assert (asked["rows"], asked["columns"], asked["corner"]) == (["0", "4", "8", "average"], ["cat", "dog"], "step")
    assert all(cell.size == (30, 20) for row in asked["cells"] for cell in row)
    heat = select(mean(steps), [1, 2]).values
    assert asked["captions"][-1][0] == f"{heat.min() * 100:.1f} – {heat.max() * 100:.1f} %"


def test_sheets_of_layers_and_of_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [made((2, 3), (1, 1), (4, 6), seed=i) for i in range(2)]
    layers = drawn(monkeypatch, steps, rows="layer", row_limit=2)
    assert layers["rows"] == ["block.0", "block.2", "average"]
    heads = drawn(monkeypatch, steps, rows="head", layer="block.0")
    assert heads["rows"] == ["0", "1", "average"]
    with pytest.raises(ValueError, match=r"layer: expected a part of block\.0"):
        drawn(monkeypatch, steps, rows="layer", layer="up")


def spot(place: tuple[int, int], strength: float) -> Attention:
    """One layer, one head: the second of two tokens is looked for at one place."""
    weights = torch.full((1, 4, 6, 2), 0.5)
    weights[0, :, :, 1] = 0.1
    weights[0, *place, 1] = strength
    return Attention((Layer("a", weights),))


def lightest(image: Image) -> tuple[int, int]:
    """The square of ten pixels a side in which the lightest pixel is."""
    light = image.pixels.astype(float).sum(axis=2)
    y, x = np.unravel_index(light.argmax(), light.shape)
    return int(y // 10), int(x // 10)


@pytest.mark.parametrize("image", [None, Image(np.full((40, 60, 3), 128, dtype=np.uint8))])
def test_maps_are_hottest_where_the_word_is_looked_for(monkeypatch: pytest.MonkeyPatch, image: Image | None) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(attention, "sheet", lambda **parts: asked.update(parts) or parts["cells"][0][0])
    attention_sheet([spot((0, 0), 0.9), spot((3, 4), 0.9)], [("cat", (1,))], image, size=60)
    assert [lightest(row[0]) for row in asked["cells"][:2]] == [(0, 0), (3, 4)]


def test_a_shared_range_makes_the_weaker_map_darker(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [spot((1, 1), 0.9), spot((1, 1), 0.3)]
    light = {}
    for shared in ("no", "word", "sheet"):
        asked: dict[str, Any] = {}
        monkeypatch.setattr(
            attention, "sheet", lambda asked=asked, **parts: asked.update(parts) or parts["cells"][0][0]
        )
        attention_sheet(steps, [("cat", (1,))], shared_range=shared, size=60)
        light[shared] = [int(row[0].pixels.astype(int).sum(axis=2).max()) for row in asked["cells"]]
    assert light["no"][0] == light["no"][1]
    assert light["word"] == light["sheet"] and light["word"][0] > light["word"][1] + 100


def test_a_sheet_is_drawn() -> None:
    image = attention_sheet([made((2, 3))], [("cat", (1,)), ("dog", (2,))], size=60)
    least = 2 * 60 + sheets.GAP + 2 * sheets.MARGIN
    assert image.size[0] > least and image.size[1] > 2 * 40 + 2 * sheets.MARGIN
