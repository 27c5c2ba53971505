"""The next best action for a prospect: the one thing that a rep had better do now, and why.

Pure: it looks at what stands and gives its advice. It moves nothing, and a guard is asked again when somebody follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from workflow.engine.gaps import Missing
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.engine.gaps import Gap, Place

Action = Literal[
    "settle", "decide", "mark", "answer", "do", "prepare", "move", "ask", "rate", "book", "fill", "choose", "call",
    "meet", "wait", "rest",
]  # fmt: skip
SOON: Final = timedelta(hours=24)
"""How long before a meeting it is time to prepare it."""
_GIVEN_BY: Final[dict[Place, Action]] = {
    "questions": "ask", "item": "ask", "score": "rate", "meeting": "book", "call": "call", "facts": "fill",
    "buyer": "choose",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """An email or task that waits: until when, and whether a person has to settle it or to say that it may leave."""

    id: str
    kind: Literal["email", "task"]
    at: datetime
    uncertain: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next move on the way: whether it may be made now, and what is missing for it."""

    trigger: str
    open: bool
    missing: Missing = field(default_factory=Missing)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a prospect stands. `meetings` are booked, by id and start; `replied_at` is an answer nobody went on from."""

    now: datetime
    final: bool = False
    stalled: bool = False
    barred: bool = False
    held_until: datetime | None = None
    replied_at: datetime | None = None
    meetings: Sequence[tuple[str, datetime]] = ()
    waiting: Sequence[Waiting] = ()
    ahead: Ahead | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, and why. `about` is the id of the email, task or meeting, or the trigger of the move.

    Times in the reason stand as `at`, to be told by the reader's own clock; `gaps` are what an answer would close.
    """

    action: Action
    reason: Reason
    about: str = ""
    at: datetime | None = None
    gaps: tuple[Gap, ...] = field(default=())


def next_action(standing: Standing) -> Advice:
    """The next best action: first what only a person can settle, then what is due, then the way on, then patience."""
    for found in (_unsettled, _due, _onward, _planned):
        told = found(standing)
        if told is not None:
            return told
    if standing.final:
        return Advice("rest", because("next.rest"))
    return Advice("call", _why_call(standing), at=standing.held_until)


def _unsettled(standing: Standing) -> Advice | None:
    """What stands still until a person has looked."""
    for each in standing.waiting:
        if each.uncertain:
            return Advice("settle", because("next.settle"), each.id, each.at)
    for each in standing.waiting:
        if each.asks:
            return Advice("decide", because("next.decide"), each.id, each.at)
    past = [each for each in standing.meetings if each[1] <= standing.now]
    if past:
        known, at = min(past, key=lambda each: each[1])
        return Advice("mark", because("next.mark"), known, at)
    if standing.replied_at is not None and not standing.final:
        return Advice("answer", because("next.answer"), at=standing.replied_at)
    return None


def _due(standing: Standing) -> Advice | None:
    tasks = [each for each in standing.waiting if each.kind == "task" and each.at <= standing.now]
    if tasks:
        first = min(tasks, key=lambda each: each.at)
        return Advice("do", because("next.overdue"), first.id, first.at)
    meeting = _meeting(standing)
    if meeting is not None and meeting[1] - standing.now <= SOON:
        return Advice("prepare", because("next.prepare"), *meeting)
    return None


def _onward(standing: Standing) -> Advice | None:
    """The move that is open, or the first thing that it lacks; a meeting or a task that is planned goes first."""
    ahead = standing.ahead
    if standing.final or ahead is None:
        return None
    gaps = ahead.missing.gaps
    if ahead.open and not gaps:
        return Advice("move", because("next.move"), ahead.trigger)
    if _meeting(standing) or any(each.kind == "task" for each in standing.waiting):
        return None
    flat = [inner for gap in gaps for inner in ((gap, *gap.ways[0]) if gap.ways else (gap,))]
    first = next((gap for gap in flat if gap.place in _GIVEN_BY), None)
    if first is None:
        return None
    action = _GIVEN_BY[first.place]
    alike = tuple(gap for gap in flat if _GIVEN_BY.get(gap.place) == action)
    return Advice(action, first.reason, ahead.trigger, gaps=alike)


def _planned(standing: Standing) -> Advice | None:
    """What comes by itself, or later: the soonest of meetings, tasks and emails."""
    tasks = [each for each in standing.waiting if each.kind == "task"]
    meeting = _meeting(standing)
    if tasks and (meeting is None or min(each.at for each in tasks) <= meeting[1]):
        first = min(tasks, key=lambda each: each.at)
        return Advice("do", because("next.task"), first.id, first.at)
    if meeting is not None:
        return Advice("meet", because("next.meeting"), *meeting)
    mails = [each for each in standing.waiting if each.kind == "email"]
    if mails and standing.held_until is None and not standing.barred and not standing.stalled:
        first = min(mails, key=lambda each: each.at)
        return Advice("wait", because("next.wait"), first.id, first.at)
    return None


def _meeting(standing: Standing) -> tuple[str, datetime] | None:
    ahead = [each for each in standing.meetings if each[1] > standing.now]
    return min(ahead, key=lambda each: each[1]) if ahead else None


def _why_call(standing: Standing) -> Reason:
    if standing.barred:
        return because("next.barred")
    if standing.held_until is not None:
        return because("next.held")
    return because("next.stalled" if standing.stalled else "next.nothing")
