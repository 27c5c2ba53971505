"""Deliveries and what became of their events, newest first, with every reason in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import literal, select, tuple_

from workflow.engine import reasons
from workflow.errors import NotFound
from workflow.records.base import Moment
from workflow.records.models import Delivery, Event, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx

WAITING: Final = frozenset({"parked", "failed", "pending"})
"""Outcomes of events that are not settled."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One event of a delivery; `reason` is a sentence."""

    id: str
    type: str
    outcome: str
    stage: str | None
    reason: str | None
    prospect_id: str | None
    occurred_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """One delivery; `repeats` counts how often it came again."""

    id: str
    source: str
    kind: str
    received_at: datetime
    status: str
    repeats: int
    reason: str | None
    events: tuple[EventFacts, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery with what came: its headers, without those that prove the sender, and its bytes."""

    facts: DeliveryFacts
    headers: Mapping[str, str]
    body: bytes


def page(
    tx: Tx,
    language: str,
    *,
    status: str = "",
    source: str = "",
    outcome: str = "",
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> tuple[DeliveryFacts, ...]:
    """The newest deliveries with this status, from this source, with an event of this outcome; behind `after`."""
    found = _DELIVERIES
    if status:
        found = found.where(Delivery.status == status)
    if source:
        found = found.where(Source.name == source)
    if outcome:
        found = found.where(Delivery.id.in_(select(Event.delivery_id).where(Event.outcome == outcome)))
    if after is not None:
        behind = tuple_(literal(after[0], Moment()), literal(after[1]))
        found = found.where(tuple_(Delivery.received_at, Delivery.id) < behind)
    found = found.order_by(Delivery.received_at.desc(), Delivery.id.desc()).limit(limit)
    return _told(tx, tx.conn.execute(found).all(), language)


def one(tx: Tx, delivery_id: str, language: str) -> Letter:
    """One delivery with its body. Raises NotFound."""
    rows = tx.conn.execute(_DELIVERIES.where(Delivery.id == delivery_id)).all()
    if not rows:
        raise NotFound("There is no such delivery: check the id.")
    kept = tx.conn.execute(select(Delivery.headers, Delivery.body).where(Delivery.id == delivery_id)).one()
    return Letter(_told(tx, rows, language)[0], kept.headers, kept.body)


_DELIVERIES: Final = select(
    Delivery.id, Source.name.label("source"), Source.kind, Delivery.received_at, Delivery.status, Delivery.repeats,
    Delivery.reason,
).join(Source, Source.id == Delivery.source_id)  # fmt: skip
_EVENTS: Final = select(
    Event.delivery_id, Event.event_id.label("id"), Event.type, Event.outcome, Event.stage, Event.reason,
    Event.prospect_id, Event.occurred_at, Event.attempts, Event.next_attempt_at,
)  # fmt: skip


def _told(tx: Tx, rows: Sequence[Record], language: str) -> tuple[DeliveryFacts, ...]:
    events: dict[str, list[EventFacts]] = {row.id: [] for row in rows}
    found = _EVENTS.where(Event.delivery_id.in_(list(events))).order_by(Event.delivery_id, Event.position)
    for row in tx.conn.execute(found):
        events[row.delivery_id].append(EventFacts(**_in_words(row, EventFacts.__slots__, language)))
    return tuple(
        DeliveryFacts(**_in_words(row, DeliveryFacts.__slots__[:-1], language), events=tuple(events[row.id]))
        for row in rows
    )


def _in_words(row: Record, names: Iterable[str], language: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names} | {"reason": reasons.words(row.reason, language)}
