"""Deliveries: stored and applied in one transaction, key first, so that a repeat is a recorded no-op.

What cannot be applied now stays: pending, parked until its prospect is known, failed until tried again, or dead.
Adapters in `web.webhooks` verify and normalise; this room never sees a vendor's format.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from workflow import ids
from workflow.actions import breaker, evidence, prospects
from workflow.actions.sources import OpenSource
from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because, words
from workflow.engine.signals import Signal
from workflow.errors import NotFound, OnwardError
from workflow.mail.address import key_of
from workflow.probe import SILENT
from workflow.records import upserts
from workflow.records.models import Delivery, Event, Source
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from workflow.actions.prospects import Loaded
    from workflow.probe import Probe
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

BUDGET_S: Final = 1.0
PARKED_FOR: Final = timedelta(days=7)
_RETRY: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
_SETTLE: Final = Prepared(update(Event).where(Event.id == bindparam("which")))


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event in normal form. `problem` says in a sentence why it cannot be used; then only `event_id` counts.

    `introduces` makes an unknown prospect known whatever the type, because its sender says enough of the person.
    """

    event_id: str
    type: str
    occurred_at: datetime | None = None
    ref: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    introduces: bool = False


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """What became of one event."""

    id: str
    outcome: str
    stage: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery."""

    delivery_id: str
    status: str
    events: tuple[EventReceipt, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A verified request: the vendor's key of it, and what it holds, or in `unreadable` why nothing can be read."""

    key: str
    headers: Mapping[str, str]
    body: bytes
    events: Sequence[Incoming] = ()
    unreadable: str | None = None


def receive(ws: Workspace, source: OpenSource, parcel: Parcel, probe: Probe = SILENT) -> Receipt:
    """Store a delivery and apply its events, in one transaction. A repeated key changes nothing.

    Raises Unavailable when nothing could be stored: then the sender must try again.
    """

    def work(tx: Tx) -> Receipt:
        delivery_id = ids.new_id()
        if not _keep(tx, source, parcel, delivery_id):
            return _repeated(tx, source, parcel.key)
        probe.at("delivery.kept")
        until = time.monotonic() + BUDGET_S
        receipts = []
        for position, incoming in enumerate(parcel.events):
            late = time.monotonic() > until
            receipts.append(_take(ws, tx, source, delivery_id, position, incoming, late=late))
        return Receipt(delivery_id, "accepted", tuple(receipts))

    receipt = ws.database.transact(work)
    probe.at("delivery.committed")
    return receipt


def sweep(ws: Workspace, *, limit: int = 100) -> int:
    """Apply again what waits: pending, failed and parked events whose time has come. Gives how many were tried."""
    with ws.database.read() as tx:
        now = tx.now
        due = select(Event.id).where(Event.next_attempt_at <= now).order_by(Event.next_attempt_at, Event.id)
        waiting = tx.conn.execute(due.limit(limit)).scalars().all()
    for event_id in waiting:
        ws.database.transact(partial(_again, ws, event_id=event_id))
    return len(waiting)


def replay(
    ws: Workspace, delivery_id: str, read: Callable[[str, bytes, Mapping[str, str]], Parcel], actor: str
) -> Receipt:
    """Apply a kept delivery again: its waiting and failed events, and a dead letter as `read` understands it today.

    Raises NotFound. What was applied once is never applied twice, because each event keeps its key.
    """

    def work(tx: Tx) -> Receipt:
        row = _delivery(tx, delivery_id)
        source = _source_of(row)
        known = _events(tx, delivery_id)
        parcel = read(row.kind, row.body, row.headers)
        if not known and parcel.unreadable is None:
            receipts = [
                _take(ws, tx, source, delivery_id, position, incoming, late=False)
                for position, incoming in enumerate(parcel.events)
            ]
            changed = {"status": "accepted", "reason": None}
            tx.conn.execute(update(Delivery).where(Delivery.id == delivery_id).values(**changed))
            return Receipt(delivery_id, "accepted", tuple(receipts))
        for event in known:
            if event.outcome in ("parked", "failed", "pending", "blocked", "ignored"):
                incoming = parcel.events[event.position] if event.position < len(parcel.events) else None
                _retry(ws, tx, source, event, incoming or _unpack(event), actor=actor)
        receipts = [_receipt(event) for event in _events(tx, delivery_id)]
        return Receipt(delivery_id, row.status, tuple(receipts))

    return ws.database.transact(work)


def _keep(tx: Tx, source: OpenSource, parcel: Parcel, delivery_id: str) -> bool:
    row = {
        "id": delivery_id,
        "source_id": source.id,
        "dedupe_key": parcel.key,
        "received_at": tx.now,
        "status": "dead" if parcel.unreadable else "accepted",
        "repeats": 0,
        "headers": dict(parcel.headers),
        "body": parcel.body,
        "reason": because("bad_event", problem=parcel.unreadable).pack() if parcel.unreadable else None,
    }
    return upserts.insert_new(tx, Delivery, row)


def _repeated(tx: Tx, source: OpenSource, key: str) -> Receipt:
    same = (Delivery.source_id == source.id) & (Delivery.dedupe_key == key)
    tx.conn.execute(update(Delivery).where(same).values(repeats=Delivery.repeats + 1))
    delivery_id = tx.conn.execute(select(Delivery.id).where(same)).scalar_one()
    told = tuple(EventReceipt(row.event_id, "duplicate", row.stage, None) for row in _events(tx, delivery_id))
    return Receipt(delivery_id, "duplicate", told)


def _take(
    ws: Workspace, tx: Tx, source: OpenSource, delivery_id: str, position: int, incoming: Incoming, *, late: bool
) -> EventReceipt:
    """Keep one event under its key, then apply it."""
    row: dict[str, Any] = {
        "id": ids.new_id(),
        "delivery_id": delivery_id,
        "position": position,
        "source_id": source.id,
        "event_key": incoming.event_id,
        "event_id": incoming.event_id,
        "type": incoming.type,
        "occurred_at": incoming.occurred_at,
        "outcome": "pending",
        "attempts": 0,
        "next_attempt_at": tx.now if late else None,
        "payload": _pack(incoming) if late else None,
    }
    if not upserts.insert_new(tx, Event, row):
        # The same event in another delivery: noted beside the first one, under a key of its own.
        row |= {"event_key": f"{incoming.event_id} again {row['id']}", "outcome": "duplicate", "payload": None}
        tx.conn.execute(insert(Event), {**row, "next_attempt_at": None})
        return EventReceipt(incoming.event_id, "duplicate", None, None)
    if late:
        return EventReceipt(incoming.event_id, "pending", None, None)
    return _settle(ws, tx, source, row["id"], incoming, attempts=0, first_at=tx.now)


def _settle(
    ws: Workspace, tx: Tx, source: OpenSource, row_id: str, incoming: Incoming, *, attempts: int, first_at: datetime
) -> EventReceipt:
    """Apply an event that is kept already, and write down what became of it."""
    done = _Done("failed", reason=because("bad_event", problem=incoming.problem)) if incoming.problem else None
    if done is None:
        try:
            done = _attempt(ws, tx, source, row_id, incoming)
        except OperationalError:
            # The trouble is the database's, not this event's: the sender, or the sweep, brings the whole once more.
            raise
        except (OnwardError, SQLAlchemyError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            # The savepoint undid what this event had begun; the delivery itself stands.
            wait = _RETRY[attempts] if attempts < len(_RETRY) else None
            name = type(error).__name__
            done = _Done("failed", reason=because("event_error", error=name), again_at=tx.now + wait if wait else None)
    if done.outcome == "parked" and tx.now - first_at > PARKED_FOR:
        done = _Done("failed", reason=because("parked_too_long"))
    kept = done.outcome in ("parked", "failed")
    changed = {
        "outcome": done.outcome,
        "stage": done.stage,
        "reason": done.reason.pack() if done.reason else None,
        "prospect_id": done.prospect_id,
        "attempts": attempts + 1,
        "next_attempt_at": done.again_at,
        "waits_ref": incoming.ref if done.outcome == "parked" else None,
        "waits_email": key_of(_address(incoming)) if done.outcome == "parked" else None,
        "payload": _pack(incoming) if kept and not incoming.problem else None,
    }
    _SETTLE.run(tx, {**changed, "which": row_id})
    return EventReceipt(incoming.event_id, done.outcome, done.stage, done.reason.words("en") if done.reason else None)


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: str
    stage: str | None = None
    reason: Reason | None = None
    prospect_id: str | None = None
    again_at: datetime | None = None


def _attempt(ws: Workspace, tx: Tx, source: OpenSource, row_id: str, incoming: Incoming) -> _Done:
    try:
        with tx.attempt():
            return _apply(ws, tx, source, row_id, incoming)
    except IntegrityError:
        # Another delivery made the same prospect known at this very moment: now it can be found.
        with tx.attempt():
            return _apply(ws, tx, source, row_id, incoming)


def _apply(ws: Workspace, tx: Tx, source: OpenSource, row_id: str, incoming: Incoming) -> _Done:
    email_key = key_of(_address(incoming))
    meetings = incoming.type in kinds.MEETING_KINDS
    known, ref_known = prospects.find(ws, tx, source.id, incoming.ref, email_key, meetings=meetings)
    message_id = incoming.data.get("message_id")
    if known is None and isinstance(message_id, str):
        prospect_id = prospects.by_message(tx, message_id)
        known = prospects.load(ws, tx, prospect_id, meetings=meetings) if prospect_id else None
    creates = incoming.introduces or incoming.type in kinds.CREATING
    if known is None and not (creates and (incoming.ref or email_key)):
        if incoming.type not in kinds.KINDS and not _has_meaning(ws, tx, source, incoming.type):
            return _Done("ignored", reason=because("unknown_type", type=incoming.type))
        # Looked at again by itself now and then: the prospect may have come by a way that wakes nobody.
        return _Done("parked", reason=because("unknown_prospect"), again_at=tx.now + timedelta(hours=1))
    signal = Signal(
        kind=incoming.type,
        occurred_at=incoming.occurred_at or tx.now,
        actor=f"source:{source.name}",
        cause=f"event:{row_id}",
        data=incoming.data,
        fields=_usable_fields(tx, incoming, known, email_key),
        custom=incoming.custom,
        sender=(source.kind, source.name),
    )
    result = prospects.put(ws, tx, known, signal)
    if incoming.ref and not ref_known:
        prospects.remember_ref(tx, source.id, incoming.ref, result.prospect_id)
    if incoming.type in kinds.MAIL_KINDS and isinstance(message_id, str):
        evidence.confirm(ws, tx, message_id, evidence.by_signal(incoming.type, incoming.data))
        if incoming.type == kinds.BOUNCED:
            breaker.came_back(tx, message_id, incoming.data)
    reasons = result.decision.reasons
    return _Done(result.decision.verdict, result.decision.stage, reasons[0] if reasons else None, result.prospect_id)


def _has_meaning(ws: Workspace, tx: Tx, source: OpenSource, kind: str) -> bool:
    senders = (source.kind, source.name)
    return any(rule.kind == kind and rule.source in senders for rule in ws.playbooks.in_force(tx).signals)


def _usable_fields(tx: Tx, incoming: Incoming, known: Loaded | None, email_key: str | None) -> Mapping[str, str]:
    """The facts of the event, without an address that belongs to somebody else: two prospects never share one."""
    email = incoming.fields.get("email")
    if not email or email_key is None or known is None or email == known.view.fields["email"]:
        return incoming.fields
    if prospects.by_email(tx, email_key) in (None, known.view.id):
        return incoming.fields
    return {name: value for name, value in incoming.fields.items() if name != "email"}


def _again(ws: Workspace, tx: Tx, *, event_id: str) -> None:
    statement = _EVENTS.where(Event.id == event_id, Event.next_attempt_at <= tx.now)
    if tx.locks_rows:
        # Two clocks sweep side by side: the second finds the row locked and leaves it alone.
        statement = statement.with_for_update(of=Event, skip_locked=True)
    event = tx.conn.execute(statement).one_or_none()
    if event is not None:
        _retry(ws, tx, _source_of(_delivery(tx, event.delivery_id)), event, _unpack(event), actor="system")


def _retry(ws: Workspace, tx: Tx, source: OpenSource, event: Record, incoming: Incoming, *, actor: str) -> None:
    first_at = tx.now if actor != "system" else event.received_at
    _settle(ws, tx, source, event.id, incoming, attempts=event.attempts, first_at=first_at)


def _address(incoming: Incoming) -> str:
    return incoming.fields.get("email") or str(incoming.data.get("address") or "")


_EVENTS: Final = select(
    Event.id, Event.delivery_id, Event.position, Event.event_id, Event.type, Event.occurred_at, Event.outcome,
    Event.stage, Event.reason, Event.attempts, Event.payload, Delivery.received_at,
).join(Delivery, Delivery.id == Event.delivery_id)  # fmt: skip


def _events(tx: Tx, delivery_id: str) -> Sequence[Record]:
    return tx.conn.execute(_EVENTS.where(Event.delivery_id == delivery_id).order_by(Event.position)).all()


def _receipt(event: Record) -> EventReceipt:
    return EventReceipt(event.event_id, event.outcome, event.stage, words(event.reason, "en"))


def _delivery(tx: Tx, delivery_id: str) -> Record:
    row = tx.conn.execute(
        select(
            Delivery.id,
            Delivery.status,
            Delivery.body,
            Delivery.headers,
            Source.id.label("source_id"),
            Source.name,
            Source.kind,
        )
        .join(Source, Source.id == Delivery.source_id)
        .where(Delivery.id == delivery_id)
    ).one_or_none()
    if row is None:
        message = "There is no such delivery: check the id."
        raise NotFound(message)
    return row


def _source_of(row: Record) -> OpenSource:
    return OpenSource(row.source_id, row.name, row.kind, ())


def _pack(incoming: Incoming) -> dict[str, Any]:
    return {
        "event_id": incoming.event_id,
        "type": incoming.type,
        "occurred_at": incoming.occurred_at.isoformat() if incoming.occurred_at else None,
        "ref": incoming.ref,
        "fields": dict(incoming.fields),
        "custom": dict(incoming.custom),
        "data": {k: v.isoformat() if isinstance(v, datetime) else v for k, v in incoming.data.items()},
        **({"introduces": True} if incoming.introduces else {}),
    }


def _unpack(event: Record) -> Incoming:
    kept = event.payload
    if kept is None:
        return Incoming(event.event_id, event.type, problem="This event was kept without its contents.")
    occurred = datetime.fromisoformat(kept["occurred_at"]) if kept["occurred_at"] else None
    data = dict(kept["data"])
    # Only a meeting has times here; in the data of another type these words may mean anything.
    for name in ("starts_at", "ends_at") if event.type in kinds.MEETING_KINDS else ():
        if isinstance(data.get(name), str):
            data[name] = datetime.fromisoformat(data[name])
    return Incoming(
        kept["event_id"],
        kept["type"],
        occurred,
        kept["ref"],
        kept["fields"],
        kept["custom"],
        data,
        introduces=kept.get("introduces", False),
    )
