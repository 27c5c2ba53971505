"""The tables of the texts of emails: every version that somebody saved in the panel, and trials sent to oneself.

What comes with the product stays in its folder; a name and language without a row here has the folder's text.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id


class TemplateVersion(Base):
    """One saved text of an email in one language; the newest holds, and none is ever changed. `actor` wrote it."""

    __tablename__ = "template_version"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    language: Mapped[str]
    version: Mapped[int]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("name", "language", "version"),)


class Trial(Base):
    """One email that a rep sent to themselves to look at it; counted, so that nobody is flooded."""

    __tablename__ = "trial"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"))
    name: Mapped[str]
    language: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (Index("ix_trial_rep", "rep_id", "at"),)
