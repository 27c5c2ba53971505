"""Secrets at rest: sealed with data keys, which are themselves sealed with the installation's secret key.

So the data keys can be changed without the secret key, which also signs links that must hold for years. Knows what is
secret in which row only for `rotate`; whoever keeps a secret seals and opens it here.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select, update

from workflow import auditing
from workflow.errors import StartError
from workflow.records import upserts
from workflow.records.models import Fact, Mailbox
from workflow.records.outbox import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_FACT: Final = "data_keys"
_SEALED: Final = (Mailbox, Endpoint)
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


def rotate(ws: Workspace) -> int:
    """Seal everything anew with a fresh data key and forget the old ones, in one transaction; how many rows that was.

    Raises StartError when something cannot be opened; then everything stays as it was.
    """

    def work(tx: Tx) -> int:
        old = _keys(ws, tx)
        fresh = [Fernet.generate_key().decode()]
        number = sum(_anew(tx, table, old, fresh) for table in _SEALED)
        _keep(ws, tx, fresh)
        auditing.note(tx, ws.actor, "secrets.sealed", "", after={"rows": number})
        return number

    return ws.database.transact(work)


def _anew(tx: Tx, table: type[Mailbox | Endpoint], old: list[str], fresh: list[str]) -> int:
    rows = tx.conn.execute(select(table.id, table.secrets).where(table.secrets.is_not(None))).all()
    for row in rows:
        try:
            opened = _box(old).decrypt(str(row.secrets).encode()) if old else b""
        except InvalidToken as error:
            raise StartError(_LOST) from error
        sealed = _box(fresh).encrypt(opened).decode()
        tx.conn.execute(update(table).where(table.id == row.id).values(secrets=sealed))
    return len(rows)


def _first(ws: Workspace, tx: Tx) -> list[str]:
    keys = [Fernet.generate_key().decode()]
    row = {"name": _FACT, "value": _master(ws).encrypt(json.dumps(keys).encode()).decode()}
    # Two who begin at once: the second takes the key of the first.
    return keys if upserts.insert_new(tx, Fact, row) else _keys(ws, tx)


def _keep(ws: Workspace, tx: Tx, keys: list[str]) -> None:
    row = {"name": _FACT, "value": _master(ws).encrypt(json.dumps(keys).encode()).decode()}
    upserts.upsert(tx, Fact, row, keys=("name",))


def _keys(ws: Workspace, tx: Tx) -> list[str]:
    sealed = tx.conn.execute(select(Fact.value).where(Fact.name == _FACT)).scalar_one_or_none()
    if sealed is None:
        return []
    try:
        keys: list[str] = json.loads(_master(ws).decrypt(sealed.encode()))
    except InvalidToken as error:
        raise StartError(_LOST) from error
    return keys


def _master(ws: Workspace) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(ws.key("data keys"))))


def _box(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
