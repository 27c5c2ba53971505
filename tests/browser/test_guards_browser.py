"""Meeting the guards in a real browser: a rep's way from planned to won by keyboard, and words that outlive it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Desk
from tests.panel.scene import Scene

pytestmark = pytest.mark.browser


def press(on: Locator, key: str = "Enter") -> None:
    """Press a key on something, as somebody without a mouse does."""
    on.focus()
    on.page.keyboard.press(key)


def stands(page: Page, stage: str) -> None:
    """The stepper shows this stage as the one of now."""
    expect(page.locator(".steps .here b")).to_have_text(stage)


def qualifies(page: Page, guard: Locator) -> None:
    """Rates what the refusal asks for, chip by chip, and moves on."""
    press(page.locator("#w-qualify"))
    expect(guard).to_contain_text("Оценката от квалификацията е 0, а са нужни поне 50.")
    expect(guard).to_contain_text("Може да продължи и без това: Мениджър.")
    for chip in ("#r-fit-full", "#r-authority-decides", "#r-urgency-quarter"):
        press(page.locator(chip))
        expect(page.locator(chip)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(chip)).to_be_focused()
    expect(page.locator("#score")).to_contain_text("65 от 100")
    press(page.locator("#go-on"))
    stands(page, "Квалифициран")


def diagnoses(page: Page, guard: Locator) -> None:
    """Answers what the refusal asks for and writes down the call, with which the move goes on by itself."""
    press(page.locator("#w-diagnose"))
    expect(guard).to_contain_text("Първо трябва да бъде записано обаждане.")
    press(guard.get_by_role("link", name="Отговор сега").first)
    expect(page.locator("#a-challenge")).to_be_focused()
    page.keyboard.type("Поръчките се губят")
    page.keyboard.press("Tab")
    page.keyboard.type("Няма кой да ги следи")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-toast]")).to_contain_text("Записани са 2 отговора")
    press(page.locator("#ahead").get_by_role("link", name="Отговор сега"))
    expect(page.locator("#a-cost_of_problem")).to_be_focused()
    page.keyboard.type("Две загубени поръчки на месец")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-toast]")).to_contain_text("Записан е 1 отговор")
    page.locator("#minutes").focus()
    page.keyboard.type("25")
    page.keyboard.press("Tab")
    page.keyboard.type("Иска решение до март.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-toast]")).to_contain_text("Обаждането е записано")
    expect(page.locator("#notes")).to_have_value("")
    # The move was wanted and refused: with the last thing that was missing it is made by itself.
    stands(page, "Изяснена нужда")


def meets(page: Page, guard: Locator) -> None:
    """Writes down the meeting, and later that it took place."""
    expect(page.locator("#ahead")).to_contain_text("Първо трябва да бъде насрочена среща.")
    press(page.locator("#book"))
    page.locator("#m-day").fill("2026-11-12")
    page.locator("#m-time").fill("09:30")
    page.locator("#m-place").fill("София")
    press(page.locator("#save-meeting"))
    expect(page.locator("#meeting")).to_contain_text("Чт, 12 ноември, 9:30")
    press(page.locator("#go-on"))
    stands(page, "Насрочена среща")
    press(page.locator("#w-follow_up"))
    expect(guard).to_contain_text("Първо трябва да се състои среща.")
    press(page.locator("#meeting").get_by_role("link", name="Състоя се"))
    # What it sends stands on the page before it is said.
    expect(page.locator("#effects")).to_contain_text("След срещата")
    press(page.locator("#do-mark"))
    expect(page.locator("[data-toast]")).to_contain_text("Срещата се състоя")
    press(page.get_by_role("link", name="Към клиента"))
    press(page.locator("#go-on"))
    stands(page, "Проследен")


def test_a_rep_meets_every_guard_from_planned_to_won_in_bulgarian_by_keyboard(scene: Scene, reps_desk: Desk) -> None:
    known = scene.prospect(owner="boyan")
    page = reps_desk.open(f"/prospects/{known}")
    guard = page.locator(f"#guard-{known}")
    stands(page, "Планиран")
    expect(page.locator("#go-on")).to_have_count(0)
    qualifies(page, guard)
    diagnoses(page, guard)
    meets(page, guard)
    press(page.locator("#w-close"))
    outcome = guard.get_by_label("Резултат")
    expect(outcome).to_be_focused()
    expect(outcome.locator("option")).to_have_text(["Изберете", "Спечелен", "Загубен", "Без решение"])
    outcome.select_option("won")
    guard.get_by_label("Причина").fill("Видя ползата")
    page.keyboard.press("Enter")
    stands(page, "Приключен")
    row = scene.row(known)
    assert (row.stage, row.outcome, row.outcome_reason) == ("closed", "won", "Видя ползата")
    expect(page.locator("#item-close")).to_have_class("done")


def test_what_is_typed_outlives_other_saves_a_reload_and_somebody_faster(scene: Scene, desk: Desk) -> None:
    known = scene.prospect()
    page = desk.open(f"/prospects/{known}")
    page.locator("#a-call_goal").fill("A date for the meeting")
    page.locator("#notes").fill("She wants it by spring.")
    page.locator("#r-fit-full").click()
    expect(page.locator("#score")).to_contain_text("25 of 100")
    expect(page.locator("#a-call_goal")).to_have_value("A date for the meeting")
    page.locator("#part-problem").click()
    expect(page.locator("#a-call_goal")).to_have_count(0)
    page.reload()
    expect(page.locator("#a-call_goal")).to_have_value("A date for the meeting")
    expect(page.locator("#notes")).to_have_value("She wants it by spring.")
    scene.tell(known, "answers.recorded", answers={"call_goal": "A colleague was faster"})
    page.locator("#save-answers").click()
    expect(page.locator("main .alert-line")).to_contain_text("Somebody changed this in the meantime.")
    expect(page.locator("#a-call_goal")).to_have_value("A date for the meeting")
    expect(page.locator("#questions")).to_contain_text("Now: A colleague was faster")
    page.locator("#save-answers").click()
    expect(page.locator("[data-toast]")).to_contain_text("1 answer was saved")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-toast]")).to_contain_text("1 answer was saved")
    page.locator("#answered").click()
    expect(page.locator(".answers")).to_contain_text("A colleague was faster")
    expect(page.locator("#notes")).to_have_value("She wants it by spring.")


def test_a_phone_meets_a_guard_by_touch_and_without_scripts_too(scene: Scene, phone: Desk, plain: Desk) -> None:
    for desk in (phone, plain):
        known = scene.prospect(f"{'Ana' if desk is phone else 'Eva'} Petrova")
        page = desk.open(f"/prospects/{known}")
        page.locator("#ahead").get_by_role("link", name="Rate now").click()
        for chip in ("#r-fit-full", "#r-authority-decides", "#r-urgency-quarter"):
            page.locator(chip).click()
            expect(page.locator(chip)).to_have_attribute("aria-pressed", "true")
        page.locator("#go-on").click()
        expect(page.locator("[data-toast]")).to_contain_text("moved to Qualified")
        page.locator("#ahead").get_by_role("link", name="Answer now").first.click()
        page.locator("#a-challenge").fill("Lost orders")
        page.locator("#save-answers").click()
        expect(page.locator("[data-toast]")).to_contain_text("1 answer was saved")
        assert scene.row(known).stage == "qualified"
