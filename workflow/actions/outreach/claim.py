"""T0 of the send protocol: the clock claims what is due, within the limits of its mailbox.

Renders and sends nothing. Two clocks are safe side by side: a mailbox row is locked while its mail is claimed, so
that the limits are counted by one of them at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, bindparam, func, select, update

from workflow import ids
from workflow.engine.leaving import STILL_GOOD_FOR
from workflow.errors import PlaybookError
from workflow.records.base import Moment
from workflow.records.models import IN_HANDS, Enrollment, Mailbox, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.playbook.schema import MailboxLimits
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

BATCH: Final = 500
# More than this many claimed rows of one mailbox would only wait in another place.
_MOST_IN_FLIGHT: Final = 5_000
_PER_JOB: Final = 50
_IN_FLIGHT: Final = ("claimed", "sending")
_CLAIMED: Final = (Touch.state == "claimed") & one_of(Touch.state, IN_HANDS)
# The earliest of each mailbox is one seek, whatever a planner believes of how many are due.
_EARLIEST: Final = (
    select(func.min(Touch.next_attempt_at))
    .where(Touch.mailbox_id == Mailbox.id, Touch.state == "scheduled", Touch.next_attempt_at.is_not(None))
    .scalar_subquery()
)
_DUE_MAILBOXES: Final = Prepared(select(Mailbox.id).where(bindparam("now", type_=Moment()) >= _EARLIEST))
_HELD: Final = Prepared(
    select(func.count().label("touches")).where(
        Touch.mailbox_id == bindparam("mailbox"), one_of(Touch.state, _IN_FLIGHT), one_of(Touch.state, IN_HANDS)
    )
)
# Every mark that stands, in whatever state: an uncertain email that a person gave up may have left all the same.
_USED: Final = Prepared(
    select(func.count().label("touches")).where(
        Touch.mailbox_id == bindparam("mailbox"), Touch.committed_at > bindparam("since")
    )
)
# A deadline is moved when less than this is left of it, and then by a day: each row is written once a day at most.
_NEAR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed of one mailbox, and how many hints that is worth."""

    mailbox_id: str
    touches: int
    hints: int


def claim_due(ws: Workspace) -> tuple[Claimed, ...]:
    """Claim what is due now, mailbox by mailbox. Costs one short read when nothing is."""
    with ws.database.read() as tx:
        mailboxes = [row.id for row in _DUE_MAILBOXES.all(tx, {"now": tx.now})]
    claims = (ws.database.transact(partial(_claim, ws, mailbox_id=each)) for each in mailboxes)
    return tuple(claim for claim in claims if claim is not None)


def hint_again(ws: Workspace, unheard_for: timedelta) -> tuple[Claimed, ...]:
    """Mailboxes with claimed mail that nobody began for so long: their hint was lost, or their worker was."""
    with ws.database.read() as tx:
        forgotten = _CLAIMED & (Touch.hint_at <= tx.now - unheard_for)
        if tx.conn.execute(select(Touch.id).where(forgotten).limit(1)).first() is None:
            return ()

    def work(tx: Tx) -> tuple[Claimed, ...]:
        limits = ws.playbooks.in_force(tx).limits.mailbox
        rows = tx.conn.execute(select(Touch.mailbox_id, func.count()).where(forgotten).group_by(Touch.mailbox_id)).all()
        tx.conn.execute(update(Touch).where(forgotten).values(hint_at=tx.now))
        return tuple(Claimed(mailbox_id, count, _hints(count, limits)) for mailbox_id, count in rows if mailbox_id)

    return ws.database.transact(work)


def hold_open(ws: Workspace) -> int:
    """Move the deadline of what waits for its mailbox: a limit, a gap or a pause makes no email too late.

    Only a deadline that has not passed is moved, so that after an outage of days nothing stale leaves; and none of a
    mail server that is away, nor of a step before a meeting, which is of no use after it. Gives how many were moved.
    """
    with ws.database.read() as tx:
        now = tx.now
        waits = _due(select(Touch.id, Touch.step, Enrollment.sequence, Enrollment.playbook_digest), now)
        rows = tx.conn.execute(
            waits.join(Enrollment, Enrollment.id == Touch.enrollment_id)
            .join(Mailbox, Mailbox.id == Touch.mailbox_id)
            .where(Mailbox.backoff_until.is_(None), Touch.not_after.between(now, now + _NEAR))
            .limit(BATCH)
        ).all()
        moved = [row.id for row in rows if _keeps(ws, tx, row)]
    if moved:
        near = update(Touch).where(Touch.id.in_(moved), Touch.state == "scheduled")
        ws.database.transact(lambda tx: tx.conn.execute(near.values(not_after=tx.now + STILL_GOOD_FOR)))
    return len(moved)


def earliest_due(tx: Tx) -> datetime | None:
    """When the next email falls due, for a clock that wants to sleep."""
    return tx.conn.execute(
        select(func.min(Touch.next_attempt_at)).where(Touch.state == "scheduled", Touch.mailbox_id.is_not(None))
    ).scalar_one()


def _claim(ws: Workspace, tx: Tx, mailbox_id: str) -> Claimed | None:
    statement = select(Mailbox.id, Mailbox.state, Mailbox.backoff_until).where(Mailbox.id == mailbox_id)
    if tx.locks_rows:
        statement = statement.with_for_update(skip_locked=True)
    mailbox = tx.conn.execute(statement).one_or_none()
    if mailbox is None or mailbox.state != "active":
        return None
    limits = ws.playbooks.in_force(tx).limits.mailbox
    room, at_ease = _room(tx, mailbox, limits)
    if room <= 0:
        return None
    found = _due(select(Touch.id), tx.now).where(Touch.mailbox_id == mailbox_id)
    if not at_ease:
        # A gap or a back-off holds everything but what a rep sends now.
        found = found.where(Touch.forced)
    found = found.order_by(Touch.next_attempt_at, Touch.id).limit(room)
    if tx.locks_rows:
        found = found.with_for_update(skip_locked=True)
    chosen = tx.conn.execute(found).scalars().all()
    if not chosen:
        return None
    claimed = {"state": "claimed", "token": ids.new_id(), "holder": None, "hint_at": tx.now}
    tx.conn.execute(update(Touch).where(Touch.id.in_(chosen), Touch.state == "scheduled").values(**claimed))
    return Claimed(mailbox_id, len(chosen), _hints(len(chosen), limits))


def _due(statement: Select[*tuple[Any, ...]], now: datetime) -> Select[*tuple[Any, ...]]:
    return statement.where(Touch.state == "scheduled", Touch.next_attempt_at <= now, Touch.mailbox_id.is_not(None))


def _room(tx: Tx, mailbox: Record, limits: MailboxLimits) -> tuple[int, bool]:
    """How many emails the mailbox may still take on, and whether neither gap nor back-off holds it.

    What is in flight counts as sent already, so that no window is overdrawn however long it takes to leave.
    """
    now = tx.now
    held: int = _HELD.all(tx, {"mailbox": mailbox.id})[0].touches
    hour, day = (_used(tx, mailbox.id, now - span) for span in (timedelta(hours=1), timedelta(days=1)))
    room = min(limits.per_hour - hour - held, limits.per_day - day - held, _MOST_IN_FLIGHT - held, BATCH)
    at_ease = mailbox.backoff_until is None or mailbox.backoff_until <= now
    if mailbox.backoff_until is not None:
        # After a failure one email goes ahead; the others follow when it got through.
        room = min(room, 1 - held)
    if limits.min_gap and at_ease:
        room = min(room, 1)
        at_ease = held == 0 and _used(tx, mailbox.id, now - limits.min_gap) == 0
    return room, at_ease


def _used(tx: Tx, mailbox_id: str, since: datetime) -> int:
    used: int = _USED.all(tx, {"mailbox": mailbox_id, "since": since})[0].touches
    return used


def _keeps(ws: Workspace, tx: Tx, row: Record) -> bool:
    """Whether an email is worth as much a day later."""
    try:
        playbook = ws.playbooks.version(tx, row.playbook_digest)
    except PlaybookError:
        # Of a version that this release cannot read nothing leaves anyway; the others must not wait for it.
        return False
    return not playbook.sequences[row.sequence].step(row.step).before_meeting


def _hints(touches: int, limits: MailboxLimits) -> int:
    return min(limits.concurrency, -(-touches // _PER_JOB))
