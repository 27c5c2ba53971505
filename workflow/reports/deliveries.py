"""Deliveries and what became of their events, newest first, with every reason in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, func, literal, select, tuple_

from workflow.engine import reasons
from workflow.errors import NotFound
from workflow.records.base import Moment
from workflow.records.models import Delivery, Event, Source
from workflow.wanted import GIVEN_UP as _GIVEN_UP
from workflow.wanted import fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx
    from workflow.wanted import Wanted

FATES: Final = ("dead", "given_up", "failed", "parked", "pending", "blocked", "ignored", "stale", "duplicate")
"""What a delivery or an event may come to that is not `applied`: the urgent first."""


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


@dataclass(frozen=True, slots=True)
class Count:
    """How many deliveries (`dead`) or events of one fate wait for somebody."""

    fate: str
    number: int


def page(
    tx: Tx,
    language: str,
    wanted: Wanted,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int,
    oldest_first: bool = False,
) -> tuple[DeliveryFacts, ...]:
    """The deliveries that fit, behind `after`; the newest first, unless asked otherwise."""
    found = _DELIVERIES.where(*fits(tx, wanted))
    if after is not None:
        here, behind = tuple_(Delivery.received_at, Delivery.id), tuple_(literal(after[0], Moment()), literal(after[1]))
        found = found.where(here > behind if oldest_first else here < behind)
    columns = (Delivery.received_at, Delivery.id)
    found = found.order_by(*(columns if oldest_first else (each.desc() for each in columns))).limit(limit)
    return _told(tx, tx.conn.execute(found).all(), language)


def counts(tx: Tx, wanted: Wanted) -> tuple[Count, ...]:
    """What was not simply applied, by fate, within the same sources, times, words and prospect."""
    within = fits(tx, replace(wanted, status="", outcome=""))
    dead = select(func.count()).select_from(Delivery).join(Source, Source.id == Delivery.source_id)
    number = tx.conn.execute(dead.where(Delivery.status == "dead", *within)).scalar_one()
    fate = case((_GIVEN_UP, "given_up"), else_=Event.outcome).label("fate")
    events = select(fate, func.count().label("number")).where(Event.outcome != "applied")
    if within:
        events = events.join(Delivery, Delivery.id == Event.delivery_id).join(Source, Source.id == Delivery.source_id)
    rows = tx.conn.execute(events.where(*within).group_by(fate))
    found = {"dead": number, **{row.fate: row.number for row in rows}}
    return tuple(Count(each, found[each]) for each in FATES if found.get(each))


def mark(tx: Tx, wanted: Wanted) -> str:
    """A short text that differs once something of the list has changed: an open page asks for it, and for no more."""
    newest = tx.conn.execute(select(func.max(Delivery.id))).scalar_one()
    told = [newest, *((each.fate, each.number) for each in counts(tx, wanted))]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


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
