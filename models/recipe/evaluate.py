"""Stage `evaluate`: measure the model as exported, through this project's own networks, and write its card."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from diffusion.checkpoint import open_captioner, open_checkpoint
from diffusion.unet import UNet
from diffusion.vae import VAE

from . import card
from .artwork import CONCEPTS, STYLES, WORK
from .captioner import names_the_thing
from .clip import retrieval, tokenize
from .export import MODEL, megabytes
from .judge import Judge, accuracy, halves, load_judge, tensor
from .sampling import grid, sample, to_pixels
from .scenes import PALETTE, Scene, calmed, colour_name, place, prompt, render, with_article
from .training import half
from .vae import psnr

Figures = dict[str, float]

GUIDANCE = 3.0
STEPS = 20


@dataclass(frozen=True)
class Model:
    """The shipped model, ready to draw on the CPU."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet
    vae: VAE
    judge: Judge

    @classmethod
    def load(cls, folder: Path = MODEL) -> "Model":
        """Read all parts from the folder, in full precision."""
        parts = open_checkpoint(folder)
        return cls(
            parts.tokenizer.load(), parts.text_encoder.load(), parts.unet.load(), parts.vae.load(), load_judge(folder)
        )

    @torch.no_grad()
    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        guidance: float = GUIDANCE,
        sampler: str = "ddim",
        steps: int = STEPS,
        batch: int = 16,
    ) -> Tensor:
        """One picture for each prompt and its seed: (N, 3, 64, 64) in [-1, 1]."""
        pictures = []
        empty = self.states([""])
        for i in range(0, len(prompts), batch):
            states = self.states(list(prompts[i : i + batch]))
            generators = [torch.Generator().manual_seed(seed) for seed in seeds[i : i + batch]]
            noise = torch.cat([torch.randn(1, 4, 16, 16, generator=generator) for generator in generators])
            with half():
                latents = sample(self.unet, noise, states, empty, steps, guidance, sampler)
                pictures.append(self.vae.decode(latents).float().clamp(-1, 1))
        return torch.cat(pictures)

    @torch.no_grad()
    def states(self, prompts: list[str]) -> Tensor:
        """What the UNet is told: (B, 77, 160)."""
        return self.text_encoder(input_ids=tokenize(self.tokenizer, prompts, whole=True)).last_hidden_state


def border_colour(picture: np.ndarray) -> str:
    """The palette colour nearest to the median of the outermost two pixels of a picture (H, W, 3)."""
    ring = np.concatenate([picture[:2].reshape(-1, 3), picture[-2:].reshape(-1, 3)])
    ring = np.concatenate([ring, picture[:, :2].reshape(-1, 3), picture[:, -2:].reshape(-1, 3)])
    red, green, blue = np.median(ring, axis=0).round().astype(int).tolist()
    return colour_name((red, green, blue))


def one_object(model: Model, seeds: int = 4, guidance: float = GUIDANCE, sampler: str = "ddim") -> Figures:
    """Every concept in every style, `seeds` times, before the palette's colours in turn: what judge and border say."""
    colours = list(PALETTE)
    wanted = [
        (concept, style, colours[(3 * concept + 7 * style + 2 * seed) % len(colours)], seed)
        for concept in range(len(CONCEPTS))
        for style in range(len(STYLES))
        for seed in range(seeds)
    ]
    words, styles = list(CONCEPTS), list(STYLES)
    prompts = [prompt(words[concept], styles[style], colour) for concept, style, colour, _ in wanted]
    pictures = model.draw(prompts, [1000 * seed + concept for concept, *_, seed in wanted], guidance, sampler)
    with torch.no_grad():
        concept_scores, style_scores = model.judge(pictures)
    named = [got == concept for got, (concept, *_) in zip(concept_scores.argmax(1).tolist(), wanted, strict=True)]
    styled = [got == style for got, (_, style, *_) in zip(style_scores.argmax(1).tolist(), wanted, strict=True)]
    backed = [border_colour(p) == colour for p, (*_, colour, _) in zip(to_pixels(pictures), wanted, strict=True)]
    return {"concept": float(np.mean(named)), "style": float(np.mean(styled)), "background": float(np.mean(backed))}


def two_objects(model: Model, pairs: int = 64) -> Figures:
    """Random pairs, left and right named: how often the judge finds each in its half, and both."""
    rng = random.Random(7)
    chosen = [rng.sample(range(len(CONCEPTS)), 2) for _ in range(pairs)]
    words = list(CONCEPTS)
    prompts = [
        f"{with_article(words[left])} on the left and {with_article(words[right])} on the right, "
        f"{rng.choice(list(STYLES))} style, on a {rng.choice(list(PALETTE))} background"
        for left, right in chosen
    ]
    pictures = model.draw(prompts, range(pairs))
    with torch.no_grad():
        found = torch.stack([model.judge(half_picture)[0].argmax(1) for half_picture in halves(pictures)], 1)
    right = found == torch.tensor(chosen)
    return {"two_objects_both": right.all(1).float().mean().item(), "two_objects_each": right.float().mean().item()}


def variety(model: Model, prompts: int = 8, seeds: int = 16) -> Figures:
    """Mean distance between seeds of a prompt, relative to that between renderings such as it was trained on.

    Distances are between pixels, and between the judge's features; both are averaged over the prompts.
    """
    rng = random.Random(11)
    by_pixels, by_features = [], []
    for _ in range(prompts):
        concept, style, colour = rng.choice(list(CONCEPTS)), rng.choice(list(STYLES)), rng.choice(list(PALETTE))
        made = model.draw([prompt(concept, style, colour)] * seeds, range(seeds))
        sizes = [rng.uniform(0.72, 0.96) for _ in range(seeds)]
        scenes = [Scene(PALETTE[colour], (place(rng, CONCEPTS[concept], style, size),)) for size in sizes]
        scenes = [calmed(rng, scene) for scene in scenes]
        real = tensor(np.stack([render(scene) for scene in scenes]))
        by_pixels.append(torch.pdist(made.flatten(1)).mean() / torch.pdist(real.flatten(1)).mean())
        by_features.append(torch.pdist(model.judge.embed(made)).mean() / torch.pdist(model.judge.embed(real)).mean())
    return {
        "variety_pixels": torch.stack(by_pixels).mean().item(),
        "variety_features": torch.stack(by_features).mean().item(),
    }


def judge_on_real(judge: Judge) -> Figures:
    """How well the judge itself does on held-out renderings of one thing."""
    (held_out, held_out_style), (whole, _) = accuracy(judge, "test"), accuracy(judge, "whole")
    return {"judge_held_out": held_out, "judge_held_out_style": held_out_style, "judge_whole": whole}


def seconds_a_picture(model: Model, count: int = 4) -> float:
    """Time for one picture alone, the best of a few."""
    times = []
    for seed in range(count):
        begun = time.perf_counter()
        model.draw(["a cat, flat style, on a white background"], [seed])
        times.append(time.perf_counter() - begun)
    return min(times)


def sheet(model: Model) -> np.ndarray:
    """Sixty pictures in rows of twelve, for the card."""
    rng = random.Random(3)
    words, colours = rng.sample(list(CONCEPTS), 60), list(PALETTE)
    prompts = [
        prompt(word, list(STYLES)[(i + i // 12) % 2], colours[(i + 3 * (i // 12)) % len(colours)])
        for i, word in enumerate(words)
    ]
    return grid(to_pixels(model.draw(prompts, range(60))), 12)


def training_account() -> str:
    """What each training stage took, read from its log."""
    lines = ["| Stage | Steps | Samples | Minutes | Last loss |", "| --- | --- | --- | --- | --- |"]
    for stage in ("judge", "vae", "clip", "unet", "captioner"):
        last = json.loads((WORK / f"{stage}.log").read_text().splitlines()[-1])
        lines.append("| {} | {step:,} | {samples:,} | {minutes:.0f} | {loss:.3f} |".format(stage, **last))
    return "\n".join(lines)


def run() -> None:
    """Measure everything, print it, and write `figures.json`, `samples.png` and the card."""
    model = Model.load()
    towers = CLIPModel.from_pretrained(MODEL / "clip").float().eval()
    figures: Figures = {"guidance": GUIDANCE, "steps": STEPS}
    figures |= {"megabytes": megabytes(), "seconds_a_picture": seconds_a_picture(model)}
    figures |= one_object(model)
    figures |= two_objects(model)
    figures |= variety(model)
    figures |= {"psnr": psnr(model.vae, "test"), "psnr_other": psnr(model.vae, "test_other")}
    figures |= {"clip_retrieval": retrieval(towers)}
    figures |= {"caption_names": names_the_thing(open_captioner(MODEL / "captioner").load())}
    figures |= judge_on_real(model.judge)
    for name, value in figures.items():
        print(f"evaluate: {name}: {value:.3f}", flush=True)
    (MODEL / "figures.json").write_text(json.dumps({k: round(v, 4) for k, v in figures.items()}, indent=2) + "\n")
    Image.fromarray(sheet(model)).save(MODEL / "samples.png", optimize=True)
    card.write(MODEL, figures, training_account(), len(STYLES), list(PALETTE))
