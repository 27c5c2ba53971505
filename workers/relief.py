"""Relief for a crew whose workers are all held up: a hint that nobody takes is taken by a helper.

A mail server that says nothing holds a worker for as long as it may, behind the final dot for ten minutes, and no
other mailbox is to wait for that. Helpers are forked when they are needed, and end when no hint is left.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from workers import processes, queue
from workers.processes import Command, Mark
from workflow import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

MOST: Final = 4
"""As many as a mailbox has hands by default: where one server holds them all, the workers are there for the others."""
PATIENCE_S: Final = 5.0
"""How long a hint waits for a worker; the clock leaves it anew after as long."""
_LOOK_S: Final = 1.0
_STOP_S: Final = 3.0
_LOG: Final = logging.getLogger(__name__)


class Watch:
    """How long the hint that is next has waited, by looking at it again and again."""

    def __init__(self) -> None:
        self._hint = ""
        self._since = 0.0

    def is_long(self, hint: str, now: float, patience_s: float) -> bool:
        """Whether this hint, "" for none, has been next for as long as that."""
        if hint != self._hint:
            self._hint, self._since = hint, now
        return bool(hint) and now - self._since >= patience_s


def run(redis_url: str, drain: Callable[[str], None], after_fork: Callable[[], None], patience_s: float) -> int:
    """Watch the hints until SIGTERM; the exit code. Whoever waits for longer than `patience_s` gets a helper."""
    logs.configure("relief", level=logging.WARNING)
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    helpers: list[Mark] = []
    numbers, watch, hints = count(1), Watch(), queue.Queue(redis_url)
    while not stopped:
        helpers = [each for each in helpers if not _is_over(each)]
        # A helper that is still there is held up as well: the next one need not be waited for.
        patience = min(patience_s, _LOOK_S) if helpers else patience_s
        is_long = watch.is_long(hints.next(), time.monotonic(), patience)
        # No connection is shared with a fork.
        hints.close()
        if is_long and len(helpers) < MOST:
            name = f"relief-{next(numbers)}"
            _LOG.warning("no worker is free: %s helps", name)
            call = partial(_help, redis_url, name, drain, after_fork)
            try:
                processes.spawn(Command(call=call, with_parent=True), helpers.append)
            except OSError as error:
                # Ending here would kill the helpers there are, in the middle of their mail.
                _LOG.warning("%s could not be started (%s)", name, error.strerror)
        time.sleep(_LOOK_S)
    processes.end(helpers, patience_s=_STOP_S)
    return 0


def _help(redis_url: str, name: str, drain: Callable[[str], None], after_fork: Callable[[], None]) -> int:
    logs.configure(name, level=logging.WARNING)
    return queue.run_worker(redis_url, name, drain, after_fork, burst=True)


def _is_over(helper: Mark) -> bool:
    try:
        ended, _status = os.waitpid(helper.pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return ended != 0
