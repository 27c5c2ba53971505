"""The place where a page ended, wrapped so that nobody is tempted to make one by hand."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from workflow.errors import BadInput
from workflow.ids import is_id

Place = tuple[datetime, str]


def wrap(*parts: object) -> str:
    """A cursor for this place."""
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).rstrip(b"=").decode()


def place(cursor: str) -> Place | None:
    """The time and the id behind which to go on; None for the beginning. Raises BadInput."""
    if not cursor:
        return None
    match _open(cursor):
        case [str(moment), str(row_id)] if is_id(row_id):
            try:
                at = datetime.fromisoformat(moment)
            except ValueError as error:
                raise _bad() from error
            if at.tzinfo is not None:
                return at.astimezone(UTC), row_id
    raise _bad()


def number(cursor: str) -> int:
    """The version behind which to go on; 0 for the beginning. Raises BadInput."""
    if not cursor:
        return 0
    match _open(cursor):
        case [int(version)] if 0 <= version < 2**31:
            return version
    raise _bad()


def _open(cursor: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise _bad() from error


def _bad() -> BadInput:
    return BadInput("“cursor” is none of ours: take `next_cursor` of the page before, as it is.", field="cursor")
