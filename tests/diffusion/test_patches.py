"""Patches: carried by handles, made when a part is loaded, gone when they are left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.patches import NewRows, NewWeights, digest, path_in, token_table


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


def random(*shape: int) -> Tensor:
    """Numbers that are always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


# ── identity ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_digest_tells_names_types_shapes_and_bytes_apart() -> None:
    a = random(2, 3)
    others = [{"a": a}, {"b": a}, {"a": a.half()}, {"a": a.reshape(3, 2)}, {"a": -a}, {"a": a, "b": a}]
    assert len({digest(one) for one in others}) == len(others)
    assert digest({"a": a, "b": -a}) == digest({"b": -a, "a": a.clone()}) and digest({"a": a.T.T}) == digest({"a": a})


def test_another_patch_is_another_model_to_the_store_of_weights(model: Checkpoint) -> None:
    bias = model.unet.load().conv_in.bias
    patches = [NewWeights({"conv_in.bias": bias + 1}), NewWeights({"conv_in.bias": bias + 2}),
               NewWeights({"conv_in.bias": bias + 1}, 0.5)]  # fmt: skip
    handles = [model.unet, *(model.unet.patched(patch) for patch in patches), model.unet.patched(*patches[:2])]
    assert len({handle.identity() for handle in handles}) == len(handles)
    assert len({id(handle.load()) for handle in handles}) == len(handles)


def test_equal_patches_are_one_model_to_the_store_of_weights(model: Checkpoint) -> None:
    first, second = (model.unet.patched(NewWeights({"conv_in.bias": torch.ones(16)})) for _ in range(2))
    assert first.load() is second.load()


# ── new weights ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_new_weights_take_the_place_of_the_old_and_the_rest_is_shared(model: Checkpoint) -> None:
    plain, before = model.unet.load(), model.unet.load().conv_in.weight.clone()
    after = random(*before.shape)
    live = model.unet.patched(NewWeights({"conv_in.weight": after})).load()
    assert torch.equal(live.conv_in.weight, after) and live.mid_block is plain.mid_block
    assert torch.equal(model.unet.load().conv_in.weight, before)


def test_strength_goes_from_the_old_weights_to_the_new_and_beyond(model: Checkpoint) -> None:
    before, after = model.unet.load().conv_in.bias, random(16)
    for strength in (-1.0, 0.0, 0.25, 1.0, 2.0):
        live = model.unet.patched(NewWeights({"conv_in.bias": after}, strength)).load()
        assert torch.allclose(live.conv_in.bias, before + strength * (after - before), atol=1e-6)
    assert torch.equal(model.unet.patched(NewWeights({"conv_in.bias": after})).load().conv_in.bias, after)


def test_patches_are_made_in_order(model: Checkpoint) -> None:
    one, two = (NewWeights({"conv_in.bias": torch.full((16,), float(n))}) for n in (1, 2))
    assert float(model.unet.patched(one, two).load().conv_in.bias[0]) == 2
    assert float(model.unet.patched(one).patched(two).load().conv_in.bias[0]) == 2


def test_a_patched_network_only_infers(model: Checkpoint) -> None:
    live = model.unet.patched(NewWeights({"conv_in.bias": torch.ones(16)})).load()
    assert not live.training and not any(p.requires_grad for p in live.parameters())


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv_in.scale", (16,), r"conv_in\.scale: expected a parameter \(16,\), found none; of another model\?"),
        ("conv_in.bias", (8,), r"conv_in\.bias: expected a parameter \(8,\), found one of shape \(16,\)"),
    ],
)
def test_weights_of_another_model_are_refused(model: Checkpoint, name: str, shape: tuple[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.unet.patched(NewWeights({name: torch.zeros(shape)})).load()


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_text_encoders_names_are_those_of_files(model: Checkpoint) -> None:
    name = "text_model.final_layer_norm.bias"
    live = model.text_encoder.patched(NewWeights({name: torch.ones(16)})).load()
    assert torch.equal(live.get_parameter(path_in(live, name)), torch.ones(16))


def test_names_are_the_same_where_transformers_keeps_the_root() -> None:
    older = nn.Module()
    older.text_model = nn.Linear(1, 1)
    assert path_in(older, "text_model.weight") == "text_model.weight"
    assert path_in(nn.Linear(1, 1), "text_model.weight") == path_in(nn.Linear(1, 1), "weight") == "weight"


# ── new rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_new_rows_lie_below_the_others(model: Checkpoint) -> None:
    vectors = random(2, 16)
    _, plain = token_table(model.text_encoder.load())
    _, longer = token_table(model.text_encoder.patched(NewRows(vectors)).load())
    assert torch.equal(longer.weight, torch.cat([plain.weight, vectors]))
    assert len(token_table(model.text_encoder.load())[1].weight) == len(plain.weight) == model.text_encoder.rows
    assert model.text_encoder.patched(NewRows(vectors), NewRows(vectors)).all_rows == model.text_encoder.rows + 4
