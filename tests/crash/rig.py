"""A rig for kills: clock and workers as real processes with armed probes, a Redis and a mail server of its own.

Prospects are made in this process, through the same actions as the product's; everything after that is done by the
processes. What happened is judged by the records, the truth log of the mail server, and the checker.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

import psutil
from sqlalchemy import select

from tests.support import crash
from tests.support.checker import Accepted, Witness, examine
from tests.support.processes import Installation
from tests.support.smtpd import SmtpSink
from workflow.actions import prospects
from workflow.actions.prospects import Who
from workflow.records import schema
from workflow.records.db import Database, Record
from workflow.records.models import Touch
from workflow.settings import load
from workflow.workspace import Workspace, open_workspace

T = TypeVar("T")
CRM = Who("source:crm", "test")
FREED_S = 15.0
"""Within this time everything that was killed is taken up again: a dead sender is known after 1.5 s, the rest is slack
for a machine that is busy. The product waits ten times as long, and promises 60 s."""


class Rig:
    """One installation of armed processes."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._numbers = count()
        self.sink = SmtpSink(folder / "smtp")
        self.sink.start()
        self.house = Installation(folder, database_url=database_url, smtp=self.sink)
        self.arms = folder / "arms"
        self.arms.mkdir()
        self.house.settings |= {"ONWARD_SECRET_KEY": "0123456789abcdef0123456789abcdef", crash.ARMS: str(self.arms)}
        # Receivers of webhooks are on this host.
        self.house.settings["ONWARD_ALLOW_PRIVATE_ENDPOINTS"] = "yes"
        self.house.redis.start()
        own = {name: value for name, value in self.house.settings.items() if name.startswith("ONWARD_")}
        database = Database(database_url)
        schema.upgrade(database)
        self.ws: Workspace = open_workspace(load(own), database=database)
        self.accepted: list[Accepted] = []

    # --- processes

    def start(self, part: str, *words: str) -> None:
        """Start a part, or start it anew."""
        self.house.start(part, argv=(sys.executable, "-m", "tests.support.crash", part, *words))

    def start_all(self, workers: int = 2) -> None:
        """Start a clock and some workers."""
        self.start("worker", "-n", str(workers))
        self.start("clock")

    def revive(self) -> None:
        """Start again what has died, as a supervisor does."""
        for name, part in self.house._parts.items():
            if part.poll() is not None:
                self.house.restart(name)

    def close(self) -> None:
        """Leave nothing behind."""
        for arm in self.arms.glob("*.fired"):
            # A stopped process does not hear that it should end.
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(arm.read_text(encoding="ascii")), signal.SIGKILL)
        self.house.down()
        self.sink.stop()
        self.ws.database.close()

    # --- arms

    def arm(self, point: str, act: str) -> None:
        """Let the next process that passes `point` be killed or stopped there, or hold."""
        for old in self.arms.glob(f"{point}*"):
            old.unlink()
        (self.arms / f"{point}.new").write_text(act, encoding="ascii")
        (self.arms / f"{point}.new").rename(self.arms / point)

    def fired(self, point: str) -> int:
        """Wait until somebody acted at `point`; the id of the process."""
        note = self.arms / f"{point}.fired"
        self.wait_for(note.exists, what=f"somebody to pass {point}")
        return int(note.read_text(encoding="ascii"))

    def go(self, point: str) -> None:
        """Let the one that holds at `point` go on."""
        (self.arms / f"{point}.go").touch()

    # --- prospects and what became of them

    def email_due(self, script: str = "ok") -> str:
        """A new prospect with one email due now; gives the id of its touch. `script` is one of the mail server's."""
        return self.emails_due(script, 1)[0]

    def emails_due(self, script: str, number: int) -> list[str]:
        """As many prospects, with one email due each; the ids of the touches."""
        made = [self.prospect(script) for _ in range(number)]
        for prospect_id in made:
            prospects.move(self.ws, prospect_id, "qualify", {}, CRM)
        with self.ws.database.read() as tx:
            found = select(Touch.id).where(Touch.prospect_id.in_(made)).order_by(Touch.id)
            return list(tx.conn.execute(found).scalars())

    def prospect(self, script: str = "ok") -> str:
        """A new prospect; gives the id."""
        fields = {"email": f"{script}+{next(self._numbers)}@sink.test"}
        return prospects.create(self.ws, fields, {}, CRM).prospect_id

    def touch(self, touch_id: str) -> Record:
        """A touch as it stands."""
        with self.ws.database.read() as tx:
            return tx.conn.execute(select(*Touch.__table__.columns).where(Touch.id == touch_id)).one()

    def copies(self, touch_id: str) -> int:
        """How many copies of its email the mail server took."""
        message_id = self.touch(touch_id).message_id
        return sum(1 for row in self.sink.truth_rows() if row["message_id"] == message_id)

    def wait_until(self, touch_id: str, *states: str, seconds: float = FREED_S) -> Record:
        """Wait until the touch is in one of these states."""

        def look() -> Record | None:
            row = self.touch(touch_id)
            return row if row.state in states else None

        return self.wait_for(look, seconds, f"{states}, still {self.touch(touch_id).state}")

    def wait_for(self, look: Callable[[], T | None], seconds: float = FREED_S, what: str = "") -> T:
        """Look until there is something to see."""
        return self.house.wait_for(look, seconds, what)  # type: ignore[return-value]

    def check(self) -> None:
        """The checker finds nothing, once nothing is under way any more."""
        under_way = ("claimed", "sending", "committing")
        # What falls due while the checker looks would be called late: it looks when nothing is due for this long.
        calm = timedelta(seconds=2)

        def quiet() -> bool:
            with self.ws.database.read() as tx:
                due = (Touch.state == "scheduled") & (Touch.next_attempt_at <= tx.now + calm) & (Touch.kind == "email")
                open_ = select(Touch.id).where(Touch.state.in_(under_way) | due)
                return tx.conn.execute(open_.limit(1)).first() is None

        self.wait_for(quiet, 20.0, "nothing to be under way")
        witness = Witness(self.sink.truth_rows(), self.accepted)
        breaches = examine(self.ws.database, self.ws.playbooks.current, witness)
        assert not breaches, "\n".join(map(str, breaches))


@contextmanager
def rigged(folder: Path, database_url: str) -> Iterator[Rig]:
    """A rig for a while."""
    rig = Rig(folder, database_url)
    try:
        yield rig
    finally:
        rig.close()


def alive(pid: int) -> bool:
    """Whether a process of that id lives, stopped or not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
