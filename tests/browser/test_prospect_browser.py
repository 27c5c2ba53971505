"""A prospect's page in a browser: a fact changed by keys, an email rewritten, a referral added; in both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from workflow.records.models import Prospect

pytestmark = pytest.mark.browser


def test_a_fact_is_changed_where_it_stands_by_keys_alone(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open(f"/prospects/{known}")
    facts = page.locator("#facts")
    facts.get_by_role("link", name="Change: Job title").press("Enter")
    field = facts.get_by_label("Job title")
    expect(field).to_be_focused()
    page.keyboard.type("COO")
    page.keyboard.press("Escape")
    expect(facts.get_by_label("Job title")).to_have_count(0)
    facts.get_by_role("link", name="Change: Job title").press("Enter")
    facts.get_by_label("Job title").fill("CFO")
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Prospect).where(Prospect.id == known).values(title="CTO"))
    page.keyboard.press("Enter")
    expect(facts.get_by_role("alert")).to_contain_text("Now: CTO")
    expect(facts.get_by_label("Job title")).to_have_value("CFO")
    facts.get_by_role("button", name="Keep mine").click()
    expect(page.locator("[data-toast]")).to_contain_text("Saved")
    assert scene.row(known).title == "CFO"


@pytest.mark.parametrize("language", ["en", "bg"])
def test_one_email_is_rewritten_with_its_preview_and_a_referral_is_added(
    scene: Scene, desk: Desk, language: str
) -> None:
    edit, save, own, add = {
        "en": ("Edit", "Save", "Own text", "Add a referral"),
        "bg": ("Промяна", "Запазване", "Собствен текст", "Добавяне на препоръчан"),
    }[language]
    known = scene.prospect(language=language)
    scene.tell(known, "call.ended", minutes=5)
    page = desk.open(f"/prospects/{known}?lang={language}")
    page.locator(".outbox").get_by_role("link", name=edit).first.click()
    page.locator("#text").fill("Only for {{ first_name }}.")
    expect(page.locator("#preview")).to_contain_text("Only for Ana.")
    page.locator("#text").fill("{{ nobody }}")
    expect(page.locator("#preview .bad")).to_contain_text("nobody")
    page.locator("#text").fill("Only for {{ first_name }}.")
    page.get_by_role("button", name=save, exact=True).click()
    expect(page.locator(".outbox .tag").first).to_have_text(own)
    page.get_by_role("link", name=add).click()
    page.locator("#f-name").fill("Mila Nova")
    page.locator("form.stack").get_by_role("button").first.click()
    expect(page.locator("#related")).to_contain_text("Ana Petrova")
    page.locator("#related .name").click()
    expect(page.locator("#related")).to_contain_text("Mila Nova")
