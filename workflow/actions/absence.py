"""A rep who is away: in one switch the mail of their mailboxes waits, or a stand-in answers for them until they return.

Their sequences go on or wait as they are; nothing is moved to another mailbox, so that every thread stays whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from workflow import auditing
from workflow.actions.outreach import acts, settle
from workflow.engine import reasons
from workflow.engine.reasons import because
from workflow.errors import BadInput, NotFound
from workflow.records.models import Mailbox, Rep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_AWAY = "pause.away"


def leave(ws: Workspace, rep_id: str, *, stand_in: str | None = None) -> None:
    """Mark a rep as away. With a `stand_in` (a rep's id) mail goes on, signed and answered by that one; else it waits.

    Raises NotFound, and BadInput for a stand-in who is the rep, is away too, or may not sign in.
    """

    def work(tx: Tx) -> None:
        email, standing_in = _rep(tx, rep_id).email, None
        if stand_in is not None:
            other = _rep(tx, stand_in)
            standing_in = other.email
            if stand_in == rep_id or other.away_since is not None or other.disabled_at is not None:
                message = "Nobody can stand in for themselves, nor while they are away: choose somebody who is here."
                raise BadInput(message, field="stand_in")
        # Whoever was to stand in through this rep would have nobody now.
        tx.conn.execute(update(Rep).where(Rep.stand_in_id == rep_id).values(stand_in_id=stand_in))
        tx.conn.execute(update(Rep).where(Rep.id == rep_id).values(away_since=tx.now, stand_in_id=stand_in))
        told = {"stand_in": standing_in} if standing_in else {}
        auditing.note(tx, ws.actor, "rep.away", email, after=told, about_id=rep_id)
        for mailbox in _mailboxes(tx, rep_id):
            if stand_in is None:
                settle.pause(tx, mailbox.id, because(_AWAY))
            elif _waits_for_rep(mailbox.pause_reason):
                acts.send_again(tx, mailbox.id)

    ws.database.transact(work)


def come_back(ws: Workspace, rep_id: str) -> None:
    """Mark a rep as here again; the mailboxes that waited for them send on, those paused for another reason do not.

    Raises NotFound.
    """

    def work(tx: Tx) -> None:
        email = _rep(tx, rep_id).email
        tx.conn.execute(update(Rep).where(Rep.id == rep_id).values(away_since=None, stand_in_id=None))
        auditing.note(tx, ws.actor, "rep.back", email, about_id=rep_id)
        for mailbox in _mailboxes(tx, rep_id):
            if _waits_for_rep(mailbox.pause_reason):
                acts.send_again(tx, mailbox.id)

    ws.database.transact(work)


def _rep(tx: Tx, rep_id: str) -> Record:
    found = select(Rep.id, Rep.email, Rep.away_since, Rep.disabled_at).where(Rep.id == rep_id)
    row = tx.conn.execute(found).one_or_none()
    if row is None:
        message = "There is no such person: check the id."
        raise NotFound(message)
    return row


def _mailboxes(tx: Tx, rep_id: str) -> Sequence[Record]:
    own = select(Mailbox.id, Mailbox.pause_reason).where(Mailbox.rep_id == rep_id)
    return tx.conn.execute(own).all()


def _waits_for_rep(stored: str | None) -> bool:
    reason = reasons.unpack(stored)
    return reason is not None and reason.code == _AWAY
