"""The chain over a prospect's history: each row carries a digest of itself and of the row before it.

Whoever writes history and whoever checks it must see the same bytes, so both come here.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


def digest(before: str, row: Mapping[str, Any]) -> str:
    """The link of one history row: SHA-256 over the link before it and the row in one canonical form."""
    told = {name: value for name, value in row.items() if name != "digest"}
    return hashlib.sha256(f"{before}\n{_CANONICAL(told)}".encode()).hexdigest()


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value as a history row keeps it: times as ISO 8601, everything else as it is."""
    return value.isoformat() if isinstance(value, datetime) else value


# Made once: `json.dumps` with options makes an encoder at every call.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain).encode
