"""Reports by machines on mail of ours: delivery (RFC 3464, RFC 6533), receipts (RFC 8098), complaints (RFC 5965).

Reads what stands in them; whether the mail they name was ours is a question of its Message-ID or token, asked
elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote

from workflow.mail.inbound import headers as head
from workflow.mail.inbound import mime, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflow.mail.inbound.headers import Headers
    from workflow.mail.inbound.mime import Mail, Part
    from workflow.mail.inbound.verdicts import Verdict

Action = Literal["failed", "delayed", "delivered"]

_MOST_RECIPIENTS: Final = 100
_ACTIONS: Final[dict[str, Action]] = {
    "failed": "failed",
    "failure": "failed",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_EMPTY_LINE: Final = re.compile(rb"\r?\n[ \t]*\r?\n|\r[ \t]*\r")
# Reports that are no complaint: a reader says it was no junk (RFC 6430), a server that a signature failed (RFC 6591).
_NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure"})
_LINK: Final = re.compile(r"(?:/u/|unsubscribe%20)([A-Za-z0-9_.-]{10,1000})")
_HOTMAIL: Final = "x-hmxmroriginalrecipient"


@dataclass(frozen=True, slots=True)
class Recipient:
    """What became of the mail to one address. `verdict` is there for a failure only."""

    address: str
    action: Action
    status: str = ""
    diagnostic: str = ""
    verdict: Verdict | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report on delivery: each recipient, and the Message-IDs of the mail it is about, the surest first."""

    recipients: tuple[Recipient, ...]
    originals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """A report of abuse. `recipients` is empty where the provider hid who complained."""

    feedback: str
    recipients: tuple[str, ...]
    originals: tuple[str, ...]
    sender: str = ""


def delivery(mail: Mail) -> Report | None:
    """The report on delivery in `mail`; None when there is none."""
    parts = list(mail.of("message/delivery-status", "message/global-delivery-status"))
    if not parts:
        return None
    recipients: list[Recipient] = []
    originals: list[str] = []
    for part in parts:
        for group in _groups(part):
            originals += head.ids(group.raw("x-original-message-id"))
            found = _recipient(group)
            if found and len(recipients) < _MOST_RECIPIENTS:
                recipients.append(found)
    if not recipients:
        return None
    return Report(tuple(recipients), tuple(dict.fromkeys([*returned_ids(mail), *originals])))


def complaint(mail: Mail) -> Complaint | None:
    """The complaint in `mail`, in the common format or in that of Hotmail; None when there is none."""
    returned = [_head_of(part) for part in mail.of(*mime.RETURNED)]
    for part in mail.of("message/feedback-report"):
        told = next(iter(_groups(part)), None)
        if told is None:
            continue
        kind = told.text("feedback-type").lower() or "abuse"
        if kind in _NO_COMPLAINT:
            return None
        named = [*told.every("original-rcpt-to"), *told.every("removal-recipient")]
        people = [address for raw in named for _, address in head.addresses(raw)]
        people += [] if people else _readers(returned)
        sender = next((address for _, address in head.addresses(told.raw("original-mail-from"))), "")
        return Complaint(kind, tuple(dict.fromkeys(people)), returned_ids(mail), sender)
    for headers in [mail.headers, *returned]:
        if headers.raw(_HOTMAIL):
            people = [address for _, address in head.addresses(headers.raw(_HOTMAIL))]
            own = () if headers is not mail.headers else head.ids(headers.raw("message-id"))
            return Complaint("abuse", tuple(people), returned_ids(mail) or own)
    return None


def receipt(mail: Mail) -> str:
    """The disposition of a receipt such as `displayed` (RFC 8098); empty when `mail` is none."""
    for part in mail.of("message/disposition-notification", "message/global-disposition-notification"):
        for group in _groups(part):
            if group.raw("disposition"):
                return group.text("disposition").rpartition(";")[2].strip().lower() or "displayed"
    return "displayed" if mail.parameters.get("report-type", "").lower() == "disposition-notification" else ""


def returned_ids(mail: Mail) -> tuple[str, ...]:
    """The Message-IDs of the mail that came back with a report."""
    found = [each for part in mail.of(*mime.RETURNED) for each in head.ids(_head_of(part).raw("message-id"))]
    return tuple(dict.fromkeys(found))


def returned_addresses(mail: Mail) -> tuple[str, ...]:
    """Addresses of ours that stand in the returned mail and may carry a token: its envelope sender, its unsubscribe."""
    found: list[str] = []
    for part in mail.of(*mime.RETURNED):
        headers = _head_of(part)
        for name in ("return-path", "reply-to", "sender", "from"):
            found += [address for raw in headers.every(name) for _, address in head.addresses(raw)]
        found += re.findall(r"<mailto:([^>?\s]{3,320})", headers.raw("list-unsubscribe"))
    return tuple(dict.fromkeys(found))


def returned_tokens(mail: Mail) -> tuple[str, ...]:
    """What the links to unsubscribe in the returned mail carry, as `compose` writes them."""
    found = [each for part in mail.of(*mime.RETURNED) for each in _head_of(part).every("list-unsubscribe")]
    return tuple(dict.fromkeys(_LINK.findall(" ".join(found))[:_MOST_RECIPIENTS]))


def _head_of(part: Part) -> Headers:
    return head.read_headers(part.data(head.LONGEST_BLOCK).lstrip(b"\r\n"))[0]


def _readers(returned: list[Headers]) -> list[str]:
    """Whom the returned mail was written to, where the provider left that in."""
    found = [address for headers in returned for _, address in head.addresses(headers.raw("to"))]
    return [each for each in found if "redacted" not in each.lower() and not each.lower().endswith(".invalid")]


def _groups(part: Part) -> Iterator[Headers]:
    """The groups of fields of a report; many servers put stray empty lines around them."""
    for block in _EMPTY_LINE.split(part.data(), maxsplit=_MOST_RECIPIENTS * 2):
        headers, _ = head.read_headers(block.lstrip(b"\r\n \t"))
        if headers.fields:
            yield headers


def _recipient(group: Headers) -> Recipient | None:
    address = _typed(group.raw("original-recipient")) or _typed(group.raw("final-recipient"))
    action = _ACTIONS.get(group.raw("action").split("(")[0].strip().lower())
    status = _STATUS.search(group.raw("status"))
    said = head.words(group.raw("diagnostic-code"))
    kind, semicolon, words = said.partition(";")
    diagnostic = " ".join((words if semicolon and len(kind) < 30 else said).split())  # noqa: PLR2004 - a type's name
    if not address and action is None and status is None:
        return None
    code = status[0] if status else ""
    if action is None:
        # Without an action the class of the code tells: 2 arrived, 4 not yet, 5 never (RFC 3463, section 3.1).
        action = _CLASSES.get(code[:1], "failed" if diagnostic else "delayed")
    if action != "failed":
        return Recipient(address, action, code, diagnostic)
    verdict, evidence = verdicts.judge(code, diagnostic)
    return Recipient(address, action, code or _code_in(diagnostic), diagnostic, verdict, evidence)


_CLASSES: Final[dict[str, Action]] = {"2": "delivered", "4": "delayed", "5": "failed"}


def _code_in(diagnostic: str) -> str:
    found = verdicts.enhanced(diagnostic)
    return ".".join(map(str, found)) if found else ""


def _typed(raw: str) -> str:
    """The address in a field such as `rfc822; ana@example.com`, in brackets or not, of either address type."""
    kind, semicolon, rest = raw.partition(";")
    text = (rest if semicolon else kind).strip()
    if "+" in text and re.search(r"\+[0-9A-F]{2}", text) and "xtext" in kind.lower():
        text = unquote(text.replace("+", "%"))
    found = [address for _, address in head.addresses(head.words(text))]
    return found[-1] if found else ""
