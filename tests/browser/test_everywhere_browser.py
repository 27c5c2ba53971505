"""What stands on every page: palette, keys on any layout, Undo, and nothing typed is lost when something fails."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from workflow.actions import people

pytestmark = pytest.mark.browser
# Playwright presses keys by the American layout; this is the same place on a Bulgarian one.
PRESS = "([code, key]) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {code, key, bubbles: true, cancelable: true}))"  # noqa: E501


def press(page: Page, code: str, key: str) -> None:
    """Press the key at this place of the keyboard, which writes another letter there."""
    page.evaluate(PRESS, [code, key])


def test_the_palette_finds_pages_actions_and_people(scene: Scene, desk: Desk) -> None:
    known = scene.prospect("Ана Петрова")
    page = desk.open("/board")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Find a page, an action or a prospect")
    expect(field).to_be_focused()
    expect(page.get_by_role("group", name="On this page").get_by_role("option", name="Add prospect")).to_be_visible()
    board = page.get_by_role("group", name="Pages").get_by_role("option", name="Board")
    expect(board.locator("kbd")).to_have_text(["G", "B"])
    field.fill("петро")
    found = page.get_by_role("group", name="Prospects").get_by_role("option")
    expect(found).to_contain_text("Ана Петрова")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/prospects/{known}")
    page.keyboard.press("Control+k")
    field.fill("sources")
    expect(page.locator("#pal-list [aria-selected=true]")).to_contain_text("Sources")
    field.fill("zzzz")
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_keys_work_on_a_bulgarian_layout_and_can_be_switched_off(scene: Scene, desk: Desk) -> None:
    first, second = scene.prospect("Ана"), scene.prospect("Борис")
    page = desk.open("/?lang=bg")
    press(page, "KeyG", "г")
    press(page, "KeyB", "б")
    page.wait_for_url("**/board")
    press(page, "KeyJ", "й")
    expect(page.locator(f"#card-{second} a, #card-{first} a").first).to_be_focused()
    press(page, "KeyM", "м")
    expect(page.locator("#moves")).to_be_visible()
    page.keyboard.press("Escape")
    press(page, "KeyC", "ц")
    page.wait_for_url("**/call")
    desk.open(f"/prospects/{first}")
    expect(page.locator("[aria-keyshortcuts=E]")).to_have_attribute("href", re.compile("^mailto:"))
    press(page, "KeyM", "м")
    press(page, "Digit2", "2")
    expect(page.locator("[data-toast]")).to_contain_text("Квалифициран")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Клавиши")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("input[type=search]:focus")).to_have_count(1)
    desk.open("/settings/appearance?lang=en").get_by_label("Single keys").select_option("off")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-toast]")).to_contain_text("Saved")
    page.locator("body").click()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    expect(page.locator("#keys")).to_be_hidden()
    assert page.url.endswith("/settings/appearance")


def test_a_move_is_taken_back_by_a_key_even_when_its_toast_has_gone(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    scene.move(known, "qualify", "diagnose")
    page = desk.open("/board")
    page.locator(f"#card-{known} a").focus()
    page.keyboard.press("m")
    page.locator("#moves").get_by_role("button", name="Meeting scheduled").click()
    toast = page.locator("[data-toast]")
    expect(toast).to_contain_text("moved to Meeting scheduled")
    toast.get_by_role("button", name="Dismiss").click()
    page.keyboard.press("Control+z")
    expect(page.locator("#col-diagnosed").locator(f"#card-{known}")).to_be_visible()
    assert scene.row(known).stage == "diagnosed"


def test_what_was_typed_survives_a_sign_in_in_another_tab(scene: Scene, desk: Desk) -> None:
    page = desk.open("/prospects/new")
    page.get_by_label("Name").fill("Ana Petrova")
    page.get_by_label("Company").fill("Пример ООД")
    other = page.context.new_page()
    other.goto(f"{desk.base}/sign-in/{people.sign_in_link(scene.ws, scene.reps['iva'])}")
    other.get_by_role("button").click()
    other.wait_for_url(f"{desk.base}/")
    page.locator("main").get_by_role("button", name="Add prospect").click()
    page.get_by_role("button", name="Load the page again").click()
    expect(page.locator("#alerts")).to_contain_text("what you typed is still here")
    expect(page.get_by_label("Company")).to_have_value("Пример ООД")
    # And when the session has ended everywhere, the way back from the sign-in leads to the same form.
    page.context.clear_cookies()
    page.locator("main").get_by_role("button", name="Add prospect").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url.endswith("/sign-in?next=%2Fprospects%2Fnew")
    page.goto(f"{desk.base}/sign-in/{people.sign_in_link(scene.ws, scene.reps['iva'])}")
    page.get_by_role("button").click()
    page.wait_for_url(f"{desk.base}/")
    desk.open("/prospects/new")
    expect(page.get_by_label("Name")).to_have_value("Ana Petrova")
    page.locator("main").get_by_role("button", name="Add prospect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana Petrova")


def test_without_a_network_the_page_says_so_and_what_failed_is_tried_again(desk: Desk) -> None:
    page = desk.open("/prospects/new")
    page.get_by_label("Name").fill("Ana Petrova")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_contain_text("No network.")
    page.locator("main").get_by_role("button", name="Add prospect").click()
    expect(page.locator("#alerts")).to_contain_text("Add prospect: The server could not be reached.")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    page.locator("#alerts").get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana Petrova")
    # The browser itself notes the request that had no network.
    desk.faults[:] = [
        fault for fault in desk.faults if "ERR_INTERNET_DISCONNECTED" not in fault and "fetch" not in fault
    ]


def test_every_page_points_to_the_manual_which_is_read_here(scene: Scene, desk: Desk) -> None:
    page = desk.open("/settings/mailboxes")
    page.get_by_role("contentinfo").get_by_role("link", name="Help: Mailboxes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mailboxes")
    expect(page.locator("pre").first).to_contain_text("onward mailbox add maria")
    for path, words in (("/board", "A prospect’s page"), (f"/prospects/{scene.prospect()}/call", "Calls")):
        expect(desk.open(path).get_by_role("contentinfo").get_by_role("link", name=f"Help: {words}")).to_be_visible()
    # What lies beside the manual is named there and leads nowhere.
    expect(desk.open("/help/api").locator("main a[href='#'], main a:not([href])")).to_have_count(0)
