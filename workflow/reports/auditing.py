"""Who changed which setting, when, and from what to what: a page at a time, or all that fit. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from workflow.auditing import KINDS
from workflow.errors import NotFound
from workflow.mail.address import key_of
from workflow.records.audit import SettingChange
from workflow.records.models import Rep
from workflow.reports import paging

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx
    from workflow.reports.paging import Asked, Page, Rows

MOST: Final = 20_000
"""Rows of one file."""
NEWEST: Final = "-at"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes are asked for; an empty field asks nothing.

    `what` is a kind as `mailbox.changed`, or an area as `mailbox`. `actor` is as `rep:<id>`, `api:<name>`, `command`
    or `system`. `since` counts in, `until` does not.
    """

    actor: str = ""
    what: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(tx: Tx, wanted: Wanted, asked: Asked) -> Page:
    """Some changes, sorted by `at`. Raises BadInput for a place that fits not."""
    return paging.page(tx, _found(wanted), asked, {"at": SettingChange.at}, SettingChange.id)


def all_of_them(tx: Tx, wanted: Wanted, limit: int = MOST) -> Sequence[Record]:
    """The newest changes first, for a file or a terminal."""
    found = _found(wanted).order_by(SettingChange.at.desc(), SettingChange.id.desc())
    return tx.conn.execute(found.limit(limit)).all()


def actors(tx: Tx) -> tuple[str, ...]:
    """Everybody who ever changed a setting."""
    return tuple(tx.conn.execute(select(SettingChange.actor).distinct().order_by(SettingChange.actor)).scalars())


@dataclass(frozen=True, slots=True)
class People:
    """Who is who among the actors, for those who know people by their addresses."""

    emails: Mapping[str, str]

    def named(self, actor: str) -> str:
        """A person's address; everybody else as they are."""
        kind, _colon, rep_id = actor.partition(":")
        return self.emails.get(rep_id, actor) if kind == "rep" else actor

    def actor(self, email: str) -> str:
        """The actor that the person with this address is. Raises NotFound."""
        found = next((rep_id for rep_id, each in self.emails.items() if each == key_of(email)), None)
        if found is None:
            message = f"Nobody here has the address {email[:80]}."
            raise NotFound(message)
        return f"rep:{found}"


def people(tx: Tx) -> People:
    """Everybody who works here, or did."""
    return People({row.id: row.email for row in tx.conn.execute(select(Rep.id, Rep.email))})


def _found(wanted: Wanted) -> Rows:
    found: Rows = _COLUMNS
    if wanted.actor:
        found = found.where(SettingChange.actor == wanted.actor)
    if wanted.what:
        kinds = [kind for kind in KINDS if wanted.what in (kind, kind.partition(".")[0])]
        found = found.where(SettingChange.what.in_(kinds))
    if wanted.since is not None:
        found = found.where(SettingChange.at >= wanted.since)
    return found if wanted.until is None else found.where(SettingChange.at < wanted.until)


_COLUMNS: Final[Any] = select(
    SettingChange.id, SettingChange.at, SettingChange.actor, SettingChange.what, SettingChange.about,
    SettingChange.about_id, SettingChange.before, SettingChange.after,
)  # fmt: skip
