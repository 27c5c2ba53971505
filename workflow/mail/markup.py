"""The HTML of an email as its author wrote it: refused where it could act, and its styles put where mail programs look.

Takes the marks of the template language as opaque: what they do is checked in `workflow.mail.templates`.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

import css_inline

from workflow.mail.faults import fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.mail.faults import Fault

CONTENT: Final = "<!-- content -->"
"""Where the frame takes the body of an email."""
SIGNATURE: Final = "{% if signature is given %}\n<p>{{ signature|lines }}</p>\n{% endif %}\n"
_SMALL_PRINT: Final = '<p class="small">'
_MARK: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
# Private-use signs stand for a value and a comment for a block, because a parser of HTML leaves both where they are.
_VALUE: Final = "\ue000{}\ue001"
_BLOCK: Final = "<!--\ue000{}\ue001-->"
_HELD: Final = re.compile("<!--\ue000([0-9]+)\ue001-->|\ue000([0-9]+)\ue001")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_FORBIDDEN: Final = frozenset(
    {"applet", "base", "embed", "form", "frame", "iframe", "input", "link", "math", "object", "script", "svg", "video"}
)
_ADDRESSES: Final = frozenset({"action", "background", "cite", "formaction", "href", "poster", "src", "srcset", "data"})
_SCHEMES: Final = ("https://", "http://", "mailto:", "tel:", "cid:", "#")
# What the parsers of HTML and CSS take for granted, and what costs them hours or the stack where it does not hold.
_MOST_TAGS: Final = 1_000
_MOST_RULES: Final = 200
_LONGEST_STYLE: Final = 16_000
_DEEPEST: Final = 60
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "meta", "param", "source", "track", "wbr"})
# A parser opens these anew in every block that follows, where they were not closed in their own.
_FORMATTING: Final = frozenset(
    {
        "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
    }
)  # fmt: skip
_URL_VALUE: Final = re.compile(r"\{\{\s*[a-z_]+_url\s*\}\}")


class MarkupError(Exception):
    """The markup holds something no email may: `line` counts from 1."""

    def __init__(self, fault: Fault, line: int) -> None:
        super().__init__(fault.words("en"))
        self.fault = fault
        self.line = line


def check(source: str) -> None:
    """Raise MarkupError for the first thing in `source` that could act, or through which a value could."""
    if source.count("<") > 2 * _MOST_TAGS:
        raise MarkupError(fault("too_many_tags", most=_MOST_TAGS), 1)
    held, marks = _hold(source)
    watch = _Watch(marks)
    try:
        watch.feed(held)
        watch.close()
    except AssertionError as error:  # how the standard library refuses a declaration that it cannot read
        raise MarkupError(fault("declaration"), watch.getpos()[0]) from error
    watch.finish()
    for number, mark in enumerate(marks):
        if not mark.startswith("{{") and number not in watch.blocks:
            raise MarkupError(fault("block_in_tag"), source.count("\n", 0, source.find(mark)) + 1)


def finish(frame: str, body: str) -> str:
    """`body` within `frame`, unless it is a whole page, with the styles inlined; fetches nothing."""
    page = body if re.search(r"<html\b", body, re.IGNORECASE) else frame.replace(CONTENT, _with_signature(body))
    held, marks = _hold(page)
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
    page = inliner.inline(held)
    return _HELD.sub(lambda found: marks[int(found[1] or found[2])], page)


def _with_signature(body: str) -> str:
    """`body` with a place for the mailbox's signature: above the small print, else at the end."""
    place = body.rfind(_SMALL_PRINT)
    return body + SIGNATURE if place < 0 else body[:place] + SIGNATURE + body[place:]


def _hold(source: str) -> tuple[str, list[str]]:
    """`source` with every mark replaced by a stand-in that carries its number, and the marks."""
    marks: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        marks.append(found[0])
        return (_VALUE if found[0].startswith("{{") else _BLOCK).format(len(marks) - 1)

    clean = source.replace("\ue000", "").replace("\ue001", "")
    return _MARK.sub(stand_in, clean), marks


class _Watch(HTMLParser):
    def __init__(self, marks: Sequence[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._marks = marks
        self.blocks: set[int] = set()
        self._open: list[str] = []
        self._styles = ""

    def finish(self) -> None:
        """Refuse what only the end of the source shows."""
        for tag in self._open:
            if tag in _FORMATTING:
                self._refuse("not_closed", tag=f"<{tag}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The slash means nothing to a browser: the tag stays open.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while (last := self._open.pop()) != tag:
            if tag in _FORMATTING or last in _FORMATTING:
                self._refuse("crossed", tag=f"</{tag}>", due=f"</{last}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _FORBIDDEN or (tag == "meta" and any(name == "http-equiv" for name, _ in attrs)):
            self._refuse("no_place", what=f"<{tag}>")
        if "\ue000" in _QUOTED.sub("", self.get_starttag_text() or ""):
            self._refuse("unquoted", tag=f"<{tag}>")
        if tag not in _VOID:
            self._open.append(tag)
            if len(self._open) > _DEEPEST:
                self._refuse("too_deep")
        for name, value in attrs:
            self._look_at(name, (value or "").strip())

    def _look_at(self, name: str, value: str) -> None:
        if name.startswith("on") or name == "srcdoc":
            self._refuse("no_place", what=name)
        if name == "style" and "\ue000" in value:
            self._refuse("in_style")
        if name in _ADDRESSES and not value.lower().startswith(_SCHEMES):
            held = _HELD.match(value)
            if held is None or not _URL_VALUE.fullmatch(self._marks[int(held[2] or held[1])]):
                self._refuse("scheme", name=name)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            return
        if "\ue000" in data:
            self._refuse("in_style")
        self._styles += data
        if len(self._styles) > _LONGEST_STYLE or self._styles.count("{") > _MOST_RULES:
            self._refuse("styles")

    def handle_comment(self, data: str) -> None:
        held = _HELD.fullmatch(f"<!--{data}-->")
        if held is not None:
            self.blocks.add(int(held[1]))

    def _refuse(self, code: str, **facts: str) -> None:
        raise MarkupError(fault(code, **facts), self.getpos()[0])
