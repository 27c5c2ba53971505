"""Passwords: hash one, check one, in equal time whether there is one to check against. The only user of argon2.

Stores nothing and counts no failures; that is the matter of `workflow.actions.people`.
"""

from __future__ import annotations

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from workflow.errors import BadInput, Unavailable

SHORTEST: Final = 8
"""Characters (OWASP ASVS 5.0, 6.2.1). No rules of composition: length is what counts (6.2.5)."""
LONGEST: Final = 1024
"""Characters. Far above the 64 that must be allowed (6.2.9), and short enough to hash at once."""

# The least of the OWASP password storage cheat sheet: 19 MiB, two passes, one lane; about 40 ms on a small machine.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# The hash of a random text that nobody kept: checked where there is no account, so that the answer takes as long.
NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$kp6xrO78ZpGxL+TTbqXL+w$j3vj5TdIZsgNdxrYFDGMbPIHXZTzuv4niXmCIXyRATU"
# Each hash takes 19 MiB while it runs: a crowd at the door must not take the machine's memory.
_AT_ONCE: Final = threading.BoundedSemaphore(4)
_PATIENCE_S: Final = 5


def hash_of(password: str) -> str:
    """The hash to keep. Raises BadInput for a password that is too short or too long."""
    if len(password) < SHORTEST:
        raise BadInput(f"The password is too short: use at least {SHORTEST} characters.", field="password")
    _refuse_huge(password)
    with _Turn():
        return _HASHER.hash(_bytes(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether `password`, exactly as typed, is the one behind `kept`; False, after as long, where nothing is kept.

    Raises BadInput for one that is too long to be checked, Unavailable when too many are being checked at once.
    """
    _refuse_huge(password)
    with _Turn():
        try:
            _HASHER.verify(kept or NOBODY, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether `kept` was made with weaker parameters than today's, so that the next sign-in should renew it."""
    return _HASHER.check_needs_rehash(kept)


class _Turn:
    """One of the few hashes that may run at the same time."""

    def __enter__(self) -> None:
        if not _AT_ONCE.acquire(timeout=_PATIENCE_S):
            raise Unavailable("Too many people are signing in just now: try again in half a minute.")

    def __exit__(self, *_: object) -> None:
        _AT_ONCE.release()


def _refuse_huge(password: str) -> None:
    if len(password) > LONGEST:
        raise BadInput(f"The password is longer than {LONGEST} characters.", field="password")


def _bytes(password: str) -> bytes:
    # A lone surrogate is no text, but no reason to fail either: it simply never matches.
    return password.encode("utf-8", "surrogatepass")
