"""How attention is seen: where each token is looked for, by layer and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engine import Seen, view
from engine.view import numbers
from nodes.stages import attention as heads
from nodes.stages import heat as heats
from nodes.views.parts import From, OneOrAll, nothing, one_map, part, picture, tiles

if TYPE_CHECKING:
    from diffusion.attention import Attention
    from diffusion.heat import Heat
    from diffusion.image import Image


NO_LAYERS = "No cross-attention layers: nothing was caught."


def token_count(attention: Attention) -> int:
    """How many tokens every layer looks at."""
    return min(layer.weights.shape[3] for layer in attention.layers)


def looked_for(attention: Attention, token: int) -> list[int]:
    """The positions of one token; -1 stands for all but the first, which is where attention rests."""
    count = token_count(attention)
    if not -1 <= token < count:
        raise ValueError(f"token: expected -1 (all but the first) to {count - 1}, found {token}")
    return [token] if token >= 0 else list(range(1, count)) or [0]


def share_maps(found: Sequence[Heat], names: Sequence[str], what: str) -> Seen:
    """Shares of attention side by side, each in its own range, which stands below it."""

    def draw() -> Image:
        images = [heats.colour(heat, colours="magma") for heat in found]
        short = (name.replace("_blocks", "").replace("_block", "").replace(".attentions", "") for name in names)
        captions = [f"{name}: {heads.percent(heat)}" for name, heat in zip(short, found, strict=True)]
        return tiles(images, captions)

    return picture(draw, lambda: {what: list(names), "values": [numbers(heat.values) for heat in found]})


@view(name="tokens")
def attention_tokens(
    attention: Attention, layer: str = "", head: OneOrAll = -1, first: From = 0, count: Annotated[int, Field(ge=1)] = 20
) -> Seen:
    """Where each of some tokens is looked for, a map each with its share of the attention below.

    Args:
        attention: of one pass, or an average.
        layer: a part of a layer's name, such as `up` or `mid_block`; empty averages all.
        head: which, from 0; -1 averages all.
        first: the first token, by its position.
        count: how many tokens.
    """
    if not attention.layers:
        return nothing(NO_LAYERS)
    places = part(first, count, token_count(attention))
    found = [heads.select(attention, [at], layer, head) for at in places]
    return share_maps(found, [str(at) for at in places], "token")


@view(name="layers")
def attention_layers(attention: Attention, token: OneOrAll = -1, head: OneOrAll = -1) -> Seen:
    """Where each layer looks for a token, a map each with its share of the attention below.

    Args:
        attention: of one pass, or an average.
        token: which, by its position; -1 adds up all but the first, which is where attention rests.
        head: which, from 0; -1 averages all.
    """
    if not attention.layers:
        return nothing(NO_LAYERS)
    places = looked_for(attention, token)
    names = [layer.name for layer in attention.layers]
    found = [heads.select(heads.Attention((layer,)), places, "", head) for layer in attention.layers]
    return share_maps(found, names, "layer")


@view(name="heat")
def attention_heat(attention: Attention, token: OneOrAll = -1, layer: str = "", head: OneOrAll = -1) -> Seen:
    """Where a token is looked for, as one map: the share of each place's attention, 0 to 1.

    Args:
        attention: of one pass, or an average.
        token: which, by its position; -1 adds up all but the first, which is where attention rests.
        layer: a part of a layer's name, such as `up` or `mid_block`; empty averages all.
        head: which, from 0; -1 averages all.
    """
    if not attention.layers:
        return nothing(NO_LAYERS)
    found = heads.select(attention, looked_for(attention, token), layer, head)
    what = "all tokens but the first" if token < 0 else f"token {token}"
    averaged = f"layers {layer}" if layer else "all layers"
    return one_map(found, "magma", title=f"{what}, {averaged}, {'all heads' if head < 0 else f'head {head}'}")
