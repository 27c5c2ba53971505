"""Answers to an invitation (iTIP, RFC 5546): who accepts, declines or proposes, and which meeting.

Reads the one event that counts; knows no recurrences, and of time zones UTC and those that the system or Windows names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from workflow.mail.inbound.windows_zones import IANA_OF

if TYPE_CHECKING:
    from workflow.mail.inbound.mime import Mail

Answer = Literal["accepted", "declined", "tentative", "counter", "cancelled", "delegated", "other"]

_LONGEST: Final = 100_000
_KINDS: Final = ("text/calendar", "application/ics", "text/x-vcalendar")
_FOLD: Final = re.compile(r"\n[ \t]")
_LINE: Final = re.compile(r"([A-Za-z-]{1,40})((?:;[^:;\n\"]{0,300}(?:\"[^\"\n]{0,300}\")?){0,20}):(.*)")
_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_ANSWERS: Final[dict[str, Answer]] = {
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentative",
    "DELEGATED": "delegated",
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """What somebody answers to an invitation. `starts_at` is None for a whole day or an unknown zone."""

    uid: str
    answer: Answer
    attendee: str = ""
    starts_at: datetime | None = None
    comment: str = ""


def answer(mail: Mail, sender: str) -> Invitation | None:
    """The answer that `mail` carries; None when it carries none, such as an invitation of the sender's own."""
    for part in mail.parts:
        if part.kind not in _KINDS:
            continue
        lines = _FOLD.sub("", part.text()[:_LONGEST]).split("\n")
        method = (part.parameters.get("method") or _value(lines, "METHOD")).strip().upper()
        if method in {"REPLY", "COUNTER", "CANCEL"}:
            return _read(lines, method, sender)
    return None


def _value(lines: list[str], name: str) -> str:
    return next((line.partition(":")[2] for line in lines if line.upper().startswith(f"{name}:")), "")


def _read(lines: list[str], method: str, sender: str) -> Invitation:
    start = next((at for at, line in enumerate(lines) if line.strip().upper() == "BEGIN:VEVENT"), -1)
    fields: dict[str, tuple[str, str]] = {}
    attendees: list[tuple[str, str]] = []
    for line in lines[start + 1 :]:
        if line.strip().upper() == "END:VEVENT":
            break
        match = _LINE.match(line.rstrip())
        if match is None:
            continue
        if match[1].upper() == "ATTENDEE":
            attendees.append((match[2], match[3]))
        else:
            fields.setdefault(match[1].upper(), (match[2], match[3]))
    attendee, said = _attendee(attendees, sender)
    found: Answer = _ANSWERS.get(said, "other")
    found = {"COUNTER": "counter", "CANCEL": "cancelled"}.get(method, found)  # type: ignore[assignment]
    comment = fields.get("COMMENT", ("", ""))[1].replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";")
    return Invitation(
        fields.get("UID", ("", ""))[1].strip()[:500],
        found,
        attendee,
        _time(fields.get("DTSTART")),
        comment.strip()[:2000],
    )


def _attendee(attendees: list[tuple[str, str]], sender: str) -> tuple[str, str]:
    """Who answers: the sender where they are among them, else the first with an answer."""
    people = [
        (re.sub(r"^mailto:", "", value.strip(), flags=re.IGNORECASE), _said(parameters))
        for parameters, value in attendees
    ]
    same = [each for each in people if each[0].lower() == sender.lower()]
    given = [each for each in people if each[1] in _ANSWERS]
    return (same or given or people or [("", "")])[0]


def _said(parameters: str) -> str:
    match = re.search(r"PARTSTAT=\"?([A-Za-z-]{1,30})", parameters, re.IGNORECASE)
    return match[1].upper() if match else ""


def _time(field: tuple[str, str] | None) -> datetime | None:
    match = _TIME.match(field[1].strip()) if field else None
    if field is None or match is None or match[4] is None:
        return None
    zone = re.search(r"TZID=\"?([A-Za-z0-9_+/ .()-]{1,60})", field[0], re.IGNORECASE)
    try:
        there = UTC if match[7] else _zone(zone[1].strip()) if zone else None
        if there is None:
            return None
        parts = [int(match[at]) for at in range(1, 7)]
        return datetime(*parts[:6], tzinfo=there).astimezone(UTC)  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError, OSError, LookupError):
        return None


def _zone(name: str) -> ZoneInfo:
    """Raises ValueError or LookupError for a name that nobody knows."""
    return ZoneInfo(IANA_OF.get(name, name))
