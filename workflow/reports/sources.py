"""Senders of webhooks with what they brought lately and whether that is well. Secrets are not read here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import exists, func, select

from workflow.errors import NotFound
from workflow.records.audit import SettingChange
from workflow.records.models import Delivery, Event, Source
from workflow.wanted import GIVEN_UP

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select

    from workflow.records.db import Tx

_LATELY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """One sender; of the last seven days how many deliveries came, are dead, and hold an event that was given up."""

    id: str
    name: str
    kind: str
    created_at: datetime
    disabled_at: datetime | None
    has_api_token: bool
    newest_at: datetime | None
    deliveries: int
    dead: int
    given_up: int

    @property
    def is_well(self) -> bool:
        """Whether nothing that came lately waits for a person."""
        return not self.dead and not self.given_up


def names(tx: Tx) -> tuple[str, ...]:
    """The names of all senders that were not removed."""
    found = select(Source.name).where(Source.removed_at.is_(None))
    return tuple(tx.conn.execute(found.order_by(Source.name)).scalars())


def former(tx: Tx) -> dict[str, str]:
    """The names that removed senders had, by the one each has now; only of those whose deliveries are still kept."""
    had = select(Source.name, SettingChange.about).join(SettingChange, SettingChange.about_id == Source.id)
    had = had.where(Source.removed_at.is_not(None), SettingChange.what == "source.removed")
    had = had.where(exists().where(Delivery.source_id == Source.id))
    return {row.name: row.about for row in tx.conn.execute(had.order_by(SettingChange.about, Source.removed_at))}


def all_of_them(tx: Tx) -> tuple[SourceHealth, ...]:
    """Every sender that was not removed, by name."""
    lately = tx.now - _LATELY
    each = select(Delivery.source_id, func.count().label("number")).where(Delivery.received_at > lately)
    each = each.group_by(Delivery.source_id)
    came = _by_source(tx, each)
    dead = _by_source(tx, each.where(Delivery.status == "dead"))
    given_up = _by_source(tx, each.join(Event, Event.delivery_id == Delivery.id).where(GIVEN_UP))
    found = []
    rows = select(
        Source.id, Source.name, Source.kind, Source.created_at, Source.disabled_at,
        Source.api_token.is_not(None).label("has_api_token"),
    ).where(Source.removed_at.is_(None))  # fmt: skip
    for row in tx.conn.execute(rows.order_by(Source.name)):
        newest = tx.conn.execute(
            select(Delivery.received_at)
            .where(Delivery.source_id == row.id)
            .order_by(Delivery.received_at.desc(), Delivery.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        counts = (came.get(row.id, 0), dead.get(row.id, 0), given_up.get(row.id, 0))
        found.append(SourceHealth(*row, newest, *counts))
    return tuple(found)


def one(tx: Tx, source_id: str) -> SourceHealth:
    """One of them. Raises NotFound."""
    found = next((each for each in all_of_them(tx) if each.id == source_id), None)
    if found is None:
        message = "There is no such source: check the id."
        raise NotFound(message)
    return found


def _by_source(tx: Tx, statement: Select[str, int]) -> dict[str, int]:
    return {row.source_id: row.number for row in tx.conn.execute(statement)}
