"""A sequence that goes on because its prospect did not mean to end it, and forced mail that a pause takes back.

Writes rows only, in the transaction of the decision; the caller has locked the prospect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import aliased

from workflow.actions import enrolling
from workflow.engine import leaving, trail
from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because
from workflow.records.models import Enrollment, History, Touch

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from workflow.engine.decide import Decision
    from workflow.playbook.schema import Sequence
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_DECLINED = '["stop.declined"'
_BY_HAND = '["stop.by"'


def go_on(ws: Workspace, tx: Tx, prospect_id: str, decision: Decision) -> None:
    """Do what a decision says of mail that waits: ask it again, let it wait after all, or take up what was ended."""
    if decision.resume:
        enrolling.resume(tx, prospect_id)
    if decision.take_back:
        take_back(tx, prospect_id)
    if decision.revive is not None:
        by_hand = any(change.kind == kinds.RESUMED for change in decision.history)
        revive(ws, tx, prospect_id, decision.revive, by_hand=by_hand)


def take_back(tx: Tx, prospect_id: str) -> None:
    """Let mail that a rep sent ahead of its time be asked again, also in a sender's hands before its commit mark."""
    mine = (Touch.prospect_id == prospect_id) & Touch.forced & Touch.state.in_(("claimed", "sending"))
    reason = because("due")
    values = {"state": "scheduled", "next_attempt_at": tx.now, "token": None, "holder": None, "lease_until": None}
    values |= {"reason": reason.pack(), "trail": enrolling.trail_with(trail.told("waits", tx.now, reason, next=tx.now))}
    tx.conn.execute(update(Touch).where(mine).values(**values))


def revive(ws: Workspace, tx: Tx, prospect_id: str, enrollment_id: str, *, by_hand: bool = False) -> bool:
    """Let an enrollment go on that its prospect declined, or that a person ended `by_hand`; whether it does.

    Not when anything happened since but what prospects wish for: a reply would have stopped it. A person takes back
    nothing once anything happened. What left is not planned anew, and each email keeps its own touch.
    """
    why = _BY_HAND if by_hand else _DECLINED
    row = tx.conn.execute(
        select(Enrollment.sequence, Enrollment.playbook_digest, Enrollment.ended_version).where(
            Enrollment.id == enrollment_id, Enrollment.prospect_id == prospect_id, Enrollment.state == "stopped",
            Enrollment.reason.startswith(why, autoescape=True),
        )
    ).one_or_none()  # fmt: skip
    passes = {kinds.RESUMED} if by_hand else kinds.WISH_KINDS
    if row is None or _has_gone_on(tx, prospect_id, row.ended_version or 0, passes):
        return False
    sequence = ws.playbooks.version(tx, row.playbook_digest).sequences[row.sequence]
    other = aliased(Enrollment)
    anew = exists().where(other.prospect_id == prospect_id, other.sequence == row.sequence, other.state == "active")
    values = {"state": "active", "ended_at": None, "ended_version": None, "reason": None}
    if tx.conn.execute(update(Enrollment).where(Enrollment.id == enrollment_id, ~anew).values(**values)).rowcount != 1:
        return False
    _set_free(tx, enrollment_id, sequence, why)
    return True


def _has_gone_on(tx: Tx, prospect_id: str, version: int, passes: AbstractSet[str]) -> bool:
    later = select(func.count()).where(
        History.prospect_id == prospect_id, History.version > version, History.kind.not_in(sorted(passes))
    )
    return bool(tx.conn.execute(later).scalar_one())


def _set_free(tx: Tx, enrollment_id: str, sequence: Sequence, why: str) -> None:
    """Schedule again what was cancelled: the first of it at its own time or now, the rest behind it as before."""
    columns = (Touch.id, Touch.position, Touch.kind, Touch.state, Touch.reason, Touch.due_at, Touch.not_after)
    found = select(*columns).where(Touch.enrollment_id == enrollment_id)
    before: Record | None = None
    for row in tx.conn.execute(found.order_by(Touch.position, Touch.generation)).all():
        cancelled = row.state == "cancelled" and (row.reason or "").startswith(why)
        alone = sequence.steps[row.position].before_meeting
        if cancelled:
            due = row.due_at if alone else max(row.due_at, tx.now)
            _schedule(tx, row, due, None if alone else before, sequence)
        if not alone and (cancelled or row.state in leaving.OPEN) and not leaving.lingers(sequence, row):
            before = row


def _schedule(tx: Tx, row: Record, due: datetime, before: Record | None, sequence: Sequence) -> None:
    reason: Reason = because("due") if before is None else because("after", step=sequence.steps[before.position].key)
    at = due if before is None else None
    values: dict[str, Any] = {"state": "scheduled", "ended_at": None, "next_attempt_at": at, "reason": reason.pack()}
    values |= {"token": None, "holder": None, "lease_until": None, "due_at": due}
    if not sequence.steps[row.position].before_meeting:
        values["not_after"] = max(row.not_after, due + leaving.STILL_GOOD_FOR)
    if at is not None:
        values["trail"] = enrolling.trail_with(trail.told("waits", tx.now, reason, next=at))
    tx.conn.execute(update(Touch).where(Touch.id == row.id).values(**values))
