"""A crew of workers: one parent that loads everything once, and the workers forked from it.

The parent watches its workers and reports them alive; it carries no mail and holds no connection while it forks.
What a worker does with a hint is handed in, and so is whoever else is to live from the same memory.
"""

from __future__ import annotations

import gc
import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from workers import queue, relief
from workers.processes import Command
from workers.supervisor import Child, Supervisor, Timing
from workflow import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BEAT_S = 5.0
# The parent's own supervisor ends what has not stopped after six to eight seconds.
_TIMING = Timing(stop_early=4.0, stop_all=5.0)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duties:
    """What workers are given: what to do on a hint, in the fork before it, and every few seconds in the parent.

    A hint that nobody took for `patience_s` seconds is taken by a helper.
    """

    drain: Callable[[str], None]
    after_fork: Callable[[], None]
    beat: Callable[[Sequence[str]], None]
    patience_s: float = relief.PATIENCE_S


def run(redis_url: str, count: int, duties: Duties, beside: Sequence[Child] = ()) -> int:
    """Keep `count` workers on hints until SIGTERM, and the children `beside` them; the exit code."""
    names = [f"worker-{number}" for number in range(1, count + 1)]
    children = [Child(name, Command(call=partial(_one, redis_url, name, duties), with_parent=True)) for name in names]
    beats = _Beats(duties.beat, frozenset(names))
    children.append(Child("relief", Command(call=partial(_relieve, redis_url, duties), with_parent=True)))
    # What is loaded stays shared with the workers: the collector would copy each page by touching it.
    gc.collect()
    gc.freeze()
    return Supervisor([*children, *beside], tell=_LOG.warning, pulse=beats.pulse, timing=_TIMING).run()


class _Beats:
    """Reports the living workers every few seconds."""

    def __init__(self, beat: Callable[[Sequence[str]], None], names: frozenset[str]) -> None:
        self._beat = beat
        self._names = names

    def pulse(self, team: Supervisor) -> float:
        """Report once; the seconds until the next report."""
        begun = time.monotonic()
        self._beat(sorted(self._names & team.living().keys()))
        return max(0.0, _BEAT_S - (time.monotonic() - begun))


def _relieve(redis_url: str, duties: Duties) -> int:
    return relief.run(redis_url, duties.drain, duties.after_fork, duties.patience_s)


def _one(redis_url: str, name: str, duties: Duties) -> int:
    logs.configure(name, level=logging.WARNING)
    return queue.run_worker(redis_url, name, duties.drain, duties.after_fork)
