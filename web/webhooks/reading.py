"""Reads what vendors send into events of ours, leniently: an odd fact is set aside, and never costs the event.

Knows no vendor. What cannot be read at all raises Unreadable and becomes a dead letter.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from web.facts import fact, moment
from web.facts import line as clean_line
from web.strict import Unreadable, tidy
from web.webhooks.adapter import short_key
from workflow.actions.parcels import Incoming
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput
from workflow.ids import is_id
from workflow.mail.address import parse_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MOST_EVENTS: Final = 100
_LONGEST: Final = 200
_NUMBER: Final = re.compile(r"[0-9]{9,16}(?:\.[0-9]{1,9})?")
# Vendors write a date and a time with a blank, and no zone when they mean UTC.
_NO_ZONE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,20}")
_MICRO: Final = 10**14
_MILLION: Final = 10**6
_BREAK: Final = re.compile(r"(?i)<br ?/?>|</(?:p|div|li)>")
_TAG: Final = re.compile(r"<[^<>]{0,1000}>")
_OFFSET: Final = re.compile(r"([+-][0-9]{2})([0-9]{2})$")


def table(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; none in anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def the_table(value: object) -> Mapping[str, Any]:
    """`value`, which must be an object. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("The body must be an object.")
    return value


def word(value: object, longest: int = _LONGEST) -> str:
    """A name, an id or a short text on one line; empty for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        return clean_line(str(value), "a text", longest)
    except BadInput:
        return ""


def first(told: Mapping[str, Any], *names: str) -> str:
    """The first of these that says something."""
    return next((found for name in names if (found := word(told.get(name)))), "")


def when(value: object) -> datetime | None:
    """A time in any of the forms that vendors use, in UTC; None for nothing and for nonsense."""
    if value in (None, ""):
        return None
    try:
        if isinstance(value, str):
            value = value.strip()
            if _NUMBER.fullmatch(value):
                value = float(value)
            elif _NO_ZONE.fullmatch(value):
                value = f"{value}+00:00"
            else:
                value = _OFFSET.sub(r"\1:\2", value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > _MICRO:
            value /= _MILLION
        return moment(value, "a time")
    except (BadInput, ValueError, OverflowError):
        return None


def facts(**told: object) -> dict[str, str]:
    """Facts about a prospect by our names, cleaned; what cannot be one is left out."""
    found: dict[str, str] = {}
    for name, value in told.items():
        text = word(value, 1000)
        try:
            clean = fact(name, text) if text else ""
        except BadInput:
            continue
        if clean:
            found[name] = clean
    return found


def full_name(*parts: object) -> str:
    """A name out of its parts."""
    return " ".join(found for part in parts if (found := word(part)))


def mailbox(value: object) -> tuple[str, str]:
    """The name and the address in “Ana Petrova <ana@example.com>”; each may be empty."""
    try:
        found = parse_mailbox(word(value, 1000))
    except BadInput:
        return "", ""
    return found.name, found.address.text


def own_id(*told: object) -> str | None:
    """The first of these that is the id of a prospect of ours, as a sender carries it through another system."""
    return next((found for each in told if is_id(found := word(each).removeprefix("prospect-"))), None)


def event_id(*parts: object) -> str:
    """The parts with colons between them, as the name of an event."""
    return short_key(":".join(word(part) or "-" for part in parts))


def digest_of(value: object) -> str:
    """A short name for a value that has none of its own."""
    plain = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:24]


def batch(
    items: object,
    key: str,
    read_one: Callable[[Mapping[str, Any], str], Iterable[Incoming]],
    *,
    most: int = MOST_EVENTS,
    ordered: bool = True,
) -> tuple[Incoming, ...]:
    """The events of every item, the oldest first, where the vendor says when each happened.

    An item that cannot be read is one event that says why; the others stand. Raises Unreadable for too many.
    """
    if not isinstance(items, list):
        raise Unreadable("The body must be a list of events.")
    if len(items) > most:
        raise Unreadable(f"The body has {len(items)} events: send at most {most} at once.")
    found: list[Incoming] = []
    for index, item in enumerate(items):
        found += one(item, f"{key}:{index}", read_one)
    return by_time(found) if ordered else tuple(found)


def one(
    item: object, fallback: str, read_one: Callable[[Mapping[str, Any], str], Iterable[Incoming]]
) -> list[Incoming]:
    """The events of one item, or one that says why it cannot be read."""
    if not isinstance(item, dict):
        return [Incoming(fallback, "", problem="An event must be an object.")]
    try:
        return [clean(each) for each in read_one(item, fallback)]
    except Unreadable:
        raise
    except BadInput as error:
        return [Incoming(fallback, "", problem=error.message)]


def by_time(events: Sequence[Incoming]) -> tuple[Incoming, ...]:
    """The events, the oldest first; one without a time stays behind what stood before it."""
    latest = datetime.min.replace(tzinfo=UTC)
    placed = []
    for each in events:
        latest = each.occurred_at or latest
        placed.append((latest, each))
    return tuple(each for _, each in sorted(placed, key=lambda pair: pair[0]))


def clean(incoming: Incoming) -> Incoming:
    """An event whose texts may be stored. Raises BadInput."""
    return Incoming(
        event_id=incoming.event_id,
        type=incoming.type or "unknown",
        occurred_at=incoming.occurred_at,
        ref=incoming.ref or None,
        fields={name: value for name, value in incoming.fields.items() if name in FIELDS and value},
        custom=tidy(dict(incoming.custom), "custom"),
        data=tidy({name: value for name, value in incoming.data.items() if value not in (None, "")}, "data"),
        problem=incoming.problem,
        introduces=incoming.introduces,
        about=incoming.about,
    )


def plain_text(value: object, longest: int = 20_000) -> str:
    """A note that may be HTML, as plain text with its lines."""
    if not isinstance(value, str):
        return ""
    told = _BREAK.sub("\n", value[: longest * 4])
    return unescape(_TAG.sub("", told)).replace("\xa0", " ").strip()[:longest]
