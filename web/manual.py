"""The manual: the pages of `docs/` as HTML, and which of them a page of the panel is about.

Markdown only: HTML in a page is shown as text, so that nothing of it runs. Knows no route of the panel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

from web.i18n import gettext as _
from web.i18n import later
from workflow import places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markdown_it.token import Token

_NAME: Final = re.compile(r"(?:sources/)?[a-z0-9_-]{1,60}")
_BESIDE: Final = re.compile(r"(?P<name>[a-z0-9_/-]+)\.md(?P<place>#.*)?")
_ODD: Final = re.compile(r"[^\w -]")
# What is wider than its page scrolls by itself, by keys as well.
_SCROLLS: Final[Mapping[str, str | int | float]] = {"tabindex": "0", "role": "group", "aria-label": "Code"}
_TABLE: Final = '<div class="tblx" tabindex="0" role="group" aria-label="Table"><table class="tbl">'


@dataclass(frozen=True, slots=True)
class Help:
    """Where more is told about a page of the panel, and in which words to point there."""

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Text:
    """A page of the manual: its title, and its HTML."""

    name: str
    title: str
    html: str


# The first words of an address in the panel, the page of the manual, and its title. The longest that fits counts.
_ABOUT: Final = (
    ("/prospects/import", "import", later("Importing, exporting and merging")),
    ("/settings/mailboxes", "mailboxes", later("Mailboxes")),
    ("/settings/sources", "webhooks", later("Webhooks in")),
    ("/settings/endpoints", "endpoints", later("Webhooks out")),
    ("/settings/keys", "api", later("The API")),
    ("/settings/suppression", "unsubscribe", later("Unsubscribing and suppression")),
    ("/settings/playbook", "playbook", later("The playbook")),
    ("/settings", "operations", later("Running Onward")),
    ("/deliveries", "webhooks", later("Webhooks in")),
    ("/templates", "templates", later("Templates")),
    ("/sequences", "sequences", later("Sequences")),
    ("/playbook/draft", "sequences", later("Sequences")),
    ("/meetings", "meetings", later("Meetings")),
    ("/analytics", "analytics", later("Analytics")),
    ("/unmatched", "inbound", later("Mail that comes in")),
    ("/uncertain", "email-route", later("How an email travels")),
    ("/touches", "explain", later("Why something happened")),
    ("/prospects", "prospects", later("A prospect’s page")),
    ("/calls", "calls", later("Calls")),
    ("/board", "prospects", later("A prospect’s page")),
    ("/received", "inbound", later("Mail that comes in")),
    ("/mail", "email-route", later("How an email travels")),
    ("/snooze", "today", later("Today")),
    ("/goals", "today", later("Today")),
    ("/", "today", later("Today")),
)
# A page below a prospect's own that has a manual of its own, by its last word.
_BELOW: Final = {"call": "/calls"}


def about(path: str) -> Help:
    """The help for the page at `path`; the list of all pages, where none is about it."""
    path = _BELOW.get(path.rpartition("/")[2], path)
    for begin, name, title in sorted(_ABOUT, key=lambda each: -len(each[0])):
        if path == begin or path.startswith(f"{begin}/"):
            return Help(f"/help/{name}", _("Help: %(title)s") % {"title": _(title)})
    return Help("/help", _("Help"))


@lru_cache(maxsize=1)
def contents() -> tuple[tuple[str, str], ...]:
    """Every page of the manual: name and title, in the order of their titles."""
    folder = places.docs_dir()
    files = [*folder.glob("*.md"), *folder.glob("sources/*.md")]
    found = []
    for file in files:
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        found.append((file.relative_to(folder).with_suffix("").as_posix(), first.removeprefix("#").strip()))
    return tuple(sorted(found, key=lambda each: ("/" in each[0], each[1])))


@lru_cache(maxsize=64)
def text(name: str) -> Text | None:
    """A page of the manual; None where there is none of this name."""
    if _NAME.fullmatch(name) is None:
        return None
    file = places.docs_dir() / f"{name}.md"
    if not file.is_file():
        return None
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(file.read_text(encoding="utf-8"))
    title = next((token.content for token in tokens if token.type == "inline"), name)
    _adapt(tokens, name)
    html = reader.renderer.render(tokens, reader.options, {})
    return Text(name, title, html.replace("<table>", _TABLE).replace("</table>", "</table></div>"))


def _adapt(tokens: Sequence[Token], name: str) -> None:
    """Headings get a place to point to, code a frame that scrolls, and links lead to our own pages."""
    seen: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _place(tokens[at + 1].content, seen))
        elif token.type == "fence":
            token.type, token.attrs = "code_block", dict(_SCROLLS)
        leads = True
        for inner in token.children or ():
            if inner.type == "link_open":
                address = _address(str(inner.attrGet("href") or ""), name)
                leads = bool(address)
                inner.attrSet("href", address)
            if inner.type in ("link_open", "link_close") and not leads:
                inner.type = "text"
            elif inner.type == "image":
                # Drawings are not part of what is installed: their words stand instead.
                inner.type = "text"


def _place(words: str, seen: dict[str, int]) -> str:
    """The anchor of a heading, as the pages themselves write it in their links."""
    place = _ODD.sub("", words.lower()).replace(" ", "-") or "part"
    seen[place] = number = seen.get(place, 0) + 1
    return place if number == 1 else f"{place}-{number}"


def _address(href: str, name: str) -> str:
    found = _BESIDE.fullmatch(href.removeprefix("../"))
    if found is None:
        # A file that lies beside the pages is not installed: its name stands there and leads nowhere.
        return href if href.startswith(("https://", "http://", "#")) else ""
    folder = name.rpartition("/")[0]
    beside = f"{folder}/{found['name']}" if folder and not href.startswith("../") else found["name"]
    return f"/help/{beside}{found['place'] or ''}"
