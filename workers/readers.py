"""Threads that read mailboxes over IMAP, one for each that has an IMAP server; they live in the clock's process.

Looks now and then which mailboxes there are, and begins and ends threads accordingly. A thread waits for news with no
transaction open, and comes back after every trouble.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workflow import ids
from workflow.actions import mailboxes, reading
from workflow.errors import OnwardError, Unavailable
from workflow.records.db import CommitUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.mail.imap import ImapMailbox
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_PAUSES_S: Final = (5.0, 15.0, 60.0, 300.0)
# A refused password is not tried again every few seconds: servers lock accounts for less.
_MENDED_BY_A_PERSON_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long to wait for news, for somebody else's lease, and after each trouble; tests pass short ones."""

    news_s: float = 60.0
    lease_s: float = 60.0
    pauses_s: Sequence[float] = _PAUSES_S
    mended_s: float = _MENDED_BY_A_PERSON_S


@dataclass(slots=True)
class _Thread:
    word: str
    stopped: threading.Event
    thread: threading.Thread


@dataclass(slots=True)
class Readers:
    """The threads of one process."""

    ws: Workspace
    rhythm: Rhythm = field(default_factory=Rhythm)
    _running: dict[str, _Thread] = field(default_factory=dict)

    def look(self) -> None:
        """Begin what is new, end what is gone, and begin anew what was changed. Raises Unavailable."""
        wanted = mailboxes.readable(self.ws)
        for mailbox_id, running in list(self._running.items()):
            if wanted.get(mailbox_id) != running.word:
                running.stopped.set()
                del self._running[mailbox_id]
        for mailbox_id, word in wanted.items():
            if mailbox_id not in self._running:
                self._running[mailbox_id] = self._begin(mailbox_id, word)

    def stop(self, seconds: float = 1.0) -> None:
        """Ask all to end and wait so long for them; one that waits for news longer ends with the process."""
        until = time.monotonic() + seconds
        ending = [running.thread for running in self._running.values()]
        for running in self._running.values():
            running.stopped.set()
        self._running.clear()
        for thread in ending:
            thread.join(max(0.0, until - time.monotonic()))

    def _begin(self, mailbox_id: str, word: str) -> _Thread:
        stopped = threading.Event()
        reader = reading.Reader(self.ws, mailbox_id, ids.new_id())
        loop = _Loop(reader, self.rhythm, stopped)
        thread = threading.Thread(target=loop.run, name=f"reader {mailbox_id}", daemon=True)
        thread.start()
        return _Thread(word, stopped, thread)


@dataclass(slots=True)
class _Loop:
    """One mailbox, read until stopped."""

    reader: reading.Reader
    rhythm: Rhythm
    stopped: threading.Event
    troubles: int = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            self.stopped.wait(self._once())
        try:
            self.reader.let_go()
        except (Unavailable, CommitUnknown):
            _LOG.warning("a mailbox was not let go: the database is away")

    def _once(self) -> float:
        """Read until something goes wrong; the seconds to wait before the next attempt."""
        try:
            if not self.reader.hold():
                return self.rhythm.lease_s
            box = reading.opened(self.reader.ws, self.reader.mailbox_id)
            try:
                self._follow(box)
            finally:
                box.close()
        except (Unavailable, CommitUnknown) as error:
            return self._trouble(error.message, None)
        except OnwardError as error:
            return self._trouble(error.message, self.rhythm.mended_s)
        return 0.0

    def _follow(self, box: ImapMailbox) -> None:
        while not self.stopped.is_set() and self.reader.hold():
            # Before the news: what arrives while the other folder is open is then not waited for in vain.
            self.reader.find_sent(box)
            self.reader.read(box, self.stopped.is_set)
            self.troubles = 0
            if not self.stopped.is_set():
                box.wait(self.rhythm.news_s)

    def _trouble(self, problem: str, pause_s: float | None) -> float:
        _LOG.warning("a mailbox cannot be read: %s", problem)
        try:
            self.reader.fail(problem)
        except (Unavailable, CommitUnknown):
            _LOG.warning("and the database is away")
        pauses = self.rhythm.pauses_s
        wait = pause_s if pause_s is not None else pauses[min(self.troubles, len(pauses) - 1)]
        self.troubles += 1
        return wait
