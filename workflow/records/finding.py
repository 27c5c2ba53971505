"""The table of the filters that reps keep, and how a search asks its index of three-letter pieces.

The index belongs to the database: the words of each prospect in `prospect_words`, kept by triggers on `prospect`, and
`prospect_grams` (FTS5) over it on SQLite, on PostgreSQL a GIN index over `onward_pieces(words)`. No model describes
them; a table that is copied loses its triggers.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id

OF_THE_INDEX = ("prospect_words", "prospect_grams")
"""How the names begin that the database has for its search, and that no model describes."""


class SavedFilter(Base):
    """A filter of the list or the board that one rep gave a name to. `query` is the part of the address behind `?`."""

    __tablename__ = "saved_filter"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"))
    name: Mapped[str]
    query: Mapped[str]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("rep_id", "name"),)
