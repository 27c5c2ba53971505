"""Publishing as a person does it: a file, a look, a choice, and the page that follows those in flight by itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from tests.panel.test_publishing_page import NARROW, RENAMED, called
from workflow.actions import publishing

pytestmark = pytest.mark.browser


def bring(desk: Desk, source: str) -> None:
    """Bring a file."""
    desk.open("/settings/playbook").get_by_label("File").set_input_files(
        {"name": "mine.yaml", "mimeType": "application/yaml", "buffer": source.encode()}
    )
    desk.page.get_by_role("button", name="Check and compare").click()


def test_a_playbook_is_published_and_its_progress_is_followed(scene: Scene, desk: Desk) -> None:
    called(scene)
    bring(desk, NARROW)
    expect(desk.page.get_by_text("send window: 08:30–17:30 → 11:00–11:30")).to_be_visible()
    desk.page.get_by_label("After the call").select_option("move")
    desk.page.get_by_role("button", name="Publish").click()
    expect(desk.page.get_by_role("heading", name="A publication is under way")).to_be_visible()
    publishing.finish(scene.ws)
    # The page asks again by itself.
    expect(desk.page.get_by_role("heading", name="A publication is under way")).to_be_hidden()
    expect(desk.page.get_by_role("row", name="2 in force discovery")).to_be_visible()


def test_without_scripts_and_with_a_removed_stage(scene: Scene, plain: Desk) -> None:
    known = scene.prospect()
    bring(plain, RENAMED)
    plain.page.get_by_label("1 prospect of Planned goes to").select_option("fresh")
    plain.page.get_by_role("button", name="Publish").click()
    expect(plain.page.get_by_text("The playbook is published")).to_be_visible()
    assert scene.row(known).stage == "fresh"


def test_a_file_with_findings_fits_a_phone(phone: Desk) -> None:
    bring(phone, NARROW.replace("to: qualified", "to: qualifed", 1))
    expect(phone.page.get_by_role("heading", name="This file cannot be published")).to_be_visible()
    assert phone.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
