"""What a kind of source must bring: how its requests are verified, how one is told from another, and what it means.

An adapter is three pure functions. It opens no database and no connection; what it makes goes to `actions.inbox`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from web.strict import Unreadable, line
from workflow.actions.parcels import Incoming, Parcel

if TYPE_CHECKING:
    from datetime import datetime

Headers: TypeAlias = Mapping[str, str]
"""The headers an adapter asked for, by their names in small letters.

Names with a colon are no headers: `:url` is the address by which the vendor knows us (from ONWARD_BASE_URL, never from
Host), `:query` its query, `:key` what follows the source's name in the path where that is a secret, `:event` the same
where it is a word, and `:received` the minute of its arrival.
"""

COMMON: Final = ("content-type", "content-encoding", "user-agent")
KEY, EVENT, RECEIVED, URL, QUERY = ":key", ":event", ":received", ":url", ":query"
_LONGEST_KEY: Final = 200
_LONGEST_HEADER: Final = 300
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_ACCEPTED: Final = 202
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a delivery is answered with."""

    status: int
    mimetype: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Adapter:
    """One kind of source.

    `reads` names the headers the functions below are given, beside COMMON, and `keeps` those among them that are kept
    with the delivery: never what proves who sent it. `verify` tells whether a body was signed with one of the secrets
    at about this time. `key` names the delivery, the same at every attempt. `read` gives its events, where the key
    helps to name those without an id; it raises Unreadable. `success` is the status that the vendor takes for success,
    and `answer` its body where our own receipt is not understood.
    """

    reads: tuple[str, ...]
    verify: Callable[[Headers, bytes, Sequence[str], datetime], bool]
    key: Callable[[Headers, bytes], str]
    read: Callable[[str, Headers, bytes], tuple[Incoming, ...]]
    keeps: tuple[str, ...] = ()
    success: int = _ACCEPTED
    answer: Callable[[bytes], tuple[str, bytes] | None] | None = None

    @property
    def has_tail(self) -> bool:
        """Whether an address of this kind may go on behind the source's name."""
        return KEY in self.reads or EVENT in self.reads

    def answered(self, body: bytes, receipt: bytes) -> Answer:
        """The answer to a stored delivery."""
        own = self.answer(body) if self.answer else None
        return Answer(self.success, *(own or (_JSON, receipt)))


def parcel(adapter: Adapter, headers: Headers, body: bytes) -> Parcel:
    """A verified request as the inbox takes it. What cannot be read becomes a dead letter that says why."""
    key = adapter.key(headers, body)
    kept = {
        name: line(value, _LONGEST_HEADER) for name, value in headers.items() if name in COMMON or name in adapter.keeps
    }
    try:
        _refuse_encoded(headers, body)
        return Parcel(key, kept, body, adapter.read(key, headers, body))
    except Unreadable as error:
        return Parcel(key, kept, body, unreadable=error.message)


def short_key(told: str) -> str:
    """`told` as a key; a long or odd one by its hash, so that none is refused and none is cut."""
    if len(told) <= _LONGEST_KEY and told.isascii() and told.isprintable():
        return told
    return "sha256:" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def body_key(_headers: Headers, body: bytes) -> str:
    """The key of a delivery whose vendor gives it none: a retry brings the same bytes."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _refuse_encoded(headers: Headers, body: bytes) -> None:
    """Nothing is unpacked: a kilobyte can unpack to a gigabyte. What is ASCII is the same whatever charset is named."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Unreadable(f"The body is compressed ({encoding[:20]}): send it as it is.")
    _, _, charset = headers.get("content-type", "").lower().partition("charset=")
    charset = charset.partition(";")[0].strip(" \"'")
    if charset and charset not in _UTF8 and not body.isascii():
        raise Unreadable(f"The body is written in {charset[:20]}: send UTF-8.")
