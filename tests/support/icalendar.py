"""A strict reader of calendar files (RFC 5545): takes nothing that the format does not allow, and mends nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_PROPERTY: Final = re.compile(
    r'([A-Z][A-Z0-9-]*)((?:;[A-Z][A-Z0-9-]*=(?:"[^"\x00-\x1f]*"|[^";:,\x00-\x1f]*))*):(.*)', re.DOTALL
)
_TEXT: Final = re.compile(r"(?:[^\\;,\x00-\x08\x0a-\x1f\x7f]|\\[\\;,nN])*")
_ESCAPES: Final = re.compile(r"\\([\\;,nN])")
_ONCE: Final = ("UID", "DTSTAMP", "DTSTART")
_AT_MOST_ONCE: Final = (*_ONCE, "DTEND", "SUMMARY", "DESCRIPTION", "STATUS", "TRANSP")
_STATUS: Final = ("TENTATIVE", "CONFIRMED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Event:
    """One event as its reader's calendar shows it."""

    uid: str
    begins: datetime
    ends: datetime | None
    title: str
    text: str
    status: str | None


def events(content: bytes) -> list[Event]:
    """The events of a calendar. Raises ValueError for whatever the format does not allow."""
    found: list[Event] = []
    inner: list[tuple[str, str]] | None = None
    head: list[tuple[str, str]] = []
    lines = _unfolded(content)
    _demand(lines[0] == "BEGIN:VCALENDAR" and lines[-1] == "END:VCALENDAR", "no calendar")
    for line in lines[1:-1]:
        match = _PROPERTY.fullmatch(line)
        _demand(match is not None, f"no property: {line[:40]!r}")
        assert match is not None
        name, _, value = match.groups()
        if (name, value) == ("BEGIN", "VEVENT"):
            _demand(inner is None, "an event in an event")
            inner = []
        elif (name, value) == ("END", "VEVENT"):
            assert inner is not None
            found.append(_event(inner))
            inner = None
        else:
            (head if inner is None else inner).append((name, value))
    _demand(inner is None, "an event without an end")
    _demand([name for name, _ in head].count("PRODID") == 1 and ("VERSION", "2.0") in head, "no PRODID and VERSION")
    uids = [event.uid for event in found]
    _demand(len(set(uids)) == len(uids), "a UID twice")
    return found


def _unfolded(content: bytes) -> list[str]:
    _demand(content.endswith(b"\r\n"), "the last line has no end")
    lines: list[str] = []
    for physical in content[:-2].split(b"\r\n"):
        _demand(b"\r" not in physical and b"\n" not in physical, "a line end of another kind")
        _demand(0 < len(physical) <= 75, f"a line of {len(physical)} octets")
        text = physical.decode()  # no letter is torn
        if text[0] in " \t":
            lines[-1] += text[1:]
        else:
            lines.append(text)
    return lines


def _event(told: list[tuple[str, str]]) -> Event:
    names = [name for name, _ in told]
    values = dict(told)
    for name in _ONCE:
        _demand(names.count(name) == 1, f"{name} is not there once")
    for name in _AT_MOST_ONCE:
        _demand(names.count(name) <= 1, f"{name} is there twice")
    begins, ends = _moment(values["DTSTART"]), _moment(values["DTEND"]) if "DTEND" in values else None
    _moment(values["DTSTAMP"])
    _demand(ends is None or ends > begins, "it ends before it begins")
    _demand(values.get("STATUS", "CONFIRMED") in _STATUS, "no status of an event")
    _demand(values.get("TRANSP", "OPAQUE") in ("OPAQUE", "TRANSPARENT"), "neither opaque nor transparent")
    title, text = _text(values.get("SUMMARY", "")), _text(values.get("DESCRIPTION", ""))
    return Event(values["UID"], begins, ends, title, text, values.get("STATUS"))


def _moment(value: str) -> datetime:
    return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _text(value: str) -> str:
    _demand(_TEXT.fullmatch(value) is not None, f"not escaped: {value[:60]!r}")
    return _ESCAPES.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _demand(holds: bool, problem: str) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError(problem)
