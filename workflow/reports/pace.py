"""How fast prospects move: the time spent in each stage, the deals won by week, and the days from entry to a deal.

Stays and closings of a period, whenever their prospects entered. Definitions for users stand in docs/analytics.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.records.models import Prospect
from workflow.records.stays import Stay
from workflow.reports.asked import later_than, of_prospects, of_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.playbook.schema import Stage
    from workflow.records.db import Tx
    from workflow.reports.asked import Asked
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

FEWEST: Final = 10
"""Stays, or deals, that must have ended before a median is told."""
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Stayed:
    """The stays in one stage that ended within the period: half took `median` hours or less, nine of ten `p90`."""

    stage: Stage
    count: int
    median: int | None
    p90: int | None


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days that ended with the reader's now, or a whole number of weeks before: closed as won, and otherwise."""

    begins: datetime
    won: int
    ended: int


@dataclass(frozen=True, slots=True)
class Velocity:
    """Deals of the period and of as many days before it. Hours count from the entry of a prospect to the deal."""

    won: int
    ended: int
    won_before: int
    median: int | None
    p90: int | None
    median_before: int | None
    weeks: tuple[Week, ...]
    days: int

    @property
    def a_week(self) -> float:
        """Deals won a week, on average."""
        return self.won * 7 / self.days


def time_in_stage(ws: Workspace, tx: Tx, viewer: Viewer, asked: Asked) -> tuple[Stayed, ...]:
    """Each open stage of the playbook in force, in its order."""
    found = (
        select(Stay.stage, Stay.hours, func.count())
        .where(later_than(Stay.left_at, asked.since(tx)), *of_rows(viewer, asked, Stay))
        .group_by(Stay.stage, Stay.hours)
    )
    took: dict[str, Counter[int]] = defaultdict(Counter)
    for stage, hours, count in tx.conn.execute(found):
        took[stage][hours] += count
    stages = (stage for stage in ws.playbooks.in_force(tx).stages.values() if not stage.final)
    return tuple(_stayed(stage, took[stage.key]) for stage in stages)


def velocity(tx: Tx, viewer: Viewer, asked: Asked) -> Velocity:
    """How many deals were closed, and how long those that were won took."""
    since, span = asked.since(tx), timedelta(days=asked.days)
    columns = (Prospect.outcome, Prospect.entered_stage_at, Prospect.created_at)
    closed = (
        select(*columns)
        .where(Prospect.outcome.is_not(None), Prospect.entered_stage_at > since - span)
        .where(*of_prospects(viewer, asked))
    )
    took: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    weeks: Counter[tuple[int, bool]] = Counter()
    for outcome, at, created in tx.conn.execute(closed):
        now, won = at > since, outcome == "won"
        if now:
            weeks[max(tx.now - at, timedelta()) // _WEEK, won] += 1
        if won:
            took[now][max(int((at - created).total_seconds() // 3600), 0)] += 1
    told = tuple(
        Week(tx.now - _WEEK * (number + 1), weeks[number, True], weeks[number, False])
        for number in reversed(range(-(-asked.days // 7)))
    )
    enough = {now: hours if hours.total() >= FEWEST else Counter() for now, hours in took.items()}
    return Velocity(
        won=took[True].total(),
        ended=sum(week.ended for week in told),
        won_before=took[False].total(),
        median=rank(enough[True], 0.5),
        p90=rank(enough[True], 0.9),
        median_before=rank(enough[False], 0.5),
        weeks=told,
        days=asked.days,
    )


def rank(counts: Mapping[int, int], part: float) -> int | None:
    """The smallest value that at least `part` of all reach or stay below (nearest rank); None of nothing."""
    wanted = -(-sum(counts.values()) * round(part * 100) // 100)
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return None


def slowest(stages: Sequence[Stayed]) -> Stayed | None:
    """The stage that takes longest by its median, where one is known."""
    known = [each for each in stages if each.median is not None]
    return max(known, key=lambda each: each.median or 0, default=None)


def _stayed(stage: Stage, hours: Counter[int]) -> Stayed:
    count = hours.total()
    known = hours if count >= FEWEST else Counter()
    return Stayed(stage, count, rank(known, 0.5), rank(known, 0.9))
