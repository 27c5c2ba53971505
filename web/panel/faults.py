"""Says what is wrong with the text of an email in the reader's language: the part, the line, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.i18n import gettext as _
from web.i18n import language, later

if TYPE_CHECKING:
    from workflow.mail.templates import TemplateError

PARTS: Final = {"subject.txt": later("Subject"), "body.txt": later("Text"), "body.html": later("HTML")}


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
