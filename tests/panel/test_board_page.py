"""The board and its one door: what it shows, how cards move, and what is said when they may not."""

from __future__ import annotations

import re
from html import unescape
from typing import cast

import pytest

from tests.panel.scene import CRM, Scene, Visitor
from workflow.actions import prospects
from workflow.reports import board
from workflow.reports.filters import Wanted
from workflow.reports.scope import Viewer


def column(text: str, stage: str) -> str:
    """The part of a page that is one stage of the board."""
    found = re.search(rf'<section class="col[^"]*" id="col-{stage}".*?</section>', text, re.DOTALL)
    assert found, stage
    return unescape(found[0])


def test_it_has_a_column_for_each_stage_with_its_number_and_its_cards(scene: Scene) -> None:
    ana, boris = scene.prospect("Ana Petrova"), scene.prospect("Boris Ivanov", company="")
    scene.move(boris, "qualify")
    scene.wait(days=3)
    text = scene.visitor("iva").read("/board")
    titles = re.findall(r"<h2 id=\"head-\w+\">(.+?) <span class=\"num\">(\d+)", text)
    assert titles == [
        ("Planned", "1"), ("Qualified", "1"), ("Diagnosed", "0"), ("Meeting scheduled", "0"), ("Followed up", "0"),
        ("Closed", "0"),
    ]  # fmt: skip
    planned = column(text, "planned")
    assert f'href="/prospects/{ana}"' in planned
    assert all(words in planned for words in ("Example OOD", "Ana Petrova", "No next step", "3 days", "median 3 days"))
    assert "Boris Ivanov" in column(text, "qualified")
    assert "Nobody here" in column(text, "diagnosed")


def test_a_card_tells_what_comes_next_and_what_is_wrong(scene: Scene) -> None:
    due, bounced, doubtful, won = (scene.prospect(name) for name in ("Due One", "Back One", "Doubt One", "Won One"))
    scene.uncertain_email(doubtful)
    scene.move(won, "qualify")
    scene.move(won, "close", outcome="won")
    scene.tell(due, "call.ended", minutes=10)
    scene.tell(bounced, "email.bounced", permanent=True)
    text = scene.visitor("iva").read("/board")
    cards = {
        each: re.search(rf'id="card-{each}".*?</article>', text, re.DOTALL) for each in (due, bounced, doubtful, won)
    }
    said = {each: found[0] for each, found in cards.items() if found}
    assert "Follow-up questions, tomorrow, 11:00" in said[due]
    assert "Email came back" in said[bounced]
    assert "Did the email arrive?" in said[doubtful]
    assert "Won, Wed 11 Nov" in said[won]


def test_a_browser_without_scripts_moves_a_card_by_a_form_and_is_told_so_once(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    answer = iva.post(f"/prospects/{known}/moves", {"trigger": "qualify", "version": "1", "view": "board"})
    assert (answer.status_code, answer.location) == (303, "/board")
    assert scene.row(known).stage == "qualified"
    assert "Ana Petrova moved to Qualified" in iva.read("/board")
    assert "Ana Petrova moved to Qualified" not in iva.read("/board")


def test_htmx_gets_the_two_columns_that_changed_and_nothing_more(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    answer = swift.post(f"/prospects/{known}/moves", {"trigger": "qualify", "version": "1", "from": "planned"})
    assert answer.status_code == 200
    assert re.findall(r'hx-target="([^"]+)"', answer.text) == ["#col-planned", "#col-qualified", "#alerts", "#toast"]
    assert "<html" not in answer.text
    assert known not in column(answer.text, "planned")
    assert known in column(answer.text, "qualified")
    assert "Undo" not in answer.text


def test_undo_stands_where_the_playbook_leads_straight_back(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    scene.move(known, "qualify", "diagnose")
    answer = swift.post(f"/prospects/{known}/moves", {"trigger": "schedule_meeting", "from": "diagnosed"})
    form = unescape(answer.text.split('id="toast"')[-1])
    assert "Undo" in form
    fields = dict(re.findall(r'name="(trigger|version|view|filter)" value="([^"]*)"', form.split("data-toast")[1]))
    assert fields["trigger"] == "cancel_meeting"
    assert swift.post(f"/prospects/{known}/moves", fields).status_code == 200
    assert scene.row(known).stage == "diagnosed"


def test_a_refused_move_names_what_is_missing_and_offers_the_field(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    answer = swift.post(f"/prospects/{known}/moves", {"trigger": "close", "version": "2", "from": "qualified"})
    assert answer.status_code == 422
    here = column(answer.text, "qualified")
    assert "Not yet" in here
    options = re.findall(r'<option value="(\w+)">', here.partition("<datalist")[0])
    assert options == ["won", "lost", "no_decision"]
    assert re.findall(r'<option value="([^"]+)"', here.partition("<datalist")[2])[2:4] == [
        "Price",
        "Chose another supplier",
    ]
    assert scene.row(known).stage == "qualified"
    assert 'name="competitor" maxlength="200" value=""' in here
    given = {"trigger": "close", "version": "2", "outcome": "lost", "reason": "Chose another", "from": "qualified"}
    given["competitor"] = "Acme"
    told, unkept = {"outcome": "lost"}, cast("dict[str, str]", {"competitor": object()})
    with pytest.raises(ValueError, match="Circular"):
        # What breaks between the closing and the name in it leaves neither.
        prospects.move(scene.ws, known, "close", told, CRM, custom=unkept)
    assert swift.post(f"/prospects/{known}/moves", given).status_code == 200
    row = scene.row(known)
    assert (row.stage, row.outcome, row.outcome_reason) == ("closed", "lost", "Chose another")
    assert (row.custom, row.competitor) == ({"competitor": "Acme"}, "Acme")


def test_a_browser_without_scripts_gets_the_refusal_on_the_whole_board(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    answer = iva.post(f"/prospects/{known}/moves", {"trigger": "disqualify", "version": "1"})
    assert answer.status_code == 422
    assert '<input class="input" id="g-reason-' in column(answer.text, "planned")
    assert iva.post(f"/prospects/{known}/moves", {"trigger": "disqualify", "reason": "No budget"}).status_code == 303
    assert (scene.row(known).outcome, scene.row(known).outcome_reason) == ("disqualified", "No budget")


def test_an_unknown_outcome_is_asked_for_again(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    answer = swift.post(f"/prospects/{known}/moves", {"trigger": "close", "outcome": "great", "from": "qualified"})
    assert answer.status_code == 422
    assert 'name="outcome"' in answer.text
    assert scene.row(known).stage == "qualified"


def test_a_card_dropped_on_a_stage_goes_through_the_same_door(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    drop = f"/prospects/{known}/moves"
    assert swift.post(drop, {"to": "qualified", "version": "1", "from": "planned"}).status_code == 200
    nowhere = swift.post(drop, {"to": "followed_up", "version": "2", "from": "qualified"})
    assert nowhere.status_code == 422
    assert "No move of the playbook leads from Qualified to Followed up." in unescape(nowhere.text)
    several = swift.post(drop, {"to": "closed", "version": "2", "from": "qualified"})
    assert several.status_code == 422
    assert re.findall(r'name="trigger" value="(\w+)"', column(several.text, "qualified")) == ["close", "disqualify"]
    assert scene.row(known).stage == "qualified"


def test_whoever_is_overtaken_sees_the_fresh_card_and_who_was_faster(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    scene.good_call(known)
    boyan = scene.visitor("boyan")
    boyan.post(f"/prospects/{known}/moves", {"trigger": "qualify", "version": "3"})
    answer = swift.post(f"/prospects/{known}/moves", {"trigger": "disqualify", "version": "3", "from": "planned"})
    assert answer.status_code == 409
    assert known not in column(answer.text, "planned")
    fresh = column(answer.text, "qualified")
    assert known in fresh
    assert "Boyan, today, 10:00: Qualified." in fresh
    assert scene.row(known).stage == "qualified"


def test_a_trigger_that_does_not_exist_here_moves_nothing(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    for fields in ({"trigger": "reopen"}, {"trigger": "x' OR 1=1"}, {"trigger": "qualify", "version": "99"}, {}):
        assert iva.post(f"/prospects/{known}/moves", fields).status_code in (409, 422)
    assert iva.post(f"/prospects/{known}/moves", {"trigger": "qualify", "version": "one"}).status_code == 422
    assert scene.row(known).stage == "planned"


def test_a_long_column_shows_twenty_cards_and_then_more(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    for number in range(23):
        scene.prospect(f"P{number} Person", company=f"Company {number:02}")
        scene.wait(seconds=1)
    first = column(iva.read("/board"), "planned")
    assert first.count("<article") == 20
    assert "Company 22" in first
    assert "Company 02" not in first
    assert "Show 3 more" in first
    answer = swift.get("/board/planned?limit=40")
    assert column(answer.text, "planned").count("<article") == 23
    assert column(iva.read("/board/planned?limit=40"), "planned").count("<article") == 23
    for odd in ("-1", "x", "99999999999", "0"):
        assert swift.get(f"/board/planned?limit={odd}").status_code == 200
    assert iva.get("/board/nowhere").status_code == 200


def test_the_filter_stands_in_the_address_and_survives_a_move(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    own, free = scene.prospect("Own Person", owner="boyan"), scene.prospect("Free Person")
    scene.good_call(own)
    text = boyan.read("/board?mine=1")
    assert own in text
    assert free not in text
    answer = boyan.post(f"/prospects/{own}/moves", {"trigger": "qualify", "filter": "owner=me"})
    assert answer.location == "/board?owner=me"
    boyan.htmx = True
    answer = boyan.post(f"/prospects/{own}/moves", {"trigger": "diagnose", "filter": "owner=me", "from": "qualified"})
    assert free not in answer.text


def test_a_search_that_finds_everybody_shows_the_board_as_it_is(scene: Scene) -> None:
    """It is counted from the rows that were found, the whole board by the database."""
    for number in range(5):
        known = scene.prospect(f"Person{number} Petrova")
        if number % 2 == 0:
            scene.move(known, "qualify")
        scene.wait(days=4)
    scene.move(known, "close", outcome="won")
    scene.wait(days=2)
    boss, searched = Viewer(scene.reps["iva"], "admin"), Wanted(search="petrova")
    with scene.ws.database.read() as tx:
        whole = board.columns(scene.ws, tx, boss, Wanted())
        assert [(each.count, each.won, each.stalled > 0) for each in whole[:2] + whole[-1:]] == [
            (2, None, True), (2, None, True), (1, 1, False),
        ]  # fmt: skip
        assert board.columns(scene.ws, tx, boss, searched) == whole
        assert all(
            board.column(scene.ws, tx, boss, each.stage, searched, limit=1)
            == board.column(scene.ws, tx, boss, each.stage, Wanted(), limit=1)
            for each in whole
        )


def test_the_board_of_a_phone_shows_one_stage(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    assert 'class="col shown" id="col-qualified"' in iva.read("/board")
    assert 'class="col shown" id="col-closed"' in iva.read("/board?stage=closed")
