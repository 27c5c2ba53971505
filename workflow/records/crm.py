"""The tables of asking and writing to a CRM by its API: how a source stands there, what is looked up, what was told.

Holds no behaviour; rows are written by `workflow.actions.crm`, `lookups`, `reconciling` and `writeback`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of, partial

LOOKUP_STATES: Final = ("waiting", "done", "failed")


class CrmLink(Base):
    """How a source stands with its vendor's API; one row as soon as it has a token.

    Whoever holds the lease is the only one that asks. `cursor_at` is until when its changes were read, `ask_after` is
    how long the vendor wants to be left alone. `writes` leads stages of ours to those of the vendor, and `target_id`
    is the target of the outbox that they go through.
    """

    __tablename__ = "crm_link"
    source_id: Mapped[str] = mapped_column(Id, ForeignKey("source.id"), primary_key=True)
    target_id: Mapped[str | None] = mapped_column(Id, ForeignKey("outbox_target.id"))
    writes: Mapped[dict[str, Any]]
    poll_minutes: Mapped[int]
    cursor_at: Mapped[datetime]
    next_poll_at: Mapped[datetime]
    polled_at: Mapped[datetime | None]
    poll_found: Mapped[int]
    looked_up_at: Mapped[datetime | None]
    written_at: Mapped[datetime | None]
    ask_after: Mapped[datetime | None]
    problem: Mapped[str | None]
    problem_since: Mapped[datetime | None]
    holder: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None]
    __table_args__ = (Index("ix_crm_link_target", "target_id", unique=True),)


class CrmLookup(Base):
    """An object of a source that was named by its id only, and whether its vendor was asked for the rest."""

    __tablename__ = "crm_lookup"
    source_id: Mapped[str] = mapped_column(Id, ForeignKey("source.id"), primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    attempts: Mapped[int]
    next_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        one_of("state", LOOKUP_STATES, "state"),
        partial("ix_crm_lookup_waiting", "source_id", "next_at", where="state = 'waiting'"),
    )


class CrmWord(Base):
    """That one property of one object of a CRM had a value since `at`: told by the CRM, or written there by us.

    The same change comes by webhook, by a poll and, where it was ours, as an echo; by this it counts once. Its id is
    that of the event that told it, or of what we sent.
    """

    __tablename__ = "crm_word"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    source_id: Mapped[str] = mapped_column(Id, ForeignKey("source.id"))
    about: Mapped[str]
    kind: Mapped[str]
    value: Mapped[str]
    at: Mapped[datetime]
    ours: Mapped[bool]
    noted_at: Mapped[datetime]
    __table_args__ = (
        Index("ix_crm_word_about", "source_id", "about", "kind", "at"),
        Index("ix_crm_word_noted", "noted_at"),
    )
