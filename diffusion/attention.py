"""Cross attention, caught in the act: which word each place of the picture looks at, in each layer and head.

A pass is captured, passes are averaged, what one word gets is selected as heat, heats fill a sheet: the order below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar
from unicodedata import category

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffusion.heat import Colours, Heat, colour, enlarged, overlay, span_of
from diffusion.image import Image, resize
from diffusion.sheets import evenly, sheet
from diffusion.text import Words
from diffusion.unet import UNet, onlooker

Output = TypeVar("Output")

CROSS = "attn2"
"""What the cross attention of a transformer block is called in the diffusers layout."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The weights of one cross-attention layer.

    name: its path in the UNet, such as `up_blocks.1.attentions.0`.
    weights: (heads, h, w, tokens) float32 in [0, 1]; sums to 1 over the tokens.
    """

    name: str
    weights: Tensor


@dataclass(frozen=True, eq=False)
class Attention:
    """All cross-attention layers of one pass through the UNet, in the order of the data."""

    layers: tuple[Layer, ...]


def capture(unet: UNet, size: tuple[int, int], call: Callable[[], Output]) -> tuple[Output, Attention]:
    """Run one pass, and catch softmax(QKᵀ/√d) of every cross attention on the way (Vaswani et al., 1706.03762, eq. 1).

    The UNet computes what it computes without: its queries and keys are looked at, the weights worked out beside it.

    Args:
        unet: that `call` runs, once, with a batch of one. What other threads run through it is not caught.
        size: height and width of the latent.
        call: the pass.

    Raises:
        ValueError: `call` ran no cross attention of this UNet, ran one twice, or ran a batch of several.
    """
    names = {module: name for name, module in unet.named_modules() if name.endswith(f".{CROSS}")}
    sizes = level_sizes(size, len(unet.config.block_out_channels))
    layers: dict[str, Layer] = {}

    def look(module: nn.Module, q: Tensor, k: Tensor) -> None:
        if module not in names:
            return
        name = names[module].partition(".transformer_blocks.")[0]
        if name in layers or len(q) != 1:
            found = "another pass" if name in layers else f"a batch of {len(q)}"
            raise ValueError(f"call: expected one pass with a batch of one, found {found}")
        weights = (q[0].float() @ k[0].float().transpose(1, 2) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        h, w = sizes[weights.shape[1]]
        layers[name] = Layer(name, weights.detach().unflatten(1, (h, w)).cpu())  # (heads, h·w, tokens) → …

    token = onlooker.set(look)
    try:
        output = call()
    finally:
        onlooker.reset(token)
    if not layers:
        raise ValueError("unet: expected a pass through its cross attention, found none; a UNet without text?")
    return output, Attention(tuple(layers.values()))


def level_sizes(size: tuple[int, int], depth: int) -> dict[int, tuple[int, int]]:
    """Height and width of each of a UNet's `depth` levels, by their product: each halves the last and rounds up."""
    found = {}
    h, w = size
    for _ in range(depth):
        found[h * w] = (h, w)
        h, w = (h + 1) // 2, (w + 1) // 2
    return found


def mean(attentions: Sequence[Attention]) -> Attention:
    """The average of several passes through the same UNet at the same size.

    Raises:
        ValueError: there are none, or their layers differ.
    """
    if not attentions:
        raise ValueError("attentions: expected at least one, found none")
    shapes = [[(layer.name, layer.weights.shape) for layer in one.layers] for one in attentions]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("attentions: expected the same layers and sizes in all, found others; of another UNet?")
    totals = [torch.zeros_like(layer.weights) for layer in attentions[0].layers]
    for one in attentions:  # one after the other: fifty passes through Stable Diffusion are three gigabytes
        for total, layer in zip(totals, one.layers, strict=True):
            total += layer.weights / len(attentions)
    named = zip(attentions[0].layers, totals, strict=True)
    return Attention(tuple(Layer(layer.name, total) for layer, total in named))


def select(attention: Attention, positions: Sequence[int], layers: str = "", head: int = -1) -> Heat:
    """What some tokens get: the share of each place's attention, 0 … 1, at the size of the largest layer chosen.

    Args:
        attention: of one pass, or an average.
        positions: the tokens, added up; those of one word, say.
        layers: a part of the names of the layers to average, each counting the same; empty for all.
        head: one head, from 0; -1 for the mean of all.

    Raises:
        ValueError: there is no such layer, head or token; says which there are.
    """
    chosen = [layer for layer in attention.layers if layers in layer.name]
    if not chosen:
        known = ", ".join(layer.name for layer in attention.layers)
        raise ValueError(f"layer: expected a part of {known}, found {layers!r}")
    heads, tokens = (min(layer.weights.shape[axis] for layer in chosen) for axis in (0, 3))
    if not -1 <= head < heads:
        raise ValueError(f"head: expected -1 (the mean of all) to {heads - 1}, found {head}")
    if not positions or not all(0 <= at < tokens for at in positions):
        raise ValueError(f"positions: expected one or more of 0 to {tokens - 1}, found {list(positions)}")
    size = max((layer.weights.shape[1:3] for layer in chosen), key=math.prod)
    maps = []
    for layer in chosen:
        weights = layer.weights[..., list(positions)].sum(dim=-1)  # (heads, h, w, tokens) → (heads, h, w)
        one = weights.mean(dim=0) if head < 0 else weights[head]
        maps.append(F.interpolate(one[None, None], size=size, mode="bilinear", align_corners=False)[0, 0])
    return Heat(torch.stack(maps).mean(dim=0).numpy())


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def columns_of(words: Words, tokens: int, limit: int, every_token: bool) -> list[tuple[str, tuple[int, ...]]]:
    """What gets a column of a sheet: at most `limit` words without punctuation; or all there is, begin and rest named.

    Raises:
        ValueError: nothing is left.
    """
    plain = [(text, at) for text, at in words if not all(category(letter).startswith("P") for letter in text)]
    if not every_token:
        if not plain:
            raise ValueError("tokens: expected a prompt with a word in it, found none; every_token shows the rest")
        return plain[:limit]
    taken = {at for _, positions in words for at in positions}
    rest = tuple(at for at in range(1, tokens) if at not in taken)
    return [("(begin)", (0,)), *words[:limit], *([("(end, padding)", rest)] if rest else [])]


# ── a sheet ───────────────────────────────────────────────────────────────────────────────────────────────────────────

Rows = Literal["step", "layer", "head"]
SharedRange = Literal["no", "word", "sheet"]


def chosen_rows(
    attentions: Sequence[Attention], rows: Rows, limit: int, layer: str
) -> list[tuple[str, Attention, str, int]]:
    """What gets a row: its name, and the attention, layer and head that are shown; the last row is the average of all.

    Steps and layers are chosen evenly, at most `limit`, the first and the last among them.
    """
    average = mean(attentions)
    last = ("average", average, layer, -1)
    if rows == "step":
        return [*((str(i), attentions[i], layer, -1) for i in evenly(len(attentions), limit)), last]
    names = [one.name for one in average.layers if layer in one.name]
    if rows == "layer":
        return [*((names[i], average, names[i], -1) for i in evenly(len(names), limit)), last]
    heads = min((one.weights.shape[0] for one in average.layers if layer in one.name), default=0)
    return [*((str(head), average, layer, head) for head in evenly(heads, limit)), last]


def attention_sheet(
    attentions: Sequence[Attention],
    words: Words,
    image: Image | None = None,
    rows: Rows = "step",
    row_limit: int = 5,
    column_limit: int = 12,
    layer: str = "",
    every_token: bool = False,
    shared_range: SharedRange = "no",
    opacity: float = 0.7,
    colours: Colours = "magma",
    size: int = 128,
    title: str = "",
) -> Image:
    """Where each word is looked for: a column a word, with the range of its share of the attention under each map.

    Args:
        attentions: one for each step.
        words: of the prompt.
        image: what the maps are laid over; alone without one.
        rows: steps (averaged over layers and heads), layers (over steps and heads) or heads (over steps and layers).
        row_limit: at most so many rows, evenly chosen, besides the average of all.
        column_limit: at most so many words, the first.
        layer: a part of the names of the layers that count; empty for all.
        every_token: show punctuation, begin, and end with padding too, so that each row adds up to all attention.
        shared_range: colours mean the same in no two maps, in a column, or on the whole sheet.
        opacity: of the maps over the picture.
        colours: of the maps.
        size: pixels along the longer side of a map.
        title: above all.
    """
    lines = chosen_rows(attentions, rows, row_limit, layer)
    columns = columns_of(words, attentions[0].layers[0].weights.shape[-1], column_limit, every_token)
    heats = [[select(one, at, part, head) for _, at in columns] for _, one, part, head in lines]
    largest = max((heat.values.shape[::-1] for heat in heats[0]), key=math.prod) if image is None else image.size
    width, height = (max(round(side * size / max(largest)), 1) for side in largest)
    ground = None if image is None else resize(image, width, height, "stretch")
    whole = span_of([heat.values for row in heats for heat in row])
    spans = [span_of([row[i].values for row in heats]) for i in range(len(columns))]

    def cell(heat: Heat, column: int) -> Image:
        low, high = {"no": (None, None), "word": spans[column], "sheet": whole}[shared_range]
        if ground is None:
            return colour(enlarged(heat, (width, height)), low, high, colours)
        return overlay(heat, ground, opacity, low, high, colours)

    return sheet(
        cells=[[cell(heat, i) for i, heat in enumerate(row)] for row in heats],
        columns=[text for text, _ in columns],
        rows=[name for name, *_ in lines],
        title=title,
        corner=rows,
        captions=[[percent(heat) for heat in row] for row in heats],
        scale=1,
    )


def percent(heat: Heat) -> str:
    """The range of shares as a caption."""
    low, high = (100 * float(share) for share in (heat.values.min(), heat.values.max()))
    return f"{low:.1f} – {high:.1f} %"


def moved(a: Attention, b: Attention) -> float:
    """The share of attention, 0 … 1, that goes to other tokens in one than in the other.

    The total variation ½ Σ |a - b| over the tokens, in the mean over all layers, heads and places. ValueError if the
    two have other layers or sizes.
    """
    shapes = [[tuple(layer.weights.shape) for layer in one.layers] for one in (a, b)]
    if shapes[0] != shapes[1]:
        raise ValueError("attention: expected two of the same layers, sizes and number of tokens, found others")
    shares = [(x.weights - y.weights).abs().sum(-1).mean() / 2 for x, y in zip(a.layers, b.layers, strict=True)]
    return float(torch.stack(shares).mean())
