"""A file is brought, looked at, written and merged in a real browser; no page is wider than its window."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from workflow import ids
from workflow.actions import importing_work

pytestmark = pytest.mark.browser

FILE = (
    "Имейл;Име;Фирма;Бюджет;Запознати;Много дълго име на колона, каквото никой не очаква\n"
    "new@buyer.example;Нов;Фирма;1,50;31.12.2025;"
    + "x" * 80
    + "\nbad@;X;;;;\nana@buyer.example;Ana;;2,50;01.02.2026;\n"
)


def fits(desk: Desk) -> None:
    """No page is wider than its window, on a phone and on a desk."""
    for width in (320, 1280):
        desk.page.set_viewport_size({"width": width, "height": 900})
        wider = desk.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, (desk.page.url, width)


def work(scene: Scene) -> None:
    """What a clock does meanwhile."""
    holder = ids.new_id()
    job_id = importing_work.claim(scene.ws, holder)
    assert job_id is not None
    importing_work.work(scene.ws, job_id, holder)


def test_a_file_comes_in_and_two_entries_become_one(scene: Scene, desk: Desk, place: Path) -> None:
    known = scene.prospect("Ana Petrova", email="ana@buyer.example", company="Old")
    scene.prospect("Ana Petrova", email="a.p@buyer.example", company="New")
    file = place / "хора.csv"
    file.write_bytes(FILE.encode("cp1251"))
    page = desk.open("/prospects")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_label("Encoding")).to_have_value("windows-1251")
    expect(page.get_by_label("Бюджет")).to_have_value("number:own")
    fits(desk)
    page.get_by_label("Fill in what is not known yet").check()
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_role("heading", name="Looking at the file")).to_be_visible()
    fits(desk)
    work(scene)
    # The page finds out by itself.
    expect(page.get_by_role("heading", name="What it would do")).to_be_visible()
    expect(page.get_by_text("is no email address")).to_be_visible()
    fits(desk)
    page.get_by_role("button", name="Write 2 rows").click()
    work(scene)
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    fits(desk)
    page = desk.open(f"/prospects/{known}")
    page.get_by_role("link", name="Merge with another").click()
    fits(desk)
    page.get_by_role("link", name="Ana Petrova").last.click()
    expect(page.get_by_text("This cannot be undone")).to_be_visible()
    fits(desk)
    page.get_by_label("New").check()
    page.get_by_role("button", name="Merge the two").click()
    expect(page.get_by_text("The two are one now")).to_be_visible()
    expect(page.get_by_text("New", exact=True).first).to_be_visible()
    assert desk.faults == []
