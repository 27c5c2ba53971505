"""Dispatch: claim 20,000 due of 1,000,000 pending emails and leave hints in a real Redis, as one clock does it.

The cost of a tick must not grow with what is pending and not due: the same ticks run over 10,000 as well. Time and not
processor time, because half of the work is the database's. `python -m bench dispatch [PENDING]`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import insert, text

from bench import harness
from bench.harness import Figure, Ground
from tests.support.redis import RedisServer
from workers import jobs
from workers.clock import Clock
from workers.queue import Queue
from workflow import ids
from workflow.actions.outreach import claim
from workflow.actions.outreach.timings import Timings
from workflow.records.db import Tx
from workflow.records.models import Enrollment, Mailbox, Prospect
from workflow.workspace import Workspace, open_workspace

PENDING: Final = 1_000_000
FEW: Final = 10_000
DUE: Final = 20_000
MAILBOXES: Final = 8
_IDLE_TICKS: Final = 40
_BATCHES: Final = 3
_AT_ONCE: Final = 100_000
_AT_LEAST: Final = {"sqlite": 10_000, "postgresql": 20_000}
_MOST: Final = 1.5


def run(pending: int = PENDING) -> list[Figure]:
    """Measure on both databases."""
    with harness.ground() as ground:
        redis = RedisServer(ground.folder / "redis")
        redis.start()
        try:
            figures = [figure for kind in _AT_LEAST for figure in _database(ground, kind, redis, pending)]
        finally:
            redis.stop()
    return harness.show("dispatch", figures)


def _database(ground: Ground, kind: str, redis: RedisServer, pending: int) -> list[Figure]:
    label = "SQLite" if kind == "sqlite" else "PostgreSQL"
    # Both at once and in turns: what slows the machine for a while must slow both.
    with _clock(ground, kind, redis, FEW) as (ws_few, clock_few), _clock(ground, kind, redis, pending) as (ws, clock):
        idles = harness.alternate({"few": lambda: _idle(clock_few), "many": lambda: _idle(clock)})
        batches = harness.alternate({"few": lambda: _batch(ws_few, clock_few), "many": lambda: _batch(ws, clock)})
        rate = _rate(ws, clock)
    idle_few, idle_many = (median(idles[side]) for side in ("few", "many"))
    batch_few, batch_many = (median(batches[side]) for side in ("few", "many"))
    return [
        Figure(f"dispatch, {label}: {DUE:,} due of {pending:,}", rate, _AT_LEAST[kind], "/s", at_least=True),
        Figure(
            f"dispatch, {label}: a tick with nothing due, {pending:,} pending over {FEW:,}",
            harness.ratio(idles, "many", "few"), _MOST,
            note=f"{idle_many * 1e3:.2f} ms against {idle_few * 1e3:.2f} ms",
        ),
        Figure(
            f"dispatch, {label}: a tick that claims {claim.BATCH}, {pending:,} pending over {FEW:,}",
            harness.ratio(batches, "many", "few"), _MOST,
            note=f"{batch_many * 1e3:.1f} ms against {batch_few * 1e3:.1f} ms",
        ),
    ]  # fmt: skip


def _idle(clock: Clock) -> float:
    """Seconds of a tick that finds nothing due."""
    clock.tick()
    return median(_seconds(clock) for _ in range(_IDLE_TICKS))


def _batch(ws: Workspace, clock: Clock) -> float:
    """Seconds of a tick that claims one full batch."""
    times = []
    for _ in range(_BATCHES):
        _make_due(ws, claim.BATCH, mailboxes=1)
        times.append(_seconds(clock))
        _forget_claims(ws)
    return median(times)


def _rate(ws: Workspace, clock: Clock) -> float:
    """Claims a second, from the first tick to the one that leaves nothing."""
    _make_due(ws, DUE, mailboxes=MAILBOXES)
    begun = time.perf_counter()
    while clock.tick():
        continue
    took = time.perf_counter() - begun
    with ws.database.read() as tx:
        claimed = tx.conn.execute(text("SELECT count(*) FROM touch WHERE state = 'claimed'")).scalar_one()
    assert claimed == DUE, claimed
    return DUE / took


def _seconds(clock: Clock) -> float:
    begun = time.perf_counter()
    clock.tick()
    return time.perf_counter() - begun


@contextmanager
def _clock(ground: Ground, kind: str, redis: RedisServer, pending: int) -> Iterator[tuple[Workspace, Clock]]:
    redis.flush()
    ws = open_workspace(ground.workspace(ground.database(kind)))
    _fill(ws, pending)
    clock = Clock(ws, Queue(redis.url), jobs.spool_of(ws.settings), Timings())
    yield ws, clock
    ws.database.close()


def _fill(ws: Workspace, pending: int) -> None:
    """So many emails that wait for some hour of the next year, in several mailboxes."""
    with ws.database.write() as tx:
        people = [ids.new_id() for _ in range(1_000)]
        enrollments = [ids.new_id() for _ in people]
        tx.conn.execute(insert(Prospect), [_person(tx.now, each) for each in people])
        enrolled = [_enrolled(ws, tx.now, *pair) for pair in zip(enrollments, people, strict=True)]
        tx.conn.execute(insert(Enrollment), enrolled)
        boxes = [ws.mailbox_id, *(ids.new_id() for _ in range(MAILBOXES - 1))]
        tx.conn.execute(insert(Mailbox), [_box(tx.now, each) for each in boxes[1:]])
    for first in range(0, pending, _AT_ONCE):
        with ws.database.write() as tx:
            _pend(tx, range(first, min(first + _AT_ONCE, pending)), len(people))
    with ws.database.write() as tx:
        # As the databases do by themselves once there is quiet.
        tx.conn.execute(text("ANALYZE"))


def _pend(tx: Tx, wanted: range, people: int) -> None:
    """The rows, made inside the database: a million would take minutes from here."""
    if tx.locks_rows:
        # Without the checks of foreign keys, which take most of the time and would find nothing.
        tx.conn.execute(text("SET LOCAL session_replication_role = replica"))
        tx.conn.execute(text("SET LOCAL statement_timeout = 0"))
        numbers = "SELECT generate_series(CAST(:first AS int), CAST(:last AS int)) AS n"
        due = "CAST(:now AS timestamptz) + make_interval(secs => 3600 + (n::bigint * 7919) % 31000000)"
        key, no = "lpad(to_hex(n), 8, '0')", "false"
    else:
        counted = "SELECT :first UNION ALL SELECT n + 1 FROM counted WHERE n < :last"
        numbers = f"WITH RECURSIVE counted(n) AS ({counted}) SELECT n FROM counted"
        due = "strftime('%Y-%m-%d %H:%M:%f000', :now, '+' || (3600 + (n * 7919) % 31000000) || ' seconds')"
        key, no = "printf('%08x', n)", "0"
    ranked = "row_number() OVER (ORDER BY id) - 1 AS rank"
    words = (
        "INSERT INTO touch (id, enrollment_id, prospect_id, mailbox_id, sequence, step, position, generation, kind,"
        " state, due_at, not_after, next_attempt_at, attempts, begin_errors, forced, reason, created_at)"
        f" SELECT {key} || '-0000-7000-8000-000000000000', e.id, e.prospect_id, m.id, 'welcome', 'hello', 0, n + 1,"
        f" 'email', 'scheduled', {due}, {due}, {due}, 0, 0, {no}, '[\"due\",{{}}]', :now FROM ({numbers}) AS numbers"
        f" JOIN (SELECT id, {ranked} FROM mailbox) AS m ON m.rank = n % :boxes"
        f" JOIN (SELECT id, prospect_id, {ranked} FROM enrollment) AS e ON e.rank = n % :people"
    )
    values = {
        "first": wanted.start,
        "last": wanted.stop - 1,
        "now": _plain(tx, tx.now),
        "boxes": MAILBOXES,
        "people": people,
    }
    tx.conn.execute(text(words), values)


def _make_due(ws: Workspace, count: int, *, mailboxes: int) -> None:
    """Let so many that wait be due a minute ago, spread over some mailboxes."""
    with ws.database.write() as tx:
        past = _plain(tx, tx.now - timedelta(minutes=1))
        later = _plain(tx, tx.now + timedelta(hours=1))
        boxes = tx.conn.execute(text("SELECT id FROM mailbox ORDER BY id LIMIT :most"), {"most": mailboxes})
        some = text(
            "UPDATE touch SET next_attempt_at = :past, due_at = :past, not_after = :later WHERE id IN (SELECT id FROM"
            " touch WHERE state = 'scheduled' AND mailbox_id = :box AND next_attempt_at > :past LIMIT :count)"
        )
        for box in boxes.scalars().all():
            tx.conn.execute(some, {"past": past, "later": later, "box": box, "count": count // mailboxes})


def _forget_claims(ws: Workspace) -> None:
    with ws.database.write() as tx:
        later = _plain(tx, tx.now + timedelta(days=200))
        back = "UPDATE touch SET state = 'scheduled', next_attempt_at = :later, due_at = :later, not_after = :later"
        tx.conn.execute(text(f"{back}, hint_at = NULL, token = NULL WHERE state = 'claimed'"), {"later": later})


def _plain(tx: Tx, moment: datetime) -> object:
    return moment if tx.locks_rows else moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _person(now: datetime, person: str) -> dict[str, Any]:
    texts = dict.fromkeys(("name", "company", "phone", "title", "language", "time_zone", "country", "search"), "")
    email = f"{person}@example.com"
    row = {"id": person, "email": email, "email_key": email, "custom": {}, "stage": "planned", "version": 1}
    times = dict.fromkeys(("entered_stage_at", "moved_at", "created_at", "updated_at"), now)
    return {**texts, **row, **times, "chain": "0" * 64}


def _enrolled(ws: Workspace, now: datetime, enrollment: str, person: str) -> dict[str, Any]:
    row = {"id": enrollment, "prospect_id": person, "sequence": "welcome", "state": "active", "cause": "bench"}
    return {**row, "playbook_digest": ws.playbooks.current.digest, "started_at": now}


def _box(now: datetime, box: str) -> dict[str, Any]:
    row = {"id": box, "name": box, "sender": "x@example.com", "state": "active", "backoff_step": 0}
    return {**row, "policy_refusals": 0, "created_at": now}
