"""A real server for tests: started as a child, or behind a keeper that stops it once the test run is over.

The keeper is a small process of its own (`python servers.py …`): it outlives the pytest process that asked for the
server, and still stops it when the whole run was killed. Knows no server by name.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import psutil

_PATIENCE_S = 20.0


class ServerFailed(Exception):
    """A server that the tests need did not start; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """How to run a server: its command, its folder, the signal that stops it, and as which user when we are root."""

    name: str
    argv: tuple[str, ...]
    folder: str
    stop: int = signal.SIGTERM
    user: str | None = None

    @property
    def log(self) -> Path:
        """Where its words go."""
        return Path(self.folder) / f"{self.name}.log"

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start it as a child of this process."""
        user = self.user if os.geteuid() == 0 else None
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.argv,
                cwd=self.folder,
                env={"PATH": os.defpath, "HOME": self.folder, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name if user else None,
                extra_groups=() if user else None,
            )

    def keep(self, run: Path, owner: int) -> None:
        """Start it behind a keeper that ends it with the process `owner`. Returns at once.

        `run` is the folder of the test run; the keeper leaves a note there, and removes it when its owner was killed.
        """
        words = (sys.executable, __file__, str(run), str(owner), json.dumps(asdict(self)))
        # Through a shell that leaves at once: pytest must not be left with a child to wait for.
        subprocess.run(("/bin/sh", "-c", f"{shlex.join(words)} </dev/null >/dev/null 2>&1 &"), check=True)

    def wait_until(self, up: Callable[[], bool], child: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until `up()`. Raises ServerFailed with the end of the log when the child ends, or after 20 s."""
        deadline = time.monotonic() + _PATIENCE_S
        while not up():
            if time.monotonic() > deadline or (child is not None and child.poll() is not None):
                words = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else "It logged nothing."
                message = f"{self.name} did not start. {words}"
                raise ServerFailed(message)
            time.sleep(0.02)


def end(child: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """Ask a child to end, and kill it when it has not within 8 s."""
    with suppress(ProcessLookupError):
        child.send_signal(number)
    try:
        child.wait(8)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class _Ended(BaseException):
    """The run asked the keeper to leave."""


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise _Ended


def _keep(run: Path, owner: int, server: Server) -> None:
    note = run / f"{server.name}.keeper"
    note.write_text(str(os.getpid()))
    child = server.spawn()
    signal.signal(signal.SIGTERM, _leave)
    with suppress(_Ended, psutil.NoSuchProcess):
        watched = psutil.Process(owner)
        while child.poll() is None and watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.2)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end(child, server.stop)
    note.unlink(missing_ok=True)
    if not psutil.pid_exists(owner):
        shutil.rmtree(run, ignore_errors=True)


if __name__ == "__main__":
    _fields = json.loads(sys.argv[3])
    _keep(Path(sys.argv[1]), int(sys.argv[2]), Server(**{**_fields, "argv": tuple(_fields["argv"])}))
