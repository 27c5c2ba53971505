"""Flat lists of what belongs to prospects: meetings, calls, answers, enrollments, events, and who did what.

Each asks for the eyes it is for, and tells rows as they are kept, with reasons as they are packed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, and_, case, cast, func, select

from workflow.errors import NotFound
from workflow.records.base import Moment
from workflow.records.calls import CallField, CallSheet
from workflow.records.models import (
    Answer,
    Call,
    Delivery,
    Enrollment,
    Event,
    History,
    Meeting,
    PlaybookVersion,
    Prospect,
    Source,
    Touch,
)
from workflow.reports import paging

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, SQLColumnExpression

    from workflow.records.db import Record, Tx
    from workflow.reports.paging import Asked, Page, Rows
    from workflow.reports.scope import Viewer


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for; an empty field asks nothing. `since` and `until` bound what a list goes by."""

    prospect: str = ""
    state: str = ""
    sequence: str = ""
    actor: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """What became of one sequence: its enrollments by state, its emails, and what ended it."""

    enrollments: Mapping[str, int]
    emails: Mapping[str, int]
    stops: Mapping[str, int]
    last_started_at: datetime | None


def meetings(tx: Tx, viewer: Viewer, wanted: Wanted, asked: Asked) -> Page:
    """Meetings; `since` and `until` are about their beginning."""
    found = _MEETINGS.where(viewer.sees(), *within(_BEGINS, wanted))
    found = narrowed(found, {Meeting.prospect_id: wanted.prospect, Meeting.state: wanted.state})
    columns = {"starts_at": _BEGINS, "changed_at": Meeting.changed_at, "created_at": Meeting.created_at}
    return paging.page(tx, found, asked, columns, Meeting.id)


def meeting(tx: Tx, meeting_id: str) -> Record:
    """One meeting. Raises NotFound."""
    return _one(tx, _MEETINGS.where(Meeting.id == meeting_id), "meeting")


def meeting_named(tx: Tx, prospect_id: str, uid: str) -> Record:
    """A prospect's meeting by the name that its calendar has for it. Raises NotFound."""
    return _one(tx, _MEETINGS.where(Meeting.prospect_id == prospect_id, Meeting.uid == uid), "meeting")


def calls(tx: Tx, viewer: Viewer, wanted: Wanted, asked: Asked) -> Page:
    """Calls; `since` and `until` are about their end."""
    found = _CALLS.where(viewer.sees(), *within(Call.ended_at, wanted))
    found = narrowed(found, {Call.prospect_id: wanted.prospect, Call.actor: wanted.actor})
    return paging.page(tx, found, asked, {"ended_at": Call.ended_at}, Call.id)


def call(tx: Tx, call_id: str) -> Record:
    """One call. Raises NotFound."""
    return _one(tx, _CALLS.where(Call.id == call_id), "call")


def answers(tx: Tx, prospect_id: str) -> Sequence[Record]:
    """The answers of a prospect that stand, by their questions."""
    found = select(Answer.question, Answer.text, Answer.at).where(Answer.prospect_id == prospect_id)
    return tx.conn.execute(found.order_by(Answer.question)).all()


def enrollments(tx: Tx, viewer: Viewer, wanted: Wanted, asked: Asked) -> Page:
    """Enrollments; `since` and `until` are about their start."""
    found = _ENROLLMENTS.where(viewer.sees(), *within(Enrollment.started_at, wanted))
    by = {
        Enrollment.prospect_id: wanted.prospect,
        Enrollment.state: wanted.state,
        Enrollment.sequence: wanted.sequence,
    }
    return paging.page(tx, narrowed(found, by), asked, {"started_at": Enrollment.started_at}, Enrollment.id)


def enrollment(tx: Tx, enrollment_id: str) -> Record:
    """One enrollment. Raises NotFound."""
    return _one(tx, _ENROLLMENTS.where(Enrollment.id == enrollment_id), "enrollment")


def events(tx: Tx, wanted: Wanted, asked: Asked, source: str = "") -> Page:
    """Events of deliveries; `state` is their outcome, `since` and `until` are about when they were received."""
    found = narrowed(
        _EVENTS.where(*within(Delivery.received_at, wanted)),
        {
            Event.prospect_id: wanted.prospect,
            Event.outcome: wanted.state,
            Event.type: wanted.kind,
            Source.name: source,
        },
    )
    return paging.page(tx, found, asked, {"received_at": Delivery.received_at}, Event.id)


def audit(tx: Tx, viewer: Viewer, wanted: Wanted, asked: Asked) -> Page:
    """Rows of history over all prospects: who did what, and when."""
    by = {History.prospect_id: wanted.prospect, History.actor: wanted.actor, History.kind: wanted.kind}
    found = narrowed(_AUDIT.where(viewer.sees(), *within(History.at, wanted)), by)
    return paging.page(tx, found, asked, {"at": History.at}, _ROW)


def results(tx: Tx, viewer: Viewer) -> Mapping[str, Results]:
    """What became of each sequence that ever began for a prospect the viewer may see."""
    counted: dict[str, dict[str, dict[str, int]]] = {}

    def count(what: str, found: Rows) -> None:
        for sequence, word, number in tx.conn.execute(found.join(Prospect).where(viewer.sees())):
            counted.setdefault(sequence, {}).setdefault(what, {})[word] = number

    count("enrollments", _counted(Enrollment.sequence, Enrollment.state))
    count("emails", _counted(Touch.sequence, Touch.state).where(Touch.kind == "email"))
    count("stops", _counted(Enrollment.sequence, _STOPPED_BY).where(_STOPPED_BY.is_not(None)))
    started = (
        select(Enrollment.sequence, func.max(Enrollment.started_at, type_=Moment()).label("at"))
        .join(Prospect)
        .where(viewer.sees())
        .group_by(Enrollment.sequence)
    )
    last = {row.sequence: row.at for row in tx.conn.execute(started)}
    empty: dict[str, int] = {}
    return {
        key: Results(told.get("enrollments", empty), told.get("emails", empty), told.get("stops", empty), last.get(key))
        for key, told in counted.items()
    }


def narrowed(found: Rows, by: Mapping[Any, str]) -> Rows:
    """`found` where these columns have these values; an empty value asks nothing."""
    return found.where(*(column == value for column, value in by.items() if value))


def within(column: SQLColumnExpression[Any], wanted: Wanted) -> list[ColumnElement[bool]]:
    """The conditions that hold `column` between `since` and `until`."""
    bounds = []
    if wanted.since is not None:
        bounds.append(column >= wanted.since)
    if wanted.until is not None:
        bounds.append(column < wanted.until)
    return bounds


STOP_WORDS: Final = ("reply", "bounce", "complaint", "unsubscribe", "meeting", "close")
_STOPPED_BY: Final = case(*((Enrollment.reason.startswith(f'["stop.{word}"'), word) for word in STOP_WORDS), else_=None)
# A meeting without a known time stands where it was heard of.
_BEGINS: Final = func.coalesce(Meeting.starts_at, Meeting.created_at, type_=Moment())
_ROW: Final = History.prospect_id.concat(" ").concat(func.substr("000000000" + cast(History.version, Text), -9))
_MEETINGS: Final = select(
    Meeting.id, Meeting.prospect_id, Meeting.uid, Meeting.state, Meeting.starts_at, Meeting.ends_at, Meeting.place,
    Meeting.reason, Meeting.changed_at, Meeting.created_at,
).join(Prospect, Prospect.id == Meeting.prospect_id)  # fmt: skip
_CALLS: Final = (
    select(
        Call.id, Call.prospect_id, Call.ended_at, Call.minutes, Call.notes, Call.actor, CallSheet.planned_minutes,
        CallSheet.script, CallField.text.label("path"),
    )
    .join(Prospect, Prospect.id == Call.prospect_id)
    .outerjoin(CallSheet, CallSheet.call_id == Call.id)
    .outerjoin(CallField, and_(CallField.sheet_id == CallSheet.id, CallField.name == "path"))
)  # fmt: skip
_ENROLLMENTS: Final = (
    select(
        Enrollment.id, Enrollment.prospect_id, Enrollment.sequence, Enrollment.state, Enrollment.cause,
        Enrollment.reason, Enrollment.started_at, Enrollment.ended_at, Enrollment.meeting_id,
        PlaybookVersion.number.label("playbook_version"),
    )
    .join(Prospect, Prospect.id == Enrollment.prospect_id)
    .join(PlaybookVersion, PlaybookVersion.digest == Enrollment.playbook_digest)
)  # fmt: skip
_EVENTS: Final = (
    select(
        Event.id, Event.event_id, Event.delivery_id, Source.name.label("source"), Delivery.received_at, Event.type,
        Event.outcome, Event.stage, Event.reason, Event.prospect_id, Event.occurred_at, Event.attempts,
        Event.next_attempt_at,
    )
    .join(Delivery, Delivery.id == Event.delivery_id)
    .join(Source, Source.id == Event.source_id)
)  # fmt: skip
_AUDIT: Final = select(
    History.prospect_id, History.version, History.at, History.occurred_at, History.kind, History.actor, History.cause,
    History.from_stage, History.to_stage, History.reason, History.changes, History.detail,
).join(Prospect, Prospect.id == History.prospect_id)  # fmt: skip


def _counted(sequence: SQLColumnExpression[str], word: SQLColumnExpression[Any]) -> Rows:
    return select(sequence, word, func.count()).group_by(sequence, word)


def _one(tx: Tx, found: Rows, what: str) -> Record:
    row = tx.conn.execute(found).one_or_none()
    if row is None:
        raise NotFound(f"There is no such {what}: check the id.")
    return row
