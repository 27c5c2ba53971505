"""Meeting the guards on a prospect's page: answers, ratings, the kind of buyer, calls, meetings, what is missing."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import select

from tests.panel.scene import GOOD_CALL, Scene, Visitor
from workflow.records.models import Answer, Call, Meeting

QUALIFY = "The qualification score is 0, and at least 50 is needed."


def section(text: str, name: str) -> str:
    """A part of the page by its id, as a person reads it."""
    found = unescape(text).split(f'id="{name}"', 1)[1].partition("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def version(scene: Scene, known: str) -> str:
    """The version that a page of now would show."""
    return str(scene.row(known).version)


def answers(scene: Scene, known: str) -> dict[str, str]:
    """The answers that stand."""
    with scene.ws.database.read() as tx:
        rows = tx.conn.execute(select(Answer.question, Answer.text).where(Answer.prospect_id == known))
        return {row.question: row.text for row in rows}


@pytest.mark.parametrize("htmx", [False, True])
def test_a_rep_takes_a_prospect_from_planned_to_won_by_its_page_alone(scene: Scene, *, htmx: bool) -> None:
    boyan, known = scene.visitor("boyan", htmx=htmx), scene.prospect(owner="boyan")
    good = 200 if htmx else 303

    def send(where: str, status: int = good, **fields: str) -> str:
        answer = boyan.post(f"/prospects/{known}/{where}", {"version": version(scene, known), **fields})
        assert answer.status_code == status, answer.text
        return unescape(answer.text)

    def move(trigger: str, status: int = good, **fields: str) -> str:
        return send("moves", status, trigger=trigger, view="prospect", **fields)

    assert QUALIFY in section(move("qualify", 422), "guard-" + known)
    for rating in ("fit:full", "authority:decides", "urgency:quarter"):
        send("ratings", rating=rating)
    move("qualify")
    whole = move("diagnose", 422)
    refused = section(whole, "guard-" + known)
    whole = whole.split(f'id="guard-{known}"')[1].partition("</section>")[0].partition("implication:")[0]
    for words in (
        "A call must be recorded first.",
        "at least 2 are needed (problem: Biggest challenge, Obstacles, Where the sale gets stuck and 6 more).",
        "needed (implication: Cost of the problem, ",
    ):
        assert words in refused
    (asked,) = re.findall(r"Where the sale gets stuck and 6 more\)\. *<a [^>]*[?&]ask=([\w,]+)", whole)
    assert len(asked.split(",")) == 9
    sheet = boyan.read(f"/prospects/{known}?ask={asked}")
    assert re.findall(r'name="a\.(\w+)"', sheet) == asked.split(",")[:6], "what is named is asked for, in its order"
    said = {key: GOOD_CALL[key] for key in ("challenge", "obstacles", "cost_of_problem")}
    send("answers", good, **{f"a.{key}": text for key, text in said.items()})
    send("call", minutes="25", notes="They lose orders.")
    move("diagnose")
    assert "A meeting must be booked first." in move("schedule_meeting", 422)
    send("meetings", day="2026-11-12", time="09:30", place="Sofia")
    move("schedule_meeting")
    assert "A meeting must take place first." in move("follow_up", 422)
    with scene.ws.database.read() as tx:
        met = tx.conn.execute(select(Meeting.id)).scalar_one()
    answer = boyan.post(f"/meetings/{met}/mark", {"version": version(scene, known), "what": "held"})
    assert answer.status_code == good
    move("follow_up")
    assert 'name="outcome"' in move("close", 422)
    move("close", outcome="won", reason="Saw the value")
    assert (scene.row(known).stage, scene.row(known).outcome) == ("closed", "won")


def test_a_meeting_is_by_the_clock_of_whoever_writes_it_down(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    iva.post(f"/prospects/{known}/meetings", {"day": "2026-11-12", "time": "09:30", "place": "Sofia"})
    with scene.ws.database.read() as tx:
        (row,) = tx.conn.execute(select(Meeting.starts_at, Meeting.ends_at, Meeting.state)).all()
    assert (row.starts_at.isoformat(), row.state) == ("2026-11-12T07:30:00+00:00", "booked")
    assert (row.ends_at - row.starts_at).seconds == 45 * 60
    text = iva.read(f"/prospects/{known}")
    assert "Thu 12 Nov, 09:30" in section(text, "meeting")
    assert [touch.kind for touch in scene.touches(known)] == ["email"] * 3


@pytest.mark.parametrize(
    ("day", "time"),
    [("", "09:30"), ("2026-11-12", ""), ("12.11.2026", "9"), ("1999-01-01", "09:30"), ("2026-11-12", "09:30+02:00")],
)
def test_a_day_that_is_none_is_asked_for_again(scene: Scene, iva: Visitor, day: str, time: str) -> None:
    known = scene.prospect()
    fields = {"day": day, "time": time, "place": "Room 4"}
    answer = iva.post(f"/prospects/{known}/meetings", fields)
    assert answer.status_code == 422
    assert "Give the day and the time" in answer.text
    assert 'value="Room 4"' in answer.text
    assert scene.row(known).version == 1


def test_a_refusal_leads_to_the_place_where_the_missing_thing_is_given(scene: Scene) -> None:
    boyan, known = scene.visitor("boyan"), scene.prospect()
    scene.move(known, "qualify")
    refused = boyan.post(f"/prospects/{known}/moves", {"trigger": "diagnose"})
    assert refused.status_code == 422
    links = re.findall(rf'href="(/prospects/{known}[^"]+)"[^>]*>([^<]+)</a>', refused.text.split('class="gaps"')[1])
    assert (f"/prospects/{known}?then=diagnose#call", "Write it down") in links
    asked = unescape(next(link for link, words in links if words == "Answer now"))
    shown = boyan.read(asked)
    fields = re.findall(r'<textarea[^>]* name="a\.(\w+)"', shown)
    assert fields[:2] == ["challenge", "obstacles"]
    assert "May go on without it: Manager." in refused.text
    # The move that was wanted is made by itself once the last thing is there, and not before.
    wanted = {"then": "diagnose"}
    assert shown.count('<input type="hidden" name="then" value="diagnose">') == 5
    assert "“Need is clear” follows by itself" in section(shown, "wish")
    told = {"a.challenge": "Slow", "a.obstacles": "Nobody", "a.cost_of_problem": "Much", **wanted}
    boyan.post(f"/prospects/{known}/answers", {"version": version(scene, known), **told})
    assert scene.row(known).stage == "qualified"
    boyan.post(f"/prospects/{known}/call", {"version": version(scene, known), "minutes": "5", **wanted})
    assert scene.row(known).stage == "diagnosed"
    assert "The call was written down. Ana Petrova moved to Diagnosed" in boyan.read(
        f"/prospects/{known}?then=diagnose"
    )
    # The wish outlives both forms of the facts, and the move that it makes can be taken back from its toast.
    swift, wanted = scene.visitor("boyan", htmx=True), {"then": "schedule_meeting"}
    at = f"/prospects/{known}"
    assert f'hx-get="{at}/edit?then=schedule_meeting"' in swift.read(f"{at}?then=schedule_meeting")
    for form in (f"{at}/edit", f"{at}/facts/title"):
        assert '<input type="hidden" name="then" value="schedule_meeting">' in swift.read(
            f"{form}?then=schedule_meeting"
        )
    swift = scene.visitor("iva", htmx=True)
    fact = {"value": "Buyer", "was": "", "version": version(scene, known), **wanted}
    made = unescape(swift.post(f"{at}/facts/title", fact).text)
    assert "Saved. Ana Petrova moved to Meeting scheduled" in made
    undo = dict(re.findall(r'name="(trigger|version|view)" value="([^"]*)"', made.split("data-toast")[1]))
    assert swift.post(f"{at}/moves", undo).status_code == 200
    assert scene.row(known).stage == "diagnosed"


def test_what_a_way_needs_is_shown_before_it_is_asked(scene: Scene) -> None:
    known = scene.prospect(owner="boyan")
    for name, may in (("boyan", False), ("iva", True)):
        visitor = scene.visitor(name)
        text = visitor.read(f"/prospects/{known}")
        assert QUALIFY in section(text, "ahead")
        assert ("Move all the same" in section(text, "ahead")) is may
        assert visitor.read(f"/prospects/{known}?lang=bg").count("Липсва 1 нещо") >= 2
    scene.good_call(known)
    assert "Everything is there" in unescape(scene.visitor("boyan").read(f"/prospects/{known}"))


def test_ratings_are_made_taken_back_and_undone_by_one_click(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    rate = f"/prospects/{known}/ratings"
    swift.post(rate, {"rating": "fit:partly", "version": "1"})
    answer = swift.post(rate, {"rating": "fit:full", "version": "2"})
    text = unescape(answer.text)
    assert "25 of 100" in text
    assert "Fit of the need: What we do best" in text
    assert re.search(r'value="fit:" aria-pressed="true">What we do best', text)
    undo = dict(re.findall(r'name="(rating|version)" value="([^"]*)"', text.split("data-toast")[1]))
    assert undo == {"rating": "fit:partly", "version": "3"}
    swift.post(rate, undo)
    assert answers(scene, known) == {"fit": "partly"}
    assert swift.post(rate, {"rating": "fit:"}).status_code == 200
    assert answers(scene, known)["fit"] == ""


def test_the_newest_answer_stands_and_history_says_who_gave_each(scene: Scene) -> None:
    known = scene.prospect()
    for name, said in (("iva", "Fewer returns"), ("boyan", "Half the returns by summer")):
        scene.wait(hours=1)
        answer = scene.visitor(name).post(f"/prospects/{known}/answers", {"a.goal": said, "a.deadline": ""})
        assert answer.status_code == 303
    text = unescape(scene.visitor("iva").read(f"/prospects/{known}"))
    (kept,) = re.findall(r'id="answered">.*?</ul>', text, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", kept).split())
    assert "Half the returns by summer Boyan, today, 12:00 1 answer before Fewer returns Iva, today, 11:00" in words
    assert answers(scene, known) == {"goal": "Half the returns by summer"}


def test_what_did_not_change_is_not_written_down_and_an_empty_field_takes_back(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()
    save = f"/prospects/{known}/answers"
    swift.post(save, {"a.goal": "Fewer returns"})
    assert "Nothing was changed" in swift.post(save, {"a.goal": " Fewer returns ", "a.deadline": ""}).text
    assert scene.row(known).version == 2
    answer = unescape(swift.post(save, {"a.goal": "", "version": "2"}).text)
    assert "0 of 51 answered" in answer
    undo = dict(re.findall(r'name="(a\.goal|version)" value="([^"]*)"', answer.split("data-toast")[1]))
    swift.post(save, undo)
    assert answers(scene, known) == {"goal": "Fewer returns"}


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("where", "fields", "kept"),
    [
        ("answers", {"a.goal": "Typed and kept"}, ">Typed and kept</textarea>"),
        ("call", {"minutes": "25", "notes": "Typed and kept"}, ">Typed and kept</textarea>"),
        ("meetings", {"day": "2026-11-12", "time": "09:30", "place": "Typed"}, 'value="Typed"'),
        ("ratings", {"rating": "fit:full"}, "Look at it and do it once more"),
        ("buyer", {"persona": "owner"}, "Somebody changed this in the meantime."),
    ],
)
def test_whoever_is_overtaken_loses_nothing_that_was_typed(
    scene: Scene, where: str, fields: dict[str, str], kept: str, *, htmx: bool
) -> None:
    known = scene.prospect()
    boyan = scene.visitor("boyan", htmx=htmx)
    scene.visitor("iva").post(f"/prospects/{known}/answers", {"a.goal": "Iva was faster"})
    answer = boyan.post(f"/prospects/{known}/{where}", {"version": "1", **fields})
    text = unescape(answer.text)
    assert answer.status_code == 409
    assert kept in text
    assert "Iva, today, 10:00: Answers recorded." in text
    if where == "answers":
        assert "Now: Iva was faster" in text
    assert scene.row(known).version == 2
    assert boyan.post(f"/prospects/{known}/{where}", {"version": "2", **fields}).status_code in (200, 303)
    assert scene.row(known).version == 3


def test_questions_are_those_for_this_buyer_and_this_phase_the_gaps_first(scene: Scene, swift: Visitor) -> None:
    known = scene.prospect()

    def shown(query: str = "") -> list[str]:
        text = swift.get(f"/prospects/{known}{query}").text.split('id="questions"')[1].split('id="call"')[0]
        return re.findall(r'(?:name="a\.|id="e-)(\w+)"', text)

    assert shown()[:4] == ["call_goal", "attendees", "agenda", "research"]
    assert "hidden_cost" in shown("?part=problem")
    assert swift.post(f"/prospects/{known}/buyer", {"persona": "lead", "journey": "awareness"}).status_code == 200
    problem = shown("?part=problem")
    assert {"challenge", "obstacles", "last_time"} <= set(problem)
    assert {"hidden_cost", "keep_or_change"}.isdisjoint(problem)
    scene.tell(known, "answers.recorded", answers={"challenge": "Lost orders"})
    assert "challenge" not in re.findall(r'name="a\.(\w+)"', swift.get(f"/prospects/{known}?part=problem").text)
    assert shown("?ask=goal,nonsense") == ["goal", "challenge"]
    assert len(shown("?part=all")) == len({*shown("?part=all")}) > 30
    for odd in ("?part=x", "?ask=" + "x," * 3000, "?ask=%00&part=%F0"):
        assert swift.get(f"/prospects/{known}{odd}").status_code == 200
    row = scene.row(known)
    assert row.custom == {"persona": "lead", "journey": "awareness"}


def test_the_checklist_ticks_from_what_is_on_record(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    text = iva.read(f"/prospects/{known}")
    assert "0 of 12" in section(text, "checklist")
    assert "Still open: How they win leads, Biggest challenge and 2 more." in section(text, "checklist")
    plan = {"call_goal": "A date", "attendees": "Ana", "agenda": "Three points", "research": "A new depot"}
    scene.tell(known, "answers.recorded", answers=GOOD_CALL | plan)
    text = iva.read(f"/prospects/{known}")
    assert "3 of 12" in section(text, "checklist")
    assert re.search(r'id="item-plan" class="done"', text)
    assert "A date" in section(text, "checklist")
    assert "Контролен" not in text


def test_odd_input_is_one_sentence_and_changes_nothing(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    for place, fields, status in (
        ("answers", {"a.nonsense": "x"}, 422), ("answers", {"a.": "x"}, 422), ("answers", {}, 303),
        ("ratings", {"rating": "fit:best"}, 422), ("ratings", {"rating": "goal:full"}, 422), ("ratings", {}, 422),
        ("buyer", {"persona": "king"}, 422), ("meetings", {}, 422),
        ("call", {"version": "x"}, 422),
    ):  # fmt: skip
        answer = iva.post(f"/prospects/{known}/{place}", fields)
        assert answer.status_code == status, (place, fields)
    assert scene.row(known).version == 1


def test_only_who_may_see_a_prospect_writes_about_it_and_only_with_the_page_s_token(scene: Scene) -> None:
    known = scene.prospect(owner="boyan")
    places = ("answers", "ratings", "buyer", "call", "meetings")
    mila = scene.visitor("mila")
    assert [mila.post(f"/prospects/{known}/{place}").status_code for place in places] == [404] * 5
    boyan = scene.visitor("boyan")
    boyan.csrf = "wrong"
    assert {boyan.post(f"/prospects/{known}/{place}").status_code for place in places} <= {400, 403}
    assert scene.visitor().post(f"/prospects/{known}/answers").status_code in (302, 303)
    # The plan of a call is a page of its own at the address where one is noted.
    seen = [boyan.get(f"/prospects/{known}/{place}").status_code for place in places]
    assert seen == [200 if place == "call" else 405 for place in places]
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Call.id)).all() == []


def test_an_outcome_that_is_not_for_this_move_is_refused_in_words(scene: Scene) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    answer = scene.visitor("iva").post(
        f"/prospects/{known}/moves?lang=bg", {"trigger": "close", "outcome": "disqualified", "view": "prospect"}
    )
    assert answer.status_code == 422
    assert "не е за този преход: Спечелен, Загубен, Без решение." in unescape(answer.text)
    assert 'name="outcome"' in answer.text
