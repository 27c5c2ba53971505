"""Says what is wrong with the text of an email in the reader's language: the part, the line, and what to do.

The checks of `workflow.mail` speak English only; here their sentences are known again and translated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from web.i18n import gettext as _
from web.i18n import later

if TYPE_CHECKING:
    from workflow.mail.templates import TemplateError

PARTS: Final = {"subject.txt": later("Subject"), "body.txt": later("Text"), "body.html": later("HTML")}
_SAID: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"there is no value '(?P<v>.+)', and no fall-back", later("“%(v)s” is not known here, and has no fall-back")),
        (r"there is no value '(?P<v>.+?)'; the values are .*", later("there is no value “%(v)s”")),
        (r"it has no .*, and every email must say how to end them",
         later("it has no {{ unsubscribe_url }}, and every email must say how to end them")),
        (r"a choice has no text for this case", later("a choice has no text for this case")),
        (r"the subject is empty", later("the subject is empty")),
        (r"there is no such email", later("there is no such email")),
        (r"it is nested too deeply.*", later("it is nested too deeply, or its tags are not closed")),
        (r"it names more than (?P<n>\d+) values", later("it names more than %(n)s values")),
        (r"it (?:would be|is) longer than (?P<n>\d+) \w+", later("it is longer than %(n)s characters")),
        (r"its styles .*", later("its styles are too many or too long")),
        (r"(?P<v>an? [\w ]+) is not allowed in an email",
         later("there are no loops, macros, assignments or calls here")),
        (r"the construct (?P<v>\w+) is not allowed in an email", later("“%(v)s” is not allowed in an email")),
        (r"the name '(?P<v>.+)' is not allowed in an email", later("“%(v)s” is not allowed in an email")),
        (r"the word none is not allowed.*", later("the word none is not allowed in an email")),
        (r"there is no filter '(?P<v>.+?)'; the filters are (?P<all>.*)",
         later("there is no filter “%(v)s”; the filters are %(all)s")),
        (r"there is no test '(?P<v>.+?)'; the tests are (?P<all>.*)",
         later("there is no test “%(v)s”; the tests are %(all)s")),
        (r"it has more than (?P<n>\d+) tags", later("it has more than %(n)s tags")),
        (r"a <! begins something that is no HTML", later("a <! begins something that is no HTML")),
        (r"a block of the template stands inside a tag", later("a block of the template stands inside a tag")),
        (r"(?P<v><\w+>) is not closed", later("%(v)s is not closed")),
        (r"(?P<v></\w+>) stands where (?P<w></\w+>) is due", later("%(v)s stands where %(w)s is due")),
        (r"(?:the attribute )?(?P<v>\S+) has no place in an email", later("%(v)s has no place in an email")),
        (r"a value in (?P<v><\w+>) stands outside quotation marks",
         later("a value in %(v)s stands outside quotation marks")),
        (r"a value stands inside a style", later("a value stands inside a style")),
        (r"(?P<v>\w+) must begin with https://.*",
         later("%(v)s must begin with https://, mailto: or a value whose name ends in _url")),
    )
)  # fmt: skip


def sentence(error: TemplateError) -> str:
    """What is wrong, in words."""
    for pattern, words in _SAID:
        found = pattern.fullmatch(error.what)
        if found:
            return _(words) % found.groupdict()
    return _("it cannot be read: %(why)s") % {"why": error.what}


def place(error: TemplateError) -> str:
    """The part and the line of it, in words; empty when it is about the whole."""
    part = PARTS.get(error.place.part)
    if part is None:
        return ""
    named = _(part)
    return _("%(part)s, line %(line)s") % {"part": named, "line": error.line} if error.line else named
