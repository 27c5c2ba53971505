"""The breaker of a mailbox, as far as it is tripped by mail that comes back: refusals by a policy that blames us.

What a server says during the conversation is counted in `outreach.settle`. One report may be the recipient's whim;
several in a day that are many among what left are our own reputation.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, update

from workflow.actions import enrolling, prospects
from workflow.actions.outreach import settle
from workflow.engine import trail
from workflow.engine.reasons import because
from workflow.mail.inbound import verdicts
from workflow.records.models import Mailbox, Touch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.records.db import Tx

_WITHIN: Final = timedelta(days=1)
_LEAST: Final = 3
# Three of the hundreds that a busy mailbox sends in a day say nothing of it yet.
_ONE_IN: Final = 20
_CODE: Final = "came_back"
_MARKED: Final = f'["{_CODE}"'


def came_back(tx: Tx, message_id: str, data: Mapping[str, Any]) -> None:
    """Count a bounce of the email with this Message-ID against its mailbox, where a policy refused it.

    `data` is that of the signal: its `verdict`, or else the words of the server in `detail`. Counts an email once, and
    pauses the mailbox from the third within a day on, when they are one in twenty of what left in it.
    """
    detail = str(data.get("detail") or "")
    if data.get("permanent") is True or (data.get("verdict") or verdicts.judge("", detail)[0]) != "policy":
        return
    bare = message_id.strip().strip("<>")
    found = select(Touch.id, Touch.prospect_id, Touch.mailbox_id).where(Touch.message_id == f"<{bare}>")
    row = tx.conn.execute(found).one_or_none()
    if row is None or row.mailbox_id is None:
        return
    # Perhaps another prospect than the report was taken for: a service may name one of its own.
    prospects.lock(tx, row.prospect_id)
    reason = because(_CODE, answer=detail[:300])
    once = update(Touch).where(Touch.id == row.id, ~func.coalesce(Touch.trail, "").contains(_MARKED, autoescape=True))
    marked = once.values(trail=enrolling.trail_with(trail.told("came_back", tx.now, reason)))
    if tx.conn.execute(marked).rowcount == 1 and _too_many(tx, row.mailbox_id):
        settle.pause(tx, row.mailbox_id, because("pause.policy", answer=detail[:300]))


def _too_many(tx: Tx, mailbox_id: str) -> bool:
    resumed = tx.conn.execute(select(Mailbox.resumed_at).where(Mailbox.id == mailbox_id)).scalar_one()
    since = max(tx.now - _WITHIN, resumed or tx.now - _WITHIN)
    left = (Touch.mailbox_id == mailbox_id, Touch.committed_at > since)
    back = tx.conn.execute(select(func.count()).where(*left, Touch.trail.contains(_MARKED, autoescape=True)))
    number = back.scalar_one()
    if number < _LEAST:
        return False
    return bool(number * _ONE_IN >= tx.conn.execute(select(func.count()).where(*left)).scalar_one())
