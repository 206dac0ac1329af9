"""Stage `data`: the bank of rendered scenes and their captions, made once and read by every later stage."""

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from .artwork import CONCEPTS, STYLES, WORK, fetch, other_icons
from .scenes import PALETTE, Scene, calmed, caption, colour_name, concept_of, place, random_scene, render

CAPTIONS_EACH = 3
DRAWN = 40_000
"""The UNet learns to draw from so many of the training bank's pictures, which are kept as latents."""

Record = dict[str, list]


@dataclass(frozen=True)
class Bank:
    """Pictures (N, H, W, 3) of 0 to 255, and for each its captions, its concepts (left to right) and its style."""

    pictures: np.ndarray
    captions: list[list[str]]
    concepts: list[list[int]]
    styles: list[int]
    calm: list[bool]

    def __len__(self) -> int:
        return len(self.pictures)

    def background(self, i: int) -> str:
        """The name of a picture's background: the colour of most of its corners, which things seldom cover."""
        picture = np.asarray(self.pictures[i])
        corners = [colour_name(tuple(picture[y, x].tolist())) for y in (0, -1) for x in (0, -1)]
        return Counter(corners).most_common(1)[0][0]

    def within(self, scope: "Scope") -> np.ndarray:
        """The indices of pictures that show nothing but the scope's concepts, in one of its styles."""
        return np.array(
            [
                i
                for i, (concepts, style) in enumerate(zip(self.concepts, self.styles, strict=True))
                if max(concepts) < scope.concepts and style < scope.styles
            ]
        )


@dataclass(frozen=True)
class Scope:
    """The first so many concepts and the first so many styles: what a model can be asked for."""

    concepts: int
    styles: int

    @property
    def words(self) -> list[str]:
        """The words of its concepts."""
        return list(CONCEPTS)[: self.concepts]

    @property
    def style_names(self) -> list[str]:
        """The names of its styles."""
        return list(STYLES)[: self.styles]


ALL = Scope(len(CONCEPTS), len(STYLES))
FIRST = Scope(65, 2)
"""What version 1 knows."""


def train_scene(seed: int) -> Scene:
    """Scene `seed` of those that the stages train on; every other one is calm."""
    rng = random.Random(f"train {seed}")
    scene = random_scene(rng)
    return calmed(rng, scene) if is_calm(seed) else scene


def is_calm(seed: int) -> bool:
    """Whether training scene `seed` has its things upright, large and in the middle."""
    return seed % 2 == 0


def test_scene(seed: int) -> Scene:
    """Scene `seed` of the same kind, held out."""
    return random_scene(random.Random(f"test {seed}"))


def whole_scene(seed: int) -> Scene:
    """A placement outside the training range: upright, centred, filling the picture; every concept × style × colour."""
    rng = random.Random(f"whole {seed}")
    icon = list(CONCEPTS.values())[seed % len(CONCEPTS)]
    style = list(STYLES)[seed // len(CONCEPTS) % len(STYLES)]
    thing = place(rng, icon, style, 1.0)
    return Scene(rng.choice(list(PALETTE.values())), (type(thing)(icon, style, 0.5, 0.5, 1.0),))


def other_scene(seed: int, held_out: bool = False) -> Scene:
    """Any other emoji before any colour, for the VAE alone. One icon in ten is kept for the test."""
    rng = random.Random(f"other {held_out} {seed}")
    style = rng.choice(list(STYLES))
    names = [name for i, name in enumerate(other_icons(style)) if (i % 10 == 0) == held_out]
    background = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
    return Scene(background, (place(rng, rng.choice(names), style, rng.uniform(0.5, 1.0)),))


SPLITS: dict[str, tuple[Callable[[int], Scene], int]] = {
    "train": (train_scene, 60_000),
    "other": (other_scene, 6_000),
    "test": (test_scene, 1_500),
    "whole": (whole_scene, len(STYLES) * len(CONCEPTS)),
    "test_other": (partial(other_scene, held_out=True), 400),
}


def describe(scene: Scene, seed: int) -> Record:
    """Captions and labels of a scene (no captions for artwork outside the concepts)."""
    rng = random.Random(f"captions {seed}")
    if scene.things[0].icon not in CONCEPTS.values():
        return {"captions": [], "concepts": [], "style": [list(STYLES).index(scene.things[0].style)], "calm": [False]}
    return {
        "captions": [caption(rng, scene) for _ in range(CAPTIONS_EACH)],
        "concepts": [list(CONCEPTS).index(concept_of(thing)) for thing in scene.things],
        "style": [list(STYLES).index(scene.things[0].style)],
        "calm": [is_calm(seed)],
    }


def draw(make: Callable[[int], Scene], seed: int) -> tuple[np.ndarray, Record]:
    """Render one scene and describe it."""
    scene = make(seed)
    return render(scene), describe(scene, seed)


def build(share: float = 1.0) -> None:
    """Render every split that is not there yet into `work/data`; `share` < 1 makes smaller ones, for a rehearsal."""
    fetch()
    folder = WORK / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for split, (make, count) in SPLITS.items():
        if (folder / f"{split}.json").exists():
            continue
        with ProcessPoolExecutor(2) as pool:
            drawn = list(pool.map(partial(draw, make), range(max(1, int(count * share))), chunksize=100))
        np.save(folder / f"{split}.npy", np.stack([pixels for pixels, _ in drawn]))
        (folder / f"{split}.json").write_text(json.dumps([record for _, record in drawn]))
        print(f"data: {split}: {len(drawn)} pictures", flush=True)


def load(split: str) -> Bank:
    """A split of the bank, its pictures mapped from disk."""
    folder = WORK / "data"
    records = json.loads((folder / f"{split}.json").read_text())
    return Bank(
        np.load(folder / f"{split}.npy", mmap_mode="r"),
        [record["captions"] for record in records],
        [record["concepts"] for record in records],
        [record["style"][0] for record in records],
        [record["calm"][0] for record in records],
    )
