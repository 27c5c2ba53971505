"""Evidence that an uncertain email left: a reply or a bounce that names its Message-ID, or the folder of sent mail.

Only finding it says something; not finding it never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from workflow.actions import enrolling, prospects
from workflow.engine import trail
from workflow.engine.reasons import because
from workflow.records.models import IN_HANDS, Touch
from workflow.records.prepared import one_of

if TYPE_CHECKING:
    from workflow.records.db import Tx
    from workflow.workspace import Workspace


def looked_for(tx: Tx, mailbox_id: str, limit: int) -> list[str]:
    """The Message-IDs of the emails of a mailbox that are uncertain, the newest first, up to `limit`."""
    found = select(Touch.message_id).where(
        Touch.mailbox_id == mailbox_id,
        Touch.state == "uncertain",
        one_of(Touch.state, IN_HANDS),
        Touch.message_id.is_not(None),
    )
    return [str(each) for each in tx.conn.execute(found.order_by(Touch.committed_at.desc()).limit(limit)).scalars()]


def confirm(ws: Workspace, tx: Tx, message_id: str, code: str = "sent_confirmed") -> None:
    """Settle an uncertain email as sent: somebody answered it, or for the reason `code` names."""
    bare = message_id.strip().strip("<>")
    found = select(Touch.id, Touch.prospect_id, Touch.committed_at).where(
        Touch.message_id == f"<{bare}>", Touch.state == "uncertain"
    )
    row = tx.conn.execute(found).one_or_none()
    if row is None:
        return
    # Perhaps another prospect than the one who answers: a colleague may reply.
    prospects.lock(tx, row.prospect_id)
    values = {
        "state": "sent",
        "sent_at": row.committed_at,
        "ended_at": tx.now,
        "reason": because(code).pack(),
        "trail": enrolling.trail_with(trail.told("resolved", tx.now, because(code))),
    }
    settled = tx.conn.execute(update(Touch).where(Touch.id == row.id, Touch.state == "uncertain").values(**values))
    if settled.rowcount == 1:
        enrolling.step_ended(ws, tx, row.id, row.committed_at)
