"""One email's way through the whole protocol, against the least it could cost.

That is the statements of its three transactions as literal SQL, and before the last of them the same bytes on a kept
connection: one worker, one server, the same commits in the same order. Beside it stands what the server itself can take
on one connection, with no database at all: no worker can be faster. `python -m bench mail`.
"""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from sqlalchemy import select, update

from bench import bare, harness, wire
from bench.harness import Figure, Ground
from bench.recipe import COMMIT, Statement, record
from tests.support import smtpd
from tests.support.servers import end
from workflow import ids
from workflow.actions import prospects
from workflow.actions.outreach import recover
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.mail.smtp import SmtpServer, SmtpTransport
from workflow.records.models import Message, Touch
from workflow.workspace import Workspace, open_workspace

EACH_ROUND = 60
_MOST = 1.25


def run() -> list[Figure]:
    """Measure on both databases."""
    with harness.ground() as ground, _sink(ground) as port:
        figures = [figure for kind in ("sqlite", "postgresql") for figure in _database(ground, kind, port)]
    return harness.show("mail", figures)


def _database(ground: Ground, kind: str, port: int) -> list[Figure]:
    url = ground.database(kind)
    with _opened(ground, url) as ws:
        _claim(ws, EACH_ROUND * (harness.ROUNDS + 1) + 1)
    statements, fresh, sample = _recorded(ground, ground.copy(url), port)
    literal = bare.connect(ground.copy(url))
    with _opened(ground, url) as ws, smtplib.SMTP("localhost", port) as plain:
        sender, mailbox_id = _sender(ws, port), ws.mailbox_id
        todo = iter(_claimed(ws))
        cpu: dict[str, list[float]] = {"product": [], "bare": [], "server": []}
        last = max(at for at, each in enumerate(statements[:-1]) if each.sql == COMMIT) + 1

        def one_mail() -> None:
            assert sender._one(mailbox_id)  # noqa: SLF001 - the step that `drain` repeats for as long as its time lasts

        def bare_mail() -> None:
            touch, prospect, enrollment = next(todo)
            facts = {"touch": touch, "prospect": prospect, "enrollment": enrollment, **bare.fresh_ids(fresh)}
            bare.replay(literal, statements[:last], facts)
            plain.sendmail(sample.sender, [sample.rcpt], sample.content)
            bare.replay(literal, statements[last:], facts)

        def server_mail() -> None:
            plain.sendmail(sample.sender, [sample.rcpt], sample.content)

        sides = {"product": one_mail, "bare": bare_mail, "server": server_mail}
        wall = harness.alternate({name: _timed(work, cpu[name]) for name, work in sides.items()})
    literal.close()
    label = "SQLite, FULL" if kind == "sqlite" else "PostgreSQL"
    return [
        _figure(f"one email, {label}: time", wall),
        _figure(f"one email, {label}: CPU of the worker", cpu),
        _ceiling(label, wall),
    ]


def _ceiling(label: str, wall: dict[str, list[float]]) -> Figure:
    """How much of what the mail server can take on one connection one worker makes use of."""
    worker, server = (1 / median(wall[name]) for name in ("product", "server"))
    share = 1 / harness.ratio(wall, "product", "server")
    words = f"{worker:,.0f}/s of {server:,.0f}/s that the server takes on one connection"
    return Figure(f"emails a second of one worker, {label}, of the server's own limit", share, None, note=words)


def _figure(what: str, given: dict[str, list[float]]) -> Figure:
    words = " against ".join(f"{median(given[name]) * 1e3:.2f} ms" for name in ("product", "bare"))
    times = harness.ratio(given, "product", "bare")
    return Figure(f"{what}, protocol over bare send with bare commits", times, _MOST, note=words)


def _timed(work: Callable[[], None], cpu: list[float]) -> Callable[[], float]:
    def timed() -> float:
        begun, used = time.perf_counter(), time.process_time()
        for _ in range(EACH_ROUND):
            work()
        cpu.append((time.process_time() - used) / EACH_ROUND)
        return (time.perf_counter() - begun) / EACH_ROUND

    return timed


def _claim(ws: Workspace, count: int) -> None:
    """So many prospects with one email each, claimed."""
    with ws.database.write() as tx:
        for number in range(count):
            made = prospects.submit(
                ws, tx, None, Signal(kinds.UPSERTED, tx.now, "system", "bench", fields=wire.facts(number))
            )
            move = Signal(kinds.MOVE, tx.now, "system", "bench", data={"trigger": "qualify"})
            prospects.submit(ws, tx, made.prospect_id, move)
        tx.conn.execute(update(Touch).values(state="claimed", token=ids.new_id(), hint_at=tx.now))


def _claimed(ws: Workspace) -> Sequence[tuple[str, str, str]]:
    """Those that wait, as the sender takes them: touch, prospect and enrollment of each."""
    with ws.database.read() as tx:
        found = select(Touch.id, Touch.prospect_id, Touch.enrollment_id).where(Touch.state == "claimed")
        rows = tx.conn.execute(found.order_by(Touch.next_attempt_at, Touch.id)).all()
    return [(row.id, row.prospect_id, row.enrollment_id) for row in rows]


def _recorded(ground: Ground, url: str, port: int) -> tuple[tuple[Statement, ...], int, smtpd.Taken]:
    """The statements of one email, from the choice of it to the record, and the email itself."""
    with _opened(ground, url) as ws:
        # The first one on a fresh process also reads what later ones know.
        sender = _sender(ws, port)
        assert sender._one(ws.mailbox_id)  # noqa: SLF001
        touch, prospect, enrollment = _claimed(ws)[0]
        known = {"touch": touch, "prospect": prospect, "enrollment": enrollment, "=mailbox": ws.mailbox_id}
        known |= {"=holder": sender.holder}
        statements, fresh = record(ws.database, lambda: sender._one(ws.mailbox_id), known)  # noqa: SLF001
        with ws.database.read() as tx:
            content = tx.conn.execute(select(Message.content).where(Message.touch_id == touch)).scalar_one()
    return statements, fresh, smtpd.Taken("", "p000000@example.com", 250, "ivan@sales.example.com", content)


def _sender(ws: Workspace, port: int) -> Sender:
    holder = ids.new_id()
    recover.beat(ws, holder, "sender", "bench", {})
    timings = Timings()
    transport = SmtpTransport(SmtpServer.parse(f"smtp://localhost:{port}?starttls=never"), timings.smtp)
    return Sender(ws, transport, Spool(ws.settings.data_dir / "spool"), timings, holder)


@contextmanager
def _opened(ground: Ground, url: str) -> Iterator[Workspace]:
    ws = open_workspace(ground.workspace(url), pooled=True)
    yield ws
    ws.database.close()


@contextmanager
def _sink(ground: Ground) -> Iterator[int]:
    """An SMTP server of its own process, whose processor time is nobody's."""
    folder = ground.folder / "sink"
    words = (sys.executable, str(Path(smtpd.__file__)), "--folder", str(folder))
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline())
        finally:
            end(child)
