"""Sources of webhooks: add one, rotate its secret, pause or remove it, open it to verify. Secrets rest encrypted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, select, update

from workflow import auditing, ids
from workflow.actions import crm_links, sealing, secret_forms
from workflow.crm.vendors import NAMES
from workflow.errors import BadInput, Conflict, NotFound
from workflow.records.models import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

KINDS: Final = secret_forms.KINDS
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LONGEST_TOKEN: Final = 4000
_OPEN: Final = select(
    Source.id, Source.kind, Source.secrets, Source.api_token.is_not(None).label("asks"), sealing.HELD.label("held")
).where(Source.name == bindparam("name"), Source.disabled_at.is_(None))


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source with its secrets in clear, newest first; two while a key is being rotated."""

    id: str
    name: str
    kind: str
    secrets: tuple[str, ...] = field(repr=False)
    asks: bool = False
    """Whether its vendor can be asked by an API for what a delivery leaves out."""


def add(ws: Workspace, kind: str, name: str, secret: str | None = None) -> str:
    """Add a source and give its secret. Raises BadInput for an odd kind, name or secret, Conflict for a taken name."""
    if kind not in KINDS:
        message = f"Sources of the kind “{kind[:40]}” are not known: use {', '.join(KINDS)}."
        raise BadInput(message, field="kind")
    if not _NAME.fullmatch(name):
        message = "The name of a source has up to 40 small letters, digits and hyphens: it becomes part of its address."
        raise BadInput(message, field="name")
    secret = secret_forms.fresh(kind) if secret is None else secret_forms.checked(kind, secret)

    def work(tx: Tx) -> str:
        if tx.conn.execute(select(Source.id).where(Source.name == name)).scalar_one_or_none():
            message = f"There is a source named {name} already: choose another name, or rotate its secret."
            raise Conflict(message)
        source_id = ids.new_id()
        row = {
            "id": source_id,
            "name": name,
            "kind": kind,
            "secrets": sealing.seal_list(ws, tx, [secret]),
            "created_at": tx.now,
        }
        tx.conn.execute(insert(Source), row)
        auditing.note(tx, ws.actor, "source.added", name, after={"kind": kind}, about_id=source_id)
        return secret

    return ws.database.transact(work)


def rotate(ws: Workspace, name: str, secret: str | None = None) -> str:
    """Give a source a new secret; the one before stays valid until the next rotation. Raises NotFound and BadInput."""

    def work(tx: Tx) -> str:
        opened = known(ws, tx, name)
        new = secret_forms.fresh(opened.kind) if secret is None else secret_forms.checked(opened.kind, secret)
        keep(ws, tx, opened, [new, *opened.secrets][:2])
        auditing.note(tx, ws.actor, "source.rotated", name, about_id=opened.id)
        return new

    return ws.database.transact(work)


def pause(ws: Workspace, source_id: str) -> None:
    """Take nothing more from a source: it is answered as if there were none. Raises NotFound."""
    _change(ws, source_id, lambda tx: {"disabled_at": tx.now}, "source.paused")


def resume(ws: Workspace, source_id: str) -> None:
    """Take deliveries from a source again. Raises NotFound."""
    _change(ws, source_id, lambda _tx: {"disabled_at": None}, "source.resumed")


def remove(ws: Workspace, source_id: str) -> None:
    """Put a source away for good. Its deliveries stay, its secrets go, and its name is free again. Raises NotFound."""

    def gone(tx: Tx) -> dict[str, Any]:
        # Longer than any name may be, so that nobody can take it.
        name = f"removed-{source_id}"
        crm_links.end(tx, source_id)
        return {
            "name": name, "removed_at": tx.now, "disabled_at": tx.now, "secrets": sealing.seal_list(ws, tx, []),
            "api_token": None,
        }  # fmt: skip

    _change(ws, source_id, gone, "source.removed")


def keep_token(ws: Workspace, source_id: str, token: str) -> None:
    """Keep the token by which the vendor's own API is asked; an empty one forgets it. Raises NotFound and BadInput."""
    told = token.strip()
    if told and _kind(ws, source_id) not in NAMES:
        message = f"Only the vendors of {' and '.join(NAMES)} can be asked by an API: this source needs no token."
        raise BadInput(message, field="api_token")
    if len(told) > _LONGEST_TOKEN or not told.isascii() or not told.isprintable():
        message = "The API token has up to 4,000 letters, digits and signs on one line: copy it from the vendor again."
        raise BadInput(message, field="api_token")

    def change(tx: Tx) -> dict[str, Any]:
        if told:
            crm_links.begin(tx, source_id)
        return {"api_token": sealing.seal_list(ws, tx, [told]) if told else None}

    _change(ws, source_id, change, "source.token", {"api_token": "changed" if told else None})


def token(ws: Workspace, tx: Tx, source_id: str) -> str | None:
    """The token by which the vendor's own API is asked, in clear; None where there is none or the source is off."""
    found = select(Source.api_token, sealing.HELD.label("held"))
    row = tx.conn.execute(found.where(Source.id == source_id, Source.disabled_at.is_(None))).one_or_none()
    if row is None or row.api_token is None:
        return None
    return sealing.unseal_list(ws, row.held, row.api_token)[0]


def id_of(ws: Workspace, name: str) -> str:
    """The id of the source called `name`, also of one that is paused. Raises NotFound."""
    with ws.database.read() as tx:
        found = tx.conn.execute(select(Source.id).where(Source.name == name)).scalar_one_or_none()
    if found is None:
        message = f"There is no source named {name[:40]}."
        raise NotFound(message)
    return found


def _kind(ws: Workspace, source_id: str) -> str | None:
    with ws.database.read() as tx:
        return tx.conn.execute(select(Source.kind).where(Source.id == source_id)).scalar_one_or_none()


def _change(
    ws: Workspace,
    source_id: str,
    change: Callable[[Tx], dict[str, Any]],
    what: str,
    after: Mapping[str, str | None] | None = None,
) -> None:
    def work(tx: Tx) -> None:
        which = (Source.id == source_id) & Source.removed_at.is_(None)
        row = tx.conn.execute(select(Source.name, Source.api_token).where(which)).one_or_none()
        if row is None:
            message = "There is no such source: check the id."
            raise NotFound(message)
        tx.conn.execute(update(Source).where(which).values(**change(tx)))
        before = dict.fromkeys(after or {}, "set" if row.api_token else None)
        auditing.note(tx, ws.actor, what, row.name, before, after or {}, about_id=source_id)

    ws.database.transact(work)


def known(ws: Workspace, tx: Tx, name: str) -> OpenSource:
    """The source named `name`. Raises NotFound."""
    opened = open_source(ws, tx, name)
    if opened is None:
        message = f"There is no source named {name[:40]}."
        raise NotFound(message)
    return opened


def keep(ws: Workspace, tx: Tx, source: OpenSource, secrets: list[str]) -> None:
    """Write down what proves this source from now on, the newest first."""
    tx.conn.execute(update(Source).where(Source.id == source.id).values(secrets=sealing.seal_list(ws, tx, secrets)))


def address(ws: Workspace, kind: str, name: str, secret: str) -> str:
    """Where a source of this kind delivers to; with the secret in it where its vendor can show it nowhere else."""
    tail = secret_forms.tail(kind, secret)
    return f"{ws.settings.base_url}/webhooks/{name}" + (f"/{tail}" if tail else "")


def open_source(ws: Workspace, tx: Tx, name: str) -> OpenSource | None:
    """The source named `name` with its secrets, or None when there is none or it is switched off."""
    row = tx.conn.execute(_OPEN, {"name": name}).one_or_none()
    if row is None:
        return None
    return OpenSource(
        row.id, name, row.kind, tuple(sealing.unseal_list(ws, row.held, row.secrets)), row.asks and row.kind in NAMES
    )
