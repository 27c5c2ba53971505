"""The next best action: always one, always with a reason in both languages, and what only people can settle first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.engine.advice import Ahead, Standing, Waiting, next_action
from workflow.engine.gaps import Gap, Missing
from workflow.engine.reasons import because

NOW = datetime(2026, 11, 10, 10, 0, tzinfo=UTC)
HOURS = st.integers(-72, 72).map(lambda hours: NOW + timedelta(hours=hours))
PLACES = st.sampled_from(["move", "facts", "buyer", "questions", "score", "call", "meeting", "item", "nowhere"])
GAPS = st.builds(Gap, st.just(because("need.meeting.booked")), PLACES)
STANDINGS = st.builds(
    Standing,
    now=st.just(NOW),
    final=st.booleans(),
    stalled=st.booleans(),
    barred=st.booleans(),
    held_until=st.none() | st.just(NOW + timedelta(days=9)),
    replied_at=st.none() | st.just(NOW - timedelta(hours=1)),
    meetings=st.lists(st.tuples(st.sampled_from(["m1", "m2"]), HOURS), max_size=2),
    waiting=st.lists(
        st.builds(
            Waiting, st.sampled_from(["t1", "t2", "t3"]), st.sampled_from(["email", "task"]), HOURS,
            st.booleans(), st.booleans(),
        ),
        max_size=3,
    ),
    ahead=st.none() | st.builds(
        Ahead, st.just("qualify"), st.booleans(), st.lists(GAPS, max_size=2).map(lambda gaps: Missing(tuple(gaps)))
    ),
)  # fmt: skip


@settings(max_examples=50)
@given(STANDINGS)
def test_there_is_always_one_thing_to_do_with_its_reason(standing: Standing) -> None:
    told = next_action(standing)
    assert told == next_action(standing)
    for language in ("en", "bg"):
        assert because(told.reason.code, **{**told.reason.facts, "at": "x"}).words(language)
    waiting = {each.id: each for each in standing.waiting}
    if any(each.uncertain for each in standing.waiting):
        assert told.action == "settle"
    if told.action in ("settle", "decide", "do", "wait"):
        assert told.about in waiting
    if told.action in ("mark", "prepare", "meet"):
        assert told.about in {known for known, _ in standing.meetings}
    if told.action == "move":
        assert standing.ahead is not None
        assert standing.ahead.open
        assert not standing.ahead.missing.gaps
    if standing.final:
        assert told.action not in ("move", "ask", "rate", "book", "fill", "choose", "answer", "call")
    if told.action == "wait":
        assert not standing.barred
        assert standing.held_until is None


def test_a_rep_is_led_from_what_is_in_doubt_to_what_is_merely_planned() -> None:
    doubt = Waiting("e1", "email", NOW, uncertain=True)
    late = Waiting("e2", "email", NOW, asks=True)
    task = Waiting("t1", "task", NOW - timedelta(hours=1))
    mail = Waiting("e3", "email", NOW + timedelta(days=1))
    met, soon = ("m1", NOW - timedelta(hours=1)), ("m2", NOW + timedelta(hours=3))
    ready, lacking = Ahead("qualify", open=True), Missing((Gap(because("need.meeting.booked"), "meeting"),))
    steps = [
        (Standing(NOW, waiting=(mail, task, late, doubt), meetings=(met, soon), replied_at=NOW, ahead=ready), "settle"),
        (Standing(NOW, waiting=(mail, task, late), meetings=(met, soon), replied_at=NOW, ahead=ready), "decide"),
        (Standing(NOW, waiting=(mail, task), meetings=(met, soon), replied_at=NOW, ahead=ready), "mark"),
        (Standing(NOW, waiting=(mail, task), meetings=(soon,), replied_at=NOW, ahead=ready), "answer"),
        (Standing(NOW, waiting=(mail, task), meetings=(soon,), ahead=ready), "do"),
        (Standing(NOW, waiting=(mail,), meetings=(soon,), ahead=ready), "prepare"),
        (Standing(NOW, waiting=(mail,), ahead=ready), "move"),
        (Standing(NOW, waiting=(mail,), ahead=Ahead("qualify", open=False, missing=lacking)), "book"),
        (Standing(NOW, waiting=(mail,)), "wait"),
        (Standing(NOW, waiting=(mail,), held_until=NOW + timedelta(days=3)), "call"),
        (Standing(NOW, stalled=True), "call"),
        (Standing(NOW, final=True), "rest"),
    ]
    assert [next_action(standing).action for standing, _ in steps] == [action for _, action in steps]
