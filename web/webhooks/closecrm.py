"""The kind `close`: webhook subscriptions of Close, one event each.

A lead is the prospect, so that its contacts, opportunities and calls are all found by the lead's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import event_id, facts, first, one, plain_text, table, tables, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 300
"""Close names none; this is what other vendors ask for."""
_STAMP, _HASH = "close-sig-timestamp", "close-sig-hash"
_MOST_MINUTES: Final = 24 * 60


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether stamp and body were signed with the subscription's key, whose hexadecimal form is the secret."""
    stamp = headers.get(_STAMP, "")
    content = proof.wire(stamp) + body
    return proof.fresh(stamp, now, TOLERANCE_S) and proof.any_fits(
        secrets, lambda secret: proof.hex_mark(_key(secret), content), headers.get(_HASH, "")
    )


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _happened))


ADAPTER: Final = Adapter(reads=(_STAMP, _HASH), verify=verify, key=body_key, read=read)


def _key(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret)
    except ValueError:
        return secret.encode()


def _happened(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    event = table(told.get("event"))
    named = event_id("close", event["id"]) if word(event.get("id")) else fallback
    what, action, data = word(event.get("object_type")), word(event.get("action")), table(event.get("data"))
    at = when(event.get("date_created"))
    ref = first(event, "lead_id") or first(data, "lead_id") or (word(event.get("object_id")) if what == "lead" else "")
    if action in ("deleted", "merged"):
        # A lead that was merged into another is gone: it must not make a prospect.
        return [Incoming(named, f"{what}.{action}", at, ref)]
    if what == "opportunity":
        return _opportunity(named, at, ref, event, data)
    if what == "lead":
        people = tables(data.get("contacts"))
        found = [Incoming(named, kinds.UPSERTED, at, ref, _person(people[0] if people else {}, data))]
        return found + _status(named, at, ref, event, data, "lead.status")
    if what == "contact":
        return [Incoming(named, kinds.UPSERTED, at, ref, _person(data, {}))]
    if what == "activity.call" and action == "completed" and _spoken(data):
        minutes = min(round(float(data["duration"]) / 60, 1), _MOST_MINUTES)
        return [
            Incoming(named, kinds.CALL_ENDED, at, ref, data={"minutes": minutes, "notes": plain_text(data.get("note"))})
        ]
    return [Incoming(named, f"{what}.{action}", at, ref)]


def _opportunity(
    named: str, at: datetime | None, ref: str, event: Mapping[str, Any], data: Mapping[str, Any]
) -> list[Incoming]:
    found = _status("", at, ref, event, data, "deal.stage")
    changed = event.get("changed_fields")
    state = word(data.get("status_type"))
    if state and state != "active" and (not isinstance(changed, list) or "status_type" in changed):
        found.append(Incoming("", "deal.status", at, ref, data={"value": state}))
    if not found:
        return [Incoming(named, f"opportunity.{word(event.get('action'))}", at, ref)]
    names = (named, f"{named}:status")
    return [Incoming(name, each.type, at, ref, data=each.data) for name, each in zip(names, found, strict=False)]


def _status(
    named: str, at: datetime | None, ref: str, event: Mapping[str, Any], data: Mapping[str, Any], kind: str
) -> list[Incoming]:
    """The move to another status, if this event is one."""
    changed, value = event.get("changed_fields"), word(data.get("status_label"))
    moved = word(event.get("action")) == "created" or (isinstance(changed, list) and "status_id" in changed)
    return [Incoming(f"{named}:status", kind, at, ref, data={"value": value})] if moved and value else []


def _person(contact: Mapping[str, Any], lead: Mapping[str, Any]) -> dict[str, str]:
    emails, phones = tables(contact.get("emails")), tables(contact.get("phones"))
    return facts(
        name=first(contact, "display_name", "name"),
        email=emails[0].get("email") if emails else None,
        phone=phones[0].get("phone") if phones else None,
        title=contact.get("title"),
        company=first(lead, "display_name", "name"),
    )


def _spoken(data: Mapping[str, Any]) -> bool:
    """Whether two people talked: a call that nobody took, or only a machine, is no call."""
    duration = data.get("duration")
    if isinstance(duration, bool) or not isinstance(duration, int | float) or duration <= 0:
        return False
    return word(data.get("disposition")) in ("", "answered")
