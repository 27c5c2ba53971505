"""The kind `calcom`: bookings of Cal.com made, moved, cancelled, over, or missed.

Nothing is stamped, so that the event's name alone guards against a repeat. A webhook without a secret is refused: it
sends the words `no-secret-provided` where the signature belongs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import event_id, facts, first, full_name, one, own_id, table, tables, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_HEADER: Final = "x-cal-signature-256"


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the body was signed with the webhook's secret."""
    return proof.any_fits(secrets, lambda key: proof.hex_mark(key, body), headers.get(_HEADER, ""))


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What became of a booking. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _happened))


ADAPTER: Final = Adapter(reads=(_HEADER,), verify=verify, key=body_key, read=read)


def _happened(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what = word(told.get("triggerEvent"))
    # The events about the end of a meeting come without the layer around the booking.
    booking = table(told.get("payload")) or told
    uid = first(booking, "uid", "bookingUid")
    # What Cal.com planned at the booking for the meeting's end is the booking's own row: `createdAt` in it is when it
    # was booked, and an end told at that time would be taken for older than the booking.
    at = when(told.get("createdAt")) if booking is not told else None
    named = event_id("calcom", what, uid) if uid else fallback
    if what == "BOOKING_NO_SHOW_UPDATED":
        return _missed(fallback, at, uid, tables(booking.get("attendees")))
    ref, fields = _who(booking)
    data: dict[str, Any] = {
        "uid": uid,
        "starts_at": when(booking.get("startTime")),
        "ends_at": when(booking.get("endTime")),
        "place": _place(booking),
    }
    if what in ("BOOKING_CREATED", "BOOKING_RESCHEDULED"):
        data["replaces"] = _replaced(booking, uid)
        return [Incoming(named, kinds.BOOKED, at, ref, fields, data=data)]
    if what == "BOOKING_CANCELLED":
        # The host asks for another time: the meeting is on its way to a new hour, not lost.
        moving = booking.get("requestReschedule") is True
        data["reason"] = first(booking, "cancellationReason")
        return [Incoming(named, "meeting.moving" if moving else kinds.CANCELLED, at, ref, fields, data=data)]
    if what == "MEETING_ENDED":
        ended = at or when(booking.get("endTime"))
        return [Incoming(named, kinds.HELD, ended, ref, fields, data=data)]
    kind = f"booking.{what.removeprefix('BOOKING_').lower()}" if what else "unknown"
    return [Incoming(named, kind, at, ref, fields, data=data)]


def _missed(fallback: str, at: datetime | None, uid: str, attendees: list[Mapping[str, Any]]) -> list[Incoming]:
    found = []
    for number, each in enumerate(attendees):
        missed = each.get("noShow") is True
        kind = kinds.NO_SHOW if missed else "booking.no_show_taken_back"
        found.append(
            Incoming(f"{fallback}:{number}", kind, at, None, facts(email=each.get("email")), data={"uid": uid})
        )
    return found or [Incoming(fallback, "booking.no_show_updated", at)]


def _who(booking: Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
    attendees = tables(booking.get("attendees"))
    guest = attendees[0] if attendees else {}
    answers = table(booking.get("responses"))
    told = {name: table(answers.get(name)).get("value") for name in ("name", "email", "attendeePhoneNumber", "phone")}
    fields = facts(
        email=guest.get("email") or told["email"],
        name=first(guest, "name") or full_name(guest.get("firstName"), guest.get("lastName")) or told["name"],
        time_zone=guest.get("timeZone"),
        language=table(guest.get("language")).get("locale"),
        phone=first(guest, "phoneNumber") or told["attendeePhoneNumber"] or told["phone"],
    )
    return own_id(*table(booking.get("metadata")).values(), *_hidden(answers)), fields


def _hidden(answers: Mapping[str, Any]) -> list[object]:
    """The answers to questions of one's own, one of which may carry the prospect's id."""
    return [each.get("value") for each in answers.values() if isinstance(each, dict)]


def _replaced(booking: Mapping[str, Any], uid: str) -> str:
    """The booking that this one takes the place of: the id of the first is kept over all moves in no other field."""
    replaced = first(booking, "rescheduleUid", "fromReschedule")
    return replaced if replaced != uid else ""


def _place(booking: Mapping[str, Any]) -> str:
    return first(table(booking.get("metadata")), "videoCallUrl") or first(booking, "location")
