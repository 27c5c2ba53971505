"""Meetings on a phone, in Bulgarian: booked at an offered time, found by keys, moved, and brought back by Undo."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from workflow.records.models import Meeting

pytestmark = pytest.mark.browser


def test_a_meeting_is_booked_on_a_phone_and_a_move_is_undone(scene: Scene, phone: Desk) -> None:
    known = scene.prospect(owner="iva", time_zone="Europe/Vienna", country="AT")
    page = phone.open(f"/prospects/{known}?lang=bg")
    page.locator("#find-time").tap()
    expect(page.locator(".offers > li")).to_have_count(3)
    # By a clock in Sofia; in Vienna it is an hour earlier.
    expect(page.locator(".offers > li").first).to_contain_text("9:00 в Виена")
    page.locator(".offers .slot-btn").first.tap()
    expect(page.locator("#effects")).to_contain_text("Потвърждение на срещата")
    page.locator("#f-place").fill("https://meet.example/x")
    page.locator("#save-booking").tap()
    expect(page.locator("[data-toast]")).to_contain_text("Срещата е записана")
    begins = page.locator("dl.facts dd").nth(1)
    when = begins.inner_text()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Файл за календар").tap()
    assert coming.value.suggested_filename.endswith(".ics")

    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page.get_by_role("heading", level=1)).to_have_text("Срещи")
    page.get_by_role("link", name="Преместване Ana Petrova").tap()
    page.locator("#more-times").tap()
    page.locator(".grid-days .chip").last.tap()
    expect(page.locator("#effects")).to_contain_text("Изпраща се в друг час")
    first = _starts(scene)
    page.locator("#save-booking").tap()
    expect(page.locator("[data-toast]")).to_contain_text("Срещата е преместена")
    expect(begins).not_to_have_text(when, use_inner_text=True)
    assert _starts(scene) != first
    page.locator("[data-toast]").get_by_role("button", name="Отмяна").tap()
    # The toast says the same of both moves, so only the time on the page tells that the second one is done.
    expect(begins).to_have_text(when, use_inner_text=True)
    assert _starts(scene) == first


def _starts(scene: Scene) -> object:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(Meeting.starts_at)).scalar_one()
