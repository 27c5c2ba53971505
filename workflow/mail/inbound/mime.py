"""The parts of a mail that came in, and the text a person reads in it; bounded in parts, depth and size.

Looks into no returned or forwarded message: its parts belong to another mail. Judges nothing, fetches nothing.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workflow.mail.inbound import headers as head
from workflow.mail.inbound.html import text_of_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workflow.mail.inbound.headers import Headers

MOST_PARTS: Final = 1000
DEEPEST: Final = 30
LONGEST: Final = 32 * 1024 * 1024
"""Bytes of a mail that are looked at."""
LONGEST_TEXT: Final = 512 * 1024
"""Bytes of one part, and characters of a whole mail, that are read as text."""
_MOST_BOUNDARIES: Final = 20_000
_LONGEST_BLOCK: Final = 16 * 1024
"""Bytes of the headers of an inner part."""
_SOME_BOUNDARY: Final = re.compile(rb"(?:^|\n)--([^\s-][^\r\n]{0,199})\r?\n[!-9;-~]{1,80}:", re.ASCII)
_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")

MESSAGES: Final = frozenset({"message/rfc822", "message/global", "message/external-body", "message/partial"})
"""Parts that hold another mail."""
RETURNED: Final = MESSAGES | {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
"""Parts that hold the mail, or the headers of the mail, which a report is about."""


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a mail: its headers, its kind such as `text/plain`, and its bytes as they were sent."""

    headers: Headers
    kind: str
    parameters: Mapping[str, str]
    body: memoryview

    def data(self, longest: int = LONGEST_TEXT) -> bytes:
        """Its first bytes with the transfer encoding taken off."""
        coding = self.headers.raw("content-transfer-encoding").strip().lower()
        if coding.startswith("base64"):
            # Four signs carry three bytes, and lines have ends.
            return head.base64(bytes(self.body[: longest * 3 // 2]))[:longest]
        if coding.startswith("quoted-printable"):
            return binascii.a2b_qp(bytes(self.body[: longest * 3]))[:longest]
        return bytes(self.body[:longest])

    def text(self) -> str:
        """Its words with bare line feeds."""
        return _LINE_ENDS.sub("\n", head.plain(self.data(), self.parameters.get("charset", "")))

    @property
    def attached(self) -> bool:
        """Whether it came as a file."""
        return self.headers.raw("content-disposition").strip().lower().startswith("attachment")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it was read: headers, kind and parameters of the whole, and its leaves in order."""

    headers: Headers
    kind: str
    parameters: Mapping[str, str]
    parts: tuple[Part, ...]

    def of(self, *kinds: str) -> Iterator[Part]:
        """The leaves of these kinds."""
        return (part for part in self.parts if part.kind in kinds)

    def text(self) -> str:
        """What a person reads: the plain parts, else the HTML ones as plain text."""
        shown = [part for part in self.parts if not part.attached]
        plain = _together(part.text() for part in shown if part.kind == "text/plain")
        return plain if plain.strip() else _together(text_of_html(p.text()) for p in shown if p.kind == "text/html")


def read(content: bytes) -> Mail:
    """The mail in `content`, whatever bytes these are."""
    data = content[:LONGEST].lstrip(b"\xef\xbb\xbf \t\r\n") if content[:1] in b"\xef\r\n \t" else content[:LONGEST]
    headers, _ = head.read_headers(data)
    kind, parameters = _kind(headers, "text/plain")
    return Mail(headers, kind, parameters, tuple(_leaves(data)))


def _kind(headers: Headers, default: str) -> tuple[str, Mapping[str, str]]:
    kind, parameters = head.parameters(headers.raw("content-type"))
    if kind == "text":
        return "text/plain", parameters
    return (kind, parameters) if kind.count("/") == 1 and len(kind) < 100 else (default, parameters)  # noqa: PLR2004


def _together(texts: Iterator[str]) -> str:
    found: list[str] = []
    room = LONGEST_TEXT
    for text in texts:
        if text.strip():
            found.append(text[:room])
            room -= len(found[-1])
        if room <= 0:
            break
    return "\n".join(found)


def _leaves(data: bytes) -> Iterator[Part]:
    """The leaves of the mail in `data`, without recursion: depth is what senders of bad mail choose."""
    view = memoryview(data)
    stack = [(0, len(data), 0, "text/plain")]
    seen = 0
    while stack and seen < MOST_PARTS:
        start, end, depth, default = stack.pop()
        seen += 1
        headers, body = head.read_headers(data, start, end, longest=_LONGEST_BLOCK if depth else head.LONGEST_BLOCK)
        kind, parameters = _kind(headers, default)
        if kind.startswith("multipart/") and depth < DEEPEST:
            pieces = _pieces(data, body, end, parameters.get("boundary", ""))
            inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
            if pieces:
                stack.extend((first, last, depth + 1, inner) for first, last in reversed(pieces[: MOST_PARTS - seen]))
                continue
            kind = "text/plain"
        yield Part(headers, kind, parameters, view[body:end])


def _pieces(data: bytes, start: int, end: int, boundary: str) -> list[tuple[int, int]]:
    """Where the parts between the lines of `boundary` begin and end (RFC 2046, section 5.1.1)."""
    mark = b"--" + boundary.rstrip().encode("utf-8", "replace")
    if not boundary.strip():
        guess = _SOME_BOUNDARY.search(data, start, min(end, start + LONGEST_TEXT))
        if guess is None:
            return []
        mark = b"--" + guess[1].rstrip()
    pieces: list[tuple[int, int]] = []
    first = -1
    place = data.find(mark, start, end)
    for _ in range(_MOST_BOUNDARIES):
        if place < 0:
            break
        after = place + len(mark)
        if place == start or data[place - 1 : place] in {b"\n", b"\r"}:
            line = data.find(b"\n", after, end)
            line = end if line < 0 else line
            rest = data[after : min(line, after + 80)].strip()
            if not rest or rest == b"--":
                if first >= 0:
                    pieces.append((first, max(first, _without_end(data, place))))
                first = -1 if rest else min(line + 1, end)
                if rest or len(pieces) >= MOST_PARTS:
                    return pieces
        place = data.find(mark, after, end)
    if first >= 0:
        pieces.append((first, end))
    # A boundary that was named but never stands anywhere: some gateways rewrite one of the two.
    return pieces if pieces or not boundary.strip() else _pieces(data, start, end, "")


def _without_end(data: bytes, place: int) -> int:
    """The place before the line end that belongs to the boundary after it."""
    place -= 1 if data[place - 1 : place] == b"\n" else 0
    return place - 1 if data[place - 1 : place] == b"\r" else place
