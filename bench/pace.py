"""50,000 emails due at once after an outage: they leave at exactly the configured pace, and memory stays flat.

Three of four go to a company, and each company gets no more of them in the first day than its limit. The clock is told
the time; claims, limits, the three transactions of each email and its words are the product's own. Only the mail
server is a stand-in, which takes everything and keeps nothing. `python -m bench pace`.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import psutil
from sqlalchemy import insert, select, text

from bench import harness
from bench.harness import Figure, Ground
from tests.support.processes import FAST
from workflow import ids
from workflow.actions.outreach import claim, recover
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.mail.transport import Envelope, Outcome, Phase
from workflow.records.db import Database, Tx
from workflow.records.models import Enrollment, Mailbox, Prospect, Touch
from workflow.reports import check_limits
from workflow.workspace import Workspace, open_workspace

DUE: Final = 50_000
MAILBOXES: Final = 4
COMPANIES: Final = 400
_ALL: Final = 10_000
_COMPANY: Final = 100
_TICK: Final = timedelta(minutes=1)
_MOST_MB: Final = 16.0
_LIMITS: Final = (
    f"  mailbox: {{per_hour: 4000, per_day: 1000000, min_gap: 0s, pause_after_uncertain: 1000000}}\n"
    f"  domain: {{per_day: {_COMPANY}}}\n  all: {{per_hour: {_ALL}}}\n  prospect: {{min_gap: 0s, per_day: 3}}"
)


@dataclass(slots=True)
class _Told:
    """A clock that is told the time."""

    now: datetime

    def __call__(self, _connection: object = None) -> datetime:
        return self.now


class _Everything:
    """A mail server that takes everything and keeps nothing."""

    def send(self, _envelope: Envelope, before_dot: Callable[[], bool]) -> Outcome:
        """Taken, if it is still wanted."""
        if not before_dot():
            return Outcome("withdrawn", Phase.BODY)
        return Outcome("sent", Phase.REPLIED, 250, "2.0.0 Ok", "pace")

    def close(self) -> None:
        """Nothing is open."""


def run(due: int = DUE) -> list[Figure]:
    """Measure on SQLite: what is counted is the same on both, and the database is in this process."""
    with harness.ground() as ground:
        return harness.show("pace", _drained(ground, due))


def _drained(ground: Ground, due: int) -> list[Figure]:
    clock = _Told(datetime(2026, 11, 10, 8, tzinfo=UTC))
    ws = _opened(ground, clock)
    _fill(ws, due)
    # Ten hours in which nothing ran.
    clock.now += timedelta(hours=10)
    begun, told_at, memory = clock.now, time.perf_counter(), []
    sender = _sender(ws)
    boxes = _boxes(ws)
    hosts = Counter(_host(number) for number in range(due))
    may = sum(count if host == "gmail.com" else min(count, _COMPANY) for host, count in hosts.items())
    hours = -(-may // _ALL)
    while _left(ws, "scheduled") and clock.now - begun < timedelta(hours=hours + 1):
        recover.beat(ws, sender.holder, "sender", "bench", {})
        claim.hold_open(ws)
        claim.claim_due(ws)
        for box in boxes:
            sender.drain(box)
        memory.append(_megabytes())
        clock.now += _TICK
    took = time.perf_counter() - told_at
    marks = _marks(ws)
    overdrawn = _overdrawn(ws)
    last = (marks[-1] - marks[0]) / timedelta(hours=1)
    # The first windows fill what is filled once: statements, templates, the pages of the database.
    growth = max(memory) - memory[len(memory) // 5]
    ws.database.close()
    return [
        Figure(f"pace: {due:,} due at once, sent in the first day", len(marks), may, "emails", at_least=True),
        Figure("pace: windows overdrawn, of four mailboxes, 300 companies and all", overdrawn, 0, "windows"),
        Figure(
            f"pace: hours until the last left, over the least that {_ALL:,} an hour allow",
            last / max(hours - 1, 1), 1.02, note=f"{last:.2f} h against {hours - 1} h; {took:.0f} s on the wall",
        ),
        Figure(
            "pace: resident memory of the worker, growth after the first fifth", growth, _MOST_MB, "MB",
            note=f"{memory[0]:.0f} MB at first, {max(memory):.0f} MB at most",
        ),
    ]  # fmt: skip


def _opened(ground: Ground, clock: _Told) -> Workspace:
    url = ground.database("sqlite")
    playbook = ground.folder / "pace.yaml"
    words = FAST.read_text(encoding="utf-8")
    head, _, rest = words.partition("limits:\n")
    playbook.write_text(f"{head}limits:\n{_LIMITS}\n\nstages:{rest.partition('stages:')[2]}", encoding="utf-8")
    settings = ground.workspace(url, ONWARD_PLAYBOOK=str(playbook))
    return replace(open_workspace(settings, database=Database(url, clock=clock, pooled=True)))


def _fill(ws: Workspace, due: int) -> None:
    """So many people of some companies, each with an email that is due now, over the mailboxes in turn."""
    with ws.database.write() as tx:
        boxes = [ws.mailbox_id, *(ids.new_id() for _ in range(MAILBOXES - 1))]
        box = {"sender": "x@example.com", "state": "active", "backoff_step": 0, "policy_refusals": 0}
        tx.conn.execute(
            insert(Mailbox), [{**box, "id": each, "name": each, "created_at": tx.now} for each in boxes[1:]]
        )
        digest = ws.playbooks.in_force(tx).digest
    for first in range(0, due, 5_000):
        with ws.database.write() as tx:
            _people(tx, digest, boxes, range(first, min(first + 5_000, due)))


def _people(tx: Tx, digest: str, boxes: list[str], numbers: range) -> None:
    persons, enrollments, touches = [], [], []
    texts = dict.fromkeys(("name", "company", "phone", "title", "language", "time_zone", "country", "search"), "")
    times = dict.fromkeys(("entered_stage_at", "moved_at", "created_at", "updated_at"), tx.now)
    for number in numbers:
        person, enrollment = ids.new_id(), ids.new_id()
        host = _host(number)
        address = f"p{number:06}@{host}"
        row = {"id": person, "email": address, "email_key": address, "custom": {}, "stage": "qualified", "version": 1}
        persons.append({**texts, **times, **row, "chain": "0" * 64})
        began = {"id": enrollment, "prospect_id": person, "sequence": "welcome", "state": "active", "cause": "bench"}
        enrollments.append({**began, "playbook_digest": digest, "started_at": tx.now})
        touch = {"id": ids.new_id(), "enrollment_id": enrollment, "prospect_id": person, "sequence": "welcome"}
        touch |= {"mailbox_id": boxes[number % len(boxes)], "step": "hello", "position": 0, "generation": 1}
        touch |= {"kind": "email", "state": "scheduled", "due_at": tx.now, "next_attempt_at": tx.now, "attempts": 0}
        touch |= {"begin_errors": 0, "forced": False, "reason": '["due",{}]', "created_at": tx.now}
        touches.append({**touch, "not_after": tx.now + timedelta(days=1)})
    tx.conn.execute(insert(Prospect), persons)
    tx.conn.execute(insert(Enrollment), enrollments)
    tx.conn.execute(insert(Touch), touches)


def _host(number: int) -> str:
    """One in four has an address where anybody has one."""
    return "gmail.com" if number % 4 == 0 else f"c{number % COMPANIES}.example.com"


def _sender(ws: Workspace) -> Sender:
    # All of an hour in one go: by the clock of this test no time passes while it sends.
    timings = replace(Timings(), drain_for=timedelta(hours=1))
    return Sender(ws, _Everything(), Spool(ws.settings.data_dir / "spool"), timings, ids.new_id())


def _boxes(ws: Workspace) -> list[str]:
    with ws.database.read() as tx:
        return list(tx.conn.execute(select(Mailbox.id)).scalars())


def _left(ws: Workspace, state: str) -> bool:
    with ws.database.read() as tx:
        return tx.conn.execute(select(Touch.id).where(Touch.state == state).limit(1)).first() is not None


def _marks(ws: Workspace) -> list[datetime]:
    with ws.database.read() as tx:
        found = select(Touch.committed_at).where(Touch.committed_at.is_not(None)).order_by(Touch.committed_at)
        assert tx.conn.execute(text("SELECT count(*) FROM touch WHERE state = 'uncertain'")).scalar_one() == 0
        return [at for at in tx.conn.execute(found).scalars() if at is not None]


def _overdrawn(ws: Workspace) -> int:
    """By the doctor's own count."""
    with ws.database.read() as tx:
        return len(list(check_limits.overdrawn(ws, tx)))


def _megabytes() -> float:
    gc.collect()
    resident: int = psutil.Process().memory_info().rss
    return resident / 2**20
