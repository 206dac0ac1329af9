"""What one does in the editor, in words: open, write, run, save, drop a file in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import APIRequestContext, Locator, Page

PATIENCE = 60_000
"""Milliseconds that a run may take to show, on two busy cores."""

OFFLINE = "The server does not answer. Nothing is lost"
WRITTEN = "(text) => Object.values(localStorage).some((kept) => kept.includes(text))"
"""Whether a draft with this text is kept."""

expect.set_options(timeout=20_000)


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def enter(page: Page, template: str = "Text to image", address: str = "/") -> None:
    """Open the editor as somebody new, who begins with a template."""
    page.goto(address)
    page.locator(".files-card").filter(has=page.get_by_text(template, exact=True)).first.click()
    expect(title(page)).to_have_value(template)
    expect(cards(page).first).to_be_visible()


def files(page: Page, item: str) -> None:
    """Choose from the menu of files."""
    page.get_by_role("button", name="Files").click()
    page.locator("[role=menuitem] > .grow").get_by_text(item, exact=True).click()


def drop(page: Page, path: Path, on: str = ".graph-area") -> None:
    """Drag a file from the desktop into the page, as the browser itself tells of it, and let it go."""
    box = page.locator(on).bounding_box()
    assert box
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    session.detach()


def export(page: Page) -> bytes:
    """The file that "Export as JSON" hands over."""
    with page.expect_download() as download:
        files(page, "Export as JSON")
    return download.value.path().read_bytes()


# ── what is on the page ──────────────────────────────────────────────────────────────────────────────────────────────


def bar(page: Page) -> Locator:
    """The bar at the top."""
    return page.locator(".app-bar")


def title(page: Page) -> Locator:
    """The field with the workflow's title."""
    return page.locator(".app-name input")


def cards(page: Page) -> Locator:
    """The cards of nodes."""
    return page.locator(".graph-card")


def card(page: Page, path: str) -> Locator:
    """One card."""
    return page.locator(f'.react-flow__node[data-id="{path}"]')


def field(page: Page, name: str) -> Locator:
    """The field of an input of the workflow, or of a node's param by `node.param`."""
    return page.locator(f'[id="{name if "." in name else f"#inputs.{name}"}"]')


def toast(page: Page, text: str) -> Locator:
    """A notice that says this."""
    return page.locator(".fields-toast").filter(has_text=text)


def dialog(page: Page) -> Locator:
    """The dialog that is open."""
    return page.locator("dialog[open]")


# ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write(page: Page, name: str, value: object) -> None:
    """Write into a field and leave it."""
    field(page, name).fill(str(value))
    field(page, name).blur()
    expect(field(page, name)).to_have_value(str(value))


def send(page: Page) -> str:
    """Run the workflow; gives the job."""
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as sent:
        bar(page).locator("button.primary").click()
    assert sent.value.status == 201, sent.value.text()
    return sent.value.json()["id"]


def run(page: Page) -> dict[str, Any]:
    """Run the workflow to the end; gives the job."""
    id = send(page)
    expect(bar(page).locator("button.primary")).to_be_visible(timeout=PATIENCE)
    page.request.get(f"/api/jobs/{id}/events", timeout=PATIENCE)  # ends with the job
    expect(bar(page).locator("button.primary")).to_be_visible(timeout=PATIENCE)
    job = page.request.get(f"/api/jobs/{id}").json()
    assert job["state"] == "done", job["errors"]
    return job


def look(page: Page, path: str) -> None:
    """Look at the picture of a node, by its window."""
    card(page, path).locator(".graph-window").click()
    expect(page.get_by_role("complementary")).to_be_visible()


def save_as(page: Page, name: str) -> None:
    """Save under a name."""
    files(page, "Save as…")
    dialog(page).get_by_label("Name").fill(name)
    dialog(page).get_by_role("button", name="Save", exact=True).click()
    expect(dialog(page)).to_have_count(0)


def pictured(page: Page, path: str) -> None:
    """Wait until a node shows its picture."""
    page.wait_for_function(
        """(path) => {
            const found = document.querySelector(`.react-flow__node[data-id="${path}"] .graph-window img`)
            return found && found.complete && found.naturalWidth > 0
        }""",
        arg=path,
    )


# ── what the server has ──────────────────────────────────────────────────────────────────────────────────────────────


def saved(request: APIRequestContext, name: str) -> str:
    """A saved workflow, as it is on the disk."""
    return request.get(f"/api/workflows/{name}").text()


def keys(request: APIRequestContext, workflow: object) -> dict[str, str]:
    """The keys of a workflow's values, by the calls that make them."""
    answer = request.post("/api/plan", data=json.dumps({"workflow": workflow}), headers=JSON)
    assert answer.ok, answer.text()
    return {call["label"]: call["key"] for call in answer.json()["calls"]}


JSON = {"Content-Type": "application/json"}


def forgive(complaints: list[str], *words: str) -> None:
    """Take out the complaints that a test has provoked; there must be some."""
    provoked = [line for line in complaints if any(word in line for word in words)]
    assert provoked, complaints
    complaints[:] = [line for line in complaints if line not in provoked]
