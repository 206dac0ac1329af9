"""A scene is a picture in words and numbers: a background, one to three things, and where they stand.

From a scene come its SVG, its pixels and its captions; nothing here is random but by the generator handed in.
"""

import io
import random
import re
from dataclasses import dataclass, replace
from math import cos, radians, sin

import numpy as np
import resvg_py
from PIL import Image

from .artwork import CONCEPTS, STYLES, Art, icons, names_of

SIZE = 128  # pixels a side
SIDES = {1: ("",), 2: ("on the left", "on the right"), 3: ("on the left", "in the middle", "on the right")}
"""Where things stand, by how many there are: each in its share of the width."""

PALETTE = {
    "white": (255, 255, 255),
    "black": (24, 24, 28),
    "gray": (150, 150, 156),
    "pink": (250, 172, 204),
    "yellow": (255, 222, 90),
    "light green": (172, 228, 140),
    "light blue": (164, 214, 250),
    "blue": (44, 92, 204),
    "purple": (132, 82, 190),
    "brown": (126, 84, 54),
}


@dataclass(frozen=True)
class Thing:
    """An icon of a style at (x, y), its centre, and of a size, both in shares of the picture's side."""

    icon: str
    style: str
    x: float = 0.5
    y: float = 0.5
    size: float = 0.9
    angle: float = 0.0  # degrees
    flip: bool = False


@dataclass(frozen=True)
class Scene:
    """A background colour (RGB, 0 to 255) and the things before it, from left to right."""

    background: tuple[int, int, int]
    things: tuple[Thing, ...]


def place(rng: random.Random, icon: str, style: str, size: float, left: float = 0.0, right: float = 1.0) -> Thing:
    """Put an icon at a random spot between two vertical lines, turned a little, mirrored every other time."""
    angle = rng.uniform(-12, 12)
    reach = min(size * (cos(radians(angle)) + abs(sin(radians(angle)))) * 0.96, right - left)  # art has a small margin
    x = rng.uniform(left + reach / 2, right - reach / 2)
    y = rng.uniform(reach / 2, 1 - reach / 2)
    return Thing(icon, style, x, y, size, angle, rng.random() < 0.5)


def random_scene(rng: random.Random, count: int | None = None, smallest: float = 0.66) -> Scene:
    """One to three things of one style side by side (half of all scenes have one), before a palette colour."""
    style = rng.choice(list(STYLES))
    background = PALETTE[rng.choice(list(PALETTE))]
    count = count or rng.choices((1, 2, 3), (0.5, 0.38, 0.12))[0]
    if count == 1:
        size = rng.uniform(smallest, 0.96) if rng.random() < 0.85 else rng.uniform(0.4, smallest)
        return Scene(background, (place(rng, rng.choice(list(CONCEPTS.values())), style, size),))
    icons = rng.sample(list(CONCEPTS.values()), count)
    return Scene(
        background,
        tuple(
            place(rng, icon, style, rng.uniform(0.84, 1.0) / count, i / count, (i + 1) / count)
            for i, icon in enumerate(icons)
        ),
    )


def calmed(rng: random.Random, scene: Scene) -> Scene:
    """The same scene with its things upright, unmirrored, large and in the middle of their shares: easier to learn."""
    count = len(scene.things)
    return replace(scene, things=tuple(calm(rng, thing, i, count) for i, thing in enumerate(scene.things)))


def calm(rng: random.Random, thing: Thing, i: int, count: int) -> Thing:
    """Thing `i` of `count`, as the artwork has it and in the middle of its share, but for a little."""
    x = (i + rng.uniform(0.48, 0.52)) / count
    y = 0.5 + rng.uniform(-0.02, 0.02) * (1 if count == 1 else 3)
    return replace(thing, x=x, y=y, size=rng.uniform(0.86, 0.96) / count, angle=rng.uniform(-4, 4), flip=False)


def svg(scene: Scene) -> str:
    """The scene as an SVG document of `SIZE` units a side."""
    colour = "rgb({},{},{})".format(*scene.background)
    drawings = "".join(drawing(thing, icons(thing.style)[thing.icon], f"t{i}-") for i, thing in enumerate(scene.things))
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    backdrop = f'<rect width="{SIZE}" height="{SIZE}" fill="{colour}"/>'
    return f'<svg {names} viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}">{backdrop}{drawings}</svg>'


def drawing(thing: Thing, art: Art, prefix: str) -> str:
    """A thing's SVG group; `prefix` keeps the ids of two things in one document apart."""
    scale = thing.size * SIZE / art.size
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}", art.body)
    transform = (
        f"translate({thing.x * SIZE:.3f} {thing.y * SIZE:.3f}) rotate({thing.angle:.2f}) "
        f"scale({-scale if thing.flip else scale:.5f} {scale:.5f}) translate({-art.size / 2} {-art.size / 2})"
    )
    return f'<g transform="{transform}">{body}</g>'


def render(scene: Scene) -> np.ndarray:
    """The scene's pixels: (SIZE, SIZE, 3), 0 to 255."""
    png = resvg_py.svg_to_bytes(svg_string=svg(scene), width=SIZE, height=SIZE)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def caption(rng: random.Random, scene: Scene) -> str:
    """A true sentence on the scene, in one of several forms; now and then it leaves out style or background."""
    names = [rng.choice(names_of(concept_of(thing))) for thing in scene.things]
    style = scene.things[0].style
    say = rng.random()
    with_style, with_background = say < 0.80, say < 0.62 or say > 0.90
    before = with_style and rng.random() < 0.4
    if len(names) == 1 and before:
        words = rng.choice([f"{style} style {names[0]}", f"a {style} style {names[0]}"])
    elif len(names) == 1:
        words = rng.choice([names[0], with_article(names[0]), with_article(names[0])])
    else:
        words, before = side_by_side(names, told=rng.random() < 0.7), False
    if with_style and not before:
        words += f", {style} style"
    if with_background:
        words += f"{rng.choice([',', ''])} on a {colour_name(scene.background)} background"
    return words


def side_by_side(names: list[str], told: bool = True) -> str:
    """Two or three things in a sentence, from left to right, with the side on which each stands where that is told."""
    sides = SIDES[len(names)] if told else [""] * len(names)
    *first, last = [f"{with_article(name)} {side}".rstrip() for name, side in zip(names, sides, strict=True)]
    return f"{', '.join(first)} and {last}"


def prompt(concept: str, style: str, background: str) -> str:
    """The plainest full caption of one concept."""
    return f"{with_article(concept)}, {style} style, on a {background} background"


def with_article(name: str) -> str:
    """A cat, an owl; a unicorn is the exception that English makes."""
    return f"an {name}" if name[0] in "aeiou" and name[:3] != "uni" else f"a {name}"


def concept_of(thing: Thing) -> str:
    """The concept's word for a thing's icon."""
    return next(word for word, icon in CONCEPTS.items() if icon == thing.icon)


def colour_name(colour: tuple[int, int, int]) -> str:
    """The name of a palette colour, or of the nearest one."""
    return min(PALETTE, key=lambda name: sum((a - b) ** 2 for a, b in zip(PALETTE[name], colour, strict=True)))
