"""Fine-tuning: a model taught by a few pictures, all of its weights or low-rank changes to them (LoRA).

With a prior, pictures that the model made itself before it was taught, it is DreamBooth (Ruiz et al., 2208.12242).
What is tuned → how a part is got ready → the training → the model taught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from diffusion import runtime
from diffusion.blocks import ResnetBlock
from diffusion.checkpoint import TextEncoderHandle, TokenizerHandle, UNetHandle
from diffusion.lora import (
    PARTS,
    Factors,
    Layers,
    Lora,
    LoraLayer,
    canonical,
    expect_fit,
    layers_of,
    of_part,
    with_lora,
)
from diffusion.optimizers import Kind, make_optimizer, moments_of
from diffusion.parts import with_parts
from diffusion.patches import NewWeights, paired, path_in
from diffusion.training import (
    Examples,
    diffusion_loss,
    draw,
    expect_finite,
    expect_latents,
    generator_at,
    prompt_ids,
    prompt_states,
    prompts_for,
)
from diffusion.unet import SpatialTransformer

Method = Literal["lora", "full"]
Precision = Literal["float32", "bfloat16", "float16"]

LONGEST_GRADIENT = 1.0
"""Longer ones are shortened to this, as is usual for these models."""


# ── what is tuned ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class Tuning:
    """A model on its way to new weights: all that is needed to go on, on the CPU.

    parameters: what is trained, float32, by canonical name: the weights themselves (`unet.conv_in.weight`), or of each
        layer's factors `….down` and `….up`.
    alpha: of the factors; None where the weights themselves are trained.
    moments: what the optimizer keeps, see `optimizers.moments_of`.
    average: the parameters' running average; empty without one.
    scaler: state of what keeps float16 gradients in range (`torch.amp.GradScaler`); empty without one.
    losses: of every step so far; so many steps were taken.
    """

    parameters: Mapping[str, Tensor]
    alpha: float | None
    moments: Mapping[str, Tensor] = field(default_factory=dict)
    average: Mapping[str, Tensor] = field(default_factory=dict)
    scaler: Mapping[str, float] = field(default_factory=dict)
    losses: tuple[float, ...] = ()

    @property
    def method(self) -> Method:
        """What is trained."""
        return "full" if self.alpha is None else "lora"

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return len(self.losses)

    @property
    def result(self) -> Mapping[str, Tensor]:
        """What was learnt so far: the average where there is one, else the parameters as they are."""
        return self.average or self.parameters


def begin(
    unet: UNetHandle,
    text_encoder: TextEncoderHandle,
    method: Method = "lora",
    rank: int = 4,
    alpha: float = 0.0,
    layers: Layers = "attention",
    train_text_encoder: bool = False,
    seed: int = 0,
) -> Tuning:
    """A model before its first step, which does what the untaught one does.

    Args:
        unet: of a checkpoint.
        text_encoder: of the same.
        method: factors beside the layers (2106.09685), or all weights.
        rank: r of the factors, ≥ 1.
        alpha: by which the change is scaled, alpha / r; 0 stands for the rank, so for a scale of 1.
        layers: which have factors.
        train_text_encoder: whether the text encoder is trained too.
        seed: of the `down` factors, Gaussian with standard deviation 1 / r; the `up` ones are zero.
    """
    parts: dict[str, nn.Module] = {"unet": unet.load()}
    if train_text_encoder:
        parts["text_encoder"] = text_encoder.load()
    if method == "full":
        weights = {canonical(part, path): p for part, net in parts.items() for path, p in net.named_parameters()}
        return Tuning({name: p.detach().float().cpu().clone() for name, p in weights.items()}, None)
    generator = torch.Generator().manual_seed(seed)
    factors = {}
    for part, network in parts.items():
        for path, layer in layers_of(network, layers).items():
            out, inner, *kernel = layer.weight.shape
            name = canonical(part, path)
            factors[f"{name}.down"] = torch.randn(rank, inner, *kernel, generator=generator) / rank
            factors[f"{name}.up"] = torch.zeros(out, rank, *(1 for _ in kernel))
    return Tuning(factors, alpha or float(rank))


def learnt_lora(tuning: Tuning) -> Lora:
    """What was learnt so far as a LoRA. ValueError if the weights themselves were trained."""
    if tuning.alpha is None:
        raise ValueError('tuning: expected method "lora", found "full"; take tuned_model and save_model')
    names = [name.removesuffix(".down") for name in tuning.parameters if name.endswith(".down")]
    of = tuning.result
    return Lora({name: Factors(of[f"{name}.down"], of[f"{name}.up"], tuning.alpha) for name in names})


def tuned(
    tuning: Tuning, unet: UNetHandle, text_encoder: TextEncoderHandle, strength: float = 1.0
) -> tuple[UNetHandle, TextEncoderHandle]:
    """The parts with what was learnt so far; the given ones stay as they are.

    Args:
        tuning: of this model.
        unet: as it was given to `train`.
        text_encoder: likewise.
        strength: 1 as trained; 0 gives the parts back as they are. All weights go on a straight line from what they
            were to what they are.

    Raises:
        ValueError: it was trained on another model; names the layer.
    """
    if tuning.alpha is not None:
        return with_lora(unet, text_encoder, learnt_lora(tuning), strength)
    weights = (of_part(tuning.result, part) for part in PARTS)
    patches = ([NewWeights(some, strength)] if some and strength else [] for some in weights)
    return unet.patched(*next(patches)), text_encoder.patched(*next(patches))


# ── getting a part ready ──────────────────────────────────────────────────────────────────────────────────────────────


def trainable(
    network: nn.Module, trained: Mapping[str, nn.Parameter], alpha: float | None, precision: Precision
) -> nn.Module:
    """A network in which some parameters, or factors beside its layers, are leaves of the gradient.

    Args:
        network: frozen; stays as it was.
        trained: by canonical path, on the network's device.
        alpha: of factors; None for parameters.
        precision: what is frozen is cast once to the type in which it is used.

    Raises:
        ValueError: what is trained is not of this network; names it.
    """
    frozen = cast(network, getattr(torch, precision))
    if alpha is None:
        return with_parts(frozen, {path: after for path, (_, after) in paired(frozen, trained).items()})
    layers, found = layers_of(frozen), {}
    for name in (path.removesuffix(".down") for path in trained if path.endswith(".down")):
        factors, path = Factors(trained[f"{name}.down"], trained[f"{name}.up"], alpha), path_in(frozen, name)
        expect_fit(name, factors, tuple(layers[path].weight.shape) if path in layers else None)
        found[path] = LoraLayer(layers[path], factors)
    return with_parts(frozen, found)


def cast(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The network with its linear layers and convolutions in a type and the rest in float32, as autocast wants them."""
    changed = {}
    for path, module in network.named_modules():
        wanted = dtype if isinstance(module, nn.Linear | nn.Conv2d) else torch.float32
        for name, parameter in module.named_parameters(path, recurse=False):
            if parameter.dtype != wanted:
                changed[name] = nn.Parameter(parameter.to(wanted), False)
    return with_parts(network, changed)


class Recomputed(nn.Module):
    """A block whose inner values are dropped on the way there and computed again on the way back (1604.06174)."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, *inputs: Tensor) -> Tensor:
        """As the block's own."""
        return checkpoint(self.block, *inputs, use_reentrant=False, preserve_rng_state=False)


def recomputing(unet: nn.Module) -> nn.Module:
    """The UNet with each residual block and each transformer computed twice, so that only their inputs are kept."""
    blocks = {path: m for path, m in unet.named_modules() if isinstance(m, ResnetBlock | SpatialTransformer)}
    return with_parts(unet, {path: Recomputed(block) for path, block in blocks.items()})


def mixed(precision: Precision) -> AbstractContextManager[object]:
    """Where matrix products and convolutions are done in this precision."""
    device = runtime.current().device.type
    return nullcontext() if precision == "float32" else torch.autocast(device, getattr(torch, precision))


# ── the training ──────────────────────────────────────────────────────────────────────────────────────────────────────


def train(
    tuning: Tuning,
    unet: UNetHandle,
    text_encoder: TextEncoderHandle,
    tokenizer: TokenizerHandle,
    examples: Examples,
    prior: Examples | None = None,
    steps: int = 50,
    learning_rate: float = 1e-4,
    batch: int = 1,
    accumulation: int = 1,
    prior_weight: float = 1.0,
    prompts: Sequence[str] = ("{caption}",),
    ema: float = 0.0,
    warmup: int = 0,
    gradient_checkpointing: bool = False,
    optimizer: Kind = "adamw",
    precision: Precision = "float32",
    seed: int = 0,
    watch: Callable[[int], None] = lambda done: None,
) -> Tuning:
    """Some steps more, to lower the diffusion loss on the examples and, weighted, on the prior (2208.12242, eq. 2).

    Args:
        tuning: what was learnt so far.
        unet: of the checkpoint; stays as it is.
        text_encoder: likewise.
        tokenizer: likewise.
        examples: what is to be learnt.
        prior: what is not to be forgotten: pictures of the same kind that the model made itself. As many of them as of
            the examples are drawn at each step.
        steps: how many, ≥ 1.
        learning_rate: of AdamW, > 0.
        batch: examples that go through the model together.
        accumulation: so many batches make one step; k of one picture are one of k pictures, in the memory of one.
        prior_weight: λ of the paper.
        prompts: what is said of an example, one of them by chance; `{caption}` stands for its caption. Of the prior
            its captions are said as they are.
        ema: decay of the parameters' running average, which then is the result; 0 for none. It rises to this, as
            (1 + n) / (10 + n) at step n, so that the beginning is soon forgotten.
        warmup: steps over which the learning rate rises to its value.
        gradient_checkpointing: compute the UNet's blocks again on the way back: less memory, about a third more time.
        optimizer: plain, or with its state in eight bits.
        precision: of matrix products and convolutions; parameters, their gradients and averages stay in float32.
        seed: of all that is random.
        watch: is told after each step how many of these are done.

    Raises:
        ValueError: the examples or the tuning are not of this model, or another optimizer was used before.
        TrainingError: the loss or the gradient is no number any more.
    """
    for some, what in ((examples, "examples"), (prior, "prior")):
        expect_latents(some, unet, what)
    device = runtime.current().device
    # sorted, for a file may have them in another order, and the gradient's length is a sum, which depends on it
    live = {name: nn.Parameter(tensor.to(device, copy=True)) for name, tensor in sorted(tuning.parameters.items())}
    average = {name: tensor.to(device, copy=True) for name, tensor in tuning.result.items()} if ema else {}
    adamw = make_optimizer(optimizer, live, learning_rate, tuning.moments)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")
    if tuning.scaler:
        scaler.load_state_dict(dict(tuning.scaler))

    network = trainable(unet.load(), of_part(live, "unet"), tuning.alpha, precision)
    if gradient_checkpointing:
        network = recomputing(network)
    states_of = reader(text_encoder, tokenizer, of_part(live, "text_encoder"), tuning.alpha, precision)

    losses = list(tuning.losses)
    for step in range(tuning.step, tuning.step + steps):
        generator = generator_at(seed, step)
        total = torch.zeros((), device=device)
        for some, said, weight in ((examples, prompts, 1.0), (prior, ("{caption}",), prior_weight)):
            if some is None:
                continue
            drawn = draw(some, batch * accumulation, len(unet.training.sigmas), generator)
            captions = prompts_for(said, [some.captions[i] for i in drawn.picks.tolist()], generator)
            for part in batches(batch, accumulation):
                picks, timesteps, noise = (random[part] for random in drawn)
                latents = some.latents[picks].to(device)
                with mixed(precision):
                    states = states_of(captions[part])
                    each = diffusion_loss(network, unet.training, latents, states, timesteps, noise)
                loss = weight * each.sum() / (batch * accumulation)
                scaler.scale(loss).backward()
                total += loss.detach()
        losses.append(total.item())
        expect_finite(losses[-1], step)

        scaler.unscale_(adamw)
        length = nn.utils.clip_grad_norm_(live.values(), LONGEST_GRADIENT)
        if not scaler.is_enabled():  # it leaves out a step that went beyond its range, and takes a smaller scale
            expect_finite(length.item(), step, "gradient")
        for group in adamw.param_groups:
            group["lr"] = learning_rate * min((step + 1) / warmup if warmup else 1.0, 1.0)
        scaler.step(adamw)
        scaler.update()
        adamw.zero_grad()
        decay = min(ema, (1 + step) / (10 + step))
        for name, mean in average.items():
            mean.lerp_(live[name].detach(), 1 - decay)
        watch(step + 1 - tuning.step)

    return Tuning(
        parameters={name: parameter.detach().cpu().clone() for name, parameter in live.items()},
        alpha=tuning.alpha,
        moments=moments_of(adamw, live),
        average={name: mean.cpu().clone() for name, mean in average.items()},
        scaler=scaler.state_dict(),
        losses=tuple(losses),
    )


def reader(
    text_encoder: TextEncoderHandle,
    tokenizer: TokenizerHandle,
    trained: Mapping[str, nn.Parameter],
    alpha: float | None,
    precision: Precision,
) -> Callable[[Sequence[str]], Tensor]:
    """What gives the states (B, 77, D) of B prompts: where the encoder is not trained, each is encoded once."""
    device, encoder = runtime.current().device, text_encoder.load()
    if trained:
        learning = trainable(encoder, trained, alpha, precision)
        return lambda prompts: prompt_states(learning, prompt_ids(tokenizer, prompts).to(device)).float()

    @lru_cache(maxsize=256)
    def state_of(prompt: str) -> Tensor:
        with torch.no_grad():
            return prompt_states(encoder, prompt_ids(tokenizer, [prompt]).to(device)).float()

    return lambda prompts: torch.cat([state_of(prompt) for prompt in prompts])


def batches(size: int, count: int) -> Iterator[slice]:
    """So many batches one after the other."""
    return (slice(first, first + size) for first in range(0, size * count, size))
