"""The web server: gunicorn with threads, bounded in what a slow or broken client can hold.

Serves whatever application it is given. Opens no control socket, writes no access log, and knows no route.
"""

from __future__ import annotations

import argparse
import logging
import os
import selectors
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import TConn, ThreadWorker

from workflow.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from wsgiref.types import WSGIApplication

    from gunicorn.config import Config

_DEFAULT_BIND = "127.0.0.1:8000"
_BACKLOG = 1_024
_SILENT_S = 10.0
_HEAD_S = 5.0
_BODY_S = 30.0
_MOST = 64
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Options:
    """Where and how widely to serve."""

    bind: str
    fd: int | None
    data_dir: Path | None
    processes: int
    threads: int

    @property
    def port(self) -> int | None:
        """The port as given, None for a socket handed down: whoever opened it also tells the address."""
        port = self.bind.rpartition(":")[2]
        usable = self.fd is None and port.isdecimal() and 0 < int(port) <= _LAST_PORT
        return int(port) if usable else None


def options_from(argv: Sequence[str]) -> Options:
    """Read the command line of `python -m web`."""
    parser = argparse.ArgumentParser(prog="onward web", description="Serve the panel, the API and the webhooks.")
    parser.add_argument("--bind", default=_DEFAULT_BIND, metavar="HOST:PORT", help=f"default {_DEFAULT_BIND}")
    parser.add_argument("--data-dir", type=Path, help="where the installation is kept")
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=_number, default=1, help="default 1; one for each core is plenty")
    parser.add_argument("--threads", type=_number, default=8, help="of each process, default 8")
    args = parser.parse_args(argv)
    return Options(args.bind, args.fd, args.data_dir, args.processes, args.threads)


def serve(make: Callable[[], WSGIApplication], options: Options) -> None:
    """Serve the application that `make` builds in each process, until SIGTERM. Raises StartError for a bad address."""
    fd = _open(options.bind).detach() if options.fd is None else options.fd
    _Application(make, options, fd).run()


class _Application(BaseApplication):  # type: ignore[misc]
    """gunicorn's settings, in code: no file and no variable of gunicorn's own is read."""

    def __init__(self, make: Callable[[], WSGIApplication], options: Options, fd: int) -> None:
        self._make = make
        self._options = options
        self._fd = fd
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings: dict[str, Any] = {
            "bind": f"fd://{self._fd}",
            "workers": self._options.processes,
            "threads": self._options.threads,
            "worker_class": _Worker,
            "logger_class": _Log,
            "control_socket_disable": True,
            # The modules are loaded before the fork and shared; database and application are built behind it.
            "preload_app": False,
            # Below the eight seconds after which the supervisor ends what has not stopped.
            "graceful_timeout": 7,
            "keepalive": 15,
            "timeout": 60,
            "limit_request_line": 8_190,
            "limit_request_fields": 100,
            "limit_request_field_size": 8_190,
            "loglevel": "warning",
            "proc_name": "onward-web",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The application, built in the process that serves it."""
        return self._make()


class _Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, with a limit on how long a client may take to say what it wants.

    A connection gets a thread only once bytes have come: browsers open connections they do not use, and eight of
    those would be all our threads. Head and body each have a deadline that dripping bytes do not move.
    """

    def init_process(self) -> None:
        """Begin in the process that serves."""
        self._deadlines: dict[TConn, float] = {}
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Let a fresh connection wait in the poller until it says something."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + _SILENT_S
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, lambda client: self.on_pending_socket_readable(conn, client)
        )

    def handle(self, conn: TConn) -> object:
        """One request on a connection, in a thread of its own."""
        self._deadlines[conn] = time.monotonic() + _HEAD_S
        try:
            return super().handle(conn)
        finally:
            self._deadlines.pop(conn, None)

    def handle_request(self, req: object, conn: TConn) -> object:
        """The head is complete; the body, which the application reads, gets its own time."""
        self._deadlines[conn] = time.monotonic() + _BODY_S
        return super().handle_request(req, conn)

    def notify(self) -> None:
        """Called by the loop at least once a second: hang up on whoever is too slow.

        Only reading ends. A slow application still writes its answer; a slow client reads as having hung up.
        """
        super().notify()
        now = time.monotonic()
        for conn, deadline in list(self._deadlines.items()):
            if deadline < now:
                try:
                    conn.sock.shutdown(socket.SHUT_RD)
                except OSError:
                    continue


class _Log(glogging.Logger):  # type: ignore[misc]
    """gunicorn's log, through the log of this process."""

    def setup(self, cfg: Config) -> None:
        """Take no handler of gunicorn's own."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.setLevel(logging.WARNING)
        self.error_log.propagate = True

    def reopen_files(self) -> None:
        """There are no files."""

    def close_on_exec(self) -> None:
        """There are no files."""


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST:
        message = f"must be from 1 to {_MOST}"
        raise argparse.ArgumentTypeError(message)
    return number


def _open(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or not port.isdecimal() or int(port) > _LAST_PORT:
        message = f"{bind} is no address to serve on: write HOST:PORT, such as {_DEFAULT_BIND}."
        raise StartError(message)
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        return socket.create_server((bare, int(port)), family=family, backlog=_BACKLOG)
    except OSError as error:
        message = f"{bind} cannot be served on ({os.strerror(error.errno or 0)}): choose another address or port."
        raise StartError(message) from error
