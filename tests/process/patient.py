"""Lean stand-ins for tests of the supervisor: processes that live, die, listen or do not.

Run as `python -m tests.process.patient KIND NAME`. What they do is visible in files of the data folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workers import notes, supervisor
from workers.processes import Command, Mark, mark_of
from workers.supervisor import Child, Supervisor, Timing
from workflow.errors import OnwardError, StartError

if TYPE_CHECKING:
    from collections.abc import Sequence


def line(name: str, text: str) -> None:
    """Add a line to a file of the data folder in one write."""
    with Path(os.environ["ONWARD_DATA_DIR"], name).open("a", encoding="utf-8") as stream:
        stream.write(f"{text}\n")


def patient(argv: Sequence[str]) -> int:
    """Lives until it is told to stop."""
    line("lives", f"{argv[0] if argv else 'clock'} {os.getpid()}")
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    line("ended", argv[0] if argv else "clock")
    return 0


def _deaf(argv: Sequence[str]) -> int:
    """Does not stop when it is asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line("lives", f"{argv[0]} {os.getpid()}")
    while True:
        time.sleep(60)


def _short(argv: Sequence[str]) -> int:
    """Dies at once, each time."""
    line("lives", f"{argv[0]} {os.getpid()} {time.time()}")
    return 3


def _parent(_argv: Sequence[str]) -> int:
    """Starts a process of its own and waits for it."""
    return subprocess.run(
        [sys.executable, "-m", "tests.process.patient", "patient", "grandchild"], check=False
    ).returncode


def _prepare(argv: Sequence[str]) -> int:
    """Pretend to make a database."""
    line("prepared", " ".join(argv))
    sys.stdout.write(f"Sign in: {os.environ['ONWARD_BASE_URL']}/sign-in\n")
    return 0


def _odd(_argv: Sequence[str]) -> int:
    """A first start that cannot be made."""
    message = "The database is newer than this program: install the newer Onward."
    raise StartError(message)


def say(sentence: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _answerer(argv: Sequence[str]) -> int:
    """Lives until it is told to stop, and answers the supervisor while its file is there."""
    Path(os.environ["ONWARD_DATA_DIR"], f"{argv[0]}.answers").write_text(str(os.getpid()), encoding="ascii")
    return patient(argv)


def _answering(name: str) -> Mark | None:
    try:
        text = Path(os.environ["ONWARD_DATA_DIR"], f"{name}.answers").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    return mark_of(int(text)) if text else None


def _team(argv: Sequence[str]) -> int:
    """A bare supervisor over stand-ins: `team NAME=KIND[@RANK] …`, on the data folder of the environment."""
    data_dir = Path(os.environ["ONWARD_DATA_DIR"])
    # Whoever runs the tests under nohup has hang-ups ignored in every process below.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    children = []
    for word in argv:
        name, _, rest = word.partition("=")
        kind, _, rank = rest.partition("@")
        command = Command((sys.executable, "-m", "tests.process.patient", kind, name), os.environ)
        # A kind in capitals is one whose answers the supervisor asks for: it "answers" while its file is there.
        find = partial(_answering, name) if kind.isupper() else None
        children.append(Child(name, command, find=find, rank=int(rank or 0)))
    record = notes.run_dir(data_dir) / "children.json"
    timing = Timing(first=0.2, ceiling=0.8, steady=1.0, find_again=0.2, stop_early=1.0, stop_all=2.0, leftover=1.0)
    with supervisor.sole(data_dir):
        supervisor.clear(record, children, say, timing)
        return Supervisor(children, tell=say, record=record, timing=timing).run()


_KINDS = {
    "patient": patient,
    "PATIENT": _answerer,
    "prepare": _prepare,
    "odd": _odd,
    "deaf": _deaf,
    "short": _short,
    "parent": _parent,
    "team": _team,
}

if __name__ == "__main__":
    try:
        sys.exit(_KINDS[sys.argv[1]](sys.argv[2:]))
    except OnwardError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(2)
