"""What an understood mail tells the engine: kinds of signals with their data, as a webhook would bring them.

Finds no prospect and sends nothing on; what follows from a signal is decided by the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow.engine import signals as kinds
from workflow.mail.inbound.classify import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from workflow.mail.inbound.classify import Classified
    from workflow.mail.inbound.dsn import Recipient


@dataclass(frozen=True, slots=True)
class Told:
    """One signal to be: its kind, and its data with the names that the contract gives them."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def told(found: Classified, zone: tzinfo) -> tuple[Told, ...]:
    """What `found` tells, in the order to apply it; nothing for a delay, a confirmation or a mail of our own.

    `zone` is the prospect's, in which the day of return is read.
    """
    return tuple(_told(found, zone))


def _told(found: Classified, zone: tzinfo) -> Iterator[Told]:
    original = next((each.value for each in found.candidates if each.by == "message_id"), "")
    common: dict[str, Any] = {"address": found.sender, "message_id": original, "detail": found.evidence}
    match found.kind:
        case Kind.COMPLAINT:
            people = [each.address for each in found.recipients]
            yield from (Told(kinds.COMPLAINED, common | {"address": each}) for each in people or [""])
        case Kind.BOUNCE:
            failed = (each for each in found.recipients if each.action == "failed")
            yield from (Told(kinds.BOUNCED, common | _bounced(each)) for each in failed)
        case Kind.UNSUBSCRIBE:
            yield Told(kinds.UNSUBSCRIBED, common)
        case Kind.CALENDAR if found.calendar:
            answer = {"uid": found.calendar.uid, "answer": found.calendar.answer, "comment": found.calendar.comment}
            yield Told(kinds.ANSWERED, common | answer)
        case Kind.AUTOMATIC:
            yield Told(kinds.AUTO_REPLIED, common | {"about": found.about, "returns_on": _back(found, zone)})
        case Kind.REPLY:
            yield Told(kinds.REPLIED, common | {"detail": found.reply.visible})
            if found.opt_out:
                yield Told(kinds.UNSUBSCRIBED, common | {"detail": found.opt_out})


def _back(found: Classified, zone: tzinfo) -> str | None:
    day = found.away.returns_on(zone) if found.away else None
    return day.isoformat() if day else None


def _bounced(each: Recipient) -> dict[str, Any]:
    detail = f"{each.status} {each.diagnostic}".strip()[:500]
    return {"address": each.address, "detail": detail, "permanent": each.verdict == "hard", "verdict": each.verdict}
