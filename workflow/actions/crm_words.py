"""Which changes of a CRM's objects were told already, by webhook or by a poll, and which of them were our own.

A change is the same when its object, its kind and its value are, and nothing else happened nearer to its time. Only
sources whose vendor is asked by an API pay for this: nobody else brings a change in two ways.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, select

from workflow.crm.port import Word
from workflow.records import upserts
from workflow.records.crm import CrmWord
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.actions.parcels import Incoming
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

NEAR: Final = timedelta(seconds=30)
"""How far two times of one change may be apart: some are told to the second, and ours is that of this host at first."""
_KEPT: Final = timedelta(days=30)
_BATCH: Final = 1_000
_LOOK: Final = Prepared(
    select(CrmWord.id, CrmWord.value, CrmWord.at, CrmWord.ours).where(
        CrmWord.source_id == bindparam("source"),
        CrmWord.about == bindparam("about"),
        CrmWord.kind == bindparam("kind"),
        CrmWord.at >= bindparam("since"),
        CrmWord.at <= bindparam("until"),
    )
)


def heard(tx: Tx, source_id: str, word: Word, *, but: str = "") -> str | None:
    """The code of the reason why a change is no news; None when it is. `but` is its own row, if it was noted before."""
    rows = _near(tx, source_id, word, but)
    if not rows:
        return None
    nearest = min(rows, key=lambda row: (abs(row.at - word.at), row.value != word.value))
    if nearest.value != word.value:
        return None
    return "own_change" if nearest.ours else "told_already"


def is_ours(tx: Tx, source_id: str, word: Word) -> bool:
    """Whether a value that stands there now was written by us."""
    return heard(tx, source_id, word) == "own_change"


def note(tx: Tx, source_id: str, word: Word, row_id: str, *, ours: bool = False) -> None:
    """Remember a change under the id of what told it; once more it is corrected."""
    row = {
        "id": row_id,
        "source_id": source_id,
        "about": word.about,
        "kind": word.kind,
        "value": word.value,
        "at": word.at,
        "ours": ours,
        "noted_at": tx.now,
    }
    upserts.upsert(tx, CrmWord, row, keys=("id",))


def is_noted(tx: Tx, row_id: str) -> bool:
    """Whether something was noted under this id."""
    return tx.conn.execute(select(CrmWord.id).where(CrmWord.id == row_id)).scalar_one_or_none() is not None


def take_back(tx: Tx, row_id: str) -> None:
    """Forget a change that did not happen after all."""
    tx.conn.execute(delete(CrmWord).where(CrmWord.id == row_id))


def of(incoming: Incoming, at: datetime) -> Word | None:
    """What an event says of an object of its sender; None where it says nothing of the sort."""
    value = incoming.data.get("value")
    if incoming.about is None or not isinstance(value, str) or not value:
        return None
    return Word(incoming.about, incoming.type, value, at)


def forget(ws: Workspace) -> int:
    """Drop what was noted a month ago; how many."""

    def work(tx: Tx) -> int:
        old = select(CrmWord.id).where(CrmWord.noted_at < tx.now - _KEPT).limit(_BATCH)
        return tx.conn.execute(delete(CrmWord).where(CrmWord.id.in_(old))).rowcount

    return ws.database.transact(work)


def _near(tx: Tx, source_id: str, word: Word, but: str) -> list[Record]:
    asked = {
        "source": source_id,
        "about": word.about,
        "kind": word.kind,
        "since": word.at - NEAR,
        "until": word.at + NEAR,
    }
    return [row for row in _LOOK.all(tx, asked) if row.id != but]
