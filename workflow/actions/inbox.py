"""Deliveries: stored and applied in one transaction, key first, so that a repeat is a recorded no-op.

What cannot be applied now stays: pending, parked until its prospect is known, failed until tried again, or dead.
Adapters in `web.webhooks` verify and normalise; this room never sees a vendor's format.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from workflow import ids
from workflow.actions import breaker, crm_words, evidence, lookups, prospects, turns
from workflow.actions.parcels import EventReceipt, Incoming, Parcel, Receipt, pack, unpack
from workflow.actions.sources import OpenSource
from workflow.crm.vendors import NAMES
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
    from datetime import datetime

    from workflow.actions.prospects import Loaded
    from workflow.probe import Probe
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

# A vendor counts the seconds until the answer; what does not fit is applied by the sweep, a second later.
BUDGET_S: Final = 0.6
PARKED_FOR: Final = timedelta(days=7)
_LOG: Final = logging.getLogger(__name__)
# What one event may run into. Trouble of the database is told apart, for it is nobody's own.
_OF_THE_EVENT: Final = (
    OnwardError, SQLAlchemyError, ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
_OPEN: Final = ("parked", "failed", "pending", "blocked", "ignored")
_SETTLE: Final = Prepared(update(Event).where(Event.id == bindparam("which")))


def receive(ws: Workspace, source: OpenSource, parcel: Parcel, probe: Probe = SILENT) -> Receipt:
    """Store a delivery and apply its events, in one transaction. A repeated key changes nothing.

    Raises Unavailable when nothing could be stored: then the sender must try again.
    """
    # From the first try on: whoever had to begin anew has less time, because the sender waits for all of it.
    until = time.monotonic() + BUDGET_S
    receipt = ws.database.transact(lambda tx: receive_in(ws, tx, source, parcel, probe, until=until))
    probe.at("delivery.committed")
    return receipt


def receive_in(
    ws: Workspace, tx: Tx, source: OpenSource, parcel: Parcel, probe: Probe = SILENT, *, until: float | None = None
) -> Receipt:
    """The same in the caller's transaction. What is not applied `until` then, by the monotonic clock, waits.

    The first event is applied whatever the time: most deliveries bring no other.
    """
    delivery_id = ids.new_id()
    if not _keep(tx, source, parcel, delivery_id):
        return _repeated(tx, source, parcel.key)
    probe.at("delivery.kept")
    until = until if until is not None else time.monotonic() + BUDGET_S
    receipts = []
    for position, incoming in enumerate(parcel.events):
        late = position > 0 and time.monotonic() > until
        receipts.append(_take(ws, tx, source, delivery_id, position, incoming, late=late))
    return Receipt(delivery_id, "accepted", tuple(receipts))


def sweep(ws: Workspace, *, limit: int = 100) -> int:
    """Apply again what waits: pending, failed and parked events whose time has come. Gives how many were tried."""
    with ws.database.read() as tx:
        now = tx.now
        due = select(Event.id).where(Event.next_attempt_at <= now).order_by(Event.next_attempt_at, Event.id)
        waiting = tx.conn.execute(due.limit(limit)).scalars().all()
    for event_id in waiting:
        ws.database.transact(partial(_again, ws, event_id=event_id))
    return len(waiting)


def forget(ws: Workspace) -> int:
    """Let the contents of refused events go after a week: no older news is awaited then. A replay reads the body."""

    def work(tx: Tx) -> int:
        late = select(Delivery.id).where(Delivery.received_at < tx.now - PARKED_FOR)
        old = (Event.outcome.in_(turns.REFUSED), Event.payload.is_not(None), Event.delivery_id.in_(late))
        return tx.conn.execute(update(Event).where(*old).values(payload=None, next_attempt_at=None)).rowcount

    return ws.database.transact(work)


Read: TypeAlias = "Callable[[str, bytes, Mapping[str, str]], Parcel]"
"""How a kept delivery is understood today, by its kind. Raises KeyError for a kind that is gone."""


def replay(ws: Workspace, delivery_id: str, read: Read, actor: str) -> Receipt:
    """Apply a kept delivery again: its waiting and failed events, and a dead letter as `read` understands it today.

    Raises NotFound. What was applied once is never applied twice, because each event keeps its key.
    """
    return ws.database.transact(lambda tx: replay_in(ws, tx, delivery_id, read, actor))


def replay_in(ws: Workspace, tx: Tx, delivery_id: str, read: Read, actor: str) -> Receipt:
    """The same in the caller's transaction."""
    row = _delivery(tx, delivery_id)
    source = _source_of(row)
    known = _events(tx, delivery_id)
    parcel = read(row.kind, row.body, row.headers)
    named = {incoming.event_id: incoming for incoming in parcel.events}
    for event in known:
        if event.outcome in _OPEN:
            _retry(ws, tx, source, event, named.get(event.event_id) or unpack(event), actor=actor)
    told = {event.event_id for event in known}
    position = max((event.position for event in known), default=-1)
    # Today's adapter may find more in the same bytes than that of an older release did; of a dead letter it finds all.
    for more, incoming in enumerate((each for each in parcel.events if each.event_id not in told), position + 1):
        _take(ws, tx, source, delivery_id, more, incoming, late=False)
    if row.status == "dead":
        reason = because("bad_event", problem=parcel.unreadable).pack() if parcel.unreadable else None
        changed = {"status": "dead" if parcel.unreadable else "accepted", "reason": reason}
        tx.conn.execute(update(Delivery).where(Delivery.id == delivery_id).values(**changed))
    status = tx.conn.execute(select(Delivery.status).where(Delivery.id == delivery_id)).scalar_one()
    return Receipt(delivery_id, status, tuple(_receipt(event) for event in _events(tx, delivery_id)))


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
        "payload": pack(incoming) if late else None,
    }
    if not upserts.insert_new(tx, Event, row):
        # The same event in another delivery: noted beside the first one, under a key of its own.
        row |= {"event_key": f"{incoming.event_id} again {row['id']}", "outcome": "duplicate", "payload": None}
        tx.conn.execute(insert(Event), {**row, "next_attempt_at": None})
        return EventReceipt(incoming.event_id, "duplicate", None, None)
    if late:
        return EventReceipt(incoming.event_id, "pending", None, None)
    return _settle(ws, tx, source, _Turn(row["id"], tx.now), incoming)


def _settle(ws: Workspace, tx: Tx, source: OpenSource, turn: _Turn, incoming: Incoming) -> EventReceipt:
    """Apply an event that is kept already, and write down what became of it."""
    done = _Done("failed", reason=because("bad_event", problem=incoming.problem)) if incoming.problem else None
    if done is None:
        try:
            done = _attempt(ws, tx, source, turn, incoming)
        except OperationalError:
            # The trouble is the database's, not this event's: the sender, or the sweep, brings the whole once more.
            raise
        except _OF_THE_EVENT as error:
            # The savepoint undid what this event had begun; the delivery itself stands.
            done = _failed(tx, source, turn, incoming, error)
    if done.outcome == "parked" and tx.now - turn.first_at > PARKED_FOR:
        done = _Done("failed", reason=because("parked_too_long"))
    waits = done.outcome in ("parked", "pending") or done.failing_since is not None
    # To wait once more is no further attempt.
    tried = turn.attempts if done.outcome in ("parked", "pending") and turn.attempts else turn.attempts + 1
    changed = {
        "outcome": done.outcome,
        "stage": done.stage,
        "reason": done.reason.pack() if done.reason else None,
        "prospect_id": done.prospect_id,
        "attempts": 1 if done.failing_since is not None and turn.failing_since is None else tried,
        "next_attempt_at": done.again_at,
        "waits_ref": incoming.ref if waits else None,
        "waits_email": key_of(incoming.address) if done.outcome == "parked" else None,
        "failing_since": done.failing_since,
        "payload": pack(incoming) if (waits or done.is_kept) and not incoming.problem else None,
    }
    _SETTLE.run(tx, {**changed, "which": turn.row_id})
    return EventReceipt(incoming.event_id, done.outcome, done.stage, done.reason.words("en") if done.reason else None)


def _failed(tx: Tx, source: OpenSource, turn: _Turn, incoming: Incoming, error: Exception) -> _Done:
    """Try again later, and later, and then no more. The first failure in a row holds up the prospect's later events."""
    failures = turn.attempts if turn.failing_since is not None else 0
    name = type(error).__name__
    prospect_id = turns.whom(tx, source.id, incoming)
    if failures >= len(turns.RETRY):
        _LOG.error("an event from %s failed for the last time and waits for a person: %s", source.name, turn.row_id)
        return _Done("failed", reason=because("event_given_up", error=name), prospect_id=prospect_id, is_kept=True)
    _LOG.warning("an event from %s failed: %s", source.name, turn.row_id, exc_info=error)
    again_at, since = tx.now + turns.RETRY[failures], turn.failing_since or tx.now
    reason = because("event_error", error=name)
    return _Done("failed", reason=reason, prospect_id=prospect_id, again_at=again_at, failing_since=since)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One try of an event: its row, how often it was tried, when it came, and since when it fails."""

    row_id: str
    first_at: datetime
    attempts: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: str
    stage: str | None = None
    reason: Reason | None = None
    prospect_id: str | None = None
    again_at: datetime | None = None
    failing_since: datetime | None = None
    is_kept: bool = False
    """Whether its contents stay, because news that come later may let it count."""


def _attempt(ws: Workspace, tx: Tx, source: OpenSource, turn: _Turn, incoming: Incoming) -> _Done:
    try:
        with tx.attempt():
            return _apply(ws, tx, source, turn, incoming)
    except IntegrityError:
        # Another delivery made the same prospect known at this very moment: now it can be found.
        with tx.attempt():
            return _apply(ws, tx, source, turn, incoming)


def _apply(ws: Workspace, tx: Tx, source: OpenSource, turn: _Turn, incoming: Incoming) -> _Done:
    email_key = key_of(incoming.address)
    meetings = incoming.type in kinds.MEETING_KINDS
    known, ref_known = prospects.find(ws, tx, source.id, incoming.ref, email_key, meetings=meetings)
    message_id = incoming.data.get("message_id")
    if known is None and isinstance(message_id, str):
        prospect_id = prospects.by_message(tx, message_id)
        known = prospects.load(ws, tx, prospect_id, meetings=meetings) if prospect_id else None
    if known is None and (waits := _nobody(ws, tx, source, incoming, email_key)):
        return waits
    at = incoming.occurred_at or tx.now
    word = crm_words.of(incoming, at) if source.asks else None
    if known is not None and word and (code := crm_words.heard(tx, source.id, word, but=turn.row_id)):
        outcome = "duplicate" if code == "told_already" else "ignored"
        return _Done(outcome, reason=because(code), prospect_id=known.view.id, is_kept=outcome == "ignored")
    signal = Signal(
        kind=incoming.type,
        occurred_at=at,
        actor=f"source:{source.name}",
        cause=f"event:{turn.row_id}",
        data=incoming.data,
        fields=_usable_fields(tx, incoming, known, email_key),
        custom=incoming.custom,
        sender=(source.kind, source.name),
    )
    others = turns.kept(tx, known, source.id, incoming.ref)
    held_until = turns.held_until(others, turn.row_id, turn.first_at, tx.now) if others else None
    if held_until is not None and not turns.is_stopping(ws.playbooks.in_force(tx), signal):
        whose = known.view.id if known else None
        return _Done("pending", reason=because("held_up"), prospect_id=whose, again_at=held_until)
    result = prospects.put(ws, tx, known, signal)
    if incoming.ref and not ref_known:
        prospects.remember_ref(tx, source.id, incoming.ref, result.prospect_id)
    if word:
        crm_words.note(tx, source.id, word, turn.row_id)
    if incoming.type in kinds.MAIL_KINDS | evidence.PASSED_ON and isinstance(message_id, str):
        evidence.confirm(ws, tx, message_id, evidence.by_signal(incoming.type, incoming.data))
        if incoming.type == kinds.BOUNCED:
            breaker.came_back(tx, message_id, incoming.data)
    decision = result.decision
    if others and decision.verdict == "applied":
        turns.ask_again(tx, others, min(signal.occurred_at, tx.now))
    reason = decision.reasons[0] if decision.reasons else None
    refused = decision.verdict in turns.REFUSED and (reason is None or reason.code != "no_meaning")
    return _Done(decision.verdict, decision.stage, reason, result.prospect_id, is_kept=refused)


def _nobody(ws: Workspace, tx: Tx, source: OpenSource, incoming: Incoming, email_key: str | None) -> _Done | None:
    """What becomes of an event about somebody unknown; None when it makes them known."""
    creates = incoming.introduces or incoming.type in kinds.CREATING
    if creates and email_key:
        return None
    creates = creates and bool(incoming.ref)
    if not creates and incoming.type not in kinds.KINDS and not _has_meaning(ws, tx, source, incoming.type):
        return _Done("ignored", reason=because("unknown_type", type=incoming.type))
    # It may say by an id only who came: made known now, that would be somebody without a name.
    reason = lookups.wish(tx, source, incoming.ref)
    if reason is None and creates:
        return None
    # Looked at again by itself now and then: the prospect may have come by a way that wakes nobody.
    again_at = tx.now + timedelta(hours=1)
    return _Done("parked", reason=reason or because("unknown_prospect"), again_at=again_at)


def _has_meaning(ws: Workspace, tx: Tx, source: OpenSource, kind: str) -> bool:
    senders = (source.kind, source.name)
    return any(rule.kind == kind and rule.source in senders for rule in ws.playbooks.in_force(tx).signals)


def _usable_fields(tx: Tx, incoming: Incoming, known: Loaded | None, email_key: str | None) -> Mapping[str, str]:
    """The facts of the event, without an address that belongs to somebody else: two prospects never share one."""
    email = incoming.fields.get("email")
    if not email or email_key is None or known is None or email == known.view.fields["email"]:
        return incoming.fields
    if prospects.holder(tx, email_key) in (None, known.view.id):
        return incoming.fields
    return {name: value for name, value in incoming.fields.items() if name != "email"}


def _again(ws: Workspace, tx: Tx, *, event_id: str) -> None:
    statement = _EVENTS.where(Event.id == event_id, Event.next_attempt_at <= tx.now)
    if tx.locks_rows:
        # Two clocks sweep side by side: the second finds the row locked and leaves it alone.
        statement = statement.with_for_update(of=Event, skip_locked=True)
    event = tx.conn.execute(statement).one_or_none()
    if event is not None:
        _retry(ws, tx, _source_of(_delivery(tx, event.delivery_id)), event, unpack(event), actor="system")


def _retry(ws: Workspace, tx: Tx, source: OpenSource, event: Record, incoming: Incoming, *, actor: str) -> None:
    if actor == "system":
        turn = _Turn(event.id, event.received_at, event.attempts, event.failing_since)
    else:
        # A person has looked at it: it begins anew.
        turn = _Turn(event.id, tx.now)
    _settle(ws, tx, source, turn, incoming)


_EVENTS: Final = select(
    Event.id, Event.delivery_id, Event.position, Event.event_id, Event.type, Event.occurred_at, Event.outcome,
    Event.stage, Event.reason, Event.attempts, Event.payload, Event.failing_since, Delivery.received_at,
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
            (Source.api_token.is_not(None) & Source.kind.in_(NAMES)).label("asks"),
        )
        .join(Source, Source.id == Delivery.source_id)
        .where(Delivery.id == delivery_id)
    ).one_or_none()
    if row is None:
        message = "There is no such delivery: check the id."
        raise NotFound(message)
    return row


def _source_of(row: Record) -> OpenSource:
    return OpenSource(row.source_id, row.name, row.kind, (), bool(row.asks))
