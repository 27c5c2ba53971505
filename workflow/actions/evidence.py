"""Evidence that an uncertain email left: mail that names its Message-ID, a service's word, or the folder of sent mail.

Only finding it says something; not finding it never does. What is found is certain, and settles the question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update

from workflow.actions import enrolling, prospects
from workflow.engine import signals as kinds
from workflow.engine import trail
from workflow.engine.reasons import because
from workflow.records.models import IN_HANDS, Touch
from workflow.records.prepared import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.engine.reasons import Reason
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

ANSWERED: Final = because("sent_confirmed")
FOUND: Final = because("sent_found")
RELAYED: Final = because("sent_relayed")
PASSED_ON: Final = frozenset(
    {
        "email.delivered",
        "email.delivery",
        "email.deferred",
        "email.opened",
        "email.open",
        "email.clicked",
        "email.click",
    }
)
"""What mail services tell of an email that they have; it means nothing else here."""


def by_signal(kind: str, data: Mapping[str, Any]) -> Reason:
    """What a signal about mail that names an email of ours shows: it was answered, passed on, or it came back."""
    if kind in PASSED_ON:
        return RELAYED
    if kind != kinds.BOUNCED:
        return ANSWERED
    return because("sent_bounced", answer=str(data.get("detail") or "")[:300])


def looked_for(tx: Tx, mailbox_id: str, limit: int) -> list[str]:
    """The Message-IDs of the emails of a mailbox that are uncertain, the newest first, up to `limit`."""
    found = select(Touch.message_id).where(
        Touch.mailbox_id == mailbox_id,
        Touch.state == "uncertain",
        one_of(Touch.state, IN_HANDS),
        Touch.message_id.is_not(None),
    )
    return [str(each) for each in tx.conn.execute(found.order_by(Touch.committed_at.desc()).limit(limit)).scalars()]


def confirm(ws: Workspace, tx: Tx, message_id: str, reason: Reason = ANSWERED) -> bool:
    """Settle an uncertain email as sent, for this reason. False when there was nothing to settle."""
    bare = message_id.strip().strip("<>")
    found = select(Touch.id, Touch.prospect_id, Touch.committed_at).where(
        Touch.message_id == f"<{bare}>", Touch.state == "uncertain"
    )
    row = tx.conn.execute(found).one_or_none()
    if row is None:
        return False
    # Perhaps another prospect than the one who answers: a colleague may reply.
    prospects.lock(tx, row.prospect_id)
    values = {
        "state": "sent",
        "sent_at": row.committed_at,
        "ended_at": tx.now,
        "reason": reason.pack(),
        "trail": enrolling.trail_with(trail.told("resolved", tx.now, reason)),
    }
    settled = tx.conn.execute(update(Touch).where(Touch.id == row.id, Touch.state == "uncertain").values(**values))
    if settled.rowcount != 1:
        return False
    enrolling.step_ended(ws, tx, row.id, row.committed_at, sent=True)
    return True
