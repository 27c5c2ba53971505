"""The page that shows the API: it works under our policy, tries a call out with a pasted key, and fits a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from workflow.actions import people

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [390, 1440])
def test_a_call_is_tried_out_with_a_pasted_key(scene: Scene, desk: Desk, width: int) -> None:
    key = people.add_key(scene.ws, "docs", "rep", scopes=["prospects:read"])
    desk.page.set_viewport_size({"width": width, "height": 900})
    page = desk.open("/api/docs")
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(key)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.locator(".btn-done").click()
    page.locator("#operations-tag-settings").click()
    called = page.locator("#operations-settings-get_me")
    called.locator(".opblock-summary-control").click()
    called.get_by_role("button", name="Try it out").click()
    called.get_by_role("button", name="Execute").click()
    expect(called.locator(".live-responses-table")).to_contain_text("prospects:read")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert desk.faults == []
