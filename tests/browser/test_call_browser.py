"""Call mode in a real browser: by keys alone, on a phone, without a network, and in two windows at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from werkzeug.exceptions import ServiceUnavailable

from tests.browser.conftest import Desk, seat
from tests.panel.scene import Scene
from workflow.actions import calling
from workflow.records.models import Answer, Call

pytestmark = pytest.mark.browser


def begun(desk: Desk, known: str) -> Page:
    """A call with this prospect, just begun from its plan."""
    page = desk.open(f"/prospects/{known}/call")
    page.get_by_role("button", name="Start the call").click()
    page.wait_for_url("**/calls/*")
    expect(page.locator("[data-status]")).to_contain_text("saved")
    return page


def kept(scene: Scene, page: Page, name: str) -> str:
    """A field as the server has it."""
    with scene.ws.database.read() as tx:
        return calling.sheet(tx, page.url.rsplit("/", 1)[1]).text(name)


def sheets(page: Page) -> int:
    """How many sheets of A4 the page fills on paper."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))


def planned(desk: Desk, known: str) -> Page:
    """A plan with a goal, a link, one question to ask and three minutes; on paper, one sheet, its cheat sheet two."""
    page = desk.open(f"/prospects/{known}/call")
    page.get_by_label("Goal of the call").fill("She names the last lost order")
    page.get_by_label("Research", exact=True).fill("A new depot: https://example.com/news/1.")
    page.get_by_label("What gives you the most trouble right now?").check()
    page.get_by_label("Planned minutes").fill("3")
    page.get_by_role("button", name="Save the plan").press("Enter")
    expect(page.get_by_role("link", name="https://example.com/news/1")).to_be_visible()
    expect(page.get_by_label("What gives you the most trouble right now?")).to_be_checked()
    assert sheets(page) == 1
    page.get_by_role("link", name="Cheat sheet").click()
    assert sheets(page) == 2
    page.go_back()
    return page


def test_a_call_is_planned_led_and_ended_by_keys_alone(scene: Scene, desk: Desk) -> None:
    """The rep's whole way, and what stands on record after it; nothing is clicked from the first step on."""
    known = scene.prospect()
    page = planned(desk, known)
    page.clock.install()
    page.get_by_role("button", name="Start the call").press("Enter")
    page.wait_for_url("**/calls/*")
    expect(page.locator(".goal-line")).to_contain_text("She names the last lost order")
    shown = page.locator("[data-step]:visible h2")
    expect(shown).to_contain_text("Opening")
    page.keyboard.press("]")
    page.keyboard.press("]")
    expect(shown).to_contain_text("What hurts")
    page.keyboard.press("1")
    expect(page.locator("[data-q=challenge]")).to_have_class("asked")
    page.keyboard.press("1")
    page.keyboard.type("Orders get lost 1 2 e n")
    page.keyboard.press("Escape")
    expect(page.locator("#w-problem [data-cover]")).to_have_text("1")
    page.keyboard.press("n")
    page.keyboard.type("Поръчки на хартия")
    page.keyboard.press("Escape")
    page.clock.fast_forward(70_000)
    expect(page.locator("[data-spoken]")).to_have_text("Two minutes left.")
    page.keyboard.press("p")
    page.clock.fast_forward(600_000)
    expect(page.locator("[data-spoken]")).to_have_text("Two minutes left.")
    page.keyboard.press("p")
    page.clock.fast_forward(125_000)
    expect(page.locator("[data-spoken]")).to_have_text("The planned time is over.")
    expect(page.locator("[data-clock]")).to_contain_text("+00:")
    page.keyboard.press("e")
    page.wait_for_url("**/end?*")
    assert page.get_by_label("Minutes").input_value() == "3"
    follow = page.locator("section", has=page.get_by_role("heading", name="What goes out after it"))
    expect(follow).to_contain_text("Tomorrow, 10:00")
    expect(follow).to_contain_text("Fri 13 Nov, 10:00")
    expect(page.get_by_role("button", name="Write the call down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]")).to_contain_text("The call was written down")
    expect(page.get_by_text("On to: Qualified")).to_be_visible()
    expect(page.locator(".check .done", has_text="Follow a script")).to_be_visible()
    expect(page.locator(".path")).to_contain_text("What hurts")
    assert [touch.step for touch in scene.touches(known)] == ["questions", "next_call"]
    with scene.ws.database.read() as tx:
        call = tx.conn.execute(select(Call.minutes, Call.notes).where(Call.prospect_id == known)).one()
        said = dict(tx.conn.execute(select(Answer.question, Answer.text).where(Answer.prospect_id == known)).all())
    assert (call.minutes, call.notes) == (3, "Поръчки на хартия")
    assert said["challenge"] == "Orders get lost 1 2 e n"
    assert said["script_used"] == "Discovery call: Opening › Where they stand › What hurts"


def test_nothing_is_lost_without_a_network_and_with_a_closed_tab(scene: Scene, desk: Desk) -> None:
    """Type, go offline, type, close the tab, open it again, go online: the server has every letter."""
    page = begun(desk, scene.prospect())
    page.locator("#notes").press_sequentially("Before. ")
    expect(page.locator("[data-status]")).to_contain_text("saved")
    context, address = page.context, page.url
    context.set_offline(True)
    # The emulation lets through what a window sends while it closes: behind it, there is no server either.
    cut = pytest.MonkeyPatch()
    cut.setattr(scene.app, "wsgi_app", ServiceUnavailable())
    page.locator("#notes").press_sequentially("After the line went dead.")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.keyboard.type("Да, може")
    expect(page.locator("[data-status]")).to_contain_text("kept on this device")
    page.get_by_role("button", name="End call").click()
    assert page.url == address
    page.close()
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#notes")).to_have_value("Before. After the line went dead.")
    expect(page.locator("#a-recording_ok")).to_have_value("Да, може")
    assert kept(scene, page, "notes") == "Before. "
    cut.undo()
    context.set_offline(False)
    expect(page.locator("[data-status]")).to_contain_text("saved")
    assert kept(scene, page, "notes") == "Before. After the line went dead."
    assert kept(scene, page, "a.recording_ok") == "Да, може"
    # The browser's own words for what was asked of it: there was no network, and nobody behind it.
    assert all("ERR_INTERNET_DISCONNECTED" in fault or "503" in fault for fault in desk.faults)
    desk.faults.clear()
    assert page.evaluate("Object.keys(localStorage).filter(one => one.startsWith('call ')).length") == 0


def test_two_windows_show_both_sides_and_neither_is_lost(scene: Scene, desk: Desk, browser: Browser) -> None:
    page = begun(desk, scene.prospect())
    context = browser.new_context(locale="en-GB")
    other = seat(scene, context).page
    other.goto(page.url)
    step = page.locator("[data-step]:visible h2")
    for keys, title in (("]]", "What hurts"), ("[[", "Opening")):
        for key in keys:
            page.keyboard.press(key)
        expect(step).to_contain_text(title)
    expect(page.get_by_role("button", name="Back")).to_be_disabled()
    other.locator("#notes").fill("Two depots")
    expect(other.locator("[data-status]")).to_contain_text("saved")
    page.locator("#notes").fill("One gate")
    clash = page.locator(".guard[role=alert]")
    expect(clash).to_contain_text("Two depots")
    expect(page.locator("#notes")).to_have_value("One gate")
    page.get_by_role("button", name="End call").click()
    expect(clash).to_be_visible()
    page.get_by_role("button", name="Keep both").click()
    expect(clash).to_have_count(0)
    expect(page.locator("#notes")).to_have_value("Two depots\nOne gate")
    expect(page.locator("[data-status]")).to_contain_text("saved")
    page.get_by_role("button", name="End call").click()
    page.get_by_role("button", name="Write the call down").click()
    page.wait_for_url(re.compile(r"/calls/[0-9a-f-]{36}$"))
    # What arrives after the end is kept and shown, though the call stands on record.
    other.locator("#notes").fill("Two depots, and a third in May")
    other.reload()
    expect(other.get_by_text("a third in May")).to_be_visible()
    context.close()


def test_a_call_is_led_on_a_phone_by_taps(scene: Scene, phone: Desk) -> None:
    page = begun(phone, scene.prospect())
    tabs = page.locator(".call-tabs [aria-current]")
    expect(tabs).to_contain_text("1 Opening")
    page.get_by_role("group", name="What they say").get_by_role("button", name="Only ten minutes").tap()
    expect(tabs).to_contain_text("The ten-minute way")
    page.get_by_role("group", name="Which questions").get_by_role("button", name="Implication").tap()
    page.get_by_role("button", name=re.compile("Asked ?: What does it cost you in a month")).tap()
    # A rep on a phone reads the step, writes, then asks; the bar below covers neither field nor button in use.
    places = [page.locator(one).bounding_box() for one in ("[data-step]:visible", "#notes", ".qs", ".obj", ".sheet")]
    assert [round(each["y"]) for each in places if each] == sorted(round(each["y"]) for each in places if each)
    page.locator("#notes").focus()
    notes, bar = page.locator("#notes").bounding_box(), page.locator(".call-bar").bounding_box()
    assert notes
    assert bar
    assert notes["y"] + notes["height"] <= bar["y"]
    page.get_by_role("button", name="Who talks?").tap()
    began = page.locator("[data-clock]").inner_text()
    expect(page.get_by_role("button", name="you", exact=True)).to_be_visible()
    page.get_by_label("Cost of the problem").fill("Two clients a year")
    page.locator("summary", has_text="Send me an email").tap()
    expect(page.get_by_text("which one thing should it answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("[data-clock]")).not_to_have_text(began)
    page.get_by_role("button", name="End call").tap()
    expect(page.get_by_text("Send me an email")).to_be_visible()
    expect(page.get_by_text("you 100, them 0")).to_be_visible()
    expect(page.get_by_text("Two clients a year")).to_be_visible()


def test_a_call_can_be_led_without_scripts(scene: Scene, plain: Desk) -> None:
    known = scene.prospect()
    page = plain.open(f"/prospects/{known}/call")
    page.get_by_role("button", name="Start the call").click()
    page.get_by_label("Biggest challenge").fill("Paper")
    page.get_by_role("button", name="End call").click()
    page.get_by_role("button", name="Write the call down").click()
    expect(page.get_by_text("The call was written down")).to_be_visible()
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Answer.text).where(Answer.question == "challenge")).scalar_one() == "Paper"
