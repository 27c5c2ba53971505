"""The checker: reads the database, the truth log of the mail server and the log of the driver, and says what is wrong.

One function for each promise, C1 to C10; each yields a sentence for every breach. Believes nothing that the product
says of itself: a mail has left when the server wrote it down, and a delivery was accepted when the driver was told so.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from workflow.playbook.schema import Playbook, Start
from workflow.records.base import Base
from workflow.records.db import Database, Record, Tx
from workflow.records.models import Delivery, Enrollment, Event, History, Prospect, Suppression, Touch

# Two statements of one moment may carry times that differ by the wait for a lock (5 s) and a little.
_SLACK = timedelta(seconds=6)
_ENDED = frozenset({"sent", "failed", "cancelled", "skipped", "done"})
_STOPPING = {
    "email.replied": "reply",
    "email.bounced": "bounce",
    "email.complained": "complaint",
    "email.unsubscribed": "unsubscribe",
    "meeting.booked": "meeting",
}
_SUPPRESSING = frozenset({"email.bounced", "email.complained", "email.unsubscribed"})
_FIELDS = ("email", "name", "company", "phone", "title", "language", "time_zone", "country")
_FOLDED = (*_FIELDS, "custom", "stage", "outcome", "outcome_reason", "owner_id", "entered_stage_at", "moved_at")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A delivery for which the driver was answered 2xx, and the ids of the events in it."""

    key: str
    body: bytes
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """What was seen from outside: the server's truth log, the driver's log, and who had to be enrolled in what."""

    truth: Sequence[Mapping[str, Any]] = ()
    accepted: Sequence[Accepted] = ()
    expected: Iterable[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken promise, by the number of its formula."""

    formula: str
    what: str

    def __str__(self) -> str:
        return f"{self.formula}: {self.what}"


@dataclass(slots=True)
class _Case:
    """Everything the formulas look at, read at one moment."""

    playbook: Playbook
    now: datetime
    witness: Witness
    copies: Counter[str]
    touches: list[Record]
    prospects: dict[str, Record]
    enrollments: dict[str, Record]
    history: dict[str, list[Record]]
    deliveries: list[Record]
    events: list[Record]
    suppressions: list[Record]
    marks: list[Record] = field(default_factory=list)

    def name(self, touch: Record) -> str:
        """A touch as a person would call it."""
        return f"{self.prospects[touch.prospect_id].email} {touch.sequence}/{touch.step}#{touch.generation}"


def examine(database: Database, playbook: Playbook, witness: Witness) -> tuple[Breach, ...]:
    """Every breach, in a database that has come to rest: healed, and with nothing due."""
    with database.read() as tx:
        case = _read(tx, playbook, witness)
    return tuple(Breach(name, what) for name, formula in FORMULAS.items() for what in formula(case))


def _read(tx: Tx, playbook: Playbook, witness: Witness) -> _Case:
    history: dict[str, list[Record]] = defaultdict(list)
    for row in sorted(_all(tx, History), key=lambda each: each.version):
        history[row.prospect_id].append(row)
    touches = _all(tx, Touch)
    return _Case(
        playbook=playbook,
        now=tx.now,
        witness=witness,
        copies=Counter(str(row["message_id"]) for row in witness.truth),
        touches=touches,
        prospects={row.id: row for row in _all(tx, Prospect)},
        enrollments={row.id: row for row in _all(tx, Enrollment)},
        history=history,
        deliveries=_all(tx, Delivery),
        events=_all(tx, Event),
        suppressions=_all(tx, Suppression),
        marks=[touch for touch in touches if touch.committed_at is not None],
    )


def _all(tx: Tx, table: type[Base]) -> list[Record]:
    return list(tx.conn.execute(select(*table.__table__.columns)).all())


# --- the formulas


def c1(case: _Case) -> Iterator[str]:
    """A 2xx means stored: each accepted delivery is there once, with the body that was sent."""
    kept: dict[str, list[Record]] = defaultdict(list)
    for row in case.deliveries:
        kept[row.dedupe_key].append(row)
    for told in case.witness.accepted:
        rows = kept[told.key]
        if len(rows) != 1:
            yield f"the delivery {told.key} was accepted and is kept {len(rows)} times"
        elif hashlib.sha256(rows[0].body).digest() != hashlib.sha256(told.body).digest():
            yield f"the delivery {told.key} is kept with another body"


def c2(case: _Case) -> Iterator[str]:
    """Each event is applied exactly once; duplicates are recorded no-ops."""
    rows = {row.event_key: row for row in case.events}
    for event_id in {each for told in case.witness.accepted for each in told.events}:
        if event_id not in rows:
            yield f"the event {event_id} was accepted and is not kept"
    causes = _by_event(case)
    for row in case.events:
        kinds = causes.pop(row.id, Counter())
        if row.outcome == "pending" or (row.next_attempt_at is not None and row.next_attempt_at <= case.now):
            yield f"the event {row.event_id} still waits to be applied"
        if row.outcome == "applied" and not kinds:
            yield f"the event {row.event_id} is said to be applied and has left no history"
        if row.outcome in ("duplicate", "parked", "failed") and kinds:
            yield f"the event {row.event_id} is {row.outcome} and has left history: {dict(kinds)}"
        twice = [kind for kind, times in kinds.items() if times > 1]
        if twice:
            yield f"the event {row.event_id} was applied more than once: {twice}"
    for event_id in causes:
        yield f"history names the event {event_id}, which is not kept"


def _by_event(case: _Case) -> dict[str, Counter[str]]:
    """The kinds of change that each event has left in history, by the id of its row."""
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    for rows in case.history.values():
        for change in rows:
            if change.cause.startswith("event:"):
                causes[change.cause.removeprefix("event:")][change.kind] += 1
    return causes


def c3(case: _Case) -> Iterator[str]:
    """At most one copy of each email ever leaves, and none that nobody knows of."""
    known = {touch.message_id for touch in case.touches}
    for message_id, copies in case.copies.items():
        if copies > 1:
            yield f"{message_id} left {copies} times"
        if message_id not in known:
            yield f"{message_id} left and belongs to no touch"
    for place, times in Counter((touch.enrollment_id, touch.step, touch.generation) for touch in case.touches).items():
        if times > 1:
            yield f"{place} exists {times} times"


def c4(case: _Case) -> Iterator[str]:
    """Nothing is lost: every touch has ended, or waits for a moment to come; its state tells how many copies left."""
    for touch in case.touches:
        copies = case.copies[touch.message_id] if touch.message_id else 0
        if touch.state == "sent" and copies != 1:
            yield f"{case.name(touch)} is sent and {copies} copies left"
        settled = touch.state == "failed" and (touch.reason or "").startswith('["resolved.')
        if copies and touch.state not in ("sent", "uncertain") and not settled:
            yield f"{case.name(touch)} is {touch.state} and a copy left"
        if touch.state in ("claimed", "sending", "committing"):
            yield f"{case.name(touch)} is stuck in {touch.state}"
        if touch.state == "scheduled":
            yield from _waiting(case, touch)
    yield from _missing(case)


def _waiting(case: _Case, touch: Record) -> Iterator[str]:
    if touch.next_attempt_at is None:
        if not _is_held(case, touch):
            yield f"{case.name(touch)} waits for nothing"
    elif touch.kind == "email" and touch.next_attempt_at <= case.now:
        yield f"{case.name(touch)} is due since {case.now - touch.next_attempt_at} and was not taken up"


def _is_held(case: _Case, touch: Record) -> bool:
    """Whether a touch before this one in its chain has not ended yet."""
    before = (each for each in case.touches if each.enrollment_id == touch.enrollment_id)
    return any(each.position < touch.position and each.state not in _ENDED for each in before)


def _missing(case: _Case) -> Iterator[str]:
    """Touches and enrollments that had to be made, and those too many."""
    steps: dict[str, list[str]] = defaultdict(list)
    for touch in case.touches:
        if touch.generation == 1:
            steps[touch.enrollment_id].append(touch.step)
    begun: Counter[tuple[str, str]] = Counter()
    for enrollment in case.enrollments.values():
        email = case.prospects[enrollment.prospect_id].email
        begun[email, enrollment.sequence] += 1
        wanted = [step.key for step in case.playbook.sequences[enrollment.sequence].steps]
        if sorted(steps[enrollment.id]) != sorted(wanted):
            yield f"{email} {enrollment.sequence} has the steps {steps[enrollment.id]} instead of {wanted}"
    for email, sequence in case.witness.expected:
        if not begun[email, sequence] and not _came_behind_a_stop(case, email, sequence):
            yield f"{email} was never enrolled in {sequence}"


def _came_behind_a_stop(case: _Case, email: str, name: str) -> bool:
    """Whether each thing that begins the sequence happened before a stop of it, and came to be known after that."""
    rows = next((case.history[each.id] for each in case.prospects.values() if each.email == email), [])
    sequence = case.playbook.sequences[name]
    stops = [row for row in rows if _stop_word(case, row) in sequence.stop]
    causes = [row for row in rows if _begins(sequence.start, row)]
    return bool(causes) and all(
        any(stop.occurred_at > cause.occurred_at and stop.version < cause.version for stop in stops) for cause in causes
    )


def _begins(start: Start, row: Record) -> bool:
    if start.when == "stage.entered":
        return bool(row.kind == "moved" and row.to_stage == start.stage)
    return bool(row.kind == start.when)


def c5(case: _Case) -> Iterator[str]:
    """No email passes its commit mark once a stop is recorded: told by the prospect's version, not by a clock."""
    for touch in case.marks:
        sequence = case.playbook.sequences[touch.sequence]
        began = case.enrollments[touch.enrollment_id].started_at
        for change in case.history[touch.prospect_id]:
            word = _stop_word(case, change)
            # Equal times: the stop that came first belongs to an earlier run of the sequence.
            if word in sequence.stop and change.at > began and touch.committed_version >= change.version:
                yield f"{case.name(touch)} was marked at version {touch.committed_version}, stopped at {change.version}"


def c6(case: _Case) -> Iterator[str]:
    """History replays to the present: no gap, a whole chain, an actor and a cause on each row."""
    for prospect in case.prospects.values():
        rows = case.history[prospect.id]
        if [row.version for row in rows] != list(range(1, prospect.version + 1)):
            yield f"{prospect.email}: the versions of its history are {[row.version for row in rows]}"
        folded: dict[str, Any] = {**dict.fromkeys(_FIELDS, ""), "custom": {}}
        link = ""
        for row in rows:
            folded |= row.changes
            link = _link(link, row)
            if link != row.digest:
                yield f"{prospect.email}: the digest of version {row.version} does not fit"
                break
            if not row.actor or not row.cause:
                yield f"{prospect.email}: version {row.version} names no actor or no cause"
        if link != prospect.chain:
            yield f"{prospect.email}: its chain ends elsewhere"
        now = {name: _plain(getattr(prospect, name)) for name in _FOLDED}
        if {name: folded.get(name) for name in _FOLDED} != now:
            wrong = [name for name in _FOLDED if folded.get(name) != now[name]]
            yield f"{prospect.email}: its history does not lead to its {wrong}"


def c8(case: _Case) -> Iterator[str]:
    """What was sent was not too late: within its deadline, or within two days of retries."""
    for touch in case.marks:
        retried = touch.due_at + timedelta(hours=48) if touch.attempts > 1 else touch.not_after
        latest = max(touch.not_after, retried)
        if touch.committed_at > latest + _SLACK:
            yield f"{case.name(touch)} left {touch.committed_at - latest} too late"


def c9(case: _Case) -> Iterator[str]:
    """No email passes its mark to an address that is barred."""
    barred = {row.email_key: row.at for row in case.suppressions}
    for touch in case.marks:
        at = barred.get((touch.recipient or "").casefold())
        if at is not None and touch.committed_at > at + _SLACK:
            yield f"{case.name(touch)} was marked {touch.committed_at - at} after its address was barred"
        for change in case.history[touch.prospect_id]:
            permanent = change.detail.get("permanent", True) is not False
            if change.kind in _SUPPRESSING and permanent and touch.committed_version >= change.version:
                yield f"{case.name(touch)} was marked after {change.kind} of version {change.version}"


def c10(case: _Case) -> Iterator[str]:
    """The limits of a mailbox hold in every rolling window, by our marks and by the server's own log."""
    limits = case.playbook.limits.mailbox
    by_mailbox: dict[str, list[Record]] = defaultdict(list)
    for touch in case.marks:
        by_mailbox[touch.mailbox_id].append(touch)
    for touches in by_mailbox.values():
        times = sorted(touch.committed_at for touch in touches)
        for most, span in ((limits.per_hour, timedelta(hours=1)), (limits.per_day, timedelta(days=1))):
            yield from _overdrawn(times, most, span, "by our marks")
        calm = sorted(touch.committed_at for touch in touches if not touch.forced)
        for earlier, later in pairwise(calm):
            if later - earlier < limits.min_gap:
                yield f"two emails were marked {later - earlier} apart, at {earlier}"
    seen = sorted(datetime.fromtimestamp(float(row["ts"]), UTC) for row in case.witness.truth)
    for most, span in ((limits.per_hour, timedelta(hours=1)), (limits.per_day, timedelta(days=1))):
        # The way from the mark to the server takes a moment, and not always the same.
        yield from _overdrawn(seen, most, span - _SLACK, "at the mail server")


def _overdrawn(times: Sequence[datetime], most: int, span: timedelta, where: str) -> Iterator[str]:
    first = 0
    for last, at in enumerate(times):
        while times[first] <= at - span:
            first += 1
        if last - first + 1 > most:
            yield f"{last - first + 1} emails within {span} up to {at}, {where}: {most} are allowed"
            return


FORMULAS: Mapping[str, Callable[[_Case], Iterator[str]]] = {
    "C1": c1,
    "C2": c2,
    "C3": c3,
    "C4": c4,
    "C5": c5,
    "C6": c6,
    "C8": c8,
    "C9": c9,
    "C10": c10,
}


def _stop_word(case: _Case, change: Record) -> str:
    """What a row of history says to sequences, "" when nothing."""
    if change.kind == "moved":
        return "close" if case.playbook.is_final(change.to_stage) else ""
    if change.kind == "email.bounced" and change.detail.get("permanent", True) is False:
        return ""
    return _STOPPING.get(change.kind, "")


def _link(before: str, row: Record) -> str:
    """The digest of a history row, computed here once more from its columns."""
    told = {name: _plain(value) for name, value in row._mapping.items() if name != "digest"}
    canonical = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{canonical}".encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
