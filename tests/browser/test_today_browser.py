"""Today by keys alone and without scripts: put off, undone and done without leaving, the focus on the row behind."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Desk, seat
from tests.panel.scene import Scene

pytestmark = pytest.mark.browser
WORDS = {
    "en": ("Tomorrow", "Snoozed until Fri 13 Nov: Boris Iliev", "It is back on your list", "3 tasks"),
    "bg": ("Утре", "Отложено до пт, 13 ноември: Boris Iliev", "Отново е в списъка ви", "3 задачи"),
}


@pytest.fixture
def tasks(scene: Scene) -> list[str]:
    """Three prospects of Iva's to call, since yesterday."""
    known = []
    for name in ("Ana Petrova", "Boris Iliev", "Vera Haas"):
        known.append(scene.prospect(name, owner="iva"))
        scene.move(known[-1], "qualify", "diagnose", "schedule_meeting")
        scene.tell(known[-1], "meeting.no_show")
        scene.wait(hours=1)
        scene.send_due()
    scene.wait(days=2)
    return [next(each.id for each in scene.touches(one) if each.kind == "task") for one in known]


@pytest.mark.parametrize("language", ["en", "bg"])
def test_a_rep_works_through_the_list_by_keys_alone(
    scene: Scene, browser: Browser, tasks: list[str], language: str
) -> None:
    desk = seat(scene, browser.new_context())
    tomorrow, put_off, back, left = WORDS[language]
    page = desk.open(f"/?lang={language}")
    expect(page.locator(".next h2")).to_have_text("Ana Petrova")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Boris Iliev", exact=True)).to_be_focused()
    page.keyboard.press("h")
    expect(page.get_by_role("button", name=tomorrow)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text(put_off)
    assert page.locator("#toast").get_attribute("aria-live") == "polite"
    expect(page.get_by_role("link", name="Vera Haas", exact=True)).to_be_focused()
    expect(page.locator(f"#task-{tasks[1]}")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(page.locator("#toast")).to_contain_text(back)
    expect(page.get_by_role("link", name="Boris Iliev", exact=True).first).to_be_focused()
    expect(page.locator(".page-head p")).to_contain_text(left)
    page.keyboard.press("h")
    page.get_by_role("button", name=tomorrow).wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Boris Iliev", exact=True)).to_be_focused()
    for name in ("Ana Petrova", "Boris Iliev", "Vera Haas"):
        expect(page.locator(".next h2")).to_have_text(name)
        page.locator(".next .main-act").press("Enter")
    expect(page.locator(".empty strong")).to_be_visible()
    # Acts are taken back one by one, and the second press of a double click meets no row that has come up meanwhile.
    for name in ("Vera Haas", "Boris Iliev"):
        page.keyboard.press("Control+z")
        expect(page.locator(".next h2")).to_have_text(name)
    done = page.locator(".next .main-act")
    done.click()
    expect(page.locator(".next h2")).to_have_text("Vera Haas")
    done.hover()
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.wait_for_timeout(400)
    expect(page.locator(".next h2")).to_have_text("Vera Haas")
    assert desk.faults == []


def test_without_scripts_the_same_is_a_page_of_its_own(scene: Scene, browser: Browser, tasks: list[str]) -> None:
    desk: Desk = seat(scene, browser.new_context(java_script_enabled=False))
    page = desk.open("/?lang=en")
    page.get_by_role("link", name="Snooze Boris Iliev").click()
    page.get_by_label("Another day").fill("2026-11-12")
    page.get_by_role("button", name="Until this day").click()
    expect(page.get_by_text("Choose a day after today: until then it is off your list.")).to_be_visible()
    page.get_by_role("button", name="Next Monday").click()
    expect(page).to_have_url(re.compile(f"#task-{tasks[2]}$"))
    expect(page.get_by_text("Snoozed until Mon 16 Nov: Boris Iliev")).to_be_visible()
    page.get_by_role("button", name="Bring back Boris Iliev").click()
    expect(page.locator(f"#task-{tasks[1]}")).to_be_visible()
