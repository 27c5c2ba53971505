"""What callers tell of a prospect, cleaned and checked: one rule for webhooks, the API and the forms of the panel."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from web.strict import line as clean_line
from web.strict import plain
from workflow import text
from workflow.engine import calendar
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput
from workflow.mail.address import parse_address

LOCALE: Final = frozenset({"language", "time_zone", "country"})
"""Facts that only choose a language or a calendar, and for which there is always a fall-back."""
_LONGEST: Final = dict.fromkeys(FIELDS, 200) | {"email": 320, "phone": 50, "time_zone": 64}
_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})*")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_TIME_ZONE: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
_LONGEST_TIME: Final = 40
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_SECONDS: Final = range(int(_EARLIEST.timestamp()), int(_LATEST.timestamp()))
_MILLI: Final = 1000


def fact(name: str, value: object, *, said: str | None = None) -> str:
    """The field `name` of a prospect as it is stored; empty when nothing is left of it.

    Raises BadInput with one sentence that calls the field `said`, when it is no text or cannot be what it claims.
    """
    said = said or name
    told = line(value, said, _LONGEST[name])
    if not told:
        return ""
    if name == "email":
        return address(told, said)
    if name == "language":
        return _language(told, said)
    if name == "country":
        if not _COUNTRY.fullmatch(told):
            raise BadInput(f"“{said}” must be the two letters of a country, such as BG.", field=said)
        return told.upper()
    if name == "time_zone" and not (_TIME_ZONE.fullmatch(told) and calendar.zone_of(told).key == told):
        raise BadInput(f"“{said}” must be a time zone, such as Europe/Sofia.", field=said)
    return told


def line(value: object, said: str, longest: int = 200) -> str:
    """A text on one line. Raises BadInput when `value` is no text."""
    if not isinstance(value, str):
        raise BadInput(f"“{said}” must be text.", field=said)
    return clean_line(plain(value, said), longest)


def block(value: object, said: str, longest: int = 20_000) -> str:
    """A text with its line breaks. Raises BadInput when `value` is no text."""
    if not isinstance(value, str):
        raise BadInput(f"“{said}” must be text.", field=said)
    return text.block(plain(value, said), longest)


def address(value: object, said: str) -> str:
    """An email address to write to. Raises BadInput when `value` is none."""
    try:
        return parse_address(line(value, said, _LONGEST["email"])).text
    except BadInput as error:
        raise BadInput(f"“{said}”: {error.message}", field=said) from error


def moment(value: object, said: str) -> datetime:
    """A time with a zone (ISO 8601), or seconds or milliseconds since 1970, in UTC. Raises BadInput.

    Years outside 2000 to 2099 are refused: they come from a clock that was never set, or from a wrong unit.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        for seconds in (value, value / _MILLI):
            if int(seconds) in _SECONDS:
                return datetime.fromtimestamp(seconds, UTC)
        raise BadInput(f"“{said}” is no plausible time.", field=said)
    if not isinstance(value, str):
        raise BadInput(f"“{said}” must be a time, such as 2026-11-22T10:00:00Z.", field=said)
    try:
        told = datetime.fromisoformat(value.strip()[:_LONGEST_TIME])
        if told.tzinfo is None:
            raise BadInput(f"“{said}” has no zone: add Z or an offset such as +02:00.", field=said)
        told = told.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"“{said}” must be a time, such as 2026-11-22T10:00:00Z.", field=said) from error
    if not _EARLIEST <= told < _LATEST:
        raise BadInput(f"“{said}” is no plausible time.", field=said)
    return told


def _language(told: str, said: str) -> str:
    found = _LANGUAGE.fullmatch(told)
    if not found:
        raise BadInput(f"“{said}” must be the code of a language, such as bg.", field=said)
    return found[1].lower()
