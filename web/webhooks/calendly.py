"""The kind `calendly`: invitees who booked, moved, cancelled or did not come.

A move comes as a cancellation and a booking, in any order. The cancellation says nothing, because the booking names
what it replaces; so a meeting that moved is never lost in between.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import event_id, facts, first, full_name, one, own_id, table, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 180
"""How old a stamp may be: what integrators report, Calendly names none."""
_HEADER: Final = "calendly-webhook-signature"
_INVITEE: Final = re.compile(r"scheduled_events/([A-Za-z0-9_-]+)/invitees/([A-Za-z0-9_-]+)")


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether `t.body` was signed with the signing key of the subscription."""
    parts = [part.strip().partition("=") for part in headers.get(_HEADER, "").split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    content = proof.wire(stamp) + b"." + body
    return proof.fresh(stamp, now, TOLERANCE_S) and any(
        proof.any_fits(secrets, lambda key: proof.hex_mark(key, content), v) for name, _, v in parts if name == "v1"
    )


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What an invitee did. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _happened))


ADAPTER: Final = Adapter(reads=(_HEADER,), verify=verify, key=body_key, read=read)


def _happened(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what, invitee = word(told.get("event")), table(told.get("payload"))
    uid = _uid(invitee.get("invitee")) or _uid(invitee.get("uri"))
    named = event_id("calendly", what, uid) if uid else fallback
    at = when(invitee.get("created_at")) or when(told.get("created_at"))
    ref = own_id(*table(invitee.get("tracking")).values())
    fields = facts(
        email=invitee.get("email"),
        name=first(invitee, "name") or full_name(invitee.get("first_name"), invitee.get("last_name")),
        time_zone=invitee.get("timezone"),
        phone=invitee.get("text_reminder_number"),
    )
    event = table(invitee.get("scheduled_event"))
    data: dict[str, Any] = {
        "uid": uid,
        "starts_at": when(event.get("start_time")),
        "ends_at": when(event.get("end_time")),
        "place": _place(table(event.get("location"))),
    }
    if what == "invitee.created":
        data["replaces"] = _uid(invitee.get("old_invitee"))
        return [Incoming(named, kinds.BOOKED, at, ref, fields, data=data)]
    if what == "invitee.canceled":
        ended = table(invitee.get("cancellation"))
        at = when(ended.get("created_at")) or when(invitee.get("updated_at")) or at
        kind = "meeting.moving" if invitee.get("rescheduled") is True else kinds.CANCELLED
        return [Incoming(named, kind, at, ref, fields, data={**data, "reason": first(ended, "reason")})]
    if what == "invitee_no_show.created":
        # The invitee's own time is that of the booking, which this must not be taken to be as old as.
        at = when(table(invitee.get("no_show")).get("created_at")) or when(told.get("created_at")) or at
        return [Incoming(named, kinds.NO_SHOW, at, ref, fields, data=data)]
    return [Incoming(named, what or "unknown", at, ref, fields)]


def _uid(uri: object) -> str:
    """The part of an invitee's address that names the booking; the same wherever the address stands."""
    found = _INVITEE.search(word(uri))
    return f"{found[1]}/{found[2]}" if found else ""


def _place(location: Mapping[str, Any]) -> str:
    return first(location, "join_url", "location", "type")
