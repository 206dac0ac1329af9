"""Weights in a prompt: round brackets make words count more, square brackets less, as users of Stable Diffusion write.

`(cat)` counts 1.1 times, `((cat))` 1.21 times, `(cat:1.3)` 1.3 times, `[cat]` 1 / 1.1 times; nested weights multiply.
The notation is that of AUTOMATIC1111's web UI (its wiki, "Features: Attention/emphasis").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

STEP = 1.1
"""How much a pair of round brackets counts; square ones count its inverse."""
MOST = 10.0
"""The largest weight a prompt may ask for."""

SIGN = re.compile(r"\\[()\[\]]|[()\[\]]")
"""A bracket, or one that a backslash makes an ordinary character."""
NUMBER = re.compile(r":\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*$")
"""What may stand before a round bracket closes."""
PARTNER = {")": "(", "]": "["}


def parse_prompt(text: str) -> list[tuple[str, float]]:
    r"""Cut a prompt into stretches of text and how much each counts.

    `\(`, `\)`, `\[` and `\]` stand for the characters themselves. So does a bracket without its partner, as in `:)` or
    `1) a cat`. A number counts only right before a round bracket closes: `[cat:1.3]` is the text "cat:1.3". Joined
    together, the stretches are the prompt without its brackets; a bracket is no space, so `(un)happy` stays one word.

    Args:
        text: the prompt as written.

    Returns:
        (text, weight) in order: no text is empty, neighbours differ in weight, weights are 0 … 10. A prompt without
        brackets is one stretch of weight 1.

    Raises:
        ValueError: a weight is below 0 or above 10.
    """
    stretches = groupby(weighed(text), key=lambda character: character[1])
    return [("".join(character for character, _ in characters), weight) for weight, characters in stretches]


def weighed(text: str) -> list[tuple[str, float]]:
    """As `parse_prompt`, character by character."""
    signs = list(SIGN.finditer(text))
    factors, ends = _pairs(text, signs)
    characters: list[tuple[str, float]] = []
    weights = [1.0]
    at = 0
    for sign in signs:
        stop = ends.get(sign.start(), sign.start())
        characters += [(character, weights[-1]) for character in text[at:stop]]
        at = sign.end()
        if sign.start() in factors:
            weights.append(weights[-1] * factors[sign.start()])
            if weights[-1] > MOST:
                raise ValueError(_complaint(f"{weights[-1]:g}", text[sign.start() :]))
        elif sign.start() in ends:
            weights.pop()
        else:
            characters.append((sign[0][-1], weights[-1]))
    return characters + [(character, 1.0) for character in text[at:]]


def _pairs(text: str, signs: Sequence[re.Match[str]]) -> tuple[dict[int, float], dict[int, int]]:
    """What each opening bracket multiplies by, and where the text before each closing one ends, its number left out.

    A closing bracket takes the nearest open one of its kind; those in between have no partner.
    """
    factors: dict[int, float] = {}
    ends: dict[int, int] = {}
    waiting: list[re.Match[str]] = []
    at = 0
    for sign in signs:
        kind = PARTNER.get(sign[0])
        if sign[0] in PARTNER.values():
            waiting.append(sign)
        elif any(before[0] == kind for before in waiting):
            while (opening := waiting.pop())[0] != kind:
                pass
            number = NUMBER.search(text, at, sign.start()) if kind == "(" else None
            factor = float(number[1]) if number else STEP if kind == "(" else 1 / STEP
            if not 0 <= factor <= MOST:
                raise ValueError(_complaint(f"{factor:g}", text[opening.start() : sign.end()]))
            factors[opening.start()] = factor
            ends[sign.start()] = number.start() if number else sign.start()
        at = sign.end()
    return factors, ends


def _complaint(found: str, where: str) -> str:
    place = where if len(where) <= 40 else where[:39] + "…"
    return (
        f'prompt: expected weights from 0 to {MOST:g}, found {found} in "{place}"; \\( is a bracket that is only text'
    )
