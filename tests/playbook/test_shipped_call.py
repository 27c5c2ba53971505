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
from workflow.playbook.loader import load, read
from workflow.playbook.needs import SPIN

BOOK = read(places.shipped_playbook())
# The same with the guards that it offers: its comment says which sign to take away.
GUARDED = load(re.sub(r"(?m)^    # (needs: .*)$", r"    \1", places.shipped_playbook().read_text(encoding="utf-8")))
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


def test_as_shipped_whoever_moves_a_prospect_judges_for_themselves() -> None:
    """A CRM's move is taken at its word; the guards are offered in comments, three of them."""
    for stage, trigger in (("planned", "qualify"), ("qualified", "diagnose"), ("meeting_scheduled", "follow_up")):
        assert decide(BOOK, at(stage), move(trigger), NOW).verdict == "applied"
        assert decide(GUARDED, at(stage), move(trigger), NOW).verdict == "blocked"


def test_a_score_qualifies_and_evidence_diagnoses() -> None:
    """Without them the move is refused with what is missing; half of the weights are enough."""
    refused = decide(GUARDED, at("planned"), move("qualify"), NOW)
    assert refused.verdict == "blocked"
    assert "0, and at least 50" in refused.reasons[0].words("en")
    assert scoring.score(GUARDED, SAID) == 55
    assert decide(GUARDED, at("planned", answers=SAID), move("qualify"), NOW).stage == "qualified"
    assert decide(GUARDED, at("qualified"), move("diagnose"), NOW).verdict == "blocked"
    assert decide(GUARDED, at("qualified", answers=SAID), move("diagnose"), NOW).stage == "diagnosed"
    without = {key: text for key, text in SAID.items() if key != "cost_of_problem"}
    assert decide(GUARDED, at("qualified", answers=without), move("diagnose"), NOW).verdict == "blocked"


@pytest.mark.parametrize(("role", "moves"), [(None, False), ("rep", False), ("manager", True), ("admin", True)])
def test_whoever_leads_the_team_may_decide_otherwise(role: str | None, *, moves: bool) -> None:
    """A source of webhooks and a rep may not."""
    for stage, trigger in (("planned", "qualify"), ("qualified", "diagnose")):
        assert (decide(GUARDED, at(stage), move(trigger, role), NOW).verdict == "applied") is moves


def test_a_meeting_held_or_a_call_leads_on_and_an_outcome_closes() -> None:
    """And an outcome that is not for closing is refused."""
    held = (MeetingView("m", "m", "held", NOW, NOW),)
    assert decide(GUARDED, at("meeting_scheduled"), move("follow_up"), NOW).verdict == "blocked"
    assert decide(GUARDED, at("meeting_scheduled", meetings=held), move("follow_up"), NOW).stage == "followed_up"
    assert (
        decide(GUARDED, at("meeting_scheduled", calls=frozenset({"ended"})), move("follow_up"), NOW).verdict
        == "applied"
    )
    assert decide(GUARDED, at("followed_up"), move("close"), NOW).reasons[0].code == "need.field"
    assert (
        decide(GUARDED, at("followed_up"), move("close", outcome="disqualified"), NOW).reasons[0].code
        == "wrong_outcome"
    )
    assert (
        decide(GUARDED, at("followed_up"), move("close", outcome="no_decision"), NOW).enroll[0].sequence.key
        == "no_decision"
    )


def test_an_ordinary_event_loads_nothing_for_the_guards() -> None:
    """Only the moves that ask, and closing, which remembers what was begun."""
    told = Signal(kinds.REPLIED, NOW, "source:crm", "event:1", sender=("standard", "crm"))
    assert wants(GUARDED, at("qualified"), told) == frozenset()
    assert wants(GUARDED, at("planned"), move("qualify")) >= {"answers", "role"}


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
