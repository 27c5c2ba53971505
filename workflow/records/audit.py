"""The table of changed settings: who changed what, when, and what it was before and after. Rows are only ever added.

Holds no behaviour, and no secret: what is written here is drawn up by `workflow.actions.auditing`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id


class SettingChange(Base):
    """One change of a setting, never altered. `what` is its kind, as `mailbox.changed`; `about` is the name it goes by.

    `before` and `after` hold only what differs, by field; a field of what is secret says only whether it is there.
    """

    __tablename__ = "setting_change"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    what: Mapped[str]
    about: Mapped[str]
    about_id: Mapped[str | None] = mapped_column(Id)
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    __table_args__ = (Index("ix_setting_change_at", "at", "id"),)
