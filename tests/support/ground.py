"""The ground of a test run: one folder, in memory where it can be, shared by all processes of the run.

Makes the folder, lets one process at a time do what is done once, and clears up. Knows no server by name:
PostgreSQL and Redis are in the files beside this one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Not ONWARD_…: the product refuses every variable of that family that it does not know.
FOLDER = "TEST_GROUND"
OWNER = "TEST_GROUND_OWNER"
_MEMORY = Path("/dev/shm")  # the folder below it has a random name and is ours
_LEAST_MEMORY = 1 << 30


def prepare() -> None:
    """Make the folder of this run, unless a process above has made it: the environment hands it on."""
    if FOLDER in os.environ:
        return
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _LEAST_MEMORY
    place = Path(tempfile.mkdtemp(prefix="onward-", dir=_MEMORY if in_memory else None))
    # Others may pass through, not look: when the tests run as root, PostgreSQL runs as another user.
    place.chmod(0o711)
    os.environ[FOLDER] = str(place)
    os.environ[OWNER] = str(os.getpid())


def clear() -> None:
    """Stop what the run has started and remove its folder, when this process made it."""
    if os.environ.get(OWNER) != str(os.getpid()):
        return
    for note in folder().glob("*.keeper"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(note.read_text()), signal.SIGTERM)
        deadline = time.monotonic() + 10
        while note.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    shutil.rmtree(folder(), ignore_errors=True)
    del os.environ[FOLDER], os.environ[OWNER]


def folder() -> Path:
    """The folder of this run."""
    return Path(os.environ[FOLDER])


def once(name: str, work: Callable[[], None]) -> None:
    """Do `work` in one process of this run; the others wait until it is done."""
    done = folder() / f"{name}.done"
    if done.exists():
        return
    with alone(name):
        if not done.exists():
            work()
            done.touch()


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold the lock `name` against the other processes of this run."""
    with (folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
