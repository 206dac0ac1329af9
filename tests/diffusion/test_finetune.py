"""Fine-tuning: what moves and what does not, that rounds of any length agree, and what each option does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shipped import SIDE
from stable_diffusion import random_parts
from torch import Tensor, nn

from diffusion import finetune, training
from diffusion.checkpoint import Checkpoint, UNetHandle, open_checkpoint
from diffusion.finetune import Tuning, begin, learnt_lora, tuned
from diffusion.lora import LoraError, with_lora
from diffusion.lora_files import read_lora, write_lora
from diffusion.patches import NewRows
from diffusion.runtime import make_runtime, use
from diffusion.text import NewWord
from diffusion.training import Examples, TrainingError

EMOJI = Path(__file__).resolve().parents[2] / "models" / "emoji"

G = torch.Generator().manual_seed(0)
EXAMPLES = Examples(torch.randn(4, 4, 8, 8, generator=G), ("a fox", "a cat", "", "an owl"))
PRIOR = Examples(torch.randn(3, 4, 8, 8, generator=G), ("a face", "a dog", "a face"))
X, T, STATES = torch.randn(2, 4, 8, 8, generator=G), torch.tensor([901.0, 17.0]), torch.randn(2, 77, 16, generator=G)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


@pytest.fixture
def train(model: Checkpoint) -> Callable[..., Tuning]:
    """`finetune.train` on the tiny checkpoint and the examples, four steps with a high learning rate."""

    def train(tuning: Tuning, examples: Examples = EXAMPLES, prior: Examples | None = None, **options: Any) -> Tuning:
        chosen = {"steps": 4, "learning_rate": 1e-2, "batch": 2} | options
        return finetune.train(tuning, model.unet, model.text_encoder, model.tokenizer, examples, prior, **chosen)  # type: ignore[arg-type]

    return train


def fresh(model: Checkpoint, method: str = "lora", **options: Any) -> Tuning:
    """A training before its first step."""
    return begin(model.unet, model.text_encoder, method, **options)  # type: ignore[arg-type]


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether tensors are equal, bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def near(a: Tuning, b: Tuning, tolerance: float) -> bool:
    """Whether what was learnt agrees, each number to within a tolerance."""
    return all(bool((a.parameters[n] - b.parameters[n]).abs().max() <= tolerance) for n in a.parameters)


def answer(unet: UNetHandle) -> Tensor:
    """What a UNet says."""
    with torch.no_grad():
        return unet.load()(X, T, STATES)


# ── beginning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["lora", "full"])
def test_before_its_first_step_it_is_the_untaught_model(model: Checkpoint, method: str) -> None:
    tuning = fresh(model, method, train_text_encoder=True)
    assert tuning.method == method and tuning.step == 0
    unet, _ = tuned(tuning, model.unet, model.text_encoder)
    assert torch.equal(answer(unet), answer(model.unet))


def test_factors_begin_as_in_the_paper(model: Checkpoint) -> None:
    tuning = fresh(model, rank=8, layers="all", train_text_encoder=True)
    downs = torch.cat([t.flatten() for name, t in tuning.parameters.items() if name.endswith(".down")])
    ups = [t for name, t in tuning.parameters.items() if name.endswith(".up")]
    assert abs(float(downs.std()) * 8 - 1) < 0.05 and abs(float(downs.mean())) < 0.01
    assert not any(bool(t.any()) for t in ups) and len(ups) * 2 == len(tuning.parameters)
    assert tuning.alpha == 8 and fresh(model, rank=8, alpha=2.0).alpha == 2
    assert not same(tuning.parameters, fresh(model, rank=8, layers="all", train_text_encoder=True, seed=1).parameters)


def test_all_weights_begin_as_they_are(model: Checkpoint) -> None:
    tuning, unet = fresh(model, "full"), model.unet.load()
    assert same({f"unet.{name}": p for name, p in unet.named_parameters()}, tuning.parameters)
    both = fresh(model, "full", train_text_encoder=True).parameters
    assert sum(name.startswith("text_encoder.text_model.") for name in both) == len(both) - len(tuning.parameters) > 0


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("optimizer", ["adamw", "adamw8bit"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_five_steps_and_five_more_are_ten(
    model: Checkpoint, train: Callable[..., Tuning], method: str, optimizer: str, precision: str
) -> None:
    options = {"optimizer": optimizer, "precision": precision, "ema": 0.9, "warmup": 7}
    begun = fresh(model, method, train_text_encoder=True)
    once = train(begun, prior=PRIOR, steps=10, **options)
    half = train(begun, prior=PRIOR, steps=5, **options)
    twice = train(half, prior=PRIOR, steps=5, **options)
    assert once.losses == twice.losses and once.scaler == twice.scaler and half.losses == once.losses[:5]
    for kind in ("parameters", "moments", "average"):
        assert same(getattr(once, kind), getattr(twice, kind))


def test_the_order_of_parameters_does_not_matter(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    begun = fresh(model, "full", train_text_encoder=True)
    turned = replace(begun, parameters=dict(reversed(begun.parameters.items())))
    assert same(train(begun).parameters, train(turned).parameters)


def test_another_seed_is_another_training(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    begun = fresh(model)
    assert train(begun, seed=1).losses == train(begun, seed=1).losses != train(begun, seed=2).losses


def test_it_learns(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    one = Examples(EXAMPLES.latents[:1], EXAMPLES.captions[:1])
    losses = train(fresh(model, "full"), one, steps=120, learning_rate=3e-3, batch=4).losses
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])


def test_watchers_are_told_of_each_step(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    done: list[int] = []
    train(train(fresh(model), watch=done.append), watch=done.append)
    assert done == [1, 2, 3, 4] * 2


# ── what moves ────────────────────────────────────────────────────────────────────────────────────────────────────────


def snapshot(model: Checkpoint) -> dict[str, Tensor]:
    """Every weight of the checkpoint as it is in the store now."""
    parts = {"unet": model.unet.load(), "text": model.text_encoder.load()}
    return {f"{part} {name}": t.clone() for part, network in parts.items() for name, t in network.state_dict().items()}


@pytest.mark.parametrize(
    ("method", "options"),
    [("lora", {"layers": "attention"}), ("lora", {"layers": "all", "train_text_encoder": True}), ("full", {}),
     ("full", {"train_text_encoder": True})],
)  # fmt: skip
def test_everything_else_stays_bit_for_bit(
    model: Checkpoint, train: Callable[..., Tuning], method: str, options: dict[str, Any]
) -> None:
    begun = fresh(model, method, **options)
    before, given = snapshot(model), {name: t.clone() for name, t in begun.parameters.items()}
    first = train(begun, prior=PRIOR, ema=0.9)
    kept = {name: t.clone() for name, t in first.moments.items()}
    train(first, prior=PRIOR, ema=0.9, gradient_checkpointing=True)
    assert same(snapshot(model), before) and same(begun.parameters, given) and same(first.moments, kept)


@pytest.mark.parametrize("layers", ["attention", "transformer", "all"])
def test_every_factor_moves(model: Checkpoint, train: Callable[..., Tuning], layers: str) -> None:
    begun = fresh(model, layers=layers, train_text_encoder=True)
    after = train(begun)
    assert after.parameters.keys() == begun.parameters.keys()
    assert not [name for name in begun.parameters if torch.equal(begun.parameters[name], after.parameters[name])]


def test_every_weight_moves_where_all_are_trained(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    begun = fresh(model, "full", train_text_encoder=True)
    after = train(begun)
    assert not [name for name in begun.parameters if torch.equal(begun.parameters[name], after.parameters[name])]


def test_only_what_is_trained_has_a_gradient(model: Checkpoint) -> None:
    begun = fresh(model, layers="attention")
    live = {name.removeprefix("unet."): nn.Parameter(t) for name, t in begun.parameters.items()}
    network = finetune.trainable(model.unet.load(), live, begun.alpha, "float32")
    learning = [name for name, p in network.named_parameters() if p.requires_grad]
    assert len(learning) == len(live) and all(name.endswith((".down", ".up")) for name in learning)
    network(X, T, STATES).sum().backward()
    assert all(p.grad is not None for p in live.values())
    assert all(p.grad is None for p in model.unet.load().parameters())


def test_taken_away_the_untaught_model_is_back_bit_for_bit(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    before = answer(model.unet)
    for method in ("lora", "full"):
        tuning = train(fresh(model, method))
        unet, encoder = tuned(tuning, model.unet, model.text_encoder)
        assert not torch.allclose(answer(unet), before, atol=1e-3)
        assert torch.equal(answer(model.unet), before)
        assert tuned(tuning, model.unet, model.text_encoder, 0.0) == (model.unet, model.text_encoder)
        assert encoder == model.text_encoder


def test_strength_is_how_far_all_weights_go(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    tuning = train(fresh(model, "full"))
    before, after = model.unet.load().conv_in.weight, tuning.parameters["unet.conv_in.weight"]
    unet, _ = tuned(tuning, model.unet, model.text_encoder, 0.25)
    assert torch.allclose(unet.load().conv_in.weight, before + 0.25 * (after - before))


def test_what_was_learnt_goes_through_a_file_unchanged(
    model: Checkpoint, train: Callable[..., Tuning], tmp_path: Path
) -> None:
    tuning = train(fresh(model, layers="all", alpha=3.0, train_text_encoder=True))
    write_lora(tmp_path / "x.safetensors", learnt_lora(tuning), "kohya")
    ours, theirs = (
        answer(with_lora(model.unet, model.text_encoder, read_lora(tmp_path / "x.safetensors"))[0]),
        answer(tuned(tuning, model.unet, model.text_encoder)[0]),
    )
    assert torch.equal(ours, theirs)


def test_all_weights_are_no_lora(model: Checkpoint) -> None:
    with pytest.raises(ValueError, match='tuning: expected method "lora", found "full"; take tuned_model'):
        learnt_lora(fresh(model, "full"))


def test_a_lora_is_trained_on_a_model_that_has_one(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    style = train(fresh(model, layers="transformer"))
    unet, encoder = tuned(style, model.unet, model.text_encoder)
    begun = begin(unet, encoder, layers="attention")
    after = finetune.train(begun, unet, encoder, model.tokenizer, EXAMPLES, steps=2, learning_rate=1e-2)
    both, _ = tuned(after, unet, encoder)
    assert after.parameters.keys() == fresh(model, layers="attention").parameters.keys()
    assert not torch.allclose(answer(both), answer(unet), atol=1e-4)


# ── prompts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every prompt that is cut into ids."""
    found: list[str] = []

    def noted(tokenizer: Any, prompts: Any) -> Tensor:
        found.extend(prompts)
        return training.prompt_ids(tokenizer, prompts)

    monkeypatch.setattr(finetune, "prompt_ids", noted)
    return found


def test_the_prompt_is_said_of_examples_and_captions_of_the_prior(
    model: Checkpoint, train: Callable[..., Tuning], said: list[str]
) -> None:
    train(fresh(model), prior=PRIOR, steps=20, prompts=["a photo of sks, {caption}"])
    assert set(said) == {*(f"a photo of sks, {caption}" for caption in EXAMPLES.captions), *PRIOR.captions}


def test_each_prompt_is_encoded_once_unless_the_encoder_learns(
    model: Checkpoint, train: Callable[..., Tuning], said: list[str]
) -> None:
    train(fresh(model), steps=20)
    assert sorted(said) == sorted(EXAMPLES.captions)
    said.clear()
    train(fresh(model, train_text_encoder=True), steps=3)
    assert len(said) == 6


def test_new_words_are_read_by_what_they_mean(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    tokenizer = replace(model.tokenizer, new_words=(NewWord("sks", (514, 515)),))
    named = Examples(EXAMPLES.latents, ("sks",) * 4)

    def losses(vectors: Tensor, **options: Any) -> tuple[float, ...]:
        encoder = model.text_encoder.patched(NewRows(vectors))
        begun = begin(model.unet, encoder, **options)
        return finetune.train(begun, model.unet, encoder, tokenizer, named, steps=2).losses

    first, second = torch.randn(2, 16), torch.randn(2, 16)
    assert losses(first) == losses(first.clone()) != losses(second)
    assert losses(first, train_text_encoder=True)[0] == pytest.approx(losses(first)[0], rel=1e-5)
    whole = begin(model.unet, model.text_encoder.patched(NewRows(first)), "full", train_text_encoder=True)
    table = whole.parameters["text_encoder.text_model.embeddings.token_embedding.weight"]
    assert torch.equal(table[-2:], first)


# ── options ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_prior_counts_by_its_weight(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    begun = fresh(model)
    alone, nought = train(begun, steps=3), train(begun, prior=PRIOR, prior_weight=0.0, steps=3)
    assert alone.losses == nought.losses and same(alone.parameters, nought.parameters)
    one, half = (train(begun, prior=PRIOR, prior_weight=weight, steps=1).losses[0] for weight in (1.0, 0.5))
    assert one - alone.losses[0] == pytest.approx(2 * (half - alone.losses[0]), rel=1e-4) != 0


@pytest.mark.parametrize("method", ["lora", "full"])
def test_small_batches_make_a_large_one(model: Checkpoint, train: Callable[..., Tuning], method: str) -> None:
    begun = fresh(model, method, train_text_encoder=True)
    large = train(begun, prior=PRIOR, batch=4, steps=1)
    small = train(begun, prior=PRIOR, batch=1, accumulation=4, steps=1)
    assert small.losses[0] == pytest.approx(large.losses[0], rel=1e-5)
    moments = {name: t for name, t in large.moments.items() if name.endswith("/exp_avg")}  # a tenth of the gradient
    longest = max(float(t.abs().max()) for t in moments.values())
    assert all(float((t - small.moments[name]).abs().max()) <= 1e-4 * longest for name, t in moments.items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_recomputing_gives_the_same_gradients(
    model: Checkpoint, train: Callable[..., Tuning], method: str, precision: str
) -> None:
    begun = fresh(model, method, train_text_encoder=True)
    plain, again = (train(begun, steps=1, precision=precision, gradient_checkpointing=twice) for twice in (False, True))
    assert plain.losses == again.losses
    for name, moment in plain.moments.items():
        assert torch.allclose(moment, again.moments[name], rtol=1e-4, atol=1e-8)


def test_recomputing_keeps_less(model: Checkpoint) -> None:
    begun = fresh(model)
    live = {name.removeprefix("unet."): nn.Parameter(t) for name, t in begun.parameters.items()}
    network = finetune.trainable(model.unet.load(), live, begun.alpha, "float32")

    def kept(unet: nn.Module) -> int:
        found: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            found.append(tensor.nbytes)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            unet(X, T, STATES)
        return sum(found)

    assert kept(finetune.recomputing(network)) < 0.5 * kept(network)


def test_the_average_follows_the_parameters(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    tuning = fresh(model)
    average = dict(tuning.parameters)
    for step in range(5):
        tuning = train(tuning, steps=1, ema=0.2)
        decay = min(0.2, (1 + step) / (10 + step))
        average = {name: decay * mean + (1 - decay) * tuning.parameters[name] for name, mean in average.items()}
        assert all(torch.allclose(tuning.average[name], mean, atol=1e-6) for name, mean in average.items())
    assert tuning.result is tuning.average and not same(tuning.average, tuning.parameters)
    assert torch.equal(learnt_lora(tuning).factors["unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"].up,
                       tuning.average["unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.up"])  # fmt: skip
    assert train(tuning, steps=1).average == {}


def test_the_learning_rate_rises(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    begun = fresh(model)
    sizes = []
    for warmup in (0, 10):
        after = train(begun, steps=1, warmup=warmup, learning_rate=1e-3)
        sizes.append(max(float(t.abs().max()) for name, t in after.parameters.items() if name.endswith(".up")))
    assert sizes == pytest.approx([1e-3, 1e-4], rel=1e-3)


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.01), ("float16", 0.002)])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_mixed_precision_comes_close_and_keeps_float32(
    model: Checkpoint, train: Callable[..., Tuning], method: str, precision: str, tolerance: float
) -> None:
    begun = fresh(model, method, train_text_encoder=True)
    plain, other = train(begun), train(begun, precision=precision)
    assert other.losses == pytest.approx(plain.losses, rel=tolerance) and other.losses != plain.losses
    assert {t.dtype for t in (*other.parameters.values(), *other.moments.values())} == {torch.float32}


def test_a_float16_step_out_of_range_is_left_out(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    begun = train(fresh(model), precision="float16", steps=1)
    assert begun.scaler["scale"] == 2.0**16
    far = replace(begun, scaler=dict(begun.scaler) | {"scale": 2.0**120})
    after = train(far, precision="float16", steps=1)
    assert same(after.parameters, begun.parameters) and after.scaler["scale"] == 2.0**119
    assert after.step == begun.step + 1


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_precision_of_the_training_is_not_that_of_the_runtime(
    model: Checkpoint, dtype: str, precision: str
) -> None:
    def losses(dtype: str) -> tuple[float, ...]:
        made = make_runtime("cpu", dtype)
        with use(lambda: made):
            begun = begin(model.unet, model.text_encoder, train_text_encoder=True)
            after = finetune.train(begun, model.unet, model.text_encoder, model.tokenizer, EXAMPLES, steps=2,
                                   precision=precision)  # type: ignore[arg-type]  # fmt: skip
            assert {t.dtype for t in after.parameters.values()} == {torch.float32}
            return after.losses

    assert losses(dtype) == pytest.approx(losses("float32"), rel=0.02)


def test_casting_shares_what_need_not_be_cast(model: Checkpoint) -> None:
    unet = model.unet.load()
    half = finetune.cast(unet, torch.bfloat16)
    assert half.conv_in.weight.dtype == torch.bfloat16 and half.conv_norm_out is unet.conv_norm_out
    assert unet.conv_in.weight.dtype == torch.float32
    assert finetune.cast(unet, torch.float32).conv_in is unet.conv_in


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_training_that_diverges_stops_and_what_was_before_stays(
    model: Checkpoint, train: Callable[..., Tuning]
) -> None:
    good = train(fresh(model, "full"), steps=2)
    copies = {name: t.clone() for name, t in good.parameters.items()}
    with pytest.raises(TrainingError, match=r"step \d+: expected a finite (loss|gradient), found (nan|inf); "):
        train(good, steps=50, learning_rate=1e6)
    assert same(good.parameters, copies) and train(good, steps=1).step == 3


def test_the_step_is_that_of_the_whole_training(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    broken = Examples(torch.full_like(EXAMPLES.latents, float("nan")), EXAMPLES.captions)
    with pytest.raises(TrainingError, match="step 4: expected a finite loss, found nan; the rounds before are kept"):
        train(train(fresh(model)), broken)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gradient_that_is_no_number_is_never_kept(
    model: Checkpoint, train: Callable[..., Tuning], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(TrainingError, match="step 0: expected a finite gradient, found nan"):
        train(fresh(model), precision=precision, steps=1)


def test_examples_of_another_vae_are_refused(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    other = Examples(torch.zeros(1, 16, 8, 8), ("",))
    with pytest.raises(ValueError, match="examples: expected latents of 4 channels, found 16; of another"):
        train(fresh(model), other)
    with pytest.raises(ValueError, match="prior: expected latents of 4 channels, found 16"):
        train(fresh(model), prior=other)


def test_an_inpainting_model_is_refused(model: Checkpoint, tiny_inpainting_model: Path) -> None:
    other = open_checkpoint(tiny_inpainting_model)
    with pytest.raises(ValueError, match="unet: expected one that reads latents alone, found 9 channels; one for inp"):
        finetune.train(begin(other.unet, other.text_encoder), *other[::2], model.tokenizer, EXAMPLES)  # type: ignore[arg-type]


def test_what_was_learnt_by_another_model_is_refused(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    for method, error in (("lora", LoraError), ("full", ValueError)):
        begun = fresh(model, method)
        name, tensor = next(iter(begun.parameters.items()))
        wider = replace(begun, parameters=dict(begun.parameters) | {name: tensor.repeat_interleave(2, dim=1)})
        with pytest.raises(error, match=f"{name.removeprefix('unet.').removesuffix('.down')}: .*another model"):
            train(wider)


def test_another_optimizer_does_not_go_on(model: Checkpoint, train: Callable[..., Tuning]) -> None:
    with pytest.raises(ValueError, match="optimizer: expected adamw, with which this training began, found adamw8bit"):
        train(train(fresh(model)), optimizer="adamw8bit")


# ── real models ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_the_shipped_model_learns_four_colours() -> None:
    from diffusion.image import Image
    from diffusion.vae import encode_image

    emoji = open_checkpoint(EMOJI)
    colours = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220), "yellow": (240, 220, 40)}
    pixels = (torch.tensor(rgb, dtype=torch.uint8).expand(SIDE, SIDE, 3).numpy() for rgb in colours.values())
    latents = torch.cat([encode_image(emoji.vae.load(), Image(one.copy())).samples for one in pixels])
    examples = Examples(latents, tuple(f"a {name} square" for name in colours))
    begun = begin(emoji.unet, emoji.text_encoder, rank=8, layers="transformer")
    after = finetune.train(begun, emoji.unet, emoji.text_encoder, emoji.tokenizer, examples, steps=10, batch=8,
                           learning_rate=3e-3)  # fmt: skip
    fixed = finetune.train(begun, emoji.unet, emoji.text_encoder, emoji.tokenizer, examples, steps=10, batch=8,
                           learning_rate=1e-9)  # fmt: skip
    assert after.losses[0] == fixed.losses[0] and sum(after.losses[5:]) < 0.9 * sum(fixed.losses[5:])


@pytest.mark.slow
def test_stable_diffusion_takes_a_lora_step() -> None:
    made = make_runtime("cpu")
    with use(lambda: made):
        unet, encoder = random_parts()
        examples = Examples(torch.randn(1, 4, 16, 16), ("a dog",))
        begun = begin(unet, encoder, rank=4, train_text_encoder=True)
        after = finetune.train(begun, unet, encoder, open_checkpoint(EMOJI).tokenizer, examples, steps=1,
                               gradient_checkpointing=True)  # fmt: skip
    assert sum(t.numel() for name, t in after.parameters.items() if name.startswith("unet.")) == 797_184
    assert len(after.parameters) == 2 * (16 * 8 + 12 * 4)
    to_k = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    assert after.parameters[f"{to_k}.down"].shape == (4, 768) and after.parameters[f"{to_k}.up"].shape == (320, 4)
    assert all(bool(after.parameters[name].any()) for name in after.parameters)
