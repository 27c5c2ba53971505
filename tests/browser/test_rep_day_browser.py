"""A rep's day from the sign-in to a deal that is won: by mouse, by the keyboard alone, and on a phone.

The rep is no manager, so every guard of the shipped playbook holds: what a stage asks for has to be given on the way.
Nothing but the link to sign in is opened by its address; each page is reached from the one before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from tests.browser.conftest import Desk, seat
from tests.panel.scene import Scene
from workflow.actions import people
from workflow.records.models import Meeting, Prospect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
MOST_TABS = 260
HERE = "el => el === document.activeElement"


@dataclass(slots=True)
class Hands:
    """How somebody works: what a press is, how a field gets its words, and a choice its value."""

    page: Page
    press: Callable[[Locator], None]
    fill: Callable[[Locator, str], None]
    choose: Callable[[Locator, str], object]


def by_mouse(page: Page) -> Hands:
    """Clicks, and types where it clicked."""

    def fill(field: Locator, text: str) -> None:
        field.click()
        page.keyboard.type(text)

    return Hands(page, lambda found: found.click(), fill, lambda field, value: field.select_option(value))


def by_finger(page: Page) -> Hands:
    """Taps, and types where it tapped."""

    def fill(field: Locator, text: str) -> None:
        field.tap()
        page.keyboard.type(text)

    return Hands(page, lambda found: found.tap(), fill, lambda field, value: field.select_option(value))


def by_keys(page: Page) -> Hands:
    """Goes by Tab from where it stands, presses Enter, and types."""

    def reach(found: Locator) -> None:
        found.wait_for()
        for _ in range(MOST_TABS):
            if found.evaluate(HERE):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"no Tab leads to {found}")

    def press(found: Locator) -> None:
        reach(found)
        page.keyboard.press("Enter")

    def fill(field: Locator, text: str) -> None:
        reach(field)
        page.keyboard.type(text)

    def choose(field: Locator, value: str) -> None:
        reach(field)
        while field.input_value() != value:
            page.keyboard.press("ArrowDown")

    return Hands(page, press, fill, choose)


@contextmanager
def window(scene: Scene, browser: Browser, language: str, **kind: Any) -> Iterator[Desk]:
    """Boyan's window, in a language; at the end its console must be silent."""
    context = browser.new_context(locale={"en": "en-GB", "bg": "bg-BG"}[language], **kind)
    made = seat(scene, context, "boyan")
    yield made
    context.close()
    assert made.faults == []


def arrives(scene: Scene, page: Page, email: str, stage: str) -> None:
    """Wait until the prospect with this address stands in `stage`."""
    found = ""
    for _ in range(150):
        with scene.ws.database.read() as tx:
            found = tx.conn.execute(select(Prospect.stage).where(Prospect.email == email)).scalar_one()
        if found == stage:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{email} stands in {found}, not in {stage}")


def add(scene: Scene, hands: Hands, email: str) -> None:
    """From the day's page to somebody new."""
    page = hands.page
    hands.press(page.locator("a.add"))
    hands.fill(page.locator("#f-name"), "Елица Тодорова")
    hands.fill(page.locator("#f-company"), "Севлиево Логистика")
    hands.fill(page.locator("#f-email"), email)
    hands.press(page.locator("main form button[type=submit]"))

    page.wait_for_url("**/prospects/*-*")
    arrives(scene, page, email, "planned")


def qualify(scene: Scene, hands: Hands, email: str) -> None:
    """Be refused, rate, and go on."""
    page = hands.page
    expect(page.locator(".nba .gaps li")).to_have_count(1)
    if page.locator("#score .unfold").is_visible():
        # A phone shows the head of a long section alone; the link beside what is missing opens it.
        expect(page.locator("#r-fit-full")).to_be_hidden()
        hands.press(page.locator(".nba .gaps a[href='#score']"))
    for chip in ("fit-full", "authority-decides", "urgency-quarter"):
        found = page.locator(f"#r-{chip}")
        hands.press(found)
        expect(found).to_have_attribute("aria-pressed", "true")
    hands.press(page.locator("#go-on"))
    expect(page.locator(".nba .gaps li").first).to_be_visible()
    arrives(scene, page, email, "qualified")


def call(scene: Scene, hands: Hands, email: str) -> None:
    """Plan, lead and end a call; then on from what was learnt."""
    page = hands.page
    hands.press(page.locator("main .page-head a[href$='/call']"))
    hands.fill(page.locator("#p-call_goal"), "One lost order, with its date")
    hands.press(page.locator("#start-call"))
    page.wait_for_url("**/calls/*")
    for question, said in (("challenge", "Губим поръчки"), ("obstacles", "Хартия"), ("cost_of_problem", "2 clients")):
        hands.press(page.locator("[data-part=all]"))
        hands.press(page.locator(f"[data-q={question}] [data-ask]"))
        hands.fill(page.locator(f"#a-{question}"), said)
    hands.press(page.locator("#end-call"))
    page.wait_for_url("**/end*")
    expect(page.locator("main")).to_contain_text("10:00")
    hands.press(page.locator("#write-down"))
    hands.press(page.locator(".offer form button[type=submit]"))
    page.wait_for_url("**/prospects/*")
    arrives(scene, page, email, "diagnosed")


def meet(scene: Scene, hands: Hands, email: str) -> None:
    """Book the recommended time, see what it sends, come back when it is over, and say that it took place."""
    page = hands.page
    hands.press(page.locator("main a[href$='/meetings/new']").first)
    hands.press(page.locator(".slot-btn").first)
    expect(page.locator("#save")).to_contain_text("15:00")
    hands.press(page.locator("#save-booking"))
    page.wait_for_url(re.compile("/meetings/[0-9a-f-]{36}"))
    hands.press(page.locator("main aside a.btn[href^='/prospects/']").first)
    hands.press(page.locator("#go-on"))
    expect(page.locator(".nba")).to_be_visible()
    arrives(scene, page, email, "meeting_scheduled")
    with scene.ws.database.read() as tx:
        begins = tx.conn.execute(select(Meeting.starts_at)).scalar_one()
    assert begins is not None
    scene.clock.now = begins + timedelta(hours=1)
    # The session ends over night.
    page.goto(f"{scene.ws.settings.base_url}/sign-in/{people.sign_in_link(scene.ws, scene.reps['boyan'])}")
    hands.press(page.locator("form button[type=submit]").first)
    page.wait_for_url(f"{scene.ws.settings.base_url}/")
    more = page.locator("[popovertarget=more]")
    if more.is_visible():
        hands.press(more)
    hands.press(page.locator("a[href='/meetings']:visible").first)
    hands.press(page.locator("main a[href*='held']").first)
    hands.press(page.locator("#do-mark"))
    expect(page.locator("main form[action$='/undo']")).to_be_visible()
    hands.press(page.locator("main aside a.btn[href^='/prospects/']").first)


def win(scene: Scene, hands: Hands, email: str) -> None:
    """Follow up, and close it as won, with a reason."""
    page = hands.page
    hands.press(page.locator("#go-on"))
    expect(page.locator("form:has(#go-on) [name=trigger]")).to_have_value("close")
    arrives(scene, page, email, "followed_up")
    hands.press(page.locator("#go-on"))
    hands.choose(page.locator("select[name=outcome]"), "won")
    hands.fill(page.locator("input[name=reason]"), "Видя ползата")
    hands.press(page.locator(".guard form button[type=submit]"))
    expect(page.locator(".guard form")).to_have_count(0)
    with scene.ws.database.read() as tx:
        found = select(Prospect.stage, Prospect.outcome, Prospect.outcome_reason).where(Prospect.email == email)
        assert tx.conn.execute(found).one() == ("closed", "won", "Видя ползата")


WAYS: dict[str, tuple[Callable[[Page], Hands], str, dict[str, Any]]] = {
    "mouse": (by_mouse, "en", {"viewport": {"width": 1440, "height": 900}}),
    "keys": (by_keys, "bg", {"viewport": {"width": 1440, "height": 900}}),
    "phone": (by_finger, "bg", {"viewport": {"width": 390, "height": 844}, "has_touch": True}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_deal_is_won_by(scene: Scene, browser: Browser, way: str) -> None:
    """Add, qualify, call, diagnose, meet, follow up, close: whichever hand does it."""
    made, language, kind = WAYS[way]
    email = "elitsa@sevlievo.example"
    with window(scene, browser, language, **kind) as desk:
        hands = made(desk.page)
        for step in (add, qualify, call, meet, win):
            step(scene, hands, email)
