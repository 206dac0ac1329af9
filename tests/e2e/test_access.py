"""Nothing bars anybody's way: on every panel, light and dark, in both languages, on a small screen and on a tablet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from axe import barriers
from playwright.sync_api import expect
from room import bar, card, cards, dialog, enter, field, files, forgive, look, pictured, run, save_as, toast, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

    from tests.web.running import Running

pytestmark = pytest.mark.slow

BESIDE = """() => [...document.querySelectorAll('body, .app, .app *, dialog[open], dialog[open] *')]
    .filter((one) => !one.closest('.react-flow, .paint-stage, .look-frame, .look-reel') && one.checkVisibility() && !one.closest('.hidden'))
    .filter((one) => { const { right, left, width } = one.getBoundingClientRect(); return width > 0 && (right > innerWidth + 1 || left < -1) })
    .map((one) => one.outerHTML.slice(0, 120))"""  # noqa: E501
"""What lies beside the window, where nobody can reach it."""


def tour(page: Page) -> Iterator[str]:
    """Every panel, one after the other; gives its name once it is there."""

    @contextmanager
    def opened(selector: str = "dialog[open]") -> Iterator[None]:
        expect(page.locator(selector)).to_be_visible()
        yield
        page.keyboard.press("Escape")
        expect(dialog(page)).to_have_count(0)

    icon = bar(page).locator(".app-group button")
    yield "canvas"
    write(page, "steps", 2)
    run(page)
    expect(page.locator(".fields-toast").first).to_be_visible()
    pictured(page, "image")
    yield "after a run, with a toast"
    look(page, "image")
    expect(page.locator(".app-dock .look-frame")).to_be_visible()
    yield "look"
    page.locator(".app-dock [role=tab]").nth(1).click()
    expect(page.locator(".queue-job").first).to_be_visible()
    yield "queue"
    bar(page).locator("> button").first.click()
    with opened("[role=menu]"):
        yield "menu of files"
    card(page, "image").click(button="right", position={"x": 60, "y": 12})
    with opened("[role=menu]"):
        yield "menu of a node"
    icon.nth(2).click()
    with opened():
        yield "search"
    page.keyboard.press("Control+s")
    with opened():
        yield "save"
    page.keyboard.press("Shift+?")
    with opened():
        yield "shortcuts"
    page.keyboard.press("Control+o")
    with opened():
        for index, tab in enumerate(("templates", "saved", "pictures", "uploads")):
            dialog(page).get_by_role("tab").nth(index).click()
            page.wait_for_load_state("networkidle")
            yield tab
    page.locator(".queue-job button:has(img)").first.click()
    with opened():
        page.wait_for_load_state("networkidle")
        yield "picture"
        dialog(page).locator(".look-wrap button").nth(-2).click()
        expect(dialog(page).locator(".paint-stage")).to_be_visible()
        yield "painter"
        page.keyboard.press("Escape")
        expect(dialog(page).locator(".paint-stage")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_panel_bars_the_way(page: Page, theme: str, language: str) -> None:
    page.add_init_script(
        f"localStorage['diffuscope.theme'] = '{theme}'; localStorage['diffuscope.language'] = '{language}'"
    )
    enter(page)
    found = {panel: barriers(page) for panel in tour(page)}
    assert len(found) == 15
    assert {panel: lines for panel, lines in found.items() if lines} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_conflict_bars_nobody(page: Page, complaints: list[str], theme: str) -> None:
    page.add_init_script(f"localStorage['diffuscope.theme'] = '{theme}'")
    enter(page)
    save_as(page, f"contested {theme}")
    other = page.request.get("/api/templates/tokens").body()
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    assert page.request.put(f"/api/workflows/contested {theme}", data=other, headers=headers).ok
    write(page, "prompt", "mine")
    page.keyboard.press("Control+s")
    expect(dialog(page).get_by_role("heading")).to_contain_text("was changed elsewhere")
    assert barriers(page) == []
    forgive(complaints, "412")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_everything_fits_a_small_screen(page: Page, language: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.add_init_script(f"localStorage['diffuscope.language'] = '{language}'")
    enter(page)
    found = {}
    for panel in tour(page):
        found[panel] = page.evaluate(BESIDE)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, panel
        assert page.evaluate("document.documentElement.scrollHeight") <= 720, panel
    assert {panel: lines for panel, lines in found.items() if lines} == {}


@pytest.fixture
def tablet(browser: Browser, server: Running) -> Iterator[BrowserContext]:
    """A tablet, which has no mouse."""
    found = browser.new_context(
        base_url=server.address, viewport={"width": 1024, "height": 768}, has_touch=True, is_mobile=True, locale="en"
    )
    found.set_default_timeout(20_000)
    yield found
    found.close()


def touch(session: CDPSession, *paths: tuple[tuple[float, float], tuple[float, float]], steps: int = 8) -> None:
    """Fingers put down together, moved along straight lines, and lifted."""
    for step in range(steps + 1):
        share = step / steps
        points = [{"x": a + (c - a) * share, "y": b + (d - b) * share} for (a, b), (c, d) in paths]
        session.send("Input.dispatchTouchEvent", {"type": "touchMove" if step else "touchStart", "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_tablet_will_do(tablet: BrowserContext) -> None:
    page = tablet.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/")
    page.locator(".files-card").first.tap()
    expect(cards(page).first).to_be_visible()
    field(page, "steps").fill("2")
    field(page, "steps").blur()
    bar(page).locator("button.primary").tap()
    expect(toast(page, "Done")).to_be_visible(timeout=60_000)
    pictured(page, "image")

    where = "() => document.querySelector('.react-flow__viewport').style.transform"
    session = tablet.new_cdp_session(page)
    before = page.evaluate(where)
    touch(session, ((400, 650), (460, 690)))
    page.wait_for_function(f"(before) => ({where})() !== before", arg=before)
    panned = page.evaluate(where)
    touch(session, ((400, 600), (350, 600)), ((520, 600), (570, 600)))
    page.wait_for_function(f"(before) => ({where})() !== before", arg=panned)
    assert page.evaluate("visualViewport.scale") == 1, "the graph was zoomed, not the page"

    page.locator(".react-flow__controls-fitview").tap()
    card(page, "image").locator(".graph-window").tap()
    expect(page.get_by_role("complementary")).to_be_visible()
    expect(page.locator(".app-dock .look-frame")).to_be_visible()
    assert page.evaluate(BESIDE) == []
    bar(page).get_by_role("button", name="Files").tap()
    page.get_by_role("menuitem", name="Open…").tap()
    expect(dialog(page)).to_be_visible()
    assert page.evaluate(BESIDE) == []
    dialog(page).get_by_role("button", name="Close", exact=True).tap()
    files(page, "Save as…")
    assert page.evaluate(BESIDE) == []
    assert errors == []
