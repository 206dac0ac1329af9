"""Stage `evaluate`: measure the model as exported, through this project's own networks, and write its card.

An older model can stand beside it: `beside` measures one with the same judge, prompts of what it knows, and held-out
renderings; its pictures are enlarged to the judge's size.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BertTokenizer, BlipForConditionalGeneration, CLIPModel, CLIPTextModel, CLIPTokenizer

from diffusion.checkpoint import open_captioner, open_checkpoint
from diffusion.inpaint import blend
from diffusion.latent import Latent
from diffusion.masks import Mask
from diffusion.unet import UNet
from diffusion.vae import VAE

from . import card
from .artwork import CONCEPTS, STYLES
from .captioner import says
from .clip import nearer_than_exchanged, retrieval, tells_sides
from .data import FIRST, Scope
from .export import MODEL, megabytes
from .judge import Judge, accuracy, load_judge, part, resized, tensor
from .sampling import grid, sample, to_pixels
from .scenes import PALETTE, SIZE, Scene, calmed, colour_name, place, prompt, render, side_by_side
from .training import half
from .vae import psnr
from .words import tokenize

Figures = dict[str, float]

GUIDANCE = 3.0
STEPS = 20
STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Model:
    """A model as it ships, ready to draw on the CPU, the judge that is to judge it, and what it can be asked for."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet
    vae: VAE
    towers: CLIPModel
    captioner: BlipForConditionalGeneration
    words: BertTokenizer
    judge: Judge
    ranking: CLIPModel
    knows: Scope

    @classmethod
    def load(cls, folder: Path = MODEL, judged_by: Path | None = None) -> "Model":
        """Read all parts from the folder, in full precision; another model's judge and CLIP may judge it."""
        parts = open_checkpoint(folder)
        own, towers = load_judge(folder), towers_of(folder)
        return cls(
            parts.tokenizer.load(),
            parts.text_encoder.load(),
            parts.unet.load(),
            parts.vae.load(),
            towers,
            open_captioner(folder / "captioner").load(),
            BertTokenizer(str(folder / "captioner" / "vocab.txt")),
            own if judged_by is None else load_judge(judged_by),
            towers if judged_by is None else towers_of(judged_by),
            Scope(own.concept.out_features, own.style.out_features),
        )

    @torch.no_grad()
    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sources: Tensor | None = None,
        strength: float = 1.0,
        paint: Mask | None = None,
        batch: int = 16,
    ) -> Tensor:
        """One picture for each prompt and its seed, of the model's size: (N, 3, H, H) in [-1, 1].

        With `sources`, square pictures of any size, from these by image to image at a strength, or by painting into
        them where the mask is white.
        """
        pictures = []
        empty = self.states([""])
        for i in range(0, len(prompts), batch):
            states = self.states(list(prompts[i : i + batch]))
            generators = [torch.Generator().manual_seed(seed) for seed in seeds[i : i + batch]]
            noise = torch.cat([torch.randn(1, 4, 16, 16, generator=generator) for generator in generators])
            clean = None if sources is None else self.encode(sources[i : i + batch])
            keep: Callable[[Latent], Latent] | None = None
            if paint is not None and clean is not None:
                keep = partial(blend, known=Latent(clean, 0.0), mask=paint, noise=noise)
            begin = clean if paint is None else None
            with half():
                latents = sample(
                    self.unet, noise, states, empty, STEPS, GUIDANCE, clean=begin, strength=strength, after=keep
                )
                pictures.append(self.vae.decode(latents).float().clamp(-1, 1))
        return torch.cat(pictures)

    @property
    def side(self) -> int:
        """The pixels a side of what it draws."""
        return self.vae.config.sample_size

    def encode(self, pictures: Tensor) -> Tensor:
        """The latents of square pictures (B, 3, H, H) of any size: (B, 4, 16, 16)."""
        with half():
            return self.vae.encode(resized(pictures, self.side))[0].float()

    @torch.no_grad()
    def states(self, prompts: list[str]) -> Tensor:
        """What the UNet is told: (B, 77, 160)."""
        return self.text_encoder(input_ids=tokenize(self.tokenizer, prompts, whole=True)).last_hidden_state


def towers_of(folder: Path) -> CLIPModel:
    """A model's CLIP, in full precision."""
    towers: CLIPModel = CLIPModel.from_pretrained(folder / "clip").float().eval()
    return towers


def border_colour(picture: np.ndarray) -> str:
    """The palette colour nearest to the median of the outermost two pixels of a picture (H, W, 3)."""
    ring = np.concatenate([picture[:2].reshape(-1, 3), picture[-2:].reshape(-1, 3)])
    ring = np.concatenate([ring, picture[:, :2].reshape(-1, 3), picture[:, -2:].reshape(-1, 3)])
    red, green, blue = np.median(ring, axis=0).round().astype(int).tolist()
    return colour_name((red, green, blue))


@dataclass(frozen=True)
class Judged:
    """What was asked for in a picture of one thing, and whether judge and border find it."""

    concept: int
    style: int
    named: bool
    styled: bool
    backed: bool


def singles(model: Model, seeds: int = 4) -> list[Judged]:
    """Every concept in every style that the model knows, `seeds` times, before the palette's colours in turn."""
    colours = list(PALETTE)
    wanted = [
        (concept, style, colours[(3 * concept + 7 * style + 2 * seed) % len(colours)], seed)
        for concept in range(model.knows.concepts)
        for style in range(model.knows.styles)
        for seed in range(seeds)
    ]
    words, styles = list(CONCEPTS), list(STYLES)
    prompts = [prompt(words[concept], styles[style], colour) for concept, style, colour, _ in wanted]
    pictures = model.draw(prompts, [1000 * seed + concept for concept, *_, seed in wanted])
    with torch.no_grad():
        named, styled = (scores.argmax(1).tolist() for scores in model.judge(pictures))
    borders = map(border_colour, to_pixels(pictures))
    return [
        Judged(concept, style, found == concept, manner == style, border == colour)
        for (concept, style, colour, _), found, manner, border in zip(wanted, named, styled, borders, strict=True)
    ]


def one_object(drawn: Sequence[Judged], scope: Scope) -> Figures:
    """How often the things within a scope are as they were asked for."""
    within = [one for one in drawn if one.concept < scope.concepts and one.style < scope.styles]
    kinds = {"concept": "named", "style": "styled", "background": "backed"}
    return {figure: float(np.mean([getattr(one, kind) for one in within])) for figure, kind in kinds.items()}


def two_objects(model: Model, scope: Scope, pairs: int = 64) -> Figures:
    """Random pairs, left and right named: how often the judge finds each in its half, and both.

    And how often CLIP finds the picture nearer to the prompt than to the prompt with its sides exchanged.
    """
    rng = random.Random(7)
    chosen = [rng.sample(range(scope.concepts), 2) for _ in range(pairs)]
    prompts = [
        f"{side_by_side([scope.words[i] for i in pair])}, {rng.choice(scope.style_names)} style, "
        f"on a {rng.choice(list(PALETTE))} background"
        for pair in chosen
    ]
    pictures = model.draw(prompts, range(pairs))
    with torch.no_grad():
        found = torch.stack([model.judge(part(pictures, side, 2))[0].argmax(1) for side in (0, 1)], 1)
    right = found == torch.tensor(chosen)
    return {
        "two_objects_both": right.all(1).float().mean().item(),
        "two_objects_each": right.float().mean().item(),
        "two_objects_clip": nearer_than_exchanged(model.ranking, pictures, prompts).float().mean().item(),
    }


def variety(model: Model, scope: Scope, prompts: int = 8, seeds: int = 16) -> Figures:
    """Mean distance between seeds of a prompt, relative to that between renderings such as it was trained on.

    Half of the renderings are calm. Distances are between pixels, and between the judge's features; both are averaged
    over the prompts.
    """
    rng = random.Random(11)
    by_pixels, by_features = [], []
    for _ in range(prompts):
        concept, style, colour = rng.choice(scope.words), rng.choice(scope.style_names), rng.choice(list(PALETTE))
        made = model.draw([prompt(concept, style, colour)] * seeds, range(seeds))
        sizes = [rng.uniform(0.66, 0.96) for _ in range(seeds)]
        scenes = [Scene(PALETTE[colour], (place(rng, CONCEPTS[concept], style, size),)) for size in sizes]
        scenes = [calmed(rng, scene) if i % 2 else scene for i, scene in enumerate(scenes)]
        real = tensor(np.stack([render(scene) for scene in scenes]))
        real = resized(real, model.side)
        by_pixels.append(torch.pdist(made.flatten(1)).mean() / torch.pdist(real.flatten(1)).mean())
        by_features.append(torch.pdist(model.judge.embed(made)).mean() / torch.pdist(model.judge.embed(real)).mean())
    return {
        "variety_pixels": torch.stack(by_pixels).mean().item(),
        "variety_features": torch.stack(by_features).mean().item(),
    }


def renderings(rng: random.Random, scope: Scope, icons: Sequence[Sequence[str]]) -> tuple[list[str], list[str], Tensor]:
    """Calm renderings of the concepts named, with the style and the background of each: (N, 3, 128, 128)."""
    styles, colours = zip(*[(rng.choice(scope.style_names), rng.choice(list(PALETTE))) for _ in icons], strict=True)
    scenes = [
        Scene(PALETTE[colour], tuple(place(rng, CONCEPTS[word], style, 0.5) for word in words))
        for words, style, colour in zip(icons, styles, colours, strict=True)
    ]
    return list(styles), list(colours), tensor(np.stack([render(calmed(rng, scene)) for scene in scenes]))


def painting(model: Model, scope: Scope, count: int = 64) -> Figures:
    """New content painted into a mask: the right half of renderings of two things, with another thing prompted there.

    How often the judge finds the new thing in the painted half, and how often that on the left, which was kept.
    """
    rng = random.Random(13)
    chosen = [rng.sample(scope.words, 3) for _ in range(count)]
    styles, colours, sources = renderings(rng, scope, [words[:2] for words in chosen])
    prompts = [
        f"{side_by_side([left, new])}, {style} style, on a {colour} background"
        for (left, _, new), style, colour in zip(chosen, styles, colours, strict=True)
    ]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, SIZE // 2 :] = 255
    pictures = model.draw(prompts, range(count), sources, paint=Mask(mask))
    with torch.no_grad():
        kept, painted = (model.judge(part(pictures, side, 2))[0].argmax(1).tolist() for side in (0, 1))
    words = list(CONCEPTS)
    return {
        "painted": float(np.mean([words[got] == new for got, (_, _, new) in zip(painted, chosen, strict=True)])),
        "painted_kept": float(np.mean([words[got] == left for got, (left, _, _) in zip(kept, chosen, strict=True)])),
    }


def strengths(model: Model, scope: Scope, count: int = 32) -> Figures:
    """Image to image from renderings of one thing to another: how much of the source is left at each strength.

    The likeness is that of colours, as a correlation; `strength_falls` is the share of steps from one strength to the
    next, over all sources, at which it falls.
    """
    rng = random.Random(17)
    chosen = [rng.sample(scope.words, 2) for _ in range(count)]
    styles, colours, sources = renderings(rng, scope, [words[:1] for words in chosen])
    prompts = [prompt(new, style, colour) for (_, new), style, colour in zip(chosen, styles, colours, strict=True)]
    found = []
    for strength in STRENGTHS:
        made = model.draw(prompts, range(count), sources, strength)
        pairs = zip(made.flatten(1), resized(sources, model.side).flatten(1), strict=True)
        found.append([torch.corrcoef(torch.stack(pair))[0, 1].item() for pair in pairs])
    falls = [after < before for earlier, later in pairwise(found) for before, after in zip(earlier, later, strict=True)]
    figures = {f"likeness_{strength:g}": float(np.mean(each)) for strength, each in zip(STRENGTHS, found, strict=True)}
    return figures | {"strength_falls": float(np.mean(falls))}


def judge_on_real(judge: Judge) -> Figures:
    """How well the judge itself does on held-out renderings, and on whole pictures upright and filling the frame."""
    (held_out, held_out_style), (whole, whole_style) = accuracy(judge, "test"), accuracy(judge, "whole")
    return {
        "judge_held_out": held_out,
        "judge_held_out_style": held_out_style,
        "judge_whole": whole,
        "judge_whole_style": whole_style,
    }


def seconds_a_picture(model: Model, count: int = 4) -> float:
    """Time for one picture alone, the best of a few."""
    times = []
    for seed in range(count):
        begun = time.perf_counter()
        model.draw(["a cat, flat style, on a white background"], [seed])
        times.append(time.perf_counter() - begun)
    return min(times)


def drawn(model: Model, scope: Scope, alone: Sequence[Judged]) -> Figures:
    """All that is measured on pictures that the model draws of what is in the scope; those of one thing are given."""
    figures = one_object(alone, scope) | two_objects(model, scope) | variety(model, scope)
    return figures | painting(model, scope) | strengths(model, scope)


def understood(model: Model, scope: Scope) -> Figures:
    """All that is measured on held-out renderings of what is in the scope."""
    seen, own_size = psnr(model.vae, "test", SIZE, model.side)
    figures = {"psnr": seen, "psnr_own_size": own_size, "psnr_other": psnr(model.vae, "test_other", SIZE)[0]}
    figures |= {"clip_retrieval": retrieval(model.towers, scope), "clip_sides": tells_sides(model.towers, scope)}
    return figures | says(model.captioner, model.words, scope)


def sheet(model: Model) -> np.ndarray:
    """Forty pictures of one thing and eight of two, in rows of eight, for the card."""
    rng = random.Random(3)
    words, colours, styles = rng.sample(list(CONCEPTS), 40), list(PALETTE), list(STYLES)
    prompts = [
        prompt(word, styles[(i + i // 8) % len(styles)], colours[(i + 3 * (i // 8)) % len(colours)])
        for i, word in enumerate(words)
    ]
    pairs = [side_by_side(rng.sample(list(CONCEPTS), 2)) for _ in range(8)]
    prompts += [f"{pair}, {styles[i % 3]} style, on a {colours[i]} background" for i, pair in enumerate(pairs)]
    return grid(to_pixels(model.draw(prompts, range(len(prompts)))), 8)


def training_account() -> str:
    """What each training stage took, as `export` has it from the logs."""
    account = json.loads((MODEL / "training.json").read_text())
    lines = ["| Stage | Samples | Minutes | Last loss |", "| --- | --- | --- | --- |"]
    for stage in ("judge", "vae", "words", "unet", "clip", "captioner"):
        took = account[stage]
        samples, loss = (form.format(took[fact]) if fact in took else "–"
                         for fact, form in (("samples", "{:,}"), ("loss", "{:.3f}")))  # fmt: skip
        lines.append(f"| {stage} | {samples} | {took['minutes']:.0f} | {loss} |")
    return "\n".join(lines)


def told(name: str, figures: Figures) -> Figures:
    """Print the figures; returns them."""
    for figure, value in figures.items():
        print(f"evaluate: {name}: {figure}: {value:.3f}", flush=True)
    return figures


def write(path: Path, figures: dict[str, Figures]) -> None:
    """Write figures as JSON, rounded."""
    rounded = {name: {figure: round(value, 4) for figure, value in each.items()} for name, each in figures.items()}
    path.write_text(json.dumps(rounded, indent=2) + "\n")


def beside(folder: Path) -> None:
    """Measure version 1 in `folder` by the newest judge and CLIP, into `beside.json`, which the card reads."""
    model = Model.load(folder, judged_by=MODEL)
    figures = {"megabytes": megabytes(folder), "seconds_a_picture": seconds_a_picture(model)}
    figures |= drawn(model, model.knows, singles(model)) | understood(model, model.knows)
    write(MODEL / "beside.json", {"version_1": told("version 1", figures)})


def run() -> None:
    """Measure everything, print it, and write `figures.json`, `samples.webp` and the card."""
    model = Model.load()
    figures = {"guidance": GUIDANCE, "steps": float(STEPS)}
    figures |= {"megabytes": megabytes(MODEL), "seconds_a_picture": seconds_a_picture(model)}
    alone = singles(model)
    figures |= told(
        "all", drawn(model, model.knows, alone) | understood(model, model.knows) | judge_on_real(model.judge)
    )
    same = told("as version 1", drawn(model, FIRST, alone) | understood(model, FIRST))
    write(MODEL / "figures.json", {"all": figures, "as_version_1": same})
    Image.fromarray(sheet(model)).save(MODEL / "samples.webp", quality=90, method=6)
    older = json.loads((MODEL / "beside.json").read_text())["version_1"]
    card.write(MODEL, {"version_1": older, "as_version_1": same, "all": figures}, training_account())
