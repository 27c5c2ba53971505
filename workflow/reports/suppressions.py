"""The list of addresses and domains that nobody writes to, a page at a time, and what ever happened to one of them.

Reads only. An address that is there for its domain alone is listed only where somebody looks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal, or_, select, union_all

from workflow.mail.address import sought
from workflow.records.models import Suppression
from workflow.records.suppressions import BY_DOMAIN, OF_DOMAIN, BarredDomain, SuppressionLog
from workflow.reports import paging
from workflow.reports.paging import Asked, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.records.db import Record, Tx

_LOG_TOLD: Final = 50


def page(tx: Tx, q: str = "", *, after: str = "", limit: int = 100) -> Sequence[Record]:
    """Rows `key`, `cause`, `note`, `source`, `actor`, `at`, by key; those that have `q` in it, behind `after`.

    A domain's key begins with an @, so that domains come first.
    """
    return ordered(tx, q, Asked("key", (after, after) if after else None, limit)).rows


def ordered(tx: Tx, q: str, asked: Asked) -> Page:
    """A page of the same rows by `key` or by the time `at` at which they came, either way round."""
    domain = literal("@").concat(BarredDomain.domain)
    columns: tuple[Any, ...] = (
        literal(OF_DOMAIN).label("cause"), BarredDomain.note, BarredDomain.source, BarredDomain.actor, BarredDomain.at,
    )  # fmt: skip
    domains = select(domain.label("key"), *columns)
    addresses = select(
        Suppression.email_key.label("key"), Suppression.cause, Suppression.note, Suppression.source, Suppression.actor,
        Suppression.at,
    )  # fmt: skip
    if not q:
        own = or_(Suppression.source.is_(None), ~Suppression.source.startswith(BY_DOMAIN, autoescape=True))
        addresses = addresses.where(own)
    every = union_all(domains, addresses).subquery()
    found: Any = select(every)
    if q:
        found = found.where(or_(*(every.c.key.contains(part, autoescape=True) for part in sought(q))))
    return paging.page(tx, found, asked, {"key": every.c.key, "at": every.c.at}, every.c.key)


def numbers(tx: Tx) -> tuple[int, int]:
    """How many addresses are barred, and how many domains."""
    addresses = tx.conn.execute(select(func.count()).select_from(Suppression)).scalar_one()
    return addresses, tx.conn.execute(select(func.count()).select_from(BarredDomain)).scalar_one()


def one(tx: Tx, key: str) -> Record | None:
    """What the list says of one key."""
    return next((row for row in page(tx, key, limit=200) if row.key == key), None)


def log(tx: Tx, key: str) -> Sequence[Record]:
    """What happened to a key, newest first."""
    rows = select(*SuppressionLog.__table__.columns).where(SuppressionLog.key == key)
    return tx.conn.execute(rows.order_by(SuppressionLog.at.desc(), SuppressionLog.id.desc()).limit(_LOG_TOLD)).all()
