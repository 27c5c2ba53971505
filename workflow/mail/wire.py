"""One connection to an SMTP server, line by line, with an absolute deadline on every operation.

Knows bytes, replies and time; what a reply means for a mail is said in `workflow.mail.verdict`.
The standard smtplib is not used: its timeout starts anew with every byte a slow server drips, and its exceptions are
the same before and after the final dot, where the difference decides between "again" and "perhaps twice".
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from workflow.mail.transport import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 1000
"""Bytes of a reply line that are kept; RFC 5321, section 4.5.3.1.5 allows 512."""
LONGEST_REPLY = 256 * 1024
"""Bytes after which a reply is no reply any more."""
_MOST_LINES = 100
_REPLY = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_BEGUN = re.compile(rb"([2-5][0-9]{2})[ -]")
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s|$)")
# Reset instead of a clean end: a server that took the end of the stream for the end of the message would deliver it.
_ABORT = struct.pack("ii", 1, 0)


class Answer(IntEnum):
    """The first digit of a code (RFC 5321, section 4.2.1)."""

    YES = 2
    GO_ON = 3
    LATER = 4
    NO = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server: its code and its words, one line each."""

    code: int
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words on one line, cut to 500 characters."""
        return " ".join(line for line in self.lines if line)[:500]

    @property
    def family(self) -> Answer:
        """What kind of answer it is."""
        return Answer(self.code // 100)

    @property
    def enhanced(self) -> tuple[int, int] | None:
        """Subject and detail of the enhanced code (RFC 3463), such as (1, 1), when one of the same class is there."""
        found = _ENHANCED.match(self.lines[0]) if self.lines else None
        if found is None or int(found[1]) != self.family:
            return None
        return int(found[2]), int(found[3])


class WireError(Exception):
    """The connection failed. `seen` is the answer as far as it came, when its code was already there."""

    def __init__(self, reason: Reason, text: str, seen: Reply | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.seen = seen


class Wire:
    """A connected socket and what was read from it but not yet used."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._limit = -1.0
        self._buffer = bytearray()

    @classmethod
    def connect(cls, host: str, port: int, seconds: float) -> Self:
        """Connect within `seconds`, trying every address of the name. Raises WireError(Reason.UNREACHABLE)."""
        deadline = time.monotonic() + seconds
        last: OSError = TimeoutError("timed out")
        try:
            places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "this is no name of a host"
            raise WireError(Reason.UNREACHABLE, f"{host} has no address: {why}") from error
        for family, kind, protocol, _, place in places:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(left)
                sock.connect(place)
                # Every command waits for its answer: Nagle's wait for a full packet would only add delay.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                last = error
                continue
            return cls(sock)
        raise WireError(Reason.UNREACHABLE, f"{host}:{port} cannot be reached: {last.strerror or last}") from last

    @property
    def own_address(self) -> str:
        """Our end of the connection as an address literal for EHLO (RFC 5321, section 4.1.3)."""
        address = str(self._sock.getsockname()[0]).partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Make the connection private within `seconds`. Raises WireError(Reason.TLS)."""
        if self._buffer:
            # Words from before the handshake would otherwise be taken as said after it (CVE-2011-0411).
            raise WireError(Reason.TLS, "the server spoke before the handshake")
        try:
            self._set_limit(seconds)
            private = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
            self._sock = private
            # The handshake of the ssl module measures its timeout over the whole of it.
            private.do_handshake()
        except (OSError, ValueError) as error:
            raise WireError(Reason.TLS, f"TLS with {host} failed: {error}") from error

    def write(self, data: bytes, seconds: float) -> None:
        """Hand over all of `data` within `seconds`. Raises WireError."""
        deadline = time.monotonic() + seconds
        rest = memoryview(data)
        try:
            while rest:
                self._set_limit(seconds if len(rest) == len(data) else _left(deadline))
                rest = rest[self._sock.send(rest[:65536]) :]
        except TimeoutError as error:
            raise WireError(Reason.TIMEOUT, f"the server took no data for {seconds:g} s") from error
        except OSError as error:
            raise WireError(Reason.DROPPED, f"the connection broke: {error}") from error

    def read_reply(self, seconds: float) -> Reply:
        """The next answer, complete within `seconds`. Raises WireError; a code that had come is in its `seen`."""
        lines: list[str] = []
        code = 0
        try:
            for line in self._lines(seconds):
                parts = _REPLY.fullmatch(line)
                if parts is None or (code and int(parts[1]) != code) or len(lines) >= _MOST_LINES:
                    # A second code in one answer contradicts the first: then neither counts.
                    same = parts is not None and int(parts[1]) == code
                    seen = _seen(code if same else 0, lines)
                    raise WireError(Reason.GARBLED, f"not an answer: {_readable(line)[:200]}", seen)
                code = int(parts[1])
                lines.append(_readable(parts[3] or b""))
                if parts[2] != b"-":
                    return Reply(code, tuple(lines))
        except TimeoutError as error:
            raise WireError(Reason.TIMEOUT, f"no answer within {seconds:g} s", self._begun(code, lines)) from error
        except OSError as error:
            raise WireError(Reason.DROPPED, f"the connection broke: {error}", self._begun(code, lines)) from error
        raise WireError(Reason.DROPPED, "the server closed the connection", self._begun(code, lines))

    def is_quiet(self) -> bool:
        """Whether the server has neither closed the connection nor said anything unasked."""
        if self._buffer:
            return False
        readable = select.poll()
        readable.register(self._sock, select.POLLIN)
        pending = isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()
        if not pending and not readable.poll(0):
            return True
        try:
            self._set_limit(0)
            # Not MSG_PEEK, which TLS has not: a session ticket of TLS 1.3 makes the socket readable, and says nothing.
            self._buffer += self._sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            pass
        return False

    def close(self, *, abort: bool = False) -> None:
        """Close the socket; with `abort` so that nobody takes it for a proper end."""
        with suppress(OSError):
            if abort:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        with suppress(OSError):
            self._sock.close()

    def _lines(self, seconds: float) -> Iterator[bytes]:
        """The lines of the server as they come, each cut to LONGEST_LINE; ends when the connection does."""
        deadline = time.monotonic() + seconds
        line = bytearray()
        total = 0
        while True:
            end = self._buffer.find(b"\n")
            part = self._buffer[: end + 1 or len(self._buffer)]
            line += part[: max(0, LONGEST_LINE - len(line))]
            if end >= 0:
                del self._buffer[: end + 1]
                yield bytes(line).rstrip(b"\r\n")
                line.clear()
                continue
            # Keep only the head of an endless line: `_begun` looks for its code there.
            self._buffer[:] = line
            line.clear()
            self._set_limit(_left(deadline) if total else seconds)
            data = self._sock.recv(65536)
            total += len(data)
            if not data:
                return
            if total > LONGEST_REPLY:
                raise WireError(Reason.GARBLED, "an answer without end", _seen(_code_of(self._buffer), []))
            self._buffer += data

    def _set_limit(self, seconds: float) -> None:
        # Each settimeout is a system call, and most operations have the same limit.
        if seconds != self._limit:
            self._sock.settimeout(seconds)
            self._limit = seconds

    def _begun(self, code: int, lines: list[str]) -> Reply | None:
        return _seen(code or _code_of(self._buffer), lines)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _code_of(line: bytearray) -> int:
    begun = _BEGUN.match(line)
    return int(begun[1]) if begun else 0


def _seen(code: int, lines: list[str]) -> Reply | None:
    return Reply(code, tuple(lines)) if code else None


def _readable(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text.strip()
