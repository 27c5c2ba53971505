"""How a sender proves itself: marks over what was sent, the age of a stamp, and a secret that is merely shown.

Pure, and the only place where a secret is compared. Which vendor signs what, its own adapter says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from web.webhooks.adapter import Headers

_STAMP: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?")
_MOST_IN_QUERY: Final = 20
_SHOWN: Final = ("x-webhook-secret", "x-api-key")
SHOWING: Final = (":key", ":query", "authorization", *_SHOWN)
"""What an adapter reads whose vendor signs nothing, for `shows`."""


def same(ours: str, told: str | bytes) -> bool:
    """Whether a header, or any bytes, are our text, in a time that does not tell how far they agree."""
    return hmac.compare_digest(_bytes(ours), wire(told) if isinstance(told, str) else told)


def wire(told: str) -> bytes:
    """The bytes of a header: a server hands them on as Latin-1, whatever they were."""
    try:
        return told.encode("latin-1")
    except UnicodeEncodeError:
        return told.encode("utf-8", "surrogatepass")


def hex_mark(key: str | bytes, content: bytes) -> str:
    """HMAC-SHA256 in small hexadecimal signs."""
    return hmac.digest(_bytes(key), content, hashlib.sha256).hex()


def base64_mark(key: str | bytes, content: bytes) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.digest(_bytes(key), content, hashlib.sha256)).decode()


def any_fits(secrets: Iterable[str], mark: Callable[[str], str], told: str) -> bool:
    """Whether `told` is the mark by one of the secrets; there are two while a key is being changed."""
    return bool(told) and any(same(mark(secret), told) for secret in secrets)


def fresh(stamp: str, now: datetime, tolerance_s: float, *, per_second: int = 1) -> bool:
    """Whether a stamp, counted from 1970 in parts of a second, lies within the tolerance of now, both ways."""
    return bool(_STAMP.fullmatch(stamp)) and abs(now.timestamp() - float(stamp) / per_second) <= tolerance_s


def shows(headers: Headers, secrets: Sequence[str]) -> bool:
    """Whether the sender shows one of the secrets, where its vendor signs nothing.

    In a header if there is one, else as the last part of the path, else as any value of the query. Whoever shows
    something wrong in a header is refused, whatever the address holds.
    """
    given = _in_headers(headers)
    if not given:
        tail = headers.get(":key", "")
        query = headers.get(":query", "").split("&")[:_MOST_IN_QUERY]
        # A secret may hold a slash itself.
        found = [
            tail,
            tail.rpartition("/")[2],
            *(unquote(each.partition("=")[2].replace("+", " "), "latin-1") for each in query),
        ]
        return any(same(secret, told) for secret in secrets for told in found if told)
    return all(any(same(secret, told) for secret in secrets for told in either) for either in given)


def unpacked(told: str) -> bytes:
    """The bytes of a base64 text; none for what is no base64."""
    try:
        return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _in_headers(headers: Headers) -> list[tuple[str, ...]]:
    """Every secret that a header shows, each with the ways it may be meant."""
    given: list[tuple[str, ...]] = [(headers[name],) for name in _SHOWN if headers.get(name)]
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        # The user's name is as good as any; a secret may hold a colon as well and be meant whole.
        pair = unpacked(rest.strip()).decode("latin-1")
        given.append((pair, pair.partition(":")[2]))
    elif scheme:
        given.append((rest.strip(),))
    return given


def _bytes(key: str | bytes) -> bytes:
    return key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
