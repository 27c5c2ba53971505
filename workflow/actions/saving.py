"""Keeps, renames and forgets the filters that a rep gave names to.

Nobody else sees them, and they change no prospect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, update

from workflow import ids
from workflow.errors import BadInput, NotFound
from workflow.records import upserts
from workflow.records.finding import SavedFilter
from workflow.records.models import Rep
from workflow.text import line

if TYPE_CHECKING:
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

MOST: Final = 20
LONGEST_NAME: Final = 40
_LONGEST_QUERY: Final = 500


def keep(ws: Workspace, rep_id: str, name: str, query: str) -> None:
    """Keep a filter of this rep under a name; one of the same name is overwritten. Raises BadInput."""
    clean = _clean(name)
    if not query or len(query) > _LONGEST_QUERY:
        raise BadInput("There is no filter to keep: choose one first.", field="query")

    def work(tx: Tx) -> None:
        others = select(func.count()).select_from(SavedFilter).where(SavedFilter.rep_id == rep_id)
        if tx.conn.execute(others.where(SavedFilter.name != clean)).scalar_one() >= MOST:
            raise BadInput("Twenty filters are kept already: remove one first.", field="name")
        row = {"id": ids.new_id(), "rep_id": rep_id, "name": clean, "query": query, "created_at": tx.now}
        upserts.upsert(tx, SavedFilter, row, keys=("rep_id", "name"), keep=("id", "created_at"))

    ws.database.transact(work)


def rename(ws: Workspace, rep_id: str, filter_id: str, name: str) -> str:
    """Give a filter of this rep another name; gives the one it had. Raises BadInput, and NotFound where it is gone."""
    clean = _clean(name)

    def work(tx: Tx) -> str:
        # Two renames at once would both find the name free: the rep's row lets one wait for the other.
        tx.conn.execute(select(Rep.id).where(Rep.id == rep_id).with_for_update())
        rows = tx.conn.execute(select(SavedFilter.id, SavedFilter.name).where(SavedFilter.rep_id == rep_id))
        names: dict[str, str] = {row.id: row.name for row in rows}
        if filter_id not in names:
            raise NotFound("There is no such filter: it may have been removed.")
        if any(other == clean for key, other in names.items() if key != filter_id):
            raise BadInput("Another filter has this name: choose a different one.", field="name")
        tx.conn.execute(update(SavedFilter).where(SavedFilter.id == filter_id).values(name=clean))
        return names[filter_id]

    return ws.database.transact(work)


def forget(ws: Workspace, rep_id: str, filter_id: str) -> None:
    """Forget a filter of this rep; that of somebody else stays, and so does nothing that is not there."""
    mine = delete(SavedFilter).where(SavedFilter.id == filter_id, SavedFilter.rep_id == rep_id)
    ws.database.transact(lambda tx: tx.conn.execute(mine))


def _clean(name: str) -> str:
    clean = line(name, LONGEST_NAME)
    if not clean:
        raise BadInput("Give the filter a name.", field="name")
    return clean
