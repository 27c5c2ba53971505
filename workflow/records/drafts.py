"""The table of drafts: the playbook that a person is rewriting in the panel, every version of its text.

What is published is a version of the playbook and stands in its own table; a draft is in force nowhere.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id


class PlaybookDraft(Base):
    """One version of a person's draft; the newest counts. `base_digest` was in force when the draft began."""

    __tablename__ = "playbook_draft"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"))
    version: Mapped[int]
    base_digest: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    source: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("rep_id", "version"),)
