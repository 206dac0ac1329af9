"""The editor in a browser: frames a second while a large workflow is moved, and how soon a page is there.

What is asked for is said side by side: 600 nodes against 32, turn by turn, on a machine that draws without a GPU.
"""

from __future__ import annotations

import gzip
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.table import Row
from tests.e2e.conftest import CHROMIUM, FLAGS, PATIENCE
from tests.web.running import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "web" / "static"
SMALL, LARGE = 32, 600
ROUNDS = 5
"""Of each measurement; what counts is the median."""
MOVING = 2.0
"""Seconds that the mouse moves in a round."""


def rows() -> list[Row]:
    """The figures of the editor; about five minutes."""
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as server, browsing() as browser:
        template = json.loads((ROOT / "workflows" / "text_to_image.json").read_text())
        small, large = (opened(browser, server.address, synthetic(count)) for count in (SMALL, LARGE))
        found = []
        for zoom in (fit, whole, one_to_one):
            found += [motion_row(zoom, motion, small, large) for motion in (pan, drag)]
        found += [edit_row(edited(large)), *opening_rows(browser, server.address, template)]
        return [*found, bundle_row()]


# ── workflows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

STRAND: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {
    "model": ((0, 0), {"type": "load_checkpoint", "params": {"path": "default"}}),
    "words": ((0, 320), {"type": "tokenize", "in": {"tokenizer": "model.tokenizer"}, "params": {"text": "a fox"}}),
    "positive": ((300, 0), {"type": "encode", "in": {"text_encoder": "model.text_encoder", "tokens": "words"}}),
    "noise": ((300, 310), {"type": "noise", "in": {"unet": "model.unet", "vae": "model.vae"}, "params": {"seed": 1}}),
    "schedule": ((300, 640), {"type": "schedule", "in": {"unet": "model.unet"}, "params": {"steps": 4}}),
    "start": ((600, 0), {"type": "start", "in": {"noise": "noise", "schedule": "schedule"}}),
    "sample": ((900, 0), {"type": "repeat", "for": {"i": [0, 4]}, "carry": {"latent": "start"}}),
    "image": ((1700, 0), {"type": "vae_decode", "in": {"vae": "model.vae", "latent": "sample.latent"}}),
    "save": ((1700, 320), {"type": "save_image", "in": {"image": "image"}}),
}
"""A picture from words: where its nodes stand, and what they are."""
STEP = {
    "type": "denoise_step",
    "in": {"unet": "model.unet", "latent": "latent", "schedule": "schedule", "index": "i", "positive": "positive"},
    "params": {"guidance_scale": 1.0},
}  # fmt: skip


def synthetic(count: int) -> dict[str, Any]:
    """A workflow of so many nodes: pictures from words, beside and below each other."""
    nodes: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    left = count
    for strand in range(math.ceil(count / 10)):
        named = lambda name, strand=strand: f"{name.partition('.')[0]}_{strand}{''.join(name.partition('.')[1:])}"  # noqa: E731
        linked = lambda links, named=named: {  # noqa: E731
            input: source if source in ("latent", "i") else named(source) for input, source in links.items()
        }
        right, down = 2100 * (strand % 7), 960 * (strand // 7)
        for name, ((x, y), node) in STRAND.items():
            if left < (2 if node["type"] == "repeat" else 1):
                break
            made = node | {part: linked(node[part]) for part in ("in", "carry") if part in node}
            layout[named(name)] = [right + x, down + y]
            if node["type"] == "repeat":
                made |= {"body": {named("denoise"): STEP | {"in": linked(STEP["in"])}}}
                made |= {"next": {"latent": named("denoise")}}
                layout[f"{named(name)}.{named('denoise')}"] = [170, 60]
                left -= 1
            nodes[named(name)] = made
            left -= 1
    assert left == 0, left
    return {"diffuscope": 1, "title": f"{count} nodes", "nodes": nodes, "layout": layout}


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def browsing() -> Iterator[Browser]:
    """Debian's Chromium, as in the end-to-end tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


WATCH = """() => {
  new MutationObserver((_, observer) => {
    if (!document.querySelector('.react-flow__edge path, .graph-far-wires path')) return
    observer.disconnect()
    window.wired = performance.now()
  }).observe(document, { childList: true, subtree: true })
}"""


def opened(browser: Browser, address: str, workflow: dict[str, Any]) -> Page:
    """A page with a workflow in it, as one that was left and is gone on with."""
    context = browser.new_context(
        base_url=address, viewport={"width": 1280, "height": 800}, locale="en", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    about = {"name": "", "version": None, "template": ""}
    draft = {"at": 0, "workflow": workflow, "saved": None, "about": about, "job": ""}
    page = context.new_page()
    page.goto("/static/icon.svg")  # anything of the same origin
    page.evaluate("draft => localStorage.setItem('diffuscope.draft.bench', draft)", json.dumps(draft))
    page.add_init_script(f"({WATCH})()")
    page.goto("/")
    settled(page)
    return page


def settled(page: Page) -> None:
    """Wait until wires are drawn and it is known what a run would do."""
    page.locator(".react-flow__edge path, .graph-far-wires path").first.wait_for(state="attached")
    page.locator(".app-standing").wait_for()
    page.wait_for_load_state("networkidle")


# ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────────────

RECORD = """() => {
  const times = (window.times = [])
  const tick = (now) => { times.push(now); if (window.times === times) requestAnimationFrame(tick) }
  requestAnimationFrame(tick)
}"""
RECORDED = "() => { const { times } = window; window.times = null; return times }"

FREE = """() => {
  for (let y = 200; y < 700; y += 7) for (let x = 300; x < 1000; x += 7) {
    const free = [[0, 0], [4, 0], [0, 4], [-4, 0], [0, -4]].every(([dx, dy]) =>
      document.elementFromPoint(x + dx, y + dy)?.classList.contains('react-flow__pane'))
    if (free) return [x, y]
  }
}"""
"""A point of the canvas with nothing on it, not too near the edge."""
HANDLE = """() => {
  for (let y = 200; y < 600; y += 3) for (let x = 300; x < 900; x += 3) {
    const found = document.elementFromPoint(x, y)
    const node = found?.closest('.react-flow__node-card')
    if (node && !node.dataset.id.includes('.') && !found.closest('.nodrag, button, .react-flow__handle')) return [x, y]
  }
}"""
"""A point at which a card can be dragged."""


def fit(page: Page) -> None:
    """As a document is shown that was opened."""
    page.locator(".react-flow__controls-fitview").click()
    still(page)


def whole(page: Page) -> None:
    """As small as cards are drawn with all that is on them."""
    zoom_to(page, 0.52)


def one_to_one(page: Page) -> None:
    """As large as cards are made for."""
    zoom_to(page, 1.0)


def zoom_to(page: Page, wanted: float) -> None:
    """Turn the wheel above the middle of the workflow."""
    fit(page)
    page.mouse.move(600, 400)
    page.mouse.wheel(0, math.log2(scale(page) / wanted) / 0.002)  # d3-zoom: a turn of `dy` scales by 2 ** (-0.002 · dy)
    still(page)
    assert 0.98 < scale(page) / wanted < 1.02, scale(page)


def scale(page: Page) -> float:
    """How large the canvas is drawn."""
    shown = page.locator(".react-flow__viewport")
    return float(shown.evaluate("one => new DOMMatrix(getComputedStyle(one).transform).a"))


def still(page: Page) -> None:
    """Wait until the canvas has not moved for some frames."""
    page.wait_for_function(
        """() => {
          const now = document.querySelector('.react-flow__viewport').style.transform
          window.stood = now === window.stoodAt ? (window.stood ?? 0) + 1 : 0
          window.stoodAt = now
          return window.stood > 12 && !(window.stood = 0)
        }""",
        polling="raf",
    )


def pan(page: Page) -> float:
    """Frames a second while the canvas is pulled around."""
    return frames(page, page.evaluate(FREE))


def drag(page: Page) -> float:
    """Frames a second while a card is."""
    return frames(page, page.evaluate(HANDLE))


def frames(page: Page, at: tuple[float, float]) -> float:
    """Frames a second while what is there is pulled in circles, back to where it was."""
    x, y = at
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 8, y)
    page.evaluate(RECORD)
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < MOVING:
        angle = 2 * math.pi * passed
        page.mouse.move(x + 90 * math.sin(angle), y + 90 * (1 - math.cos(angle)))
    times = page.evaluate(RECORDED)
    page.mouse.move(x, y)
    page.mouse.up()
    page.locator(".app-standing").wait_for()
    return 1e3 * (len(times) - 1) / (times[-1] - times[0])


def motion_row(zoom: Callable[[Page], None], motion: Callable[[Page], float], small: Page, large: Page) -> Row:
    """Both pages turn by turn, from the same distance."""
    for page in (small, large):
        page.bring_to_front()
        zoom(page)
    measured: dict[Page, list[float]] = {small: [], large: []}
    for _ in range(ROUNDS):
        for page, found in measured.items():
            page.bring_to_front()
            found.append(motion(page))
    few, many = (statistics.median(found) for found in measured.values())
    ratio = statistics.median(b / a for a, b in zip(*measured.values(), strict=True))
    shown = large.locator(".react-flow__node").count()
    what = f"{motion.__name__}, {zoom.__doc__.rstrip('.').lower()}" if zoom.__doc__ else motion.__name__
    return Row(
        f"{what}: {LARGE} nodes ({shown} in view) / {SMALL}",
        f"{many:.0f} / {few:.0f} frames a second, ratio {ratio:.2f}", "ratio ≥ 0.66", ratio >= 0.66,
    )  # fmt: skip


# ── edits and opening ─────────────────────────────────────────────────────────────────────────────────────────────────

EDIT = """async () => {
  const field = [...document.querySelectorAll('.react-flow__node-card input[role=spinbutton]')].find((one) => {
    const { x, y } = one.getBoundingClientRect()
    return x > 0 && y > 60 && x < innerWidth && y < innerHeight
  })
  field.focus()
  const tasks = []
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
  observer.observe({ type: 'longtask' })
  const began = performance.now()
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp', bubbles: true, cancelable: true }))
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
  const drawn = performance.now() - began
  await new Promise((done) => setTimeout(done, 2500))
  observer.disconnect()
  return [drawn, Math.max(0, ...tasks)]
}"""


class Edited(NamedTuple):
    """Milliseconds of an edit: until it is drawn, and the longest that the page was busy while it was taken in."""

    drawn: float
    longest: float


def edited(page: Page) -> Edited:
    """A number changed by a step, at the size that one reads."""
    page.bring_to_front()
    one_to_one(page)
    found = [page.evaluate(EDIT) for _ in range(ROUNDS)]
    return Edited(*(statistics.median(one) for one in zip(*found, strict=True)))


def edit_row(found: Edited) -> Row:
    """An edit is felt if it takes longer than a tenth of a second."""
    longest = f"{found.longest:.0f} ms" if found.longest else "under 50 ms"  # shorter ones are not told of
    return Row(
        f"a number changed, {LARGE} nodes: until drawn; longest task of planning and keeping it",
        f"{found.drawn:.0f} ms; {longest}", "≤ 100 ms", max(found) <= 100,
    )  # fmt: skip


def first_wire(browser: Browser, address: str, workflow: dict[str, Any]) -> float:
    """Median seconds from the start of navigation until a wire is in the page, loaded again and again."""
    page = opened(browser, address, workflow)
    found = []
    for _ in range(2 * ROUNDS):
        page.goto("/")
        settled(page)
        found.append(page.evaluate("() => window.wired") / 1e3)
    page.context.close()
    return statistics.median(found)


def opening_rows(browser: Browser, address: str, template: dict[str, Any]) -> list[Row]:
    """How soon there is something to be seen."""
    usual = first_wire(browser, address, template)
    large = first_wire(browser, address, synthetic(LARGE))
    return [
        Row("text_to_image, opened again: until the first wire", f"{usual:.2f} s", "≤ 1 s", usual <= 1),
        Row(f"{LARGE} nodes, opened again: until the first wire", f"{large:.2f} s", "", None),
    ]


def bundle_row() -> Row:
    """What a browser loads once."""
    size = sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in STATIC.iterdir() if path.is_file())
    return Row("bundle, gzip", f"{size / 1e3:.1f} kB", "≤ 250 kB", size <= 250_000)
