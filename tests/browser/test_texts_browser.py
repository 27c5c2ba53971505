"""Editing a text as a person does it: type, see at once what it becomes and what is wrong, save, and find it again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene

pytestmark = pytest.mark.browser


def test_what_is_typed_is_seen_at_once_on_a_prospect_and_saved(scene: Scene, desk: Desk) -> None:
    scene.prospect("Ана Петрова", email="ana@example.com", company="Пример ООД")
    scene.clock.advance(minutes=1)
    scene.prospect("John Smith", email="john@example.com", company="Smith Ltd")
    page = desk.open("/templates")
    page.get_by_role("link", name="Follow-up questions").click()
    english = page.locator("section.said").nth(0)
    bulgarian = page.locator("section.said").nth(1)
    expect(english.locator(".preview")).to_contain_text("Hello John,")
    expect(bulgarian.locator(".preview")).to_contain_text("Здравейте")
    # Wrong while it is typed, with its line; then right, in text and HTML.
    english.get_by_label("Text").fill("One\n\nFor {{ compny }}: {{ unsubscribe_url }}")
    expect(english.locator(".faults")).to_contain_text("Text, line 3: there is no value “compny”")
    english.get_by_label("Text").fill("For {{ company|default_to('you') }}: {{ unsubscribe_url }}")
    expect(english.locator(".preview .letter")).to_contain_text("For Smith Ltd:")
    english.locator("summary").click()
    english.get_by_label("HTML", exact=True).fill(
        '<p>So <b>bold</b>, {{ name }} <a href="{{ unsubscribe_url }}">End</a></p>'
    )
    frame = english.frame_locator("iframe")
    expect(frame.locator("b")).to_have_text("bold")
    english.get_by_label("Phone").check()
    assert english.locator("iframe").evaluate("frame => frame.offsetWidth") <= 390
    # Another prospect: both languages follow, and nothing typed is lost.
    page.get_by_label("Find a prospect").press_sequentially("петр")
    expect(page.locator("#prospect option")).to_have_count(1)
    page.get_by_label("Show it on", exact=True).select_option(label="Ана Петрова, Пример ООД")
    page.locator("#prospect").dispatch_event("change")
    expect(english.locator(".preview .letter")).to_contain_text("For Пример ООД:")
    expect(frame.locator("p")).to_contain_text("Ана Петрова")
    expect(bulgarian.locator(".preview")).to_contain_text("Ана")
    bulgarian.get_by_label("Subject").fill("Още не")
    english.get_by_role("button", name="Save").click()
    expect(page.locator("[data-toast]")).to_contain_text("the next email is written from it")
    expect(bulgarian.get_by_label("Subject")).to_have_value("Още не")
    expect(bulgarian.locator(".told-subject")).to_have_text("Още не")
    expect(bulgarian).to_contain_text("Not saved yet")
    expect(page.locator("section.said").nth(0)).to_contain_text("version 1")
    page.get_by_role("link", name="History English").click()
    expect(page.locator(".diff").first).to_contain_text("For {{ company|default_to('you') }}")


def test_without_scripts_and_in_bulgarian(plain: Desk) -> None:
    page = plain.open("/templates/decision?lang=bg")
    english = page.locator("section.said").nth(0)
    english.get_by_label("Тема").fill("Друга тема")
    english.get_by_role("button", name="Обновяване на HTML English").click()
    expect(english.frame_locator("iframe").locator("body")).to_contain_text("Unsubscribe")
    english.get_by_role("button", name="Запазване English").click()
    expect(page.locator("[data-toast]")).to_contain_text("следващият имейл се пише по него")
