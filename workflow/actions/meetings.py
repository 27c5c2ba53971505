"""Takes back what was said of a meeting: it is on again, and the sequence that began with the mark ends.

Asks the engine as everybody does. What has left stays; a stage that moved is moved back by its own transition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow.actions import prospects
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.errors import Conflict, NotFound
from workflow.records.models import Enrollment, History, Meeting

if TYPE_CHECKING:
    from workflow.actions.prospects import Result, Who
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_MARKS: Final = {"held": kinds.HELD, "no_show": kinds.NO_SHOW}


def take_back(ws: Workspace, meeting_id: str, who: Who, *, version: int | None = None) -> Result:
    """Let a meeting be booked again that was marked as held or missed. No email goes for that.

    Raises NotFound, and Conflict for a stale `version` or a meeting that carries no such mark.
    """

    def work(tx: Tx) -> Result:
        row = tx.conn.execute(_MEETING.where(Meeting.id == meeting_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such meeting: check the id.")
        prospects.lock(tx, row.prospect_id)
        row = tx.conn.execute(_MEETING.where(Meeting.id == meeting_id)).one()
        if row.state not in _MARKS:
            raise Conflict("This meeting was not marked as held or missed: there is nothing to take back.")
        data = {"uid": row.uid, "starts_at": row.starts_at}
        again = Signal(kinds.RESCHEDULED, tx.now, who.actor, who.cause, data=data)
        result = prospects.submit(ws, tx, row.prospect_id, again, version=version)
        for enrollment_id in _begun(tx, row.prospect_id, row.uid, _MARKS[row.state]):
            ended = Signal(kinds.ENDED, tx.now, who.actor, who.cause, data={"enrollment": enrollment_id})
            result = prospects.submit(ws, tx, row.prospect_id, ended)
        return result

    return ws.database.transact(work)


_MEETING: Final = select(Meeting.prospect_id, Meeting.uid, Meeting.state, Meeting.starts_at)


def _begun(tx: Tx, prospect_id: str, uid: str, mark: str) -> tuple[str, ...]:
    """The sequences under way that began with the newest such mark of this meeting."""
    told = select(History.cause, History.detail).where(History.prospect_id == prospect_id, History.kind == mark)
    rows = tx.conn.execute(told.order_by(History.version.desc()).limit(20))
    cause = next((row.cause for row in rows if row.detail.get("uid") == uid), None)
    if cause is None:
        return ()
    begun = select(Enrollment.id).where(
        Enrollment.prospect_id == prospect_id, Enrollment.state == "active", Enrollment.cause == cause
    )
    return tuple(tx.conn.execute(begun).scalars())
