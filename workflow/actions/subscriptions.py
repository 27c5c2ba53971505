"""Takes up an offer of Amazon SNS: fetches the certificate, checks the offer with it, and confirms the subscription.

The one place of the webhooks that calls out: to hosts of Amazon's own, for an offer that came to the source's secret
address, a few times for each offer, and never from the web.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select, update

from workflow import auditing, sns
from workflow.actions import sources
from workflow.errors import BadInput, NotFound, Unavailable
from workflow.records.models import Delivery, Event, Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Select

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

OFFERED: Final = "subscription.offered"
TRIES: Final = 5
"""How often an offer is taken up by itself; then a person must ask for it."""
_LOG: Final = logging.getLogger(__name__)
_GOOD_FOR: Final = timedelta(days=3)
_LARGEST: Final = 64 * 1024
_TIMEOUT_S: Final = 5.0
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A subscription that was taken up: of which topic."""

    topic: str


def confirm(ws: Workspace, name: str, fetch: Callable[[str], bytes]) -> Confirmed:
    """Confirm the newest subscription that was offered to a source, and trust its topic and certificate from now on.

    Raises NotFound without an offer, BadInput for one that is not Amazon's, Unavailable when Amazon does not answer.
    """
    with ws.database.read() as tx:
        source = sources.known(ws, tx, name)
        if source.kind != "ses":
            message = f"The source {name} is of the kind {source.kind}: only a subscription of SNS is confirmed."
            raise BadInput(message)
        offer = _offer(tx, source.id)
    topic = str(offer.get("TopicArn"))
    certificate_url, subscribe_url = str(offer.get("SigningCertURL")), str(offer.get("SubscribeURL"))
    ours = [sns.host_of(url) is not None for url in (certificate_url, subscribe_url)]
    if not all(ours) or not urlsplit(certificate_url).path.endswith(".pem") or not sns.TOPIC.fullmatch(topic):
        message = "The offer names an address that is not Amazon's own: make the subscription anew in SNS."
        raise BadInput(message)
    found = sns.Trust.of(fetch(certificate_url).decode("latin-1")).certificates
    if not sns.is_signed(offer, found):
        message = "Amazon's certificate does not fit the offer: make the subscription anew in SNS."
        raise BadInput(message)
    fetch(subscribe_url)
    ws.database.transact(lambda tx: _trust(ws, tx, name, topic, replace(found[0], url=certificate_url)))
    return Confirmed(topic)


def offered(ws: Workspace) -> tuple[str, ...]:
    """The sources that trust no topic yet and were offered one of late, by name; each offer is tried a few times."""
    with ws.database.read() as tx:
        mail = select(Source.id, Source.name).where(Source.kind == "ses", Source.disabled_at.is_(None))
        found = []
        for row in tx.conn.execute(mail).all():
            source = sources.open_source(ws, tx, row.name)
            if source is None or sns.Trust.of(source.secrets[0]).topics:
                continue
            offer = tx.conn.execute(_waiting(row.id, tx.now)).first()
            if offer is not None and offer.attempts <= TRIES:
                found.append(row.name)
        return tuple(found)


def take_up(ws: Workspace, name: str, fetch: Callable[[str], bytes]) -> bool:
    """Confirm what was offered to a source, and count the attempt; tells whether it is confirmed now."""
    try:
        confirm(ws, name, fetch)
    except (BadInput, NotFound, Unavailable) as error:
        _LOG.warning("the subscription of the source %s is not confirmed: %s", name, error.message)
        confirmed = False
    else:
        confirmed = True

    def work(tx: Tx) -> None:
        source = sources.known(ws, tx, name)
        offer = tx.conn.execute(_waiting(source.id, tx.now)).first()
        if offer is None:
            return
        changed = {"outcome": "applied", "reason": None} if confirmed else {}
        tx.conn.execute(update(Event).where(Event.id == offer.id).values(attempts=offer.attempts + 1, **changed))

    ws.database.transact(work)
    return confirmed


def _waiting(source_id: str, now: datetime) -> Select[str, int]:
    """The newest offer to a source that nobody took up."""
    found = select(Event.id, Event.attempts).join(Delivery, Delivery.id == Event.delivery_id)
    found = found.where(Event.source_id == source_id, Event.type == OFFERED, Event.outcome == "ignored")
    newest = found.where(Delivery.received_at > now - _GOOD_FOR).order_by(Delivery.received_at.desc())
    return newest.limit(1)


def fetch(url: str) -> bytes:
    """What is at an address of Amazon SNS: no redirect is followed. Raises BadInput and Unavailable."""
    host = sns.host_of(url)
    if host is None:
        message = "This is no address of Amazon SNS."
        raise BadInput(message)
    told = urlsplit(url)
    connection = http.client.HTTPSConnection(host, timeout=_TIMEOUT_S, context=ssl.create_default_context())
    try:
        connection.request("GET", (told.path or "/") + (f"?{told.query}" if told.query else ""))
        answer = connection.getresponse()
        body = answer.read(_LARGEST)
    except (OSError, http.client.HTTPException) as error:
        message = f"{host} cannot be reached: try again in a minute."
        raise Unavailable(message) from error
    finally:
        connection.close()
    if answer.status != _OK:
        message = f"{host} answered {answer.status}: the offer may be older than three days, so make it anew."
        raise Unavailable(message)
    return body


def _offer(tx: Tx, source_id: str) -> dict[str, Any]:
    newest = (
        select(Delivery.body)
        .join(Event, Event.delivery_id == Delivery.id)
        .where(Delivery.source_id == source_id, Event.type == OFFERED)
        .order_by(Delivery.received_at.desc(), Delivery.id.desc())
        .limit(1)
    )
    body = tx.conn.execute(newest).scalar_one_or_none()
    if body is None:
        message = "No subscription was offered to this source yet: make one in SNS, or ask SNS to send it again."
        raise NotFound(message)
    offer: dict[str, Any] = json.loads(body)
    return offer


def _trust(ws: Workspace, tx: Tx, name: str, topic: str, certificate: sns.Certificate) -> None:
    source = sources.known(ws, tx, name)
    newest, *older = source.secrets
    trust = sns.Trust.of(newest)
    others = tuple(each for each in trust.certificates if each.url != certificate.url)
    topics = tuple(dict.fromkeys((*trust.topics, topic)))
    changed = replace(trust, topics=topics, certificates=(*others, certificate))
    sources.keep(ws, tx, source, [changed.secret(), *older])
    auditing.note(tx, ws.actor, "source.confirmed", name, after={"topic": topic}, about_id=source.id)
