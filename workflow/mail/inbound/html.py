"""HTML of a mail as plain text: lines where a reader sees lines, quotes marked with `>`, nothing that acts.

Reads signs only: no script runs, no picture is fetched, no style counts. One pass from left to right, because the
parser of the standard library takes the square of the length for tags that are never closed.
"""

from __future__ import annotations

import html
import re
from typing import Final

LONGEST: Final = 512 * 1024
_TAG: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]{0,20})")
_SPACE: Final = re.compile(r"[ \t\r\n\f\v\u200b\ufeff]+")
_SILENT: Final = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "xml"})
_BLOCKS: Final = frozenset(
    {"p", "div", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "header"}
    | {"footer", "address", "pre", "center", "dl", "dt", "dd", "form", "body", "html", "tbody", "thead", "blockquote"}
)
_APART: Final = frozenset({"p", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre"})
_DEEPEST: Final = 5
_LONGEST_VALUE: Final = 4000
"""Characters within which a quoted value must end, so that a forgotten quote takes no words with it."""


class _Writer:
    """Lines under way: what is open, how deep the quote is, where an empty line is due."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.depth = 0
        self.pre = 0
        self.missing: set[str] = set()

    def past(self, mark: str, source: str, place: int) -> int:
        """The place after the next `mark`; `place` where there is none, because words count for more than tags.

        What was not found once is not looked for again: thousands of open tags would each read to the end.
        """
        if mark in self.missing:
            return place
        match = re.compile(re.escape(mark).replace(">", r"\s*>"), re.IGNORECASE).search(source, place)
        if match is None:
            self.missing.add(mark)
        return match.end() if match else place

    def say(self, text: str) -> None:
        if self.pre:
            *whole, last = text.split("\n")
            for each in whole:
                self.line.append(each)
                self.end()
            self.line.append(last)
        elif text:
            self.line.append(_SPACE.sub(" ", text))

    def end(self, *, apart: bool = False) -> None:
        text = "".join(self.line).replace("\u00a0", " ")
        text = text.rstrip() if self.pre else " ".join(text.split())
        self.line = []
        mark = "> " * min(self.depth, _DEEPEST)
        if text:
            self.lines.append(mark + text)
        elif apart and self.lines and self.lines[-1].strip("> "):
            self.lines.append(mark.rstrip())


def text_of_html(source: str) -> str:
    """The words of `source` as plain text, cut to its first half million characters."""
    source = source[:LONGEST]
    writer = _Writer()
    place = 0
    while place < len(source):
        start = source.find("<", place)
        if start < 0:
            writer.say(html.unescape(source[place:]))
            break
        writer.say(html.unescape(source[place:start]))
        place = _tag(source, start, writer)
    writer.end()
    return "\n".join(writer.lines).strip("\n") + "\n" if writer.lines else ""


def _tag(source: str, start: int, writer: _Writer) -> int:
    """Take the mark that begins at `start`; returns where the text goes on."""
    if source.startswith("<!--", start):
        return writer.past("-->", source, start + 4)
    match = _TAG.match(source, start)
    if match is None:
        if source.startswith(("<!", "<?"), start):
            return writer.past(">", source, start + 2)
        writer.say("<")
        return start + 1
    end = _end_of_tag(source, match.end())
    name = match[1].lower().rpartition(":")[2]
    closing = source[start + 1] == "/"
    if name in _SILENT and not closing and source[end - 2 : end] != "/>":
        return writer.past(f"</{name}>", source, end)
    _write(name, writer, closing=closing)
    return end


def _end_of_tag(source: str, place: int) -> int:
    """Where the tag ends whose name ended at `place`; a value in quotes may hold `>`."""
    end = source.find(">", place)
    for quote in "\"'":
        if end >= 0 and source.count(quote, place, end) % 2:
            close = source.find(quote, end)
            further = source.find(">", close) if 0 <= close < end + _LONGEST_VALUE else -1
            end = further if further >= 0 else end
    return len(source) if end < 0 else end + 1


def _write(name: str, writer: _Writer, *, closing: bool) -> None:
    if name in {"br", "hr"}:
        empty = not "".join(writer.line).strip()
        writer.end(apart=empty)
        if name == "hr":
            writer.lines.append("> " * min(writer.depth, _DEEPEST) + "________________________________")
    elif name in {"td", "th"} and writer.line:
        writer.line.append(" ")
    elif name in _BLOCKS:
        writer.end()
        if name == "blockquote":
            writer.depth = max(0, writer.depth + (-1 if closing else 1))
        writer.end(apart=name in _APART)
        if name == "pre":
            writer.pre = max(0, writer.pre + (-1 if closing else 1))
        elif name == "li" and not closing:
            writer.line.append("- ")
