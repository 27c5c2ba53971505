"""A mark that changes with every change of any prospect: what a browser asks every few seconds, at the cost of nothing.

Says only that something has changed; what, and for whom, is read when the page is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select

from workflow.records.base import Moment
from workflow.records.models import History
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from workflow.records.db import Tx

# A transaction may last a minute and writes the time of its beginning: it shows up behind later ones, so the newest
# time alone would miss it. Rows are counted since a moment that stands still for five minutes and is five older.
_STANDS: Final = timedelta(minutes=5)
_NEWS: Final = Prepared(
    select(func.count().label("number"), func.max(History.at).label("newest")).where(
        History.at >= bindparam("since", type_=Moment())
    )
)


def mark(tx: Tx) -> str:
    """The mark as it is now. Another one every five minutes too, so that no clock needs to be trusted for longer."""
    since = tx.now - _STANDS - timedelta(seconds=tx.now.timestamp() % _STANDS.total_seconds())
    row = _NEWS.first(tx, {"since": since})
    newest: datetime | None = row.newest if row else None
    return f"{since.isoformat()} {row.number if row else 0} {newest.isoformat() if newest else ''}"
