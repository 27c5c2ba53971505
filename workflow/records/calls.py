"""The tables of a call in progress: the sheet that a rep leads it with, and every field of it as it was last typed.

What a call taught goes to `call`, `answer` and the history when it ends; a sheet stays as the account of how it went.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id


class CallSheet(Base):
    """One call that somebody began. Open until `ended_at`; without a `call_id` it was thrown away then."""

    __tablename__ = "call_sheet"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"), index=True)
    script: Mapped[str]
    planned_minutes: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    call_id: Mapped[str | None] = mapped_column(Id, ForeignKey("call.id"), index=True)
    __table_args__ = (Index("ix_call_sheet_prospect", "prospect_id", "started_at"),)


class CallField(Base):
    """One field of a sheet. `version` counts its changes, so that two windows notice each other."""

    __tablename__ = "call_field"
    sheet_id: Mapped[str] = mapped_column(Id, ForeignKey("call_sheet.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    version: Mapped[int]
    at: Mapped[datetime]
