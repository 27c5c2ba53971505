"""What mail services tell of mail: what an answer code means, and the one seam behind which a received mail is judged.

Judges by headers alone. A service that hands over the parts of a mail has them put together again, so that every
received mail comes through `inbound`.
"""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from web.facts import address
from web.webhooks.reading import clean, mailbox, when, word
from workflow.actions.inbox import Incoming
from workflow.engine import signals as kinds
from workflow.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from email.message import Message

AUTOMATIC: Final = "email.automatic"
REPORT: Final = "email.report"
_CODE: Final = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")
_MACHINES: Final = ("x-auto-response-suppress", "x-autoreply", "x-autorespond")
_BULK: Final = frozenset({"bulk", "junk", "auto_reply", "list"})
_ID: Final = re.compile(r"<[^<>\s]{1,990}>")
_LONGEST_HEADER: Final = 2000


def inbound(content: bytes) -> tuple[Incoming, ...]:
    """What a received mail means, by its bytes: a person's reply, or what a machine sent by itself. Never raises."""
    mail = BytesHeaderParser().parsebytes(content)
    own = _ids(_header(mail, "message-id"))
    answered = (_ids(_header(mail, "in-reply-to")) or _ids(_header(mail, "references"))[::-1])[:1]
    told = {
        "address": _sender(mail),
        "message_id": answered[0] if answered else "",
        "detail": word(_header(mail, "subject"), 500),
    }
    kind = _kind(mail)
    named = f"email:{own[0]}" if own else ""
    try:
        return (clean(Incoming(named, kind, _date(mail), data=told)),)
    except BadInput:
        return (Incoming(named, kind),)


def received(content: bytes, fallback: str) -> list[Incoming]:
    """The events of a received mail; `fallback` names one whose mail has no Message-ID."""
    return [
        Incoming(each.event_id or fallback, each.type, each.occurred_at, each.ref, each.fields, each.custom, each.data)
        for each in inbound(content)
    ]


def assembled(headers: Iterable[tuple[str, str]], text: str) -> bytes:
    """A mail out of the parts that a service took it apart into."""
    lines = []
    for name, value in headers:
        clean_name = "".join(sign for sign in name if sign.isascii() and sign.isprintable() and sign not in ": ")
        if clean_name:
            lines.append(f"{clean_name}: {' '.join(value.split())}")
    return "\r\n".join([*lines, "", text]).encode("utf-8", "replace")


def is_lasting(code: str, *, default: bool) -> bool:
    """Whether an enhanced status code (RFC 3463) says that an address is dead, and not full, late or refusing us."""
    found = _CODE.search(code)
    if found is None:
        return default
    kind, subject, detail = found.groups()
    if kind != "5":
        return False
    # 5.2.2 is a full mailbox; 5.7.x is a policy, which is about us and not about the address.
    return not (subject == "7" or (subject, detail) == ("2", "2"))


def usable(told: object) -> str:
    """An address as our events carry it; empty for what is none."""
    bare = mailbox(told)[1]
    try:
        return address(bare, "address") if bare else ""
    except BadInput:
        return ""


def _kind(mail: Message) -> str:
    content_type = _header(mail, "content-type").lower()
    if content_type.startswith("multipart/report"):
        return REPORT
    submitted = _header(mail, "auto-submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no") or any(_header(mail, name) for name in _MACHINES):
        return AUTOMATIC
    return AUTOMATIC if _header(mail, "precedence").strip().lower() in _BULK else kinds.REPLIED


def _header(mail: Message, name: str) -> str:
    """A header in clear, whatever was done to its encoding."""
    told = mail.get(name)
    if told is None:
        return ""
    text = str(told)[:_LONGEST_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return " ".join(str(make_header(decode_header(text))).split())
    except (LookupError, ValueError, MessageError):
        return " ".join(text.split())


def _sender(mail: Message) -> str:
    return usable(_header(mail, "from")) or usable(_header(mail, "reply-to"))


def _ids(text: str) -> list[str]:
    return _ID.findall(text)


def _date(mail: Message) -> datetime | None:
    try:
        told = parsedate_to_datetime(_header(mail, "date"))
    except (ValueError, OverflowError):
        return None
    return when(told.isoformat()) if told.tzinfo else when(f"{told.isoformat()}+00:00")
