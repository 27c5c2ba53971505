"""Objects that a source names by their ids only: which are to be looked up, and what became of it.

The events wait, parked, until the vendor has said who it is; then they apply as if they had told it. Bounded: what
cannot be learned is a dead letter after some tries. The asking itself is the matter of `asking`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select, update

from workflow.crm.vendors import NAMES
from workflow.engine.reasons import Reason, because
from workflow.records import upserts
from workflow.records.crm import CrmLookup
from workflow.records.models import Event
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from workflow.actions.sources import OpenSource
    from workflow.crm.port import CrmError
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

RETRY: Final = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""After each failure; then it is given up."""
_ASKED_LATELY: Final = timedelta(hours=1)
# What may be asked about: another id may be our own, or one of an object that names nobody.
_REF: Final = re.compile(r"(?:(?:contact|company|person|organization|deal):)?[0-9]{1,20}")
_STATE: Final = Prepared(
    select(CrmLookup.state, CrmLookup.asked_at).where(
        CrmLookup.source_id == bindparam("source"), CrmLookup.ref == bindparam("ref")
    )
)


def wish(tx: Tx, source: OpenSource, ref: str | None) -> Reason | None:
    """Have an object looked up, and give the reason to wait for it; None where it is of no use to wait."""
    if not source.asks or ref is None or not _REF.fullmatch(ref):
        return None
    row = _STATE.first(tx, {"source": source.id, "ref": ref})
    waits = because("awaits_lookup", vendor=NAMES[source.kind])
    if row is None:
        fresh = {"source_id": source.id, "ref": ref, "state": "waiting", "attempts": 0}
        upserts.insert_new(tx, CrmLookup, {**fresh, "next_at": tx.now, "created_at": tx.now})
        return waits
    if row.state == "waiting":
        return waits
    if row.asked_at is not None and row.asked_at > tx.now - _ASKED_LATELY:
        return None
    anew = {"state": "waiting", "attempts": 0, "next_at": tx.now, "problem": None}
    tx.conn.execute(update(CrmLookup).where(_is(source.id, ref)).values(**anew))
    return waits


def waiting(ws: Workspace, source_id: str, *, limit: int) -> Sequence[str]:
    """The refs of a source whose turn it is to be looked up."""
    with ws.database.read() as tx:
        mine = (CrmLookup.source_id == source_id) & (CrmLookup.state == "waiting") & (CrmLookup.next_at <= tx.now)
        return (
            tx.conn.execute(select(CrmLookup.ref).where(mine).order_by(CrmLookup.next_at).limit(limit)).scalars().all()
        )


def asked_for(tx: Tx, source_id: str, ref: str) -> datetime | None:
    """When the first of the events happened that wait for an object: before them it is known."""
    theirs = (Event.outcome == "parked", Event.source_id == source_id, Event.waits_ref == ref)
    return tx.conn.execute(select(func.min(Event.occurred_at)).where(*theirs)).scalar_one_or_none()


def settled(tx: Tx, source_id: str, ref: str) -> None:
    """Its vendor has told all of an object, whoever asked."""
    row = {"source_id": source_id, "ref": ref, "state": "done", "attempts": 1, "next_at": None, "asked_at": tx.now}
    upserts.upsert(tx, CrmLookup, {**row, "problem": None, "created_at": tx.now}, ("source_id", "ref"), ("created_at",))


def gone(tx: Tx, source: OpenSource, ref: str) -> None:
    """Its vendor knows nothing of it: nothing waits for it any longer."""
    _give_up(tx, source, ref, because("lookup.gone", vendor=NAMES[source.kind], ref=ref))


def failed(tx: Tx, source: OpenSource, ref: str, error: CrmError) -> None:
    """Try again later, and then no more; what was refused is not tried again."""
    row: Record | None = tx.conn.execute(select(CrmLookup.attempts).where(_is(source.id, ref))).one_or_none()
    attempts = row.attempts + 1 if row is not None else 1
    if error.passes and attempts <= len(RETRY):
        again = {"attempts": attempts, "asked_at": tx.now, "next_at": tx.now + RETRY[attempts - 1]}
        told = {**again, "problem": error.reason.pack()}
        tx.conn.execute(update(CrmLookup).where(_is(source.id, ref)).values(**told))
        return
    told = {f"problem.{language}": error.reason.words(language) for language in ("en", "bg")}
    _give_up(tx, source, ref, because("lookup.failed", vendor=NAMES[source.kind], ref=ref, **told))


def _give_up(tx: Tx, source: OpenSource, ref: str, reason: Reason) -> None:
    """Make dead letters of the events that wait for it; a replay uses them as they are."""
    over = {"state": "failed", "next_at": None, "asked_at": tx.now, "problem": reason.pack()}
    tx.conn.execute(update(CrmLookup).where(_is(source.id, ref)).values(**over))
    theirs = update(Event).where(Event.outcome == "parked", Event.source_id == source.id, Event.waits_ref == ref)
    tx.conn.execute(theirs.values(outcome="failed", reason=reason.pack(), next_attempt_at=None, waits_ref=None))


def _is(source_id: str, ref: str) -> ColumnElement[bool]:
    return (CrmLookup.source_id == source_id) & (CrmLookup.ref == ref)
