"""The tables of webhooks in: their senders, what was received byte for byte, and what became of each event.

Rows are written by `workflow.actions.inbox` and `workflow.actions.sources`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of, partial

DELIVERY_STATES: Final = ("accepted", "pending", "dead")
EVENT_OUTCOMES: Final = ("applied", "duplicate", "ignored", "blocked", "stale", "parked", "failed", "pending")


class Source(Base):
    """A sender of webhooks. `secrets` is encrypted and may hold two while a key is rotated; so is `api_token`.

    The token asks the vendor's own API. One that is `removed_at` keeps its deliveries and gave its name back.
    """

    __tablename__ = "source"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    secrets: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    api_token: Mapped[str | None]
    removed_at: Mapped[datetime | None]


class Delivery(Base):
    """One received webhook, body as received. Its key is inserted before anything is applied."""

    __tablename__ = "delivery"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    source_id: Mapped[str] = mapped_column(Id, ForeignKey("source.id"))
    dedupe_key: Mapped[str]
    received_at: Mapped[datetime]
    status: Mapped[str]
    repeats: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    reason: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("source_id", "dedupe_key"),
        one_of("status", DELIVERY_STATES, "status"),
        Index("ix_delivery_received", "received_at", "id"),
        partial("ix_delivery_status", "status", where="status <> 'accepted'"),
    )


class Event(Base):
    """One event of a delivery and what became of it. Unique per source by the vendor's own id.

    While it may have to be applied again, `payload` keeps it in normal form; a parked one says whom it waits for.
    `failing_since` is set from its first failure until it is applied or given up.
    """

    __tablename__ = "event"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(Id, ForeignKey("delivery.id"))
    position: Mapped[int]
    source_id: Mapped[str] = mapped_column(Id, ForeignKey("source.id"))
    event_key: Mapped[str]
    event_id: Mapped[str]
    type: Mapped[str]
    occurred_at: Mapped[datetime | None]
    prospect_id: Mapped[str | None] = mapped_column(Id, ForeignKey("prospect.id"), index=True)
    outcome: Mapped[str]
    stage: Mapped[str | None]
    reason: Mapped[str | None]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    waits_ref: Mapped[str | None]
    waits_email: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (
        UniqueConstraint("source_id", "event_key"),
        UniqueConstraint("delivery_id", "position"),
        one_of("outcome", EVENT_OUTCOMES, "outcome"),
        partial("ix_event_waiting", "next_attempt_at", where="next_attempt_at IS NOT NULL"),
        partial("ix_event_parked", "waits_ref", where="outcome = 'parked'"),
        partial("ix_event_parked_email", "waits_email", where="outcome = 'parked'"),
        partial("ix_event_kept", "prospect_id", where="payload IS NOT NULL"),
        partial("ix_event_failing", "waits_ref", where="failing_since IS NOT NULL"),
        partial("ix_event_unsettled", "outcome", "delivery_id", where="outcome <> 'applied'"),
    )
