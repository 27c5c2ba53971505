"""Takes over from the dead: frees what a silent process held, brings in spooled outcomes, lets the waiting go on.

Run by the clock, by two of them at once as well: each row is taken in a transaction of its own, under its prospect's
lock, and only from the state in which it was found.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from workflow.actions import enrolling, prospects
from workflow.actions.outreach import settle
from workflow.engine.reasons import because
from workflow.errors import PlaybookError
from workflow.mail.transport import Envelope
from workflow.records import upserts
from workflow.records.models import (
    IN_HANDS,
    Enrollment,
    Heartbeat,
    IdempotentAnswer,
    Session,
    SignInAttempt,
    SignInLink,
    Touch,
)
from workflow.records.prepared import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.actions.outreach.spool import Spool, Spooled
    from workflow.actions.outreach.timings import Timings
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 200
_FORGET_AFTER: Final = timedelta(days=1)


def beat(ws: Workspace, beat_id: str, role: str, name: str, detail: Mapping[str, Any]) -> None:
    """Say that a process lives."""

    def work(tx: Tx) -> None:
        times = {"started_at": tx.now, "beat_at": tx.now}
        row = {"id": beat_id, "role": role, "name": name, **times, "detail": dict(detail)}
        upserts.upsert(tx, Heartbeat, row, keys=("id",), keep=("started_at", "role", "name"))

    ws.database.transact(work)


def farewell(ws: Workspace, beat_id: str) -> None:
    """Say that a process ends by itself: what it may still hold is freed at once."""
    ws.database.transact(lambda tx: tx.conn.execute(delete(Heartbeat).where(Heartbeat.id == beat_id)))


def reap(ws: Workspace, timings: Timings) -> int:
    """Free what dead processes held: before the commit mark it is tried again, after it it is uncertain."""
    with ws.database.read() as tx:
        silent = tx.now - timings.dead_after
        alive = exists().where(Heartbeat.id == Touch.holder, Heartbeat.beat_at >= silent)
        lost = or_(~alive, Touch.lease_until < tx.now)
        held = select(Touch.id, Touch.prospect_id).where(
            Touch.state.in_(("sending", "committing")), one_of(Touch.state, IN_HANDS), lost
        )
        rows = tx.conn.execute(held.limit(_AT_ONCE)).all()
    for row in rows:
        ws.database.transact(partial(_free, ws, found=row, timings=timings))
    return len(rows)


def release_behind_uncertain(ws: Workspace, timings: Timings) -> int:
    """Let the step behind an email that is uncertain for long go on as if it had been sent; it stays uncertain.

    Where nothing is left to go on, its enrollment is complete, so that the sequence may start anew.
    """
    other = aliased(Touch)
    with ws.database.read() as tx:
        before = tx.now - timings.uncertain_counts_as_sent
        same = exists().where(other.enrollment_id == Touch.enrollment_id, other.id != Touch.id)
        waits = and_(other.state == "scheduled", other.next_attempt_at.is_(None))
        open_ = and_(other.kind == "email", other.state.in_((*enrolling.REVOCABLE, "committing")))
        found = (
            select(Touch.id, Touch.prospect_id)
            .join(Enrollment, and_(Enrollment.id == Touch.enrollment_id, Enrollment.state == "active"))
            .where(Touch.state == "uncertain", one_of(Touch.state, IN_HANDS), Touch.committed_at < before)
            .where(or_(same.where(other.position > Touch.position, waits), ~same.where(open_)))
        )
        rows = tx.conn.execute(found.limit(_AT_ONCE)).all()
    for row in rows:
        ws.database.transact(partial(_release, ws, found=row, timings=timings))
    return len(rows)


def import_spool(ws: Workspace, spool: Spool) -> int:
    """Bring the outcomes that waited on disk of this host into the database; those that it refuses stay there."""
    imported = 0
    for spooled in spool.waiting():
        try:
            ws.database.transact(partial(_bring_in, ws, spooled=spooled))
        except (DBAPIError, PlaybookError):
            # One that cannot be recorded must not keep the others waiting; its email is shown as uncertain.
            _LOG.exception("a spooled outcome cannot be recorded: %s", spooled.file.name)
            continue
        spool.done(spooled)
        imported += 1
    return imported


def forget(ws: Workspace) -> None:
    """Remove what has served its time: old heartbeats, ended sessions and links, answers kept for repeats."""

    def work(tx: Tx) -> None:
        yesterday = tx.now - _FORGET_AFTER
        tx.conn.execute(delete(Heartbeat).where(Heartbeat.beat_at < yesterday))
        tx.conn.execute(delete(IdempotentAnswer).where(IdempotentAnswer.at < yesterday))
        tx.conn.execute(delete(Session).where(Session.expires_at < tx.now))
        tx.conn.execute(delete(SignInLink).where(SignInLink.expires_at < yesterday))
        tx.conn.execute(delete(SignInAttempt).where(SignInAttempt.at < yesterday))

    ws.database.transact(work)


def _free(ws: Workspace, tx: Tx, *, found: Record, timings: Timings) -> None:
    prospects.lock(tx, found.prospect_id)
    # Asked again under the lock: its sender may have woken and finished.
    silent = tx.now - timings.dead_after
    row = tx.conn.execute(
        select(Touch.id, Touch.state, Touch.enrollment_id, Touch.mailbox_id, Touch.step, Touch.position)
        .outerjoin(Heartbeat, Heartbeat.id == Touch.holder)
        .where(
            Touch.id == found.id,
            Touch.state.in_(("sending", "committing")),
            or_(Heartbeat.id.is_(None), Heartbeat.beat_at < silent, Touch.lease_until < tx.now),
        )
    ).one_or_none()
    if row is None:
        return
    if row.state == "committing":
        settle.to_uncertain(ws, tx, row, because("uncertain.crash"))
    else:
        settle.put_back(tx, row.id, tx.now, because("recovered"))


def _release(ws: Workspace, tx: Tx, *, found: Record, timings: Timings) -> None:
    prospects.lock(tx, found.prospect_id)
    # Asked again under the lock: a person may have settled it, or wished it to be sent again.
    row = tx.conn.execute(
        select(Touch.committed_at, Touch.enrollment_id).where(Touch.id == found.id, Touch.state == "uncertain")
    ).one_or_none()
    if row is None:
        return
    wait = timings.uncertain_counts_as_sent
    enrolling.step_ended(ws, tx, found.id, row.committed_at + wait)
    enrolling.complete_if_nothing_waits(tx, row.enrollment_id, uncertain_since=tx.now - wait)


def _bring_in(ws: Workspace, tx: Tx, *, spooled: Spooled) -> None:
    row = tx.conn.execute(
        select(Touch.prospect_id, Touch.mailbox_id, Touch.recipient).where(Touch.id == spooled.touch_id)
    ).one_or_none()
    if row is not None:
        begun = settle.Begun(
            spooled.touch_id, row.prospect_id, row.mailbox_id, spooled.token, "", Envelope("", row.recipient or "", b"")
        )
        settle.record(ws, tx, begun, spooled.outcome)
