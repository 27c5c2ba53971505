"""The kind `sendgrid`: batches of events, signed with a key of SendGrid's, and mail from Inbound Parse, unsigned.

The secret is the public key that SendGrid shows for the events, or, for Inbound Parse, a token at the end of the
address. A source may hold one of each after its secret was rotated.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from web.strict import Unreadable, loads
from web.webhooks import forms, proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.letters import assembled, is_lasting, received, usable
from web.webhooks.reading import batch, event_id, first, own_id, table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds
from workflow.mail.inbound.headers import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 600
"""How old a stamp may be. SendGrid names no limit."""
MOST_EVENTS: Final = 5000
"""A busy sender's batch has up to some hundred kilobytes of events."""
_MARK: Final = "x-twilio-email-event-webhook-signature"
_STAMP: Final = "x-twilio-email-event-webhook-timestamp"
_KINDS: Final = {
    "bounce": kinds.BOUNCED, "blocked": kinds.BOUNCED, "dropped": kinds.BOUNCED, "spamreport": kinds.COMPLAINED,
    "unsubscribe": kinds.UNSUBSCRIBED, "group_unsubscribe": kinds.UNSUBSCRIBED,
}  # fmt: skip
# SendGrid did not even try, because it knows this of the address.
_DROPPED: Final = {"spam reporting address": kinds.COMPLAINED, "unsubscribed address": kinds.UNSUBSCRIBED}
_DEAD: Final = frozenset({"bounced address", "invalid"})


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether stamp and body were signed by SendGrid; or, where nothing is signed, the address holds the token."""
    mark, stamp = headers.get(_MARK, ""), headers.get(_STAMP, "")
    keys = [key for secret in secrets if (key := public_key(secret)) is not None]
    tokens = [secret for secret in secrets if public_key(secret) is None]
    if not mark and not stamp:
        return proof.shows(headers, tokens)
    signature, content = proof.unpacked(mark), proof.wire(stamp) + body
    return proof.fresh(stamp, now, TOLERANCE_S) and any(_fits(key, signature, content) for key in keys)


@lru_cache(maxsize=64)
def public_key(secret: str) -> ec.EllipticCurvePublicKey | None:
    """The key that a secret is, if it is one."""
    try:
        key = load_der_public_key(proof.unpacked(secret))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def read(key: str, headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened to mails, or the mail that came. Raises Unreadable."""
    content_type = headers.get("content-type", "")
    if forms.is_form(content_type):
        return tuple(_inbound(key, forms.fields(content_type, body)))
    told = loads(body)
    return batch(told if isinstance(told, list) else [told], key, _happened, most=MOST_EVENTS)


ADAPTER: Final = Adapter(reads=(*proof.SHOWING, _MARK, _STAMP), verify=verify, key=body_key, read=read)


def _fits(key: ec.EllipticCurvePublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _happened(event: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what, reason = first(event, "event"), first(event, "reason", "response")
    named = event_id("sendgrid", event["sg_event_id"]) if word(event.get("sg_event_id")) else fallback
    kind = _KINDS.get(what, f"email.{what or 'unknown'}")
    data: dict[str, Any] = {
        "address": usable(event.get("email")),
        "message_id": first(event, "smtp-id"),
        "detail": reason,
    }
    if what == "dropped":
        kind = _DROPPED.get(reason.lower(), kind)
    if kind == kinds.BOUNCED:
        data["permanent"] = _is_dead(what, event, reason)
    ref = own_id(event.get("prospect_id"), table(event.get("unique_args")).get("prospect_id"))
    return [Incoming(named, kind, when(event.get("timestamp")), ref, data=data)]


def _is_dead(what: str, event: Mapping[str, Any], reason: str) -> bool:
    if what == "dropped":
        return reason.lower() in _DEAD
    if what == "blocked" or first(event, "type") == "blocked":
        return False
    return is_lasting(first(event, "status") or reason, default=True)


def _inbound(key: str, told: Mapping[str, bytes]) -> list[Incoming]:
    """A mail of Inbound Parse: whole in `email`, or in parts, each in a charset of its own."""
    if whole := told.get("email"):
        return received(whole, key)
    if "headers" not in told and "from" not in told:
        raise Unreadable("The form holds no mail.")
    charsets = _charsets(told.get("charsets", b""))
    text = {name: plain(value, charsets.get(name, "utf-8")) for name, value in told.items()}
    # The headers as they came: only they tell whether a machine sent this by itself.
    head = text.get("headers", "").replace("\r\n", "\n").strip("\n")
    if head:
        return received(f"{head}\n\n{text.get('text', '')}".encode("utf-8", "replace"), key)
    return received(assembled([("From", text.get("from", "")), ("Subject", text.get("subject", ""))], ""), key)


def _charsets(told: bytes) -> dict[str, str]:
    try:
        return {name: word(value) for name, value in table(json.loads(told)).items()}
    except (ValueError, RecursionError):
        return {}
