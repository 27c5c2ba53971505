"""The table of replays: many deliveries that are applied again, chosen by a filter, and how far that has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of

REPLAY_STATES: Final = ("waiting", "running", "done", "stopped")


class Replay(Base):
    """Deliveries up to `at` that fit `wanted`, applied again oldest first; the cursor names the last one done.

    `outcomes` counts what became of their events. Who works on it beats in `beat_at`, so that another takes over.
    """

    __tablename__ = "replay"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    state: Mapped[str]
    wanted: Mapped[dict[str, Any]]
    total: Mapped[int]
    done: Mapped[int]
    outcomes: Mapped[dict[str, Any]]
    cursor_at: Mapped[datetime | None]
    cursor_id: Mapped[str | None] = mapped_column(Id)
    beat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (one_of("state", REPLAY_STATES, "state"), Index("ix_replay_at", "at"))
