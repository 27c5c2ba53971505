"""What needs a person today: emails nobody is sure about, tasks, failures, stalled prospects; and what leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, func, literal, select

from workflow.records.models import (
    IN_HANDS,
    Delivery,
    Enrollment,
    Event,
    History,
    Mailbox,
    Meeting,
    Message,
    Prospect,
    Touch,
)
from workflow.records.prepared import one_of
from workflow.reports import attention as attention_list
from workflow.reports import board, filters, steps
from workflow.wanted import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from workflow.playbook.schema import Step
    from workflow.records.db import Record, Tx
    from workflow.reports.board import Card
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

LISTED: Final = 50
_AHEAD: Final = 6
_DONE: Final = 8
_FAILED_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Item:
    """An email or task with the person it is about."""

    id: str
    kind: str
    state: str
    at: datetime
    step: Step | None
    key: str
    sequence: str
    subject: str | None
    recipient: str | None
    reason: str | None
    prospect_id: str
    name: str
    company: str
    title: str
    email: str
    stage: str


@dataclass(frozen=True, slots=True)
class Attention:
    """The numbers beside the navigation; `needs` is that of the list of what needs a person."""

    today: int
    needs: int
    dead: int


@dataclass(frozen=True, slots=True)
class Today:
    """The day of one rep."""

    tasks: tuple[Item, ...]
    uncertain: tuple[Item, ...]
    failed: tuple[Item, ...]
    stalled: tuple[Card, ...]
    leaving: tuple[Item, ...]
    meetings: tuple[Record, ...]
    paused: tuple[Record, ...]


def attention(tx: Tx, viewer: Viewer, until: datetime) -> Attention:
    """What waits for this person, counted: uncertain emails, tasks due before `until`, dead letters of late."""
    touches = select(func.count()).select_from(Touch).join(Prospect, Prospect.id == Touch.prospect_id)
    tasks, unsure = (
        tx.conn.execute(touches.where(viewer.sees(), waits)).scalar_one() for waits in (_due_task(until), _unsure())
    )
    lately = (Delivery.status == "dead", Delivery.received_at > until - _FAILED_FOR)
    dead = tx.conn.execute(select(func.count()).select_from(Delivery).where(*lately)).scalar_one()
    events = select(func.count()).select_from(Event).join(Delivery, Delivery.id == Event.delivery_id)
    dead += tx.conn.execute(events.where(GIVEN_UP, Delivery.received_at > until - _FAILED_FOR)).scalar_one()
    return Attention(today=tasks + unsure, needs=attention_list.number(tx, viewer), dead=dead)


def today(ws: Workspace, tx: Tx, viewer: Viewer, until: datetime) -> Today:
    """The day of this person; `until` is its end by their clock."""
    tasks = _ITEMS.where(viewer.sees(), _due_task(until)).order_by(Touch.next_attempt_at, Touch.id)
    failed = _ITEMS.where(viewer.sees(), _is("failed"), Touch.ended_at > tx.now - _FAILED_FOR)
    leaving = _ITEMS.where(
        viewer.sees(),
        _is("scheduled"),
        Touch.kind == "email",
        Touch.next_attempt_at.is_not(None),
        Touch.asks_since.is_(None),
    )
    paused = select(Mailbox.id, Mailbox.sender, Mailbox.pause_reason, Mailbox.paused_at)
    return Today(
        tasks=_items(ws, tx, tx.conn.execute(tasks.limit(LISTED)).all()),
        uncertain=uncertain(ws, tx, viewer),
        failed=_items(ws, tx, tx.conn.execute(failed.order_by(Touch.ended_at.desc()).limit(LISTED)).all()),
        stalled=_stalled(ws, tx, viewer),
        leaving=_items(ws, tx, tx.conn.execute(leaving.order_by(Touch.next_attempt_at).limit(_AHEAD)).all()),
        meetings=_meetings(tx, viewer),
        paused=tuple(tx.conn.execute(paused.where(Mailbox.state == "paused"))),
    )


def done(tx: Tx, viewer: Viewer, actor: str, since: datetime) -> tuple[Record, ...]:
    """What `actor` did since a moment, with the person it was about, the newest first."""
    told = (
        select(History.at, History.kind, History.to_stage, Prospect.id, Prospect.name, Prospect.company, Prospect.email)
        .join(Prospect, Prospect.id == History.prospect_id)
        .where(viewer.sees(), History.at >= since, History.actor == actor)
        .order_by(History.at.desc(), History.version.desc())
        .limit(_DONE)
    )
    return tuple(tx.conn.execute(told))


def uncertain(ws: Workspace, tx: Tx, viewer: Viewer, *, limit: int = LISTED) -> tuple[Item, ...]:
    """Emails of which nobody knows whether they arrived, the oldest first."""
    rows = tx.conn.execute(_ITEMS.where(viewer.sees(), _unsure()).order_by(Touch.committed_at, Touch.id).limit(limit))
    return _items(ws, tx, rows.all())


_ITEMS: Final = (
    select(
        Touch.id, Touch.kind, Touch.state, Touch.due_at, Touch.next_attempt_at, Touch.committed_at, Touch.ended_at,
        Touch.step, Touch.sequence, Touch.reason, Touch.recipient, Touch.prospect_id, Enrollment.playbook_digest,
        Message.subject, Prospect.name, Prospect.company, Prospect.title, Prospect.email, Prospect.stage,
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .join(Prospect, Prospect.id == Touch.prospect_id)
    .outerjoin(Message, Message.touch_id == Touch.id)
)  # fmt: skip


def _due_task(until: datetime) -> ColumnElement[bool]:
    due = _is("scheduled") & (Touch.kind == "task") & (Touch.next_attempt_at < until)
    # Said once more, in the words of the index.
    return due & Touch.next_attempt_at.is_not(None)


def _is(state: str) -> ColumnElement[bool]:
    """In the text of the statement, because SQLite takes an index of one state for nothing else."""
    return Touch.state == literal(state, literal_execute=True)


def _unsure() -> ColumnElement[bool]:
    return (Touch.state == "uncertain") & one_of(Touch.state, IN_HANDS)


def _items(ws: Workspace, tx: Tx, rows: Sequence[Record]) -> tuple[Item, ...]:
    return tuple(
        Item(
            id=row.id,
            kind=row.kind,
            state=row.state,
            at=(row.committed_at if row.state == "uncertain" else row.ended_at) or row.next_attempt_at or row.due_at,
            step=steps.step_of(ws, tx, row),
            key=row.step,
            sequence=row.sequence,
            subject=row.subject,
            recipient=row.recipient,
            reason=row.reason,
            prospect_id=row.prospect_id,
            name=row.name,
            company=row.company,
            title=row.title,
            email=row.email,
            stage=row.stage,
        )
        for row in rows
    )


def _stalled(ws: Workspace, tx: Tx, viewer: Viewer) -> tuple[Card, ...]:
    """Who has been longer in a stage than it allows, the longest first."""
    rows = tx.conn.execute(
        board.CARD.where(viewer.sees(), filters.stalled(ws, tx))
        .order_by(Prospect.entered_stage_at, Prospect.id)
        .limit(LISTED)
    )
    return board.cards(ws, tx, rows.all())


def _meetings(tx: Tx, viewer: Viewer) -> tuple[Record, ...]:
    ahead = (
        select(Meeting.starts_at, Meeting.place, Prospect.id, Prospect.name, Prospect.company, Prospect.email)
        .join(Prospect, Prospect.id == Meeting.prospect_id)
        .where(viewer.sees(), Meeting.state == "booked", Meeting.starts_at >= tx.now)
        .order_by(Meeting.starts_at)
        .limit(_AHEAD)
    )
    return tuple(tx.conn.execute(ahead))
