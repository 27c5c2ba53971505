"""`onward up`: everything on one machine, from an empty folder to a sign-in link, kept running until it is stopped.

Puts the parts together and watches them. What the first start makes (database, key, demo data) is made elsewhere.
"""

from __future__ import annotations

import argparse
import http.client
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workers import doors, embedded, notes, supervisor
from workers.processes import Command, die_with_parent
from workers.supervisor import Child, Supervisor, Timing
from workflow.errors import StartError
from workflow.settings import DEFAULT_PORT, load

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from workflow.settings import Settings

_ASK_AGAIN_S = 0.1
_TOO_OFTEN = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    port: int
    data_dir: Path | None
    demo: bool
    workers: int


def run(options: Options, run_part: Callable[[str], tuple[str, ...]], environ: Mapping[str, str]) -> int:
    """Start everything and keep it running until a signal; the exit code. Raises StartError with one sentence.

    `run_part` gives the arguments behind the interpreter for a part, so that a test can run parts of its own.
    """
    # Prospects, mail and logs are nobody else's business on this machine. The parts inherit this.
    os.umask(0o077)
    early = _prepared_folder(options, environ)
    data_dir = early.data_dir
    with supervisor.sole(data_dir):
        server = None if early.redis_url else embedded.embedded(data_dir)
        record = notes.run_dir(data_dir) / "children.json"
        redis = [_redis(server)] if server else []
        supervisor.clear(record, redis, say, Timing())
        with doors.web(options.port) as door:
            port = door.getsockname()[1]
            settings = load(environ, data_dir=options.data_dir, port=port)
            crew = _Crew(settings, run_part, environ)
            notes.write(data_dir, notes.WEB, settings.base_url)
            steps = crew.prepare(demo=options.demo)
            if server:
                embedded.note(server)
            children = [*redis, *crew.children(options.workers, door)]
            watch = _Watch(settings, steps, port)
            return Supervisor(children, tell=say, record=record, pulse=watch.pulse).run()


def main(argv: Sequence[str]) -> int:
    """`onward up`."""
    parser = argparse.ArgumentParser(prog="onward up", description="Run everything on this machine.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"of the panel, default {DEFAULT_PORT}")
    parser.add_argument("--data-dir", type=Path, help="where everything is kept, default var")
    parser.add_argument("--no-demo", action="store_true", help="begin empty")
    parser.add_argument("--workers", type=int, default=2, choices=range(1, 65), metavar="N", help="default 2")
    args = parser.parse_args(argv)
    options = Options(port=args.port, data_dir=args.data_dir, demo=not args.no_demo, workers=args.workers)
    return run(options, module, os.environ)


def module(part: str) -> tuple[str, ...]:
    """How the product runs a part: the web is a program of its own, the rest are parts of this one."""
    # -P: a folder named web or workers where the command is typed must not stand in for ours.
    return ("-P", "-m", "web") if part == "web" else ("-P", "-m", "workers", part)


class _Watch:
    """Between looks at the children: waits for the first answer of the web, then greets."""

    def __init__(self, settings: Settings, steps: Sequence[str], port: int) -> None:
        self._settings = settings
        self._steps = steps
        self._port = port

    def pulse(self, team: Supervisor) -> float:
        """Ask the web once; the seconds until it is worth asking again."""
        if answers(self._port):
            say(f"Onward runs on {self._settings.base_url} (data in {self._settings.data_dir}).")
            for line in self._steps:
                say(line)
            return math.inf
        if team.failures("web") >= _TOO_OFTEN:
            log = _log(self._settings.data_dir, "web")
            say(f"The web process does not start; its last words: {_last_words(log)} (all of them: {log})")
            team.stop(code=1)
        return _ASK_AGAIN_S


def answers(port: int) -> bool:
    """Whether the web process on this port is up."""
    connection = http.client.HTTPConnection(doors.HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class _Crew:
    """The parts that are programs of ours, and what they are told."""

    def __init__(
        self, settings: Settings, run_part: Callable[[str], tuple[str, ...]], environ: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._run_part = run_part
        own = {name: value for name, value in environ.items() if not name.startswith("ONWARD_")}
        # The addresses of the local Redis and catcher stay out: each part reads them from the notes, and the web knows
        # by their absence that mail is caught here.
        self._env = own | settings.environment()

    def prepare(self, *, demo: bool) -> list[str]:
        """Make what a first start needs, in a process that takes its memory with it; what to tell the newcomer."""
        argv = [sys.executable, *self._run_part("prepare"), *([] if demo else ["--no-demo"])]
        # It ends with us: the next start prepares anew, and must not meet it. There are no threads yet to mind.
        ending = partial(die_with_parent, signal.SIGKILL, os.getpid())
        done = subprocess.run(
            argv, env=self._env, capture_output=True, encoding="utf-8", check=False, preexec_fn=ending
        )
        if done.returncode:
            message = next(reversed(done.stderr.strip().splitlines()), "The first start could not be prepared.")
            raise StartError(message)
        return done.stdout.splitlines()

    def children(self, workers: int, door: socket.socket) -> list[Child]:
        """Everything to keep running, but for Redis."""
        data_dir = self._settings.data_dir
        children = []
        if self._settings.smtp_url is None:
            mail = doors.catcher(data_dir).detach()
            children.append(self._child("catcher", "--data-dir", str(data_dir), "--fd", str(mail), rank=1, fd=mail))
        children.append(self._child("web", "--fd", str(door.fileno()), fd=door.fileno()))
        # The clock is forked from the crew's parent: by itself it would load all that once more.
        children.append(self._child("worker", "-n", str(workers), "--clock"))
        return children

    def _child(self, name: str, *arguments: str, rank: int = 0, fd: int | None = None) -> Child:
        argv = (sys.executable, *self._run_part(name), *arguments)
        fds = () if fd is None else (fd,)
        return Child(name, Command(argv, self._env, log=_log(self._settings.data_dir, name), fds=fds), rank=rank)


def _redis(server: embedded.Embedded) -> Child:
    command = server.command(log=_log(server.data_dir, "redis"))
    return Child("redis", command, rank=1, find=server.find, rescue=server.rescue)


def _prepared_folder(options: Options, environ: Mapping[str, str]) -> Settings:
    """The settings, once the data folder has its key and its rooms."""
    try:
        settings = load(environ, data_dir=options.data_dir, port=options.port or None, make_key=True)
        for name in ("run", "log", "mail"):
            (settings.data_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"The data folder cannot be used ({error.filename}: {error.strerror}): give another with --data-dir."
        raise StartError(message) from error
    return settings


def _log(data_dir: Path, name: str) -> Path:
    return data_dir / "log" / f"{name}.log"


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "none."
    return lines[-1] if lines else "none."


def say(sentence: str) -> None:
    """Tell the person at the terminal. One who has closed it is no reason to stop."""
    try:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
