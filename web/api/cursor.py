"""The place where a page ended, wrapped so that nobody is tempted to make one by hand."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from workflow.errors import BadInput
from workflow.ids import is_id
from workflow.reports.paging import Asked

Place = tuple[datetime, str]


def wrap(*parts: object) -> str:
    """A cursor for this place."""
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).rstrip(b"=").decode()


def wrap_sorted(sort: str, place: tuple[datetime | str, str] | None) -> str | None:
    """A cursor for this place of a list that is sorted by `sort`; None for the end."""
    if place is None:
        return None
    value, row_id = place
    return wrap(sort, *(("t", value) if isinstance(value, datetime) else ("s", value)), row_id)


def sorted_place(cursor: str, sort: str) -> tuple[datetime | str, str] | None:
    """The place behind which to go on in a list sorted by `sort`; None for the beginning. Raises BadInput."""
    if not cursor:
        return None
    match _open(cursor):
        case [str(by), "t", str(moment), str(row_id)] if by == sort:
            return _moment(moment), _storable(row_id)
        case [str(by), "s", str(value), str(row_id)] if by == sort:
            return _storable(value), _storable(row_id)
    raise _bad()


def asked(cursor: str, sort: str, limit: int) -> Asked:
    """What a caller asks of a list. Raises BadInput."""
    return Asked(sort, sorted_place(cursor, sort), limit)


def place(cursor: str) -> Place | None:
    """The time and the id behind which to go on; None for the beginning. Raises BadInput."""
    if not cursor:
        return None
    match _open(cursor):
        case [str(moment), str(row_id)] if is_id(row_id):
            return _moment(moment), row_id
    raise _bad()


def number(cursor: str) -> int:
    """The version, or how many items, behind which to go on; 0 for the beginning. Raises BadInput."""
    if not cursor:
        return 0
    match _open(cursor):
        case [int(version)] if 0 <= version < 2**31:
            return version
    raise _bad()


def _moment(written: str) -> datetime:
    try:
        at = datetime.fromisoformat(written)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad() from error
    raise _bad()


def _storable(value: str) -> str:
    """A text that both databases can compare with: PostgreSQL takes neither a zero byte nor half a character."""
    if "\x00" in value or (not value.isascii() and value != value.encode("utf-8", "replace").decode()):
        raise _bad()
    return value


def _open(cursor: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise _bad() from error


def _bad() -> BadInput:
    return BadInput("“cursor” is none of ours: take `next_cursor` of the page before, as it is.", field="cursor")
