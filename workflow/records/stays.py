"""The table of ended stays in a stage, for the times that a report tells. All of it is derived from history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id


class Stay(Base):
    """A prospect was in a stage for so many hours. `version` is the row of history that ended it.

    Owner, language and origin are those of the prospect now: a report asks for them without looking at its row.
    """

    __tablename__ = "stay"
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str]
    hours: Mapped[int]
    left_at: Mapped[datetime]
    owner_id: Mapped[str | None] = mapped_column(Id)
    language: Mapped[str]
    origin: Mapped[str]
    __table_args__ = (
        # In the order of the groups, so that a report counts along it and sorts nothing.
        Index("ix_stay_hours", "stage", "hours", "left_at", "owner_id", "origin", "language"),
    )
