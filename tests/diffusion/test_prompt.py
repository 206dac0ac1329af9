"""Weights in a prompt: what users write, what is only text, and that no text is too strange."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion.prompt import parse_prompt

SIGNS = st.text("()[]\\:.+-012 ab,\n", max_size=60)
"""Texts in which nearly everything means something."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a (cat) b", [("a ", 1), ("cat", 1.1), (" b", 1)]),
        ("((cat))", [("cat", 1.21)]),
        ("(cat:1.2)", [("cat", 1.2)]),
        ("[cat]", [("cat", 1 / 1.1)]),
        ("[[cat]]", [("cat", 1 / 1.21)]),
        ("(a (b:2) c:1.5) d", [("a ", 1.5), ("b", 3), (" c", 1.5), (" d", 1)]),
        ("(a [b])", [("a ", 1.1), ("b", 1)]),
        ("(a:.5)(b: 2. )", [("a", 0.5), ("b", 2)]),
        ("(gone:0)(most:+10)", [("gone", 0), ("most", 10)]),
        ("(10:30:1.5)", [("10:30", 1.5)]),
        ("(a\ncat:1.5)", [("a\ncat", 1.5)]),
    ],
)
def test_brackets_are_weights(text: str, expected: list[tuple[str, float]]) -> None:
    found = parse_prompt(text)
    assert [part for part, _ in found] == [part for part, _ in expected]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in expected])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\(cat\) \[x\]", [("(cat) [x]", 1)]),
        (r"(a \(b\):1.5)", [("a (b)", 1.5)]),
        (r"(a\:1.5)", [("a\\", 1.5)]),
        ("smile :)", [("smile :)", 1)]),
        ("1) a cat 2] a (fox", [("1) a cat 2] a (fox", 1)]),
        ("([a)]", [("[a", 1.1), ("]", 1)]),
        ("(sad :( face:1.2)", [("(sad :", 1), (" face", 1.2)]),
        ("[cat:1.3]", [("cat:1.3", 1 / 1.1)]),
        ("(cat:high)", [("cat:high", 1.1)]),
        ("(cat:1.2.3)", [("cat:1.2.3", 1.1)]),
    ],
)
def test_what_is_no_weight_is_text(text: str, expected: list[tuple[str, float]]) -> None:
    assert parse_prompt(text) == [(part, pytest.approx(weight)) for part, weight in expected]


@pytest.mark.parametrize("text", ["", "()", "[]", "(:1.2)", "([()])"])
def test_empty_brackets_leave_nothing(text: str) -> None:
    assert parse_prompt(text) == []


def test_texts_of_one_weight_are_joined() -> None:
    assert parse_prompt("a () b (c:1) d") == [("a  b c d", 1.0)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a (cat:-1)", 'expected weights from 0 to 10, found -1 in "(cat:-1)"'),
        ("(cat:10.5) b", 'expected weights from 0 to 10, found 10.5 in "(cat:10.5)"'),
        ("((cat:5):5)", 'expected weights from 0 to 10, found 25 in "(cat:5):5)"'),
        ("(a:" + "9" * 400 + ")", "found inf in"),
        ("(" * 30 + "a" + ")" * 30, "found 10.8347 in"),
    ],
)
def test_a_weight_out_of_range_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="^prompt: .*" + re.escape(complaint)):
        parse_prompt(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="()[]"), min_size=1))
def test_a_text_without_brackets_is_left_as_it_is(text: str) -> None:
    assert parse_prompt(text) == [(text, 1.0)]


@given(st.text() | SIGNS)
def test_a_backslash_makes_any_text_mean_itself(text: str) -> None:
    escaped = re.sub(r"[()\[\]]", r"\\\g<0>", text)
    assert parse_prompt(escaped) == ([(text, 1.0)] if text else [])


@given(SIGNS)
def test_any_brackets_give_stretches_or_name_a_weight(text: str) -> None:
    try:
        found = parse_prompt(text)
    except ValueError as error:
        assert str(error).startswith("prompt: expected weights from 0 to 10, found ")
        return
    assert all(part and 0 <= weight <= 10 for part, weight in found)
    assert all(a[1] != b[1] for a, b in pairwise(found))
    assert "".join(part for part, _ in found).count("a") == text.count("a")
