"""Which sequences begin: re-entry, exclusive ones and their priority; and which variant an enrollment gets."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.engine import sequences, starts
from workflow.engine import signals as kinds
from workflow.engine.decide import decide, wants
from workflow.engine.signals import EnrollmentView, ProspectView, Signal
from workflow.ids import new_id
from workflow.playbook import loader
from workflow.playbook.schema import Playbook, Sequence, Step, Variant

NOW = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=10)


def book(rules: str, more: str = "") -> Playbook:
    """A playbook whose sequence `one` has these rules."""
    return loader.load(
        "name: x\nstages: {open: {title: {en: Open}}, end: {title: {en: End}, final: true}}\n"
        f"transitions: [{{trigger: close, from: open, to: end}}]\nsequences:\n"
        f"  one: {{start: {{when: call.ended}}, stop: close, {rules}steps: [{{key: a, task: {{en: A}}}}]}}\n{more}"
    )


def told(playbook: Playbook, **view: object) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """What begins after a call, what is stopped, and what is withheld why."""
    prospect = ProspectView(id="p", stage="open", version=1, **view)  # type: ignore[arg-type]
    decision = decide(playbook, prospect, Signal(kinds.CALL_ENDED, NOW, "system", "x"), NOW)
    return (
        [each.sequence.key for each in decision.enroll],
        [each.sequence for each in decision.stop],
        [(each.sequence, each.reason.code) for each in decision.withheld],
    )


@pytest.mark.parametrize(
    ("rule", "begins", "why"),
    [
        ("", True, ""),
        ("again: always, ", True, ""),
        ("again: 9d, ", True, ""),
        ("again: 10d, ", True, ""),
        ("again: 11d, ", False, "not_again"),
        ("again: never, ", False, "never_again"),
    ],
)
def test_a_sequence_begins_anew_only_as_its_rule_allows(rule: str, *, begins: bool, why: str) -> None:
    playbook = book(rule)
    assert told(playbook) == (["one"], [], [])
    assert told(playbook, begun={"one": EARLIER}) == (["one"] if begins else [], [], [] if begins else [("one", why)])


def test_only_a_rule_of_re_entry_asks_when_it_last_began() -> None:
    prospect = ProspectView(id="p", stage="open", version=1)
    call, reply = (Signal(kind, NOW, "system", "x") for kind in (kinds.CALL_ENDED, kinds.REPLIED))
    assert wants(book(""), prospect, call) == frozenset()
    assert wants(book("again: never, "), prospect, call) == {"sequences"}
    assert wants(book("again: 5d, "), prospect, reply) == frozenset()


def rival(priority: int) -> str:
    """A second exclusive sequence with the same start."""
    return (
        f"  two: {{title: {{en: Two}}, start: {{when: call.ended}}, stop: close, exclusive: true, "
        f"priority: {priority}, steps: [{{key: a, task: {{en: A}}}}]}}\n"
    )


@pytest.mark.parametrize(
    ("mine", "other", "running", "expected"),
    [
        (1, 2, False, (["two"], [], [("one", "gives_way")])),
        (2, 1, False, (["one"], [], [("two", "gives_way")])),
        (1, 1, False, (["one"], [], [("two", "gives_way")])),
        (2, 1, True, (["one"], ["two"], [])),
        (1, 1, True, ([], [], [("one", "gives_way")])),
        (1, 2, True, ([], [], [("one", "gives_way")])),
    ],
)
def test_of_exclusive_sequences_the_one_with_priority_runs(
    mine: int, other: int, expected: tuple[list[str], list[str], list[tuple[str, str]]], *, running: bool
) -> None:
    """A running one yields to a higher priority only; of two that would begin, the first of the file or the higher."""
    playbook = book(f"exclusive: true, priority: {mine}, ", rival(other))
    active = (EnrollmentView("on", playbook.sequences["two"]),) if running else ()
    assert told(playbook, enrollments=active) == expected


def test_others_begin_beside_an_exclusive_sequence() -> None:
    playbook = book("", rival(0))
    assert told(playbook) == (["one", "two"], [], [])
    assert told(playbook, enrollments=(EnrollmentView("on", playbook.sequences["two"]),)) == (["one"], [], [])


def test_the_reason_names_the_sequence_that_goes_first() -> None:
    playbook = book("exclusive: true, priority: 0, ", rival(3))
    view = ProspectView(id="p", stage="open", version=1)
    decision = decide(playbook, view, Signal(kinds.CALL_ENDED, NOW, "system", "x"), NOW)
    assert "“Two”" in decision.withheld[0].reason.words("en")


SEQUENCES = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=6)


@given(SEQUENCES, SEQUENCES)
def test_never_do_two_exclusive_sequences_run(wanted: list[tuple[bool, int]], active: list[tuple[bool, int]]) -> None:
    """Whatever would begin: of the exclusive ones at most one is left, and none with less priority than another."""
    playbook = book("")
    start = playbook.sequences["one"].start

    def made(name: str, exclusive: bool, priority: int) -> Sequence:  # noqa: FBT001 - a row of the table above
        return Sequence(name, start, frozenset(), (), exclusive=exclusive, priority=priority)

    candidates = [made(f"w{n}", *each) for n, each in enumerate(wanted)]
    # At most one exclusive sequence was running before.
    first = next((n for n, each in enumerate(active) if each[0]), None)
    running = [
        EnrollmentView(f"e{n}", made(f"a{n}", each[0], each[1]))
        for n, each in enumerate(active)
        if not each[0] or n == first
    ]
    choice = starts.choose(playbook, candidates, running, {}, NOW)
    ousted = {each.id for each, _ in choice.oust}
    left = [each.sequence for each in running if each.id not in ousted] + list(choice.begin)
    exclusive = [each for each in left if each.exclusive]
    before = [each.sequence for each in running if each.sequence.exclusive]
    rivals = [each for each in candidates if each.exclusive]
    assert len(exclusive) == (1 if before or rivals else 0)
    assert all(exclusive[0].priority >= each.priority for each in (*before, *rivals))
    assert {each.key for each in choice.begin} | {each.sequence for each in choice.withheld} == {
        each.key for each in candidates
    }


# --- variants


STEP = Step("hello", 0, email="a", variants=(Variant("x", "a"), Variant("y", "b", share=3)))


def test_an_enrollment_always_gets_the_same_variant() -> None:
    enrollment = new_id()
    assert {sequences.email_of(STEP, enrollment) for _ in range(5)} <= {"a", "b"}
    assert len({sequences.email_of(STEP, enrollment) for _ in range(5)}) == 1
    assert sequences.email_of(Step("hello", 0, email="a"), enrollment) == "a"
    assert sequences.email_of(Step("task", 0), enrollment) is None


def test_variants_are_spread_by_their_shares() -> None:
    """Of 4,000 enrollments a quarter gets the first: 1,000, with five standard deviations to either side."""
    counted = Counter(sequences.email_of(STEP, f"enrollment {n}") for n in range(4000))
    assert abs(counted["a"] - 1000) < 5 * 27.4
    assert counted["a"] + counted["b"] == 4000
