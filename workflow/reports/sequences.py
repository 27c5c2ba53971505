"""Sequences with what became of them: who is on each, what was sent, answered and met, and what went wrong, by step.

Counts of the last half year over all prospects; what is running and what is in doubt are counted as they stand now.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.records.models import Enrollment, Touch
from workflow.reports import variants

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx

WAITING: Final = ("scheduled", "claimed", "sending", "committing")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a step, or of a whole sequence. `replied` and `met` count emails that an answer or a meeting followed."""

    sent: int = 0
    replied: int = 0
    met: int = 0
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Emails and tasks that are still to come."""
        return sum(self.states.get(state, 0) for state in WAITING)

    @property
    def problems(self) -> int:
        """Emails that failed, or of which nobody knows whether they arrived."""
        return self.states.get("failed", 0) + self.states.get("uncertain", 0)

    def share(self, number: int) -> float | None:
        """Of the emails sent, the part that `number` is; None where none was sent."""
        return number / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class Results:
    """What became of one sequence; `running` are on it now, `begun` began within the half year."""

    key: str
    running: int
    begun: int
    total: Counts
    steps: Mapping[str, Counts]


def results(tx: Tx, keys: Iterable[str]) -> dict[str, Results]:
    """The results of these sequences, also of those that never began."""
    wanted = tuple(keys)
    since = tx.now - variants.LOOKED_BACK
    active = _by_sequence(tx, wanted, Enrollment.state == "active")
    begun = _by_sequence(tx, wanted, Enrollment.started_at > since)
    states: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    found = (
        select(Touch.sequence, Touch.step, Touch.state, func.count())
        .where(Touch.sequence.in_(wanted), Touch.due_at > since)
        .group_by(Touch.sequence, Touch.step, Touch.state)
    )
    for sequence, step, state, number in tx.conn.execute(found):
        states[sequence][step][state] = number
    mails = variants.by_step(tx)
    told = {}
    for key in wanted:
        names = {*states[key], *(step for sequence, step in mails if sequence == key)}
        steps = {step: Counts(*mails.get((key, step), (0, 0, 0)), states[key][step]) for step in names}
        told[key] = Results(key, active.get(key, 0), begun.get(key, 0), _sum(steps.values()), steps)
    return told


def _sum(steps: Iterable[Counts]) -> Counts:
    states: dict[str, int] = defaultdict(int)
    sent = replied = met = 0
    for each in steps:
        sent, replied, met = sent + each.sent, replied + each.replied, met + each.met
        for state, number in each.states.items():
            states[state] += number
    return Counts(sent, replied, met, states)


def _by_sequence(tx: Tx, wanted: tuple[str, ...], which: ColumnElement[bool]) -> dict[str, int]:
    found = select(Enrollment.sequence, func.count()).where(Enrollment.sequence.in_(wanted), which)
    return {str(key): number for key, number in tx.conn.execute(found.group_by(Enrollment.sequence))}
