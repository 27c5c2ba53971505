"""The kind `hubspot`: subscriptions of an app (a list of up to 100) and the webhook action of a workflow (one object).

Signatures of versions 1 to 3; the newest that is sent decides alone. Subscriptions name objects by their ids only.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import EVENT, URL, Adapter, Headers, body_key
from web.webhooks.reading import batch, event_id, facts, first, full_name, one, own_id, table, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 300
"""How old a request of version 3 may be (HubSpot, "Validating requests")."""
# "Decode any of the URL-encoded characters listed" (the same page): these and no others.
_DECODED: Final = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_OBJECTS: Final = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
_OLDER: Final = {"vid": "contact", "dealId": "deal", "companyId": "company"}
_FACTS: Final = {
    "email": "email", "phone": "phone", "mobilephone": "phone", "company": "company", "jobtitle": "title",
    "hs_language": "language", "hs_timezone": "time_zone", "hs_country_region_code": "country",
}  # fmt: skip
_MEANINGS: Final = {"dealstage": "deal.stage", "hs_lead_status": "lead.status", "lifecyclestage": "contact.lifecycle"}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether the request was signed with the app's client secret, by the newest version that it carries."""
    url, stamp = headers.get(URL, ""), headers.get("x-hubspot-request-timestamp", "")
    third = headers.get("x-hubspot-signature-v3")
    if third is not None:
        ways = {url, _listed(url), unquote(url)}
        return proof.fresh(stamp, now, TOLERANCE_S, per_second=1000) and any(
            proof.any_fits(secrets, lambda key, way=way: version_3(key, way, body, stamp), third)  # type: ignore[misc]
            for way in ways
        )
    given = headers.get("x-hubspot-signature", "")
    version = headers.get("x-hubspot-signature-version", "v1")
    if version == "v2":
        return proof.any_fits(secrets, lambda key: version_2(key, "POST", url, body), given)
    return version == "v1" and proof.any_fits(secrets, lambda key: version_1(key, body), given)


def version_1(secret: str, body: bytes) -> str:
    """The signature of version 1: a plain hash over the secret and the body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def version_2(secret: str, method: str, url: str, body: bytes) -> str:
    """The signature of version 2, as workflows send it."""
    return hashlib.sha256(f"{secret}{method}{url}".encode() + body).hexdigest()


def version_3(secret: str, url: str, body: bytes, stamp: str) -> str:
    """The signature of version 3 over a POST to `url` at `stamp`, in milliseconds."""
    return proof.base64_mark(secret, b"POST" + url.encode() + body + stamp.encode())


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """The changes in `body`. Raises Unreadable."""
    told = loads(body)
    if isinstance(told, list):
        return batch(told, key, _change)
    return tuple(one(the_table(told), f"hubspot-workflow:{key.removeprefix('sha256:')}", _workflow))


ADAPTER: Final = Adapter(
    reads=(
        URL, EVENT, "x-hubspot-signature-v3", "x-hubspot-request-timestamp", "x-hubspot-signature",
        "x-hubspot-signature-version",
    ),
    verify=verify,
    key=body_key,
    read=read,
)  # fmt: skip


def _listed(url: str) -> str:
    for code, sign in _DECODED.items():
        url = url.replace(code, sign).replace(code.lower(), sign)
    return url


def _change(item: Mapping[str, Any], fallback: str) -> list[Incoming]:
    subscribed = first(item, "subscriptionType", "eventType")
    what, _, action = subscribed.partition(".")
    if what == "object":
        what = _OBJECTS.get(word(item.get("objectTypeId")), "object")
    about = word(item.get("objectId"))
    told = [item.get(name) for name in ("portalId", "appId", "subscriptionId", "eventId", "objectId", "occurredAt")]
    named = event_id("hubspot", *told) if about and item.get("eventId") else fallback
    kind = f"{what}.{action}"
    fields: dict[str, str] = {}
    data: dict[str, Any] = {}
    if action == "propertyChange":
        name, value = word(item.get("propertyName")), word(item.get("propertyValue"), 2000)
        kind, fields, data = _property(what, name, value)
    elif action == "creation" and what == "deal":
        kind = kinds.UPSERTED
    # A value of a stage may be told again by a poll, or be our own.
    of = f"{what}:{about}" if about and kind in _MEANINGS.values() else None
    return [Incoming(named, kind, when(item.get("occurredAt")), _ref(what, about), fields, data=data, about=of)]


def _property(what: str, name: str, value: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """What the change of one property means."""
    if name in _MEANINGS:
        return _MEANINGS[name], {}, {"value": value}
    if what == "contact" and name in _FACTS and (found := facts(**{_FACTS[name]: value})):
        return kinds.UPSERTED, found, {}
    if what == "contact" and name == "hs_email_optout" and value == "true":
        return kinds.UNSUBSCRIBED, {}, {"detail": name}
    return f"{what}.changed", {}, {"property": name, "value": value}


def _ref(what: str, about: str) -> str | None:
    """A deal by its bare id, because the pipeline is made of deals; anything else with its name before it."""
    if not about:
        return None
    return about if what == "deal" else f"{what}:{about}"


def _workflow(item: Mapping[str, Any], named: str) -> list[Incoming]:
    told = {name: _value(each) for name, each in table(item.get("properties")).items()}
    what, about = word(item.get("objectType")).lower(), word(item.get("objectId"))
    # Without fields chosen by hand the whole object is sent, as the older API writes it, with its id by its kind.
    older = next(((kind, found) for name, kind in _OLDER.items() if (found := word(item.get(name)))), ("object", ""))
    what, about = what or older[0], about or older[1]
    ref = own_id(told.get("onward_id")) or _ref(what, about)
    person = {ours: told[theirs] for theirs, ours in _FACTS.items() if told.get(theirs)}
    fields = facts(name=full_name(told.get("firstname"), told.get("lastname")), **person)
    meant = next((name for name in _MEANINGS if told.get(name)), "")
    if what == "contact" or not meant:
        meant = meant if what == "contact" and meant != "dealstage" and not fields else ""
    kind = _MEANINGS[meant] if meant else kinds.UPSERTED if fields else f"{what}.changed"
    data = {"value": told[meant]} if meant else {}
    at = when(first(told, "hs_lastmodifieddate", "lastmodifieddate"))
    return [Incoming(named, kind, at, ref, fields, data=data, introduces=bool(fields.get("email")))]


def _value(told: object) -> str:
    return word(told.get("value") if isinstance(told, dict) else told, 2000)
