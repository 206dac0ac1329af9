"""What axe-core (https://github.com/dequelabs/axe-core, as it comes with axe-playwright-python) says of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def barriers(page: Page) -> list[str]:
    """A line for each serious or critical barrier: the rule, what it wants, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for broken in Axe().run(page).response["violations"]:
        if broken["impact"] in ("serious", "critical"):
            places = ", ".join(str(node["target"][-1]) for node in broken["nodes"])
            found.append(f"{broken['id']} ({broken['impact']}): {broken['help']}: {places}")
    return found
