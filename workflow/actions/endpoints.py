"""Endpoints, which are told of events by webhooks: add, change, rotate, pause, resume, remove, test; and the courier.

Secrets are sealed as soon as they are made and shown once. What is told, when and in which order is the matter of
`news` and `outbox`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select, update

from workflow import auditing, ids
from workflow.actions import news, outbox, sealing, secret_forms
from workflow.actions.outbox import Answer
from workflow.engine.reasons import because
from workflow.errors import BadInput, Conflict, NotFound, OnwardError, Unavailable
from workflow.outbound import guard, signature
from workflow.outbound.client import Client, Failed
from workflow.records.outbox import Endpoint, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.actions.outbox import Parcel
    from workflow.actions.prospects import Who
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_EXCERPT: Final = 500
_GONE: Final = 410
_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class EndpointCourier:
    """Delivers to endpoints: signs, posts, and reads the answer as Standard Webhooks says."""

    ws: Workspace
    client: Client

    @classmethod
    def of(cls, ws: Workspace) -> EndpointCourier:
        """The one that the settings allow."""
        return cls(ws, Client(private=ws.settings.private_endpoints))

    def deliver(self, parcel: Parcel) -> Answer:
        """Try once, within five seconds."""
        try:
            with self.ws.database.read() as tx:
                row, secrets = _opened(self.ws, tx, parcel.target_id)
        except Unavailable:
            raise
        except OnwardError as error:
            return Answer("again", None, error.message)
        more = {"onward-sequence": str(parcel.sequence)}
        return self.post(row.url, secrets, parcel.event_id, parcel.payload, more)

    def post(
        self, url: str, secrets: Sequence[str], event_id: str, payload: str, more: dict[str, str] | None = None
    ) -> Answer:
        """Post one body, signed now."""
        body = payload.encode()
        # The hour of this host: a receiver compares it with its own, whatever a test tells the database.
        signed = signature.headers(secrets, event_id, datetime.now(UTC), body)
        try:
            reply = self.client.post(url, {"Content-Type": "application/json", **signed, **(more or {})}, body)
        except (guard.Refused, BadInput) as error:
            return Answer("again", None, error.message)
        except Failed as error:
            return Answer("again", None, str(error))
        text = reply.text[:_EXCERPT]
        if reply.code in _OK:
            return Answer("done", reply.code, text)
        if reply.code in _REDIRECT:
            text = "redirects are not followed: give the address that it leads to"
        return Answer("gone" if reply.code == _GONE else "again", reply.code, text, reply.retry_after_s)


@dataclass(frozen=True, slots=True)
class Made:
    """A new endpoint, and its secret, which is shown this once."""

    id: str
    secret: str = field(repr=False)


def add(ws: Workspace, name: str, url: str, who: Who, *, events: Sequence[str] = ()) -> Made:
    """Tell `url` of everything, or of the types in `events`, from now on.

    Raises BadInput for an odd name, address or type, Conflict for a taken name.
    """
    if not _NAME.fullmatch(name):
        message = "The name of an endpoint has up to 40 small letters, digits, dots, hyphens and underscores."
        raise BadInput(message, field="name")
    _check(ws, url, events)
    secret = secret_forms.fresh("standard")

    def work(tx: Tx) -> Made:
        if _named(tx, name) is not None:
            message = f"There is an endpoint named {name} already: choose another name."
            raise Conflict(message)
        target_id = outbox.add_target(tx, "endpoint")
        row = {"id": target_id, "name": name, "url": url, "events": sorted(set(events)), "created_by": who.actor}
        sealed = sealing.seal(ws, tx, {"current": secret})
        tx.conn.execute(insert(Endpoint), {**row, "secrets": sealed, "created_at": tx.now})
        outbox.retell(tx)
        told = {"url": url, "events": row["events"]}
        auditing.note(tx, who.actor, "endpoint.added", name, after=told, about_id=target_id)
        return Made(target_id, secret)

    return ws.database.transact(work)


def change(ws: Workspace, endpoint_id: str, *, url: str | None = None, events: Sequence[str] | None = None) -> None:
    """Change where it is, or what it is told of. What waits already is told there all the same.

    Raises BadInput and NotFound.
    """
    _check(ws, url, events or ())

    def work(tx: Tx) -> None:
        row = _known(tx, endpoint_id)
        values: dict[str, object] = {} if url is None else {"url": url}
        if events is not None:
            values["events"] = sorted(set(events))
        if values:
            tx.conn.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(**values))
            outbox.retell(tx)
            was = {name: getattr(row, name) for name in values}
            auditing.note(tx, ws.actor, "endpoint.changed", row.name, was, values, about_id=endpoint_id)

    ws.database.transact(work)


def rotate(ws: Workspace, endpoint_id: str) -> str:
    """Give an endpoint a new secret, shown this once; what leaves is signed with both until the next rotation.

    Raises NotFound.
    """
    fresh = secret_forms.fresh("standard")

    def work(tx: Tx) -> str:
        row = _known(tx, endpoint_id)
        _, secrets = _opened(ws, tx, endpoint_id)
        sealed = sealing.seal(ws, tx, {"current": fresh, "before": secrets[0]})
        tx.conn.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(secrets=sealed))
        auditing.note(tx, ws.actor, "endpoint.rotated", row.name, about_id=endpoint_id)
        return fresh

    return ws.database.transact(work)


def pause(ws: Workspace, endpoint_id: str, by: str) -> None:
    """Let everything for it wait until somebody resumes it. Raises NotFound."""

    def work(tx: Tx) -> None:
        row = _known(tx, endpoint_id)
        outbox.pause(tx, endpoint_id, because("endpoint.by", by=by))
        auditing.note(tx, ws.actor, "endpoint.paused", row.name, about_id=endpoint_id)

    ws.database.transact(work)


def resume(ws: Workspace, endpoint_id: str) -> None:
    """Go on with a paused endpoint, or with one that was switched off; what was given up can be replayed then.

    Raises NotFound.
    """

    def work(tx: Tx) -> None:
        row = _known(tx, endpoint_id)
        outbox.resume(tx, endpoint_id)
        auditing.note(tx, ws.actor, "endpoint.resumed", row.name, about_id=endpoint_id)

    ws.database.transact(work)


def remove(ws: Workspace, endpoint_id: str, by: str) -> None:
    """Tell an endpoint nothing more and free its name; its past stays. Raises NotFound."""

    def work(tx: Tx) -> None:
        row = _known(tx, endpoint_id)
        tx.conn.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(removed_at=tx.now))
        auditing.note(tx, ws.actor, "endpoint.removed", row.name, about_id=endpoint_id)
        outbox.switch_off(tx, endpoint_id, because("endpoint.removed", by=by))

    ws.database.transact(work)


def try_out(ws: Workspace, endpoint_id: str, client: Client | None = None) -> Answer:
    """Send an event of the type `endpoint.test` at once, past all that waits, and give the answer. Raises NotFound."""
    with ws.database.read() as tx:
        row, secrets = _opened(ws, tx, _known(tx, endpoint_id).id)
        at = tx.now
    told = news.News(news.TEST, "", at, "system", f"endpoint:{row.id}", {"endpoint": row.name})
    event_id = news.fresh_id()
    courier = EndpointCourier(ws, client) if client is not None else EndpointCourier.of(ws)
    return courier.post(row.url, secrets, event_id, news.body(told, event_id, at, None))


def id_of(ws: Workspace, name: str) -> str:
    """The id of the endpoint called `name`. Raises NotFound."""
    with ws.database.read() as tx:
        found = _named(tx, name)
    if found is None:
        message = f"There is no endpoint named {name[:40]}: `onward endpoint list` shows them."
        raise NotFound(message)
    return found


def _check(ws: Workspace, url: str | None, events: Sequence[str]) -> None:
    if url is not None:
        guard.place(url, private=ws.settings.private_endpoints)
    for each in events:
        if each not in news.TYPES:
            message = f"There are no events of the type “{each[:40]}”: the types are {', '.join(news.TYPES)}."
            raise BadInput(message, field="events")


def _named(tx: Tx, name: str) -> str | None:
    found = select(Endpoint.id).where(Endpoint.name == name, Endpoint.removed_at.is_(None))
    return tx.conn.execute(found).scalar_one_or_none()


def _known(tx: Tx, endpoint_id: str) -> Record:
    """An endpoint that is in use. Raises NotFound."""
    row = None
    if ids.is_id(endpoint_id):
        found = select(Endpoint.id, Endpoint.name, Endpoint.url, Endpoint.events).join(Target, Target.id == Endpoint.id)
        row = tx.conn.execute(found.where(Endpoint.id == endpoint_id, Endpoint.removed_at.is_(None))).one_or_none()
    if row is None:
        message = "There is no such endpoint: it may have been removed."
        raise NotFound(message)
    return row


def _opened(ws: Workspace, tx: Tx, endpoint_id: str) -> tuple[Record, list[str]]:
    row = tx.conn.execute(select(*Endpoint.__table__.columns).where(Endpoint.id == endpoint_id)).one()
    kept = sealing.unseal(ws, tx, row.secrets)
    return row, [kept[name] for name in ("current", "before") if name in kept]
