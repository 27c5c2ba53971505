"""Sends mail over SMTP, one kept connection for many mails, and says exactly how far each one got.

Reads the server's address, speaks the protocol and asks before the final dot. Decides nothing about trying again, and
never lowers its demands: where TLS is required, nothing is sent without it.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from workflow.errors import BadInput, Unavailable
from workflow.mail.hosts import is_here
from workflow.mail.transport import Envelope, FakeTransport, Kind, Outcome, Phase, Reason, Scope, Transport
from workflow.mail.verdict import on_break, on_reply
from workflow.mail.wire import Answer, Reply, Wire, WireError
from workflow.probe import SILENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.probe import Probe

__all__ = [
    "Envelope",
    "FakeTransport",
    "Kind",
    "Outcome",
    "Phase",
    "Reason",
    "Scope",
    "SmtpServer",
    "SmtpTransport",
    "Timeouts",
    "Transport",
]

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT: Final = re.compile(rb"(?m)^\.")
_ADDRESS: Final = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>\x00-\x1f\x7f]+")
_CLOSING: Final = 421
_BAD_SEQUENCE: Final = 503
_GO_ON: Final = 334
_PARTING_SECONDS: Final = 2.0
"""How long QUIT may take: everything is settled by then, and nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Absolute limits in seconds, one operation each, however slowly the server drips (RFC 5321, section 4.5.3.2)."""

    connect: float = 20.0
    command: float = 60.0
    body: float = 120.0
    dot: float = 600.0


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in, and how private that must be."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    security: Literal["tls", "starttls", "none"] = "starttls"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `smtp://user:pass@host:587?starttls=required`, `smtps://…` or `…?starttls=never`.

        TLS is required with a checked certificate; only a server on this machine may do without. Ports when none is
        given: smtps 465, smtp 587 with a user, else 25. Raises ValueError with one sentence, never the password.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
            options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            message = "The mail server's address cannot be read: write it as smtp://user:password@host:587."
            raise ValueError(message) from None
        host = parts.hostname or ""
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        _check_url(parts.scheme, host, parts.path, parts.fragment, has_user=bool(user), has_password=bool(password))
        security = _security(parts.scheme, options, here=is_here(host))
        if security == "none" and user and not is_here(host):
            message = f"The password for {host} would travel unprotected: leave out starttls=never, or the user."
            raise ValueError(message)
        usual = 465 if security == "tls" else 587 if user else 25
        return cls(host, port or usual, user, password, security)


class SmtpTransport:
    """The transport over a real server. Opens the connection with the first mail and keeps it for the next ones."""

    def __init__(
        self,
        server: SmtpServer,
        timeouts: Timeouts | None = None,
        probe: Probe = SILENT,
        tls: ssl.SSLContext | None = None,
        *,
        access_token: Callable[[], str] | None = None,
    ) -> None:
        """`access_token` gives a fresh one for XOAUTH2, instead of the password in the server's address."""
        self._server = server
        self._access_token = access_token
        self._timeouts = timeouts or Timeouts()
        self._probe = probe
        self._tls = tls
        self._wire: Wire | None = None
        self._features: dict[str, str] = {}
        self._needs_reset = False
        self._phase = Phase.CONNECT

    def send(self, envelope: Envelope, before_dot: Callable[[], bool]) -> Outcome:
        """Send one mail; see `Transport.send`. Raises ValueError for an envelope with a malformed address."""
        _check_envelope(envelope)
        ended = False
        self._phase = Phase.CONNECT
        try:
            outcome = self._converse(envelope, before_dot)
            ended = True
        except WireError as error:
            outcome = on_break(self._phase, error)
        except _Refused as refusal:
            outcome = on_reply(self._phase, refusal.reply)
            ended = refusal.reply.code != _CLOSING and self._phase in (Phase.RCPT, Phase.DATA, Phase.REPLIED)
            self._needs_reset = self._phase is not Phase.REPLIED
        except _Unsupported as error:
            why = Reason.UNSUPPORTED_ADDRESS
            outcome = Outcome("permanent", Phase.MAIL, None, str(error), scope="message", reason=why)
            ended = True
        finally:
            # Whatever went wrong, an exception of `before_dot` included: no end mark may follow on this connection.
            if not ended:
                self._drop(abort=self._phase in (Phase.DATA, Phase.BODY))
        return outcome

    def try_out(self, sender: str) -> Outcome:
        """Connect, make it private, sign in and ask whether `sender` may send, without a mail: `sent` means yes."""
        self._phase = Phase.CONNECT
        try:
            self._drop()
            wire = self._mail(self._connect(), Envelope(sender, sender, b""))
            return on_reply(Phase.REPLIED, self._command(wire, "RSET", 250))
        except WireError as error:
            return on_break(self._phase, error)
        except (_Refused, _Unsupported) as refusal:
            if isinstance(refusal, _Unsupported):
                why = Reason.UNSUPPORTED_ADDRESS
                return Outcome("permanent", Phase.MAIL, None, str(refusal), scope="mailbox", reason=why)
            return on_reply(self._phase, refusal.reply)
        finally:
            self.close()

    def close(self) -> None:
        """Say QUIT and close; a server that is gone or answers nonsense is no matter any more."""
        if self._wire is not None:
            with suppress(WireError):
                self._wire.write(b"QUIT\r\n", _PARTING_SECONDS)
                self._wire.read_reply(_PARTING_SECONDS)
        self._drop()

    def _converse(self, envelope: Envelope, before_dot: Callable[[], bool]) -> Outcome:
        wire = self._start_mail(envelope)
        self._phase = Phase.RCPT
        self._command(wire, f"RCPT TO:<{envelope.recipient}>", 250, 251)
        self._probe.at("smtp.rcpt")
        self._phase = Phase.DATA
        self._command(wire, "DATA", 354)
        self._phase = Phase.BODY
        wire.write(_on_the_wire(envelope.content), self._timeouts.body)
        self._probe.at("smtp.body")
        self._expect_silence(wire)
        if not before_dot():
            self._drop(abort=True)
            return Outcome("withdrawn", Phase.BODY)
        # Asking may have taken a while: a server that gave up meanwhile has no message for certain.
        self._expect_silence(wire)
        self._phase = Phase.DOT
        wire.write(b".\r\n", self._timeouts.command)
        self._probe.at("smtp.dot")
        reply = wire.read_reply(self._timeouts.dot)
        self._phase = Phase.REPLIED
        self._probe.at("smtp.replied")
        if reply.family is Answer.YES:
            return on_reply(self._phase, reply)
        raise _Refused(reply)

    def _start_mail(self, envelope: Envelope) -> Wire:
        """Bring the conversation up to an accepted MAIL.

        A kept connection may have died unnoticed. Nothing of this mail was said on it yet, so one new one is safe.
        """
        kept = self._wire
        if kept is not None and kept.is_quiet():
            try:
                if self._needs_reset:
                    self._phase = Phase.MAIL
                    self._command(kept, "RSET", 250)
                    self._needs_reset = False
                return self._mail(kept, envelope)
            except WireError:
                pass
            except _Refused as refusal:
                if not self._needs_reset and refusal.reply.code not in (_CLOSING, _BAD_SEQUENCE):
                    raise
        self._drop()
        return self._mail(self._connect(), envelope)

    def _mail(self, wire: Wire, envelope: Envelope) -> Wire:
        self._probe.at("smtp.connected")
        parameters = f" SIZE={len(envelope.content)}" if "SIZE" in self._features else ""
        if not envelope.content.isascii() and "8BITMIME" in self._features:
            parameters += " BODY=8BITMIME"
        if not (envelope.sender + envelope.recipient).isascii():
            if "SMTPUTF8" not in self._features:
                message = "The mail server does not offer SMTPUTF8, which this address needs."
                raise _Unsupported(message)
            parameters += " SMTPUTF8"
        self._phase = Phase.MAIL
        self._command(wire, f"MAIL FROM:<{envelope.sender}>{parameters}", 250)
        self._probe.at("smtp.mail")
        return wire

    def _connect(self) -> Wire:
        """A fresh connection, greeted, private and signed in as the server's address says."""
        server, limit = self._server, self._timeouts
        self._phase = Phase.CONNECT
        wire = self._wire = Wire.connect(server.host, server.port, limit.connect)
        if server.security == "tls":
            self._phase = Phase.TLS
            wire.start_tls(self._context(), server.host, limit.connect)
            self._phase = Phase.CONNECT
        self._expect(wire.read_reply(limit.command), 220)
        self._greet(wire)
        if server.security == "starttls":
            self._phase = Phase.TLS
            if "STARTTLS" not in self._features:
                raise WireError(Reason.TLS, f"{server.host} offers no STARTTLS, and TLS is required")
            self._command(wire, "STARTTLS", 220)
            wire.start_tls(self._context(), server.host, limit.connect)
            # What was said in the clear counts no more (RFC 3207, section 4.2).
            self._greet(wire)
        if server.user or self._access_token is not None:
            self._phase = Phase.AUTH
            self._sign_in(wire)
        return wire

    def _greet(self, wire: Wire) -> None:
        name = socket.gethostname()
        if not re.fullmatch(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", name):
            name = wire.own_address
        reply = self._command(wire, f"EHLO {name}", 250)
        # "AUTH=LOGIN" is how old servers wrote "AUTH LOGIN".
        pairs = (line.upper().replace("AUTH=", "AUTH ").partition(" ") for line in reply.lines[1:])
        self._features = {word: rest for word, _, rest in pairs}

    def _sign_in(self, wire: Wire) -> None:
        server = self._server
        ways = self._features.get("AUTH", "").split()
        if self._access_token is not None:
            self._show_token(wire, ways, self._access_token)
        elif "PLAIN" in ways:
            # RFC 4616. In one line, so that a server cannot ask for the parts in another order.
            login = f"\0{server.user}\0{server.password}"
            self._command(wire, f"AUTH PLAIN {_base64(login)}", 235)
        elif "LOGIN" in ways:
            self._command(wire, "AUTH LOGIN", 334)
            self._command(wire, _base64(server.user), 334)
            self._command(wire, _base64(server.password), 235)
        else:
            raise _Refused(Reply(535, (f"{server.host} offers neither AUTH PLAIN nor AUTH LOGIN",)))

    def _show_token(self, wire: Wire, ways: list[str], token: Callable[[], str]) -> None:
        """XOAUTH2, as Google and Microsoft document it."""
        if "XOAUTH2" not in ways:
            raise _Refused(Reply(535, (f"{self._server.host} does not offer AUTH XOAUTH2",)))
        try:
            shown = token()
        except Unavailable as error:
            raise WireError(Reason.UNREACHABLE, error.message) from error
        except BadInput as error:
            raise _Refused(Reply(535, (error.message,))) from error
        word = f"user={self._server.user}\x01auth=Bearer {shown}\x01\x01"
        reply = self._say(wire, f"AUTH XOAUTH2 {_base64(word)}")
        if reply.code == _GO_ON:
            # The error comes as a challenge; an empty line asks for the refusal itself.
            reply = self._say(wire, "")
        self._expect(reply, 235)

    def _command(self, wire: Wire, line: str, *wanted: int) -> Reply:
        return self._expect(self._say(wire, line), *wanted)

    def _say(self, wire: Wire, line: str) -> Reply:
        wire.write(line.encode() + b"\r\n", self._timeouts.command)
        return wire.read_reply(self._timeouts.command)

    @staticmethod
    def _expect(reply: Reply, *wanted: int) -> Reply:
        if reply.code not in wanted:
            raise _Refused(reply)
        return reply

    def _expect_silence(self, wire: Wire) -> None:
        if not wire.is_quiet():
            raise _Refused(wire.read_reply(self._timeouts.command))

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _drop(self, *, abort: bool = False) -> None:
        if self._wire is not None:
            self._wire.close(abort=abort)
        self._wire = None
        self._needs_reset = False


class _Refused(Exception):
    """The server answered something else than the mail needed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class _Unsupported(Exception):
    """The server cannot carry this address."""


def _check_url(scheme: str, host: str, path: str, fragment: str, *, has_user: bool, has_password: bool) -> None:
    message = ""
    if scheme not in ("smtp", "smtps"):
        message = "The mail server's address must begin with smtp:// or smtps://."
    elif not host:
        message = "The mail server's address names no host: write it as smtp://user:password@host:587."
    elif path not in ("", "/") or fragment:
        message = "The mail server's address goes on after the port: write % / ? # in a password as %25 %2F %3F %23."
    elif has_password and not has_user:
        message = "The mail server's address has a password and no user: write smtp://user:password@host:587."
    if message:
        raise ValueError(message)


def _security(scheme: str, options: list[tuple[str, str]], *, here: bool) -> Literal["tls", "starttls", "none"]:
    for name, _ in options:
        if name != "starttls":
            message = f"{name[:40]!r} is no option of a mail server's address: the only one is starttls."
            raise ValueError(message)
    values = {value for _, value in options}
    if not values <= {"required", "never"} or len(values) > 1:
        message = "The option starttls of the mail server's address is either required or never."
        raise ValueError(message)
    if scheme == "smtps":
        if values:
            message = "smtps:// is private from the first byte: leave out the option starttls, or write smtp://."
            raise ValueError(message)
        return "tls"
    if values:
        return "starttls" if "required" in values else "none"
    return "none" if here else "starttls"


def _check_envelope(envelope: Envelope) -> None:
    for address in (envelope.sender, envelope.recipient):
        if not _ADDRESS.fullmatch(address):
            message = f"Not an address for an envelope: {address[:80]!r}."
            raise ValueError(message)


def _on_the_wire(content: bytes) -> bytes:
    """Lines ended by CRLF, leading dots doubled (RFC 5321, section 4.5.2), and an end of line before the end mark."""
    if content.count(b"\n") != content.count(b"\r\n") or content.count(b"\r") != content.count(b"\r\n"):
        content = _LINE_END.sub(b"\r\n", content)
    if b"\n." in content or content.startswith(b"."):
        content = _LEADING_DOT.sub(b"..", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
