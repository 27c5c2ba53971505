"""What mail services tell of mail: what an answer code means, and the one seam behind which a received mail is judged.

A service that hands over the parts of a mail has them put together again, so that every received mail comes through
`inbound`, where it is understood as one that was read from a mailbox is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Final

from web.facts import address
from web.webhooks.reading import clean, mailbox, word
from workflow.actions.parcels import Incoming
from workflow.errors import BadInput
from workflow.mail.inbound import signals
from workflow.mail.inbound.classify import Kind, classify
from workflow.mail.inbound.matching import Ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.mail.inbound.classify import Classified

REPORT: Final = "email.report"
_CODE: Final = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")


def inbound(content: bytes) -> tuple[Incoming, ...]:
    """What a received mail means: a reply, a bounce, a complaint, a wish to hear no more, or a machine's own word.

    Never raises. Our Message-ID cannot be guessed, so a report that names one of ours is believed, and no other one.
    """
    found = classify(content, ours=Ours())
    named = found.dedupe_id if found.message_id else ""
    answered = next((each.value for each in found.candidates if each.by in ("message_id", "unsigned_id")), "")
    if found.kind in (Kind.BOUNCE, Kind.COMPLAINT) and not answered:
        return (_event(named, REPORT, found, {"detail": found.evidence}),)
    told = signals.told(found, UTC)
    if not told:
        return (_event(named, REPORT, found, {"address": found.sender, "detail": found.subject}),)
    return tuple(
        _event(
            f"{named}#{number}" if named and number else named, each.kind, found, {**each.data, "message_id": answered}
        )
        for number, each in enumerate(told)
    )


def _event(named: str, kind: str, found: Classified, data: Mapping[str, object]) -> Incoming:
    address_told = usable(data.get("address"))
    kept = {name: value for name, value in data.items() if isinstance(value, bool | str) and value != ""}
    kept |= {"address": address_told, "detail": word(str(data.get("detail") or found.subject), 2000)}
    try:
        return clean(Incoming(named, kind, found.sent_at, data=kept))
    except BadInput:
        return Incoming(named, kind)


def received(content: bytes, fallback: str) -> list[Incoming]:
    """The events of a received mail; `fallback` names one whose mail has no Message-ID."""
    return [
        replace(each, event_id=each.event_id or (f"{fallback}#{number}" if number else fallback))
        for number, each in enumerate(inbound(content))
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
