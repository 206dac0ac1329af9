"""Nothing is lost: not by a reload, a crash, a server that goes away, or another tab."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, expect
from room import (
    OFFLINE,
    PATIENCE,
    WRITTEN,
    bar,
    dialog,
    enter,
    field,
    files,
    forgive,
    pictured,
    run,
    save_as,
    saved,
    send,
    title,
    toast,
    write,
)

from tests.web.running import Running, start

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.slow

LONG = 80
"""Steps of a run that is interrupted."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that a test may end and start again, at one address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = start(tmp_path_factory.mktemp("keeping"), "--port", str(port))
    yield started
    started.end()


def again(server: Running) -> None:
    """Start the server again, where it was."""
    server.process = start(server.folder, "--port", server.address.rpartition(":")[2]).process


def done(page: Page) -> int:
    """How far the bar says that the run is."""
    return int(page.locator(".app-progress").inner_text().split(" of ")[0])


def progressed(page: Page, beyond: int) -> None:
    """Wait until the run is farther than this."""
    script = "(n) => parseInt(document.querySelector('.app-progress')?.textContent) > n"
    page.wait_for_function(script, arg=beyond, timeout=PATIENCE)


def test_a_reload_in_the_middle_of_a_run(page: Page) -> None:
    enter(page)
    write(page, "steps", LONG)
    id = send(page)
    progressed(page, 5)
    before = done(page)
    page.reload()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    progressed(page, before)
    expect(field(page, "steps")).to_have_value(str(LONG))
    expect(toast(page, "Done")).to_be_visible(timeout=PATIENCE)
    pictured(page, "image")
    job = page.request.get(f"/api/jobs/{id}").json()
    assert (job["state"], job["starts"]) == ("done", 1)
    assert page.request.get("/api/jobs").json()["total"] == 1, "it was not sent again"


def test_a_crash_loses_nothing(page: Page, context: BrowserContext) -> None:
    enter(page)
    write(page, "prompt", "before the crash")
    page.wait_for_function(WRITTEN, arg="before the crash")
    with pytest.raises(Error, match="crash"):
        page.goto("chrome://crash")
    again = context.new_page()
    again.goto("/")
    expect(field(again, "prompt")).to_have_value("before the crash")
    expect(title(again)).to_have_value("Text to image")
    expect(bar(again)).to_contain_text("not saved")


def test_a_tab_that_is_closed_at_once_loses_nothing(page: Page, context: BrowserContext) -> None:
    enter(page)
    field(page, "prompt").fill("closed at once")
    page.close()
    again = context.new_page()
    again.goto("/")
    expect(field(again, "prompt")).to_have_value("closed at once")


def test_two_tabs_have_a_draft_each(page: Page, context: BrowserContext) -> None:
    enter(page)
    write(page, "prompt", "the first tab")
    page.wait_for_function(WRITTEN, arg="the first tab")
    other = context.new_page()
    enter(other, "How a prompt is cut up")
    page.reload()
    expect(field(page, "prompt")).to_have_value("the first tab")
    other.reload()
    expect(title(other)).to_have_value("How a prompt is cut up")


def test_the_server_goes_away_and_comes_back(page: Page, server: Running, complaints: list[str]) -> None:
    enter(page)
    write(page, "steps", LONG + 1)
    id = send(page)
    progressed(page, 5)
    server.end(signal.SIGKILL)
    banner = page.get_by_role("alert").filter(has_text=OFFLINE)
    expect(banner).to_be_visible()
    write(page, "prompt", "a cat face")  # one goes on
    page.wait_for_function(WRITTEN, arg="a cat face")
    again(server)
    expect(banner).to_have_count(0)
    expect(toast(page, "Done")).to_be_visible(timeout=PATIENCE)  # the job went on, and the page heard of it
    assert page.request.get(f"/api/jobs/{id}").json()["starts"] == 2
    expect(field(page, "prompt")).to_have_value("a cat face")
    write(page, "steps", 3)
    run(page)
    pictured(page, "image")
    forgive(complaints, "ERR_CONNECTION_REFUSED", "WebSocket", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")


def test_a_run_that_nobody_hears_is_told(page: Page, server: Running, complaints: list[str]) -> None:
    enter(page)
    write(page, "steps", 3)
    server.end(signal.SIGKILL)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(toast(page, "The server does not answer")).to_be_visible()
    again(server)
    expect(page.get_by_role("alert").filter(has_text=OFFLINE)).to_have_count(0)
    run(page)
    pictured(page, "image")
    forgive(complaints, "ERR_CONNECTION_REFUSED", "WebSocket", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")


@pytest.mark.parametrize("way", ["Save mine under another name…", "Open what is saved", "Replace it with mine"])
def test_the_second_of_two_saves_is_told(page: Page, context: BrowserContext, complaints: list[str], way: str) -> None:
    name = f"shared {len(way)}"
    enter(page)
    save_as(page, name)
    other = context.new_page()
    other.goto("/")
    other.get_by_role("tab", name="Saved").click()
    other.get_by_role("button", name=f"Open {name}").click()
    expect(bar(other)).to_contain_text(f"{name}.json")

    write(page, "prompt", "of the first")
    page.keyboard.press("Control+s")
    expect(page.locator(".app-file")).to_have_text(f"{name}.json")  # saved
    write(other, "prompt", "of the second")
    other.keyboard.press("Control+s")
    expect(dialog(other).get_by_role("heading")).to_have_text(f"“{name}” was changed elsewhere")
    assert "of the first" in saved(page.request, name), "nothing is replaced before it is said"

    dialog(other).get_by_role("button", name=way).click()
    if way.startswith("Save mine"):
        dialog(other).get_by_label("Name").fill(f"{name} mine")
        dialog(other).get_by_role("button", name="Save", exact=True).click()
        expect(dialog(other)).to_have_count(0)
        assert "of the second" in saved(page.request, f"{name} mine")
        assert "of the first" in saved(page.request, name)
    elif way.startswith("Open"):
        expect(field(other, "prompt")).to_have_value("of the first")
        assert "of the first" in saved(page.request, name)
    else:
        expect(dialog(other)).to_have_count(0)
        assert "of the second" in saved(page.request, name)
    expect(other.locator(".app-file")).not_to_contain_text("not saved")
    forgive(complaints, "412")
    files(other, "Save")  # and from here on it is saved as ever
    expect(toast(other, "Saved as").first).to_be_visible()
