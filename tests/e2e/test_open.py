"""The page opens, without a complaint; and what it complains of is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe import barriers

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


def test_the_page_opens(page: Page) -> None:
    page.goto("/")
    assert page.title() == "Diffuscope"


def test_nothing_bars_the_way(page: Page) -> None:
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert barriers(page) == []


@pytest.mark.parametrize(
    ("script", "heard"),
    [
        ("console.error('a word')", "a word"),
        ("setTimeout(() => { throw new Error('a fault') })", "a fault"),
        ("document.head.append(Object.assign(document.createElement('style'), {textContent: 'a {}'}))", "style-src"),
        ("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/a.png'}))", "img-src"),
        ("fetch('/api/nowhere')", "404"),
        ("document.querySelector('dialog').append(document.createElement('button'))", "button-name"),
    ],
)
def test_complaints_are_heard(page: Page, complaints: list[str], script: str, heard: str) -> None:
    page.goto("/")
    page.get_by_role("dialog").wait_for()  # what lies behind it counts for nothing
    page.evaluate(f"{{ {script} }}")
    page.wait_for_timeout(300)
    found = complaints + barriers(page)
    complaints.clear()
    assert any(heard in line for line in found), found


def test_asking_another_origin_is_heard(page: Page, complaints: list[str]) -> None:
    page.goto("about:blank")
    complaints.clear()
    page.set_content("<img src='http://127.0.0.1:9/a.png'>")
    found, complaints[:] = [*complaints], []
    assert "asked another origin: http://127.0.0.1:9/a.png" in found
