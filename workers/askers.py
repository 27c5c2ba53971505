"""The thread that asks vendors by their APIs, one source after the other; it lives in the clock's process.

Looks now and then whether anything is to be asked. What is due must not wait for a vendor, so the clock goes on ticking
beside it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workflow.actions import asking, crm_links
from workflow.crm import api
from workflow.crm.vendors import Vendors
from workflow.errors import Unavailable
from workflow.records.db import CommitUnknown

if TYPE_CHECKING:
    from workflow.settings import Settings
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)


def vendors(settings: Settings, **parts: object) -> Vendors:
    """The vendors as this installation reaches them."""
    return Vendors(parts={"client": api.client(private=settings.private_endpoints), **parts})


@dataclass(slots=True)
class Askers:
    """The asking thread of one process."""

    ws: Workspace
    vendors: Vendors
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin when something is to be asked, unless this process is at it. Raises Unavailable."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = None
        if crm_links.due(self.ws):
            self._thread = threading.Thread(target=self._work, name="asker", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """Ask the thread to end between two calls and wait so long for it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        try:
            asking.Asker(self.ws, self.vendors, self._stopped.is_set).work_all()
        except (Unavailable, CommitUnknown):
            _LOG.warning("no vendor is asked: the database is away")
