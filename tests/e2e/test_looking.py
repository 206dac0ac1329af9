"""Looking inside: steps, wires, tokens, attention, two values side by side; sweeps, of which every value is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from desk import (
    add,
    card,
    dock,
    done,
    draw,
    expect,
    key,
    last_job,
    look,
    plan,
    planned,
    run,
    show_all,
    shown,
    source,
    template,
    tidy,
    wire,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

STEPS = 5
INPUTS = {"prompt": "a cat face", "steps": STEPS}


def test_a_step_of_the_loop(page: Page) -> None:
    template(page, "Text to image", **INPUTS)
    run(page)
    show_all(page)
    picture = card(page, "sample.denoise").locator(".graph-window img")
    last = shown(page, picture)
    keys = [key(page, "sample.denoise", step, template="text_to_image", inputs=INPUTS) for step in range(STEPS)]
    assert source(picture)[0] == keys[-1]
    slider = card(page, "sample").get_by_role("slider", name="Step shown")
    box = slider.bounding_box()
    assert box
    slider.click(position={"x": box["width"] * 0.74, "y": box["height"] / 2})
    expect(slider).to_have_value("3")
    expect(picture).to_have_attribute("src", f"/api/values/{keys[3]}/view?")
    third = shown(page, picture)
    assert third != last
    assert third == page.request.get(f"/api/values/{keys[3]}/view").body()


def test_a_wire_and_its_film(page: Page) -> None:
    template(page, "Text to image", **INPUTS)
    run(page)
    show_all(page)
    line = wire(page, "sample", "next.latent").locator("path.react-flow__edge-interaction")
    page.mouse.click(*line.evaluate(
        "(path) => { const p = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM());"
        "return [p.x, p.y] }"
    ))  # fmt: skip
    viewer = dock(page).locator(".app-look")
    expect(viewer).to_contain_text("Latent")
    viewer.get_by_role("button", name="All steps").click()
    film = viewer.get_by_role("listbox", name="Film strip")
    expect(film.get_by_role("option")).to_have_count(STEPS)
    film.get_by_role("option", name="1", exact=True).click()
    expect(card(page, "sample").get_by_role("slider", name="Step shown")).to_have_value("1")
    first = key(page, "sample.denoise", 1, template="text_to_image", inputs=INPUTS)
    assert source(viewer.locator(".look-frame img"))[0] == first


def test_tokens_are_a_table_and_a_schedule_is_a_plot_with_its_numbers(page: Page) -> None:
    template(page, "Text to image", **INPUTS)
    run(page)
    show_all(page)
    words = look(page, "words")
    rows = words.get_by_role("table").first.locator("tbody tr")
    expect(rows.filter(has_text="cat")).to_have_count(1)

    show_all(page)
    schedule = look(page, "schedule")
    assert shown(page, schedule.locator(".look-frame img"))
    schedule.get_by_role("button", name="Numbers").click()
    expect(schedule.locator("table").first.locator("tbody tr")).to_have_count(STEPS + 1)
    address = f"/api/values/{key(page, 'schedule', template='text_to_image', inputs=INPUTS)}/view?form=json"
    assert len(page.request.get(address).json()["rows"]) == STEPS + 1


def test_a_word_is_chosen_by_clicking_it(page: Page) -> None:
    template(page, "Cross attention", prompt="a fox on purple", steps=2)
    planned(page)
    card(page, "by_step").locator(".graph-more").click()
    page.get_by_role("menuitem", name="Run to here").click()
    done(page)
    show_all(page)
    viewer = look(page, "sample.look")
    viewer.get_by_role("button", name="heat", exact=True).click()
    fox, purple = (viewer.locator(".look-word", has_text=word) for word in ("fox", "purple"))
    fox.click()
    expect(fox).to_have_attribute("aria-pressed", "true")
    picture = viewer.locator(".look-frame img")
    expect(picture).to_have_attribute("src", re.compile("token="))
    of_fox = shown(page, picture)
    before = picture.get_attribute("src") or ""
    purple.click()
    expect(picture).not_to_have_attribute("src", before)
    assert shown(page, picture) != of_fox


def test_two_values_pinned_are_compared(page: Page) -> None:
    template(page, "Text to image", **INPUTS)
    run(page)
    show_all(page)
    look(page, "image").get_by_role("button", name="Pin").click()
    show_all(page)
    look(page, "start").get_by_role("button", name="Pin").click()
    expect(dock(page).get_by_role("button", name="Unpin")).to_have_count(2)
    dock(page).get_by_role("button", name="Compare the two").click()
    comparison = dock(page).locator(".look-compare")
    divider = comparison.get_by_role("slider", name="Divider")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    divider.focus()
    page.keyboard.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuenow", "49")
    keys = {source(picture)[0] for picture in comparison.locator("img").all()}
    assert keys == {key(page, path, template="text_to_image", inputs=INPUTS) for path in ("image", "start")}
    comparison.get_by_role("button", name="Difference").click()
    expect(comparison.locator(".badge")).to_contain_text("of 255")


def test_an_input_is_given_many_values(page: Page) -> None:
    template(page, "Text to image", steps=4)
    card(page, "#inputs").get_by_role("button", name="What can be done with seed").click()
    page.get_by_role("menuitem", name="Many values").click()
    many = card(page, "#inputs").get_by_label("seed: Many values")
    many.fill("1,2,3")
    many.press("Enter")
    for path in ("noise", "sample.denoise", "image"):
        expect(card(page, path).locator(".badge", has_text="×3").first).to_be_visible()
    expect(card(page, "schedule").locator(".badge", has_text="×")).to_have_count(0)
    run(page)
    all_are_seen(page, "seed", [1, 2, 3])


def test_an_axis_gives_many_values(page: Page) -> None:
    template(page, "Text to image", steps=4)
    add(page, "Axis")
    card(page, "axis").get_by_label("Name").fill("strength of words")
    card(page, "axis").get_by_label("Name").press("Tab")
    card(page, "axis").get_by_label("Values").fill("1,4")
    card(page, "axis").get_by_label("Values").press("Tab")
    tidy(page)
    draw(page, ("axis", "out:value"), ("sample.denoise", "in:guidance_scale"))
    expect(card(page, "image").locator(".badge", has_text="×2")).to_be_visible()
    run(page)
    all_are_seen(page, "strength of words", [1, 4])


def all_are_seen(page: Page, axis: str, values: list[int]) -> None:
    """The grid of the picture has a cell with the name of each value, and a click on one shows that."""
    job = last_job(page)
    assert len(job["pictures"]) == len(values)
    show_all(page)
    viewer = look(page, "image")
    viewer.get_by_role("button", name="All values of the sweep").click()
    cells = viewer.get_by_role("grid").get_by_role("button")
    for place, value in enumerate(values):
        expect(cells.nth(place)).to_contain_text(f"{axis}={value}")
        expect(viewer.get_by_role("grid").get_by_text(f"{axis} {value}", exact=True)).to_be_visible()
    before = source(card(page, "image").locator(".graph-window img"))[0]
    cells.nth(1).click()
    picture = viewer.locator(".look-frame img")
    expect(picture).to_be_visible()
    (second,) = (
        call["key"]
        for call in plan(page, workflow=job["workflow"], sweeps=job["sweeps"])["calls"]
        if call["path"] == "image" and call["at"] == {axis: 1}
    )
    assert source(picture)[0] == second != before
    show_all(page)
    assert source(card(page, "image").locator(".graph-window img"))[0] == second
