"""Evidence that an uncertain email arrived: a reply or a bounce that names its Message-ID."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from workflow.actions import enrolling, prospects
from workflow.engine import trail
from workflow.engine.reasons import because
from workflow.records.models import Touch

if TYPE_CHECKING:
    from workflow.records.db import Tx
    from workflow.workspace import Workspace


def confirm(ws: Workspace, tx: Tx, message_id: str) -> None:
    """Settle an uncertain email as sent, because somebody answered it."""
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
        "reason": because("sent_confirmed").pack(),
        "trail": enrolling.trail_with(trail.told("resolved", tx.now, because("sent_confirmed"))),
    }
    settled = tx.conn.execute(update(Touch).where(Touch.id == row.id, Touch.state == "uncertain").values(**values))
    if settled.rowcount == 1:
        enrolling.step_ended(ws, tx, row.id, row.committed_at)
