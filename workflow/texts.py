"""The texts of emails as they hold in a transaction: those of the folder, and above them what was saved in the panel.

Reads what was saved; saving is the matter of `actions.texts`. Nothing here is older than the transaction that asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select

from workflow.mail.templates import NAME, Templates, Text
from workflow.records.prepared import Prepared
from workflow.records.texts import TemplateVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.playbook.emails import Email
    from workflow.records.db import Database, Record, Tx

_NEWEST = (
    TemplateVersion.name,
    TemplateVersion.language,
    func.max(TemplateVersion.version).label("version"),
)
_OF_ONE: Final = Prepared(
    select(*_NEWEST)
    .where(TemplateVersion.name == bindparam("name"))
    .group_by(TemplateVersion.name, TemplateVersion.language)
)
_OF_ALL: Final = Prepared(select(*_NEWEST).group_by(TemplateVersion.name, TemplateVersion.language))
_TEXT: Final = Prepared(
    select(TemplateVersion.subject, TemplateVersion.text, TemplateVersion.html).where(
        TemplateVersion.name == bindparam("name"),
        TemplateVersion.language == bindparam("language"),
        TemplateVersion.version == bindparam("version"),
    )
)


class Texts:
    """The emails of an installation. Threads share it."""

    def __init__(self, folder: Templates) -> None:
        self.folder = folder
        """What came with the product, or with the folder that was named."""
        # A version is never changed: what was read once is right as long as it is the newest.
        self._known: dict[tuple[str, str], Text] = {}

    def of(self, tx: Tx, name: str) -> Templates:
        """The templates of which `name` is as it holds in this transaction: one short look, whatever else was saved."""
        if not NAME.fullmatch(name):
            # No text has such a name, and not every database takes every sign of one.
            return self.folder
        return self._with(tx, _OF_ONE.all(tx, {"name": name}))

    def all(self, tx: Tx) -> Templates:
        """Every template as it holds in this transaction."""
        return self._with(tx, _OF_ALL.all(tx, {}))

    def catalogue(self, database: Database) -> Mapping[str, Email]:
        """What the check of a playbook asks of every email that there is now."""
        with database.read() as tx:
            return self.all(tx).catalogue()

    def _with(self, tx: Tx, rows: Iterable[Record]) -> Templates:
        edits = {(row.name, row.language): self._text(tx, row) for row in rows}
        return self.folder.edited(edits) if edits else self.folder

    def _text(self, tx: Tx, row: Record) -> Text:
        key = row.name, row.language
        known = self._known.get(key)
        if known is None or known.version != row.version:
            kept = _TEXT.all(tx, {"name": row.name, "language": row.language, "version": row.version})[0]
            known = self._known[key] = Text(kept.subject, kept.text, kept.html, row.version)
        return known
