"""The kind `liveagent`: the HTTP request that a rule of LiveAgent makes, with a body that the rule's author wrote.

Signs nothing: the secret stands in a header of the rule. A message of the customer counts as a reply.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from web.strict import Unreadable, loads
from web.webhooks import proof
from web.webhooks.adapter import RECEIVED, Adapter, Headers, body_key
from web.webhooks.reading import digest_of, event_id, facts, first, one, own_id, plain_text, table, the_table, when
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

# What a rule leaves as it is, because the trigger does not know it.
_MACRO: Final = re.compile(r"\{\$[A-Za-z0-9_.-]+\}")
_CUSTOMER: Final = frozenset({"customer_message", "customer_reply", "message_added", "new_customer_message"})
_CALL_ENDED: Final = frozenset({"call_ended", "incoming_call_ended", "outgoing_call_ended", "call_finished"})
_DATES: Final = ("date_changed", "date", "date_created", "last_activity", "call_id", "message_id", "message")
_SECONDS: Final = ("duration", "call_duration")
_MOST_MINUTES: Final = 24 * 60


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the request shows the secret."""
    return proof.shows(headers, secrets)


def key(headers: Headers, body: bytes) -> str:
    """The body's own key; one that tells no time, and is the same at every message, with the minute it came in."""
    named = body_key(headers, body)
    try:
        told = _told(table(loads(body)))
    except Unreadable:
        return named
    if first(told, *_DATES):
        return named
    return "minute:" + hashlib.sha256(f"{named} {headers.get(RECEIVED, '')}".encode()).hexdigest()


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened. Raises Unreadable."""
    return tuple(one(_told(the_table(loads(body))), key, _happened))


ADAPTER: Final = Adapter(reads=(*proof.SHOWING, RECEIVED), verify=verify, key=key, read=read, keeps=(RECEIVED,))


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the rule really filled in."""
    cleared = {name: _MACRO.sub("", value).strip() if isinstance(value, str) else value for name, value in body.items()}
    return {name: value for name, value in cleared.items() if value not in ("", None)}


def _happened(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what = first(told, "event", "event_type").lower() or "unknown"
    ticket = first(told, "ticket_id", "conversation_id", "conversationid", "id")
    about = first(told, "owner_contactid", "contact_id", "contactid")
    fields = facts(
        email=first(told, "owner_email", "email"),
        name=first(told, "owner_name", "name"),
        phone=first(told, "from_number", "phone"),
    )
    ref = own_id(told.get("prospect_id")) or about or (f"ticket:{ticket}" if ticket else None)
    at = when(first(told, "date_changed", "date", "date_created", "last_activity"))
    named = _name(told, ticket, what, fallback)
    message = plain_text(told.get("message"), 2000)
    if what in _CUSTOMER and not first(told, "agent_name", "agentid"):
        return [Incoming(named, kinds.REPLIED, at, ref, fields, data={"detail": message or first(told, "subject")})]
    if what in _CALL_ENDED:
        return [Incoming(named, kinds.CALL_ENDED, at, ref, fields, data={"minutes": _minutes(told), "notes": message})]
    status = first(told, "status")
    if what == "ticket_status_changed" and status:
        return [Incoming(named, "ticket.status", at, ref, fields, data={"value": status})]
    return [Incoming(named, what, at, ref, fields, data={"value": status})]


def _name(told: Mapping[str, Any], ticket: str, what: str, fallback: str) -> str:
    if call := first(told, "call_id"):
        return event_id("liveagent", call, what)
    date = first(told, "date_changed", "date", "date_created", "last_activity")
    if date:
        return event_id("liveagent", ticket, what, *filter(None, [first(told, "status")]), date)
    if message := first(told, "message_id"):
        return event_id("liveagent", ticket, what, message)
    return event_id("liveagent", ticket, what, digest_of(told["message"])) if told.get("message") else fallback


def _minutes(told: Mapping[str, Any]) -> float | None:
    seconds = first(told, *_SECONDS)
    if not seconds.isdecimal() or len(seconds) > 6:  # noqa: PLR2004 - eleven days
        return None
    return min(round(int(seconds) / 60, 1), _MOST_MINUTES)
