"""Teaching a model: DreamBooth and LoRA. What is trained, the steps, the model taught, and the files it is kept in."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from engine import File, node, report
from nodes.files import save_file
from nodes.learning import Batch, LearningRate, Prompts, Seed, Steps
from nodes.paths import find_file
from nodes.stages import export, finetune, lora_files, measures
from nodes.stages import lora as stage

if TYPE_CHECKING:
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.finetune import Tuning
    from diffusion.lora import Lora
    from diffusion.measures import Table
    from diffusion.training import Examples

Strength = Annotated[float, Field(ge=-4, le=4, json_schema_extra={"step": 0.05})]


class Taught(NamedTuple):
    """The two parts of a model that can be taught."""

    unet: UNet
    text_encoder: TextEncoder


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def begin_training(
    unet: UNet,
    text_encoder: TextEncoder,
    method: Literal["lora", "full"] = "lora",
    rank: Annotated[int, Field(ge=1, le=1024)] = 4,
    alpha: Annotated[float, Field(ge=0, le=1024)] = 0.0,
    layers: Literal["attention", "transformer", "all"] = "attention",
    train_text_encoder: bool = False,
    seed: Seed = 0,
) -> Tuning:
    """A model before its first step of training.

    Args:
        unet: of the checkpoint.
        text_encoder: of the same.
        method: `lora` trains small matrices beside the layers, a few megabytes; `full` all weights: of Stable Diffusion
            1.5 each round keeps 10 GB (5 GB with adamw8bit), more than the cache holds of several, and needs 16 GB.
        rank: of the matrices: how much they can hold.
        alpha: the change is scaled by alpha / rank; 0 is the rank, so the change as it is.
        layers: with matrices: queries, keys, values and outputs of the `attention`; all of the `transformer` blocks; or
            `all`, convolutions too.
        train_text_encoder: teach the text encoder too: closer to the pictures, and sooner too close.
        seed: of what is random in the beginning.
    """
    return finetune.begin(unet, text_encoder, method, rank, alpha, layers, train_text_encoder, seed)


@node
def train_step(
    tuning: Tuning,
    unet: UNet,
    text_encoder: TextEncoder,
    tokenizer: Tokenizer,
    examples: Examples,
    prior: Examples | None = None,
    steps: Steps = 50,
    learning_rate: LearningRate = 1e-4,
    batch: Batch = 1,
    accumulation: Annotated[int, Field(ge=1, le=1024)] = 1,
    prior_weight: Annotated[float, Field(ge=0, le=100)] = 1.0,
    prompts: Prompts = ["{caption}"],  # noqa: B006 - read only
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    warmup: Annotated[int, Field(ge=0, le=100_000)] = 0,
    gradient_checkpointing: bool = False,
    optimizer: Literal["adamw", "adamw8bit"] = "adamw",
    precision: Literal["float32", "bfloat16", "float16"] = "float32",
    seed: Seed = 0,
) -> Tuning:
    """Learn for some steps: the model is to see the pictures in the noise where it is told what they show.

    With a prior, pictures that the model made itself before it was taught, this is DreamBooth: what it knew of their
    kind is not forgotten. Repeat it: each round is kept, can be looked at, and is where an interrupted training goes
    on. Rounds of any length give the same weights, bit for bit. A round in which the loss is no number any more fails,
    and those before it stay.

    Args:
        tuning: what was learnt so far.
        unet: of the checkpoint; it stays as it is.
        text_encoder: likewise, perhaps with new words.
        tokenizer: likewise.
        examples: what is to be learnt.
        prior: what is not to be forgotten; as many of them as of the examples are seen at each step.
        steps: of this round.
        learning_rate: of AdamW. About 1e-4 for LoRA, 5e-6 for all weights of Stable Diffusion.
        batch: examples at a time.
        accumulation: so many batches make one step: like a batch as many times as large, in the memory of one.
        prior_weight: how much what is not to be forgotten counts.
        prompts: what is said of an example, one of them by chance; `{caption}` stands for its caption, as in "a photo
            of sks dog, {caption}". Of the prior its captions are said as they are.
        ema: what comes out is a running average of the weights, of which each step keeps this share; 0 is none.
        warmup: steps over which the learning rate rises to its value.
        gradient_checkpointing: much less memory, about a third more time.
        optimizer: `adamw8bit` keeps a quarter of what `adamw` does of each weight.
        precision: of matrix products and convolutions; what is trained stays in float32. On a GPU the lower ones are
            faster and take less memory.
        seed: of all that is random.
    """
    return finetune.train(
        tuning, unet, text_encoder, tokenizer, examples, prior, steps, learning_rate, batch, accumulation, prior_weight,
        prompts, ema, warmup, gradient_checkpointing, optimizer, precision, seed, lambda done: report(done / steps),
    )  # fmt: skip


@node
def tuning_losses(tuning: Tuning, over: Annotated[int, Field(ge=1, le=10_000)] = 50) -> Table:
    """The loss of every step, and its running mean: a single step's depends most on how noisy its examples were.

    Args:
        tuning: at any stage but the first.
        over: steps that the mean is taken over.
    """
    return measures.learning_curve(tuning.losses, over)


@node
def tuned_model(tuning: Tuning, unet: UNet, text_encoder: TextEncoder, strength: Strength = 1.0) -> Taught:
    """The model as it is after some steps. The checkpoint stays as it is.

    Args:
        tuning: at any stage.
        unet: the one that was trained.
        text_encoder: likewise.
        strength: 1 as trained, 0 not at all.
    """
    return Taught(*finetune.tuned(tuning, unet, text_encoder, strength))


# ── LoRA ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def to_lora(tuning: Tuning) -> Lora:
    """What was learnt by the method `lora`, to be added to a model or saved.

    Args:
        tuning: at any stage.
    """
    return finetune.learnt_lora(tuning)


@node
def add_lora(unet: UNet, text_encoder: TextEncoder, lora: Lora, strength: Strength = 1.0) -> Taught:
    """Add a LoRA to a model, perhaps to others that it has already. The checkpoint stays as it is.

    Args:
        unet: of the checkpoint.
        text_encoder: of the same.
        lora: learnt here, or read from a file; for a model of these shapes.
        strength: 1 as trained, 0 not at all, below 0 the opposite.
    """
    return Taught(*stage.with_lora(unet, text_encoder, lora, strength))


@node
def load_lora(path: Annotated[str, File(find_file)]) -> Lora:
    """Read a LoRA for Stable Diffusion 1.x or 2.x, in the layout of diffusers or of kohya's sd-scripts.

    Args:
        path: a `.safetensors` file.
    """
    return lora_files.read_lora(Path(path))


@node(effect=True)
def save_lora(lora: Lora, layout: Literal["diffusers", "kohya"] = "diffusers", name: str = "") -> str:
    """Write a LoRA as a safetensors file that other tools read too.

    Args:
        lora: to be kept.
        layout: of diffusers; or of kohya's sd-scripts, which A1111's web UI and ComfyUI read too.
        name: the beginning of the file's name; by default that of the workflow. A number is added.
    """
    return save_file(name, ".safetensors", lambda path: lora_files.write_lora(path, lora, layout), otherwise="lora")


# ── a whole model ─────────────────────────────────────────────────────────────────────────────────────────────────────


@node(effect=True)
def save_model(
    unet: UNet,
    vae: VAE,
    text_encoder: TextEncoder,
    tokenizer: Tokenizer,
    precision: Literal["float32", "float16", "bfloat16"] = "float32",
    name: str = "",
) -> str:
    """Write a whole model with all that it was taught: a folder that `load_checkpoint` and diffusers read.

    Args:
        unet: with every LoRA in its weights for good; its scheduler is taken too.
        vae: that fits.
        text_encoder: likewise, with new words.
        tokenizer: with the same. A new word of several vectors cannot be written here: save it by itself.
        precision: of the numbers in the files.
        name: the beginning of the folder's name; by default that of the workflow. A number is added.
    """

    def write(path: Path) -> None:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as aside:
            whole = Path(aside) / "model"
            whole.mkdir()
            export.write_model(whole, unet, vae, text_encoder, tokenizer, precision)
            path.unlink()
            whole.rename(path)

    return save_file(name, "", write, otherwise="model")
