"""`onward up`: everything on one machine, from an empty folder to a sign-in link, kept running until it is stopped.

Puts the parts together and watches them. What the first start makes (database, key, demo data) is made elsewhere.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from workers import catcher, embedded, notes, supervisor
from workers.processes import Command
from workers.supervisor import Child, Supervisor
from workflow.errors import StartError
from workflow.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from workflow.settings import Settings

_HOST = "127.0.0.1"
_BACKLOG = 1_024
_BEAT_S = 5.0
_ASK_AGAIN_S = 0.1
_TOO_OFTEN = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    port: int
    data_dir: Path | None
    demo: bool
    workers: int


class FirstSteps(Protocol):
    """What a newcomer is told once everything runs."""

    def lines(self) -> Sequence[str]:
        """The sign-in link and what to try, line by line."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What `up` is given from above: how to prepare an installation, how to beat for its workers, how to run a part.

    `command` gives the arguments behind the interpreter for a part, so that a test can run parts with probes.
    """

    prepare: Callable[[Settings, bool], FirstSteps]
    beat: Callable[[Settings, Sequence[str]], None]
    command: Callable[[str], tuple[str, ...]] = field(default=lambda part: _module(part))


def run(options: Options, parts: Parts, environ: Mapping[str, str], tell: Callable[[str], None]) -> int:
    """Start everything and keep it running until a signal; the exit code. Raises StartError with one sentence."""
    first = load(environ, data_dir=options.data_dir, port=options.port or None, make_key=True)
    data_dir = first.data_dir
    _folders(data_dir)
    with supervisor.sole(data_dir):
        server = None if first.redis_url else embedded.embedded(data_dir)
        record = notes.run_dir(data_dir) / "children.json"
        timing = supervisor.Timing()
        redis = [_redis(server)] if server else []
        supervisor.clear(record, redis, tell, timing)
        with _web_door(options.port) as door:
            port = door.getsockname()[1]
            settings = load(environ, data_dir=options.data_dir, port=port)
            steps = parts.prepare(settings, options.demo)
            if server:
                embedded.note(server)
            children = [*redis, *_children(settings, parts, options, door, environ)]
            watch = _Watch(settings, parts, steps, port, tell)
            return Supervisor(children, tell=tell, record=record, pulse=watch.pulse, timing=timing).run()


class _Watch:
    """Between looks at the children: waits for the web's first answer, then beats for the workers."""

    def __init__(
        self, settings: Settings, parts: Parts, steps: FirstSteps, port: int, tell: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._steps = steps
        self._port = port
        self._tell = tell
        self._ready = False
        self._beat_due = 0.0

    def pulse(self, team: Supervisor) -> float:
        """Do what is due; the seconds until there is something to do again."""
        if not self._ready:
            self._greet(team)
        if self._beat_due <= (now := time.monotonic()):
            self._beat_due = now + _BEAT_S
            self._parts.beat(self._settings, [name for name in team.living() if name.startswith("worker-")])
        return _BEAT_S if self._ready else _ASK_AGAIN_S

    def _greet(self, team: Supervisor) -> None:
        if answers(self._port):
            self._ready = True
            self._tell(f"Onward runs on {self._settings.base_url} (data in {self._settings.data_dir}).")
            for line in self._steps.lines():
                self._tell(line)
        elif team.failures("web") >= _TOO_OFTEN:
            log = _log(self._settings.data_dir, "web")
            self._tell(f"The web process does not start; its last words: {_last_words(log)} The whole log is {log}.")
            team.stop(code=1)


def answers(port: int) -> bool:
    """Whether the web process on this port is up."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _children(
    settings: Settings, parts: Parts, options: Options, door: socket.socket, environ: Mapping[str, str]
) -> list[Child]:
    data_dir = settings.data_dir
    env = {name: value for name, value in environ.items() if not name.startswith("ONWARD_")} | settings.environment()

    def part(name: str, *arguments: str, rank: int = 0, fd: int | None = None) -> Child:
        argv = [sys.executable, *parts.command(name.partition("-")[0]), *arguments]
        if fd is not None:
            argv += ["--fd", str(fd)]
        fds = () if fd is None else (fd,)
        return Child(name, Command(tuple(argv), env, log=_log(data_dir, name), fds=fds), rank=rank)

    children = []
    if settings.smtp_url is None:
        # The listening sockets of catcher and web stay open here: while one of them restarts, its callers wait in
        # line instead of being refused, and nobody else can take the port.
        children.append(part("catcher", "--data-dir", str(data_dir), rank=1, fd=_kept_open(catcher.listen(data_dir))))
    children.append(part("web", fd=door.fileno()))
    children.append(part("clock"))
    children += [part(f"worker-{number}", "--name", f"worker-{number}") for number in range(1, options.workers + 1)]
    return children


def _redis(server: embedded.Embedded) -> Child:
    command = server.command(log=_log(server.data_dir, "redis"))
    return Child("redis", command, rank=1, find=server.find, rescue=server.rescue)


def _module(part: str) -> tuple[str, ...]:
    # -P: a folder named web or workers where the command is typed must not stand in for ours.
    if part == "web":
        return ("-P", "-m", "web")
    return ("-P", "-m", "workers", "worker-one" if part == "worker" else part)


def _folders(data_dir: Path) -> None:
    try:
        for name in ("run", "log", "mail"):
            (data_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"The data folder {data_dir} cannot be used ({error.strerror}): give another with --data-dir."
        raise StartError(message) from error


def _web_door(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port), backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        message = f"Port {port} is in use or not allowed: stop what uses it, or give another with --port."
        raise StartError(message) from error


def _kept_open(door: socket.socket) -> int:
    return door.detach()


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
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
