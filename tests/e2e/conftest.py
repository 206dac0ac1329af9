"""A browser as a person has it, before a real server; a test fails if the page complains or asks anybody else."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.web.running import Running, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium") or ""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
PATIENCE = 20_000
"""Milliseconds that anything may take to appear, on two busy cores."""

missing = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
missing += [] if CHROMIUM else ["chromium"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the shipped model, and folders of its own."""
    with running(tmp_path_factory.mktemp("e2e")) as started:
        yield started


@pytest.fixture(scope="module")  # for a session it would keep its event loop where others begin theirs
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if missing:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"needs {', '.join(missing)}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the page complains of; a test that provokes something takes it out again."""
    return []


@pytest.fixture
def context(browser: Browser, server: Running, complaints: list[str]) -> Iterator[BrowserContext]:
    """A profile of its own for each test; every page in it is listened to, and none may have complained in the end."""
    found = browser.new_context(
        base_url=server.address, viewport={"width": 1280, "height": 800}, locale="en", reduced_motion="reduce"
    )
    found.set_default_timeout(PATIENCE)
    found.on("console", lambda message: complaints.extend(error_in(message)))
    found.on("weberror", lambda error: complaints.append(str(error.error)))
    found.on("request", lambda request: complaints.extend(elsewhere(request.url, server.address)))
    yield found
    found.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page; `page.goto("/")` opens the editor."""
    return context.new_page()


def error_in(message: ConsoleMessage) -> list[str]:
    """A complaint, if that is what is written to the console; breaches of the page's policy are written there too."""
    return [f"{message.text} at {message.location['url']}"] if message.type == "error" else []


def elsewhere(url: str, address: str) -> list[str]:
    """A complaint, if a request goes to another origin."""
    return [] if url.startswith((f"{address}/", "data:", "blob:")) else [f"asked another origin: {url}"]
