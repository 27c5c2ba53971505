"""Board and list in a real browser: what others do shows without a reload, and rows are searched as one types."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk

pytestmark = pytest.mark.browser


def _shot(desk: Desk, name: str) -> None:
    if os.environ.get("P2_SHOTS"):
        desk.page.screenshot(path=f"/tmp/p2_{name}.png")


def test_what_others_move_appears_without_a_reload_and_barred_moves_say_why(reps_desk: Desk) -> None:
    scene, page = reps_desk.scene, reps_desk.page
    ready, bare = scene.prospect("Цветан Живков", owner="boyan"), scene.prospect("Ana Petrova", owner="boyan")
    scene.good_call(ready)
    reps_desk.open("/board")
    page.locator(f"#card-{bare} a.name").focus()
    scene.move(ready, "qualify")
    # Within five seconds of somebody else's move, and the focus stays where it was.
    expect(page.locator("#col-qualified .card")).to_have_count(1, timeout=5_500)
    expect(page.locator(f"#card-{bare} a.name")).to_be_focused()
    expect(page.locator("#col-planned h2 .num")).to_have_text("1")

    # A card that is lifted shows where it may not go, and why, before it is let go.
    page.locator(f"#card-{bare} .person").hover()
    page.mouse.down()
    page.mouse.move(700, 500, steps=5)
    expect(page.locator("#col-qualified .cards")).to_have_attribute("data-why", re.compile("."))
    expect(page.locator("#col-diagnosed")).to_have_class(re.compile("shut"))
    expect(page.locator("#col-closed .cards")).not_to_have_attribute("data-why", re.compile("."))
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".shut, .barred")).to_have_count(0)
    page.locator(f"#card-{bare} a.name").focus()

    page.keyboard.press("m")
    barred = page.locator("#moves form.barred").first
    expect(barred.locator("small")).to_contain_text("Още не")
    _shot(reps_desk, "menu")
    page.keyboard.press("2")
    expect(page.locator(f"#guard-{bare}")).to_be_visible()
    # Words that stand open are not taken away by what others do.
    scene.move(ready, "diagnose")
    page.wait_for_timeout(5_000)
    expect(page.locator(f"#guard-{bare}")).to_be_visible()


def test_the_list_is_searched_as_one_types_and_many_rows_are_put_to_one_act(desk: Desk) -> None:
    scene, page = desk.scene, desk.page
    for number, name in enumerate(("Цветан Живков", "Иван Желязков", "Ana Petrova")):
        scene.prospect(name, email=f"p{number}@buyer.example")
    desk.open("/prospects")
    page.keyboard.press("/")
    page.keyboard.type("jel", delay=30)
    expect(page.locator(".people-tbl tbody tr")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/prospects\?.*q=jel"))
    page.locator("#q").fill("")
    expect(page.locator(".people-tbl tbody tr")).to_have_count(3)
    expect(page.locator(".bulk")).to_be_hidden()
    page.locator("[data-all]").check()
    expect(page.locator("[data-count]")).to_have_text("3")
    _shot(desk, "list")
    page.locator("#b-assign").select_option(scene.reps["boyan"])
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Done for 3 prospects")
    assert {scene.row(each).owner_id for each in _all(desk)} == {scene.reps["boyan"]}
    _shot(desk, "bulk")


def _all(desk: Desk) -> list[str]:
    links = desk.page.locator(".outcomes a.name")
    return [str(link.get_attribute("href")).rpartition("/")[2] for link in links.all()]
