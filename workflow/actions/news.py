"""Tells other systems what happened: gathers events in a transaction and writes them to the outbox at its end.

So an event is there exactly when what it reports was committed, in the order of the commits. Sends nothing; the outbox
is emptied by `workflow.actions.outbox`. Where nobody listens nothing is gathered, and no statement is run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, insert, literal, literal_column, select, update

from workflow import ids
from workflow.records import upserts
from workflow.records.chain import plain
from workflow.records.models import ExternalRef, Fact, Prospect, Rep, Source, Touch
from workflow.records.outbox import ROUTES, Outgoing, Target
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from workflow.engine.decide import Change, Decision
    from workflow.engine.signals import Signal
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

TYPES: Final = (
    "prospect.created", "prospect.changed", "prospect.moved", "prospect.merged",
    "prospect.erased",
    "enrollment.started", "enrollment.stopped", "enrollment.completed",
    "email.sent", "email.bounced", "email.replied", "email.auto_replied", "email.complained", "email.unsubscribed",
    "meeting.booked", "meeting.rescheduled", "meeting.cancelled", "meeting.held", "meeting.no_show", "meeting.answered",
    "call.ended", "answers.recorded", "task.due", "task.done",
)  # fmt: skip
"""All that is told, in the words in which our own sources tell us."""
TEST: Final = "endpoint.test"
_OWN_WORDS: Final[Mapping[str, str]] = {
    "created": "prospect.created",
    "edited": "prospect.changed",
    "moved": "prospect.moved",
    "merged": "prospect.merged",
    "erased": "prospect.erased",
    "touch.done": "task.done",
}
# What a change of a prospect keeps for itself: `moved_at` guards the order, the others are told in words of their own.
_UNTOLD: Final = frozenset({"moved_at", "entered_stage_at", "stage", "outcome", "outcome_reason"})
_IN_PROSPECT: Final = (
    Prospect.id, Prospect.email, Prospect.name, Prospect.company, Prospect.phone, Prospect.title, Prospect.language,
    Prospect.time_zone, Prospect.country, Prospect.custom, Prospect.stage, Prospect.outcome, Prospect.outcome_reason,
    Prospect.version, Prospect.entered_stage_at, Prospect.created_at,
)  # fmt: skip
_IN_TASK: Final = ("id", "prospect_id", "sequence", "step", "next_attempt_at")
_DUE_WITHIN: Final = timedelta(days=1)
_CHUNK: Final = 400
_TURN: Final = "outbox.tasks"
_ASK: Final = Prepared(select(Fact.value).where(Fact.name == bindparam("fact")))
_PUT: Final = Prepared(insert(Outgoing))

heard = select(Fact.value).where(Fact.name == literal_column(f"'{ROUTES}'")).scalar_subquery().label("routes")
"""A column for statements that run anyway: who listens, for `known`."""


@dataclass(frozen=True, slots=True)
class Route:
    """A target, what it is, and the types it wants; none named means all."""

    target_id: str
    kind: str
    events: frozenset[str]

    def wants(self, kind: str) -> bool:
        """Whether the target is told of events of this type."""
        return not self.events or kind in self.events


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened, on its way into the outbox. `id` is given where it must not happen twice."""

    type: str
    prospect_id: str
    occurred_at: datetime
    actor: str
    cause: str
    data: Mapping[str, Any]
    id: str | None = None


def known(tx: Tx, routes: str | None) -> None:
    """Take over the column `heard` of a statement that ran anyway."""
    tx.known.setdefault(ROUTES, routes)


def routes(tx: Tx) -> tuple[Route, ...]:
    """Who listens, asked for once in a transaction."""
    if ROUTES not in tx.known:
        row = _ASK.first(tx, {"fact": ROUTES})
        tx.known[ROUTES] = row.value if row else None
    written: str | None = tx.known[ROUTES]
    return _read(written) if written else ()


def wanted(tx: Tx, *types: str) -> bool:
    """Whether anybody listens to any of these types."""
    return any(route.wants(kind) for route in routes(tx) for kind in types)


def tell(tx: Tx, news: News) -> None:
    """Tell whoever listens, if this transaction is committed; what a failed attempt in it told is forgotten."""
    if wanted(tx, news.type):
        tx.at_end(_write, news)


def tell_decision(tx: Tx, prospect_id: str, signal: Signal, decision: Decision) -> None:
    """Tell what a decision changed: the prospect, its meetings, calls and mail, and the sequences that it stopped."""
    if not routes(tx):
        return
    for change in decision.history:
        kind = _OWN_WORDS.get(change.kind, change.kind)
        if kind in TYPES:
            data = _of_change(change)
            tell(tx, News(kind, prospect_id, change.occurred_at, signal.actor, signal.cause, data))
    for stop in decision.stop:
        stopped(tx, prospect_id, stop.enrollment_id, stop.sequence, stop.reason.code, signal.actor, signal.cause)


def started(tx: Tx, prospect_id: str, enrollment_id: str, sequence: str, signal: Signal) -> None:
    """Tell that a sequence began."""
    data = {"enrollment": enrollment_id, "sequence": sequence}
    tell(tx, News("enrollment.started", prospect_id, tx.now, signal.actor, signal.cause, data))


def completed(tx: Tx, prospect_id: str, enrollment_id: str, sequence: str, touch_id: str) -> None:
    """Tell that a sequence came to its end with a touch of it."""
    data = {"enrollment": enrollment_id, "sequence": sequence}
    tell(tx, News("enrollment.completed", prospect_id, tx.now, "system", f"touch:{touch_id}", data))


def stopped(  # noqa: PLR0917 - what a stop is
    tx: Tx, prospect_id: str, enrollment_id: str, sequence: str, code: str, actor: str, cause: str
) -> None:
    """Tell that an enrollment ended before its time, and the code of the reason."""
    data = {"enrollment": enrollment_id, "sequence": sequence, "reason": code}
    tell(tx, News("enrollment.stopped", prospect_id, tx.now, actor, cause, data))


def sent(tx: Tx, touch_id: str, actor: str = "system") -> None:
    """Tell that an email left; the caller has written that it did."""
    if not wanted(tx, "email.sent"):
        return
    touch = tx.conn.execute(select(*Touch.__table__.columns).where(Touch.id == touch_id)).one()
    data = {
        "touch": touch.id,
        "sequence": touch.sequence,
        "step": touch.step,
        "message_id": touch.message_id,
        "address": touch.recipient,
    }
    cause = f"touch:{touch.id}"
    tell(tx, News("email.sent", touch.prospect_id, touch.sent_at or tx.now, actor, cause, data))


def tell_due_tasks(ws: Workspace) -> int:
    """Tell of the tasks that have become due and were not told of yet; how many. Those of the last day only."""
    with ws.database.read() as tx:
        if not wanted(tx, "task.due"):
            return 0

    def work(tx: Tx) -> int:
        _take_turns(tx)
        listening = [route.target_id for route in routes(tx) if route.wants("task.due")]
        since = select(func.min(Target.created_at)).where(Target.id.in_(listening))
        begun = tx.conn.execute(since).scalar_one_or_none() or tx.now
        due = select(*(getattr(Touch, name) for name in _IN_TASK)).where(
            Touch.kind == "task",
            Touch.mailbox_id.is_(None),
            Touch.state == "scheduled",
            Touch.next_attempt_at > max(begun, tx.now - _DUE_WITHIN),
            Touch.next_attempt_at <= tx.now,
        )
        rows = {_due_id(row.id, row.next_attempt_at): row for row in tx.conn.execute(due)}
        _hold(tx, sorted({row.prospect_id for row in rows.values()}))
        known_ids: set[str] = set()
        names = list(rows)
        for start in range(0, len(names), _CHUNK):
            told = select(Outgoing.event_id).where(
                Outgoing.target_id.in_(listening), Outgoing.event_id.in_(names[start : start + _CHUNK])
            )
            known_ids.update(tx.conn.execute(told).scalars())
        fresh = {name: row for name, row in rows.items() if name not in known_ids}
        for name, row in fresh.items():
            data = {"touch": row.id, "sequence": row.sequence, "step": row.step}
            cause = f"touch:{row.id}"
            tell(tx, News("task.due", row.prospect_id, row.next_attempt_at, "system", cause, data, name))
        return len(fresh)

    return ws.database.transact(work)


def body(news: News, event_id: str, at: datetime, prospect: Mapping[str, Any] | None) -> str:
    """The text that is sent. `at` is when it was recorded, which `occurred_at` may precede."""
    told = {
        "id": event_id,
        "type": news.type,
        "timestamp": plain(at),
        "occurred_at": plain(news.occurred_at),
        "actor": news.actor,
        "cause": news.cause,
        "prospect": prospect,
        "data": news.data,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=plain)


def fresh_id() -> str:
    """An id for a new event."""
    return "evt_" + ids.new_id().replace("-", "")


def _take_turns(tx: Tx) -> None:
    """Let two clocks come one after the other: the second finds what the first has told."""
    upserts.insert_new(tx, Fact, {"name": _TURN, "value": ""})
    turn = select(Fact.name).where(Fact.name == _TURN)
    tx.conn.execute(turn.with_for_update() if tx.locks_rows else turn).all()


def _hold(tx: Tx, prospect_ids: Sequence[str]) -> None:
    """Lock what the rows will point at: prospects come before targets in the one order of locks."""
    for start in range(0, len(prospect_ids) if tx.locks_rows else 0, _CHUNK):
        theirs = select(Prospect.id).where(Prospect.id.in_(prospect_ids[start : start + _CHUNK]))
        tx.conn.execute(theirs.order_by(Prospect.id).with_for_update(read=True, key_share=True)).all()


def _due_id(touch_id: str, at: datetime) -> str:
    """The same for the same task and hour, so that it is told once; another when the task is put off."""
    return "evt_" + hashlib.sha256(f"task.due {touch_id} {at.isoformat()}".encode()).hexdigest()[:32]


@lru_cache(maxsize=16)
def _read(written: str) -> tuple[Route, ...]:
    return tuple(Route(each["id"], each["kind"], frozenset(each["events"])) for each in json.loads(written))


def _of_change(change: Change) -> dict[str, Any]:
    data: dict[str, Any] = {name: plain(value) for name, value in change.detail.items()}
    if change.from_stage or change.to_stage:
        data |= {"from": change.from_stage, "to": change.to_stage}
    if change.reason:
        data["reason"] = change.reason
    if change.kind == "edited":
        data["changes"] = {name: plain(value) for name, value in change.changes.items() if name not in _UNTOLD}
    return data


def _write(tx: Tx, gathered: list[News]) -> None:
    """Write all of a transaction at once. Targets are locked in the order of their ids, so that nobody deadlocks."""
    about = _prospects(tx, dict.fromkeys(news.prospect_id for news in gathered))
    events = [(news, news.id or fresh_id()) for news in gathered]
    bodies = {event_id: body(news, event_id, tx.now, about.get(news.prospect_id)) for news, event_id in events}
    for route in sorted(routes(tx), key=lambda each: each.target_id):
        chosen = [(news, event_id) for news, event_id in events if route.wants(news.type)]
        if chosen:
            put(tx, route, [(event_id, news.type, news.prospect_id, bodies[event_id]) for news, event_id in chosen])


def put(tx: Tx, route: Route, rows: Sequence[tuple[str, str, str | None, str]]) -> None:
    """Put events (id, type, prospect, body) before a target, unless it is switched off by now."""
    on = update(Target).where(Target.id == route.target_id, Target.state != "disabled")
    awake = func.coalesce(Target.next_at, literal(tx.now, Target.next_at.type))
    numbered = on.values(sequence=Target.sequence + len(rows), next_at=awake).returning(Target.sequence)
    newest = tx.conn.execute(numbered).scalar_one_or_none()
    if newest is None:
        return
    first = newest - len(rows) + 1
    written = [
        {
            "id": ids.new_id(),
            "target_id": route.target_id,
            "sequence": number,
            "event_id": event_id,
            "kind": route.kind,
            "type": kind,
            "prospect_id": prospect_id,
            "payload": payload,
            "state": "waiting",
            "attempts": 0,
            "created_at": tx.now,
        }
        for number, (event_id, kind, prospect_id, payload) in enumerate(rows, first)
    ]
    _PUT.run_all(tx, written)


def _prospects(tx: Tx, which: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Each as it stands at the end of the transaction, with the ids that its sources know it by."""
    wanted_ids, found = list(which), {}
    for start in range(0, len(wanted_ids), _CHUNK):
        part = wanted_ids[start : start + _CHUNK]
        rows = select(*_IN_PROSPECT, Rep.email.label("owner")).outerjoin(Rep, Rep.id == Prospect.owner_id)
        refs: dict[str, list[dict[str, str]]] = {}
        known_as = select(ExternalRef.prospect_id, Source.name, ExternalRef.ref).join(
            Source, Source.id == ExternalRef.source_id
        )
        for row in tx.conn.execute(known_as.where(ExternalRef.prospect_id.in_(part), ExternalRef.object == "prospect")):
            refs.setdefault(row.prospect_id, []).append({"source": row.name, "ref": row.ref})
        for row in tx.conn.execute(rows.where(Prospect.id.in_(part))):
            found[row.id] = _told(row, refs.get(row.id, []))
    return found


def _told(row: Record, refs: list[dict[str, str]]) -> dict[str, Any]:
    return {**{name: plain(value) for name, value in row._asdict().items()}, "refs": refs}
