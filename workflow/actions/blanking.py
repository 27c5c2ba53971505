"""Takes what tells of a person out of all rows that belong to them; what is counted stays: stages, times, numbers.

In the caller's transaction, in which nobody else writes. Their history is written anew with a new chain, so that it
can still be proved; that it was is said by its last row. What only names them elsewhere is found by `erasing`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, or_, select, update

from workflow.engine.reasons import because
from workflow.engine.signals import FIELDS
from workflow.ids import is_id
from workflow.records.calls import CallField, CallSheet
from workflow.records.chain import digest
from workflow.records.crm import CrmLookup, CrmWord
from workflow.records.day import Snooze
from workflow.records.models import (
    Answer,
    Call,
    Decided,
    Delivery,
    Enrollment,
    Event,
    ExternalRef,
    History,
    Incoming,
    Meeting,
    Message,
    Prospect,
    Touch,
)
from workflow.records.outbox import Attempt, Outgoing
from workflow.records.personal import OwnText, Relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from workflow.records.db import Tx

ERASED: Final = "erased"
"""The kind of the last row of their history, and the code of why something of theirs is no more."""
KEPT_FIELD: Final = "language"
"""Tells of nobody who they are, and analytics asks for it."""
# Of what a row of history tells in words of its own, these name nobody: they are counted, or lead to other rows.
_KEPT_WORDS: Final = frozenset({
    "about", "enrollment", "ends_at", "from", "into", "kind", "outcome", "publication", "returns_on", "sequence",
    "starts_at", "state", "step", "taken", "to", "touch", "trigger", "until", "variant", "version",
})  # fmt: skip
_TOLD: Final = ("id", "type", "timestamp", "occurred_at", "actor", "cause")
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_SOME: Final = 200


def rows_of(tx: Tx, people: Collection[str], words: Collection[str]) -> None:
    """Blank everything that hangs on these prospects, but for their histories. `words` are their addresses."""
    touches = tx.conn.execute(select(Touch.id).where(Touch.prospect_id.in_(people))).scalars().all()
    _mail(tx, people, touches)
    _events(tx, people, words)
    _told_to_others(tx, people)
    _talks(tx, people)
    _reasons(tx, people)
    for table in (Snooze, Decided, Answer):
        tx.conn.execute(delete(table).where(table.prospect_id.in_(people)))
    tx.conn.execute(delete(Relation).where(or_(Relation.prospect_id.in_(people), Relation.other_id.in_(people))))


def history_of(tx: Tx, prospect_id: str, reasons: Collection[str]) -> str:
    """Write a history anew without what tells of the person; gives its newest link. `reasons` may stay as they are."""
    uids = _meetings(tx, prospect_id)
    found = select(*History.__table__.columns).where(History.prospect_id == prospect_id).order_by(History.version)
    chain = ""
    for row in tx.conn.execute(found).all():
        told = row._asdict()
        told["changes"] = {name: changed(name, value, reasons) for name, value in row.changes.items()}
        told["detail"] = {name: _worded(name, value) for name, value in row.detail.items()}
        if "uid" in row.detail:
            told["detail"]["uid"] = uids.get(row.detail["uid"], ERASED)
        told["reason"] = _reason(row.reason, reasons)
        chain = told["digest"] = digest(chain, told)
        mine = update(History).where(History.prospect_id == prospect_id, History.version == row.version)
        fresh = {name: told[name] for name in ("changes", "detail", "reason", "digest")}
        tx.conn.execute(mine.values(**fresh))
    return chain


def changed(name: str, value: Any, reasons: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    """What a column of a prospect is from now on, and what each change of it says that it became."""
    if name in FIELDS:
        return value if name == KEPT_FIELD else ""
    if name == "custom":
        return {}
    if name == "outcome_reason":
        return value if value in reasons else None
    if name == "mail_hold_why":
        return _reason(value, ())
    return value


def _reason(stored: str | None, kept: Collection[str]) -> str | None:
    """A stored reason without its facts; what somebody wrote by hand goes, unless the playbook offers it."""
    if stored is None or stored in kept:
        return stored
    try:
        code, facts = json.loads(stored)
    except ValueError:
        return None
    return because(code, **{name: value if _is_plain(name, value) else "" for name, value in facts.items()}).pack()


def _is_plain(name: str, value: object) -> bool:
    return name in _KEPT_WORDS or (isinstance(value, str) and (is_id(value) or value.isdigit()))


def _worded(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {inner: _worded(inner, each) for inner, each in value.items()}
    if isinstance(value, list):
        return [_worded(name, each) for each in value]
    return value if not isinstance(value, str) or _is_plain(name, value) else ""


def _mail(tx: Tx, people: Collection[str], touches: Collection[str]) -> None:
    mine = Touch.prospect_id.in_(people)
    bare: dict[str, Any] = {"recipient": None, "domain": None, "smtp_text": None, "trail": None}
    tx.conn.execute(update(Touch).where(mine).values(**bare))
    ended = {"ended_at": tx.now, "next_attempt_at": None, "reason": because("stop.erased").pack()}
    # Tasks may outlive their sequence, and nobody will ever say whether an uncertain email arrived.
    tx.conn.execute(update(Touch).where(mine, Touch.state == "scheduled").values(state="cancelled", **ended))
    tx.conn.execute(update(Touch).where(mine, Touch.state == "uncertain").values(state="failed", **ended))
    gone: dict[str, Any] = {
        "sender": "", "subject": "", "visible": "", "quoted": "", "content": b"", "message_id": None,
        "facts": {}, "match": {}, "reason": None,
    }  # fmt: skip
    tx.conn.execute(update(Incoming).where(Incoming.prospect_id.in_(people)).values(**gone))
    for start in range(0, len(touches), _SOME):
        some = list(touches)[start : start + _SOME]
        blank = {"subject": "", "content": b"", "sha256": _NOTHING}
        tx.conn.execute(update(Message).where(Message.touch_id.in_(some)).values(**blank))
        tx.conn.execute(update(Incoming).where(Incoming.touch_id.in_(some)).values(**gone))
        tx.conn.execute(delete(OwnText).where(OwnText.touch_id.in_(some)))


def _events(tx: Tx, people: Collection[str], words: Collection[str]) -> None:
    """What webhooks told of them. Nothing that waits may bring them back."""
    refs = select(ExternalRef.source_id, ExternalRef.ref).where(ExternalRef.prospect_id.in_(people))
    for row in tx.conn.execute(refs).all():
        tx.conn.execute(delete(CrmLookup).where(CrmLookup.source_id == row.source_id, CrmLookup.ref == row.ref))
        about = or_(CrmWord.about == row.ref, CrmWord.about.endswith(f":{row.ref}", autoescape=True))
        tx.conn.execute(delete(CrmWord).where(CrmWord.source_id == row.source_id, about))
        waits = (Event.source_id == row.source_id, Event.waits_ref == row.ref)
        tx.conn.execute(update(Event).where(*waits).values(prospect_id=min(people)))
    tx.conn.execute(delete(ExternalRef).where(ExternalRef.prospect_id.in_(people)))
    mine = or_(Event.prospect_id.in_(people), Event.waits_email.in_(list(words)))
    for delivery_id in tx.conn.execute(select(Event.delivery_id).where(mine).distinct()).scalars().all():
        forget_body(tx, delivery_id)
    gone: dict[str, Any] = {"payload": None, "waits_email": None, "waits_ref": None, "next_attempt_at": None}
    why = because(ERASED).pack()
    waiting = Event.outcome.in_(("parked", "pending", "failed", "blocked"))
    tx.conn.execute(update(Event).where(mine, waiting).values(outcome="ignored", failing_since=None))
    tx.conn.execute(update(Event).where(mine).values(**gone, reason=why))


def forget_body(tx: Tx, delivery_id: str) -> None:
    """Blank what a sender sent; one that was not read yet is never to be."""
    mine, why = Delivery.id == delivery_id, because(ERASED).pack()
    tx.conn.execute(update(Delivery).where(mine).values(body=b"", headers={}, reason=why))
    tx.conn.execute(update(Delivery).where(mine, Delivery.status == "pending").values(status="dead"))


def _told_to_others(tx: Tx, people: Collection[str]) -> None:
    """What other systems were told, and are still to be told: that it happened, and not of whom more than the id."""
    found = select(Outgoing.id, Outgoing.payload).where(Outgoing.prospect_id.in_(people))
    for row in tx.conn.execute(found).all():
        told = json.loads(row.payload)
        bare = {name: told[name] for name in _TOLD if name in told}
        bare["prospect"] = {"id": (told.get("prospect") or {}).get("id")}
        bare["data"] = {name: _worded(name, value) for name, value in (told.get("data") or {}).items()}
        payload = json.dumps(bare, ensure_ascii=False, separators=(",", ":"))
        tx.conn.execute(update(Outgoing).where(Outgoing.id == row.id).values(payload=payload, answer=None))
        tx.conn.execute(update(Attempt).where(Attempt.outgoing_id == row.id).values(answer=""))


def _talks(tx: Tx, people: Collection[str]) -> None:
    tx.conn.execute(update(Call).where(Call.prospect_id.in_(people)).values(notes=""))
    sheets = select(CallSheet.id).where(CallSheet.prospect_id.in_(people))
    tx.conn.execute(delete(CallField).where(CallField.sheet_id.in_(sheets)))
    begun = (CallSheet.prospect_id.in_(people), CallSheet.ended_at.is_(None))
    tx.conn.execute(update(CallSheet).where(*begun).values(ended_at=tx.now))


def _meetings(tx: Tx, prospect_id: str) -> Mapping[str, str]:
    """Blank the meetings of one prospect; gives the name that stands in the place of each one's own."""
    uids: dict[str, str] = {}
    found = select(Meeting.id, Meeting.uid).where(Meeting.prospect_id == prospect_id)
    for row in tx.conn.execute(found).all():
        uids[row.uid] = f"{ERASED}:{row.id}"
        blank = {"uid": uids[row.uid], "place": "", "reason": ""}
        tx.conn.execute(update(Meeting).where(Meeting.id == row.id).values(**blank))
    ahead = (Meeting.prospect_id == prospect_id, Meeting.state == "booked", Meeting.starts_at > tx.now)
    tx.conn.execute(update(Meeting).where(*ahead).values(state="cancelled"))
    return uids


def _reasons(tx: Tx, people: Collection[str]) -> None:
    """Facts of a reason may name them."""
    for row in tx.conn.execute(select(Touch.id, Touch.reason).where(Touch.prospect_id.in_(people))).all():
        tx.conn.execute(update(Touch).where(Touch.id == row.id).values(reason=_reason(row.reason, ())))
    for row in tx.conn.execute(select(Enrollment.id, Enrollment.reason).where(Enrollment.prospect_id.in_(people))):
        tx.conn.execute(update(Enrollment).where(Enrollment.id == row.id).values(reason=_reason(row.reason, ())))


def prospect_of(tx: Tx, prospect_id: str, chain: str, reasons: Collection[str]) -> None:
    """Blank the row of a prospect itself, as its history adds up to from now on."""
    names = (*FIELDS, "custom", "outcome_reason", "mail_hold_why")
    row = tx.conn.execute(select(*(getattr(Prospect, name) for name in names)).where(Prospect.id == prospect_id)).one()
    fresh = {name: changed(name, value, reasons) for name, value in row._asdict().items()}
    mine = update(Prospect).where(Prospect.id == prospect_id)
    tx.conn.execute(mine.values(**fresh, email_key=None, search="", chain=chain))
