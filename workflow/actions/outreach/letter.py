"""Writes the email of a touch: gathers what its template may name, renders it, keeps the bytes before they leave."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from babel.dates import format_datetime, get_timezone_name
from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import aliased

from workflow import ids
from workflow.actions import enrolling
from workflow.engine import sequences
from workflow.mail import links, own, quoting
from workflow.mail.address import Mailbox as Party
from workflow.mail.address import parse_address
from workflow.mail.compose import Draft, compose, new_message_id
from workflow.mail.inbound import matching
from workflow.mail.transport import Envelope
from workflow.records import upserts
from workflow.records.models import Answer, Meeting, Message, Prospect, Rep, Touch
from workflow.records.personal import OwnText
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.actions.outreach.outlet import Outlet
    from workflow.mail.templates import Rendered
    from workflow.playbook.schema import Playbook, Step
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_LOCALES: Final = {"en": "en_GB", "bg": "bg_BG"}
_FORMATS: Final = {"en": "EEEE, d MMMM y, HH:mm", "bg": "EEEE, d MMMM y 'г.', H:mm"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished email and the id that names it."""

    message_id: str
    envelope: Envelope
    variant: str | None = None


def write(ws: Workspace, tx: Tx, touch: Record, outlet: Outlet) -> Letter:
    """Render the email of `touch` as `outlet` writes and store its bytes. Raises an OnwardError when it cannot be.

    The Message-ID is that of the touch, the same at every attempt.
    """
    playbook = ws.playbooks.version(tx, touch.playbook_digest)
    step = playbook.sequences[touch.sequence].step(touch.step)
    person = _PERSON.all(tx, {"prospect": touch.prospect_id})[0]
    language = language_of(playbook, person.language)
    token = links.sign(links.Link(touch.prospect_id, touch.enrollment_id), ws.key("links"))
    link = f"{ws.settings.base_url}/u/{token}"
    sender = outlet.sender
    facts = _facts(tx, playbook, touch.prospect_id, touch.meeting_id, person)
    told = values(playbook, facts, language, sender_name=sender.name, link=link)
    told["signature"] = outlet.signature.get(language, "")
    variant = sequences.variant_of(step, touch.enrollment_id)
    name = variant.email if variant else step.email or ""
    templates, by_hand = ws.templates.of(tx, name), _OWN.first(tx, {"touch": touch.id})
    if by_hand is None:
        rendered = templates.render(name, language, told)
    else:
        words = own.sources(language, by_hand.subject, by_hand.text, by_hand.version)
        rendered = own.render(templates, name, language, words, told)
    message_id = touch.message_id or new_message_id(touch.id, ws.key("message ids"), outlet.domain)
    thread, subject = _thread(tx, touch, step)
    recipient = parse_address(touch.email)
    text, html = rendered.text, rendered.html
    if step.quotes and thread:
        text, html = _quoted(tx, playbook, touch, thread[-1], language, (text, html))
    draft = Draft(
        sender=sender,
        recipient=Party(person.name, recipient),
        subject=f"Re: {subject}" if thread else rendered.subject,
        text=text,
        html=html,
        message_id=message_id,
        date=tx.now,
        language=language,
        unsubscribe=(link, f"mailto:{sender.address.text}?subject=unsubscribe%20{token}"),
        reply_to=_reply_to(person, sender) or _tagged(ws, outlet, matching.REPLY, touch.id),
        in_reply_to=thread[-1] if thread else "",
        references=thread,
    )
    content = compose(draft)
    if outlet.signer is not None:
        content = outlet.signer.sign(content, tx.now)
    _keep(tx, touch.id, draft, content, (name, rendered), by_hand=by_hand is not None)
    bounces_to = _tagged(ws, outlet, matching.BOUNCE, touch.id) or sender
    envelope = Envelope(bounces_to.address.text, recipient.text, content)
    # What somebody wrote by hand says nothing about the variant in whose place it left.
    return Letter(message_id, envelope, variant.key if variant and by_hand is None else None)


_STAND_IN: Final = aliased(Rep)
_PERSON: Final = Prepared(
    select(
        Prospect.name, Prospect.email, Prospect.company, Prospect.title, Prospect.language, Prospect.stage,
        # A stand-in signs and is answered to while the rep is away.
        func.coalesce(_STAND_IN.name, Rep.name).label("rep_name"),
        func.coalesce(_STAND_IN.email, Rep.email).label("rep_email"),
    )
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(_STAND_IN, and_(_STAND_IN.id == Rep.stand_in_id, Rep.away_since.is_not(None)))
    .where(Prospect.id == bindparam("prospect"))
)  # fmt: skip
_OWN: Final = Prepared(
    select(OwnText.version, OwnText.subject, OwnText.text).where(
        OwnText.touch_id == bindparam("touch"), OwnText.text.is_not(None)
    )
)
_ANSWERS: Final = Prepared(select(Answer.question, Answer.text).where(Answer.prospect_id == bindparam("prospect")))
_MEETING: Final = Prepared(select(Meeting.starts_at, Meeting.place).where(Meeting.id == bindparam("meeting")))
_EARLIER: Final = Prepared(
    select(Message.message_id, Message.subject)
    .join(Touch, Touch.id == Message.touch_id)
    .where(
        Touch.enrollment_id == bindparam("enrollment"),
        Touch.position < bindparam("position"),
        one_of(Touch.state, ("sent", "uncertain")),
    )
    .order_by(Touch.position, Touch.generation)
)
_BEFORE: Final = Prepared(
    select(Message.content, Message.created_at, Touch.committed_at)
    .join(Touch, Touch.id == Message.touch_id)
    .where(Message.message_id == bindparam("message"))
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What an email may tell of its prospect, their rep and the meeting it is about."""

    name: str
    email: str
    company: str
    title: str
    stage: str
    rep_name: str
    rep_email: str
    answers: Mapping[str, str]
    meeting_starts: datetime | None
    meeting_place: str
    zone: ZoneInfo | None
    """The clock on the prospect's wall; asked for only where a meeting is named."""


def language_of(playbook: Playbook, language: str) -> str:
    """The language an email is written in: the prospect's, where the playbook knows it, else its first."""
    return language if language in playbook.languages else playbook.languages[0]


def values(playbook: Playbook, facts: Facts, language: str, *, sender_name: str, link: str) -> dict[str, object]:
    """All that a template may name. `link` ends the emails, `sender_name` signs for a prospect without a rep."""
    stage = playbook.stages.get(facts.stage)
    return {
        "name": facts.name,
        "first_name": facts.name.split(" ")[0] if facts.name else "",
        "company": facts.company,
        "title": facts.title,
        "email": facts.email,
        "language": language,
        "rep_name": facts.rep_name,
        "rep_email": facts.rep_email,
        "sender_name": facts.rep_name or sender_name,
        "stage_title": playbook.words(stage.title, language) if stage else "",
        "answers": facts.answers,
        "unsubscribe_url": link,
        "booking_url": "",
        **_meeting(facts, language),
    }


def facts_of(tx: Tx, playbook: Playbook, prospect_id: str, meeting_id: str | None) -> Facts:
    """What an email would tell of a prospect now."""
    person = _PERSON.all(tx, {"prospect": prospect_id})[0]
    return _facts(tx, playbook, prospect_id, meeting_id, person)


def _facts(tx: Tx, playbook: Playbook, prospect_id: str, meeting_id: str | None, person: Record) -> Facts:
    answers = _ANSWERS.all(tx, {"prospect": prospect_id})
    meeting = _MEETING.first(tx, {"meeting": meeting_id}) if meeting_id else None
    return Facts(
        name=person.name,
        email=person.email,
        company=person.company,
        title=person.title,
        stage=person.stage,
        rep_name=person.rep_name or "",
        rep_email=person.rep_email or "",
        answers={row.question: row.text for row in answers},
        meeting_starts=meeting.starts_at if meeting else None,
        meeting_place=meeting.place if meeting else "",
        zone=enrolling.where_is(tx, playbook, prospect_id).zone if meeting else None,
    )


def _meeting(facts: Facts, language: str) -> dict[str, object]:
    starts = facts.meeting_starts
    if starts is None or facts.zone is None:
        return {"meeting_starts": "", "meeting_place": facts.meeting_place, "meeting_zone": ""}
    locale = _LOCALES[language]
    return {
        "meeting_starts": format_datetime(starts, _FORMATS[language], tzinfo=facts.zone, locale=locale),
        "meeting_place": facts.meeting_place,
        "meeting_zone": get_timezone_name(starts.astimezone(facts.zone), locale=locale, width="long"),
    }


def _thread(tx: Tx, touch: Record, step: Step) -> tuple[tuple[str, ...], str]:
    """The Message-IDs this email answers, oldest first, and the subject they share."""
    if not step.same_thread:
        return (), ""
    rows = _EARLIER.all(tx, {"enrollment": touch.enrollment_id, "position": touch.position})
    return tuple(row.message_id for row in rows), rows[0].subject.removeprefix("Re: ") if rows else ""


def thread_of(tx: Tx, touch: Record, step: Step) -> str:
    """The subject that an email of this step keeps, because it goes on with one that has left; empty for a new one."""
    thread, subject = _thread(tx, touch, step)
    return f"Re: {subject}" if thread else ""


def _reply_to(person: Record, sender: Party) -> Party | None:
    """The rep whose prospect it is, where that is somebody else than the sender: answers go to a person."""
    if not person.rep_email or person.rep_email == sender.address.text:
        return None
    return Party(person.rep_name or "", parse_address(person.rep_email))


def _tagged(ws: Workspace, outlet: Outlet, purpose: str, touch_id: str) -> Party | None:
    """The sender's address with a tag that names the touch, where the mailbox takes such addresses."""
    if not outlet.tags:
        return None
    address = matching.tagged(outlet.sender.address, matching.new_tag(purpose, touch_id, ws.key("mail tags")))
    return Party(outlet.sender.name, address) if address else None


def _quoted(
    tx: Tx, playbook: Playbook, touch: Record, message_id: str, language: str, parts: tuple[str, str]
) -> tuple[str, str]:
    """Text and HTML with the email before it below."""
    row = _BEFORE.first(tx, {"message": message_id})
    if row is None:
        return parts
    zone = enrolling.where_is(tx, playbook, touch.prospect_id).zone
    when = said_at(row.committed_at or row.created_at, zone, language)
    return quoting.below(*parts, row.content, when=when, language=language)


def said_at(at: datetime, zone: ZoneInfo, language: str) -> str:
    """A day and an hour by the clock of a prospect, in their language."""
    return str(format_datetime(at, _FORMATS[language], tzinfo=zone, locale=_LOCALES[language]))


def _keep(
    tx: Tx, touch_id: str, draft: Draft, content: bytes, written: tuple[str, Rendered], *, by_hand: bool
) -> None:  # fmt: skip
    name, rendered = written
    row = {
        "id": ids.new_id(),
        "touch_id": touch_id,
        "message_id": draft.message_id,
        "subject": draft.subject,
        "content": content,
        "sha256": hashlib.sha256(content).hexdigest(),
        "template": name,
        "language": rendered.language,
        "template_version": None if by_hand else rendered.version,
        "own_version": rendered.version if by_hand else None,
        "created_at": tx.now,
    }
    upserts.upsert(tx, Message, row, keys=("touch_id",), keep=("id",))
