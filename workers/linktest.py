"""Makes the daily test of the link to unsubscribe in a thread of its own: a slow answer must not hold the clock up.

The first look waits until the web has had time to come up beside the clock.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workflow.actions import link_test
from workflow.errors import Unavailable
from workflow.mail import knock
from workflow.records.db import CommitUnknown

if TYPE_CHECKING:
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_FIRST_S: Final = 120.0


@dataclass(slots=True)
class LinkTests:
    """The tests of one process, at most one at a time."""

    ws: Workspace
    first_s: float = _FIRST_S
    _since: float = field(default_factory=time.monotonic)
    _thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin a test unless one is running; whether one is due is asked in its thread."""
        if time.monotonic() - self._since < self.first_s or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._test, name="link test", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 1.0) -> None:
        """Wait so long for one that is running."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _test(self) -> None:
        try:
            result = link_test.run(self.ws, knock.get)
        except (Unavailable, CommitUnknown):
            _LOG.warning("the link to unsubscribe was not tested: the database is away")
            return
        if result == "changed":
            _LOG.error("opening the link to unsubscribe changed something: every mailbox is paused")
        elif result == "unreached":
            _LOG.warning("the link to unsubscribe was not reached: see `onward doctor`")
