"""What a person does at the editor, in one line each: open, add, draw a wire, run, look."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip("playwright.sync_api").expect
expect.set_options(timeout=20_000)
RUN = 60_000
"""Milliseconds that a run of a few steps may take, on two busy cores."""

# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────


def fresh(page: Page) -> None:
    """Open the editor with an empty canvas."""
    page.goto("/")
    page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).click()
    from_menu(page, "New")
    expect(page.locator(".graph-empty")).to_be_visible()


def template(page: Page, title: str, **inputs: object) -> None:
    """Open the editor with a workflow that ships, all of it in sight, some of its inputs changed."""
    page.goto("/")
    page.get_by_role("dialog").locator(".files-card").filter(has=page.get_by_text(title, exact=True)).first.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    show_all(page)
    for name, value in inputs.items():
        write(page, f"#inputs.{name}", value)


def from_menu(page: Page, label: str) -> None:
    """Choose from the menu of files."""
    page.get_by_role("button", name="Files").click()
    page.get_by_role("menuitem", name=re.compile(f"^{re.escape(label)}")).click()


def document(page: Page) -> str:
    """The open document, as it is exported."""
    with page.expect_download() as download:
        from_menu(page, "Export as JSON")
    return Path(download.value.path()).read_text()


# ── the graph ────────────────────────────────────────────────────────────────────────────────────────────────────────


def card(page: Page, path: str) -> Locator:
    """The card of a node, by its path."""
    return page.locator(f'.react-flow__node[data-id="{path}"]')


def socket(page: Page, path: str, name: str) -> Locator:
    """A socket of a node: `out:value`, `in:latent`, `item:latent`."""
    return page.locator(f'.react-flow__handle[data-nodeid="{path}"][data-handleid="{name}"]')


def wire(page: Page, path: str, name: str) -> Locator:
    """The wire that leads to an input of a node."""
    return page.locator(f'.react-flow__edge[data-id="{path}|in:{name}"]')


def field(page: Page, place: str) -> Locator:
    """The field of a param, `noise.seed`, or of an input, `#inputs.seed`."""
    return page.locator(f'[id="{place}"]')


def write(page: Page, place: str, value: object) -> None:
    """Write into a field."""
    field(page, place).fill(str(value))
    field(page, place).press("Tab")


def free_spot(page: Page) -> tuple[float, float]:
    """A point of the canvas where nothing is."""
    spot = page.evaluate(
        """() => {
            const box = document.querySelector('.graph-area').getBoundingClientRect()
            const free = (x, y) => document.elementFromPoint(x, y)?.classList.contains('react-flow__pane')
            for (let y = box.bottom - 40; y > box.top + 20; y -= 20)
                for (let x = box.left + 120; x < box.right - 260; x += 20)
                    if ([-8, 0, 8].every((d) => free(x + d, y) && free(x, y + d))) return [x, y]
        }"""
    )
    assert spot, "the canvas is full"
    return spot[0], spot[1]


def add(page: Page, label: str) -> None:
    """Double-click where nothing is, and choose a node."""
    page.mouse.dblclick(*free_spot(page))
    pick(page, label)


def pick(page: Page, label: str) -> None:
    """Search in the palette that is open, and take what is called so."""
    search = page.locator(".fields-palette")
    search.get_by_role("combobox").fill(label)
    option(page, label).click()
    expect(search).to_have_count(0)


def option(page: Page, label: str) -> Locator:
    """What the palette that is open offers by this name."""
    return page.get_by_role("option").filter(has=page.get_by_text(label, exact=True)).first


def middle(place: Locator) -> tuple[float, float]:
    """The middle of something on the page."""
    box = place.bounding_box()
    assert box, f"not on the page: {place}"
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the mouse."""
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2, steps=3)
    page.mouse.move(*end, steps=5)
    page.mouse.up()


def draw(page: Page, begin: tuple[str, str], end: tuple[str, str]) -> None:
    """Draw a wire with the mouse from one socket to another."""
    drag(page, middle(socket(page, *begin)), middle(socket(page, *end)))


def tidy(page: Page) -> None:
    """Arrange everything, and show all of it."""
    page.get_by_role("button", name="Arrange all").click()
    show_all(page)


def show_all(page: Page) -> None:
    """Show all of the graph."""
    page.locator(".react-flow__controls-fitview").click()
    settled(page.locator(".react-flow__viewport"))


def settled(place: Locator) -> None:
    """Wait until something has come to rest."""
    place.evaluate(
        """(element) => new Promise((done) => {
            let [before, still] = ['', 0]
            const look = () => {
                const now = JSON.stringify(element.getBoundingClientRect()) + element.style.transform
                still = now === before ? still + 1 : 0
                before = now
                still > 4 ? done() : requestAnimationFrame(look)
            }
            look()
        })"""
    )


# ── by keyboard ──────────────────────────────────────────────────────────────────────────────────────────────────────


def on(page: Page, test: str) -> bool:
    """Whether what has the focus passes a test in JavaScript, as `e`."""
    return page.evaluate(f"(() => {{ const e = document.activeElement; return Boolean({test}) }})()")


def press_until(page: Page, key: str, test: str) -> None:
    """Press a key until what has the focus passes a test."""
    for _ in range(400):
        if on(page, test):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {test}")


def type_add(page: Page, label: str) -> None:
    """Press Space, and choose a node."""
    page.keyboard.press("Space")
    type_pick(page, label)


def type_pick(page: Page, label: str) -> None:
    """Type into the palette that is open until what is wanted stands first, and take it."""
    palette = page.locator(".fields-palette")
    page.keyboard.type(label)
    expect(palette.locator("[aria-selected=true]").get_by_text(label, exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(palette).to_have_count(0)


def tab_to(page: Page, path: str) -> None:
    """Go from card to card, and select one."""
    for _ in range(400):
        if on(page, "e === document.body"):
            page.keyboard.press("Escape")  # or Tab would open the search
        page.keyboard.press("Tab")
        if on(page, f"e.dataset.id === {json.dumps(path)}"):
            break
    page.keyboard.press("Enter")
    expect(card(page, path)).to_have_class(re.compile(r"\bselected\b"))


def type_into(page: Page, path: str, place: str, *keys: str) -> None:
    """Select a card, go to one of its fields, and type."""
    tab_to(page, path)
    press_until(page, "Tab", f"{place}")
    page.keyboard.press("Control+a")
    for text in keys:
        page.keyboard.press(text) if text == "Backspace" else page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_be_focused()


def type_wire(page: Page, begin: str, give: str, end: str, take: str) -> None:
    """From the card that is selected: C, then which output, if there are several, then where to."""
    if on(page, "e.matches('input, textarea')"):
        page.keyboard.press("Escape")
    page.keyboard.press("c")
    name = give.partition(":")[2]
    if page.get_by_role("menu").count():
        choose(page, f"{name}[…]" if give.startswith("item:") and "#" not in give else name)
    type_pick(page, f"{end} · {take.partition(':')[2]}")


def choose(page: Page, label: str) -> None:
    """Choose from the menu that is open, with the arrow keys."""
    expect(page.get_by_role("menu")).to_be_visible()
    press_until(page, "ArrowDown", f"e.querySelector('.grow')?.textContent === {json.dumps(label)}")
    page.keyboard.press("Enter")


# ── running and looking ──────────────────────────────────────────────────────────────────────────────────────────────


def run(page: Page) -> None:
    """Run, and wait until it is done."""
    planned(page)
    page.get_by_role("button", name="Run", exact=True).click()
    done(page)


def done(page: Page) -> None:
    """Wait until the run is done, and what it made is known."""
    toast = page.locator(".fields-toast", has_text="Done")
    expect(toast).to_be_visible(timeout=RUN)
    toast.get_by_role("button", name="Close").click()
    job = last_job(page)
    left = plan(page, workflow=job["workflow"], sweeps=job["sweeps"])["counts"]
    expect(page.locator(".app-standing")).to_have_text(f"{left['run']} to compute, {left['cached']} cached")


def planned(page: Page) -> None:
    """Wait until what a run would do is known."""
    expect(page.locator(".app-standing")).to_have_text(re.compile(r"\d+ to compute"))


def look(page: Page, path: str, name: str = "out:value") -> Locator:
    """Click a socket; the panel that shows its value."""
    socket(page, path, name).click()
    return dock(page).locator(".app-look:has(.app-look-tools)").last


def dock(page: Page) -> Locator:
    """The panel at the right."""
    return page.get_by_role("complementary", name="Look")


def shown(page: Page, picture: Locator) -> bytes:
    """The bytes of a picture that is shown."""
    expect(picture).to_be_visible()
    page.wait_for_function("(element) => element.complete && element.naturalWidth > 0", arg=picture.element_handle())
    return page.request.get(picture.get_attribute("src") or "").body()


def source(picture: Locator) -> tuple[str, dict[str, list[str]]]:
    """The key of the value that a picture is a view of, and with what it was asked for."""
    address = urlsplit(picture.get_attribute("src") or "")
    return address.path.split("/")[3], parse_qs(address.query)


def plan(page: Page, **order: object) -> dict[str, Any]:
    """What the server would do for an order."""
    answer = page.request.post("/api/plan", data=order)
    assert answer.ok, answer.text()
    return answer.json()


def key(page: Page, path: str, iteration: int | None = None, **order: object) -> str:
    """The key of a node's value, in a loop at an iteration."""
    calls = [call for call in plan(page, **order)["calls"] if call["path"] == path]
    (found,) = {call["key"] for call in calls if iteration is None or call["iterations"] == [iteration]}
    return found


def last_job(page: Page) -> dict[str, Any]:
    """The job that was sent last, in full."""
    latest = page.request.get("/api/jobs", params={"limit": 1}).json()["jobs"][0]["id"]
    return page.request.get(f"/api/jobs/{latest}").json()


def parsed(text: str) -> dict[str, Any]:
    """A document as plain data."""
    return json.loads(text)
