"""Touches as the API tells of them, each with the reason for its state in words; and what holds a mailbox back.

The stored reason says what was last done with a touch. One that is due and still waits is held by its mailbox, which
no row of its own says: that is worked out here, when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from workflow.engine import reasons
from workflow.engine.reasons import Reason, because
from workflow.errors import NotFound
from workflow.records.models import Enrollment, Mailbox, Prospect, Touch
from workflow.reports import paging, records, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.playbook.schema import Limits, MailboxLimits, OverallLimits
    from workflow.records.db import Record, Tx
    from workflow.reports.paging import Asked
    from workflow.reports.records import Wanted
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

COUNTED: Final = ("committing", "sent", "uncertain")
"""States that count against the limits: from the commit mark on an email may have left."""
_IN_FLIGHT: Final = ("claimed", "sending")


@dataclass(frozen=True, slots=True)
class TouchFacts:
    """One touch; `title` is that of a task, `reason` a sentence. Since `asks_since` it waits for a person's word."""

    id: str
    prospect_id: str
    sequence: str
    step: str
    kind: str
    state: str
    due_at: datetime
    next_attempt_at: datetime | None
    sent_at: datetime | None
    message_id: str | None
    reason: str | None
    attempts: int
    generation: int
    title: str | None
    recipient: str | None
    smtp_code: int | None
    asks_since: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why mail of a mailbox that is due does not leave; `always` even when a rep sends it now."""

    reason: Reason
    always: bool
    why: str | None = None

    def words(self, language: str) -> str:
        """The sentence; what made a mailbox pause is told in the same language."""
        if self.why is None:
            return self.reason.words(language)
        return because("paused", why=reasons.words(self.why, language)).words(language)


def of_prospect(
    ws: Workspace, tx: Tx, prospect_id: str, asked: Asked, language: str
) -> tuple[tuple[TouchFacts, ...], paging.Place | None]:
    """A page of the touches of a prospect."""
    listed = paging.page(tx, _TOUCHES.where(Touch.prospect_id == prospect_id), asked, _SORTED, Touch.id)
    return _told(ws, tx, listed.rows, language), listed.next


def page(
    ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted, asked: Asked, language: str
) -> tuple[tuple[TouchFacts, ...], paging.Place | None]:
    """A page of the touches of all prospects the viewer may see; `since` and `until` are about when they are due."""
    found = records.narrowed(
        _TOUCHES.join(Prospect, Prospect.id == Touch.prospect_id).where(viewer.sees()),
        {
            Touch.prospect_id: wanted.prospect,
            Touch.state: wanted.state,
            Touch.sequence: wanted.sequence,
            Touch.kind: wanted.kind,
        },
    ).where(*records.within(Touch.due_at, wanted))
    listed = paging.page(tx, found, asked, _SORTED, Touch.id)
    return _told(ws, tx, listed.rows, language), listed.next


def one(ws: Workspace, tx: Tx, touch_id: str, language: str) -> TouchFacts:
    """One touch. Raises NotFound."""
    rows = tx.conn.execute(_TOUCHES.where(Touch.id == touch_id)).all()
    if not rows:
        raise NotFound("There is no such touch: check the id.")
    return _told(ws, tx, rows, language)[0]


def holds(tx: Tx, mailbox_ids: Iterable[str], limits: Limits) -> Mapping[str, Hold]:
    """What holds each of these mailboxes back just now; those that send are left out."""
    columns = (Mailbox.id, Mailbox.state, Mailbox.pause_reason, Mailbox.backoff_until)
    rows = tx.conn.execute(select(*columns).where(Mailbox.id.in_(sorted(set(mailbox_ids))))).all()
    shared = Hold(because("limit.all"), always=True) if _all_is_used(tx, limits.overall) else None
    found = ((row.id, _hold(tx, row, limits.mailbox) or shared) for row in rows)
    return {mailbox_id: hold for mailbox_id, hold in found if hold is not None}


_SORTED: Final = {"due_at": Touch.due_at, "created_at": Touch.created_at}
_TOUCHES: Final = select(
    Touch.id, Touch.prospect_id, Touch.sequence, Touch.step, Touch.kind, Touch.state, Touch.due_at,
    Touch.next_attempt_at, Touch.sent_at, Touch.message_id, Touch.reason, Touch.attempts, Touch.generation,
    Touch.recipient, Touch.smtp_code, Touch.mailbox_id, Touch.forced, Touch.asks_since, Enrollment.playbook_digest,
).join(Enrollment, Enrollment.id == Touch.enrollment_id)  # fmt: skip


def _told(ws: Workspace, tx: Tx, rows: Iterable[Record], language: str) -> tuple[TouchFacts, ...]:
    rows = list(rows)
    late = {row.mailbox_id for row in rows if _is_due(row, tx.now)}
    held = holds(tx, late, ws.playbooks.in_force(tx).limits) if late else {}
    return tuple(_facts(ws, tx, row, held, language) for row in rows)


def _facts(ws: Workspace, tx: Tx, row: Record, held: Mapping[str, Hold], language: str) -> TouchFacts:
    told: dict[str, Any] = {name: getattr(row, name, None) for name in TouchFacts.__slots__}
    hold = held.get(row.mailbox_id) if _is_due(row, tx.now) else None
    if hold is not None and (hold.always or not row.forced) and not _says(row, hold):
        told["reason"] = hold.words(language)
    else:
        told["reason"] = reasons.words(row.reason, language)
    if row.kind == "task":
        playbook, step = ws.playbooks.version(tx, row.playbook_digest), steps.step_of(ws, tx, row)
        told["title"] = playbook.words((step and step.task) or {}, language) or row.step
    return TouchFacts(**told)


def _is_due(row: Record, now: datetime) -> bool:
    waits = row.kind == "email" and row.state == "scheduled" and row.asks_since is None
    return bool(waits and row.next_attempt_at is not None and row.next_attempt_at <= now)


def _says(row: Record, hold: Hold) -> bool:
    """Whether the stored reason tells the same with more to it, such as the answer of the mail server."""
    stored = reasons.unpack(row.reason)
    return hold.reason.code == "backoff" and stored is not None and stored.code == "backoff"


def _hold(tx: Tx, mailbox: Record, limits: MailboxLimits) -> Hold | None:
    if mailbox.state != "active":
        return Hold(because("paused", why=""), always=True, why=mailbox.pause_reason)
    waiting = tx.conn.execute(
        select(func.count()).where(Touch.state.in_(_IN_FLIGHT), Touch.mailbox_id == mailbox.id)
    ).scalar_one()
    hour, day = (_used(tx, mailbox.id, span) for span in (timedelta(hours=1), timedelta(days=1)))
    if waiting + hour >= limits.per_hour or waiting + day >= limits.per_day:
        return Hold(because("limit"), always=True)
    if mailbox.backoff_until is not None and mailbox.backoff_until > tx.now:
        until = f"{mailbox.backoff_until:%Y-%m-%d %H:%M} UTC"
        return Hold(because("backoff", answer=until), always=False)
    if limits.min_gap and (waiting or _used(tx, mailbox.id, limits.min_gap)):
        return Hold(because("limit"), always=False)
    return None


def _all_is_used(tx: Tx, limits: OverallLimits) -> bool:
    """Whether all mailboxes together may send no more just now."""
    if not limits.any:
        return False
    waiting = tx.conn.execute(select(func.count()).where(Touch.state.in_(_IN_FLIGHT))).scalar_one()
    spans = ((timedelta(hours=1), limits.per_hour), (timedelta(days=1), limits.per_day))
    return any(most is not None and waiting + _used(tx, None, span) >= most for span, most in spans)


def _used(tx: Tx, mailbox_id: str | None, span: timedelta) -> int:
    """How many a mailbox, or without one all of them, sent in so long a time."""
    whose = Touch.mailbox_id == mailbox_id if mailbox_id else Touch.mailbox_id.in_(select(Mailbox.id))
    recent = (whose, Touch.committed_at > tx.now - span, Touch.state.in_(COUNTED))
    return tx.conn.execute(select(func.count()).where(*recent)).scalar_one()
