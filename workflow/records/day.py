"""The tables of a rep's day: what they put off or are done with, and what they want to reach in a week.

Only the page Today and its neighbours in the API read them. No mail, no guard and no move ever asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of

SNOOZED: Final = ("task", "email", "answer", "prospect")
"""What can be put off: a task or an email by its touch, a reply or bounce and a stalled prospect by the prospect."""
GOALS: Final = ("calls", "meetings", "wins")


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing on a rep's list, as the row that puts it off names it."""

    what: str
    about: str
    version: int = 0


class Snooze(Base):
    """A thing that one rep does not want on their list until a moment; without `until` they are done with it.

    `about` is the id of a touch or a prospect, `version` that of the history for an answer, else 0.
    """

    __tablename__ = "snooze"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"))
    what: Mapped[str]
    about: Mapped[str] = mapped_column(Id)
    version: Mapped[int]
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    until: Mapped[datetime | None]
    made_at: Mapped[datetime]
    __table_args__ = (
        one_of("what", SNOOZED, "what"),
        UniqueConstraint("rep_id", "what", "about", "version"),
        Index("ix_snooze_prospect", "prospect_id"),
    )


class WeekGoal(Base):
    """How many of one kind a rep wants in a week. It holds from week to week until they set another."""

    __tablename__ = "week_goal"
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"), primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    set_at: Mapped[datetime]
    __table_args__ = (one_of("what", GOALS, "what"),)
