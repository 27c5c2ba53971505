"""The tables of what reps do for one person: the text of a single email, and which prospects belong together.

Holds no behaviour; rows are written by `workflow.actions.own_texts` and `workflow.actions.relations`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of

RELATIONS: Final = ("referral", "colleague", "group", "other")
"""How two prospects belong together: one named the other, same company, companies of one owner, anything else."""


class OwnText(Base):
    """The text of one email, in place of its template's. Both parts are null once somebody went back to the template.

    `version` counts what was saved and what was taken back, so that two who write at once notice each other.
    """

    __tablename__ = "own_text"
    touch_id: Mapped[str] = mapped_column(Id, ForeignKey("touch.id"), primary_key=True)
    version: Mapped[int]
    subject: Mapped[str | None]
    text: Mapped[str | None]
    actor: Mapped[str]
    at: Mapped[datetime]


class Relation(Base):
    """That two prospects belong together. For a referral `prospect_id` is the one who named the other."""

    __tablename__ = "relation"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    other_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    kind: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (
        one_of("kind", RELATIONS, "kind"),
        UniqueConstraint("prospect_id", "other_id"),
        Index("ix_relation_other", "other_id"),
    )
