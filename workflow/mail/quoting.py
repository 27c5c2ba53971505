"""Puts the email before it below an email, as mail programs do: an introduction, then the text, marked as quoted.

Reads the bytes that were sent. What that email itself had quoted is left out, and so is its link to unsubscribe.
"""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Final

from markupsafe import Markup, escape

_INTRODUCTION: Final = {"en": "On {when}, {who} wrote:", "bg": "На {when} {who} написа:"}
_LONGEST: Final = 20_000
_BLOCK: Final = Markup(
    '<p style="margin: 24px 0 8px; color: #6a655c; font-size: 14px">{}</p>\n'
    '<blockquote style="margin: 0; padding-left: 12px; border-left: 2px solid #cfc9bd; color: #6a655c;'
    ' font-size: 14px">{}</blockquote>\n'
)


def below(text: str, html: str, before: bytes, *, when: str, language: str) -> tuple[str, str]:
    """Both parts with the email `before`, as it was sent `when`, quoted at their end."""
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(before)
    who = _sender_of(message)
    part = message.get_body(("plain",))
    told = str(part.get_content())[:_LONGEST] if part is not None else ""
    lines = _own_words(told, str(message.get("List-Unsubscribe", "")).partition(">")[0].strip("<"))
    introduction = _INTRODUCTION[language].format(when=when, who=who)
    block = _BLOCK.format(introduction, Markup("<br>\n").join(escape(line) for line in lines))
    end = html.rfind("</body>")
    place = len(html) if end < 0 else end
    return _plain(text, introduction, lines), html[:place] + block + html[place:]


def below_text(text: str, before: str, *, link: str, when: str, who: str, language: str) -> str:
    """The same for a plain text, where `before` is one too; `link` is that for unsubscribing in it."""
    introduction = _INTRODUCTION[language].format(when=when, who=who)
    return _plain(text, introduction, _own_words(before[:_LONGEST], link))


def _sender_of(message: EmailMessage) -> str:
    """The name of whoever wrote it, or the address."""
    return str(message["From"].addresses[0].display_name or message["From"].addresses[0].addr_spec)


def _plain(text: str, introduction: str, lines: list[str]) -> str:
    quoted = "\n".join(f"> {line}".rstrip() for line in lines)
    return f"{text}\n{introduction}\n\n{quoted}\n"


def _own_words(text: str, link: str) -> list[str]:
    """What the email said itself, in lines: up to what it quoted, without the line that ends the emails."""
    lines = text.replace("\r\n", "\n").split("\n")
    quoted = next((number for number, line in enumerate(lines) if line.startswith(">")), None)
    if quoted is not None:
        # The line that introduces it stands above, with an empty one between.
        kept = "\n".join(lines[:quoted]).rstrip("\n").split("\n")[:-1]
        lines = kept
    if link:
        others = [line for line in lines if link not in line]
        lines = others if any(others) else [line.replace(link, "").rstrip() for line in lines]
    return "\n".join(lines).strip("\n").split("\n")
