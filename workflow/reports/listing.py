"""The list of prospects: searched, filtered, sorted by one of its columns, a page at a time by key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from workflow import ids
from workflow.records.models import Prospect
from workflow.reports import board, filters, paging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.records.db import Tx
    from workflow.reports.board import Card
    from workflow.reports.filters import Wanted
    from workflow.reports.paging import Place
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

ROWS: Final = 50
NEWEST: Final = "-created"
COLUMNS: Final[Mapping[str, Any]] = {
    "created": Prospect.created_at,
    "entered": Prospect.entered_stage_at,
    "name": Prospect.name,
    "company": Prospect.company,
}
"""What the list may be sorted by; a minus before the name turns it round."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prospect of the list: its card, and since when it is here."""

    card: Card
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list, and where the next page begins."""

    rows: tuple[Row, ...]
    next: str | None


def prospects(ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted, *, sort: str = NEWEST, after: str = "") -> Found:
    """One page of what is wanted; an unknown `sort` is the newest first, a place that is none the first page."""
    if sort.removeprefix("-") not in COLUMNS:
        sort = NEWEST
    listed = board.CARD.add_columns(Prospect.created_at).where(*filters.which(ws, tx, viewer, wanted))
    found = paging.page(tx, listed, paging.Asked(sort, _place(sort, after), ROWS), COLUMNS, Prospect.id)
    cards = board.cards(ws, tx, found.rows)
    rows = tuple(Row(card, row.created_at) for card, row in zip(cards, found.rows, strict=True))
    return Found(rows, _written(found.next) if found.next else None)


def _written(place: Place) -> str:
    value, known = place
    return f"{value.isoformat() if isinstance(value, datetime) else value}~{known}"


def _place(sort: str, told: str) -> Place | None:
    value, _tilde, known = told.rpartition("~")
    if not ids.is_id(known):
        return None
    if sort.removeprefix("-") in ("name", "company"):
        return value, known
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (at, known) if at.tzinfo is not None else None
