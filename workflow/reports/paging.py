"""One page of a list by key, never by offset, so that none is skipped or told twice while rows come and go.

Which columns a list may be sorted by is the list's own closed table. How a place is written down is the API's matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, SQLColumnExpression, literal, tuple_

from workflow.errors import BadInput
from workflow.records.base import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.records.db import Record, Tx

Rows = Select[*tuple[Any, ...]]
Place = tuple[datetime | str, str]
"""What the last row of a page is sorted by, and its id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How to list: the name of a column with a minus for the largest first, the place behind which, and how many."""

    sort: str
    after: Place | None
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the place behind which the next page begins; None on the last."""

    rows: Sequence[Record]
    next: Place | None


def page(tx: Tx, found: Rows, asked: Asked, columns: Mapping[str, Any], id_: SQLColumnExpression[str]) -> Page:
    """A page of `found`, sorted by one of `columns` and then by `id_`. Raises BadInput for a place that fits not."""
    name = asked.sort.removeprefix("-")
    column, falls = columns[name], asked.sort.startswith("-")
    found = found.add_columns(column.label("sort_value"), id_.label("sort_id"))
    if asked.after is not None:
        value, row_id = asked.after
        of_time = isinstance(column.type, Moment)
        if isinstance(value, datetime) is not of_time:
            raise BadInput("“cursor” belongs to a list that was sorted otherwise.", field="cursor")
        edge = literal(value, Moment()) if of_time else literal(value)
        here, there = tuple_(column, id_), tuple_(edge, literal(row_id))
        found = found.where(here < there if falls else here > there)
    order = (column.desc(), id_.desc()) if falls else (column.asc(), id_.asc())
    rows = tx.conn.execute(found.order_by(*order).limit(asked.limit + 1)).all()
    shown = rows[: asked.limit]
    more = len(rows) > asked.limit
    return Page(shown, (shown[-1].sort_value, shown[-1].sort_id) if more else None)
