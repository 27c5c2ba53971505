"""The parts of Onward with a probe that kills, stops or holds them at a named point, once.

Run as `python -m tests.support.crash PART …`, a program beside `python -m workers` and `python -m web`: the product
itself has no switch for this. What a point does is written by the test into a file of that name in the folder
TEST_ARMS; whoever passes the point first takes the file away and acts on it. Waits are short: see `TIMINGS`.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from workflow.actions.outreach.timings import Timings
from workflow.errors import OnwardError
from workflow.mail.smtp import Timeouts

ARMS = "TEST_ARMS"
TIMINGS = Timings(
    smtp=Timeouts(connect=3.0, command=3.0, body=3.0, dot=4.0),
    sending_lease=timedelta(seconds=20),
    committing_lease=timedelta(seconds=20),
    beat_every=timedelta(seconds=0.3),
    dead_after=timedelta(seconds=1.5),
    hint_again=timedelta(seconds=1),
    drain_for=timedelta(seconds=10),
)
"""Everything ten times as fast as in the product, and in the same order."""
POINTS = (
    "claim.committed",
    "begin.locked",
    "begin.committed",
    "smtp.connected",
    "smtp.mail",
    "smtp.rcpt",
    "smtp.body",
    "mark.before",
    "mark.committed",
    "smtp.dot",
    "smtp.replied",
    "answered",
    "sent.recorded",
)
"""Every point on the way of an email, in the order in which it is passed."""
TEN_S = timedelta(seconds=10)
PUBLISH_POINTS = (
    "publish.switched",
    "publish.mapped",
    "publish.committed",
    "publish.taken",
    "publish.batch",
    "publish.advanced",
)
"""Every point on the way of a publication: the first two in the transaction that brings it into force."""
ERASE_POINTS = ("erase.blanked", "erase.committed", "erase.batch", "erase.advanced")
"""Every point on the way of an erasure: the first in the transaction that blanks, the rest on the way of the search."""
INBOX_POINTS = ("delivery.kept", "delivery.committed")
OUTBOX_POINTS = ("outbox.taken", "outbox.answered")
"""On the way of an event out: before its request, and between the answer and the record."""
WRITEBACK_POINTS = ("writeback.intended", "writeback.written")
"""On the way of a stage to HubSpot: before the call, and between the vendor's answer and the record."""
HUBSPOT = "hubspot.url"
"""The file in the folder of the arms that says where HubSpot is, if it is not at its vendor's address."""


class Armed:
    """A probe that acts where a file says so.

    `kill`: SIGKILL to this process. `stop`: SIGSTOP to it. `hold`: this thread waits until the file `<point>.go` is
    there, while the others go on. The file `<point>.fired` then holds the id of the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def at(self, point: str) -> None:
        """Act at `point`, if it is armed and nobody was faster."""
        mine = self._folder / f"{point}.{os.getpid()}"
        try:
            (self._folder / point).rename(mine)
        except FileNotFoundError:
            return
        act = mine.read_text(encoding="ascii")
        mine.write_text(str(os.getpid()), encoding="ascii")
        mine.rename(self._folder / f"{point}.fired")
        if act == "hold":
            while not (self._folder / f"{point}.go").exists():
                time.sleep(0.02)
            return
        os.kill(os.getpid(), signal.SIGKILL if act == "kill" else signal.SIGSTOP)


def _clock(_argv: Sequence[str]) -> int:
    clock, notes, settings = _modules("workers.clock", "workers.notes", "workflow.settings")
    clock.serve(clock.build(notes.completed(settings.load(os.environ)), timings=TIMINGS, probe=_probe()))
    return 0


def _worker(argv: Sequence[str]) -> int:
    worker, jobs, notes, settings = _modules("workers.worker", "workers.jobs", "workers.notes", "workflow.settings")
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=1)
    parser.add_argument("--clock", action="store_true")
    args = parser.parse_args(argv)
    hands = functools.partial(jobs.hands, timings=TIMINGS, probe=_probe())
    code: int = worker.serve(notes.completed(settings.load(os.environ)), args.n, hands, with_clock=args.clock)
    return code


def _web(argv: Sequence[str]) -> int:
    main, inbox = _modules("web.__main__", "workflow.actions.inbox")
    # The web hands no probe to the inbox: this program has its own way in.
    inbox.receive = functools.partial(inbox.receive, probe=_probe())
    main.main(argv)
    return 0


def _publish(argv: Sequence[str]) -> int:
    publishing, prospects, workspace, settings = _modules(
        "workflow.actions.publishing", "workflow.actions.prospects", "workflow.workspace", "workflow.settings"
    )
    ws = workspace.open_workspace(settings.load(os.environ), pooled=False)
    draft = publishing.draft(Path(argv[0]).read_bytes())
    mapping = dict(pair.split("=") for pair in argv[1:])
    who, probe = prospects.Who("command", "test"), _probe()
    publishing.publish(ws, draft, who, choices=publishing.Choices("move"), mapping=mapping, probe=probe)
    publishing.finish(ws, probe=probe)
    return 0


def _erase(argv: Sequence[str]) -> int:
    erasing, prospects, workspace, settings = _modules(
        "workflow.actions.erasing", "workflow.actions.prospects", "workflow.workspace", "workflow.settings"
    )
    ws, probe = workspace.open_workspace(settings.load(os.environ), pooled=False), _probe()
    erasing.erase(ws, argv[0], prospects.Who("command", "test"), probe=probe)
    erasing.advance(ws, probe=probe)
    return 0


def _up(argv: Sequence[str]) -> int:
    (up,) = _modules("workers.up")
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    options = up.Options(port=args.port, data_dir=None, demo=False, workers=args.workers)
    code: int = up.run(options, lambda part: ("-P", "-m", "tests.support.crash", part), os.environ)
    return code


def _meet_hubspot() -> None:
    """Let every account be opened where the test says: the product knows the vendor's address only."""
    (hubspot,) = _modules("workflow.crm.hubspot")
    real, where = hubspot.api, Path(os.environ[ARMS]) / HUBSPOT

    def api(token: str, **parts: object) -> object:
        return real(token, **{**parts, "base": where.read_text(encoding="ascii")} if where.exists() else parts)

    hubspot.api = api


def _other(part: str, argv: Sequence[str]) -> int:
    (parts,) = _modules("workers.__main__")
    code: int = parts.main([part, *argv])
    return code


def _probe() -> Armed:
    return Armed(Path(os.environ[ARMS]))


def _modules(*names: str) -> list[Any]:
    """Loaded when they are needed: each process carries its own part only, as in the product."""
    return [importlib.import_module(name) for name in names]


_PARTS = {"clock": _clock, "worker": _worker, "web": _web, "up": _up, "publish": _publish, "erase": _erase}


def main(argv: Sequence[str]) -> int:
    """Run a part; its exit code."""
    part, *rest = argv
    logs = importlib.import_module("workflow.logs")
    if part in ("clock", "worker"):
        logs.configure(part)
        _meet_hubspot()
    try:
        return _PARTS[part](rest) if part in _PARTS else _other(part, rest)
    except OnwardError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
