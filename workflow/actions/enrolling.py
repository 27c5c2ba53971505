"""Enrollments and the chain of their touches: start, stop, move with a meeting, and release what an ended step frees.

Writes rows only; what is due when is computed by `workflow.engine.sequences`. Sending is the matter of `outreach`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, func, insert, or_, select, update

from workflow import ids
from workflow.actions import news
from workflow.engine import leaving, sequences, trail
from workflow.engine.reasons import Reason, because
from workflow.engine.signals import AWAY, BY_HAND, PAUSE
from workflow.records import upserts
from workflow.records.models import Enrollment, Mailbox, Prospect, Rep, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.engine.decide import Enroll, Reanchor
    from workflow.engine.sequences import Planned, Whereabouts
    from workflow.engine.signals import ProspectView
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

# A touch may still be taken back in these states; from `committing` on it may already have arrived.
REVOCABLE: Final = ("scheduled", "claimed", "sending")
_PLAN: Final = Prepared(insert(Touch))
# The mailbox of the rep to whom the prospect belongs; all emails of one enrollment leave by the same one.
_OWN_MAILBOX: Final = Prepared(
    select(Mailbox.id)
    .join(Prospect, Prospect.owner_id == Mailbox.rep_id)
    .where(Prospect.id == bindparam("prospect"), Mailbox.removed_at.is_(None))
    .order_by(Mailbox.created_at)
    .limit(1)
)
_END: Final = Prepared(update(Enrollment).where(Enrollment.id == bindparam("which"), Enrollment.state == "active"))
_REVOKE: Final = Prepared(
    update(Touch).where(Touch.enrollment_id == bindparam("which"), one_of(Touch.state, REVOCABLE))
)

_ENDED: Final = Prepared(
    select(
        Touch.prospect_id, Touch.enrollment_id, Touch.position, Enrollment.sequence, Enrollment.playbook_digest,
        Enrollment.state.label("enrollment_state"), news.heard,
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .where(Touch.id == bindparam("touch"))
)  # fmt: skip
_TOUCHES: Final = Prepared(
    select(Touch.id, Touch.position, Touch.kind, Touch.state, Touch.next_attempt_at)
    .where(Touch.enrollment_id == bindparam("enrollment"))
    .order_by(Touch.position, Touch.generation)
)
_FREE: Final = Prepared(
    update(Touch)
    .where(Touch.id == bindparam("touch"), Touch.state == "scheduled")
    .values(trail=func.coalesce(Touch.trail, "").concat(bindparam("line", type_=Text())))
)
_WHERE_IS: Final = Prepared(
    select(Prospect.time_zone, Prospect.country, Rep.time_zone.label("rep_zone"))
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .where(Prospect.id == bindparam("prospect"))
)


def trail_with(line: str) -> ColumnElement[str]:
    """The trail of a touch with one more line, for the statement that writes what the line tells."""
    return func.coalesce(Touch.trail, "").concat(line)


def start(
    ws: Workspace, tx: Tx, view: ProspectView, enroll: Enroll, *, meeting_id: str | None, cause: str, version: int
) -> str | None:
    """Enroll the prospect of `view`, by the decision that wrote `version`; gives the id of the enrollment.

    A sequence that is active already stays as it is, and None is given.
    """
    live = any(planned.state == "scheduled" for planned in enroll.touches)
    digest = ws.playbooks.in_force(tx).digest
    enrollment = {
        "id": ids.new_id(),
        "prospect_id": view.id,
        "sequence": enroll.sequence.key,
        "playbook_digest": digest,
        "state": "active" if live else "completed",
        "meeting_id": meeting_id,
        "cause": cause,
        "reason": None,
        "started_at": tx.now,
        "ended_at": None if live else tx.now,
        "started_version": version,
    }
    if not upserts.insert_new(tx, Enrollment, enrollment):
        return None
    # Where nobody owns the prospect, there is no mailbox of a rep to look for.
    mailbox_id = mailbox_of(ws, tx, view.id) if view.owner_id is not None else ws.mailbox_id
    rows = []
    for planned in enroll.touches:
        line = trail.planned(digest, enroll.counted, planned)
        rows.append(touch_row(enrollment, planned, mailbox_id, tx.now, enroll.sequence.priority, line))
    _PLAN.run_all(tx, rows)
    return str(enrollment["id"])


def stop(
    tx: Tx,
    enrollment_id: str,
    reason: Reason,
    *,
    skipped: bool = False,
    state: str = "stopped",
    version: int | None = None,
) -> None:
    """End an enrollment: what has not passed its commit mark is cancelled, or skipped where the address is barred.

    `version` is the row of the prospect's history that ended it, if one did.
    """
    packed = reason.pack()
    ended = {"which": enrollment_id, "reason": packed, "ended_at": tx.now}
    _END.run(tx, {**ended, "state": state, "ended_version": version})
    _REVOKE.run(tx, {**ended, "state": "skipped" if skipped else "cancelled", "next_attempt_at": None})


def resume(tx: Tx, prospect_id: str) -> None:
    """Ask the emails again that waited for a prospect's return, because they are back sooner."""
    waits = or_(*(Touch.reason.startswith(f'["{why}"') for why in (AWAY, BY_HAND, PAUSE)))
    reason = because("due")
    tx.conn.execute(
        update(Touch)
        .where(Touch.prospect_id == prospect_id, Touch.state == "scheduled", Touch.next_attempt_at > tx.now, waits)
        .values(next_attempt_at=tx.now, reason=reason.pack())
        .values(trail=trail_with(trail.told("waits", tx.now, reason, next=tx.now)))
    )


def reanchor(ws: Workspace, tx: Tx, moved: Reanchor) -> None:
    """Move the steps before a meeting to their new time, also one in a sender's hands: it tells the old time."""
    by = ws.playbooks.current.digest
    for released in moved.released:
        line = trail.anchored(moved.digest, by, tx.now, moved.meeting_at, released, moved.where)
        times = {"due_at": released.due_at, "not_after": released.not_after, "next_attempt_at": released.due_at}
        tx.conn.execute(
            update(Touch)
            .where(
                Touch.enrollment_id == moved.enrollment_id,
                Touch.position == released.position,
                Touch.state.in_(REVOCABLE),
            )
            .values(**times, state="scheduled", token=None, holder=None, lease_until=None, reason=because("due").pack())
            .values(trail=trail_with(line))
        )


def step_ended(ws: Workspace, tx: Tx, touch_id: str, ended_at: datetime | None, *, sent: bool = False) -> None:
    """Release what waits behind a touch that was sent, skipped or done; complete the enrollment when nothing waits.

    Without `ended_at` nothing is released: the touch waited itself for the one before it, and so do those behind it.
    `sent` says that it was an email that left, which others may want to hear.
    The caller has locked the prospect.
    """
    touch = _ENDED.first(tx, {"touch": touch_id})
    if touch is None:
        return
    news.known(tx, touch.routes)
    if sent:
        news.sent(tx, touch_id)
    if touch.enrollment_state != "active":
        return
    playbook = ws.playbooks.version(tx, touch.playbook_digest)
    sequence = playbook.sequences[touch.sequence]
    rows = _TOUCHES.all(tx, {"enrollment": touch.enrollment_id})
    if ended_at is not None and not sequence.steps[touch.position].before_meeting:
        waiting = leaving.waiting_behind(sequence, rows, touch.position)
        steps = [sequence.steps[position] for position in waiting]
        if steps:
            where = where_is(tx, playbook, touch.prospect_id)
            for released in sequences.release(playbook, steps, ended_at=ended_at, where=where):
                _set_free(tx, waiting[released.position].id, released, playbook.digest, where)
    if all(row.state not in leaving.OPEN or leaving.lingers(sequence, row) or row.id == touch_id for row in rows):
        _END.run(tx, {"which": touch.enrollment_id, "state": "completed", "ended_at": tx.now})
        news.completed(tx, touch.prospect_id, touch.enrollment_id, touch.sequence, touch_id)


def complete_if_nothing_waits(tx: Tx, enrollment_id: str, *, uncertain_since: datetime) -> None:
    """Complete an enrollment of which nothing is open but emails whose fate has been uncertain since that long."""
    settled = and_(Touch.state == "uncertain", Touch.committed_at < uncertain_since)
    open_ = exists().where(
        Touch.enrollment_id == enrollment_id, Touch.kind == "email", Touch.state.in_(leaving.OPEN), ~settled
    )
    tx.conn.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state == "active", ~open_)
        .values(state="completed", ended_at=tx.now)
    )


def waits_behind(tx: Tx, enrollment_id: str, position: int, reason: Reason) -> None:
    """Say why the next step waits, where the one before it has not ended."""
    tx.conn.execute(
        update(Touch)
        .where(
            Touch.enrollment_id == enrollment_id,
            Touch.position == position + 1,
            Touch.state == "scheduled",
            Touch.next_attempt_at.is_(None),
        )
        .values(reason=reason.pack())
    )


def where_is(tx: Tx, playbook: Playbook, prospect_id: str) -> Whereabouts:
    """The zone and the country whose calendar holds for a prospect."""
    row = _WHERE_IS.all(tx, {"prospect": prospect_id})[0]
    return sequences.whereabouts(playbook, row.time_zone, row.rep_zone, row.country)


def _set_free(tx: Tx, touch_id: str, released: sequences.Released, digest: str, where: Whereabouts) -> None:
    line = trail.released(digest, tx.now, released, where)
    times = {"due_at": released.due_at, "not_after": released.not_after, "next_attempt_at": released.due_at}
    _FREE.run(tx, {**times, "reason": because("due").pack(), "touch": touch_id, "line": line})


def mailbox_of(ws: Workspace, tx: Tx, prospect_id: str) -> str:
    """The mailbox that a prospect's emails leave from: their rep's own, else that of the installation."""
    own = _OWN_MAILBOX.first(tx, {"prospect": prospect_id})
    return own.id if own is not None else ws.mailbox_id


def touch_row(
    enrollment: Mapping[str, Any],
    planned: Planned,
    mailbox_id: str,
    now: datetime,
    priority: int,
    line: str | None = None,
) -> dict[str, Any]:
    """The row of a touch of an enrollment (`id`, `prospect_id`, `sequence`) as planned; `line` begins its trail.

    `priority` is that of its sequence.
    """
    step, email = planned.step, planned.step.email is not None
    return {
        "id": ids.new_id(),
        "enrollment_id": enrollment["id"],
        "prospect_id": enrollment["prospect_id"],
        "mailbox_id": mailbox_id if email else None,
        "sequence": enrollment["sequence"],
        "step": step.key,
        "position": step.position,
        "generation": 1,
        "kind": "email" if email else "task",
        "state": planned.state,
        "due_at": planned.due_at,
        "not_after": planned.not_after,
        "next_attempt_at": planned.next_attempt_at,
        "attempts": 0,
        "begin_errors": 0,
        "forced": False,
        "priority": priority if email else 0,
        "reason": planned.reason.pack(),
        "trail": line,
        "ended_at": now if planned.state == "skipped" else None,
        "created_at": now,
    }
