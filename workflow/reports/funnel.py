"""The funnel of those who entered within a period: how far each came, and what became of them. Lost deals count.

Reads the history, so that a stage that was reached once stays reached. Definitions for users stand in
docs/analytics.md. Does not judge by words: `leak` names a step, the page says the sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, case, func, select

from workflow.records.models import History, Prospect
from workflow.reports import filters

if TYPE_CHECKING:
    from datetime import timedelta

    from workflow.playbook.schema import Stage
    from workflow.records.db import Tx
    from workflow.reports.filters import Wanted
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

FEWEST: Final = 20
"""Prospects that must have reached a stage before anything is said of the step behind it."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One open stage: how many of the cohort came at least this far, and how many of them went further.

    `stayed` came no further and are open, `ended` were closed from here without being won, `won` were won from here.
    """

    stage: Stage
    came: int
    further: int
    stayed: int
    ended: int
    won: int

    @property
    def share(self) -> float:
        """Of those who came here, the part that went further or was won."""
        return (self.further + self.won) / self.came if self.came else 0.0


@dataclass(frozen=True, slots=True)
class Funnel:
    """Everybody who entered within the period, by the furthest open stage that each has been in."""

    entered: int
    stages: tuple[Reached, ...]
    won: int

    @property
    def leak(self) -> Reached | None:
        """The stage that the smallest part of its prospects left ahead; None where all are too few to say."""
        enough = [each for each in self.stages if each.came >= FEWEST]
        return min(enough, key=lambda each: each.share, default=None)


def funnel(ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted, span: timedelta) -> Funnel:
    """The funnel of the prospects the viewer may see that were written down within the last `span`."""
    book = ws.playbooks.in_force(tx)
    stages = [stage for stage in book.stages.values() if not stage.final]
    # A stage of an older playbook that is no more says nothing about how far one came in this one.
    place = case({stage.key: number for number, stage in enumerate(stages)}, value=History.to_stage, else_=0)
    final = [stage.key for stage in book.stages.values() if stage.final]
    cohort = (
        select(
            func.coalesce(func.max(place), 0).label("furthest"),
            case((Prospect.stage.in_(final), func.coalesce(Prospect.outcome, "")), else_="open").label("fate"),
        )
        .select_from(Prospect)
        .outerjoin(History, and_(History.prospect_id == Prospect.id, History.to_stage.is_not(None)))
        .where(Prospect.created_at > tx.now - span, *filters.which(ws, tx, viewer, wanted))
        .group_by(Prospect.id, Prospect.stage, Prospect.outcome)
        .subquery()
    )
    counts = select(cohort.c.furthest, cohort.c.fate, func.count()).group_by(cohort.c.furthest, cohort.c.fate)
    return _added([(row[0], row[1], row[2]) for row in tx.conn.execute(counts)], stages)


def _added(counts: list[tuple[int, str, int]], stages: list[Stage]) -> Funnel:
    found = []
    for number, stage in enumerate(stages):
        here = [(fate, count) for furthest, fate, count in counts if furthest == number]
        further = sum(count for furthest, _, count in counts if furthest > number)
        stayed = sum(count for fate, count in here if fate == "open")
        won = sum(count for fate, count in here if fate == "won")
        ended = sum(count for _, count in here) - stayed - won
        found.append(Reached(stage, further + stayed + won + ended, further, stayed, ended, won))
    return Funnel(sum(count for _, _, count in counts), tuple(found), sum(each.won for each in found))
