"""LoRA: what it does to a model, the files it is kept in, and that diffusers and peft do and write the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diffusion import finetune
from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.lora import (
    Factors,
    Lora,
    LoraError,
    LoraLayer,
    canonical,
    layers_of,
    merged,
    with_lora,
)
from diffusion.lora_files import Layout, assembled, dotted, named, noted_alpha, parsed, read_lora, write_lora

LAYOUTS: tuple[Layout, ...] = ("diffusers", "kohya")
CHOICES = ("attention", "transformer", "all")
TO_K = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
Q_PROJ = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"

G = torch.Generator().manual_seed(0)
X, T, STATES = torch.randn(2, 4, 8, 8, generator=G), torch.tensor([901.0, 17.0]), torch.randn(2, 77, 16, generator=G)
IDS = torch.randint(0, 500, (2, 77), generator=G)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


def lora_for(model: Checkpoint, layers: str = "all", rank: int = 3, alpha: float = 2.0, seed: int = 0) -> Lora:
    """A LoRA of both parts that changes much."""
    begun = finetune.begin(model.unet, model.text_encoder, "lora", rank, alpha, layers, train_text_encoder=True)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    random = {name: 0.3 * torch.randn(t.shape, generator=generator) for name, t in begun.parameters.items()}
    return finetune.learnt_lora(finetune.Tuning(random, begun.alpha))


def answers(unet: Any, encoder: Any) -> tuple[Tensor, Tensor]:
    """What a model's two parts say."""
    with torch.no_grad():
        return unet(X, T, STATES), encoder(IDS).last_hidden_state


def equal(a: Lora, b: Lora) -> bool:
    """Whether two LoRAs are the same, bit for bit."""
    return a.factors.keys() == b.factors.keys() and all(
        torch.equal(one.down, b.factors[name].down)
        and torch.equal(one.up, b.factors[name].up)
        and one.alpha == b.factors[name].alpha
        for name, one in a.factors.items()
    )


# ── layers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_attention_is_queries_keys_values_and_outputs(model: Checkpoint) -> None:
    unet = layers_of(model.unet.load(), "attention")
    assert {path.split(".attn")[1][2:] for path in unet} == {"to_q", "to_k", "to_v", "to_out.0"}
    assert len(unet) == 4 * 8  # four transformer blocks, two attentions each
    encoder = layers_of(model.text_encoder.load(), "attention")
    assert {path.rpartition(".")[2] for path in encoder} == {"q_proj", "k_proj", "v_proj", "out_proj"}
    assert len(encoder) == 2 * 4


def test_transformer_is_feed_forward_and_projections_too(model: Checkpoint) -> None:
    unet = layers_of(model.unet.load(), "transformer")
    assert layers_of(model.unet.load(), "attention").keys() < unet.keys()
    assert all(".attentions." in path for path in unet) and len(unet) == 4 * (8 + 2 + 2)
    assert {"fc1", "fc2"} < {path.rpartition(".")[2] for path in layers_of(model.text_encoder.load(), "transformer")}


def test_all_is_every_linear_layer_and_convolution(model: Checkpoint) -> None:
    unet = model.unet.load()
    plain = {path for path, m in unet.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    assert layers_of(unet).keys() == plain and {"conv_in", "time_embedding.linear_1"} < plain


def test_layers_are_found_once_where_there_is_a_lora_already(model: Checkpoint) -> None:
    unet, _ = with_lora(model.unet, model.text_encoder, lora_for(model, "transformer"))
    for choice in CHOICES:
        assert layers_of(unet.load(), choice).keys() == layers_of(model.unet.load(), choice).keys()  # type: ignore[arg-type]


# ── a layer with its branch ───────────────────────────────────────────────────────────────────────────────────────────

BASES: dict[str, Callable[[], nn.Linear | nn.Conv2d]] = {
    "linear": lambda: nn.Linear(6, 5),
    "convolution": lambda: nn.Conv2d(6, 5, 3, padding=1),
    "strided": lambda: nn.Conv2d(6, 5, 3, stride=2, padding=1),
    "1×1": lambda: nn.Conv2d(6, 5, 1),
}


def branch(base: nn.Linear | nn.Conv2d, rank: int = 2, alpha: float = 3.0) -> Factors:
    """Factors for a layer."""
    _, inner, *kernel = base.weight.shape
    down, up = torch.randn(rank, inner, *kernel), torch.randn(5, rank, *(1 for _ in kernel))
    return Factors(down, up, alpha).on(base.weight)


@pytest.mark.parametrize("kind", BASES)
def test_a_branch_is_a_change_of_the_weight(kind: str) -> None:
    base = BASES[kind]()
    x = torch.randn(2, 6, 7, 9) if base.weight.ndim == 4 else torch.randn(2, 3, 6)
    first, second = branch(base), branch(base, rank=4, alpha=1.0)
    layer = LoraLayer(LoraLayer(base, first, 0.5), second, -2.0)
    change = 0.5 * 3 / 2 * (first.up.flatten(1) @ first.down.flatten(1))
    change = change - 2.0 * 1 / 4 * (second.up.flatten(1) @ second.down.flatten(1))
    expected = torch.func.functional_call(base, {"weight": base.weight + change.view_as(base.weight)}, x)
    with torch.no_grad():
        assert torch.allclose(layer(x), expected, atol=1e-4)
        assert torch.allclose(layer.merged()(x), expected, atol=1e-4)
        assert layer.plain is base and layer.weight is base.weight


@pytest.mark.parametrize(("kind", "flat"), [("linear", False), ("1×1", True)])
def test_a_1_by_1_convolution_is_as_good_as_a_linear_layer(kind: str, flat: bool) -> None:
    base = BASES[kind]()
    shape = (2, 6) if flat else (2, 6, 1, 1)
    factors = Factors(torch.randn(shape), torch.randn((5, 2) if flat else (5, 2, 1, 1)), 2.0)
    assert factors.fit(tuple(base.weight.shape))
    LoraLayer(base, factors.on(base.weight))(torch.randn(1, 6) if base.weight.ndim == 2 else torch.randn(1, 6, 2, 2))


@pytest.mark.parametrize(
    ("down", "up", "shape"),
    [((2, 6), (5, 2), (5, 7)), ((2, 6), (5, 2), (6, 6)), ((2, 6), (5, 2), (5, 6, 3, 3)), ((2, 6), (5, 2), (5,)),
     ((2, 6, 3, 3), (5, 2, 1, 1), (5, 6, 1, 1)), ((2, 6, 3, 3), (5, 2, 1, 1), (5, 6))],
)  # fmt: skip
def test_factors_of_another_shape_do_not_fit(down: tuple[int], up: tuple[int], shape: tuple[int]) -> None:
    assert not Factors(torch.zeros(down), torch.zeros(up), 1.0).fit(shape)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({}, "lora: expected the factors of at least one layer, found none"),
        ({"vae.conv": Factors(torch.zeros(2, 3), torch.zeros(3, 2), 1.0)}, "vae.conv: expected a layer of unet or"),
        ({TO_K: Factors(torch.zeros(2, 3), torch.zeros(3, 4), 1.0)}, r"to_k: .* found \(2, 3\) and \(3, 4\)"),
        ({TO_K: Factors(torch.zeros(2, 3), torch.zeros(3, 2, 1, 1), 1.0)}, "to_k: expected factors"),
        ({TO_K: Factors(torch.zeros(0, 3), torch.zeros(3, 0), 1.0)}, "to_k: expected factors"),
        ({TO_K: Factors(torch.zeros(3), torch.zeros(3), 1.0)}, "to_k: expected factors"),
    ],
)
def test_factors_belong_together(factors: Mapping[str, Factors], message: str) -> None:
    with pytest.raises(LoraError, match=message):
        Lora(factors)


# ── a model with a LoRA ───────────────────────────────────────────────────────────────────────────────────────────────


def test_taken_away_the_model_says_what_it_said_bit_for_bit(model: Checkpoint) -> None:
    before = [t.clone() for t in answers(model.unet.load(), model.text_encoder.load())]
    weights = {name: p.clone() for name, p in model.unet.load().named_parameters()}
    unet, encoder = with_lora(model.unet, model.text_encoder, lora_for(model))
    with_it = answers(unet.load(), encoder.load())
    assert not any(torch.allclose(a, b, atol=1e-2) for a, b in zip(before, with_it, strict=True))
    after = answers(model.unet.load(), model.text_encoder.load())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(torch.equal(p, weights[name]) for name, p in model.unet.load().named_parameters())


def test_at_strength_nought_the_handles_are_as_they_were(model: Checkpoint) -> None:
    assert with_lora(model.unet, model.text_encoder, lora_for(model), 0.0) == (model.unet, model.text_encoder)


def test_weights_are_shared_with_the_plain_model(model: Checkpoint) -> None:
    unet, _ = with_lora(model.unet, model.text_encoder, lora_for(model, "attention"))
    plain = {id(p) for p in model.unet.load().parameters()}
    added = [name for name, p in unet.load().named_parameters() if id(p) not in plain]
    assert len(added) == 2 * 32 and all(name.endswith((".down", ".up")) for name in added)


def test_two_add_up_and_one_takes_the_other_back(model: Checkpoint) -> None:
    style, other = lora_for(model, "attention", seed=1), lora_for(model, "transformer", seed=2)
    both = with_lora(*with_lora(model.unet, model.text_encoder, style, 0.5), other)
    again = with_lora(*with_lora(*both, style, -0.5), other, -1.0)
    plain, undone = (answers(u.load(), e.load()) for u, e in ((model.unet, model.text_encoder), again))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(plain, undone, strict=True))
    assert not torch.allclose(answers(both[0].load(), both[1].load())[0], plain[0], atol=1e-2)


@pytest.mark.parametrize("strength", [1.0, 0.7, -1.0])
def test_merged_the_plain_network_says_the_same(model: Checkpoint, strength: float) -> None:
    unet, encoder = with_lora(*with_lora(model.unet, model.text_encoder, lora_for(model)), lora_for(model), strength)
    expected = answers(unet.load(), encoder.load())
    plain = merged(unet.load()), merged(encoder.load())
    assert not any(isinstance(m, LoraLayer) for network in plain for m in network.modules())
    assert plain[0].state_dict().keys() == model.unet.load().state_dict().keys()
    for a, b in zip(answers(*plain), expected, strict=True):
        assert torch.allclose(a, b, atol=1e-4 * float(b.abs().max()))


def test_a_lora_for_another_model_names_the_layer_and_the_shapes(model: Checkpoint) -> None:
    wide = Lora({TO_K: Factors(torch.zeros(4, 768), torch.zeros(32, 4), 4.0)})
    message = (r"lora: unet\.down_blocks\.1\..*\.attn2\.to_k: expected factors for a weight \(32, 16\), "
               r"found \(4, 768\) and \(32, 4\); trained for another model\?")  # fmt: skip
    with pytest.raises(LoraError, match=message):
        with_lora(model.unet, model.text_encoder, wide)
    deep = Lora({"unet.down_blocks.3.resnets.0.conv1": Factors(torch.zeros(4, 8), torch.zeros(8, 4), 4.0)})
    with pytest.raises(LoraError, match=r"unet\.down_blocks\.3\.resnets\.0\.conv1: expected a layer of this model"):
        with_lora(model.unet, model.text_encoder, deep)


def test_nothing_is_loaded_to_find_out_that_it_fits(model: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    lora = lora_for(model)
    monkeypatch.setattr("diffusion.checkpoint._live", lambda *_: pytest.fail("weights were read"))
    unet, encoder = with_lora(model.unet, model.text_encoder, lora)
    assert len(unet.patches) == len(encoder.patches) == 1


def test_it_fits_an_encoder_whose_file_has_the_root_in_its_names(model: Checkpoint, tmp_path: Path) -> None:
    folder = shutil.copytree(model.unet.folder.parent, tmp_path / "older")
    file = folder / "text_encoder" / "model.safetensors"
    tensors = load_file(file)
    assert not any(name.startswith("text_model.") for name in tensors)
    renamed = {f"text_model.{name}": tensor.clone() for name, tensor in tensors.items()}
    save_file(renamed, file, metadata={"format": "pt"})
    older, lora = open_checkpoint(folder), lora_for(model)
    _, expected = (part.load() for part in with_lora(model.unet, model.text_encoder, lora))
    _, found = (part.load() for part in with_lora(older.unet, older.text_encoder, lora))
    with torch.no_grad():
        assert torch.equal(found(IDS).last_hidden_state, expected(IDS).last_hidden_state)


# ── names in files ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_layers_identifier_gets_its_dots_back(model: Checkpoint) -> None:
    for part, network in (("unet", model.unet.load()), ("text_encoder", model.text_encoder.load())):
        for path in layers_of(network):
            plain = canonical(part, path).partition(".")[2]
            assert dotted(plain.replace(".", "_")) == plain


NAMES = [
    f"{TO_K}.lora_A.weight",
    f"{TO_K}.lora.down.weight",
    TO_K.replace(".to_k", ".processor.to_k_lora.down.weight"),
    TO_K.removeprefix("unet.").replace(".to_k", ".processor.to_k_lora.down.weight"),
    "lora_unet_" + TO_K.removeprefix("unet.").replace(".", "_") + ".lora_down.weight",
]
TEXT_NAMES = [
    f"{Q_PROJ}.lora_A.weight",
    Q_PROJ.replace("text_model.", "") + ".lora_A.weight",
    f"{Q_PROJ}.lora_linear_layer.down.weight",
    Q_PROJ.replace("q_proj", "to_q_lora.down.weight"),
    "lora_te_" + Q_PROJ.removeprefix("text_encoder.").replace(".", "_") + ".lora_down.weight",
]


@pytest.mark.parametrize(("key", "name"), [*((k, TO_K) for k in NAMES), *((k, Q_PROJ) for k in TEXT_NAMES)])
def test_names_of_all_times_are_read(key: str, name: str) -> None:
    ups = {"lora_A": "lora_B", "down": "up"}
    up = key
    for down, other in ups.items():
        up = f"{other}.weight".join(up.rsplit(f"{down}.weight", 1))
    assert (parsed(key), parsed(up)) == ((name, "down"), (name, "up"))


def test_the_output_layer_of_old_names_is_the_first_of_two() -> None:
    name = TO_K.replace("to_k", "to_out")
    assert parsed(name.replace(".to_out", ".processor.to_out_lora.up.weight")) == (f"{name}.0", "up")
    assert parsed(f"{name}.0.lora_B.weight") == (f"{name}.0", "up")
    assert parsed(Q_PROJ.replace("q_proj", "to_out_lora.up.weight")) == (Q_PROJ.replace("q_proj", "out_proj"), "up")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("conv_in.weight", r"expected a LoRA \(….lora_A.weight, ….lora_down.weight\), found another tensor"),
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "found one of .*larger model"),
        ("lora_unet_input_blocks_4_1_proj_in.lora_down.weight", "found one of .*larger model"),
        ("text_encoder_2.text_model.encoder.layers.0.mlp.fc1.lora_A.weight", "found one of .*larger model"),
        ("transformer.single_blocks.0.attn.to_q.lora_A.weight", "found one of .*larger model"),
        ("lora_unet_mid_block_attentions_0_proj_in.hada_w1_a", "expected plain LoRA, found LoHa"),
        ("lora_unet_mid_block_attentions_0_proj_in.dora_scale", "expected plain LoRA"),
        (f"{TO_K}.lora_magnitude_vector", "expected plain LoRA"),
    ],
)
def test_what_is_not_supported_is_named(key: str, message: str) -> None:
    with pytest.raises(LoraError, match=message):
        parsed(key)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_name_breaks_the_reader(key: str) -> None:
    try:
        name, role = parsed(key)
    except LoraError:
        return
    assert name.partition(".")[0] in ("unet", "text_encoder") and role in ("down", "up", "alpha")


# ── reading and writing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("choice", CHOICES)
def test_kohyas_layout_loses_nothing(model: Checkpoint, tmp_path: Path, choice: str) -> None:
    lora = lora_for(model, choice)
    write_lora(tmp_path / "x.safetensors", lora, "kohya")
    assert equal(read_lora(tmp_path / "x.safetensors"), lora)


def test_diffusers_layout_has_alpha_in_the_factors(model: Checkpoint, tmp_path: Path) -> None:
    lora = lora_for(model, rank=4, alpha=3.0)
    write_lora(tmp_path / "x.safetensors", lora, "diffusers")
    back = read_lora(tmp_path / "x.safetensors")
    assert back.factors.keys() == lora.factors.keys()
    for name, one in back.factors.items():
        assert one.alpha == one.rank == 4 and torch.equal(one.down, lora.factors[name].down)
        assert torch.allclose(one.up, 0.75 * lora.factors[name].up)


def test_half_precision_is_read_as_float32(model: Checkpoint, tmp_path: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in named(lora_for(model), "kohya").items()}
    save_file(tensors, tmp_path / "x.safetensors")
    assert {one.up.dtype for one in read_lora(tmp_path / "x.safetensors").factors.values()} == {torch.float32}


def test_without_alpha_it_is_the_rank() -> None:
    tensors = {f"{TO_K}.lora_A.weight": torch.zeros(3, 16), f"{TO_K}.lora_B.weight": torch.zeros(32, 3)}
    assert assembled(tensors, {}).factors[TO_K].alpha == 3


@pytest.mark.parametrize(
    ("noted", "alpha"),
    [
        ({}, 4.0),
        ({"unet.lora_alpha": 8}, 8.0),
        ({"unet.lora_alpha": 8, "unet.use_rslora": True}, 16.0),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn2.to_k": 2}}, 2.0),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_k": 2}}, 8.0),
        ({"text_encoder.lora_alpha": 8, "unet.alpha_pattern": None}, 4.0),
    ],
)
def test_the_alpha_that_diffusers_notes_counts(noted: Mapping[str, Any], alpha: float) -> None:
    assert noted_alpha(noted, TO_K, 4) == alpha


@pytest.mark.parametrize("noted", ["{", "[1]", '{"unet.lora_alpha": []}', '{"unet.alpha_pattern": {"(": 1}}',
                                   '{"unet.alpha_pattern": 3}'])  # fmt: skip
def test_broken_notes_are_named(noted: str) -> None:
    tensors = {f"{TO_K}.lora_A.weight": torch.zeros(3, 16), f"{TO_K}.lora_B.weight": torch.zeros(32, 3)}
    with pytest.raises(LoraError, match="lora_adapter_metadata: expected "):
        assembled(tensors, {"lora_adapter_metadata": noted})


@pytest.fixture
def file(model: Checkpoint, tmp_path: Path) -> Path:
    """A file that is a LoRA."""
    write_lora(tmp_path / "x.safetensors", lora_for(model, "attention"), "kohya")
    return tmp_path / "x.safetensors"


@pytest.mark.parametrize("keep", [0, 5, 200, -1], ids=["empty", "a few bytes", "half a header", "one byte short"])
def test_a_truncated_file_is_named(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(LoraError, match=r"x\.safetensors: expected a whole safetensors file: .*; download it again\?"):
        read_lora(file)


def test_a_model_is_no_lora(model: Checkpoint) -> None:
    message = r"diffusion_pytorch_model\.safetensors: conv_in\.bias: expected a LoRA .*, found another tensor"
    with pytest.raises(LoraError, match=message):
        read_lora(model.unet.folder / "diffusion_pytorch_model.safetensors")


def test_pickle_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"anything")
    with pytest.raises(LoraError, match=r"x\.pt: expected a \.safetensors file; pickle"):
        read_lora(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({f"{TO_K}.lora_A.weight": (3, 16)}, "to_k: expected both factors, found down"),
        ({f"{TO_K}.lora_A.weight": (3, 16), f"{TO_K}.lora_B.weight": (32, 4)}, r"found \(3, 16\) and \(32, 4\)"),
        ({f"{TO_K}.lora_A.weight": (), f"{TO_K}.lora_B.weight": ()}, r"found \(\) and \(\)"),
        ({}, "expected the factors of at least one layer, found none"),
    ],
)
def test_half_a_lora_is_none(tmp_path: Path, tensors: dict[str, tuple[int, ...]], message: str) -> None:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, tmp_path / "x.safetensors")
    with pytest.raises(LoraError, match=rf"x\.safetensors: .*{message}"):
        read_lora(tmp_path / "x.safetensors")


# ── diffusers and peft ────────────────────────────────────────────────────────────────────────────────────────────────

TOLERANCE = 1e-4
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def pipeline(folder: Path) -> Any:
    """The tiny checkpoint in diffusers."""
    from diffusers import PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    return StableDiffusionPipeline(
        vae=None, unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        scheduler=PNDMScheduler.from_pretrained(folder / "scheduler"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def their_answers(pipe: Any) -> tuple[Tensor, Tensor]:
    """What diffusers' model says."""
    return answers(lambda *given: pipe.unet(*given).sample, pipe.text_encoder)


def close(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> bool:
    """Whether two models say the same."""
    return all(float((x - y).abs().max()) <= TOLERANCE for x, y in zip(a, b, strict=True))


@quiet
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("strength", [1.0, 0.7])
def test_diffusers_reads_our_files_and_says_the_same(
    model: Checkpoint, tiny_model: Path, tmp_path: Path, layout: Layout, choice: str, strength: float
) -> None:
    pytest.importorskip("peft")
    lora = lora_for(model, choice)
    write_lora(tmp_path / "x.safetensors", lora, layout)
    pipe = pipeline(tiny_model)
    plain = their_answers(pipe)
    pipe.load_lora_weights(str(tmp_path / "x.safetensors"))
    pipe.set_adapters(["default_0"], [strength])
    ours = [part.load() for part in with_lora(model.unet, model.text_encoder, lora, strength)]
    assert close(their_answers(pipe), answers(*ours)) and not close(plain, answers(*ours))


@quiet
@pytest.mark.parametrize("noted", [True, False], ids=["alpha noted", "alpha not noted"])
def test_we_read_what_diffusers_writes_and_say_the_same(
    model: Checkpoint, tiny_model: Path, tmp_path: Path, noted: bool
) -> None:
    peft = pytest.importorskip("peft")
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers

    pipe = pipeline(tiny_model)
    torch.manual_seed(0)
    alpha = 8 if noted else 4
    targets = {"unet": ["to_k", "to_q", "to_v", "to_out.0", "conv1"], "text_encoder": ["q_proj", "k_proj", "fc1"]}
    layers, notes = {}, {}
    for part, names in targets.items():
        network = getattr(pipe, part)
        config = peft.LoraConfig(r=4, lora_alpha=alpha, init_lora_weights=False, target_modules=names)
        network.add_adapter(config)
        layers[part] = convert_state_dict_to_diffusers(peft.get_peft_model_state_dict(network, adapter_name="default"))
        notes[part] = config.to_dict() if noted else None
    StableDiffusionPipeline.save_lora_weights(
        tmp_path, layers["unet"], layers["text_encoder"],
        unet_lora_adapter_metadata=notes["unet"], text_encoder_lora_adapter_metadata=notes["text_encoder"],
    )  # fmt: skip
    lora = read_lora(tmp_path / "pytorch_lora_weights.safetensors")
    assert {one.alpha for one in lora.factors.values()} == {alpha}
    ours = [part.load() for part in with_lora(model.unet, model.text_encoder, lora)]
    assert close(their_answers(pipe), answers(*ours))


@quiet
def test_the_notes_that_diffusers_writes_are_those_that_are_read(tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline
    from safetensors import safe_open

    layers = {f"{TO_K.removeprefix('unet.')}.lora_A.weight": torch.zeros(2, 16)}
    StableDiffusionPipeline.save_lora_weights(tmp_path, layers, unet_lora_adapter_metadata={"lora_alpha": 5})
    with safe_open(tmp_path / "pytorch_lora_weights.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["lora_adapter_metadata"]) == {"unet.lora_alpha": 5}
