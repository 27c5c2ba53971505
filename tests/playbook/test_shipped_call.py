"""The shipped playbook on the call itself: twelve items, both languages, and guards that let a good call pass."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from workflow import places
from workflow.engine import checklist, scoring
from workflow.engine import signals as kinds
from workflow.engine.decide import decide, wants
from workflow.engine.guards import Facts
from workflow.engine.signals import MeetingView, ProspectView, Signal
from workflow.playbook.loader import read
from workflow.playbook.needs import SPIN

BOOK = read(places.shipped_playbook())
CALL = BOOK.content
NOW = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
ITEMS = ("plan", "qualify", "diagnose", "spin", "questions", "length", "script", "tools", "journey", "meeting",
         "follow_up", "close")  # fmt: skip


def texts(value: Any) -> Iterator[Mapping[str, str]]:
    """Every text by language within `value`."""
    if isinstance(value, Mapping):
        if value and set(value) <= {"en", "bg"}:
            yield value
        else:
            for each in value.values():
                yield from texts(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from texts(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from texts(getattr(value, each.name))


def test_it_has_all_that_a_first_monday_needs() -> None:
    """Counted."""
    assert tuple(CALL.checklist) == ITEMS
    assert len(CALL.questions) >= 40
    assert len(CALL.scripts) == 2
    assert len(CALL.personas) == 3
    assert len(CALL.criteria) == 6
    assert len(BOOK.sequences) == 7
    assert list(CALL.journey) == ["awareness", "consideration", "decision"]
    assert sum(criterion.weight for criterion in CALL.criteria.values()) == 100


def test_every_part_of_spin_every_phase_and_every_persona_has_questions() -> None:
    """At least five for each part, and open ones for nine in ten."""
    buyers = [question for question in CALL.questions.values() if not question.of_rep]
    by_part = Counter(question.spin for question in buyers)
    assert all(by_part[part] >= 5 for part in SPIN)
    for phase in CALL.journey:
        assert sum(not each.journey or phase in each.journey for each in buyers) >= 15
    for persona in CALL.personas:
        assert sum(not each.personas or persona in each.personas for each in buyers) >= 20
    assert sum(each.open for each in buyers) >= 0.9 * len(buyers)
    asked = {key for script in CALL.scripts.values() for step in script.steps for key in step.questions}
    assert {CALL.questions[key].spin for key in asked} >= set(SPIN)


def test_the_questions_of_the_emails_are_in_the_bank() -> None:
    """The recap quotes what was answered to them."""
    assert {"goal", "obstacles", "solution", "deadline"} <= set(CALL.questions)


def test_every_text_is_there_in_both_languages_and_is_what_it_says() -> None:
    """Bulgarian in Cyrillic, English without it, and no text twice."""
    found = list(texts(CALL))
    assert len(found) > 200
    for text in found:
        assert set(text) == {"en", "bg"}
        assert re.search("[а-я]", text["bg"]), text
        assert not re.search("[A-Za-z]", text["bg"]), text
        assert not re.search("[а-яА-Я]", text["en"]), text
    questions = [question.text[language] for question in CALL.questions.values() for language in ("en", "bg")]
    assert len(set(questions)) == len(questions)
    assert all(text.rstrip(".").endswith("?") or "?" in text for text in questions)


def test_a_meeting_is_never_on_a_friday_and_early_or_late() -> None:
    """As people keep them best."""
    rules = CALL.meetings
    assert rules.days == {0, 1, 2, 3}
    assert all(window.end.hour <= 10 or window.start.hour >= 16 for window in rules.hours)
    assert rules.alternates >= 1


# --- its guards, on a prospect with a good call behind it

SAID = {
    "fit": "full", "authority": "shares", "urgency": "half_year",
    "challenge": "Wrong pallets", "obstacles": "Labels by hand", "cost_of_problem": "Eight drives a week",
}  # fmt: skip


def move(trigger: str, role: str | None = None, **data: str) -> Signal:
    """A request to move, by the CRM or by somebody with a role."""
    return Signal(kinds.MOVE, NOW, "source:crm", "event:1", data={"trigger": trigger, **data}, role=role)


def at(stage: str, **more: Any) -> ProspectView:
    """A prospect at this stage."""
    return ProspectView(id="p", stage=stage, version=3, **more)


def verdict(stage: str, trigger: str, role: str | None = "rep", **known: Any) -> str:
    """What becomes of a move from this stage, asked for by somebody of this role."""
    return decide(BOOK, at(stage, **known), move(trigger, role), NOW).verdict


CLEAR: dict[str, Any] = {"answers": SAID, "calls": frozenset({"ended"})}
WAYS = (("planned", "qualify"), ("qualified", "diagnose"), ("diagnosed", "schedule_meeting"),
        ("meeting_scheduled", "follow_up"))  # fmt: skip


def test_a_score_qualifies_a_rep_s_prospect() -> None:
    """Without it the move is refused with what is missing; half of the weights are enough."""
    refused = decide(BOOK, at("planned"), move("qualify", "rep"), NOW)
    assert refused.verdict == "blocked"
    assert "0, and at least 50" in refused.reasons[0].words("en")
    assert scoring.score(BOOK, SAID) == 55
    assert verdict("planned", "qualify", answers=SAID) == "applied"


@pytest.mark.parametrize("without", ["challenge", "cost_of_problem", "call"])
def test_a_need_is_clear_after_a_call_that_named_problem_and_implication(without: str) -> None:
    """Each of the three is needed."""
    assert verdict("qualified", "diagnose", **CLEAR) == "applied"
    answers = {key: text for key, text in SAID.items() if key != without}
    calls = frozenset({"ended"} - ({"ended"} if without == "call" else set()))
    assert verdict("qualified", "diagnose", answers=answers, calls=calls) == "blocked"


def test_a_meeting_is_booked_before_it_is_scheduled_and_held_before_it_is_followed_up() -> None:
    """And a meeting that was cancelled is none."""
    for state, schedule, follow in (
        ("booked", "applied", "blocked"),
        ("held", "blocked", "applied"),
        ("cancelled", "blocked", "blocked"),
    ):
        meetings = (MeetingView("m", "m", state, NOW, NOW),)
        for stage in ("diagnosed", "followed_up"):
            assert verdict(stage, "schedule_meeting", meetings=meetings) == schedule
        assert verdict("meeting_scheduled", "follow_up", meetings=meetings) == follow


@pytest.mark.parametrize(("role", "moves"), [(None, True), ("rep", False), ("manager", True), ("admin", True)])
def test_whoever_leads_the_team_and_a_connected_system_decide_for_themselves(role: str | None, *, moves: bool) -> None:
    """A rep may not, and is told who may."""
    for stage, trigger in WAYS:
        assert (verdict(stage, trigger, role) == "applied") is moves
        reason = decide(BOOK, at(stage), move(trigger, "rep"), NOW).reasons[0]
        assert "manager, administrator" in reason.words("en")
        assert "свързана система" in reason.words("bg")


def test_an_event_of_the_crm_brings_what_its_move_needs() -> None:
    """A meeting that is booked or held moves the stage by the playbook's own signals, whoever guards the move."""
    for stage, kind, to in (
        ("diagnosed", kinds.BOOKED, "meeting_scheduled"),
        ("meeting_scheduled", kinds.HELD, "followed_up"),
    ):
        told = Signal(kind, NOW, "source:crm", "event:1", data={"uid": "m"}, sender=("standard", "crm"))
        assert decide(BOOK, at(stage), told, NOW).stage == to


def test_an_outcome_closes_whoever_asks() -> None:
    """One that is not for closing is refused, and no role goes round it."""
    for role in ("rep", "admin", None):
        refused = decide(BOOK, at("followed_up"), move("close", role), NOW)
        assert (refused.verdict, refused.reasons[0].code) == ("blocked", "need.field")
        wrong = decide(BOOK, at("followed_up"), move("close", role, outcome="disqualified"), NOW)
        assert wrong.reasons[0].code == "wrong_outcome"
    closed = decide(BOOK, at("followed_up"), move("close", outcome="no_decision"), NOW)
    assert closed.enroll[0].sequence.key == "no_decision"


def test_an_ordinary_event_loads_nothing_for_the_guards() -> None:
    """Only the moves that ask, and closing, which remembers what was begun."""
    told = Signal(kinds.REPLIED, NOW, "source:crm", "event:1", sender=("standard", "crm"))
    assert wants(BOOK, at("qualified"), told) == frozenset()
    assert wants(BOOK, at("planned"), move("qualify")) >= {"answers", "role"}


def test_a_whole_call_ticks_the_whole_list() -> None:
    """Each item by what is on record; nothing by itself."""
    answers = dict.fromkeys(CALL.questions, "Said") | SAID | {"budget": "approved"}
    facts = Facts(
        fields={"journey": "consideration", "outcome": "won"},
        answers=answers,
        meetings=frozenset({"held"}),
        calls=frozenset({"ended", "timed", "noted"}),
        begun=frozenset({"after_call"}),
    )
    assert all(point.ticked for point in checklist.points(BOOK, facts))
    nothing = checklist.points(BOOK, Facts())
    assert not any(point.ticked for point in nothing)
    assert all(reason.words("bg") for point in nothing for reason in point.missing)
