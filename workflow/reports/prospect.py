"""One prospect as its page shows it: facts, the way through the stages, what waits, and what has happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import and_, func, or_, select

from workflow import ids
from workflow.errors import NotFound
from workflow.records.models import (
    Enrollment,
    ExternalRef,
    History,
    Meeting,
    Message,
    Prospect,
    Rep,
    Source,
    Touch,
)
from workflow.records.personal import OwnText
from workflow.reports import received, steps, touches
from workflow.reports.scope import prospect_id as visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.playbook.schema import Stage, Step
    from workflow.records.db import Record, Tx
    from workflow.reports.received import Mail
    from workflow.reports.scope import Viewer
    from workflow.reports.touches import Hold
    from workflow.workspace import Workspace

# What such a row says stands in the mail itself; what follows from others, a bounce for instance, is told beside it.
_WORDS_OF_MAIL: Final = frozenset({"email.replied", "email.auto_replied", "meeting.answered"})
ENTRIES: Final = 30
MOST_ENTRIES: Final = 600
SHOWN: Final = ("", "calls", "emails", "changes")
"""What a timeline can be narrowed to; the first is everything."""
_OF_CALLS: Final = or_(History.kind.like("call.%"), History.kind.like("meeting.%"))
_OF_EMAILS: Final = History.kind.like("email.%")
_KINDS: Final = {"calls": _OF_CALLS, "emails": _OF_EMAILS, "changes": and_(~_OF_CALLS, ~_OF_EMAILS)}


@dataclass(frozen=True, slots=True)
class Leg:
    """One stage on the prospect's way: whether it lies behind, is where it stands, or lies ahead.

    `since` is when it was entered last, `spent` the time in it altogether.
    """

    stage: Stage
    place: Literal["past", "here", "ahead"]
    since: datetime | None
    spent: timedelta | None


@dataclass(frozen=True, slots=True)
class Line:
    """An email or task, waiting or ended. `at` is when it is due, or when it ended; one that `asks` came too late."""

    id: str
    kind: str
    state: str
    at: datetime
    step: Step | None
    key: str
    sequence: str
    number: int
    of: int
    reason: str | None
    subject: str | None
    recipient: str | None
    waits: bool
    asks: bool
    hold: Hold | None
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened: a row of history by its `kind`, `email` with its line, or `stopped` for the end of a sequence.

    `mail` is one that was received.
    """

    at: datetime
    kind: str
    actor: str = ""
    from_stage: str | None = None
    to_stage: str | None = None
    said: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    line: Line | None = None
    sequence: str = ""
    reason: str | None = None
    mail: Mail | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest entries, and whether there are older ones."""

    entries: tuple[Entry, ...]
    shown: int
    more: bool
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything about one prospect."""

    facts: Record
    owner: str | None
    suppressed: str | None
    legs: tuple[Leg, ...]
    waiting: tuple[Line, ...]
    meetings: tuple[Record, ...]
    refs: tuple[Record, ...]
    timeline: Timeline


def page(ws: Workspace, tx: Tx, viewer: Viewer, told: str, *, entries: int = ENTRIES, kind: str = "") -> Page:
    """The page of a prospect that the viewer may see, its timeline narrowed to a `kind`. Raises NotFound."""
    known = visible(tx, viewer, told)
    facts = tx.conn.execute(select(*Prospect.__table__.columns).where(Prospect.id == known)).one()
    return Page(
        facts=facts,
        owner=tx.conn.execute(select(Rep.name).where(Rep.id == facts.owner_id)).scalar_one_or_none(),
        suppressed=steps.suppressed(tx, [facts.email_key]).get(facts.email_key),
        legs=_legs(ws, tx, facts),
        waiting=_waiting(ws, tx, known),
        meetings=_meetings(tx, known),
        refs=tuple(tx.conn.execute(_REFS.where(ExternalRef.prospect_id == known))),
        timeline=timeline(ws, tx, known, entries, kind),
    )


def timeline(ws: Workspace, tx: Tx, known: str, entries: int = ENTRIES, kind: str = "") -> Timeline:
    """What happened last, newest first: everything, or what `SHOWN` narrows it to."""
    wanted = min(max(entries, 1), MOST_ENTRIES)
    kind = kind if kind in SHOWN else ""
    with_mail = kind in ("", "emails")
    mail = _received(tx, known, wanted) if with_mail else []
    told = {f"mail:{entry.mail.id}" for _, entry in mail if entry.mail is not None}
    found = [*mail, *_history(tx, known, wanted, told, kind)]
    if with_mail:
        found += _ended(ws, tx, known, wanted) + _stopped(tx, known, wanted)
    found.sort(key=lambda pair: pair[0], reverse=True)
    return Timeline(tuple(entry for _, entry in found[:wanted]), wanted, len(found) > wanted, kind)


def email(ws: Workspace, tx: Tx, viewer: Viewer, touch_id: str) -> tuple[Line, str, bytes]:
    """An email that was written: its line, its prospect, and its bytes. Raises NotFound."""
    found = _LINES.add_columns(Touch.prospect_id).where(Touch.id == touch_id)
    row = tx.conn.execute(found).one_or_none() if ids.is_id(touch_id) else None
    if row is None or row.subject is None:
        raise NotFound("There is no such email: it may not have been written yet.")
    known = visible(tx, viewer, row.prospect_id)
    content = tx.conn.execute(select(Message.content).where(Message.touch_id == row.id)).scalar_one()
    return _line(ws, tx, row), known, content


def line(ws: Workspace, tx: Tx, touch_id: str) -> Line:
    """An email or task as the page of its prospect shows it; whoever asks has looked that it is there."""
    return _line(ws, tx, tx.conn.execute(_LINES.where(Touch.id == touch_id)).one())


_REFS: Final = select(ExternalRef.ref, ExternalRef.object, Source.name).join(Source, Source.id == ExternalRef.source_id)
_LINES: Final = (
    select(
        Touch.id, Touch.kind, Touch.state, Touch.due_at, Touch.next_attempt_at, Touch.sent_at, Touch.committed_at,
        Touch.ended_at, Touch.step, Touch.position, Touch.sequence, Touch.reason, Touch.recipient,
        Enrollment.playbook_digest, Message.subject, Touch.mailbox_id, Touch.forced, Touch.asks_since,
        Message.own_version, OwnText.text.label("own_text"),
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .outerjoin(Message, Message.touch_id == Touch.id)
    .outerjoin(OwnText, OwnText.touch_id == Touch.id)
)  # fmt: skip


def _line(ws: Workspace, tx: Tx, row: Record, hold: Hold | None = None) -> Line:
    sequence = ws.playbooks.version(tx, row.playbook_digest).sequences.get(row.sequence)
    is_open = row.state in steps.OPEN
    ended = row.sent_at or row.ended_at or row.committed_at
    return Line(
        id=row.id,
        kind=row.kind,
        state=row.state,
        at=(row.next_attempt_at or row.due_at) if is_open and row.state != "uncertain" else ended or row.due_at,
        step=steps.step_of(ws, tx, row),
        key=row.step,
        sequence=row.sequence,
        number=row.position + 1,
        of=len(sequence.steps) if sequence else row.position + 1,
        reason=row.reason,
        subject=row.subject,
        recipient=row.recipient,
        waits=row.state == "scheduled" and row.next_attempt_at is None,
        asks=row.state == "scheduled" and row.asks_since is not None,
        hold=hold if hold is not None and (hold.always or not row.forced) else None,
        by_hand=(row.own_text is not None) if row.state in ("scheduled", "claimed") else row.own_version is not None,
    )


def _waiting(ws: Workspace, tx: Tx, known: str) -> tuple[Line, ...]:
    """What is open, the soonest first; an email that is due and does not leave says what holds its mailbox back."""
    rows = tx.conn.execute(_LINES.where(Touch.prospect_id == known, Touch.state.in_(steps.OPEN))).all()
    due = {row.id: row.mailbox_id for row in rows if _is_due(row, tx.now)}
    held = touches.holds(tx, due.values(), ws.playbooks.in_force(tx).limits) if due else {}
    lines = (_line(ws, tx, row, held.get(due.get(row.id, ""))) for row in rows)
    return tuple(sorted(lines, key=lambda line: (line.at, line.number)))


def _is_due(row: Record, now: datetime) -> bool:
    waits = row.kind == "email" and row.state == "scheduled" and row.asks_since is None
    return waits and row.next_attempt_at is not None and row.next_attempt_at <= now


def _meetings(tx: Tx, known: str) -> tuple[Record, ...]:
    newest = select(
        Meeting.id, Meeting.uid, Meeting.state, Meeting.starts_at, Meeting.ends_at, Meeting.place, Meeting.reason
    )
    # A meeting that moved is told once, under the name it has now.
    real = newest.where(Meeting.prospect_id == known, Meeting.state != "moved")
    return tuple(tx.conn.execute(real.order_by(Meeting.starts_at.desc()).limit(5)))


def _legs(ws: Workspace, tx: Tx, facts: Record) -> tuple[Leg, ...]:
    playbook = ws.playbooks.in_force(tx)
    entered = tx.conn.execute(
        select(History.to_stage, History.occurred_at)
        .where(History.prospect_id == facts.id, History.to_stage.is_not(None))
        .order_by(History.version)
    ).all()
    since: dict[str, datetime] = {}
    spent: dict[str, timedelta] = {}
    for row, after in zip(entered, [*entered[1:], None], strict=True):
        since[row.to_stage] = row.occurred_at
        until = after.occurred_at if after is not None else tx.now
        spent[row.to_stage] = spent.get(row.to_stage, timedelta()) + max(until - row.occurred_at, timedelta())
    stands = playbook.stages[facts.stage].position if facts.stage in playbook.stages else -1
    legs = []
    for stage in playbook.stages.values():
        place: Literal["past", "here", "ahead"] = "ahead"
        if stage.position == stands:
            place = "here"
        elif stage.position < stands:
            place = "past"
        seen = place != "ahead"
        legs.append(
            Leg(
                stage,
                place,
                since.get(stage.key) if seen else None,
                spent.get(stage.key) if seen else None,
            )
        )
    return tuple(legs)


Found = tuple[tuple["datetime", int, int], Entry]


def _received(tx: Tx, known: str, wanted: int) -> list[Found]:
    found = received.newest(tx, known, wanted + 1)
    return [((each.received_at, 3, 0), Entry(each.received_at, "mail", mail=each)) for each in found]


def _history(tx: Tx, known: str, wanted: int, told: set[str], kind: str) -> list[Found]:
    """Rows of history, but for the words of a mail that stands there itself (`told`, by the causes of its rows)."""
    rows = tx.conn.execute(
        select(*History.__table__.columns)
        .where(History.prospect_id == known, *([_KINDS[kind]] if kind else []))
        .order_by(History.version.desc())
        .limit(wanted + 1)
    )
    return [
        (
            (row.at, 1, row.version),
            Entry(
                at=row.at,
                kind=row.kind,
                actor=row.actor,
                from_stage=row.from_stage,
                to_stage=row.to_stage,
                said=row.reason,
                changes=row.changes,
                detail=row.detail,
            ),
        )
        for row in rows
        if not (row.kind in _WORDS_OF_MAIL and row.cause in told)
    ]


def _ended(ws: Workspace, tx: Tx, known: str, wanted: int) -> list[Found]:
    ended = func.coalesce(Touch.sent_at, Touch.ended_at, Touch.committed_at)
    rows = tx.conn.execute(
        _LINES.where(Touch.prospect_id == known, Touch.state.in_(("sent", "failed", "uncertain", "skipped")))
        .order_by(ended.desc(), Touch.id.desc())
        .limit(wanted + 1)
    ).all()
    lines = [_line(ws, tx, row) for row in rows if not (row.reason or "").startswith('["skipped_by"')]
    return [((line.at, 2, line.number), Entry(line.at, "email", line=line, reason=line.reason)) for line in lines]


def _stopped(tx: Tx, known: str, wanted: int) -> list[Found]:
    rows: Sequence[Record] = tx.conn.execute(
        select(Enrollment.sequence, Enrollment.ended_at, Enrollment.reason)
        .where(Enrollment.prospect_id == known, Enrollment.state.in_(("stopped", "failed")))
        .order_by(Enrollment.ended_at.desc())
        .limit(wanted + 1)
    ).all()
    return [
        ((row.ended_at, 0, 0), Entry(row.ended_at, "stopped", sequence=row.sequence, reason=row.reason))
        for row in rows
        if row.ended_at is not None
    ]
