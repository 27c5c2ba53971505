"""Stand-in parts for tests of process life: real processes that start, answer and stop as the parts of Onward do.

Run as `python -m tests.process.standin PART …`. What they do is visible in files of the data folder.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.process import patient
from web import server
from workers import catcher, notes, queue, up, worker
from workflow import logs
from workflow.errors import OnwardError, StartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def application() -> WSGIApplication:
    """A few answers over HTTP."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/boom":
            message = "a fault of the application"
            raise RuntimeError(message)
        if path == "/slow":
            time.sleep(2.0)
        body = str(os.getpid()).encode()
        if environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return app


def drain(mailbox_id: str) -> None:
    """Write down when a job began, and in which process. A mailbox whose id ends in f is busy until it is stopped."""
    patient.line("drained", f"{time.time()} {mailbox_id} {os.getpid()} {os.getppid()}")
    while mailbox_id.endswith("f") and not queue.stop_asked():
        time.sleep(0.05)
    patient.line("finished", mailbox_id)


def after_fork() -> None:
    """Show that the work-horse was told of the fork."""
    patient.line("forked", str(os.getpid()))


def _up(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without")
    args = parser.parse_args(argv)
    options = up.Options(port=args.port, data_dir=args.data_dir, demo=True, workers=args.workers)

    def module(part: str) -> tuple[str, ...]:
        return ("-m", "tests.process.standin", "odd" if part == args.without else part)

    return up.run(options, module, os.environ)


def _prepare(argv: Sequence[str]) -> int:
    """Pretend to make a database."""
    patient.line("prepared", " ".join(argv))
    sys.stdout.write(f"Sign in: {os.environ['ONWARD_BASE_URL']}/sign-in\n")
    return 0


def _odd(_argv: Sequence[str]) -> int:
    """A first start that cannot be made."""
    message = "The database is newer than this program: install the newer Onward."
    raise StartError(message)


def _web(argv: Sequence[str]) -> int:
    logs.configure("web", level=logging.WARNING)
    server.serve(application, server.options_from(argv))
    return 0


def _worker(argv: Sequence[str]) -> int:
    logs.configure("worker", level=logging.WARNING)
    url = os.environ.get("ONWARD_REDIS_URL") or notes.url_of(Path(os.environ["ONWARD_DATA_DIR"]), notes.REDIS)
    duties = worker.Duties(
        drain=drain, after_fork=after_fork, beat=lambda names: patient.line("beats", " ".join(names))
    )
    return worker.crew(url or "", int(argv[1]), duties)


_PARTS = {
    "up": _up,
    "web": _web,
    "worker": _worker,
    "prepare": _prepare,
    "odd": _odd,
    "clock": patient.patient,
    "catcher": catcher.main,
}

if __name__ == "__main__":
    try:
        sys.exit(_PARTS[sys.argv[1]](sys.argv[2:]))
    except OnwardError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(2)
