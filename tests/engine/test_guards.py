"""Guards as sentences: each kind of need, their combinations against brute force, and words for every refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow import places
from workflow.engine import checklist, guards, scoring
from workflow.engine import signals as kinds
from workflow.engine.decide import decide, wants
from workflow.engine.guards import Facts, statement, unmet
from workflow.engine.reasons import words
from workflow.engine.signals import MeetingView, ProspectView, Signal
from workflow.playbook import loader
from workflow.playbook.needs import (
    AllOf,
    Answered,
    AnyOf,
    Begun,
    Called,
    Evidence,
    Filled,
    HasRole,
    Met,
    Need,
    NotMet,
    Rated,
    ScoreAtLeast,
    Ticked,
)  # fmt: skip

NOW = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
BOOK = loader.load("""\
name: guarded
languages: [en, bg]
stages:
  open: {title: {en: Open, bg: Отворен}}
  clear: {title: {en: Clear, bg: Ясен}}
  closed: {title: {en: Closed, bg: Край}, final: true}
transitions:
  - {trigger: clear, from: open, to: clear, needs: [{score_at_least: 50}, {evidence: {at_least: 1, spin: problem}}]}
  - {trigger: meet, from: clear, to: clear, needs: [{meeting: held}]}
  - {trigger: talk, from: clear, to: clear, needs: [{call: noted}]}
  - {trigger: close, from: clear, to: closed, outcomes: [won, lost], needs: [{any: [{field: outcome}, {role: admin}]}]}
sequences:
  after: {title: {en: After, bg: След}, start: {when: call.ended}, steps: [{key: a, task: {en: A, bg: А}}]}
signals:
  - {source: crm, when: {kind: meeting.held}, do: meet}
  - {source: crm, when: {kind: call.ended}, do: talk}
  - {source: crm, when: {kind: answers.recorded}, do: clear}
journey: {aware: {title: {en: Aware, bg: Осъзнаване}}, decides: {title: {en: Decides, bg: Решава}}}
questions:
  pain: {title: {en: Pain, bg: Болка}, text: {en: What hurts?, bg: Какво боли?}, spin: problem, journey: aware}
  cost: {text: {en: What does it cost?, bg: Колко струва?}, spin: implication, checklist: plan}
  goal: {text: {en: What for?, bg: За какво?}, spin: need_payoff, journey: decides, checklist: plan}
qualification:
  criteria:
    fit:
      title: {en: Fit, bg: Съответствие}
      weight: 3
      options:
        good: {title: {en: Good, bg: Добро}, points: 10}
        poor: {title: {en: Poor, bg: Слабо}, points: 1}
    budget: {title: {en: Budget, bg: Бюджет}, weight: 1, options: {there: {title: {en: There, bg: Има}, points: 4}}}
checklist:
  plan: {title: {en: Plan, bg: План}, phase: before, done_when: [{evidence: {at_least: 2, checklist: plan}}]}
  idle: {title: {en: Idle, bg: Нищо}, phase: after}
""")
FULL = Facts(
    fields={"name": "Ana", "outcome": None},
    answers={"pain": "Much", "cost": "Two hours", "goal": "Sleep", "fit": "good", "budget": " "},
    meetings=frozenset({"held"}),
    calls=frozenset({"ended", "timed"}),
    begun=frozenset({"after"}),
    role="manager",
)
MET: list[Need] = [
    Filled("name"),
    Answered(("pain", "fit")),
    Rated("fit", ("poor", "good")),
    Ticked(("plan",)),
    ScoreAtLeast(75),
    Met("held"),
    Called("timed"),
    Evidence(3),
    Evidence(2, spin=("problem", "implication")),
    Evidence(2, journey=("aware",)),
    Begun("after"),
    HasRole("rep"),
    HasRole("manager"),
]
UNMET: list[Need] = [
    Filled("outcome"),
    Filled("no_such"),
    Answered(("pain", "budget")),
    Rated("fit", ("poor",)),
    Rated("no_such", ("poor",)),
    Ticked(("plan", "idle")),
    Ticked(("no_such",)),
    ScoreAtLeast(76),
    Met("booked"),
    Called("noted"),
    Evidence(4),
    Evidence(1, spin=("situation",)),
    Evidence(2, spin=("need_payoff",), checklist=("plan",)),
    Begun("no_such"),
    HasRole("admin"),
]
EITHER: list[tuple[Need, bool]] = [*((need, True) for need in MET), *((need, False) for need in UNMET)]


def in_words(need: Need, language: str) -> list[str]:
    """Why `need` is not met, as sentences."""
    return [reason.words(language) for reason in unmet(BOOK, (need,), FULL)]


@pytest.mark.parametrize(("need", "met"), EITHER, ids=[need.brief for need, _ in EITHER])
def test_a_need_is_met_or_says_in_both_languages_what_is_missing(need: Need, *, met: bool) -> None:
    assert (unmet(BOOK, (need,), FULL) == ()) is met
    for language in ("en", "bg"):
        assert bool(in_words(need, language)) is not met
        assert statement(BOOK, need).words(language)


@pytest.mark.parametrize(
    ("need", "english", "bulgarian"),
    [
        (Answered(("pain", "budget", "x")), "Not answered yet: Budget, x.", "Още няма отговор: Бюджет, x."),
        (
            Answered(("a", "budget", "c", "d", "e")),
            "Not answered yet: a, Budget, c and 2 more.",
            "Още няма отговор: a, Бюджет, c и още 2.",
        ),
        (Rated("fit", ("poor",)), "“Fit” must be: Poor.", "„Съответствие“ трябва да бъде: Слабо."),
        (Ticked(("plan", "idle")), "Not done yet: Idle.", "Още не е направено: Нищо."),
        (
            ScoreAtLeast(80),
            "The qualification score is 75, and at least 80 is needed.",
            "Оценката от квалификацията е 75, а са нужни поне 80.",
        ),
        (
            Evidence(2, spin=("problem",)),
            "Answers so far: 1, and at least 2 are needed (problem).",
            "Отговори досега: 1, а са нужни поне 2 (проблем).",
        ),
        (HasRole("admin"), "This move is reserved: administrator.", "Този преход е запазен: администратор."),
        (
            AnyOf((Met("booked"), AllOf((Filled("outcome"), HasRole("admin"))))),
            (
                "One of these is enough: (1) A meeting must be booked first. "
                "(2) “outcome” must be given first. This move is reserved: administrator."
            ),
            (
                "Достатъчно е едно от следните: (1) Първо трябва да бъде насрочена среща. "
                "(2) Първо попълнете „outcome“. Този преход е запазен: администратор."
            ),
        ),
        (
            NotMet(AnyOf((Met("held"), Begun("after")))),
            "Not possible while this is so: one of this: a meeting took place; the sequence “After” has begun.",
            "Не е възможно, докато е така: едно от това: състояла се е среща; поредицата „След“ е започнала.",
        ),
    ],
)
def test_a_refusal_names_what_people_know(need: Need, english: str, bulgarian: str) -> None:
    assert in_words(need, "en") == [english]
    assert in_words(need, "bg") == [bulgarian]


def test_a_reason_survives_being_stored() -> None:
    (reason,) = unmet(BOOK, (Answered(("budget",)),), FULL)
    assert loaded(reason.pack()) == "Още няма отговор: Бюджет."


def loaded(stored: str) -> str | None:
    """A stored reason as somebody reads it later."""
    return words(stored, "bg")


TREES = st.recursive(
    st.sampled_from(EITHER),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(
            lambda each: (AllOf(tuple(need for need, _ in each)), all(met for _, met in each))
        ),
        st.lists(inner, min_size=1, max_size=4).map(
            lambda each: (AnyOf(tuple(need for need, _ in each)), any(met for _, met in each))
        ),
        inner.map(lambda each: (NotMet(each[0]), not each[1])),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_all_any_and_not_mean_what_they_say(tree: tuple[Need, bool]) -> None:
    """Against Python's own `all`, `any` and `not`, however deep; and every no has words."""
    need, met = tree
    assert (unmet(BOOK, (need,), FULL) == ()) is met
    for language in ("en", "bg"):
        assert all(in_words(need, language))
        assert "{" not in statement(BOOK, need).words(language)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_only_the_facts_that_are_asked_for_decide(tree: tuple[Need, bool]) -> None:
    """Whatever `wants` does not name may be left out, and the answer stays the same."""
    need, met = tree
    wanted = guards.wants(BOOK, (need,))
    known = Facts(
        fields=FULL.fields,
        answers=FULL.answers if "answers" in wanted else {},
        meetings=FULL.meetings if "meetings" in wanted else frozenset(),
        calls=FULL.calls if "calls" in wanted else frozenset(),
        begun=FULL.begun if "sequences" in wanted else frozenset(),
        role=FULL.role if "role" in wanted else None,
    )
    assert (unmet(BOOK, (need,), known) == ()) is met


# --- the score and the checklist


@pytest.mark.parametrize(
    ("answers", "score"),
    [
        ({}, 0),
        ({"fit": "good"}, 75),
        ({"fit": " GOOD "}, 75),
        ({"fit": "добро", "budget": "There"}, 100),
        ({"fit": "poor", "budget": "there"}, 32),
        ({"fit": "splendid", "pain": "good"}, 0),
    ],
)
def test_the_score_is_the_weighted_share_of_the_points(answers: dict[str, str], score: int) -> None:
    assert scoring.score(BOOK, answers) == score


@given(st.dictionaries(st.sampled_from(["fit", "budget", "pain"]), st.text(max_size=5) | st.just("good")))
def test_a_score_lies_between_0_and_100_and_only_grows(answers: dict[str, str]) -> None:
    score = scoring.score(BOOK, answers)
    assert 0 <= score <= 100
    assert scoring.score(BOOK, {**answers, "fit": "good"}) >= score


def test_a_playbook_without_a_matrix_scores_nothing() -> None:
    fast = loader.load("name: x\nstages: {a: {title: {en: A}, final: true}}\n")
    assert scoring.score(fast, {"fit": "good"}) == 0


def test_the_checklist_ticks_what_is_on_record_and_names_the_rest() -> None:
    points = {point.item.key: point for point in checklist.points(BOOK, Facts(answers={"cost": "Much"}))}
    assert not points["plan"].ticked
    assert points["plan"].missing[0].words("en") == "Answers so far: 1, and at least 2 are needed (Plan: “What for?”)."
    assert (points["idle"].ticked, points["idle"].missing) == (False, ())
    assert {point.item.key for point in checklist.points(BOOK, FULL) if point.ticked} == {"plan"}
    assert checklist.wants(BOOK) == {"answers"}


# --- in a decision


def signal(kind: str, role: str | None = None, **data: Any) -> Signal:
    """A signal from the CRM, or from somebody with a role."""
    return Signal(kind, NOW, "source:crm", "event:1", data=data, sender=("standard", "crm"), role=role)


def test_a_blocked_move_says_all_that_is_missing() -> None:
    decision = decide(BOOK, ProspectView(id="a", stage="open", version=1), signal(kinds.MOVE, trigger="clear"), NOW)
    assert decision.verdict == "blocked"
    assert [reason.code for reason in decision.reasons] == ["need.score", "need.evidence"]


def test_what_a_signal_tells_counts_at_once() -> None:
    """Answers, a meeting and a call that bring a move with them open its guard themselves."""
    view = ProspectView(id="a", stage="open", version=1)
    said = signal(kinds.ANSWERS, answers={"fit": "good", "pain": "Much"})
    assert decide(BOOK, view, said, NOW).stage == "clear"
    clear = ProspectView(id="a", stage="clear", version=1, meetings=(MeetingView("m", "m1", "booked", NOW, NOW),))
    for kind, data in ((kinds.HELD, {"uid": "m1"}), (kinds.CALL_ENDED, {"notes": "Good talk"})):
        assert [row.kind for row in decide(BOOK, clear, signal(kind, **data), NOW).history] == [kind, "moved"]
    silent = decide(BOOK, clear, signal(kinds.CALL_ENDED), NOW)
    assert ([row.kind for row in silent.history], silent.reasons[0].code) == (["call.ended"], "need.call.noted")


def test_a_role_opens_what_a_source_may_not() -> None:
    clear = ProspectView(id="a", stage="clear", version=1)
    assert decide(BOOK, clear, signal(kinds.MOVE, trigger="close"), NOW).verdict == "blocked"
    assert decide(BOOK, clear, signal(kinds.MOVE, role="rep", trigger="close"), NOW).verdict == "blocked"
    assert decide(BOOK, clear, signal(kinds.MOVE, role="admin", trigger="close"), NOW).stage == "closed"


def test_an_outcome_that_a_transition_does_not_list_is_refused() -> None:
    clear = ProspectView(id="a", stage="clear", version=1)
    decision = decide(BOOK, clear, signal(kinds.MOVE, trigger="close", outcome="no_decision"), NOW)
    assert (decision.verdict, decision.reasons[0].code) == ("blocked", "wrong_outcome")
    assert "won, lost" in decision.reasons[0].words("bg")
    closed = decide(BOOK, clear, signal(kinds.MOVE, trigger="close", outcome="lost"), NOW)
    assert closed.history[-1].changes["outcome"] == "lost"


def test_a_decision_wants_no_more_than_its_guards() -> None:
    """The contract's playbook needs nothing beyond the row, whatever comes; the shipped one only where it asks."""
    fast = loader.read(places.templates_dir().parent / "tests" / "playbook" / "fast.yaml")
    triggers = [way.trigger for way in fast.transitions]
    for stage in ("", *fast.stages):
        view = ProspectView(id="a", stage=stage, version=1)
        for kind in sorted(kinds.KINDS):
            for trigger in triggers:
                assert wants(fast, view, signal(kind, trigger=trigger)) == frozenset()
    at = ProspectView(id="a", stage="open", version=1)
    assert wants(BOOK, at, signal(kinds.MOVE, trigger="clear")) == {"answers"}
    assert wants(BOOK, at, signal(kinds.MOVE, trigger="close")) == frozenset()
    assert wants(BOOK, at, signal(kinds.REPLIED)) == frozenset()
