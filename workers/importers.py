"""The thread that works imports off, one file at a time; it lives in the clock's process.

Looks now and then whether one waits. What is due must not wait for a file of a hundred thousand rows, so the clock goes
on ticking beside it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workflow import ids
from workflow.actions import importing, importing_work
from workflow.errors import Unavailable
from workflow.records.db import CommitUnknown

if TYPE_CHECKING:
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Importers:
    """The importing thread of one process."""

    ws: Workspace
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin with the oldest import that waits, unless one is being worked on here. Raises Unavailable."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = None
        holder = ids.new_id()
        job_id = importing_work.claim(self.ws, holder)
        if job_id is not None:
            self._thread = threading.Thread(target=self._work, args=(job_id, holder), name="importer", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """Ask the thread to end between two batches and wait so long for it; another process goes on there."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def forget(self) -> None:
        """Put away the files of imports that are long over."""
        importing.forget(self.ws)

    def _work(self, job_id: str, holder: str) -> None:
        try:
            edges = importing_work.Edges(stopped=self._stopped.is_set)
            importing_work.work(self.ws, job_id, holder, edges)
        except (Unavailable, CommitUnknown):
            # The lease runs out, and whoever looks then goes on behind the last batch.
            _LOG.warning("an import was interrupted: the database is away")
