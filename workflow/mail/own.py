"""Plain words made into all parts that an email has: of one single email, and of a template without HTML of its own.

It goes the way of every template: the same language, the same bounds, the same frame, and always a way to unsubscribe.
Knows no database and sends nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from markupsafe import escape

from workflow.mail import dialect
from workflow.mail.dialect import Place
from workflow.mail.templates import FALLBACK, TemplateError, Templates, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.mail.templates import Rendered

LIVE: Final = ("meeting_starts", "meeting_place", "meeting_zone", "booking_url")
"""What may change until the email leaves: in a text to begin with it stays a value, all else is already filled in."""
_LINK: Final = "unsubscribe_url"
_MARK: Final = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'{}]+[^\s<>\"'{}.,;:!?)]")
_ITEM: Final = re.compile(r"- +")
_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "en": ("Would you rather not get emails from me?", "Unsubscribe here"),
    "bg": ("Не желаете да получавате имейли от мен?", "Отпишете се тук"),
}


def sources(language: str, subject: str, text: str, version: int) -> Text:
    """The three sources of an email that says `text`; without a link to unsubscribe it gets the usual last line."""
    asks, here = _ENDS.get(language, _ENDS[FALLBACK])
    end = f"{asks} {{{{ {_LINK} }}}}"
    text = text.strip("\n").removesuffix(f"\n\n{end}").strip("\n") + "\n"
    html = "\n".join(_paragraph(each) for each in re.split(r"\n\s*\n", text.strip("\n")))
    if not re.search(rf"\{{\{{[^}}]*\b{_LINK}\b", text):
        text += f"\n{end}\n"
        html += f'\n<p class="small">{asks} <a href="{{{{ {_LINK} }}}}">{here}</a></p>'
    return Text(subject, text, f"{html}\n", version)


def whole(language: str, written: Text) -> Text:
    """What is written, with HTML: where there is none, it is made from the text."""
    if written.html.strip() or not written.text.strip():
        return written
    return sources(language, written.subject, written.text, written.version)


def is_made(language: str, written: Text) -> bool:
    """Whether the HTML is what the text alone would give."""
    return bool(written.text.strip()) and written == whole(language, replace(written, html=""))


def problems(templates: Templates, name: str, language: str, subject: str, text: str) -> tuple[TemplateError, ...]:
    """Everything that keeps these words from being sent in place of the email `name`, by the lines that were typed."""
    try:
        # By themselves first: a mark without its end would reach into what is put below.
        dialect.parse(text, Place(name, language, "body.txt"))
    except TemplateError as error:
        return (error,)
    return of_words(templates.drafted(name, language, sources(language, subject, text, 0)).problems(name), language)


def of_words(found: Iterable[TemplateError], language: str) -> tuple[TemplateError, ...]:
    """The problems of an email in a language whose HTML is made from its text."""
    mine = [each for each in found if each.place.language in ("", language)]
    # What is wrong there is wrong here, and only here the lines are the author's.
    typed = [each for each in mine if each.place.part != "body.html"]
    return tuple(typed or mine)


def render(
    templates: Templates, name: str, language: str, written: Text, values: Mapping[str, object]
) -> Rendered:  # fmt: skip
    """The email with these values. Raises TemplateError as `Templates.render` does."""
    return templates.drafted(name, language, written).render(name, language, values)


def begun(templates: Templates, name: str, language: str, values: Mapping[str, object]) -> tuple[str, str]:
    """Subject and text to begin with: the template filled in, but for what is `LIVE` and for its last line.

    Raises TemplateError where the template itself cannot be filled in.
    """
    kept = {each: f"{{{{ {each} }}}}" for each in LIVE if values.get(each)}
    mark = f"{{{{ {_LINK} }}}}"
    rendered = templates.render(name, language, {**values, **kept, _LINK: mark, "signature": ""})
    *others, last = rendered.text.strip("\n").split("\n\n")
    # The last line says how to unsubscribe, and is put there again; where it says more, only the link goes.
    kept_words = others if others and mark in last else [*others, last]
    words = "\n\n".join(kept_words).replace(mark, "").strip()
    return rendered.subject, f"{words}\n"


def _paragraph(source: str) -> str:
    lines = [line.rstrip() for line in source.split("\n")]
    if all(_ITEM.match(line) for line in lines):
        items = "\n".join(f"<li>{_escaped(_ITEM.sub('', line, count=1))}</li>" for line in lines)
        return f"<ul>\n{items}\n</ul>"
    told: list[str] = []
    for place, line in enumerate(lines):
        # A line of blocks alone leaves no line in the text, and no break here.
        bare = not _MARK.sub("", line).strip() and "{{" not in line
        told.append(_escaped(line) + ("" if bare or place == len(lines) - 1 else "<br>"))
    return "<p>{}</p>".format("\n".join(told))


def _escaped(source: str) -> str:
    """As HTML, with addresses as links; the marks of the template language stay as they are."""
    pieces = _MARK.split(source)
    told = []
    for number, piece in enumerate(pieces):
        if number % 2:
            told.append(piece)
            continue
        place = 0
        for found in _ADDRESS.finditer(piece):
            # One that goes on in a value is no address yet.
            if found.end() == len(piece) and number + 1 < len(pieces):
                continue
            told += [str(escape(piece[place : found.start()])), f'<a href="{escape(found[0])}">{escape(found[0])}</a>']
            place = found.end()
        told.append(str(escape(piece[place:])))
    return "".join(told)
