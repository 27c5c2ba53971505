"""`onward worker -n N`: opens what sending needs, and puts a crew of workers on it."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workers import clock, crew, jobs, notes
from workers.processes import Command
from workers.queue import Queue
from workers.supervisor import Child
from workflow import logs
from workflow.errors import StartError
from workflow.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.jobs import Hands
    from workflow.settings import Settings


def main(argv: Sequence[str]) -> int:
    """`onward worker`. Raises StartError when there is no Redis or no mail server."""
    parser = argparse.ArgumentParser(prog="onward worker", description="Send mail on the hints of a clock.")
    parser.add_argument("-n", type=int, default=1, choices=range(1, 65), metavar="N", help="how many, default 1")
    parser.add_argument("--data-dir", type=Path, help="where the installation is kept")
    parser.add_argument("--clock", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    logs.configure("worker")
    settings = notes.completed(load(os.environ, data_dir=args.data_dir))
    return serve(settings, args.n, jobs.hands, with_clock=args.clock)


def serve(settings: Settings, count: int, open_hands: Callable[[Settings], Hands], *, with_clock: bool = False) -> int:
    """Keep `count` workers on the hints of `settings`; `open_hands` opens once what each of them needs.

    `with_clock` runs the clock beside them: on one machine it lives from the memory that is loaded for them.
    """
    if settings.redis_url is None:
        message = "There is no Redis: set ONWARD_REDIS_URL, or run `onward up`, which starts one."
        raise StartError(message)
    hands = open_hands(settings)
    beside = []
    if with_clock:
        call = partial(_clock, settings.redis_url, hands)
        log = settings.data_dir / "log" / "clock.log"
        beside.append(Child("clock", Command(call=call, log=log, with_parent=True)))
    return crew.run(settings.redis_url, count, crew.Duties(hands.drain, hands.after_fork, hands.beat), beside)


def _clock(redis_url: str, hands: Hands) -> int:
    logs.configure("clock")
    hands.after_fork()
    clock.serve(clock.Clock(hands.ws, Queue(redis_url), hands.spool, hands.timings, hands.probe))
    return 0
