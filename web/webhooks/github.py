"""The kind `github`: any sender that signs as GitHub does, or as our n8n workflow does.

Our own events (docs/webhooks.md) are read as such; of anything else the usual names are understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from web.strict import Unreadable, loads
from web.webhooks import proof, standard
from web.webhooks.adapter import Adapter, Headers, body_key, short_key
from web.webhooks.reading import batch, event_id, facts, first, one, own_id, table, when, word
from workflow.actions.parcels import Incoming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 300
_MARK, _DELIVERY, _EVENT = "x-hub-signature-256", "x-github-delivery", "x-github-event"
_OWN_MARK, _OWN_STAMP = "x-webhook-signature", "x-webhook-timestamp"
_KEYED: Final = ("x-api-key", "x-webhook-secret")
_PREFIX: Final = "sha256="


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether the body was signed with the secret, or with a stamp before it; or, where nothing is, shows it."""
    if mark := headers.get(_MARK):
        return proof.any_fits(secrets, lambda key: _PREFIX + proof.hex_mark(key, body), mark)
    if mark := headers.get(_OWN_MARK):
        stamp = headers.get(_OWN_STAMP, "")
        content = proof.wire(stamp) + b"." + body
        return proof.fresh(stamp, now, TOLERANCE_S) and proof.any_fits(
            secrets, lambda key: _PREFIX + proof.hex_mark(key, content), mark
        )
    return any(name in headers for name in _KEYED) and proof.shows(headers, secrets)


def key(headers: Headers, body: bytes) -> str:
    """`X-GitHub-Delivery`, which a redelivery keeps; without one the body itself."""
    told = headers.get(_DELIVERY, "")
    return short_key(f"github:{told}") if told else body_key(headers, body)


def read(key: str, headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """The events in `body`, which may be a form with the JSON in `payload`. Raises Unreadable."""
    content = _payload(headers, body)
    told = loads(content)
    items = told if isinstance(told, list) else [told]
    if items and all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in items):
        return standard.read(key, headers, content)
    if isinstance(told, dict):
        return tuple(one(told, key, lambda item, fallback: _other(item, fallback, headers.get(_EVENT, ""))))
    return batch(told, key, lambda item, fallback: _other(item, fallback, headers.get(_EVENT, "")))


ADAPTER: Final = Adapter(
    reads=(_MARK, _DELIVERY, _EVENT, _OWN_MARK, _OWN_STAMP, *_KEYED),
    verify=verify,
    key=key,
    read=read,
    keeps=(_DELIVERY, _EVENT),
)


def _payload(headers: Headers, body: bytes) -> bytes:
    if "x-www-form-urlencoded" not in headers.get("content-type", "").lower() and not body.startswith(b"payload="):
        return body
    try:
        found = parse_qs(body.decode(), max_num_fields=100).get("payload")
    except ValueError as error:
        raise Unreadable("The form cannot be read.") from error
    # Some senders name a form and write JSON all the same.
    return found[0].encode("utf-8", "surrogatepass") if found else body


def _other(told: Mapping[str, Any], fallback: str, header: str) -> list[Incoming]:
    """An event in a sender's own words, by the names that most of them use."""
    name = first(told, "event", "eventName", "event_type") or word(header) or "unknown"
    action = first(told, "action")
    kind = f"{name}.{action}" if action else name
    # A sender of deals puts the deal under its name.
    thing = table(told.get(name.partition(".")[0]))
    person = table(told.get("prospect")) or table(told.get("contact"))
    own = first(told, "eventId", "event_id")
    fields = facts(
        email=first(person, "email") or first(told, "email") or thing.get("email"),
        name=first(person, "name"),
        company=first(person, "company"),
        phone=first(person, "phone"),
    )
    value = first(told, "value", "stage", "status") or first(thing, "value", "stage", "status")
    ref = own_id(told.get("prospectKey")) or first(told, "prospectKey", "ref") or first(person, "ref", "id")
    at = next(
        (at for part in ("occurredAt", "occurred_at", "sent_at", "timestamp") if (at := when(told.get(part)))), None
    )
    named = event_id("github", own) if own else fallback
    return [Incoming(named, kind, at, ref or word(thing.get("id")), fields, data={"value": value})]
