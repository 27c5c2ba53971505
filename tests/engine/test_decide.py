"""The engine as sentences: what a signal means for a prospect, on the playbook of the outside contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow import places
from workflow.engine import signals as kinds
from workflow.engine.decide import Decision, decide
from workflow.engine.guards import Facts
from workflow.engine.machine import Moved, Refused, fire, ways_out
from workflow.engine.reasons import _WORDS, because, codes
from workflow.engine.signals import EnrollmentView, MeetingView, ProspectView, Signal
from workflow.playbook import loader

FAST = loader.read(Path(__file__).parents[1] / "playbook" / "fast.yaml")
NOW = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
ANA = ProspectView(id="ana", stage="qualified", version=3, fields={"email": "ana@example.com"})


def signal(kind: str, at: datetime = NOW, **data: Any) -> Signal:
    """A signal from the CRM."""
    return Signal(kind, at, "source:crm", "event:1", data=data, sender=("standard", "crm"))


def move(trigger: str, at: datetime = NOW, **data: Any) -> Signal:
    """A request to move."""
    return signal(kinds.MOVE, at, trigger=trigger, **data)


def on(view: ProspectView, *sequences: str) -> ProspectView:
    """The prospect, active on these sequences."""
    active = tuple(EnrollmentView(f"on-{key}", FAST.sequences[key]) for key in sequences)
    return replace(view, enrollments=active)


def after(view: ProspectView, decision: Decision) -> ProspectView:
    """The prospect as the records would show it once the decision is carried out."""
    folded: dict[str, Any] = {}
    for change in decision.history:
        folded |= change.changes
    stopped = {stop.enrollment_id for stop in decision.stop}
    kept = tuple(each for each in view.enrollments if each.id not in stopped)
    begun = tuple(EnrollmentView(f"on-{each.sequence.key}", each.sequence) for each in decision.enroll)
    columns = ("stage", "outcome", "outcome_reason", "entered_stage_at", "moved_at", "custom", "mail_hold_until")
    fields: dict[str, str] = {**view.fields}
    fields |= {name: folded[name] for name in kinds.FIELDS if name in folded}
    changed: dict[str, Any] = {name: folded[name] for name in columns if name in folded}
    return replace(
        view,
        version=view.version + len(decision.history),
        fields=fields,
        enrollments=kept + begun,
        suppressed=view.suppressed or decision.suppress is not None,
        **changed,
    )


def test_an_unknown_prospect_is_made_and_moved_by_one_event() -> None:
    decision = decide(FAST, ProspectView(id="new"), replace(move("qualify"), fields={"email": "a@example.com"}), NOW)
    assert decision.verdict == "applied"
    assert [(row.kind, row.to_stage) for row in decision.history] == [("created", "planned"), ("moved", "qualified")]
    assert [each.sequence.key for each in decision.enroll] == ["welcome"]


def test_a_refused_move_still_makes_the_prospect_known() -> None:
    decision = decide(FAST, ProspectView(id="new"), move("diagnose"), NOW)
    assert (decision.verdict, decision.stage) == ("ignored", "planned")
    assert [row.kind for row in decision.history] == ["created"]


def test_a_missing_need_blocks_and_is_named_in_both_languages() -> None:
    decision = decide(FAST, ANA, move("close"), NOW)
    assert decision.verdict == "blocked"
    assert decision.reasons == (because("need.field", field="outcome"),)
    assert "outcome" in decision.reasons[0].words("en")
    assert "Първо" in decision.reasons[0].words("bg")
    assert not decision.history


def test_a_need_may_come_with_the_move() -> None:
    decision = decide(FAST, ANA, move("close", outcome="won", reason="Price"), NOW)
    assert decision.verdict == "applied"
    assert decision.history[-1].changes["outcome"] == "won"
    assert decision.history[-1].changes["outcome_reason"] == "Price"


def test_an_outcome_of_ones_own_is_refused() -> None:
    decision = decide(FAST, ANA, move("close", outcome="sort of won"), NOW)
    assert decision.verdict == "blocked"
    assert decision.reasons[0].code == "bad_outcome"


def test_a_move_takes_no_more_than_its_transition_asks_for() -> None:
    decision = decide(FAST, ANA, move("diagnose", version="9", stage="closed", email="evil@example.com"), NOW)
    assert set(decision.history[-1].changes) == {"stage", "entered_stage_at", "moved_at"}


def test_leaving_the_end_clears_the_outcome() -> None:
    closed = replace(ANA, stage="closed", outcome="lost", outcome_reason="Price")
    decision = decide(FAST, closed, move("reopen"), NOW)
    assert decision.stage == "qualified"
    assert decision.history[-1].changes["outcome"] is None


def test_an_older_event_never_moves_a_prospect_back() -> None:
    moved = replace(ANA, stage="diagnosed", moved_at=NOW)
    decision = decide(FAST, moved, move("disqualify", NOW - timedelta(seconds=1)), NOW)
    assert (decision.verdict, decision.stage, decision.history) == ("stale", "diagnosed", ())


def test_an_event_of_the_same_moment_applies() -> None:
    decision = decide(FAST, replace(ANA, moved_at=NOW), move("diagnose", NOW), NOW)
    assert decision.verdict == "applied"


def test_a_time_without_a_fraction_stands_for_its_whole_second() -> None:
    moved = replace(ANA, moved_at=NOW + timedelta(milliseconds=700))
    decision = decide(FAST, moved, move("diagnose", NOW), NOW + timedelta(seconds=2))
    assert decision.verdict == "applied"


def test_a_time_in_the_future_counts_as_now() -> None:
    decision = decide(FAST, ANA, move("diagnose", NOW + timedelta(days=40)), NOW)
    assert decision.history[-1].changes["moved_at"] == NOW


@pytest.mark.parametrize("kind", [kinds.REPLIED, kinds.BOUNCED, kinds.COMPLAINED, kinds.UNSUBSCRIBED])
def test_a_reply_a_bounce_a_complaint_and_an_unsubscribe_count_however_late(kind: str) -> None:
    view = on(replace(ANA, moved_at=NOW), "after_call", "welcome")
    decision = decide(FAST, view, signal(kind, NOW - timedelta(days=30)), NOW)
    assert {stop.sequence for stop in decision.stop} == {"after_call", "welcome"}
    assert (decision.suppress is None) == (kind == kinds.REPLIED)


def test_a_soft_bounce_stops_nothing() -> None:
    decision = decide(FAST, on(ANA, "after_call"), signal(kinds.BOUNCED, permanent=False), NOW)
    assert decision.verdict == "applied"
    assert (decision.stop, decision.suppress) == ((), None)


def test_a_booked_meeting_stops_only_the_sequences_that_say_so() -> None:
    decision = decide(FAST, on(ANA, "after_call", "welcome"), signal(kinds.BOOKED, uid="m1", starts_at=NOW), NOW)
    assert [stop.sequence for stop in decision.stop] == ["after_call"]
    assert decision.meeting is not None
    assert decision.stage == "qualified", "only a row of `signals` moves the stage"


def test_a_row_of_signals_moves_the_stage() -> None:
    booked = replace(signal(kinds.BOOKED, uid="m1"), sender=("calcom", "our-cal"))
    decision = decide(FAST, replace(ANA, stage="diagnosed"), booked, NOW)
    assert decision.stage == "meeting_scheduled"


def test_a_row_of_signals_that_leads_nowhere_leaves_the_event_standing() -> None:
    booked = replace(signal(kinds.BOOKED, uid="m1"), sender=("calcom", "our-cal"))
    decision = decide(FAST, replace(ANA, stage="planned"), booked, NOW)
    assert (decision.verdict, decision.stage) == ("applied", "planned")
    assert decision.meeting is not None


def test_an_older_word_about_a_meeting_does_not_undo_a_newer_one() -> None:
    meeting = MeetingView("id", "m1", "cancelled", NOW, changed_at=NOW)
    old = signal(kinds.BOOKED, NOW - timedelta(minutes=5), uid="m1", starts_at=NOW)
    decision = decide(FAST, replace(ANA, meetings=(meeting,)), old, NOW)
    assert (decision.verdict, decision.meeting) == ("stale", None)


def test_a_second_start_while_the_sequence_runs_is_ignored() -> None:
    assert decide(FAST, on(ANA, "after_call"), signal(kinds.CALL_ENDED), NOW).enroll == ()
    assert [each.sequence.key for each in decide(FAST, ANA, signal(kinds.CALL_ENDED), NOW).enroll] == ["after_call"]


def test_closing_stops_every_sequence_that_names_it() -> None:
    decision = decide(FAST, on(ANA, "after_call", "welcome", "nudge"), move("disqualify"), NOW)
    assert {stop.sequence for stop in decision.stop} == {"after_call", "welcome", "nudge"}


def test_opening_a_prospect_again_stops_what_its_end_had_begun() -> None:
    discovery = loader.read(places.shipped_playbook())
    lost = (EnrollmentView("on-lost", discovery.sequences["lost"]),)
    closed = replace(ANA, stage="closed", outcome="lost", enrollments=lost)
    assert [stop.reason.code for stop in decide(discovery, closed, move("reopen"), NOW).stop] == ["stop.reopen"]


def test_the_first_step_counts_from_when_it_happened() -> None:
    """An event that comes late is due by what it says, never earlier than due; the later steps wait for the first."""
    decision = decide(FAST, ANA, signal(kinds.CALL_ENDED, NOW - timedelta(seconds=1)), NOW)
    first, second = decision.enroll[0].touches
    assert first.next_attempt_at == first.due_at == NOW + timedelta(seconds=1)
    assert second.next_attempt_at is None
    assert second.reason == because("after", step="questions")
    assert second.due_at == NOW + timedelta(seconds=5)


def test_nobody_writes_to_a_barred_address_but_its_tasks_remain() -> None:
    view = replace(ANA, stage="meeting_scheduled", suppressed=True)
    touches = decide(FAST, view, move("follow_up"), NOW).enroll[0].touches
    assert [(touch.step.key, touch.state) for touch in touches] == [
        ("recap", "skipped"),
        ("call_back", "scheduled"),
        ("decision", "skipped"),
    ]
    assert touches[0].reason == because("suppressed")


def test_the_machine_and_the_table_agree() -> None:
    """Every trigger from every stage: the library moves exactly where the playbook says."""
    for stage in FAST.stages:
        for trigger in {way.trigger for way in FAST.transitions}:
            way = next((way for way in ways_out(FAST, stage) if way.trigger == trigger), None)
            answer = fire(FAST, stage, trigger, Facts({"outcome": "won"}))
            assert answer == (Moved(way) if way else answer)
            assert isinstance(answer, Refused) == (way is None)


def test_every_reason_reads_in_both_languages() -> None:
    every = {name for words in _WORDS.values() for told in words for _, name, _, _ in Formatter().parse(told) if name}
    facts = dict.fromkeys(every, "x")
    for code in codes():
        assert because(code, **facts).words("en").strip()
        assert because(code, **facts).words("bg").strip()


TRIGGERS = sorted({way.trigger for way in FAST.transitions})
MOVES = st.builds(
    lambda trigger, ago, outcome: move(trigger, NOW - timedelta(seconds=ago), outcome=outcome),
    st.sampled_from([*TRIGGERS, "no_such"]),
    st.integers(-10, 100),
    st.sampled_from(["", "won", "lost", "nonsense"]),
)
OTHERS = st.builds(
    lambda kind, ago: signal(kind, NOW - timedelta(seconds=ago), uid="m1"),
    st.sampled_from(sorted(kinds.KINDS - {kinds.MOVE})),
    st.integers(-10, 100),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(MOVES | OTHERS, max_size=25))
def test_whatever_happens_the_rules_hold(story: list[Signal]) -> None:
    """Any signals in any order: only drawn ways are taken, needs are met, no move goes back in time, stops are kept."""
    view = decided = ProspectView(id="p")
    for each in story:
        decision = decide(FAST, view, each, NOW)
        decided = after(view, decision)
        if decision.verdict == "stale":
            assert decided == view
        for row in decision.history:
            if row.kind != "moved":
                continue
            ways = [way for way in FAST.transitions if row.from_stage in way.sources and way.to == row.to_stage]
            assert any(all(row.detail.get(name) for name in way.required_fields) for way in ways)
        assert decided.moved_at >= view.moved_at
        assert decided.moved_at <= NOW
        assert (decided.outcome is None) or FAST.is_final(decided.stage)
        if view.suppressed:
            assert decided.suppressed
            touches = [touch for enroll in decision.enroll for touch in enroll.touches if touch.step.email]
            assert all(touch.state == "skipped" for touch in touches)
        names = [each.sequence.key for each in decided.enrollments]
        assert len(names) == len(set(names))
        assert decide(FAST, view, each, NOW) == decision, "the same question has the same answer"
        view = decided
