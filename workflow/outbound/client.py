"""Posts to an address that was checked: pinned to where it led, no redirects, no proxy, all within a few seconds.

Judges no answer and retries nothing. Reads no more of what is answered than it was told to.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from workflow.outbound import guard
from workflow.outbound.guard import SystemResolver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.outbound.guard import Place, Resolver

_LONGEST_ANSWER: Final = 64 * 1024


class Failed(Exception):
    """Nobody answered as HTTP does; the words say what happened instead."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered: the status, the beginning of the text, and how long to wait if that was said, in seconds."""

    code: int
    text: str
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """All that came, by their names in small letters."""


@dataclass(frozen=True, slots=True)
class Client:
    """Calls out under one policy. `private` lets it call the own network and plain http: for labs and tests."""

    private: bool = False
    resolver: Resolver = field(default_factory=SystemResolver)
    tls: ssl.SSLContext | None = None
    timeout_s: float = 5.0
    longest: int = _LONGEST_ANSWER
    """Bytes that are read of an answer."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Post `body` to `url`. Raises BadInput and Refused for where it leads, Failed when there is no answer."""
        return self.send("POST", url, headers, body)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """The same by another method."""
        until = time.monotonic() + self.timeout_s
        where = guard.place(url, private=self.private)
        try:
            found = guard.addresses(where, self.resolver, private=self.private, timeout_s=self.timeout_s)
        except OSError as error:
            raise Failed(f"the name {where.host} leads nowhere: {_words(error)}") from error
        connection = _Connection(where, found, until, self.tls)
        # What counts is the whole of it: a server that sends a byte every second must hold nobody up.
        watch = threading.Timer(max(0.0, until - time.monotonic()), connection.cut)
        watch.daemon = True
        watch.start()
        try:
            return _asked(connection, (method, where.path, body, headers), self.longest)
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = connection.was_cut or isinstance(error, TimeoutError)
            what = f"no answer within {self.timeout_s:g} seconds" if late else _words(error)
            raise Failed(what) from error
        finally:
            watch.cancel()
            connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection to the addresses that were checked, whatever the name may lead to by now."""

    def __init__(self, where: Place, addresses: Sequence[str], until: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(where.host, where.port)
        self._where = where
        self._addresses = addresses
        self._until = until
        self._tls = (tls or ssl.create_default_context()) if where.is_tls else None
        self.was_cut = False
        # `sock` is given up once the answer begins, and what may drip for hours comes after that.
        self._kept: socket.socket | None = None
        if where.is_tls:
            # Decides whether the Host header names the port.
            self.default_port = 443

    def connect(self) -> None:
        """Connect to the first address that answers."""
        for last, address in zip(range(len(self._addresses) - 1, -1, -1), self._addresses, strict=True):
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                self.sock = socket.create_connection((address, self._where.port), timeout=left)
            except OSError:
                if not last:
                    raise
            else:
                break
        self._kept = self.sock
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._where.host)
            self._kept = self.sock

    def cut(self) -> None:
        """End it, in whatever state it is; called from another thread."""
        self.was_cut = True
        if self._kept is not None:
            try:
                self._kept.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def _asked(connection: _Connection, asked: tuple[str, str, bytes | None, Mapping[str, str]], longest: int) -> Reply:
    method, path, body, headers = asked
    connection.request(method, path, body, {"User-Agent": "Onward", "Accept-Encoding": "identity", **headers})
    answer = connection.getresponse()
    text = answer.read(longest).decode("utf-8", "replace")
    if connection.was_cut:
        raise TimeoutError
    told = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status, text, _wait(answer.headers.get("Retry-After")), told)


def _wait(told: str | None) -> float | None:
    """Retry-After of RFC 9110, section 10.2.3: seconds, or a date."""
    if told is None:
        return None
    told = told.strip()
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"not HTTP: {type(error).__name__}"
