"""Identifiers and times: UUIDv7 (RFC 9562, section 5.7) and aware UTC.

Version 7 puts the milliseconds first, so that rows made one after another lie side by side in every index.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime

from workflow.errors import BadInput

_PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> str:
    """A fresh UUIDv7 in its canonical lower-case form.

    The twelve bits behind the milliseconds are their fraction (RFC 9562, section 6.2, method 3), so that ids made one
    after another in a process sort in that order.
    """
    stamp, rest = divmod(time.time_ns(), 1_000_000)
    version, tail = 0x7000 | (rest << 12) // 1_000_000, int.from_bytes(os.urandom(8), "big")
    variant = 0x8000 | tail >> 50
    digits = f"{stamp & 0xFFFF_FFFF_FFFF:012x}{version:04x}{variant:04x}{tail & 0xFFFF_FFFF_FFFF:012x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id; anything else never reaches a query."""
    return _PATTERN.fullmatch(text) is not None


def aware(moment: datetime) -> datetime:
    """`moment` in UTC. Raises BadInput for a time without a zone: it could mean any of 26 hours."""
    if moment.tzinfo is None:
        message = f"The time {moment.isoformat()} has no zone: add Z or an offset such as +02:00."
        raise BadInput(message)
    return moment.astimezone(UTC)
