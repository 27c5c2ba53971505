"""The kind `mailgun`: events of mail sent (JSON), and mail received by a route (a form, in parts or whole as MIME).

Only a stamp and a token are signed, not the body. So the token is the delivery's key: nobody can use it twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from web.strict import Unreadable, loads
from web.webhooks import forms, proof
from web.webhooks.adapter import Adapter, Headers, body_key, short_key
from web.webhooks.letters import assembled, is_lasting, received, usable
from web.webhooks.reading import clean, event_id, first, one, own_id, table, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 600
"""How old a stamp may be. Mailgun names no limit, and signs each attempt anew as far as is known."""
# Mailgun, "Securing webhooks": the last is sent for subaccounts only.
_SIGNED: Final = ("timestamp", "token", "signature", "parent-signature")
_HEADERS: Final = ("From", "To", "Subject", "Date", "Message-Id", "In-Reply-To", "References")
# The address is fine: the mail was too old, or our host was refused, or the mailbox is late.
_PASSING: Final = frozenset({"old", "espblock", "greylisted", "generic-temporary", "quota-exceeded"})
_SUPPRESSED: Final = {"suppress-complaint": kinds.COMPLAINED, "suppress-unsubscribe": kinds.UNSUBSCRIBED}
_KINDS: Final = {"complained": kinds.COMPLAINED, "unsubscribed": kinds.UNSUBSCRIBED}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether stamp and token in the body were signed with the webhook signing key."""
    stamp, token, *marks = _signed(headers, body)
    return (
        bool(token)
        and proof.fresh(stamp, now, TOLERANCE_S)
        and any(
            proof.any_fits(secrets, lambda key: proof.hex_mark(key, proof.wire(stamp + token)), mark) for mark in marks
        )
    )


def key(headers: Headers, body: bytes) -> str:
    """The token."""
    token = _signed(headers, body)[1]
    return short_key(f"mailgun:{token}") if token else body_key(headers, body)


def read(key: str, headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened to a mail, or the mail that came. Raises Unreadable."""
    content_type = headers.get("content-type", "")
    if forms.is_form(content_type):
        return tuple(_inbound(key, forms.fields(content_type, body)))
    event = table(the_table(loads(body)).get("event-data"))
    if not event:
        raise Unreadable("The body has no “event-data”.")
    return tuple(one(event, key, _happened))


ADAPTER: Final = Adapter(reads=(), verify=verify, key=key, read=read, success=200)


def _signed(headers: Headers, body: bytes) -> tuple[str, str, str, str]:
    """Stamp, token and signature, and that by the key of the account above a subaccount; empty where there is none."""
    content_type = headers.get("content-type", "")
    try:
        if forms.is_form(content_type):
            told = forms.fields(content_type, body)
            stamp, token, mark, above = (told.get(name, b"").decode("latin-1") for name in _SIGNED)
            return stamp, token, mark, above
        signature = table(table(loads(body)).get("signature"))
    except Unreadable:
        return "", "", "", ""
    stamp, token, mark, above = (word(signature.get(name)) for name in _SIGNED)
    return stamp, token, mark, above


def _happened(event: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what, reason = first(event, "event"), first(event, "reason")
    named = event_id("mailgun", event["id"]) if word(event.get("id")) else fallback
    status = table(event.get("delivery-status"))
    sent = word(table(table(event.get("message")).get("headers")).get("message-id"))
    data: dict[str, Any] = {
        "address": usable(event.get("recipient")),
        "message_id": f"<{sent.strip('<>')}>" if sent else "",
        "detail": first(status, "message", "description") or reason,
    }
    ref = own_id(table(event.get("user-variables")).get("prospect_id"))
    kind = _KINDS.get(what, f"email.{what or 'unknown'}")
    if what == "failed":
        kind = _SUPPRESSED.get(reason, kinds.BOUNCED)
        if kind == kinds.BOUNCED:
            lasting = first(event, "severity") == "permanent" and reason not in _PASSING
            code = first(status, "bounce-code", "enhanced-code") or first(status, "message")
            data["permanent"] = lasting and is_lasting(code, default=True)
    return [Incoming(named, kind, when(event.get("timestamp")), ref, data=data)]


def _older(told: Mapping[str, bytes]) -> list[Incoming]:
    """An event as the older webhooks send it: a form whose headers are those of our own mail, so never a reply."""
    text = {name: value.decode("utf-8", "replace") for name, value in told.items()}
    what, sent = first(text, "event"), first(text, "Message-Id", "message-id")
    data: dict[str, Any] = {
        "address": usable(first(text, "recipient")),
        "message_id": f"<{sent.strip('<>')}>" if sent else "",
        "detail": first(text, "error", "description", "reason"),
    }
    kind = _KINDS.get(what, f"email.{what or 'unknown'}")
    if what in ("bounced", "dropped"):
        kind = kinds.BOUNCED
        lasting = what == "bounced" or first(text, "reason") == "hardfail"
        data["permanent"] = lasting and is_lasting(first(text, "error", "description"), default=True)
    named = event_id("mailgun", what, sent, first(text, "recipient"), first(text, "timestamp"))
    return [clean(Incoming(named, kind, when(text.get("timestamp")), data=data))]


def _inbound(key: str, told: Mapping[str, bytes]) -> list[Incoming]:
    """The mail of a route. A retry brings another token, so that the mail's own Message-ID names the event."""
    if whole := told.get("body-mime"):
        return received(whole, key)
    if "event" in told:
        return _older(told)
    text = {name: value.decode("utf-8", "replace") for name, value in told.items()}
    try:
        listed = json.loads(text.get("message-headers", ""), parse_int=word)
    except (ValueError, RecursionError):
        listed = []
    pairs = [each for each in listed if isinstance(each, list) and len(each) == 2] if isinstance(listed, list) else []  # noqa: PLR2004
    headers = [(word(name), word(value, 2000)) for name, value in pairs]
    known = {name.lower() for name, _ in headers}
    headers += [(name, text[name]) for name in _HEADERS if name in text and name.lower() not in known]
    if "from" not in {name.lower() for name, _ in headers}:
        headers.append(("From", text.get("from") or text.get("sender", "")))
    return received(assembled(headers, text.get("body-plain", "")), key)
