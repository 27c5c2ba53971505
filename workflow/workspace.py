"""The composition root of what all processes share: opened once at the start, then handed to every action."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from workflow import ids, places, playbooks
from workflow.errors import StartError
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbooks import Playbooks
from workflow.records import upserts
from workflow.records.db import Database
from workflow.records.models import Mailbox
from workflow.texts import Texts

if TYPE_CHECKING:
    from workflow.records.db import Tx
    from workflow.settings import Settings

_DEFAULT_MAILBOX = "default"


@dataclass(frozen=True, slots=True)
class Workspace:
    """An opened installation: its settings, its database and what never changes while a process lives."""

    settings: Settings
    database: Database
    playbooks: Playbooks
    templates: Texts
    mailbox_id: str
    _key: bytes = field(repr=False)
    actor: str = "system"
    """Whose doing it is when a setting changes, as `rep:<id>`, `api:<name>` or `command`."""

    def acting(self, actor: str) -> Workspace:
        """The same installation, in the hands of `actor`."""
        return replace(self, actor=actor)

    def key(self, purpose: str) -> str:
        """The key for one purpose, 64 hex digits from the secret key: no token passes for one of another kind."""
        return hmac.digest(self._key, purpose.encode(), hashlib.sha256).hex()

    @property
    def mail_domain(self) -> str:
        """The domain of the sender, which Message-IDs carry."""
        return parseaddr(self.settings.mail_from)[1].rpartition("@")[2]


def open_workspace(
    settings: Settings, *, pooled: bool = True, database: Database | None = None, offer: bool = False
) -> Workspace:
    """Open the installation: `pooled` for the many short transactions of the web, else for a process that forks.

    With `offer` the playbook of the settings comes into force, unless it was offered before (`playbooks.offered`); the
    processes do so at their start, commands take what is in force. Raises StartError when its database or its playbook
    cannot be used.
    """
    database = database or Database(settings.database_url, pooled=pooled, statement_timeout_s=10 if pooled else 60)
    file, shipped = settings.playbook or places.shipped_playbook(), settings.playbook is None
    wanted = loader.read(file) if offer else None
    try:
        with database.write() as tx:
            mailbox_id = _default_mailbox(tx, settings.mail_from)
            # Most starts bring nothing new, and need not wait until nobody writes.
            news = wanted is not None and playbooks.is_news(tx, wanted, shipped=shipped)
            playbook = wanted if wanted is not None and news else playbooks.opened(tx, file, wanted)
        if wanted is not None and news:
            with database.write(alone=True) as tx:
                playbook = playbooks.offered(tx, wanted, file, shipped=shipped)
    except DBAPIError as error:
        message = "The database has no schema of this release: run `onward db upgrade` first."
        raise StartError(message) from error
    return Workspace(
        settings=settings,
        database=database,
        playbooks=Playbooks(playbook),
        templates=Texts(Templates(places.templates_dir() / "email")),
        mailbox_id=mailbox_id,
        _key=settings.secret_key.encode(),
    )


def _default_mailbox(tx: Tx, sender: str) -> str:
    row = {
        "id": ids.new_id(),
        "name": _DEFAULT_MAILBOX,
        "sender": sender,
        "state": "active",
        "backoff_step": 0,
        "policy_refusals": 0,
        "created_at": tx.now,
    }
    upserts.insert_new(tx, Mailbox, row)
    return tx.conn.execute(select(Mailbox.id).where(Mailbox.name == _DEFAULT_MAILBOX)).scalar_one()
