"""The nodes of masks: params and ports as workflows write them, what they give, and inputs that stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch

from diffusion import masks as stage
from diffusion.checkpoint import Checkpoint
from diffusion.image import Image, Mask
from diffusion.inpaint import expect_channels
from diffusion.latent import Latent
from engine import REGISTRY, load_node_packages
from nodes.masks import (
    combine_masks,
    composite,
    difference_image,
    draw_mask,
    feather_mask,
    grow_mask,
    image_change,
    inpaint_channels,
    invert_mask,
    mask_from_image,
    mask_to_image,
    threshold_mask,
)

load_node_packages()
RNG = np.random.default_rng(0)
PICTURE, PAINTED = (Image(RNG.integers(0, 256, (16, 24, 3), dtype=np.uint8)) for _ in range(2))


def row(*values: int) -> Mask:
    """A mask one pixel high."""
    return Mask(np.array([values], dtype=np.uint8))


def shades(*values: int) -> Image:
    """A grey picture one pixel high."""
    return Image(np.repeat(np.array([values], dtype=np.uint8)[..., None], 3, axis=2))


# ── making and changing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 100, 255]),
        ({"invert": True}, [255, 155, 0]),
        ({"threshold": 0.3}, [0, 255, 255]),
        ({"threshold": 0.3, "invert": True}, [255, 0, 0]),
        ({"threshold": 0.0}, [255, 255, 255]),
        ({"source": "red", "threshold": 1.0}, [0, 0, 255]),
    ],
)
def test_a_mask_from_a_picture(options: dict[str, Any], expected: list[int]) -> None:
    assert mask_from_image(shades(0, 100, 255), **options).values.tolist() == [expected]


def test_a_mask_is_drawn_at_the_pictures_size() -> None:
    mask = draw_mask(PICTURE, "rectangle", left=0.5, top=0.0, width=0.5, height=0.25)
    assert mask.size == PICTURE.size
    assert (mask.values[:4, 12:] == 255).all() and mask.values.sum() == 4 * 12 * 255
    triangle = draw_mask(PICTURE, "polygon", points=[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert triangle.values[0, 0] == 255 and triangle.values[-1, -1] == 0
    assert triangle.values.mean() / 255 == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match=r"points: expected at least 3 corners \[x, y\] of a polygon, found 0"):
        draw_mask(PICTURE, "polygon")


@pytest.mark.parametrize(
    ("points", "fits"),
    [
        ([[0, 0], [1, 0.5], [0, 1]], True),
        (None, True),
        ([[0, 0], [1, 0.5]], False),
        ([[0, 0], [1, 0.5], [0, 1, 2]], False),
        ([[0, 0], [1, 0.5], [0]], False),
        ([[0, 0], [1, 0.5], ["0", 1]], False),
        ([[0, 0], [1, 0.5], [0, 200]], False),
    ],
)
def test_points_are_checked_before_anything_runs(points: Any, fits: bool) -> None:
    param = REGISTRY["draw_mask"].params["points"]
    if fits:
        assert param.coerce(points) == points
    else:
        with pytest.raises(ValueError, match="expected"):
            param.coerce(points)


def test_masks_are_changed() -> None:
    mask = row(0, 0, 0, 255, 0, 0, 0, 0)
    assert grow_mask(mask, 2).values.tolist() == [[0, 255, 255, 255, 255, 255, 0, 0]]
    assert grow_mask(mask, -1).values.max() == 0
    soft = feather_mask(mask, 2).values[0].tolist()
    assert soft[3] == 255 and 0 < soft[1] < soft[2] < 255 and soft[0] == soft[6] == 0
    assert invert_mask(row(0, 9, 255)).values.tolist() == [[255, 246, 0]]
    assert threshold_mask(row(0, 99, 100, 255), 100 / 255).values.tolist() == [[0, 0, 255, 255]]
    assert combine_masks(row(255, 0, 255), row(255, 0, 0), "difference").values.tolist() == [[0, 0, 255]]
    assert mask_to_image(row(3, 4)).pixels.tolist() == [[[3, 3, 3], [4, 4, 4]]]


def test_choices_are_those_that_exist() -> None:
    for name, param, choices in (
        ("mask_from_image", "source", stage.MaskSource),
        ("draw_mask", "shape", stage.Shape),
        ("combine_masks", "operation", stage.Operation),
    ):
        assert REGISTRY[name].params[param].choices == get_args(choices)


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_kept_is_the_originals_again() -> None:
    mask = draw_mask(PICTURE, "ellipse", 0.3, 0.3, 0.3, 0.3)
    made = composite(PICTURE, PAINTED, mask, feather=3)
    kept = invert_mask(feather_mask(mask, 3))
    assert image_change(PICTURE, made, kept, "largest") == 0
    assert image_change(PAINTED, made, mask, "largest") == 0
    assert 0 < image_change(PICTURE, made) < image_change(PICTURE, PAINTED)
    seen = difference_image(PICTURE, made, 255).pixels.max(axis=2)
    assert (seen[kept.values == 255] == 0).all() and seen.max() == 255


def test_a_change_is_a_number() -> None:
    assert image_change(shades(10, 20), shades(13, 20)) == 1.5
    assert image_change(shades(10, 20), shades(13, 20), row(255, 0)) == 3
    assert REGISTRY["image_change"].outputs[""].kind == "float"


# ── channels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_channels_fit_an_inpainting_unet(model: Checkpoint) -> None:
    channels = inpaint_channels(model.vae, PICTURE, draw_mask(PICTURE))
    assert channels.tensor.shape == (1, 5, 8, 12)
    assert set(channels.tensor[:, 0].unique().tolist()) == {0.0, 1.0}
    nine = replace(model.unet.config, in_channels=9)
    expect_channels(nine, Latent(torch.zeros(1, 4, 8, 12), 1.0), channels)
    drawn = inpaint_channels(model.vae, PICTURE, draw_mask(PICTURE), seed=3)
    assert torch.equal(drawn.tensor[:, 0], channels.tensor[:, 0])
    assert not torch.equal(drawn.tensor, channels.tensor)


# ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def bytes_of(value: Any) -> bytes:
    """What a picture or a mask holds."""
    return bytes((value.pixels if isinstance(value, Image) else value.values).tobytes())


def test_no_node_changes_its_inputs(model: Checkpoint) -> None:
    picture, mask = Image(RNG.integers(0, 256, (16, 24, 4), dtype=np.uint8)), Mask(PICTURE.pixels[..., 0])
    values = (picture, PAINTED, mask)
    calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (mask_from_image, (picture, "alpha", True, 0.5)),
        (draw_mask, (picture, "ellipse")),
        (grow_mask, (mask, 3)),
        (grow_mask, (mask, -3)),
        (feather_mask, (mask, 5)),
        (invert_mask, (mask,)),
        (threshold_mask, (mask,)),
        (combine_masks, (mask, mask, "difference")),
        (mask_to_image, (mask,)),
        (composite, (picture, PAINTED, mask, 2)),
        (difference_image, (picture, PAINTED)),
        (image_change, (picture, PAINTED)),
        (inpaint_channels, (model.vae, picture, mask)),
    ]
    before = [bytes_of(value) for value in values]
    for function, arguments in calls:
        function(*arguments)
        assert [bytes_of(value) for value in values] == before, function.__name__
