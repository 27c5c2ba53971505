"""Says what is wrong with the text of an email, or with its server, in the reader's language, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.i18n import gettext as _
from web.i18n import language, later
from workflow.mail.transport import Phase, Reason

if TYPE_CHECKING:
    from workflow.mail.templates import TemplateError
    from workflow.mail.transport import Outcome

PARTS: Final = {"subject.txt": later("Subject"), "body.txt": later("Text"), "body.html": later("HTML")}
_CAME_TO: Final = {
    Phase.CONNECT: later("The mail server was not reached."),
    Phase.TLS: later("The connection could not be made private."),
    Phase.AUTH: later("The mail server refused the sign-in."),
    Phase.MAIL: later("The mail server refused the sender."),
}
# What the connection tells is English for the log; these are the same for people.
_WIRE: Final = {
    Reason.UNREACHABLE: later("Nobody answers at its address: check host and port."),
    Reason.TIMEOUT: later("It did not answer in time."),
    Reason.DROPPED: later("It closed the connection."),
    Reason.GARBLED: later("What answers there is no mail server."),
}


def refusal(outcome: Outcome) -> str:
    """How far a mail server let us come and why no further: in words, with the answer that it gave itself."""
    known = _CAME_TO.get(outcome.phase)
    at_fault = _WIRE.get(outcome.reason) if outcome.code is None else None
    answer = _(at_fault) if at_fault else " ".join(filter(None, [str(outcome.code or ""), outcome.text]))
    return " ".join(filter(None, [_(known) if known else _("The mail server broke off."), answer]))


def sentence(error: TemplateError) -> str:
    """What is wrong, in words."""
    return error.fault.words(language())


def place(error: TemplateError) -> str:
    """The part and the line of it, in words; empty when it is about the whole."""
    part = PARTS.get(error.place.part)
    if part is None:
        return ""
    named = _(part)
    return _("%(part)s, line %(line)s") % {"part": named, "line": error.line} if error.line else named
