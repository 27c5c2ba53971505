"""The board: how many prospects stand in each stage, and the cards of those that came there last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, select, true, union_all

from workflow.records.models import Enrollment, Prospect, Rep
from workflow.reports import filters, steps

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


def columns(
    ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted, *, more: Mapping[str, int] | None = None
) -> tuple[Column, ...]:
    """Every stage of the playbook with those who are wanted; `more` asks for longer columns by stage."""
    stages = tuple(ws.playbooks.in_force(tx).stages.values())
    if wanted.search:
        return _of_rows(ws, tx, stages, _searched(ws, tx, viewer, wanted), more or {})
    conditions = filters.which(ws, tx, viewer, wanted)
    found = and_(true(), *conditions)
    numbers = _numbers(ws, tx, found, all_of_it=len(conditions) == 1 and viewer.sees_everyone and not wanted.mine)
    rows = {
        stage.key: _newest(tx, found, stage, numbers.get(stage.key, _NONE)[0], (more or {}).get(stage.key, CARDS))
        for stage in stages
    }
    # What comes next is asked once for all of them.
    drawn = iter(cards(ws, tx, [row for each in rows.values() for row in each]))
    return tuple(
        _column(tx, stage, found, numbers.get(stage.key, _NONE), tuple(islice(drawn, len(rows[stage.key]))))
        for stage in stages
    )


def column(ws: Workspace, tx: Tx, viewer: Viewer, stage: Stage, wanted: Wanted, *, limit: int = CARDS) -> Column:
    """One stage of the board."""
    if wanted.search:
        rows = [row for row in _searched(ws, tx, viewer, wanted) if row.stage == stage.key]
        return _of_rows(ws, tx, (stage,), rows, {stage.key: limit})[0]
    found = and_(true(), *filters.which(ws, tx, viewer, wanted))
    numbers = _numbers(ws, tx, and_(found, Prospect.stage == stage.key), all_of_it=False).get(stage.key, _NONE)
    return _column(tx, stage, found, numbers, cards(ws, tx, _newest(tx, found, stage, numbers[0], limit)))


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


def _numbers(ws: Workspace, tx: Tx, found: ColumnElement[bool], *, all_of_it: bool) -> Mapping[str, tuple[int, int]]:
    """By stage, how many there are and how many of them are stalled: one walk along an index that holds all of it.

    With `all_of_it` nothing is asked but that they were not merged: that index has no others, and need not be read.
    """
    limits = _limits(ws, tx)
    if all_of_it:
        told = union_all(
            *(_number(found, stage, limits.get(stage)) for stage in ws.playbooks.in_force(tx).stages),
        )
        return {row.stage: (row.number, row.stalled) for row in tx.conn.execute(told)}
    late = case(
        *((and_(Prospect.stage == key, Prospect.entered_stage_at < limit), 1) for key, limit in limits.items()), else_=0
    )
    stalled = func.sum(late) if limits else literal(0)
    counts = select(Prospect.stage, func.count().label("number"), stalled.label("stalled")).where(found)
    return {row.stage: (int(row.number), int(row.stalled)) for row in tx.conn.execute(counts.group_by(Prospect.stage))}


def _number(found: ColumnElement[bool], stage: str, limit: datetime | None) -> Select[tuple[str, int, int]]:
    here = select(func.count()).select_from(Prospect).where(found, Prospect.stage == stage)
    late = select(literal(0)) if limit is None else here.where(Prospect.entered_stage_at < limit)
    number, stalled = here.scalar_subquery(), late.scalar_subquery()
    return select(literal(stage).label("stage"), number.label("number"), stalled.label("stalled"))


def _limits(ws: Workspace, tx: Tx) -> Mapping[str, datetime]:
    """By stage, since when one must have been there to be stalled."""
    return {
        stage.key: tx.now - stage.stalled_after
        for stage in ws.playbooks.in_force(tx).stages.values()
        if stage.stalled_after is not None and not stage.final
    }


def _most(limit: int) -> int:
    return min(max(limit, 1), MOST)


def _newest(tx: Tx, found: ColumnElement[bool], stage: Stage, count: int, limit: int) -> Sequence[Record]:
    if not count:
        return ()
    newest = CARD.where(found, Prospect.stage == stage.key)
    newest = newest.order_by(Prospect.entered_stage_at.desc(), Prospect.id.desc())
    return tx.conn.execute(newest.limit(_most(limit))).all()


def _column(
    tx: Tx, stage: Stage, found: ColumnElement[bool], numbers: tuple[int, int], shown: tuple[Card, ...]
) -> Column:
    count, stalled = numbers
    here = and_(found, Prospect.stage == stage.key)
    median = won = None
    if stage.final:
        lately = and_(here, Prospect.outcome == "won", Prospect.entered_stage_at >= tx.now - _LATELY)
        won = tx.conn.execute(select(func.count()).select_from(Prospect).where(lately)).scalar_one()
    elif count:
        half = select(Prospect.entered_stage_at).where(here).order_by(Prospect.entered_stage_at)
        median = tx.now - tx.conn.execute(half.offset(count // 2).limit(1)).scalar_one()
    return Column(stage, count, shown, median, won, stalled)


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
