"""A stand-in for workers: the crew and the queue of the product, with a job that only leaves traces."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from tests.process import patient
from workers import crew, notes, queue
from workflow import logs
from workflow.settings import noted_address


def drain(mailbox_id: str) -> None:
    """Write down when a job began, and in which process. A mailbox whose id ends in f is busy until it is stopped."""
    patient.line("drained", f"{time.time()} {mailbox_id} {os.getpid()} {os.getppid()}")
    while mailbox_id.endswith("f") and not queue.stop_asked():
        time.sleep(0.05)
    patient.line("finished", mailbox_id)


def after_fork() -> None:
    """Show that the work-horse was told of the fork."""
    patient.line("forked", str(os.getpid()))


def main(count: int) -> int:
    """Run the crew on the Redis of the environment or of the data folder."""
    logs.configure("worker", level=logging.WARNING)
    url = os.environ.get("ONWARD_REDIS_URL") or noted_address(Path(os.environ["ONWARD_DATA_DIR"]), notes.REDIS)
    duties = crew.Duties(drain, after_fork, beat=lambda names: patient.line("beats", " ".join(names)), patience_s=1.0)
    return crew.run(url or "", count, duties)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[2])))
