"""People and keys of the API as an administrator sees them: never a password, never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from workflow.errors import NotFound
from workflow.records.models import ApiKey, Rep, Source
from workflow.reports import paging

if TYPE_CHECKING:
    from workflow.records.db import Record, Tx
    from workflow.reports.paging import Asked, Page


def reps(tx: Tx, asked: Asked, role: str = "") -> Page:
    """People, also those who were shut out."""
    found = _REPS.where(Rep.role == role) if role else _REPS
    return paging.page(tx, found, asked, {"email": Rep.email, "name": Rep.name, "created_at": Rep.created_at}, Rep.id)


def rep(tx: Tx, rep_id: str) -> Record:
    """One of them. Raises NotFound."""
    return _one(tx, _REPS.where(Rep.id == rep_id), "rep")


def keys(tx: Tx, asked: Asked) -> Page:
    """Keys, also those that were revoked."""
    columns: dict[str, Any] = {"name": ApiKey.name, "created_at": ApiKey.created_at}
    return paging.page(tx, _KEYS, asked, columns, ApiKey.id)


def key(tx: Tx, key_id: str) -> Record:
    """One of them. Raises NotFound."""
    return _one(tx, _KEYS.where(ApiKey.id == key_id), "key")


def key_of_prefix(tx: Tx, prefix: str) -> Record:
    """The one that begins so. Raises NotFound."""
    return _one(tx, _KEYS.where(ApiKey.prefix == prefix), "key")


def sources(tx: Tx, asked: Asked, kind: str = "") -> Page:
    """Senders of webhooks, also those that were switched off; none that was removed."""
    found = _SOURCES.where(Source.kind == kind) if kind else _SOURCES
    return paging.page(tx, found, asked, {"name": Source.name, "created_at": Source.created_at}, Source.id)


def source(tx: Tx, source_id: str) -> Record:
    """One of them. Raises NotFound."""
    return _one(tx, _SOURCES.where(Source.id == source_id), "source")


def source_named(tx: Tx, name: str) -> Record:
    """The one of this name. Raises NotFound."""
    return _one(tx, _SOURCES.where(Source.name == name), "source")


_REPS: Final = select(
    Rep.id, Rep.email, Rep.name, Rep.role, Rep.language, Rep.time_zone, Rep.away_since, Rep.disabled_at,
    Rep.created_at, Rep.password_hash.is_not(None).label("has_password"),
)  # fmt: skip
_KEYS: Final = select(
    ApiKey.id, ApiKey.name, ApiKey.prefix, func.coalesce(Rep.role, ApiKey.role).label("role"), ApiKey.scopes,
    Rep.email.label("rep"), ApiKey.created_at, ApiKey.used_at, ApiKey.expires_at, ApiKey.revoked_at,
).outerjoin(Rep, Rep.id == ApiKey.rep_id)  # fmt: skip
_SOURCES: Final = select(Source.id, Source.name, Source.kind, Source.created_at, Source.disabled_at).where(
    Source.removed_at.is_(None)
)


def _one(tx: Tx, found: paging.Rows, what: str) -> Record:
    row = tx.conn.execute(found).one_or_none()
    if row is None:
        raise NotFound(f"There is no such {what}: check the id.")
    return row
