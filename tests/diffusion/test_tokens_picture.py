"""The picture of a prompt as tokens: every piece is there, and weights, padding and what was cut can be told."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from transformers import CLIPTokenizer

from diffusion.checkpoint import open_checkpoint
from diffusion.sheets import FAINT, PAPER
from diffusion.text import Tokens, tokenize
from diffusion.tokens_picture import LESS, MORE, TINTS, WARNING, WIDTH, Cell, Note, Patch, arranged, token_table

EMOJI = Path(__file__).resolve().parents[2] / "models" / "emoji"
LONG = "a striped cat, a red fox on a chair, " * 10


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """That of the model that ships."""
    return open_checkpoint(EMOJI).tokenizer.load()


def patches(tokens: Tokens) -> list[Patch]:
    """All patches, from top to bottom."""
    return [patch for line in arranged(tokens) if not isinstance(line, Note) for patch in line]


def notes(tokens: Tokens) -> list[str]:
    """All lines of text."""
    return [line.text for line in arranged(tokens) if isinstance(line, Note)]


def shows(tokens: Tokens, colour: tuple[int, int, int]) -> bool:
    """Whether something is drawn in a colour, be it only in thin strokes that let paper through."""
    share = (255.0 - token_table(tokens).pixels) / (255.0 - np.array(colour))
    return bool(((share.min(axis=-1) > 0.5) & (np.ptp(share, axis=-1) < 0.05)).any())


def test_a_word_is_a_patch_of_its_pieces(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a photo of bozuman")
    found = patches(tokens)
    texts = [[cell.text for cell in patch.cells] for patch in found]
    assert texts == [["begin"], ["a"], ["photo"], ["of"], ["bo", "z", "u", "man"], ["end"], ["68 x padding"]]
    assert [cell.id for patch in found for cell in patch.cells] == [*tokens.ids[:9], 2047]
    assert [patch.tint for patch in found] == [None, *TINTS[:4], None, None]
    assert notes(tokens) == ["4 words in 7 pieces, 77 tokens"]


def test_neighbours_differ_in_colour(tokenizer: CLIPTokenizer) -> None:
    tints = [patch.tint for patch in patches(tokenize(tokenizer, LONG)) if patch.tint]
    assert all(a != b for a, b in pairwise(tints))


def test_a_weight_is_shown_where_it_is_not_one(tokenizer: CLIPTokenizer) -> None:
    found = patches(tokenize(tokenizer, "a (red:1.25) [fox] cat"))
    assert [cell.label for patch in found for cell in patch.cells] == ["", "", "x1.25", "x0.909", "", "", ""]


def test_weights_have_colours(tokenizer: CLIPTokenizer) -> None:
    for prompt, more, less in (("a (red:1.5) fox", True, False), ("a [red] fox", False, True), ("a fox", False, False)):
        tokens = tokenize(tokenizer, prompt)
        assert (shows(tokens, MORE), shows(tokens, LESS)) == (more, less)


def test_what_was_cut_off_stands_at_the_end_as_a_warning(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, LONG)
    assert shows(tokens, WARNING) and not shows(tokenize(tokenizer, "a cat"), WARNING)
    _, heading, *lines = notes(tokens)
    assert heading == "cut off, for it did not fit:" and " ".join(lines) == tokens.cut
    assert isinstance(list(arranged(tokens))[-1], Note)


def test_groups_stand_one_below_the_other(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, LONG, long="chunk")
    assert notes(tokens)[1:] == ["group 1 of 2", "group 2 of 2"]
    cells = [cell.text for patch in patches(tokens) for cell in patch.cells]
    assert cells.count("begin") == cells.count("end") == 2
    assert len([cell for cell in cells if "padding" not in cell]) == 4 + sum(piece[0] != "<" for piece in tokens.pieces)


def test_the_empty_prompt_has_a_picture(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "")
    assert [patch.cells[0].text for patch in patches(tokens)] == ["begin", "end", "75 x padding"]
    assert shows(tokens, FAINT)


def test_characters_that_the_typeface_lacks_are_drawn_all_the_same(tokenizer: CLIPTokenizer) -> None:
    tokens = Tokens("é 猫", (0, 1, 2, 9), ("<s>", "Ã©</w>", "çĮ«</w>", "<e>"), (1.0,) * 4)
    assert [patch.cells[0].text for patch in patches(tokens)] == ["begin", "e", "?", "end"]
    assert [cell.text for cell in patches(tokenize(tokenizer, "🦊"))[1].cells] == [r"\xf0", r"\x9f", r"\xa6", r"\x8a"]


@pytest.mark.parametrize("prompt", ["z" * 3000, "猫" * 500, "a " * 3000, "donaudampf" * 9 + " (x:1.2)"])
@pytest.mark.parametrize("long", ["cut", "chunk"])
def test_no_line_is_wider_than_a_page(tokenizer: CLIPTokenizer, prompt: str, long: str) -> None:
    width, height = token_table(tokenize(tokenizer, prompt, long=long)).size
    assert width <= WIDTH + 28 and height >= 100


def test_nothing_is_drawn_outside(tokenizer: CLIPTokenizer) -> None:
    for prompt in ("a (cat:1.3)", LONG, "(a:1.2) " * 60):
        pixels = token_table(tokenize(tokenizer, prompt)).pixels
        edges = [pixels[:8], pixels[-4:], pixels[:, :8], pixels[:, -8:]]
        assert all((edge == PAPER).all() for edge in edges)
        assert np.ptp(pixels) > 200


def test_a_cell_holds_what_is_below_it() -> None:
    assert Cell("i", 49407, 1.25).width > Cell("i", 4).width
    assert Patch((Cell("a", 1), Cell("b", 2))).width == Cell("a", 1).width + Cell("b", 2).width
