"""A calendar file (RFC 5545), whatever its events are about: escaped, folded, with names that stay the same.

Knows the format only. Times are written in UTC, which every calendar shows in its reader's own zone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_LINE: Final = 75  # octets of a line (section 3.1)
# Section 3.3.11 allows no control characters in a text but the tab.
_CONTROLS: Final = {code: None for code in (*range(32), 127) if code != ord("\t")}


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `name` is what makes it this one and no other: the same name gives the same UID.

    Of two tellings of it, calendars believe the one with the higher `sequence`. `organizer` is a name and an address.
    """

    name: str
    stamp: datetime
    begins: datetime
    ends: datetime | None
    title: str
    text: str = ""
    cancelled: bool = False
    sequence: int = 0
    place: str = ""
    organizer: tuple[str, str] | None = None
    busy: bool = False


def calendar(product: str, events: Iterable[Event], method: str = "") -> str:
    """The whole file, its lines ended by CR LF. `product` names the program that wrote it.

    With a `method` (PUBLISH, CANCEL; RFC 5546) a calendar takes it as news of events that it may know.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{product}", "CALSCALE:GREGORIAN"]
    if method:
        lines.append(f"METHOD:{method}")
    for event in events:
        lines += _lines(event)
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _lines(event: Event) -> Iterator[str]:
    digest = hashlib.sha256(event.name.encode()).hexdigest()
    yield "BEGIN:VEVENT"
    yield f"UID:{digest[:32]}@onward.invalid"
    yield f"DTSTAMP:{_utc(event.stamp)}"
    yield f"DTSTART:{_utc(event.begins)}"
    # An end must lie after the beginning (section 3.8.2.2).
    if event.ends is not None and event.ends > event.begins:
        yield f"DTEND:{_utc(event.ends)}"
    yield f"SUMMARY:{_escaped(event.title)}"
    if event.text:
        yield f"DESCRIPTION:{_escaped(event.text)}"
    if event.place:
        yield f"LOCATION:{_escaped(event.place)}"
    if event.organizer is not None:
        name, address = event.organizer
        # A quoted value has no way to say a quotation mark (section 3.2).
        quoted = "".join(letter for letter in name if letter != '"').translate(_CONTROLS)
        yield f'ORGANIZER;CN="{quoted}":mailto:{address}'
    if event.sequence:
        yield f"SEQUENCE:{event.sequence}"
    if event.cancelled:
        yield "STATUS:CANCELLED"
    yield f"TRANSP:{'OPAQUE' if event.busy else 'TRANSPARENT'}"
    yield "END:VEVENT"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = unified.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return plain.translate(_CONTROLS)


def _folded(line: str) -> str:
    """A line cut so that no piece has more than 75 octets, and no letter is torn."""
    pieces: list[str] = []
    piece, size = "", 0
    for letter in line:
        octets = len(letter.encode())
        if size + octets > _LINE:
            pieces.append(piece)
            piece, size = "", 1
        piece += letter
        size += octets
    return "\r\n ".join([*pieces, piece])
