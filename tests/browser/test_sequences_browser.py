"""A sequence rewritten as a person does it: look at the dates, change, move by keys, take back, publish."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene

pytestmark = pytest.mark.browser


def test_the_dates_follow_what_is_typed_and_steps_move_by_keys(scene: Scene, desk: Desk) -> None:
    scene.prospect("Ана Петрова", email="ana@example.com", company="Пример ООД")
    scene.clock.advance(minutes=1)
    scene.prospect("John Smith", email="john@example.com", time_zone="America/New_York", country="US")
    page = desk.open("/sequences")
    page.get_by_role("link", name="After the meeting").click()
    dates = page.locator(".course time")
    expect(page.locator("#course")).to_contain_text("New York")
    page.get_by_label("Begins on").fill("2026-12-24")
    expect(dates).to_have_text(["Thu 24 Dec, 12:00", "Tue 29 Dec, 12:00", "Wed 30 Dec, 12:00"])
    page.get_by_label("Find a prospect").press_sequentially("петр")
    expect(page.locator("#course")).to_contain_text("Sofia")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Begins on").fill("2026-12-24")
    expect(dates.nth(1)).to_have_text("Tue 29 Dec, 12:00")
    task = page.locator("#step-call_back")
    task.locator("summary").click()
    task.get_by_label("How long after").first.fill("1")
    # Before anything is saved: Christmas and a weekend are no working days.
    expect(dates.nth(1)).to_have_text("Mon 28 Dec, 12:00")
    task.get_by_label("Task, English").fill("")
    expect(task.locator(".faults")).to_contain_text("missing")
    task.get_by_label("Task, English").fill("Ring them")
    expect(task.locator(".faults")).to_have_count(0)
    # What stands unsaved in another step outlives the save of this one, and is judged again; then it is dropped.
    other = page.locator("#step-decision")
    other.locator("summary").click()
    other.get_by_label("How long after").first.fill("3")
    task.get_by_role("button", name="Save in the draft").click()
    expect(page.locator("[data-toast]")).to_contain_text("Saved in your draft")
    expect(other).to_contain_text("Not saved yet")
    expect(dates.nth(2)).to_have_text("Thu 31 Dec, 12:00")
    expect(page.get_by_label("Begins on")).to_have_value("2026-12-24")
    expect(task.locator("b")).to_have_text("2. Ring them")
    expect(task.locator("summary")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(task.locator("b")).to_have_text("1. Ring them")
    expect(task.locator("summary")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(task.locator("b")).to_have_text("2. Ring them")
    other.get_by_role("button", name="Drop it").click()
    expect(dates.nth(2)).to_have_text("Tue 29 Dec, 12:00")
    page.get_by_role("button", name="See what it changes").click()
    expect(page.get_by_text("Ring them")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("[data-toast]")).to_contain_text("The playbook is published")


def test_without_scripts_and_in_bulgarian(scene: Scene, plain: Desk) -> None:
    scene.prospect("Ана Петрова", email="ana@example.com")
    page = plain.open("/sequences/no_show/edit?lang=bg")
    page.get_by_label("Начален ден").fill("2026-12-24")
    page.get_by_role("button", name="Показване").click()
    expect(page.locator(".course time").first).to_have_text("вт, 29 декември, 8:30")
    page.get_by_role("button", name="Преместване надолу: missed").click()
    expect(page.locator("[data-toast]")).to_contain_text("Преместено в черновата ви")
    expect(page.locator(".steps-list b").first).to_have_text("1. Обаждане и предлагане на нов час")
    page.get_by_role("button", name="Добавяне на задача").click()
    page.locator("#step-call_2").get_by_label("Задача, Български").fill("Писмо по пощата")
    page.locator("#step-call_2").get_by_role("button", name="Запазване в черновата").click()
    page.get_by_role("button", name="Преглед на промените").click()
    expect(page.get_by_text("стъпка no_show.call_2: ново")).to_be_visible()
