"""The port through which an email leaves: what is handed over, and the closed set of ways it can end.

Knows the words, not the wire: `workflow.mail.smtp` speaks them to a server, `FakeTransport` plays them back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Kind = Literal["sent", "transient", "permanent", "uncertain", "withdrawn"]
Scope = Literal["recipient", "message", "mailbox", "host"]


class Reason(StrEnum):
    """Why a mail was not simply sent, as one word."""

    NONE = ""
    UNREACHABLE = "unreachable"
    """No connection, or a server that turns everybody away."""
    TLS = "tls"
    """The connection could not be made private."""
    LOGIN = "login"
    """Our name or password was refused."""
    BUSY = "busy"
    """The server closes for now (421)."""
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    GARBLED = "garbled"
    """An answer that is no answer."""
    DEFERRED = "deferred"
    """Later, says the server (4xx); a greylist for instance."""
    SENDER = "sender"
    """Our own address was refused."""
    NO_SUCH_ADDRESS = "no_such_address"
    """A hard bounce."""
    POLICY = "policy"
    """Our content, reputation or rights (5.7.x)."""
    REFUSED = "refused"
    """A 5xx without a better word."""
    UNSUPPORTED_ADDRESS = "unsupported_address"
    """A local part beyond ASCII, and a server without SMTPUTF8."""


class Phase(StrEnum):
    """How far a mail got. Up to `body` the server has no message; from `dot` on it may have one."""

    CONNECT = "connect"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    REPLIED = "replied"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail for one recipient. More than one would make a partial success, which no state could name."""

    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one sending ended.

    `kind`: sent; transient (try again); permanent (never again as it is); uncertain (the server may have it);
    withdrawn (`before_dot` said no, and nothing was delivered).
    `scope` says whose fault it is and so what has to wait or stop: this recipient, this message, our mailbox, the host.
    `code` is the SMTP code, or None when there was no answer; `text` the server's words, cut to 500 characters.
    """

    kind: Kind
    phase: Phase
    code: int | None = None
    text: str = ""
    queue_id: str = ""
    scope: Scope = "host"
    reason: Reason = Reason.NONE

    @property
    def hard_bounce(self) -> bool:
        """Whether the address itself is bad, so that nothing may be written to it any more."""
        return self.kind == "permanent" and self.scope == "recipient"


class Transport(Protocol):
    """Something that sends mail, one at a time; not for use by two threads at once."""

    def send(self, envelope: Envelope, before_dot: Callable[[], bool]) -> Outcome:
        """Send one mail and say how it ended.

        `before_dot` is called once the whole message is out and only its end mark is missing. When it answers
        False, or raises, the connection is closed without the mark: the server then has no message (RFC 5321,
        section 4.1.1.4). An exception of `before_dot` passes through.
        """

    def close(self) -> None:
        """Leave the server politely; never raises for a server that is gone."""


@dataclass(slots=True)
class FakeTransport:
    """A working transport without a server: keeps what it was given and plays the outcomes it was told to.

    Takes outcomes from `script` in turn and says "sent" when there are none left. Like the real one it asks
    `before_dot` only when the message would get that far, and `sent` holds only what a server would have taken.
    """

    script: Iterable[Outcome] = ()
    sent: list[Envelope] = field(default_factory=list)
    tried: list[Envelope] = field(default_factory=list)
    closed: bool = False
    _turns: list[Outcome] = field(init=False)

    def __post_init__(self) -> None:
        self._turns = list(self.script)

    def send(self, envelope: Envelope, before_dot: Callable[[], bool]) -> Outcome:
        """Play the next outcome; an uncertain one counts as taken."""
        self.tried.append(envelope)
        outcome = self._turns.pop(0) if self._turns else Outcome("sent", Phase.REPLIED, 250, "2.0.0 Ok", "fake")
        if outcome.phase in (Phase.DOT, Phase.REPLIED) and not before_dot():
            return Outcome("withdrawn", Phase.BODY)
        if outcome.kind in ("sent", "uncertain"):
            self.sent.append(envelope)
        return outcome

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True
