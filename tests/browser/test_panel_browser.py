"""The panel as a person uses it: by mouse, by keys, by touch, in two languages, and without scripts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select, update

from tests.browser.conftest import Desk
from tests.browser.test_access_browser import STILL
from tests.panel.scene import Scene
from workflow.actions import calling, crm_links, endpoints, sources
from workflow.actions.prospects import Who
from workflow.crm.port import CrmError
from workflow.engine.reasons import because
from workflow.mail import links
from workflow.records.models import Meeting, Touch

pytestmark = pytest.mark.browser
WIDTHS = (320, 390, 640, 768, 960, 1280)


def column(page: Page, stage: str) -> Locator:
    """A stage of the board."""
    return page.locator(f"#col-{stage}")


def card(page: Page, known: str) -> Locator:
    """A prospect's card."""
    return page.locator(f"#card-{known}")


def test_a_link_signs_in_and_shows_the_day(desk: Desk) -> None:
    expect(desk.page.get_by_role("heading", level=1)).to_have_text("Tuesday, 10 November")
    expect(desk.page.get_by_text("All clear")).to_be_visible()
    desk.page.get_by_role("button", name="Sign out").click()
    expect(desk.page.get_by_role("heading", name="Sign in")).to_be_visible()
    desk.open("/board")
    assert desk.page.url.endswith("/sign-in?next=%2Fboard")


def test_a_card_is_moved_by_its_menu_and_brought_back(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    scene.move(known, "qualify", "diagnose")
    page = desk.open("/board")
    card(page, known).get_by_role("button", name="Move Example OOD").click()
    menu = page.locator("#moves")
    expect(menu.get_by_role("button")).to_have_count(3)
    menu.get_by_role("button", name="Meeting scheduled").click()
    expect(column(page, "meeting_scheduled").locator(f"#card-{known}")).to_be_visible()
    expect(column(page, "diagnosed").locator("h2 .num")).to_have_text("0")
    expect(page.locator("[data-toast]")).to_contain_text("Ana Petrova moved to Meeting scheduled")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(column(page, "diagnosed").locator(f"#card-{known}")).to_be_visible()
    assert scene.row(known).stage == "diagnosed"


def test_a_card_is_moved_by_keys_and_keeps_the_focus(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open("/board")
    link = card(page, known).get_by_role("link")
    link.focus()
    page.keyboard.press("m")
    expect(page.locator("#moves button").first).to_be_focused()
    page.keyboard.press("2")
    expect(column(page, "qualified").locator(f"#card-{known}")).to_be_visible()
    expect(card(page, known).get_by_role("link")).to_be_focused()
    page.keyboard.press("m")
    page.keyboard.press("Escape")
    expect(page.locator("#moves")).to_be_hidden()
    assert scene.row(known).stage == "qualified"


def test_a_refused_move_is_answered_where_it_was_refused(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    page = desk.open("/board")
    card(page, known).get_by_role("button").click()
    page.locator("#moves").get_by_role("button", name="Closed: Close").click()
    guard = page.locator(f"#guard-{known}")
    expect(guard).to_contain_text("Not yet")
    outcome = guard.get_by_label("Outcome")
    expect(outcome).to_be_focused()
    outcome.select_option("won")
    guard.get_by_role("button", name="Close").click()
    expect(column(page, "closed").locator(f"#card-{known}")).to_contain_text("Won")
    assert scene.row(known).outcome == "won"


def test_a_refusal_can_be_left_alone(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open("/board")
    card(page, known).get_by_role("button").click()
    page.locator("#moves").get_by_role("button", name="Closed").click()
    guard = page.locator(f"#guard-{known}")
    expect(guard.get_by_label("Reason")).to_be_focused()
    guard.get_by_role("button", name="Leave it").click()
    expect(guard).to_have_count(0)
    expect(card(page, known).get_by_role("link")).to_be_focused()


def test_a_dragged_card_goes_through_the_same_door(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open("/board")
    card(page, known).drag_to(column(page, "qualified").locator(".cards"))
    expect(column(page, "qualified").locator(f"#card-{known}")).to_be_visible()
    assert scene.row(known).stage == "qualified"
    guard = page.locator(f"#guard-{known}")
    card(page, known).drag_to(column(page, "followed_up").locator(".cards"))
    expect(guard).to_contain_text("No move of the playbook leads from Qualified to Followed up.")
    card(page, known).drag_to(column(page, "closed").locator(".cards"))
    expect(guard).to_contain_text("Which move is it?")
    assert scene.row(known).stage == "qualified"


def test_whoever_is_overtaken_sees_the_fresh_card(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open("/board")
    scene.move(known, "qualify")
    card(page, known).get_by_role("button").click()
    page.locator("#moves").get_by_role("button", name="Qualified").click()
    expect(page.locator(f"#guard-{known}")).to_contain_text("Changed in the meantime")
    expect(column(page, "qualified").locator(f"#card-{known}")).to_be_visible()
    expect(column(page, "planned").locator(".card")).to_have_count(0)


def test_an_email_is_skipped_and_the_next_one_sent_now(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    page = desk.open(f"/prospects/{known}")
    rail = page.get_by_role("complementary")
    rail.get_by_role("button", name="Skip Follow-up questions").click()
    expect(rail.locator(".outbox li")).to_have_count(1)
    expect(page.locator("[data-toast]")).to_contain_text("It was skipped")
    rail.get_by_role("button", name="Send now Schedule the next call").click()
    expect(page.locator("[data-toast]")).to_contain_text("It leaves now")
    expect(page.locator(".line li").first).to_contain_text("Sent ahead of time")
    assert [touch.state for touch in scene.touches(known)] == ["skipped", "scheduled"]
    assert len(scene.send_due().sent) == 1
    page.reload()
    page.get_by_role("link", name="Read it").click()
    expect(page.locator(".letter")).to_contain_text("Hello Ana")
    frame = page.frame_locator("iframe")
    expect(frame.locator("body")).to_contain_text("Hello Ana")


def test_facts_are_edited_in_place_and_escape_restores_them(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open(f"/prospects/{known}")
    facts = page.locator("#facts")
    edit = page.get_by_role("link", name="Edit the facts")
    edit.click()
    facts.get_by_role("textbox", name="Phone").fill("+359 2 123")
    page.keyboard.press("Escape")
    expect(edit).to_be_visible()
    assert scene.row(known).phone == ""
    edit.click()
    # The browser's own check would stop it; not every sender of a form is this browser.
    facts.get_by_role("textbox", name="Email").evaluate("field => field.form.noValidate = true")
    facts.get_by_role("textbox", name="Email").fill("not an address")
    facts.get_by_role("textbox", name="Phone").fill("+359 2 123")
    facts.get_by_role("button", name="Save").click()
    expect(facts.get_by_text("This is no email address.").first).to_be_visible()
    expect(facts.get_by_role("textbox", name="Phone")).to_have_value("+359 2 123")
    facts.get_by_role("textbox", name="Email").fill("ana@new.example")
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]")).to_contain_text("Saved")
    expect(facts.get_by_role("link", name="ana@new.example")).to_be_visible()


def test_language_and_theme_are_switched_and_kept(scene: Scene, desk: Desk) -> None:
    page = desk.open("/board")
    page.get_by_role("link", name="БГ Български").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Табло")
    page.get_by_role("link", name="Клиенти", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Клиенти")
    before = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    with page.expect_response(re.compile("/settings/theme")):
        page.get_by_role("button", name="Светла или тъмна тема").click()
    after = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert after != before
    page.reload()
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == after
    assert scene.visitor("iva").read("/").count('data-theme="dark"') == 1


def test_every_control_is_reached_by_the_tab_key_and_shows_where_it_is(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    for path in ("/board", f"/prospects/{known}", "/settings", "/"):
        page = desk.open(path)
        count = page.evaluate(
            "() => [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary,"
            '[tabindex="0"]\')].filter(e => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0).length'
        )
        seen = set()
        for _ in range(count):
            page.keyboard.press("Tab")
            place = page.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e), p = e.closest('.jump');"
                " const shown = s.outlineStyle !== 'none' || (p && getComputedStyle(p).outlineStyle !== 'none');"
                " return [[...document.querySelectorAll('*')].indexOf(e), e.outerHTML.slice(0, 80), shown] }"
            )
            seen.add(place[0])
            assert place[2], f"{path}: no focus ring on {place[1]}"
        assert len(seen) == count, path
    page = desk.open("/board")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"


def test_a_phone_shows_one_stage_and_reaches_everything(scene: Scene, phone: Desk) -> None:
    known = scene.prospect()
    page = phone.open("/board")
    expect(page.locator(".col:visible")).to_have_count(1)
    page.locator(".col-pick").get_by_role("link", name="Closed").tap()
    expect(column(page, "closed")).to_be_visible()
    page.locator(".col-pick").get_by_role("link", name="Planned").tap()
    card(page, known).get_by_role("button").tap()
    page.locator("#moves").get_by_role("button", name="Qualified").tap()
    expect(page.locator("[data-toast]")).to_contain_text("moved to Qualified")
    page.get_by_role("button", name="More").tap()
    page.locator("#more").get_by_role("link", name="Settings").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


@pytest.mark.timeout(120)
def test_no_page_is_wider_than_its_window(scene: Scene, desk: Desk) -> None:
    known = scene.prospect("Константина Александрова-Христова", company="Транспортна компания Севлиево и синове ООД")
    scene.tell(known, "call.ended", minutes=5, notes="x" * 400)
    broken = [known, scene.prospect("Борис"), scene.prospect("Вера")]
    for number, each in enumerate(broken):
        scene.tell(each, "call.ended", minutes=5)
        with scene.ws.database.write() as tx:
            why = because("refused", answer="552 5.3.4 Message size exceeds fixed maximum message size").pack()
            values = {"state": "failed" if number else "uncertain", "reason": why, "ended_at": tx.now}
            first = update(Touch).where(Touch.prospect_id == each, Touch.position == 0)
            tx.conn.execute(first.values(**values, committed_at=tx.now, recipient=f"{'n' * 50}@buyer.example"))
    told = endpoints.add(scene.ws, "crm", f"https://hooks.example.com/{'long/' * 12}", Who("cli", "test"))
    sources.add(scene.ws, "pipedrive", "a-source-whose-name-is-as-long-as-may-be")
    source_id = sources.id_of(scene.ws, "a-source-whose-name-is-as-long-as-may-be")
    sources.keep_token(scene.ws, source_id, "pat-1")
    refused = CrmError(because("crm.token", vendor="Pipedrive", code=401, said=": unauthorized access"), "token")
    crm_links.failed(scene.ws, source_id, refused)
    waits = next(each.id for each in scene.touches(known) if each.state == "scheduled")
    led = calling.begin(scene.ws, known, scene.reps["iva"], "discovery", 30)
    place = f"https://meet.example.com/{'x' * 120}"
    scene.tell(known, "meeting.booked", uid="m", starts_at=scene.clock.now - timedelta(hours=1), place=place)
    with scene.ws.database.read() as tx:
        met = tx.conn.execute(select(Meeting.id)).scalar_one()
    desk.page.emulate_media(reduced_motion="reduce")
    paths = (f"/snooze?what=prospect&about={known}", "/settings/endpoints", f"/settings/endpoints/{told.id}",
             "/", "/board", "/prospects", "/prospects/new", f"/prospects/{known}", f"/prospects/{known}/edit",
             "/settings", "/settings/keys", "/settings/mailboxes", "/settings/playbook", "/settings/playbook/diagram",
             "/uncertain", "/prospects/import", f"/prospects/{known}/merge", f"/prospects/{known}/erase",
             f"/prospects/{known}/related?q=b", f"/prospects/{known}/facts/title", f"/touches/{waits}/text",
             f"/prospects/{known}/call", f"/prospects/{known}/call/sheet", f"/calls/{led}", f"/calls/{led}/end",
             "/uncertain?what=failed&all=resend", "/unmatched", "/mail", "/deliveries", "/deliveries?only=dead",
             "/settings/sources", f"/settings/sources/{source_id}", "/settings/suppression", "/settings/appearance",
             "/settings/users", f"/settings/users/{scene.reps['boyan']}", "/settings/audit", "/help",
             "/templates", "/templates/decision", "/templates/decision/en/history",
             "/meetings?who=team", f"/meetings/{met}?what=held", f"/prospects/{known}/meetings/new?times=all",
             "/sequences", "/sequences/after_meeting", "/sequences/after_meeting/edit?at=call_back",
             "/analytics", "/analytics/reps",
             "/playbook/draft", f"/u/{links.sign(links.Link(known), scene.ws.key('links'))}")  # fmt: skip
    wider = []
    for path in paths:
        page = desk.open(f"{path}{'&' if '?' in path else '?'}lang=bg")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(STILL)
            if page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") > 0:
                wider.append(f"{path} at {width}")
    assert not wider, "\n".join(wider)


def test_everything_works_without_scripts(scene: Scene, plain: Desk) -> None:
    known = scene.prospect()
    page = plain.open("/board")
    card(page, known).get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana Petrova")
    page.get_by_role("button", name="Qualified").click()
    expect(page.locator("[data-toast]")).to_contain_text("Ana Petrova moved to Qualified")
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_label("Outcome").select_option("lost")
    page.get_by_label("Reason").fill("No budget")
    page.locator(".guard").get_by_role("button", name="Close").click()
    expect(page.locator(".steps")).to_contain_text("Lost")
    assert (scene.row(known).outcome, scene.row(known).outcome_reason) == ("lost", "No budget")


def test_a_server_that_is_away_loses_nothing_that_was_typed(desk: Desk) -> None:
    page = desk.open("/prospects/new")
    page.get_by_label("Name").fill("Ana Petrova")
    page.route("**/prospects", lambda route: route.abort())
    page.locator("main").get_by_role("button", name="Add prospect").click()
    expect(page.locator("#alerts")).to_contain_text("The server could not be reached.")
    expect(page.get_by_label("Name")).to_have_value("Ana Petrova")
    page.unroute("**/prospects")
    page.locator("main").get_by_role("button", name="Add prospect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana Petrova")
    # The browser itself notes the request that we broke off.
    desk.faults[:] = [fault for fault in desk.faults if "ERR_FAILED" not in fault and "fetch" not in fault]


def test_a_session_that_has_ended_leads_to_the_sign_in(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open("/board")
    scene.wait(minutes=31)
    card(page, known).get_by_role("button").click()
    page.locator("#moves").get_by_role("button", name="Qualified").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert scene.row(known).stage == "planned"
