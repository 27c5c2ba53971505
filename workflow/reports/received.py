"""Received mail as a prospect's page and the API show it: who wrote what, what it was taken for, how it was matched.

Reads only; taking mail in is `actions.received`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import or_, select

from workflow import ids
from workflow.errors import Forbidden, NotFound
from workflow.records.models import Incoming, Mailbox, Prospect
from workflow.reports import paging
from workflow.reports.paging import Asked
from workflow.reports.scope import prospect_id as visible_prospect

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select

    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer

# A page shows thirty entries; whoever wants all of a long one loads the message itself.
_SHOWN: Final = 4_000
_QUOTED: Final = 2_000
_NEWEST: Final = Asked("-received_at", None, 50)
_LATELY: Final = timedelta(days=30)
_ROWS: Final = select(
    Incoming.id, Incoming.received_at, Incoming.sender, Incoming.subject, Incoming.kind, Incoming.outcome,
    Incoming.reason, Incoming.facts, Incoming.match, Incoming.visible, Incoming.quoted, Incoming.touch_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mail:
    """One received email. `rule` is the code of what decided its kind, `matched_by` and `confidence` how it found us.

    `text` is what a person wrote, `quoted` what they quoted.
    """

    id: str
    received_at: datetime
    sender: str
    sender_name: str
    subject: str
    kind: str
    outcome: str
    reason: str | None
    rule: str
    matched_by: str
    confidence: str
    touch_id: str | None
    text: str
    quoted: str


def newest(tx: Tx, prospect_id: str, limit: int) -> list[Mail]:
    """The mail about a prospect, newest first, long texts cut."""
    order = (Incoming.received_at.desc(), Incoming.id.desc())
    return [_mail(row, _SHOWN, _QUOTED) for row in tx.conn.execute(_of(prospect_id).order_by(*order).limit(limit))]


def listed(tx: Tx, prospect_id: str, asked: Asked) -> tuple[list[Mail], paging.Place | None]:
    """The mail about a prospect, sorted by `received_at`, and where the next page begins."""
    page = paging.page(tx, _of(prospect_id), asked, {"received_at": Incoming.received_at}, Incoming.id)
    return [_mail(row) for row in page.rows], page.next


def unmatched(tx: Tx, viewer: Viewer, asked: Asked = _NEWEST) -> tuple[list[Mail], paging.Place | None]:
    """Lately received mail that matched nobody, and where the next page begins; by `received_at`, newest first.

    Of one's own mailbox, and of shared ones for managers.
    """
    page = paging.page(tx, _unmatched(tx, viewer), asked, {"received_at": Incoming.received_at}, Incoming.id)
    return [_mail(row, _SHOWN, _QUOTED) for row in page.rows], page.next


def in_box(tx: Tx, viewer: Viewer, told: str) -> Mail:
    """A message of a mailbox that the viewer may read in. Raises NotFound."""
    found = _in_boxes(viewer).where(Incoming.id == unmatched_id(tx, viewer, told))
    return _mail(tx.conn.execute(found).one())


def unmatched_id(tx: Tx, viewer: Viewer, told: str) -> str:
    """`told` when it names such a message, also one that was dealt with since. Raises NotFound."""
    row = None
    if ids.is_id(told):
        wanted = _in_boxes(viewer).where(Incoming.id == told)
        row = tx.conn.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("There is no such message: it may have been removed, or belong to somebody else.")
    return str(row.id)


def _in_boxes(viewer: Viewer) -> Select[Any]:
    # What lies in the mailbox of a rep and concerns no prospect may be private: nobody else reads it here.
    mine = Mailbox.rep_id == viewer.rep_id
    seen = or_(mine, Mailbox.rep_id.is_(None)) if viewer.sees_everyone else mine
    return _ROWS.join(Mailbox, Mailbox.id == Incoming.mailbox_id).where(seen)


def _unmatched(tx: Tx, viewer: Viewer) -> Select[Any]:
    return _in_boxes(viewer).where(Incoming.outcome == "unmatched", Incoming.received_at > tx.now - _LATELY)


def gives_raw(tx: Tx, viewer: Viewer, prospect_id: str) -> bool:
    """Whether the viewer may have messages about this prospect byte by byte."""
    own = select(Prospect.id).where(Prospect.id == prospect_id, viewer.own())
    return viewer.role == "admin" or tx.conn.execute(own).scalar_one_or_none() is not None


def raw(tx: Tx, viewer: Viewer, told: str) -> bytes:
    """The bytes of a message, for administrators and for whoever looks after its prospect.

    Raises NotFound for one that the viewer may not see, and Forbidden for one of a prospect that is nobody's.
    """
    row = None
    if ids.is_id(told):
        wanted = select(Incoming.content, Incoming.prospect_id).where(Incoming.id == told)
        row = tx.conn.execute(wanted).one_or_none()
    if row is None or (row.prospect_id is None and viewer.role != "admin"):
        raise NotFound("There is no such message: it may have been removed, or belong to somebody else.")
    if viewer.role != "admin" and not gives_raw(tx, viewer, visible_prospect(tx, viewer, row.prospect_id)):
        raise Forbidden
    content: bytes = row.content
    return content


def _of(prospect_id: str) -> Select[Any]:
    return _ROWS.where(Incoming.prospect_id == prospect_id)


def _mail(row: Record, text: int | None = None, quoted: int | None = None) -> Mail:
    facts, match = row.facts or {}, row.match or {}
    return Mail(
        id=row.id,
        received_at=row.received_at,
        sender=row.sender,
        sender_name=str(facts.get("sender_name") or ""),
        subject=row.subject,
        kind=row.kind,
        outcome=row.outcome,
        reason=row.reason,
        rule=str(facts.get("rule") or ""),
        matched_by=str(match.get("by") or ""),
        confidence=str(match.get("confidence") or ""),
        touch_id=row.touch_id,
        text=row.visible[:text],
        quoted=row.quoted[:quoted],
    )
