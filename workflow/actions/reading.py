"""Reads mailboxes over IMAP: one message after the other, each taken in by a transaction that also moves the place.

One reader a mailbox at a time, by a lease in the database, so that many clocks do not read the same mail. Started and
stopped by `workers.readers`; waits for the server with no transaction open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, or_, select, update

from workflow.actions import evidence, mailboxes, received
from workflow.actions.received import Letter
from workflow.records import upserts
from workflow.records.models import Reading, Touch

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from workflow.mail.imap import Arrived, ImapMailbox
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

LEASE: Final = timedelta(seconds=180)
"""Longer than any wait for news, so that the living keep it and the dead lose it soon."""
# A breaker pauses a mailbox long before it has so many, and each costs the server one search.
_LOOKED_FOR: Final = 20
# After a change of UIDVALIDITY the ids mean nothing any more, and before the first look nobody read: what came in the
# last days is read then, and what is known already is not taken in twice.
_LOOKED_BACK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reader:
    """One pair of eyes: a mailbox, and who reads it."""

    ws: Workspace
    mailbox_id: str
    holder: str

    def hold(self) -> bool:
        """Take the lease, or keep it. False while somebody else has it."""

        def work(tx: Tx) -> bool:
            fresh = {"mailbox_id": self.mailbox_id, "validity": 0, "last_uid": 0}
            upserts.insert_new(tx, Reading, fresh)
            free = or_(Reading.holder.is_(None), Reading.holder == self.holder, Reading.lease_until <= tx.now)
            taken = (
                update(Reading)
                .where(Reading.mailbox_id == self.mailbox_id, free)
                .values(holder=self.holder, lease_until=tx.now + LEASE)
            )
            return tx.conn.execute(taken).rowcount == 1

        return self.ws.database.transact(work)

    def let_go(self) -> None:
        """Leave the mailbox to somebody else."""
        mine = update(Reading).where(Reading.mailbox_id == self.mailbox_id, Reading.holder == self.holder)
        self.ws.database.transact(lambda tx: tx.conn.execute(mine.values(holder=None, lease_until=None)))

    def read(self, box: ImapMailbox, stop_asked: Callable[[], bool] = bool) -> int:
        """Take in what is new; how many messages that was. Raises Unavailable when a server is away."""
        place = self._begin(box)
        number = 0
        for arrived in box.after(place.last_uid):
            if stop_asked() or not self._take(arrived, place.validity):
                return number
            number += 1
        self._tell(None)
        return number

    def find_sent(self, box: ImapMailbox) -> int:
        """Settle uncertain emails that lie in the folder of sent mail, where the server files them itself; how many.

        Raises Unavailable when a server is away.
        """
        with self.ws.database.read() as tx:
            wanted = evidence.looked_for(tx, self.mailbox_id, _LOOKED_FOR)
        found = [message_id for message_id in wanted if box.holds(message_id)]
        for message_id in found:
            self.ws.database.transact(partial(evidence.confirm, self.ws, message_id=message_id, reason=evidence.FOUND))
        return len(found)

    def fail(self, problem: str) -> None:
        """Keep why the mailbox cannot be read, and since when."""
        self._tell(problem)

    def _begin(self, box: ImapMailbox) -> Record:
        """The place to go on from.

        A mailbox that is read for the first time is read from the day of the first email it sent: while its server was
        away or the password wrong, somebody may have answered. One that sent nothing is read from now on.
        """
        validity, now = box.validity, self.ws.database
        with now.read() as tx:
            place = tx.conn.execute(select(Reading).where(Reading.mailbox_id == self.mailbox_id)).one()
            since: datetime | None = tx.now - _LOOKED_BACK
            if place.validity == 0:
                sent = (Touch.mailbox_id == self.mailbox_id, Touch.committed_at >= since)
                since = tx.conn.execute(select(func.min(Touch.committed_at)).where(*sent)).scalar_one()
        if place.validity == validity:
            return place
        last_uid = box.before(since.date()) if since is not None else box.newest()
        values = {"validity": validity, "last_uid": last_uid}
        mine = update(Reading).where(Reading.mailbox_id == self.mailbox_id, Reading.holder == self.holder)
        self.ws.database.transact(lambda tx: tx.conn.execute(mine.values(**values)))
        with now.read() as tx:
            return tx.conn.execute(select(Reading).where(Reading.mailbox_id == self.mailbox_id)).one()

    def _take(self, arrived: Arrived, validity: int) -> bool:
        """Take one message in and move the place behind it, both or neither. False when somebody else reads on."""

        def work(tx: Tx) -> bool:
            moved = (
                update(Reading)
                .where(
                    Reading.mailbox_id == self.mailbox_id,
                    Reading.holder == self.holder,
                    Reading.validity == validity,
                    Reading.last_uid < arrived.uid,
                )
                .values(last_uid=arrived.uid, read_at=tx.now, lease_until=tx.now + LEASE)
            )
            if tx.conn.execute(moved).rowcount != 1:
                return False
            received.take(self.ws, tx, self.mailbox_id, Letter(arrived.content, arrived.whole))
            return True

        return self.ws.database.transact(work)

    def _tell(self, problem: str | None) -> None:
        def work(tx: Tx) -> None:
            mine = update(Reading).where(Reading.mailbox_id == self.mailbox_id)
            if problem is None:
                tx.conn.execute(mine.values(read_at=tx.now, problem=None, problem_since=None))
                return
            tx.conn.execute(mine.values(problem=problem))
            tx.conn.execute(mine.where(Reading.problem_since.is_(None)).values(problem_since=tx.now))

        self.ws.database.transact(work)


def opened(ws: Workspace, mailbox_id: str) -> ImapMailbox:
    """The mailbox, open. Raises Unavailable and BadInput."""
    return mailboxes.way(ws, mailbox_id).reader()
