"""The cohort of those who entered within a period: how far each came, and what became of them. Lost deals count.

One statement counts it, along an index that carries all it needs; the funnel, the sources and the reps are sums of its
groups, so that their numbers agree. Definitions for users stand in docs/analytics.md. Says no words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.engine.signals import BOOKED, REPLIED
from workflow.records.models import Prospect
from workflow.reports.asked import TEAM, later_than, of_prospects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from workflow.playbook.schema import Playbook, Stage
    from workflow.records.db import Tx
    from workflow.reports.asked import Asked
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

FEWEST: Final = 20
"""Prospects that must have reached a stage, or come from a source or rep, before anything is said of it."""
OPEN: Final = "open"
WON: Final = "won"
REST: Final = "team"
"""Stands for all other reps where a rep sees the totals of the team."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many prospects that have the same marks, fate (`open`, or the outcome), owner and origin."""

    marks: frozenset[str]
    fate: str
    owner_id: str | None
    origin: str
    count: int


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


@dataclass(frozen=True, slots=True)
class Fared:
    """How the prospects of one source or rep fared. `ended` were closed without being won."""

    key: str
    entered: int
    replied: int
    met: int
    open: int
    won: int
    ended: int

    @property
    def share(self) -> float | None:
        """Of those that were closed, the part that was won; None where none was closed."""
        closed = self.won + self.ended
        return self.won / closed if closed else None


def cohort(ws: Workspace, tx: Tx, viewer: Viewer, asked: Asked) -> tuple[Group, ...]:
    """Those who entered within the period, in groups."""
    book = ws.playbooks.in_force(tx)
    alike = (Prospect.reached, Prospect.stage, Prospect.outcome, Prospect.owner_id, Prospect.origin)
    found = (
        select(*alike, func.count())
        .where(later_than(Prospect.created_at, asked.since(tx)), *of_prospects(viewer, asked))
        .group_by(*alike)
    )
    return tuple(
        Group(frozenset(reached.split()), (outcome or "") if book.is_final(stage) else OPEN, owner_id, origin, count)
        for reached, stage, outcome, owner_id, origin, count in tx.conn.execute(found)
    )


def funnel(book: Playbook, groups: Iterable[Group]) -> Funnel:
    """How far they came, by the stages of `book`. A stage that it names no more counts as the first."""
    stages = [stage for stage in book.stages.values() if not stage.final]
    place = {stage.key: number for number, stage in enumerate(stages)}
    counts: Counter[tuple[int, str]] = Counter()
    for each in groups:
        furthest = max((place[mark] for mark in each.marks if mark in place), default=0)
        fate = each.fate if each.fate in (OPEN, WON) else ""
        counts[furthest, fate] += each.count
    found = []
    further = counts.total()
    for number, stage in enumerate(stages):
        came = further
        stayed, ended, won = (counts[number, fate] for fate in (OPEN, "", WON))
        further = came - stayed - ended - won
        found.append(Reached(stage, came, further, stayed, ended, won))
    return Funnel(counts.total(), tuple(found), sum(each.won for each in found))


def total(groups: Iterable[Group]) -> Fared:
    """All of them together."""
    return next(iter(_fared(groups, lambda _each: "")), Fared("", 0, 0, 0, 0, 0, 0))


def by_source(groups: Iterable[Group]) -> tuple[Fared, ...]:
    """How those fared whom each source brought, the largest first."""
    return _fared(groups, lambda each: each.origin)


def by_rep(groups: Iterable[Group], viewer: Viewer, asked: Asked) -> tuple[Fared, ...]:
    """How those of each rep fared, the largest first; an empty key has those of nobody.

    A rep who asks for the totals of the team gets their own beside one row for all the others together.
    """
    hides = asked.owner == TEAM and not viewer.sees_everyone

    def key(each: Group) -> str:
        owner = each.owner_id or ""
        return REST if hides and owner != viewer.rep_id else owner

    return _fared(groups, key)


def _fared(groups: Iterable[Group], key: Callable[[Group], str]) -> tuple[Fared, ...]:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for each in groups:
        mine = sums[key(each)]
        mine["entered"] += each.count
        mine[each.fate if each.fate in (OPEN, WON) else "ended"] += each.count
        mine["replied"] += each.count if REPLIED in each.marks else 0
        mine["met"] += each.count if BOOKED in each.marks else 0
    rows = (
        Fared(name, mine["entered"], mine["replied"], mine["met"], mine[OPEN], mine[WON], mine["ended"])
        for name, mine in sums.items()
    )
    return tuple(sorted(rows, key=lambda row: (-row.entered, row.key)))
