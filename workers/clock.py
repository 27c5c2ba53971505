"""The clock: claims what is due and leaves hints, frees what the dead held, and applies what waits in the inbox.

Keeps no state that matters: two or more clocks may run side by side, and any of them may be killed at any point.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from workers import jobs, notes
from workers.askers import Askers, vendors
from workers.confirmations import Confirmations
from workers.importers import Importers
from workers.linktest import LinkTests
from workers.queue import Queue
from workers.readers import Readers
from workflow import ids, logs
from workflow.actions import crm_words, erasing, inbox, news, notices, outbox, publishing, suppressions
from workflow.actions.outreach import claim, recover
from workflow.actions.outreach.timings import Timings
from workflow.errors import StartError, Unavailable
from workflow.probe import SILENT
from workflow.records.db import CommitUnknown, Database
from workflow.settings import load
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from workflow.actions.outreach.claim import Claimed
    from workflow.actions.outreach.spool import Spool
    from workflow.probe import Probe
    from workflow.settings import Settings
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2
_SWEEP_S = 1.0
_PUBLISH_S = 0.5
_REAP_S = 5.0
_RELEASE_S = 30.0
_HOLD_S = 60.0
_FORGET_S = 3600.0
_LOOK_S = 15.0
_AFTER_ERROR_S = 1.0
_ENOUGH_HINTS = 8


class Clock:
    """One clock over one installation; `tick` does everything that is due and tells whether more waits."""

    def __init__(self, ws: Workspace, queue: Queue, spool: Spool, timings: Timings, probe: Probe = SILENT) -> None:
        self._ws = ws
        self._queue = queue
        self._spool = spool
        self._timings = timings
        self._probe = probe
        self._id = ids.new_id()
        self._name = f"{socket.gethostname()}:{os.getpid()} clock"
        self._hints_arrive = True
        self._readers = Readers(ws)
        self._importers = Importers(ws)
        self._askers = Askers(ws, vendors(ws.settings))
        self._link_tests = LinkTests(ws)
        self._confirmations = Confirmations(ws)
        beat_s, hint_s = _seconds(timings.beat_every), _seconds(timings.hint_again)
        self._chores = [
            _Chore(beat_s, self._beat),
            _Chore(hint_s, self._hint_again),
            _Chore(_SWEEP_S, lambda: inbox.sweep(ws)),
            # Before the reaper: what the spool knows of an email need not become uncertain first.
            _Chore(min(_REAP_S, beat_s), lambda: recover.import_spool(ws, spool)),
            _Chore(min(_REAP_S, beat_s), lambda: recover.reap(ws, timings)),
            _Chore(_HOLD_S, self._hold_open),
            _Chore(_RELEASE_S, lambda: recover.release_behind_uncertain(ws, timings)),
            _Chore(_FORGET_S, lambda: recover.forget(ws)),
            _Chore(_SWEEP_S, ws.database.carry_journal),
            _Chore(_SWEEP_S, self._publish),
            _Chore(_SWEEP_S, lambda: suppressions.end_sequences(ws, seconds=_PUBLISH_S)),
            _Chore(_SWEEP_S, lambda: erasing.advance(ws, seconds=_PUBLISH_S)),
            _Chore(_SWEEP_S, self._tell),
            _Chore(_REAP_S, lambda: news.tell_due_tasks(ws)),
            _Chore(_RELEASE_S, lambda: outbox.forget(ws)),
            _Chore(_LOOK_S, self._readers.look),
            _Chore(_SWEEP_S, self._importers.look),
            _Chore(_HOLD_S, self._link_tests.look),
            _Chore(_HOLD_S, self._confirmations.look),
            _Chore(_HOLD_S, self._notify),
            _Chore(_SWEEP_S, self._askers.look),
            _Chore(_FORGET_S, lambda: inbox.forget(ws)),
            _Chore(_FORGET_S, lambda: crm_words.forget(ws)),
            _Chore(_FORGET_S, self._importers.forget),
        ]

    def tick(self) -> bool:
        """Do what is due; True when a full batch was claimed and more may wait behind it."""
        now = time.monotonic()
        for chore in self._chores:
            chore.run_if_due(now)
        if not self._hints_arrive and not self._reach_again():
            return False
        claims = claim.claim_due(self._ws)
        if claims:
            self._probe.at("claim.committed")
        self._hint(claims)
        return any(each.touches >= claim.BATCH for each in claims)

    def run(self, stopped: threading.Event) -> None:
        """Tick until `stopped`. Trouble of one tick is told and does not end the clock."""
        away = False
        while not stopped.is_set():
            try:
                more = self.tick()
                away = False
            except (Unavailable, CommitUnknown):
                if not away:
                    _LOG.warning("the database is away; the clock waits for it")
                away = True
                stopped.wait(_AFTER_ERROR_S)
                continue
            except Exception:  # noqa: BLE001 - the edge of a tick: told, and the next one is tried
                _LOG.exception("a tick of the clock failed")
                stopped.wait(_AFTER_ERROR_S)
                continue
            if not more:
                stopped.wait(_POLL_S)
        self._importers.stop()
        self._askers.stop()
        self._readers.stop()
        self._link_tests.stop()
        try:
            recover.farewell(self._ws, self._id)
        except (Unavailable, CommitUnknown):
            _LOG.warning("no farewell: the database is away")

    def _beat(self) -> None:
        recover.beat(self._ws, self._id, "clock", self._name, {"hints_arrive": self._hints_arrive})

    def _publish(self) -> None:
        """Go on with a publication, for a while: what is due must not wait for thousands who are moved."""
        until = time.monotonic() + _PUBLISH_S
        while time.monotonic() < until:
            at = publishing.advance(self._ws, self._probe)
            if at is None or at.is_done:
                return

    def _tell(self) -> None:
        """Hint at the targets of the outbox; those that no worker takes are hinted at again some seconds later."""
        if self._hints_arrive and not all(self._queue.hint(target_id) for target_id in outbox.due(self._ws)):
            _LOG.debug("a target of the outbox waits for Redis")

    def _notify(self) -> None:
        """Wake a worker that writes to the administrators: the clock talks to no mail server."""
        if self._hints_arrive and notices.is_due(self._ws):
            self._queue.hint(self._ws.mailbox_id)

    def _hold_open(self) -> None:
        # While hints do not arrive mail waits for us, not for its mailbox; then its deadline stands.
        if self._hints_arrive:
            claim.hold_open(self._ws)

    def _hint_again(self) -> None:
        # With hints still in line nothing was lost: the workers are busy, and more hints would only pile up.
        if self._queue.waiting() < _ENOUGH_HINTS:
            self._hint(claim.hint_again(self._ws, self._timings.hint_again))

    def _reach_again(self) -> bool:
        """While hints do not arrive nothing more is claimed; once they do, what was claimed before is hinted first."""
        if not self._queue.ping():
            return False
        self._hints_arrive = True
        self._hint(claim.hint_again(self._ws, timedelta()))
        return self._hints_arrive

    def _hint(self, claims: Iterable[Claimed]) -> None:
        for each in claims:
            for _ in range(each.hints):
                self._hints_arrive = self._queue.hint(each.mailbox_id)
                if not self._hints_arrive:
                    return


class _Chore:
    """Something to do every so often, by the monotonic clock."""

    def __init__(self, every_s: float, act: Callable[[], object]) -> None:
        self._every_s = every_s
        self._act = act
        self._next = 0.0

    def run_if_due(self, now: float) -> None:
        """Act when it is time. The next time is set first, so that a failing chore does not starve the others."""
        if now >= self._next:
            self._next = now + self._every_s
            self._act()


def build(settings: Settings, *, timings: Timings | None = None, probe: Probe = SILENT) -> Clock:
    """A clock on the parts of `settings`. Raises StartError when there is no Redis to hint over."""
    if settings.redis_url is None:
        message = "There is no Redis: set ONWARD_REDIS_URL, or run `onward up`, which starts one."
        raise StartError(message)
    # It looks several times a second and never forks: a connection opened anew for each look would be most of its work.
    ws = open_workspace(settings, database=Database(settings.database_url), offer=True)
    return Clock(ws, Queue(settings.redis_url), jobs.spool_of(settings), timings or Timings(), probe)


def main(argv: Sequence[str]) -> int:
    """`onward clock`."""
    parser = argparse.ArgumentParser(prog="onward clock", description="Claim what is due and leave hints for workers.")
    parser.add_argument("--data-dir", type=Path, help="where the installation is kept")
    args = parser.parse_args(argv)
    logs.configure("clock")
    serve(build(notes.completed(load(os.environ, data_dir=args.data_dir))))
    return 0


def serve(clock: Clock) -> None:
    """Run `clock` until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    clock.run(stopped)


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
