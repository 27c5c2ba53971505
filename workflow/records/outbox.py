"""The tables of what leaves for other systems: targets, endpoints among them, what waits for each, and what was tried.

Holds no behaviour; what is written here and sent from here is the matter of `workflow.actions.outbox`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of, partial

TARGET_KINDS: Final = ("endpoint", "writeback")
TARGET_STATES: Final = ("active", "paused", "disabled")
OUTGOING_STATES: Final = ("waiting", "done", "dead")
ROUTES: Final = "outbox"
"""The fact that says who is told of what, JSON; it is read along with others, so that telling nobody costs nothing."""


class Target(Base):
    """Somebody who is told of events, one after the other in the order in which they were committed.

    `sequence` is the number of its newest event. `next_at` is when to go on, null while nothing waits. Whoever holds
    the lease is the only one that talks to it. `failing_since` is when the first of `failures` in a row happened.
    """

    __tablename__ = "outbox_target"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    why: Mapped[str | None]
    sequence: Mapped[int]
    failures: Mapped[int]
    failing_since: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    hint_at: Mapped[datetime | None]
    holder: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        one_of("kind", TARGET_KINDS, "kind"),
        one_of("state", TARGET_STATES, "state"),
        partial("ix_outbox_target_next", "next_at", where="state = 'active' AND next_at IS NOT NULL"),
    )


class Endpoint(Base):
    """An address of an integrator; shares its id with its target. `events` filters, empty takes everything.

    `secrets` is sealed and may hold two while a secret is rotated. A removed one keeps its past and frees its name.
    """

    __tablename__ = "endpoint"
    id: Mapped[str] = mapped_column(Id, ForeignKey("outbox_target.id"), primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[Any]]
    secrets: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    __table_args__ = (partial("uq_endpoint_name", "name", where="removed_at IS NULL", unique=True),)


class Outgoing(Base):
    """One event for one target. `event_id` stays the same for every target and every attempt.

    `payload` is the very text that is sent. It is given up some days after `created_at`, or after `counts_from`: it
    was replayed then, or its target resumed.
    """

    __tablename__ = "outbox"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    target_id: Mapped[str] = mapped_column(Id, ForeignKey("outbox_target.id"))
    sequence: Mapped[int]
    event_id: Mapped[str]
    kind: Mapped[str]
    type: Mapped[str]
    prospect_id: Mapped[str | None] = mapped_column(Id, ForeignKey("prospect.id"))
    payload: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    counts_from: Mapped[datetime | None]
    code: Mapped[int | None]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("target_id", "sequence"),
        UniqueConstraint("target_id", "event_id"),
        one_of("kind", TARGET_KINDS, "kind"),
        one_of("state", OUTGOING_STATES, "state"),
        partial("ix_outbox_waiting", "target_id", "sequence", where="state = 'waiting'"),
        partial("ix_outbox_dead", "target_id", "sequence", where="state = 'dead'"),
        Index("ix_outbox_created", "created_at", "id"),
        Index("ix_outbox_prospect", "prospect_id"),
    )


class Attempt(Base):
    """One try to deliver an event: what was answered, or what went wrong, and in how many milliseconds."""

    __tablename__ = "outbox_attempt"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    outgoing_id: Mapped[str] = mapped_column(Id, ForeignKey("outbox.id"), index=True)
    at: Mapped[datetime]
    code: Mapped[int | None]
    answer: Mapped[str]
    took_ms: Mapped[int]
