"""What a work-horse does on a hint: drains one mailbox, saying every few seconds that it lives.

The composition root of the workers: everything is opened once in the parent, before the fork, without a connection.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workers.askers import vendors
from workers.queue import stop_asked
from workflow import ids
from workflow.actions import mailboxes, notices, outbox, writeback
from workflow.actions.endpoints import EndpointCourier
from workflow.actions.outreach import recover
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.engine import calendar
from workflow.errors import BadInput, NotFound, OnwardError, StartError, Unavailable
from workflow.mail.address import parse_mailbox
from workflow.mail.smtp import SmtpServer
from workflow.probe import SILENT
from workflow.records.db import CommitUnknown, Database
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workflow.actions.outbox import Courier
    from workflow.probe import Probe
    from workflow.settings import Settings
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_MOST_ERRORS = 10


@dataclass(frozen=True, slots=True)
class Hands:
    """All that sending needs, opened once and shared by every fork."""

    ws: Workspace
    spool: Spool
    timings: Timings
    probe: Probe = SILENT
    beat_ids: dict[str, str] = field(default_factory=dict)

    def drain(self, mailbox_id: str) -> None:
        """Send what is claimed of this mailbox. An error of ours is counted against the email that provoked it.

        A hint may as well name a target of the outbox, which is told what waits for it.
        """
        try:
            if mailbox_id == self.ws.mailbox_id:
                notices.dead_letters(self.ws)
            way = self._way(mailbox_id)
            if way is None:
                return
            holder = ids.new_id()
            transport = way.transport(self.timings.smtp, self.probe)
            sender = Sender(self.ws, transport, self.spool, self.timings, holder, self.probe, outlet=way.outlet)
            with self._alive(holder), closing(transport):
                self._drain(sender, mailbox_id)
        except (Unavailable, CommitUnknown) as error:
            _LOG.warning("the database is away: %s", error.__cause__ and type(error.__cause__).__name__)
        finally:
            # The fork ends without unwinding: the server should hear it from us that its connections are done.
            self.ws.database.close()

    def _deliver(self, target_id: str) -> None:
        """Tell a target of the outbox what waits for it."""
        drained = outbox.drain(self.ws, target_id, self.couriers(), stop_asked, self.probe)
        if drained.switched_off:
            notices.endpoint_off(self.ws, target_id)

    def couriers(self) -> dict[str, Courier]:
        """Who delivers to each kind of target."""
        crms = vendors(self.ws.settings, tries=writeback.TRIES)
        return {
            "endpoint": EndpointCourier.of(self.ws),
            "writeback": writeback.WritebackCourier(self.ws, crms, self.probe),
        }

    def _way(self, mailbox_id: str) -> mailboxes.Way | None:
        """How the mail of this mailbox leaves. Without its server or its key it says so and waits for a person."""
        try:
            return mailboxes.way(self.ws, mailbox_id)
        except Unavailable:
            raise
        except NotFound:
            self._deliver(mailbox_id)
            return None
        except OnwardError as error:
            _LOG.warning("a mailbox cannot send: %s", error.message)
            mailboxes.give_up(self.ws, mailbox_id, error.message)
            return None

    def after_fork(self) -> None:
        """Leave the parent's connections alone."""
        self.ws.database.after_fork()

    def beat(self, names: Sequence[str]) -> None:
        """Say which workers live. A database that is away is no reason to stop watching them."""
        try:
            for name in names:
                beat_id = self.beat_ids.setdefault(name, ids.new_id())
                recover.beat(self.ws, beat_id, "worker", f"{_place()} {name}", {})
            # The spool lies on the disk of this host, where perhaps no clock runs.
            recover.import_spool(self.ws, self.spool)
        except (Unavailable, CommitUnknown):
            return
        finally:
            # The next fork must find nothing open that it would share with us.
            self.ws.database.close()

    @staticmethod
    def _drain(sender: Sender, mailbox_id: str) -> None:
        for _ in range(_MOST_ERRORS):
            try:
                sender.drain(mailbox_id, stop_asked)
            except (Unavailable, CommitUnknown):
                # What was begun and not answered is freed once this process has said farewell, or fell silent.
                raise
            except Exception:  # noqa: BLE001 - the edge of a job: told, and counted against its email
                _LOG.exception("an email could not be prepared or recorded")
                sender.blame()
            else:
                return

    @contextmanager
    def _alive(self, holder: str) -> Iterator[None]:
        """Beat while the block runs. The first beat is there before anything is held: nobody is taken for dead."""
        done = threading.Event()
        name = f"{_place()} sender"
        recover.beat(self.ws, holder, "sender", name, {})

        def beat() -> None:
            while not done.wait(self.timings.beat_every.total_seconds()):
                try:
                    recover.beat(self.ws, holder, "sender", name, {})
                except (Unavailable, CommitUnknown):
                    _LOG.warning("no heartbeat: the database is away")

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            try:
                recover.farewell(self.ws, holder)
            except (Unavailable, CommitUnknown):
                _LOG.warning("no farewell: the database is away")


def hands(settings: Settings, *, timings: Timings | None = None, probe: Probe = SILENT) -> Hands:
    """Open what sending needs. Raises StartError when a part of it is missing."""
    if settings.smtp_url is None:
        message = "There is no mail server: set ONWARD_SMTP_URL, or run `onward up`, which starts a local catcher."
        raise StartError(message)
    try:
        SmtpServer.parse(settings.smtp_url)
    except ValueError as error:
        raise StartError(str(error)) from error
    try:
        parse_mailbox(settings.mail_from, local_host=True)
    except BadInput as error:
        # Found here once, instead of by every email, which would fail for good.
        message = f"ONWARD_MAIL_FROM cannot be used: {error.message}"
        raise StartError(message) from error
    # A fork keeps its connections for all of its emails; here none is kept, whatever is forked from us.
    ws = open_workspace(settings, database=Database(settings.database_url), offer=True)
    _warm(ws)
    ws.database.close()
    return Hands(ws, spool_of(settings), timings or Timings(), probe)


def _warm(ws: Workspace) -> None:
    """Load what every email needs once, here, instead of in each fork."""
    playbook = ws.playbooks.current
    emails = {email for sequence in playbook.sequences.values() for step in sequence.steps for email in step.emails}
    with ws.database.read() as tx:
        templates = ws.templates.all(tx)
    templates.warm(*sorted(emails & {name for name in templates.names() if not templates.problems(name)}))
    calendar.warm(playbook.calendar, datetime.now(UTC).year)


def spool_of(settings: Settings) -> Spool:
    """Where outcomes wait that the database could not take."""
    return Spool(settings.data_dir / "spool")


def _place() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
