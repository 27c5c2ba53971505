"""The tables of erasing people: what is being erased and how far that has come, and marks of addresses that were.

Holds no behaviour; rows are written by `workflow.actions.erasing`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of, partial

ERASURE_STATES: Final = ("running", "done")
SALT: Final = "erased.salt"
"""The fact that the marks of addresses are made with; it is there as soon as anybody was erased."""


class Erasure(Base):
    """One person who is erased. Their own rows are blank as soon as this stands here; the rest is searched by `phase`.

    `needles` are the words that are looked for, gone when it is done; `cursor` is how far the phase has come, `counts`
    how many rows each phase blanked.
    """

    __tablename__ = "erasure"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    actor: Mapped[str]
    at: Mapped[datetime]
    state: Mapped[str]
    phase: Mapped[str]
    cursor: Mapped[str]
    needles: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("state", ERASURE_STATES, "state"),
        Index("ix_erasure_prospect", "prospect_id"),
        partial("ix_erasure_running", "at", where="state = 'running'"),
    )


class ErasedAddress(Base):
    """The mark of an address that was erased, from which it cannot be read back: nobody writes to it again."""

    __tablename__ = "erased_address"
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
