"""Replays of many deliveries: begun once, then carried on a delivery at a time by whoever reads the vendors' formats.

Each delivery is a transaction of its own, together with how far the replay has come: it may be stopped, killed and
carried on by another process, and nothing is replayed twice. How one is applied is the matter of `inbox`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, literal, select, tuple_, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from workflow import ids, wanted
from workflow.actions import inbox
from workflow.errors import NotFound, OnwardError, Unavailable
from workflow.records.base import Moment
from workflow.records.db import CommitUnknown
from workflow.records.models import Delivery, Source
from workflow.records.replays import Replay
from workflow.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

FORSAKEN: Final = timedelta(seconds=30)
"""A replay that nobody carried on for so long lost its process."""
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay has come. `outcomes` counts what became of the events of the deliveries done."""

    id: str
    at: datetime
    actor: str
    state: str
    wanted: Wanted
    total: int
    done: int
    outcomes: Mapping[str, int]
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done."""
        return self.state in ("done", "stopped")


def begin(ws: Workspace, which: Wanted, actor: str) -> Progress:
    """Begin a replay of the deliveries that fit now; nothing is applied yet."""

    def work(tx: Tx) -> Progress:
        number = select(func.count()).select_from(Delivery).join(Source, Source.id == Delivery.source_id)
        row: dict[str, Any] = {
            "id": ids.new_id(),
            "at": tx.now,
            "actor": actor,
            "state": "waiting",
            "wanted": which.told(),
            "total": tx.conn.execute(number.where(*wanted.fits(tx, which))).scalar_one(),
            "done": 0,
            "outcomes": {},
            "cursor_at": None,
            "cursor_id": None,
            "beat_at": tx.now,
            "ended_at": None,
        }
        tx.conn.execute(insert(Replay), row)
        return progress(tx, row["id"])

    return ws.database.transact(work)


def carry_on(ws: Workspace, replay_id: str, read: inbox.Read, *, budget_s: float) -> Progress:
    """Replay delivery after delivery, for about so many seconds. Raises NotFound, and Unavailable with the database."""
    until = time.monotonic() + budget_s
    while True:
        now = ws.database.transact(lambda tx: _step(ws, tx, replay_id, read))
        if now.is_over or time.monotonic() > until:
            return now


def stop(ws: Workspace, replay_id: str) -> Progress:
    """Replay no more; what was replayed stays. Raises NotFound."""

    def work(tx: Tx) -> Progress:
        which = (Replay.id == replay_id) & Replay.ended_at.is_(None)
        tx.conn.execute(update(Replay).where(which).values(state="stopped", ended_at=tx.now))
        return progress(tx, replay_id)

    return ws.database.transact(work)


def forsaken(ws: Workspace) -> Sequence[str]:
    """The replays that nobody carries on any more, as after a restart."""
    with ws.database.read() as tx:
        open_ = select(Replay.id).where(Replay.ended_at.is_(None), Replay.beat_at < tx.now - FORSAKEN)
        return tx.conn.execute(open_.order_by(Replay.at)).scalars().all()


def progress(tx: Tx, replay_id: str) -> Progress:
    """How far a replay has come. Raises NotFound."""
    row = tx.conn.execute(_ROWS.where(Replay.id == replay_id)).one_or_none()
    if row is None:
        message = "There is no such replay: check the id."
        raise NotFound(message)
    return _told(row)


def latest(tx: Tx, *, limit: int) -> tuple[Progress, ...]:
    """The newest replays: who replayed what, and what came of it."""
    return tuple(_told(row) for row in tx.conn.execute(_ROWS.order_by(Replay.at.desc(), Replay.id.desc()).limit(limit)))


_ROWS: Final = select(
    Replay.id, Replay.at, Replay.actor, Replay.state, Replay.wanted, Replay.total, Replay.done, Replay.outcomes,
    Replay.cursor_at, Replay.cursor_id, Replay.ended_at,
)  # fmt: skip


def _step(ws: Workspace, tx: Tx, replay_id: str, read: inbox.Read) -> Progress:
    """One delivery. The row of the replay is locked first, so that two who carry it on take turns."""
    locked = tx.conn.execute(_ROWS.where(Replay.id == replay_id).with_for_update()).one_or_none()
    if locked is None or locked.ended_at is not None:
        return progress(tx, replay_id)
    delivery = _next(tx, locked)
    mine = update(Replay).where(Replay.id == replay_id)
    if delivery is None:
        tx.conn.execute(mine.values(state="done", ended_at=tx.now, beat_at=tx.now))
        return progress(tx, replay_id)
    outcomes = dict(locked.outcomes)
    for outcome in _replayed(ws, tx, delivery.id, read, locked.actor):
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    changed = {"state": "running", "done": locked.done + 1, "outcomes": outcomes, "beat_at": tx.now}
    tx.conn.execute(mine.values(**changed, cursor_at=delivery.received_at, cursor_id=delivery.id))
    return progress(tx, replay_id)


def _replayed(ws: Workspace, tx: Tx, delivery_id: str, read: inbox.Read, actor: str) -> list[str]:
    """What became of a delivery. One that cannot be replayed at all holds up none of the others."""
    try:
        # By the library: the savepoints of single events are made by hand, and lie inside this one.
        with tx.conn.begin_nested():
            receipt = inbox.replay_in(ws, tx, delivery_id, read, actor)
    except (Unavailable, CommitUnknown, OperationalError):
        raise
    except (OnwardError, SQLAlchemyError, LookupError, TypeError, ValueError) as error:
        _LOG.warning("the delivery %s cannot be replayed", delivery_id, exc_info=error)
        return ["failed"]
    return [event.outcome for event in receipt.events] or ["dead"]


def _next(tx: Tx, row: Record) -> Record | None:
    """The oldest delivery that is left. What came after the replay began is none of its own."""
    found = select(Delivery.id, Delivery.received_at).join(Source, Source.id == Delivery.source_id)
    found = found.where(Delivery.received_at <= row.at, *wanted.fits(tx, Wanted.of(row.wanted)))
    if row.cursor_at is not None:
        here = tuple_(literal(row.cursor_at, Moment()), literal(row.cursor_id))
        found = found.where(tuple_(Delivery.received_at, Delivery.id) > here)
    return tx.conn.execute(found.order_by(Delivery.received_at, Delivery.id).limit(1)).one_or_none()


def _told(row: Record) -> Progress:
    return Progress(
        row.id, row.at, row.actor, row.state, Wanted.of(row.wanted), row.total, row.done, row.outcomes, row.ended_at
    )
