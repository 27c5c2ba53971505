"""What a mail that came in is, asked in one fixed order, with the rule that decided and what showed it.

Bytes in, a frozen value out: looks nothing up, stores nothing, raises for no bytes. Whether it concerns a mail of ours
say the `candidates`; nothing may act on it before one of them was found.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from workflow.mail.inbound import automatic, calendar, dsn, legacy, matching, mime, replies, unsubscribe
from workflow.mail.inbound import headers as head
from workflow.mail.inbound.away import Away
from workflow.mail.inbound.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from workflow.mail.inbound.automatic import About
    from workflow.mail.inbound.calendar import Invitation
    from workflow.mail.inbound.dsn import Recipient, Report
    from workflow.mail.inbound.matching import Candidate, Ours
    from workflow.mail.inbound.mime import Mail
    from workflow.mail.inbound.verdicts import Verdict

_EVIDENCE: Final = 300
_WORST: Final = ("hard", "policy", "soft")
# Where servers say whom a mail was really for: the header To may name a list, or nobody.
_DELIVERED: Final = (
    "to",
    "cc",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-rcpt-to",
    "x-forwarded-to",
    "resent-to",
    "apparently-to",
)


class Kind(StrEnum):
    """What a mail is. OWN is a mail of ours that came back, DELIVERED a confirmation; both change nothing."""

    COMPLAINT = "complaint"
    BOUNCE = "bounce"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    UNSUBSCRIBE = "unsubscribe"
    CALENDAR = "calendar_reply"
    AUTOMATIC = "auto_reply"
    REPLY = "reply"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Classified:
    """A mail, understood. `rule` is a code of `rules`, `evidence` the words of the mail that met it.

    `sure` is False where only wording decided. `sent_at` is what the mail says, in UTC, and may be wrong on purpose.
    `bounce` is the worst verdict over `recipients`. `opt_out` are the words of a reply that ask us to stop.
    """

    kind: Kind
    rule: str
    evidence: str
    dedupe_id: str
    message_id: str
    subject: str
    sender: str
    sender_name: str
    sent_at: datetime | None
    reply: Reply
    sure: bool = True
    recipients: tuple[Recipient, ...] = ()
    bounce: Verdict | None = None
    originals: tuple[str, ...] = ()
    calendar: Invitation | None = None
    about: About | None = None
    away: Away | None = None
    opt_out: str = ""
    feedback: str = ""
    candidates: tuple[Candidate, ...] = ()


def classify(content: bytes, *, ours: Ours, received_at: datetime | None = None) -> Classified:
    """The mail in `content`, understood.

    `received_at` stands in for a Date that is missing or lies after it; the return date of an absence counts from it.
    """
    mail = mime.read(content)
    base = _base(mail, content, received_at)
    found = next(each for each in _steps(mail, base, ours) if each is not None)
    return replace(found, evidence=found.evidence[:_EVIDENCE], candidates=_candidates(mail, found, ours))


def _base(mail: Mail, content: bytes, received_at: datetime | None) -> Classified:
    headers = mail.headers
    ids = head.ids(headers.raw("message-id"))
    name, sender = next(iter(head.addresses(headers.raw("from"))), ("", ""))
    said_at = head.when(headers.raw("date"))
    if said_at is None or (received_at and said_at > received_at + timedelta(days=1)):
        said_at = received_at
    message_id = ids[0] if ids else ""
    # Without an id of its own the bytes are the id: the same mail fetched twice is the same mail.
    digest = hashlib.sha256(content, usedforsecurity=False).hexdigest() if not message_id else ""
    return Classified(
        kind=Kind.REPLY,
        rule="reply.person",
        evidence="",
        dedupe_id=f"email:{message_id or 'sha256:' + digest}",
        message_id=message_id,
        subject=headers.text("subject")[:1000],
        sender=sender,
        sender_name=name[:200],
        sent_at=said_at,
        reply=Reply("", ""),
    )


def _steps(mail: Mail, base: Classified, ours: Ours) -> Iterator[Classified | None]:
    """One answer or None per rule, the surest first; a later rule is not asked where an earlier one has answered."""
    yield _own(base, ours)
    yield _complaint(mail, base)
    report = dsn.delivery(mail)
    if report:
        yield _report(base, report, "report", f"Content-Type: {mail.kind}")
    text = mail.text()
    base = replace(base, reply=replies.split(text))
    request = unsubscribe.request(_recipients(mail), base.subject, base.reply.visible)
    if request:
        yield replace(base, kind=Kind.UNSUBSCRIBE, rule=request.rule, evidence=request.evidence)
    answer = calendar.answer(mail, base.sender)
    if answer:
        yield replace(
            base, kind=Kind.CALENDAR, rule="calendar.answer", evidence=f"{answer.answer}: {answer.uid}", calendar=answer
        )
    bounce = legacy.bounce(mail, text)
    if bounce:
        yield _report(base, bounce.report, "bounce", bounce.evidence)
    yield _automatic(mail, base)
    yield replace(base, evidence=f"From: {base.sender}", opt_out=unsubscribe.wish(base.reply.visible))


def _own(base: Classified, ours: Ours) -> Classified | None:
    own = any(each.confidence == "sure" for each in matching.by_ids([base.message_id], ours, "Message-ID", report=True))
    return replace(base, kind=Kind.OWN, rule="own.message", evidence=f"Message-ID: {base.message_id}") if own else None


def _complaint(mail: Mail, base: Classified) -> Classified | None:
    found = dsn.complaint(mail)
    if found is None:
        return None
    people = tuple(dsn.Recipient(address, "delivered") for address in found.recipients)
    return replace(
        base,
        kind=Kind.COMPLAINT,
        rule="complaint.report",
        evidence=f"Feedback-Type: {found.feedback}",
        feedback=found.feedback,
        recipients=people,
        originals=found.originals,
        reply=replies.split(mail.text()),
    )


def _report(base: Classified, report: Report, rule: str, evidence: str) -> Classified:
    failed = [each for each in report.recipients if each.action == "failed"]
    late = [each for each in report.recipients if each.action == "delayed"]
    common = replace(base, recipients=report.recipients, originals=report.originals)
    if failed:
        worst = min((each.verdict or "soft" for each in failed), key=_WORST.index)
        first = next(each for each in failed if (each.verdict or "soft") == worst)
        said = first.diagnostic or evidence
        name = "report.failed" if rule == "report" else "bounce.prose"
        return replace(common, kind=Kind.BOUNCE, rule=name, bounce=worst, evidence=f"{first.status} {said}".strip())
    if late:
        name = "report.delayed" if rule == "report" else "bounce.delayed"
        return replace(common, kind=Kind.DEFERRED, rule=name, evidence=f"{late[0].status} {late[0].diagnostic}".strip())
    return replace(common, kind=Kind.DELIVERED, rule="report.delivered", evidence=evidence)


def _automatic(mail: Mail, base: Classified) -> Classified | None:
    found = automatic.judge(mail, base.subject, base.reply)
    if found is None:
        return None
    about, away = found.about, None
    if about in {"away", "other"} and base.sent_at:
        text = f"{base.reply.visible}\n{'' if base.reply.visible else base.reply.quoted}\n{base.subject}"
        away = Away(text, base.sent_at, month_first=_month_first(mail))
        if about == "other":
            # Whoever names a day of return is away, in whatever words.
            about, away = ("away", away) if away.returns_on() else ("other", None)
    return replace(
        base, kind=Kind.AUTOMATIC, rule=found.rule, evidence=found.evidence, sure=found.sure, about=about, away=away
    )


def _month_first(mail: Mail) -> bool:
    """Whether the sender writes 1/12 for 12 January: by language where it is named, else by where the clock stands."""
    language = mail.headers.text("content-language").lower() or mail.headers.text("accept-language").lower()[:5]
    if language:
        return language.startswith("en-us")
    offset = head.offset(mail.headers.raw("date"))
    return offset is not None and timedelta(hours=-10) <= offset <= timedelta(hours=-4)


def _recipients(mail: Mail) -> tuple[str, ...]:
    found = [address for name in _DELIVERED for raw in mail.headers.every(name) for _, address in head.addresses(raw)]
    return tuple(dict.fromkeys(found))


def _candidates(mail: Mail, found: Classified, ours: Ours) -> tuple[Candidate, ...]:
    return matching.ordered(_found(mail, found, ours))


def _found(mail: Mail, found: Classified, ours: Ours) -> Iterator[Candidate]:
    report = found.kind in {Kind.COMPLAINT, Kind.BOUNCE, Kind.DEFERRED, Kind.DELIVERED}
    if found.kind is Kind.OWN:
        yield from matching.by_ids([found.message_id], ours, "Message-ID", report=True)
    yield from matching.by_ids(found.originals, ours, "returned Message-ID", report=report)
    yield from matching.by_ids(head.ids(mail.headers.raw("in-reply-to")), ours, "In-Reply-To", report=report)
    # The newest is the last: it is what was answered.
    references = tuple(reversed(head.ids(mail.headers.raw("references"))))
    yield from matching.by_ids(references, ours, "References", report=report)
    yield from matching.by_tags(_recipients(mail), ours, "To")
    if report:
        yield from matching.by_tags(dsn.returned_addresses(mail), ours, "returned mail")
        for token in dsn.returned_tokens(mail):
            yield from matching.by_link(token, ours, "returned mail")
        complaint = dsn.complaint(mail)
        yield from matching.by_tags([complaint.sender] if complaint else [], ours, "Original-Mail-From")
        named = [each.address for each in found.recipients if each.address]
        yield from matching.by_address(named, ours, "recipient", "report")
        return
    if found.kind is Kind.UNSUBSCRIBE:
        yield from matching.by_link(found.subject.rpartition(" ")[2], ours, "Subject")
    if found.calendar and found.calendar.attendee:
        yield from matching.by_address([found.calendar.attendee], ours, "sender", "ATTENDEE")
    answers = [address for name in ("from", "reply-to") for _, address in head.addresses(mail.headers.raw(name))]
    yield from matching.by_address(answers, ours, "sender", "From")
