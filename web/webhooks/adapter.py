"""What a kind of source must bring: how its requests are verified, how one is told from another, and what it means.

An adapter is three pure functions. It opens no database and no connection; what it makes goes to `actions.inbox`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from web.strict import Unreadable, line
from workflow.actions.inbox import Incoming, Parcel

if TYPE_CHECKING:
    from datetime import datetime

Headers: TypeAlias = Mapping[str, str]
"""The headers an adapter asked for, by their names in small letters."""

COMMON: Final = ("content-type", "content-encoding", "user-agent")
_LONGEST_KEY: Final = 200
_LONGEST_HEADER: Final = 300
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class Adapter:
    """One kind of source.

    `reads` names the headers the functions below are given, beside COMMON. `verify` tells whether a body was signed
    with one of the secrets at about this time. `key` names the delivery, the same at every attempt. `read` gives its
    events, where the key helps to name those without an id; it raises Unreadable.
    """

    reads: tuple[str, ...]
    verify: Callable[[Headers, bytes, Sequence[str], datetime], bool]
    key: Callable[[Headers, bytes], str]
    read: Callable[[str, Headers, bytes], tuple[Incoming, ...]]


def parcel(adapter: Adapter, headers: Headers, body: bytes) -> Parcel:
    """A verified request as the inbox takes it. What cannot be read becomes a dead letter that says why."""
    key = adapter.key(headers, body)
    kept = {name: line(value, _LONGEST_HEADER) for name, value in headers.items() if _may_rest(name)}
    try:
        _refuse_encoded(headers)
        return Parcel(key, kept, body, adapter.read(key, headers, body))
    except Unreadable as error:
        return Parcel(key, kept, body, unreadable=error.message)


def short_key(told: str) -> str:
    """`told` as a key; a long or odd one by its hash, so that none is refused and none is cut."""
    if len(told) <= _LONGEST_KEY and told.isascii() and told.isprintable():
        return told
    return "sha256:" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _may_rest(name: str) -> bool:
    """Whether a header may be kept: what proves who sent it may not."""
    return "signature" not in name and name != "authorization"


def _refuse_encoded(headers: Headers) -> None:
    """Nothing is unpacked: a kilobyte can unpack to a gigabyte."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Unreadable(f"The body is compressed ({encoding[:20]}): send it as it is.")
    _, _, charset = headers.get("content-type", "").lower().partition("charset=")
    charset = charset.partition(";")[0].strip(" \"'")
    if charset and charset not in _UTF8:
        raise Unreadable(f"The body is written in {charset[:20]}: send UTF-8.")
