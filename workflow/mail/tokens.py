"""Signed words for public links: what they carry can be read, but not made or changed without the key.

Bound to a purpose, so that a link to unsubscribe can never sign anybody in. Knows no expiry: what must end, or be used
once, is the business of whoever keeps the record behind it.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final

_MAC_BYTES: Final = 20
"""160 bits, above the 128 of OWASP ASVS 11.5.1 for a link that is a right in itself."""
_LONGEST: Final = 1024


def sign(purpose: str, payload: str, key: str) -> str:
    """A token for `payload`, of letters, digits, `-`, `_` and one dot; the same every time."""
    return f"{_text(payload.encode())}.{_text(_mac(purpose, payload, key))}"


def read(purpose: str, token: str, key: str) -> str | None:
    """The payload of a token that was signed for `purpose` with `key`; None for everything else."""
    if len(token) > _LONGEST:
        return None
    head, _, _ = token.partition(".")
    try:
        payload = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode()
    except ValueError:
        return None
    # Signed anew and compared whole: base64 has several spellings of the same bytes, and only ours is valid.
    return (
        payload if hmac.compare_digest(sign(purpose, payload, key).encode(), token.encode("utf-8", "replace")) else None
    )


def _mac(purpose: str, payload: str, key: str) -> bytes:
    if not key or "\0" in purpose:
        message = "A token needs a key, and a purpose without a zero byte."
        raise ValueError(message)
    return hmac.digest(key.encode(), f"onward token\0{purpose}\0{payload}".encode(), "sha256")[:_MAC_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
