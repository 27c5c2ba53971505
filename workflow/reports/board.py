"""The board: how many prospects stand in each stage, and the cards of those that came there last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, select, true, union_all

from workflow.records.models import Enrollment, Prospect, Rep
from workflow.reports import filters, steps
from workflow.reports.scope import owners, unerased

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.playbook.schema import Stage
    from workflow.records.db import Record, Tx
    from workflow.reports.filters import Wanted
    from workflow.reports.scope import Viewer
    from workflow.reports.steps import Next
    from workflow.workspace import Workspace

CARDS: Final = 20
MOST: Final = 200
SEARCHED: Final = 200
"""So many of those whom a search finds are on the board; the list has all of them."""
_LATELY: Final = timedelta(days=30)
_NONE: Final = (0, 0)


@dataclass(frozen=True, slots=True)
class Card:
    """One prospect on the board."""

    id: str
    version: int
    name: str
    company: str
    title: str
    email: str
    stage: str
    outcome: str | None
    outcome_reason: str | None
    entered_at: datetime
    here: timedelta
    stalled: bool
    next: Next | None
    failed: bool
    suppressed: str | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A stage with its newest cards. `median`: how long half of its prospects have been there; `won` counts lately.

    `stalled` counts those who have been there longer than the stage allows.
    """

    stage: Stage
    count: int
    cards: tuple[Card, ...]
    median: timedelta | None
    won: int | None
    stalled: int = 0

    @property
    def more(self) -> int:
        """How many cards are not shown."""
        return self.count - len(self.cards)


@dataclass(frozen=True, slots=True)
class _Places:
    """Conditions that together find all who are wanted, each of them once."""

    which: tuple[ColumnElement[bool], ...]
    everybody: bool = False


def columns(
    ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted, *, more: Mapping[str, int] | None = None
) -> tuple[Column, ...]:
    """Every stage of the playbook with those who are wanted; `more` asks for longer columns by stage."""
    return _columns(ws, tx, viewer, wanted, tuple(ws.playbooks.in_force(tx).stages.values()), more or {})


def column(ws: Workspace, tx: Tx, viewer: Viewer, stage: Stage, wanted: Wanted, *, limit: int = CARDS) -> Column:
    """One stage of the board."""
    return _columns(ws, tx, viewer, wanted, (stage,), {stage.key: limit})[0]


def _columns(
    ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted, stages: tuple[Stage, ...], more: Mapping[str, int]
) -> tuple[Column, ...]:
    if wanted.search:
        return _of_rows(ws, tx, stages, _searched(ws, tx, viewer, wanted), more)
    found = and_(true(), *filters.which(ws, tx, viewer, wanted))
    places = _places(tx, viewer, wanted, found)
    numbers = _numbers(ws, tx, places, stages)
    rows = _newest(tx, found, [stage for stage in stages if stage.key in numbers], more)
    medians = _medians(tx, places, [stage for stage in stages if stage.key in numbers and not stage.final], numbers)
    won = _won(tx, found, [stage for stage in stages if stage.final])
    # What comes next is asked once for all of them.
    drawn = iter(cards(ws, tx, [row for stage in stages for row in rows.get(stage.key, ())]))
    told = []
    for stage in stages:
        count, stalled = numbers.get(stage.key, _NONE)
        some = tuple(islice(drawn, len(rows.get(stage.key, ()))))
        told.append(Column(stage, count, some, medians.get(stage.key), won.get(stage.key), stalled))
    return tuple(told)


CARD: Final = select(
    Prospect.id, Prospect.version, Prospect.name, Prospect.company, Prospect.title, Prospect.email, Prospect.email_key,
    Prospect.stage, Prospect.outcome, Prospect.outcome_reason, Prospect.entered_stage_at, Rep.name.label("owner"),
).outerjoin(Rep, Rep.id == Prospect.owner_id)  # fmt: skip


def cards(ws: Workspace, tx: Tx, rows: Sequence[Record]) -> tuple[Card, ...]:
    """The cards of these prospects, in their order."""
    known = [row.id for row in rows]
    waiting = steps.of_prospects(ws, tx, known) if known else {}
    silent = steps.suppressed(tx, (row.email_key for row in rows))
    failed = _failed(tx, known)
    stages = ws.playbooks.in_force(tx).stages
    return tuple(
        _card(stages, tx.now, row, waiting[row.id], silent.get(row.email_key), failed=row.id in failed) for row in rows
    )


def _searched(ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted) -> Sequence[Record]:
    """Of those whom a search finds the newest, read at once: each column would look through everybody anew."""
    newest = CARD.where(*filters.which(ws, tx, viewer, wanted))
    newest = newest.order_by(Prospect.created_at.desc(), Prospect.id.desc()).limit(SEARCHED)
    return tx.conn.execute(newest).all()


def _of_rows(
    ws: Workspace, tx: Tx, stages: Sequence[Stage], rows: Sequence[Record], more: Mapping[str, int]
) -> tuple[Column, ...]:
    """The columns of prospects that are read already."""
    limits = _limits(ws, tx)
    by_stage: dict[str, list[Record]] = {stage.key: [] for stage in stages}
    for row in sorted(rows, key=lambda row: (row.entered_stage_at, row.id), reverse=True):
        by_stage.get(row.stage, []).append(row)
    shown = {key: each[: _most(more.get(key, CARDS))] for key, each in by_stage.items()}
    drawn = iter(cards(ws, tx, [row for each in shown.values() for row in each]))
    told = []
    for stage in stages:
        here, median, won = by_stage[stage.key], None, None
        if stage.final:
            won = sum(row.outcome == "won" and row.entered_stage_at >= tx.now - _LATELY for row in here)
        elif here:
            # As `_column` finds it: the one in the middle, the newer of two.
            median = tx.now - here[-1 - len(here) // 2].entered_stage_at
        late = limits.get(stage.key)
        stalled = sum(row.entered_stage_at < late for row in here) if late is not None else 0
        some = tuple(islice(drawn, len(shown[stage.key])))
        told.append(Column(stage, len(here), some, median, won, stalled))
    return tuple(told)


def _places(tx: Tx, viewer: Viewer, wanted: Wanted, found: ColumnElement[bool]) -> _Places:
    """Where to count: owner by owner along their index, or everybody along one that has nobody else.

    What is asked for beyond owners is in neither, and counted as `found` says it.
    """
    if wanted.source or wanted.persona or wanted.stalled or unerased(tx):
        return _Places((found,))
    if wanted.owner and not wanted.mine and not viewer.sees_everyone:
        return _Places((found,))
    told = owners(tx, viewer, own=wanted.mine)
    if told is None and not wanted.owner:
        return _Places((found,), everybody=True)
    if told is None:
        told = (None,) if wanted.owner == filters.NOBODYS else (wanted.owner,)
    return _Places(tuple(and_(Prospect.owner_id == each, Prospect.merged_into.is_(None)) for each in told))


def _numbers(ws: Workspace, tx: Tx, places: _Places, stages: Sequence[Stage]) -> Mapping[str, tuple[int, int]]:
    """By stage, how many there are and how many of them are stalled; stages with nobody are left out."""
    limits = _limits(ws, tx)
    if places.everybody:
        # No value is read from an index that has nobody else, and nobody is counted twice.
        told = union_all(*(_number(places.which[0], stage.key, limits.get(stage.key)) for stage in stages))
        rows = [(row.stage, row.stalled + row.others, row.stalled) for row in tx.conn.execute(told)]
    else:
        late = case(
            *((and_(Prospect.stage == key, Prospect.entered_stage_at < limit), 1) for key, limit in limits.items()),
            else_=0,
        )
        stalled = func.sum(late) if limits else literal(0)
        counts = select(Prospect.stage, func.count().label("number"), stalled.label("stalled"))
        counts = counts.where(Prospect.stage == stages[0].key) if len(stages) == 1 else counts
        each = union_all(*(counts.where(place).group_by(Prospect.stage) for place in places.which))
        rows = [(row.stage, int(row.number), int(row.stalled)) for row in tx.conn.execute(each)]
    found: dict[str, tuple[int, int]] = {}
    for key, number, late_ones in rows:
        before = found.get(key, _NONE)
        if number:
            found[key] = (before[0] + number, before[1] + late_ones)
    return found


def _number(found: ColumnElement[bool], stage: str, limit: datetime | None) -> Select[str, int, int]:
    here = select(func.count()).select_from(Prospect).where(found, Prospect.stage == stage)
    late = select(literal(0)) if limit is None else here.where(Prospect.entered_stage_at < limit)
    others = here if limit is None else here.where(Prospect.entered_stage_at >= limit)
    stalled, rest = late.scalar_subquery(), others.scalar_subquery()
    return select(literal(stage).label("stage"), stalled.label("stalled"), rest.label("others"))


def _limits(ws: Workspace, tx: Tx) -> Mapping[str, datetime]:
    """By stage, since when one must have been there to be stalled."""
    return {
        stage.key: tx.now - stage.stalled_after
        for stage in ws.playbooks.in_force(tx).stages.values()
        if stage.stalled_after is not None and not stage.final
    }


def _most(limit: int) -> int:
    return min(max(limit, 1), MOST)


def _newest(
    tx: Tx, found: ColumnElement[bool], stages: Sequence[Stage], more: Mapping[str, int]
) -> Mapping[str, Sequence[Record]]:
    """The newest of each stage, all of them in one question."""
    if not stages:
        return {}
    some = (
        CARD.where(found, Prospect.stage == stage.key)
        .order_by(Prospect.entered_stage_at.desc(), Prospect.id.desc())
        .limit(_most(more.get(stage.key, CARDS)))
        .subquery()
        for stage in stages
    )
    rows: dict[str, list[Record]] = {stage.key: [] for stage in stages}
    for row in tx.conn.execute(union_all(*(select(each) for each in some))):
        rows[row.stage].append(row)
    for each in rows.values():
        each.sort(key=lambda row: (row.entered_stage_at, row.id), reverse=True)
    return rows


def _medians(
    tx: Tx, places: _Places, stages: Sequence[Stage], numbers: Mapping[str, tuple[int, int]]
) -> Mapping[str, timedelta]:
    """How long half of those in each stage have been there."""
    if not stages:
        return {}
    found = union_all(*(_middle(places, stage.key, numbers[stage.key][0] // 2) for stage in stages))
    return {row.stage: tx.now - row.since for row in tx.conn.execute(found)}


def _middle(places: _Places, stage: str, at: int) -> Select[str, datetime]:
    times = (select(Prospect.entered_stage_at).where(place, Prospect.stage == stage) for place in places.which)
    # Each is sorted in its index already, so that they need only be merged.
    merged = union_all(*times).subquery()
    half = select(merged.c.entered_stage_at).order_by(merged.c.entered_stage_at).offset(at).limit(1).subquery()
    return select(literal(stage).label("stage"), half.c.entered_stage_at.label("since"))


def _won(tx: Tx, found: ColumnElement[bool], stages: Sequence[Stage]) -> Mapping[str, int]:
    """How many came to each of these final stages of late, and were won."""
    told = {stage.key: 0 for stage in stages}
    lately = and_(Prospect.outcome == "won", Prospect.entered_stage_at >= tx.now - _LATELY)
    of_these = Prospect.stage.in_(tuple(told))
    counts = select(Prospect.stage, func.count().label("number")).where(found, lately, of_these)
    for row in tx.conn.execute(counts.group_by(Prospect.stage)) if told else ():
        told[row.stage] = row.number
    return told


def _card(
    stages: Mapping[str, Stage],
    now: datetime,
    row: Record,
    waiting: tuple[Next, ...],
    silent: str | None,
    *,
    failed: bool,
) -> Card:
    stage = stages.get(row.stage)
    limit = stage.stalled_after if stage else None
    here = now - row.entered_stage_at
    return Card(
        id=row.id,
        version=row.version,
        name=row.name,
        company=row.company,
        title=row.title,
        email=row.email,
        stage=row.stage,
        outcome=row.outcome,
        outcome_reason=row.outcome_reason,
        entered_at=row.entered_stage_at,
        here=here,
        stalled=limit is not None and here > limit,
        next=next((step for step in waiting if step.kind == "uncertain"), waiting[0] if waiting else None),
        failed=failed,
        suppressed=silent,
        owner=row.owner,
    )


def _failed(tx: Tx, known: Sequence[str]) -> frozenset[str]:
    """Those whose latest sequence ended because an email could not be sent."""
    rows = tx.conn.execute(
        select(Enrollment.prospect_id, Enrollment.state)
        .where(Enrollment.prospect_id.in_(known))
        .order_by(Enrollment.prospect_id, Enrollment.started_at, Enrollment.id)
    )
    latest = {row.prospect_id: row.state for row in rows}
    return frozenset(each for each, state in latest.items() if state == "failed")
