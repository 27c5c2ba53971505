"""Which sequences begin when several would: the rules of re-entry, of exclusive sequences and of their priority.

Chooses only; the touches are planned by `sequences`. A sequence left out is told with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from workflow.engine.signals import EnrollmentView
    from workflow.playbook.schema import Playbook, Sequence


@dataclass(frozen=True, slots=True)
class Withheld:
    """A sequence whose start came, and why it does not begin."""

    sequence: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Choice:
    """What begins, which active enrollments give way to it and why, and what is left out."""

    begin: tuple[Sequence, ...]
    oust: tuple[tuple[EnrollmentView, Reason], ...] = ()
    withheld: tuple[Withheld, ...] = ()


def choose(
    playbook: Playbook,
    wanted: Iterable[Sequence],
    active: Iterable[EnrollmentView],
    begun: Mapping[str, datetime],
    now: datetime,
    declined: frozenset[str] = frozenset(),
) -> Choice:
    """Which of the `wanted` begin beside those `active`, where `begun` says when each began last.

    `declined` are those that the prospect wants no more of.
    """
    held: list[Withheld] = []
    free: list[Sequence] = []
    for sequence in wanted:
        reason = because("declined") if sequence.key in declined else _not_yet(sequence, begun, now)
        if reason is None:
            free.append(sequence)
        else:
            held.append(Withheld(sequence.key, reason))
    rivals = [sequence for sequence in free if sequence.exclusive]
    if not rivals:
        return Choice(tuple(free), (), tuple(held))
    running = [each for each in active if each.sequence.exclusive]
    # Of equal ones the first of the file begins, and nothing gives way to its equal.
    first = max(rivals, key=lambda sequence: sequence.priority)
    leader = max(running, key=lambda each: each.sequence.priority, default=None)
    oust: tuple[tuple[EnrollmentView, Reason], ...] = ()
    if leader is not None and leader.sequence.priority >= first.priority:
        losers, ahead = rivals, leader.sequence
    else:
        losers, ahead = [rival for rival in rivals if rival is not first], first
        oust = tuple((each, because("stop.exclusive", **_named(playbook, first))) for each in running)
    held += [Withheld(loser.key, because("gives_way", **_named(playbook, ahead))) for loser in losers]
    return Choice(tuple(sequence for sequence in free if sequence not in losers), oust, tuple(held))


def remembers(playbook: Playbook, whens: Iterable[str]) -> bool:
    """Whether one of these starts concerns a sequence that asks when it last began."""
    kinds = frozenset(whens)
    return any(
        sequence.start.when in kinds and (sequence.again is None or sequence.again)
        for sequence in playbook.sequences.values()
    )


def _not_yet(sequence: Sequence, begun: Mapping[str, datetime], now: datetime) -> Reason | None:
    last = begun.get(sequence.key)
    if last is None:
        return None
    if sequence.again is None:
        return because("never_again")
    if now - last < sequence.again:
        return because("not_again", since=last.date().isoformat())
    return None


def _named(playbook: Playbook, sequence: Sequence) -> dict[str, str]:
    return {f"what.{each}": playbook.words(sequence.title, each) or sequence.key for each in ("en", "bg")}
