"""T0 of the send protocol: the clock claims what is due, within the limits of its mailbox.

Renders and sends nothing. Two clocks are safe side by side: a mailbox row is locked while its mail is claimed, so
that the limits are counted by one of them at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, func, select, update

from workflow import ids
from workflow.records.models import Mailbox, Touch

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.actions.outreach.timings import Timings
    from workflow.playbook.schema import MailboxLimits
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

BATCH: Final = 500
# More than this many claimed rows of one mailbox would only wait in another place.
_MOST_IN_FLIGHT: Final = 5_000
_PER_JOB: Final = 50
_IN_FLIGHT: Final = ("claimed", "sending")
_COUNTED: Final = ("committing", "sent", "uncertain")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed of one mailbox, and how many hints that is worth."""

    mailbox_id: str
    touches: int
    hints: int


def claim_due(ws: Workspace) -> tuple[Claimed, ...]:
    """Claim what is due now, mailbox by mailbox. Costs one short read when nothing is."""
    with ws.database.read() as tx:
        now = tx.now
        due = _due(select(Touch.mailbox_id).distinct(), now)
        mailboxes = tx.conn.execute(due).scalars().all()
    limits = ws.playbooks.current.limits.mailbox
    claims = (ws.database.transact(partial(_claim, mailbox_id=each, limits=limits)) for each in mailboxes if each)
    return tuple(claim for claim in claims if claim is not None)


def hint_again(ws: Workspace, timings: Timings) -> tuple[Claimed, ...]:
    """Mailboxes with claimed mail that nobody began for a while: their hint was lost, or their worker was."""
    limits = ws.playbooks.current.limits.mailbox
    with ws.database.read() as tx:
        before = tx.now - timings.hint_again
        forgotten = (Touch.state == "claimed") & (Touch.hint_at < before)
        if tx.conn.execute(select(Touch.id).where(forgotten).limit(1)).first() is None:
            return ()

    def work(tx: Tx) -> tuple[Claimed, ...]:
        rows = tx.conn.execute(select(Touch.mailbox_id, func.count()).where(forgotten).group_by(Touch.mailbox_id)).all()
        tx.conn.execute(update(Touch).where(forgotten).values(hint_at=tx.now))
        return tuple(Claimed(mailbox_id, count, _hints(count, limits)) for mailbox_id, count in rows if mailbox_id)

    return ws.database.transact(work)


def earliest_due(tx: Tx) -> datetime | None:
    """When the next email falls due, for a clock that wants to sleep."""
    return tx.conn.execute(
        select(func.min(Touch.next_attempt_at)).where(Touch.state == "scheduled", Touch.mailbox_id.is_not(None))
    ).scalar_one()


def _claim(tx: Tx, mailbox_id: str, limits: MailboxLimits) -> Claimed | None:
    statement = select(Mailbox.id, Mailbox.state, Mailbox.backoff_until).where(Mailbox.id == mailbox_id)
    if tx.locks_rows:
        statement = statement.with_for_update(skip_locked=True)
    mailbox = tx.conn.execute(statement).one_or_none()
    if mailbox is None or mailbox.state != "active":
        return None
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


def _due(statement: Select[Any], now: datetime) -> Select[Any]:
    return statement.where(Touch.state == "scheduled", Touch.next_attempt_at <= now, Touch.mailbox_id.is_not(None))


def _room(tx: Tx, mailbox: Record, limits: MailboxLimits) -> tuple[int, bool]:
    """How many emails the mailbox may still take on, and whether neither gap nor back-off holds it.

    What is in flight counts as sent already, so that no window is overdrawn however long it takes to leave.
    """
    now = tx.now
    held = tx.conn.execute(
        select(func.count()).where(Touch.state.in_(_IN_FLIGHT), Touch.mailbox_id == mailbox.id)
    ).scalar_one()
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
    return tx.conn.execute(
        select(func.count()).where(
            Touch.mailbox_id == mailbox_id, Touch.committed_at > since, Touch.state.in_(_COUNTED)
        )
    ).scalar_one()


def _hints(touches: int, limits: MailboxLimits) -> int:
    return min(limits.concurrency, -(-touches // _PER_JOB))
