"""A line in which the writers of one process wait for their turn, the first one first. Knows no database.

SQLite lets in whoever happens to ask at the right moment: beside one who writes batch after batch, others may ask for
five seconds in vain.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Line:
    """One turn at a time. Threads only: what another process does is the database's own matter."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[bool]:
        """Wait for one's turn and hold it. False when patience ended before: then nothing is held."""
        mine = threading.Event()
        with self._guard:
            if self._is_taken:
                self._waiting.append(mine)
            else:
                self._is_taken = True
                mine.set()
        got = mine.wait(patience_s)
        if not got:
            with self._guard:
                # It may have been handed over at this very moment.
                got = mine.is_set()
                if not got:
                    self._waiting.remove(mine)
        try:
            yield got
        finally:
            if got:
                self._hand_over()

    def _hand_over(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
