"""Learning a new word from a few pictures (Textual Inversion): what is learnt from, the steps, and what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from engine import Collected, File, node, report, warn
from nodes.files import save_file
from nodes.paths import find_file, find_folder
from nodes.pictures import Largest
from nodes.stages import dataset, learned, measures, nearest_picture, sheets
from nodes.stages import image as pixels
from nodes.stages import inversion as stage

if TYPE_CHECKING:
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.dataset import Pictures
    from diffusion.image import Image
    from diffusion.inversion import Inversion
    from diffusion.learned import LearnedWord
    from diffusion.measures import Table
    from diffusion.training import Examples

Share = Annotated[float, Field(ge=0, le=0.5, json_schema_extra={"step": 0.01})]
Degrees = Annotated[float, Field(ge=0, le=180)]
Copies = Annotated[int, Field(ge=1, le=1000)]
Side = Annotated[int, Field(ge=0, le=4096)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Steps = Annotated[int, Field(ge=1, le=100_000)]
Total = Annotated[int, Field(ge=0, le=10_000_000)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Batch = Annotated[int, Field(ge=1, le=256)]
Prompts = Annotated[list[str], Field(min_length=1)]


# ── pictures → examples ───────────────────────────────────────────────────────────────────────────────────────────────


@node
def picture_folder(
    path: Annotated[str, File(find_folder, ("*",))], broken: Literal["refuse", "skip"] = "refuse"
) -> Pictures:
    """Read the pictures of a folder. What one shows is read from the text beside it: `cat.txt` for `cat.png`.

    Args:
        path: absolute, beside the workflow, or in the working directory.
        broken: what to do with a picture that cannot be read: `refuse` all, or `skip` it with a warning.
    """
    pictures, faults = dataset.read_folder(Path(path), broken)
    for fault in faults:
        warn(f"left out: {fault}")
    return pictures


@node
def gather_pictures(images: Collected[Image], captions: Collected[str]) -> Pictures:
    """Take the pictures of a sweep to learn from: those that a model made itself, say, so that it does not forget.

    Args:
        images: every picture of the sweep.
        captions: what they show: one text for all of them, or one for each.
    """
    if len(captions.items) == 1:
        return dataset.gather(images.values, captions.values * len(images.items))
    names = [name for name, _ in images.axes]
    if not {name for name, _ in captions.axes} <= set(names):
        found = ", ".join(name for name, _ in captions.axes)
        raise ValueError(f"captions: expected one, or one a picture, over {', '.join(names)}; found some over {found}")
    order = [names.index(name) for name, _ in captions.axes]
    given = dict(captions.items)
    return dataset.gather(images.values, [given[tuple(at[i] for i in order)] for at, _ in images.items])


@node
def augment(
    pictures: Pictures,
    copies: Copies = 16,
    flip: bool = True,
    zoom: Share = 0.05,
    shift: Share = 0.03,
    turn: Degrees = 4.0,
    background: Literal["white", "random"] = "white",
    seed: Seed = 0,
) -> Pictures:
    """Make more of few pictures: copies of each, changed a little at random, so that not one is learnt by heart.

    Args:
        pictures: of any size; what they show must be true of the copies too.
        copies: of each picture.
        flip: mirror every other one, by chance; not where left and right matter, nor with writing.
        zoom: make them larger or smaller by up to this share.
        shift: move them in both directions by up to this share of their sides.
        turn: turn them by up to so many degrees, either way.
        background: what a transparent picture is laid on: white, or another colour for each copy.
        seed: of all that is random.
    """
    return dataset.augment(pictures, copies, flip, zoom, shift, turn, background, seed)


@node
def pictures_sheet(
    pictures: Pictures,
    top: Annotated[int, Field(ge=0)] = 40,
    title: str = "",
    columns: Annotated[int, Field(ge=0, le=100)] = 0,
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
    largest: Largest = 256,
) -> Image:
    """What is learnt from, on one sheet.

    Args:
        pictures: of any size.
        top: how many are shown, evenly chosen; 0 shows all.
        title: above all.
        columns: how many a row; 0 chooses.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
        largest: pictures with a longer side are scaled down to this many pixels; 0 leaves them as they are.
    """
    chosen = sheets.evenly(len(pictures), top or len(pictures))
    images = [pixels.at_most(pictures.images[i], largest) for i in chosen]
    return sheets.wrap(images, [pictures.names[i] for i in chosen], columns, title, scale)


@node
def encode_pictures(vae: VAE, pictures: Pictures, width: Side = 0, height: Side = 0) -> Examples:
    """Turn pictures into clean latents, once, so that no step has to.

    Args:
        vae: of the checkpoint that is to learn.
        pictures: each is cut to the proportions and scaled; a transparent one is laid on white.
        width: in pixels, a multiple of the VAE's factor; 0 is what the VAE was trained at.
        height: likewise.
    """
    return dataset.encode_pictures(vae.load(), pictures, width, height)


# ── examples → a new word ─────────────────────────────────────────────────────────────────────────────────────────────


@node
def begin_inversion(
    tokenizer: Tokenizer,
    text_encoder: TextEncoder,
    placeholder: str = "*",
    initial: str = "",
    vectors: Annotated[int, Field(ge=1, le=75)] = 1,
    known: bool = False,
    seed: Seed = 0,
) -> Inversion:
    """A new word before its first step.

    Args:
        tokenizer: of the checkpoint.
        text_encoder: of the same.
        placeholder: what is to stand for the word in prompts; a sign that is not used otherwise, or a made-up name.
        initial: a known word to begin with, or several; empty begins with random numbers.
        vectors: how many the word has; more can hold more, and take more of a prompt's 75 places.
        known: take the placeholder even if it is a word already; its old meaning is lost.
        seed: of what is random in the beginning.
    """
    return stage.begin(tokenizer, text_encoder, placeholder, initial, vectors, known, seed)


@node
def invert_step(
    inversion: Inversion,
    unet: UNet,
    text_encoder: TextEncoder,
    tokenizer: Tokenizer,
    examples: Examples,
    steps: Steps = 50,
    learning_rate: LearningRate = 5e-3,
    batch: Batch = 4,
    prompts: Prompts = ["{caption}"],  # noqa: B006 - read only
    total: Total = 0,
    longest: Annotated[float, Field(ge=0, le=100)] = 0.0,
    seed: Seed = 0,
) -> Inversion:
    """Learn for some steps: move the word's vectors so that the UNet, told of it, sees the pictures in the noise.

    Nothing but these vectors is trained. Unlike a search over words, which raises a similarity between CLIP's vectors,
    this raises the likelihood of the pictures under the prompt. Repeat it: each round is kept, can be looked at, and
    is where an interrupted training goes on. Rounds of any length give the same word, bit for bit.

    Args:
        inversion: the word so far.
        unet: of the checkpoint; it stays as it is.
        text_encoder: likewise.
        tokenizer: likewise.
        examples: what the word is to mean.
        steps: of this round.
        learning_rate: of Adam.
        batch: examples a step.
        prompts: what is said of an example, one of them by chance; `{caption}` stands for its caption. Each must have
            the placeholder in it once that is done: "a picture of *", or captions that name it.
        total: steps of all rounds together, over which the learning rate falls to zero; 0 keeps it as it is.
        longest: shorten a vector that grows longer than this many times the mean of known words; 0 lets it grow. A
            long one drowns the other words of a prompt.
        seed: of all that is random.
    """
    return stage.train(
        inversion, unet, text_encoder, tokenizer, examples, steps, learning_rate, batch, prompts, total, longest,
        seed,         watch=lambda done: report(done / steps),
    )  # fmt: skip


# ── what comes out ────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def learned_word(inversion: Inversion) -> LearnedWord:
    """The word as it is after some steps.

    Args:
        inversion: at any stage.
    """
    return inversion.word


class WithWord(NamedTuple):
    """A tokenizer and a text encoder that know a new word."""

    tokenizer: Tokenizer
    text_encoder: TextEncoder


@node
def add_embedding(tokenizer: Tokenizer, text_encoder: TextEncoder, word: LearnedWord, known: bool = False) -> WithWord:
    """Teach a model a new word: prompts may use its placeholder from here on. The checkpoint stays as it is.

    Args:
        tokenizer: of the checkpoint, perhaps with other new words already.
        text_encoder: of the same, with the same.
        word: learnt here, or read from a file.
        known: take the placeholder even if it is a word already; its old meaning is lost.
    """
    return WithWord(*learned.add_word(tokenizer, text_encoder, word, known))


@node
def load_embedding(path: Annotated[str, File(find_file)], placeholder: str = "") -> LearnedWord:
    """Read a new word from a file, in the layout of diffusers or of AUTOMATIC1111's web UI.

    Args:
        path: `.safetensors`, or the older `.pt` and `.bin`, of which nothing is executed.
        placeholder: what is to stand for it; by default what the file says, or what it is called.
    """
    return learned.read_word(Path(path), placeholder)


@node(effect=True)
def save_embedding(word: LearnedWord, layout: Literal["diffusers", "a1111"] = "diffusers", name: str = "") -> str:
    """Write a new word as a safetensors file that other tools read too.

    Args:
        word: to be kept.
        layout: of diffusers, where the file says what the placeholder is; or of AUTOMATIC1111's web UI (ComfyUI reads
            it too), where the file's name does.
        name: the beginning of the file's name; by default that of the workflow. A number is added.
    """
    return save_file(name, ".safetensors", lambda path: learned.write_word(path, word, layout), otherwise="word")


@node
def nearest_words(
    inversions: list[Inversion],
    text_encoder: TextEncoder,
    tokenizer: Tokenizer,
    count: Annotated[int, Field(ge=1, le=20)] = 6,
    rows: Annotated[int, Field(ge=1, le=100)] = 12,
    title: str = "",
) -> Image:
    """Which known words the new one lies closest to along its training, with the cosines.

    Args:
        inversions: every round of the loop.
        text_encoder: of the checkpoint.
        tokenizer: of the same.
        count: of words.
        rows: at most so many rounds are shown, evenly chosen, the first and the last among them.
        title: above all.
    """
    lines = []
    for i in sheets.evenly(len(inversions), rows):
        now = inversions[i]
        near = learned.nearest(tokenizer, text_encoder, now.word.vectors, count)
        names = [f"step {now.step}", *[""] * (len(near) - 1)]
        lines += list(zip(names, near, strict=True))
    return nearest_picture.nearest_picture(lines, title)


@node
def inversion_losses(inversion: Inversion, over: Annotated[int, Field(ge=1, le=10_000)] = 50) -> Table:
    """The loss of every step, and its running mean: a single step's depends most on how noisy its examples were.

    Args:
        inversion: at any stage but the first.
        over: steps that the mean is taken over.
    """
    return measures.learning_curve(inversion.losses, over)
