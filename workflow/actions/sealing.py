"""Secrets at rest: sealed with data keys, which are themselves sealed with the installation's secret key.

So the data keys can be changed without the secret key, which also signs links that must hold for years. Knows what is
secret in which row only for `rotate`; whoever keeps a secret seals and opens it here.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select, update

from workflow import auditing
from workflow.errors import StartError
from workflow.records import upserts
from workflow.records.models import Fact, Mailbox, Source
from workflow.records.outbox import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_FACT: Final = "data_keys"
_MASTER: Final = "data keys"
_SEALED: Final = (Mailbox, Endpoint)
# Before the data keys there was one key for the sources; what was sealed with it has no such mark.
_MARK: Final = "2:"
_FIRST_KEY: Final = "source secrets"
HELD: Final = select(Fact.value).where(Fact.name == _FACT).scalar_subquery()
"""The data keys as they are held, to be read along with what they open."""
_LOST: Final = "A secret was sealed with another secret key: start with the key it was made with."


def seal(ws: Workspace, tx: Tx, kept: Mapping[str, str]) -> str:
    """`kept`, readable again only with this installation's secret key. Needs a transaction that writes."""
    return _box(_keys(ws, tx) or _first(ws, tx)).encrypt(json.dumps(dict(kept)).encode()).decode()


def unseal(ws: Workspace, tx: Tx, sealed: str | None) -> dict[str, str]:
    """What was sealed; empty for None. Raises StartError when the secret key is another one."""
    if sealed is None:
        return {}
    keys = _keys(ws, tx)
    if not keys:
        raise StartError(_LOST)
    try:
        opened: dict[str, str] = json.loads(_box(keys).decrypt(sealed.encode()))
    except InvalidToken as error:
        raise StartError(_LOST) from error
    return opened


def seal_list(ws: Workspace, tx: Tx, kept: Sequence[str]) -> str:
    """The secrets of a source, sealed. Needs a transaction that writes."""
    return _MARK + _box(_keys(ws, tx) or _first(ws, tx)).encrypt(json.dumps(list(kept)).encode()).decode()


def unseal_list(ws: Workspace, held: str | None, sealed: str) -> list[str]:
    """What `seal_list` sealed, or an earlier release; `held` is HELD, so that a delivery asks but once.

    Raises StartError when the secret key is another one.
    """
    opened: list[str] = json.loads(_unlist(ws, _unlocked(ws.key(_MASTER), held) if held else (), sealed))
    return opened


def rotate(ws: Workspace) -> int:
    """Seal everything anew with a fresh data key and forget the old ones, in one transaction; how many rows that was.

    Raises StartError when something cannot be opened; then everything stays as it was.
    """

    def work(tx: Tx) -> int:
        old = _keys(ws, tx)
        fresh = (Fernet.generate_key().decode(),)
        number = sum(_anew(tx, table, old, fresh) for table in _SEALED) + _sources_anew(ws, tx, old, fresh)
        _keep(ws, tx, fresh)
        auditing.note(tx, ws.actor, "secrets.sealed", "", after={"rows": number})
        return number

    # Alone: what somebody else seals meanwhile would be sealed with a key that is forgotten.
    return ws.database.transact(work, alone=True)


def _anew(tx: Tx, table: type[Mailbox | Endpoint], old: Sequence[str], fresh: Sequence[str]) -> int:
    rows = tx.conn.execute(select(table.id, table.secrets).where(table.secrets.is_not(None))).all()
    for row in rows:
        try:
            opened = _box(old).decrypt(str(row.secrets).encode()) if old else b""
        except InvalidToken as error:
            raise StartError(_LOST) from error
        sealed = _box(fresh).encrypt(opened).decode()
        tx.conn.execute(update(table).where(table.id == row.id).values(secrets=sealed))
    return len(rows)


def _sources_anew(ws: Workspace, tx: Tx, old: Sequence[str], fresh: Sequence[str]) -> int:
    """The secrets and the tokens of all sources, also of those that were sealed before there were data keys."""
    rows = tx.conn.execute(select(Source.id, Source.secrets, Source.api_token)).all()
    for row in rows:
        sealed = {"secrets": row.secrets, "api_token": row.api_token}
        opened = {name: _unlist(ws, old, value) for name, value in sealed.items() if value}
        anew = {name: _MARK + _box(fresh).encrypt(value).decode() for name, value in opened.items()}
        tx.conn.execute(update(Source).where(Source.id == row.id).values(**anew))
    return len(rows)


def _unlist(ws: Workspace, keys: Sequence[str], sealed: str) -> bytes:
    """Raises StartError."""
    try:
        if not sealed.startswith(_MARK):
            return _fernet(ws.key(_FIRST_KEY)).decrypt(sealed.encode())
        if keys:
            return _box(keys).decrypt(sealed.removeprefix(_MARK).encode())
    except InvalidToken as error:
        raise StartError(_LOST) from error
    raise StartError(_LOST)


def _first(ws: Workspace, tx: Tx) -> Sequence[str]:
    keys = [Fernet.generate_key().decode()]
    row = {"name": _FACT, "value": _master(ws).encrypt(json.dumps(list(keys)).encode()).decode()}
    # Two who begin at once: the second takes the key of the first.
    return keys if upserts.insert_new(tx, Fact, row) else _keys(ws, tx)


def _keep(ws: Workspace, tx: Tx, keys: Sequence[str]) -> None:
    row = {"name": _FACT, "value": _master(ws).encrypt(json.dumps(list(keys)).encode()).decode()}
    upserts.upsert(tx, Fact, row, keys=("name",))


def _keys(ws: Workspace, tx: Tx) -> Sequence[str]:
    sealed = tx.conn.execute(select(Fact.value).where(Fact.name == _FACT)).scalar_one_or_none()
    return _unlocked(ws.key(_MASTER), sealed) if sealed is not None else ()


# Every delivery opens the secrets of its source, and the keys to them change once in a year.
@lru_cache(maxsize=4)
def _unlocked(master: str, sealed: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(_fernet(master).decrypt(sealed.encode())))
    except InvalidToken as error:
        raise StartError(_LOST) from error


def _master(ws: Workspace) -> Fernet:
    return _fernet(ws.key(_MASTER))


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(key)))


def _box(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
