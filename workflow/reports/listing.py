"""The list of prospects: searched, filtered, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, or_

from workflow import ids, text
from workflow.records.models import Prospect, Rep
from workflow.reports import board

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx
    from workflow.reports.board import Card
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

ROWS: Final = 50
_MOST_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is asked for. `after` is the place of the page before, as it was told."""

    search: str = ""
    stage: str = ""
    mine: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list, with each prospect's owner beside it, and where the next page begins."""

    rows: tuple[tuple[Card, str | None], ...]
    next: str | None


def prospects(ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted) -> Found:
    """One page of what is wanted."""
    which: list[ColumnElement[bool]] = [viewer.sees()]
    if wanted.mine:
        which.append(Prospect.owner_id == viewer.rep_id)
    if wanted.stage:
        which.append(Prospect.stage == wanted.stage)
    words = text.searchable(wanted.search).split()[:_MOST_WORDS]
    which += [Prospect.search.contains(word, autoescape=True) for word in words]
    which += _after(wanted.after)
    newest = (
        board.CARD.add_columns(Prospect.created_at, Rep.name.label("owner"))
        .outerjoin(Rep, Rep.id == Prospect.owner_id)
        .where(*which)
        .order_by(Prospect.created_at.desc(), Prospect.id.desc())
    )
    rows = tx.conn.execute(newest.limit(ROWS + 1)).all()
    shown = rows[:ROWS]
    cards = board.cards(ws, tx, shown)
    last = f"{shown[-1].created_at.isoformat()}~{shown[-1].id}" if len(rows) > ROWS else None
    return Found(tuple(zip(cards, (row.owner for row in shown), strict=True)), last)


def _after(told: str) -> list[ColumnElement[bool]]:
    moment, _tilde, known = told.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return []
    if at.tzinfo is None or not ids.is_id(known):
        return []
    return [or_(Prospect.created_at < at, and_(Prospect.created_at == at, Prospect.id < known))]
