"""`onward worker -n N`: opens what sending needs, and puts a crew of workers on it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from workers import crew, jobs, notes
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
    args = parser.parse_args(argv)
    logs.configure("worker")
    return serve(notes.completed(load(os.environ, data_dir=args.data_dir)), args.n, jobs.hands)


def serve(settings: Settings, count: int, open_hands: Callable[[Settings], Hands]) -> int:
    """Keep `count` workers on the hints of `settings`; `open_hands` opens once what each of them needs."""
    if settings.redis_url is None:
        message = "There is no Redis: set ONWARD_REDIS_URL, or run `onward up`, which starts one."
        raise StartError(message)
    hands = open_hands(settings)
    return crew.run(settings.redis_url, count, crew.Duties(hands.drain, hands.after_fork, hands.beat))
