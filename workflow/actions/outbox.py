"""The outbox: hands what waits for each target to whoever delivers it, in order, and writes the answers down.

At least once: what was answered and not written down is delivered again under the same id. Fills nothing, that is
`workflow.actions.news`; talks to no network, that is done by a `Courier`, one for each kind of target.
"""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, Protocol

from sqlalchemy import and_, delete, func, insert, or_, select, update

from workflow import ids
from workflow.engine.reasons import Reason, because
from workflow.errors import Conflict, NotFound
from workflow.probe import SILENT
from workflow.records import upserts
from workflow.records.models import Fact
from workflow.records.outbox import ROUTES, Attempt, Endpoint, Outgoing, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from workflow.probe import Probe
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
WRITEBACK_EVENTS: Final = ("prospect.moved",)
"""What a target of the kind `writeback` is told of."""
GIVE_UP_AFTER: Final = timedelta(days=3)
DISABLE_AFTER: Final = timedelta(days=5)
_PAUSES_S: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200)
_LONGEST_PAUSE: Final = timedelta(hours=12)
_LEASE: Final = timedelta(seconds=60)
_HINT_AGAIN: Final = timedelta(seconds=5)
_JOB_S: Final = 30.0
_MOST_ATTEMPTS_KEPT: Final = 30
_EXCERPT: Final = 1_000
_KEPT: Final = timedelta(days=30)
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event for one target. `event_id` names it to the receiver, and is the same at every attempt."""

    id: str
    target_id: str
    kind: str
    sequence: int
    event_id: str
    type: str
    prospect_id: str | None
    payload: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one attempt. `again` waits and tries once more, `never` gives this one event up.

    `gone` says that nobody will ever listen there again. `retry_after_s` is how long the receiver asks to wait.
    """

    outcome: Literal["done", "again", "never", "gone"]
    code: int | None = None
    text: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Drained:
    """How many attempts were made, and whether the last one switched the target off."""

    attempts: int
    switched_off: bool = False


class Courier(Protocol):
    """Delivers parcels of one kind of target. Runs outside every transaction, and is never asked twice at once."""

    def deliver(self, parcel: Parcel) -> Answer:
        """Try once, within some seconds. Raises nothing: whatever goes wrong is an answer."""


class FakeCourier:
    """A working stand-in: takes everything, after the answers it was given, and keeps what it was asked to deliver."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.taken: list[Parcel] = []

    def deliver(self, parcel: Parcel) -> Answer:
        """The next answer; 200 once there are none left."""
        self.taken.append(parcel)
        return self.answers.pop(0) if self.answers else Answer("done", 200)


def add_target(tx: Tx, kind: str) -> str:
    """A new target that is told of events from this transaction on; gives its id. `retell` follows in the same one."""
    row = {
        "id": ids.new_id(),
        "kind": kind,
        "state": "active",
        "sequence": 0,
        "failures": 0,
        "created_at": tx.now,
    }
    tx.conn.execute(insert(Target), row)
    return str(row["id"])


def retell(tx: Tx) -> None:
    """Write down anew who is told of what; to be called whenever a target is added, changed, or switched on or off."""
    upserts.insert_new(tx, Fact, {"name": ROUTES, "value": "[]"})
    # Of two who change it at once the second waits here, and reads what the first has done.
    locked = select(Fact.name).where(Fact.name == ROUTES)
    tx.conn.execute(locked.with_for_update() if tx.locks_rows else locked).all()
    found = select(Target.id, Target.kind, Endpoint.events).outerjoin(Endpoint, Endpoint.id == Target.id)
    rows = tx.conn.execute(found.where(Target.state != "disabled").order_by(Target.id)).all()
    told = [
        {"id": row.id, "kind": row.kind, "events": WRITEBACK_EVENTS if row.kind == "writeback" else row.events}
        for row in rows
    ]
    written = json.dumps(told)
    tx.conn.execute(update(Fact).where(Fact.name == ROUTES).values(value=written))
    tx.known[ROUTES] = written


def due(ws: Workspace) -> Sequence[str]:
    """The targets that have something to be told now, for hints; again after some seconds while nobody takes them."""
    with ws.database.read() as tx:
        waiting = tx.conn.execute(select(Target.id).where(*_free(tx)).order_by(Target.next_at)).scalars().all()
    if not waiting:
        return ()

    def work(tx: Tx) -> list[str]:
        unhinted = or_(Target.hint_at.is_(None), Target.hint_at <= tx.now - _HINT_AGAIN)
        hinted = update(Target).where(Target.id.in_(waiting), unhinted, *_free(tx)).values(hint_at=tx.now)
        return list(tx.conn.execute(hinted.returning(Target.id)).scalars())

    return ws.database.transact(work)


def drain(
    ws: Workspace,
    target_id: str,
    couriers: Mapping[str, Courier],
    stopped: Callable[[], bool] = lambda: False,
    probe: Probe = SILENT,
) -> Drained:
    """Tell a target what waits for it, in order, for at most half a minute.

    Does nothing for an id that is none of a target, or while somebody else is at it. Raises Unavailable.
    """
    holder, until, tried = ids.new_id(), time.monotonic() + _JOB_S, 0
    while time.monotonic() < until and not stopped():
        parcel = take(ws, target_id, holder)
        if parcel is None:
            return Drained(tried)
        probe.at("outbox.taken")
        begun = time.monotonic()
        answer = couriers[parcel.kind].deliver(parcel)
        probe.at("outbox.answered")
        tried += 1
        if record(ws, parcel, answer, took_ms=int((time.monotonic() - begun) * 1000)):
            return Drained(tried, switched_off=True)
    let_go(ws, target_id, holder)
    return Drained(tried)


def take(ws: Workspace, target_id: str, holder: str) -> Parcel | None:
    """The next parcel of a target, for `holder` alone for a minute; None when none is due or another one holds it."""

    def work(tx: Tx) -> Parcel | None:
        mine = and_(Target.id == target_id, *_free(tx, holder))
        lease = {"holder": holder, "lease_until": tx.now + _LEASE, "hint_at": None}
        if tx.conn.execute(update(Target).where(mine).values(**lease)).rowcount != 1:
            return None
        # The row of the target is locked: whoever has put something before it has committed, or waits for us.
        head = select(*(getattr(Outgoing, name) for name in Parcel.__slots__))
        head = head.where(Outgoing.target_id == target_id, Outgoing.state == "waiting")
        row = tx.conn.execute(head.order_by(Outgoing.sequence).limit(1)).one_or_none()
        if row is None:
            idle = {"next_at": None, "holder": None, "lease_until": None}
            tx.conn.execute(update(Target).where(Target.id == target_id).values(**idle))
            return None
        return Parcel(**row._asdict())

    return ws.database.transact(work)


def let_go(ws: Workspace, target_id: str, holder: str) -> None:
    """Leave a target to others."""
    free = {"holder": None, "lease_until": None}
    ws.database.transact(
        lambda tx: tx.conn.execute(update(Target).where(Target.id == target_id, Target.holder == holder).values(**free))
    )


def record(ws: Workspace, parcel: Parcel, answer: Answer, *, took_ms: int = 0) -> bool:
    """Write down what became of an attempt, and when to go on with its target; whether that was switched off."""
    return ws.database.transact(lambda tx: _Attempted(tx, parcel).record(answer, took_ms))


class _Attempted:
    """One attempt on its way into the records; its target is locked first."""

    def __init__(self, tx: Tx, parcel: Parcel) -> None:
        self.tx = tx
        self.parcel = parcel
        found = select(Target.failures, Target.failing_since, Target.state).where(Target.id == parcel.target_id)
        self.target = tx.conn.execute(found.with_for_update() if tx.locks_rows else found).one()

    def record(self, answer: Answer, took_ms: int) -> bool:
        self._note(answer, took_ms)
        if answer.outcome == "done":
            self._end("done")
            self._set(failures=0, failing_since=None, next_at=self.tx.now)
        elif answer.outcome == "never":
            self._end("dead")
            self._set(next_at=self.tx.now)
        elif answer.outcome == "gone":
            switch_off(self.tx, self.parcel.target_id, because("endpoint.gone"))
            return True
        else:
            return self._failed(answer)
        return False

    def _failed(self, answer: Answer) -> bool:
        now = self.tx.now
        failures, since = self.target.failures + 1, self.target.failing_since or now
        if now - since >= DISABLE_AFTER:
            switch_off(self.tx, self.parcel.target_id, because("endpoint.failing", since=since.date().isoformat()))
            return True
        pause = timedelta(seconds=pause_s(failures))
        if answer.retry_after_s is not None:
            pause = max(pause, min(timedelta(seconds=answer.retry_after_s), _LONGEST_PAUSE))
        # Whatever is as old as the trouble is given up together: each alone would hold the others up for days more.
        if now - since >= GIVE_UP_AFTER and self._give_up(now - GIVE_UP_AFTER):
            pause = timedelta(seconds=_PAUSES_S[0])
        wait = {"failures": failures, "failing_since": since, "next_at": now + pause}
        self._set(**wait, holder=None, lease_until=None)
        return False

    def _give_up(self, before: datetime) -> bool:
        old = func.coalesce(Outgoing.counts_from, Outgoing.created_at) <= before
        theirs = (Outgoing.target_id == self.parcel.target_id, Outgoing.state == "waiting", old)
        return self.tx.conn.execute(update(Outgoing).where(*theirs).values(state="dead")).rowcount > 0

    def _end(self, state: str) -> None:
        mine = update(Outgoing).where(Outgoing.id == self.parcel.id, Outgoing.state == "waiting")
        self.tx.conn.execute(mine.values(state=state))

    def _set(self, **values: object) -> None:
        self.tx.conn.execute(update(Target).where(Target.id == self.parcel.target_id).values(**values))

    def _note(self, answer: Answer, took_ms: int) -> None:
        text = answer.text.replace("\0", "")[:_EXCERPT]
        told = {"code": answer.code, "answer": text, "answered_at": self.tx.now}
        mine = update(Outgoing).where(Outgoing.id == self.parcel.id)
        self.tx.conn.execute(mine.values(attempts=Outgoing.attempts + 1, **told))
        row = {"id": ids.new_id(), "outgoing_id": self.parcel.id, "at": self.tx.now, "code": answer.code}
        self.tx.conn.execute(insert(Attempt), {**row, "answer": text, "took_ms": took_ms})
        if self.parcel.attempts >= _MOST_ATTEMPTS_KEPT:
            kept = select(Attempt.id).where(Attempt.outgoing_id == self.parcel.id)
            kept = kept.order_by(Attempt.at.desc(), Attempt.id.desc()).limit(_MOST_ATTEMPTS_KEPT)
            gone = delete(Attempt).where(Attempt.outgoing_id == self.parcel.id, Attempt.id.not_in(kept))
            self.tx.conn.execute(gone)


def forget(ws: Workspace) -> int:
    """Drop what was delivered a month ago; how many. What was given up is kept three months."""

    def work(tx: Tx) -> int:
        told = and_(Outgoing.state == "done", Outgoing.created_at < tx.now - _KEPT)
        lost = and_(Outgoing.state == "dead", Outgoing.created_at < tx.now - 3 * _KEPT)
        old = tx.conn.execute(select(Outgoing.id).where(or_(told, lost)).limit(_BATCH)).scalars().all()
        if old:
            tx.conn.execute(delete(Attempt).where(Attempt.outgoing_id.in_(old)))
            tx.conn.execute(delete(Outgoing).where(Outgoing.id.in_(old)))
        return len(old)

    return ws.database.transact(work)


def pause_s(failures: int) -> float:
    """How many seconds to wait after so many failures in a row; up to a fifth more, so that not all come at once."""
    return _PAUSES_S[min(failures, len(_PAUSES_S)) - 1] * random.uniform(1.0, 1.2)  # noqa: S311 - jitter, no secret


def pause(tx: Tx, target_id: str, reason: Reason) -> None:
    """Let everything for a target wait, and go on gathering."""
    paused = {"state": "paused", "why": reason.pack()}
    tx.conn.execute(update(Target).where(Target.id == target_id, Target.state == "active").values(**paused))


def resume(tx: Tx, target_id: str) -> None:
    """Go on with a paused or disabled target. What waits counts its days from now."""
    anew = {"state": "active", "why": None, "failures": 0, "failing_since": None, "next_at": tx.now, "hint_at": None}
    tx.conn.execute(update(Target).where(Target.id == target_id).values(**anew))
    waiting = update(Outgoing).where(Outgoing.target_id == target_id, Outgoing.state == "waiting")
    tx.conn.execute(waiting.values(counts_from=tx.now))
    retell(tx)


def switch_off(tx: Tx, target_id: str, reason: Reason) -> None:
    """Tell a target nothing more; what waits for it is given up, and may be replayed once it is switched on again."""
    off = {"state": "disabled", "why": reason.pack(), "next_at": None, "holder": None, "lease_until": None}
    tx.conn.execute(update(Target).where(Target.id == target_id).values(**off))
    waiting = update(Outgoing).where(Outgoing.target_id == target_id, Outgoing.state == "waiting")
    tx.conn.execute(waiting.values(state="dead"))
    retell(tx)


def replay(ws: Workspace, outgoing_id: str) -> None:
    """Deliver an event once more, under its old id. Raises NotFound, and Conflict while its target is switched off."""

    def work(tx: Tx) -> None:
        found = None
        if ids.is_id(outgoing_id):
            asked = select(Outgoing.target_id).where(Outgoing.id == outgoing_id)
            found = tx.conn.execute(asked).scalar_one_or_none()
        if found is None:
            message = "There is no such event in the outbox: check the id."
            raise NotFound(message)
        _again(tx, found, Outgoing.id == outgoing_id)

    ws.database.transact(work)


def replay_dead(ws: Workspace, target_id: str) -> int:
    """Deliver everything once more that was given up for a target; how many. Raises Conflict as `replay` does."""
    return ws.database.transact(lambda tx: _again(tx, target_id, Outgoing.state == "dead"))


def _again(tx: Tx, target_id: str, which: ColumnElement[bool]) -> int:
    awake = update(Target).where(Target.id == target_id, Target.state != "disabled")
    if tx.conn.execute(awake.values(next_at=tx.now, hint_at=None)).rowcount != 1:
        message = "Nothing is delivered there, because it is switched off: resume it first."
        raise Conflict(message)
    again = update(Outgoing).where(Outgoing.target_id == target_id, Outgoing.state != "waiting", which)
    return tx.conn.execute(again.values(state="waiting", counts_from=tx.now)).rowcount


def _free(tx: Tx, holder: str = "") -> tuple[ColumnElement[bool], ...]:
    """What makes a target one that can be told something now."""
    unheld = or_(Target.lease_until.is_(None), Target.lease_until <= tx.now, Target.holder == holder)
    return (Target.state == "active", Target.next_at.is_not(None), Target.next_at <= tx.now, unheld)
