"""The headers of a mail that came in, as text: unfolded, decoded, cut to bounds, whatever the bytes are.

Raises for no bytes and takes time in proportion to their length. The standard library's parser does neither: some
values make it raise, others recurse, and nested ones cost the square of their length. Judges nothing.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_BLOCK: Final = 256 * 1024
"""Bytes of all headers of one part that are looked at."""
MOST_HEADERS: Final = 1000
_LONGEST_VALUE: Final = 16 * 1024
_LONGEST_PARAMETERS: Final = 2048
_MOST_ADDRESSES: Final = 200
_MOST_IDS: Final = 100

_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_FIELD: Final = re.compile(rb"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_WORD: Final = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_GAP: Final = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.){0,1000}+"', re.DOTALL)
_COMMENT: Final = re.compile(r"\([^()]*\)")
_ANGLE: Final = re.compile(r"<\s*([^<>\s]{1,320})\s*>")
_BARE: Final = re.compile(r"[^\s<>(),;:\"@\[\]\\]{1,128}@[^\s<>(),;:\"@\[\]\\]{1,255}")
_ID: Final = re.compile(r"<\s*([^<>\s]{1,500})\s*>")
_PARAMETER: Final = re.compile(r";\s*([^=;\s\"]{1,60})\s*=\s*(\"(?:[^\"\\]|\\.)*+\"|[^;]*)", re.DOTALL)
_CONTINUED: Final = re.compile(r"([^*]+)\*(\d{1,3})?(\*)?")
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_GUESSED: Final = 100_000
_HIGH: Final = bytes(range(0x80, 0x100))
_CYRILLIC_RUN: Final = re.compile(rb"[\xc0-\xff]{3,}")

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64: Final = bytes(byte for byte in range(256) if byte not in _BASE64)

# Only these: the standard library knows codecs that are slow (idna), unpack (zip) or raise (undefined).
_CODECS: Final = {
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8", "utf-8-sig"), "utf-8"),
    **dict.fromkeys(("windows-1251", "cp1251", "win-1251", "x-cp1251", "cp-1251", "windows1251"), "windows-1251"),
    **dict.fromkeys(("windows-1252", "cp1252", "iso-8859-1", "latin-1", "latin1", "iso8859-1", "ansi"), "cp1252"),
    **dict.fromkeys(("koi8-r", "koi8r", "koi8"), "koi8-r"),
    "koi8-u": "koi8-u",
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"windows-{n}": f"cp{n}" for n in (1250, 1253, 1254, 1255, 1256, 1257, 1258, 874)},
    **dict.fromkeys(("cp866", "ibm866"), "cp866"),
    "x-mac-cyrillic": "mac-cyrillic",
    "macintosh": "mac-roman",
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-7", "big5", "gb18030", "euc-kr", "euc-jp")},
    **dict.fromkeys(("gb2312", "gbk", "x-gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis"), "cp932"),
    "ks_c_5601-1987": "cp949",
    "iso-2022-jp": "iso-2022-jp",
}


@dataclass(frozen=True, slots=True)
class Headers:
    """Headers by lower-case name, unfolded; encoded words still encoded, in the order they stand."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def raw(self, name: str) -> str:
        """The first value of `name` as it was sent; empty where there is none."""
        values = self.fields.get(name)
        return values[0] if values else ""

    def every(self, name: str) -> tuple[str, ...]:
        """All values of `name` as they were sent."""
        return self.fields.get(name, ())

    def text(self, name: str) -> str:
        """The first value of `name` as a person reads it: on one line, nothing hidden."""
        raw = self.raw(name)
        return " ".join(words(raw).split()) if raw else ""


def read_headers(
    content: bytes, start: int = 0, end: int | None = None, *, longest: int = LONGEST_BLOCK
) -> tuple[Headers, int]:
    """The headers that begin at `start`, and where the body after them begins.

    A line that is no header ends them, as an empty one does: the rest is body, so that no words are lost.
    """
    last = len(content) if end is None else end
    stop = min(last, start + longest)
    found: dict[str, list[str]] = {}
    lines: list[bytes] = []
    count = 0
    place = start
    while place < stop:
        match = _LINE.match(content, place, stop)
        line = match[1] if match else b""
        if match is None or not line:
            place = match.end() if match else stop
            break
        if line[:1] in b" \t" and lines:
            lines.append(line)
        elif _FIELD.match(line) and count < MOST_HEADERS:
            _keep(found, lines)
            lines = [line]
            count += 1
        elif place == start and line.startswith((b"From ", b">From ")):
            # The separator of an mbox file, which some servers leave in front.
            start = match.end()
        else:
            break
        place = match.end()
    _keep(found, lines)
    return Headers(MappingProxyType({name: tuple(values) for name, values in found.items()})), place


def _keep(found: dict[str, list[str]], lines: list[bytes]) -> None:
    match = (
        _FIELD.match(b" ".join(line.strip(b" \t") if at else line for at, line in enumerate(lines))) if lines else None
    )
    if match:
        value = plain(match[2][:_LONGEST_VALUE].strip(), "")
        found.setdefault(match[1].decode("ascii").lower(), []).append(value)


def plain(data: bytes, charset: str) -> str:
    """`data` as text in `charset`; guessed where that is unknown or wrong. No control signs, line ends as they are."""
    if data.isascii() and charset.lower() not in {"utf-7", "iso-2022-jp", "utf-16", "utf-16le", "utf-16be"}:
        text = data.decode("ascii")
        return text if text.isprintable() else _NOT_TEXT.sub("", text)
    codec = _CODECS.get(charset.lower().strip(" \"'").replace("_", "-"), "") or _CODECS.get(charset.lower(), "")
    if codec and codec != "utf-8":
        try:
            return _NOT_TEXT.sub("", data.decode(codec))
        except UnicodeDecodeError:
            if codec.startswith(("utf-16", "utf-7", "big5", "gb", "euc", "cp9", "iso-2022")):
                return _NOT_TEXT.sub("", data.decode(codec, "replace"))
    return _NOT_TEXT.sub("", _guessed(data))


def _guessed(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A cut or a single broken sign in long UTF-8 is no reason to read all of it as another charset.
        good = data[: error.start]
        if not good.isascii() or (len(data) - error.start < 4 and error.start > 0):  # noqa: PLR2004 - a cut sign
            return data.decode("utf-8", "replace")
    some = data[:_GUESSED]
    high = len(some) - len(some.translate(None, delete=_HIGH))
    if sum(map(len, _CYRILLIC_RUN.findall(some))) * 2 > high:
        # Small letters, which are most of any text, lie in the upper half in one and in the lower in the other.
        upper = len(some) - len(some.translate(None, delete=_HIGH[0x60:]))
        lower = len(some) - len(some.translate(None, delete=_HIGH[0x40:0x60]))
        return data.decode("windows-1251" if upper >= lower else "koi8-r", "replace")
    return data.decode("cp1252", "replace")


def words(raw: str) -> str:
    """`raw` with its encoded words (RFC 2047) decoded; a broken one stays as it stands."""
    if "=?" not in raw:
        return raw
    joined = _GAP.sub(r"\1", raw)
    parts: list[str] = []
    held: list[bytes] = []
    charset = ""
    place = 0
    for match in _WORD.finditer(joined):
        data = _word(match[2], match[3])
        name = match[1].partition("*")[0]
        # Neighbours of one charset are joined before they are decoded: many senders split a sign between two.
        if held and (joined[place : match.start()] or name.lower() != charset.lower()):
            parts.append(plain(b"".join(held), charset))
            held = []
        parts.append(joined[place : match.start()])
        held.append(data)
        charset, place = name, match.end()
    if held:
        parts.append(plain(b"".join(held), charset))
    return "".join(parts) + joined[place:]


def _word(coding: str, text: str) -> bytes:
    if coding in "bB":
        return base64(text.encode("ascii", "replace"))
    return binascii.a2b_qp(text.replace("_", " ").encode("utf-8", "replace"), header=True)


def base64(data: bytes) -> bytes:
    """What `data` holds, signs that cannot stand in base64 and a broken end left out."""
    data = data.translate(None, delete=_NOT_BASE64)
    data = data[: len(data) - 1] if len(data) % 4 == 1 else data
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return b""


def parameters(raw: str) -> tuple[str, Mapping[str, str]]:
    """The value and the parameters of a header such as Content-Type (RFC 2045, RFC 2231), names in lower case."""
    short = raw[:_LONGEST_PARAMETERS]
    value = _COMMENT.sub("", short.partition(";")[0]).strip().lower()
    found: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for match in _PARAMETER.finditer(short):
        name, text = match[1].lower(), match[2].strip()
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:])
        else:
            text = text.partition(" (")[0].strip()
        split = _CONTINUED.fullmatch(name)
        if split:
            pieces.setdefault(split[1], {}).setdefault(int(split[2] or 0), (text, bool(split[3] or not split[2])))
        else:
            found.setdefault(name, words(text))
    for name, parts in pieces.items():
        found[name] = _joined([parts[at] for at in sorted(parts)])
    return value, found


def _joined(parts: list[tuple[str, bool]]) -> str:
    """A value in pieces (RFC 2231): the first may name a charset, each may be percent-encoded."""
    charset = ""
    data = b""
    for at, (text, encoded) in enumerate(parts):
        piece = text
        if at == 0 and encoded and text.count("'") >= 2:  # noqa: PLR2004 - charset'language'value
            charset, _, piece = text.split("'", 2)
        data += unquote_to_bytes(piece) if encoded else piece.encode("utf-8", "replace")
    return plain(data, charset)


def addresses(raw: str) -> tuple[tuple[str, str], ...]:
    """The names and addresses of `raw`, which came as From or To; what is no address is left out."""
    return tuple(_addresses(raw))


def _addresses(raw: str) -> Iterator[tuple[str, str]]:
    # A name in quotes may hold commas and other people's addresses.
    names: list[str] = []

    def hide(match: re.Match[str]) -> str:
        names.append(match[0][1:-1])
        return f" \x00{len(names) - 1}\x00 "

    bare = _QUOTED.sub(hide, raw)
    for _ in range(3):
        bare = _COMMENT.sub(" ", bare)
    for piece in bare.split(",", _MOST_ADDRESSES)[:_MOST_ADDRESSES]:
        angles = _ANGLE.findall(piece)
        if angles:
            address = angles[-1]
        else:
            match = _BARE.search(piece)
            if match is None:
                continue
            address = match[0]
        if "@" not in address:
            continue
        name = re.sub("\x00(\\d+)\x00", lambda found: names[int(found[1])], piece.partition("<")[0]) if angles else ""
        yield " ".join(words(name).split()), address.removeprefix("mailto:").strip(".")


def ids(raw: str) -> tuple[str, ...]:
    """The Message-IDs of `raw` in angle brackets, in order, each once."""
    # Some mailers, Python's own among them, fold a long id as an encoded word.
    raw = words(raw)
    found = dict.fromkeys(f"<{each}>" for each in _ID.findall(raw))
    if not found:
        # Some servers leave the brackets out.
        found = dict.fromkeys(f"<{each}>" for each in _BARE.findall(raw))
    return tuple(found)[-_MOST_IDS:]


def when(raw: str) -> datetime | None:
    """The time of a Date header in UTC, or None where there is no possible one."""
    try:
        parsed = parsedate_tz(raw[:100])
        if parsed is None:
            return None
        zone = timezone(timedelta(seconds=parsed[9] or 0))
        found = datetime(*parsed[:6], tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return found if 1980 <= found.year < 2200 else None  # noqa: PLR2004 - clocks that were never set


def offset(raw: str) -> timedelta | None:
    """The distance from UTC that a Date header names: where its sender sits, more or less."""
    match = re.search(r"([+-])(\d\d):?(\d\d)\b", raw[:100])
    if match is None or int(match[2]) > 14:  # noqa: PLR2004 - no zone lies further east
        return None
    return (-1 if match[1] == "-" else 1) * timedelta(hours=int(match[2]), minutes=int(match[3]))
