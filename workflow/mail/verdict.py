"""What a server's answer means for a mail: a pure table from phase and code to an outcome.

Sources: RFC 5321 section 4.2 for codes, RFC 3463 for enhanced codes. Trusts how far the mail got, never the kind of
the exception: a connection lost before the final dot has delivered nothing, one lost after it may have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from workflow.mail.transport import Outcome, Phase, Reason, Scope
from workflow.mail.wire import Answer

if TYPE_CHECKING:
    from workflow.mail.wire import Reply, WireError

_BUSY: Final = 421
_BAD_SEQUENCE: Final = 503
_TOO_BIG: Final = 552
_FAILED: Final = 554
_LOGIN: Final = frozenset({530, 534, 535, 538})
_NO_SUCH: Final = frozenset({501, 521, 550, 551, 553, 556})
_NO_SUCH_DETAIL: Final = frozenset({(2, 1), (4, 1), (4, 4)})
"""Mailbox disabled; no such user as Exchange Online says it; no route to the domain."""
_OUR_ADDRESS: Final = frozenset({(1, 7), (1, 8)})
_ADDRESS, _POLICY = 1, 7
"""Subjects of an enhanced code (RFC 3463, section 3.1)."""
# A 5xx without an enhanced code that blames us, as Exim writes it; read as a bad address it would cost us a prospect.
_BLAMES_US: Final = re.compile(
    r"relay|authenticat|not permitted|spam|black.?list|block.?list|blocked|reputation|polic", re.IGNORECASE
)
_QUEUE_ID: Final = re.compile(r"(?:queued as|queue[d-]?[ _-]?id[:=]?|\bid=)\s*([A-Za-z0-9._@-]{1,100})", re.IGNORECASE)


def on_reply(phase: Phase, reply: Reply) -> Outcome:
    """Judge an answer that ended the mail in `phase`: not the one it needed there, or the one after the dot."""
    if phase is Phase.REPLIED and reply.family is Answer.YES:
        found = _QUEUE_ID.search(reply.text)
        return Outcome("sent", phase, reply.code, reply.text, found[1] if found else "", scope="message")
    if reply.code == _BUSY:
        return _transient(phase, reply, "host", Reason.BUSY)
    if reply.family is Answer.LATER:
        return _transient(phase, reply, _deferred_scope(phase), Reason.DEFERRED)
    if reply.family is Answer.NO:
        return _refused(phase, reply)
    # A yes or a "go on" out of turn. After the dot it is neither an acceptance nor a refusal.
    if phase is Phase.REPLIED:
        return Outcome("uncertain", Phase.DOT, reply.code, reply.text, scope="message", reason=Reason.GARBLED)
    return _transient(phase, reply, "host", Reason.GARBLED)


def on_break(phase: Phase, error: WireError) -> Outcome:
    """Judge a connection that failed in `phase`."""
    if phase is not Phase.DOT:
        code = error.seen.code if error.seen else None
        return Outcome("transient", phase, code, error.text, scope="host", reason=error.reason)
    if error.seen is not None and error.seen.family is not Answer.GO_ON:
        # The code of an answer stands on its first line: what broke off are only further words.
        return on_reply(Phase.REPLIED, error.seen)
    return Outcome("uncertain", phase, None, error.text, scope="message", reason=error.reason)


def _refused(phase: Phase, reply: Reply) -> Outcome:
    if phase is Phase.TLS:
        return _transient(phase, reply, "host", Reason.TLS)
    if phase is Phase.CONNECT or reply.code == _BAD_SEQUENCE:
        # A refusal at the door meets every mail alike; "bad sequence" means that the conversation went wrong.
        return _transient(phase, reply, "host", Reason.UNREACHABLE)
    scope, reason = _blame(phase, reply)
    return Outcome("permanent", phase, reply.code, reply.text, scope=scope, reason=reason)


def _blame(phase: Phase, reply: Reply) -> tuple[Scope, Reason]:
    """Whose fault a 5xx is. Only what surely speaks of the recipient's address may suppress it."""
    if phase is Phase.AUTH or reply.code in _LOGIN:
        return "mailbox", Reason.LOGIN
    subject, detail = reply.enhanced or (0, 0)
    if phase is Phase.MAIL:
        too_big = reply.code == _TOO_BIG or (subject, detail) == (3, 4)
        return ("message", Reason.REFUSED) if too_big else ("mailbox", Reason.SENDER)
    if (subject, detail) in _OUR_ADDRESS:
        return "mailbox", Reason.SENDER
    if subject == _ADDRESS or (subject, detail) in _NO_SUCH_DETAIL:
        return "recipient", Reason.NO_SUCH_ADDRESS
    if subject:
        return ("mailbox", Reason.POLICY) if subject == _POLICY else ("message", Reason.REFUSED)
    if reply.code == _FAILED or _BLAMES_US.search(reply.text):
        return "mailbox", Reason.POLICY
    if phase is Phase.RCPT and reply.code in _NO_SUCH:
        return "recipient", Reason.NO_SUCH_ADDRESS
    return "message", Reason.REFUSED


def _deferred_scope(phase: Phase) -> Scope:
    if phase is Phase.RCPT:
        return "recipient"
    return "message" if phase in (Phase.DATA, Phase.BODY, Phase.REPLIED) else "host"


def _transient(phase: Phase, reply: Reply, scope: Scope, reason: Reason) -> Outcome:
    return Outcome("transient", phase, reply.code, reply.text, scope=scope, reason=reason)
