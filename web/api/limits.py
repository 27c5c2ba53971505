"""How often a key may call: a bucket of tokens for each, kept in this process.

Several web processes allow as many times more; the limit is there against a program that runs wild, not to bill for.
"""

from __future__ import annotations

import threading
import time
from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PER_MINUTE: Final = 600
_MOST_KEYS: Final = 10_000


class Buckets:
    """Buckets that fill by `per_minute` and hold as much."""

    def __init__(self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Take a token for `name`: 0 when there was one, else the seconds until there is."""
        with self._lock:
            now = self._clock()
            tokens, at = self._kept.get(name, (self._most, now))
            tokens = min(self._most, tokens + (now - at) * self._per_second)
            if len(self._kept) >= _MOST_KEYS:
                self._kept.clear()
            self._kept[name] = (max(tokens - 1, 0.0) if tokens >= 1 else tokens, now)
            return 0.0 if tokens >= 1 else (1 - tokens) / self._per_second

    def told(self, name: str) -> dict[str, str]:
        """What is left to `name`, as headers (draft-ietf-httpapi-ratelimit-headers): calls, and seconds until full."""
        with self._lock:
            tokens, at = self._kept.get(name, (self._most, self._clock()))
            left = min(self._most, tokens + (self._clock() - at) * self._per_second)
        full_in = ceil((self._most - left) / self._per_second)
        return {
            "RateLimit-Policy": f'"key";q={int(self._most)};w=60',
            "RateLimit": f'"key";r={int(left)};t={full_in}',
        }
