"""Writes the emails of a simulated life in the real templates, so that they read as they would arrive.

Stores and sends nothing; the link to unsubscribe leads nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import aliased

from workflow.actions import enrolling
from workflow.actions.outreach import letter, outlet
from workflow.engine.life import Written
from workflow.mail import own, quoting
from workflow.mail.address import parse_mailbox
from workflow.records.models import Enrollment, Mailbox, Message, Prospect, Rep, Touch
from workflow.records.personal import OwnText
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.actions.outreach.outlet import Outlet
    from workflow.engine.life import Letter
    from workflow.mail.templates import Templates
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

LINK: Final = "https://example.com/u/preview"
_STAND_IN: Final = aliased(Rep)
_REP: Final = Prepared(
    select(
        func.coalesce(_STAND_IN.name, Rep.name).label("name"),
        func.coalesce(_STAND_IN.email, Rep.email).label("email"),
    )
    .select_from(Prospect)
    .join(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(_STAND_IN, and_(_STAND_IN.id == Rep.stand_in_id, Rep.away_since.is_not(None)))
    .where(Prospect.id == bindparam("prospect"))
)
_BY_HAND: Final = Prepared(
    select(Touch.enrollment_id, Touch.step, OwnText.subject, OwnText.text, OwnText.version)
    .join(OwnText, OwnText.touch_id == Touch.id)
    .where(Touch.prospect_id == bindparam("prospect"), OwnText.text.is_not(None))
    .order_by(Touch.generation)
)
_LEFT: Final = Prepared(
    select(Touch.enrollment_id, Touch.step, Touch.committed_at, Message.content)
    .select_from(Touch)
    .join(Enrollment, and_(Enrollment.id == Touch.enrollment_id, Enrollment.state == "active"))
    .join(Message, Message.touch_id == Touch.id)
    .where(Touch.prospect_id == bindparam("prospect"), Touch.committed_at.is_not(None))
    .order_by(Touch.generation)
)
_OUTLETS: Final = Prepared(select(Mailbox.id, Mailbox.sender, Mailbox.settings))


@dataclass(frozen=True, slots=True)
class Preview:
    """The writer of simulated emails: the port `life.Writer`. `rep_name` is the prospect's rep, if there is one.

    A mailbox without an outlet of its own writes as `sender_name`, and without a signature.
    """

    templates: Templates
    sender_name: str = ""
    rep_name: str = ""
    rep_email: str = ""
    outlets: Mapping[str, Outlet] = field(default_factory=dict)
    by_hand: Mapping[tuple[str, str], tuple[str, str, int]] = field(default_factory=dict)
    """Subject, text and version of what was written by hand for an email, by its enrollment and step."""
    left: Mapping[tuple[str, str], tuple[datetime, bytes]] = field(default_factory=dict)
    """When the emails of running sequences left, and their bytes, by the same."""

    def write(self, told: Letter) -> Written:
        """The email of a step. Raises TemplateError when it cannot be written."""
        fields, meeting, mine = told.fields, told.meeting, self.outlets.get(told.mailbox)
        facts = letter.Facts(
            name=fields.get("name", ""),
            email=fields.get("email", ""),
            company=fields.get("company", ""),
            title=fields.get("title", ""),
            stage=told.stage,
            rep_name=self.rep_name,
            rep_email=self.rep_email,
            answers=told.answers,
            meeting_starts=meeting.starts_at if meeting else None,
            meeting_place=meeting.place if meeting else "",
            zone=told.zone,
        )
        language = letter.language_of(told.playbook, fields.get("language", ""))
        sender_name = mine.sender.name if mine else self.sender_name
        values = letter.values(told.playbook, facts, language, sender_name=sender_name, link=LINK)
        values["signature"] = mine.signature.get(language, "") if mine else ""
        name, written = told.step.email or "", self.by_hand.get((told.enrollment, told.step.key))
        if written is None:
            rendered = self.templates.render(name, language, values)
        else:
            rendered = own.render(self.templates, name, language, own.sources(language, *written), values)
        text = self._with_quotation(told, rendered.text, language) if told.step.quotes else rendered.text
        return Written(f"Re: {told.subject}" if told.subject else rendered.subject, text)

    def _with_quotation(self, told: Letter, text: str, language: str) -> str:
        """The email before it below, whether it left or was only written here."""
        if told.before is None:
            return text
        left = self.left.get((told.enrollment, told.before.step))
        if left is not None:
            when = letter.said_at(left[0], told.zone, language)
            return quoting.below(text, "", left[1], when=when, language=language)[0]
        if told.before.at is None:
            return text
        mine, when = self.outlets.get(told.before.mailbox), letter.said_at(told.before.at, told.zone, language)
        who = mine.sender.name or mine.sender.address.text if mine else self.sender_name
        return quoting.below_text(text, told.before.text, link=LINK, when=when, who=who, language=language)


def for_prospect(ws: Workspace, tx: Tx, prospect_id: str) -> Preview:
    """The writer of what a real prospect would get: signed by their rep, from the mailboxes of this installation."""
    rep = _REP.first(tx, {"prospect": prospect_id})
    outlets = {row.id: _outlet(row.sender, row.settings or {}) for row in _OUTLETS.all(tx, {})}
    outlets[ws.mailbox_id] = mine = outlet.of_installation(ws.settings.mail_from)
    by_hand = {
        (row.enrollment_id, row.step): (row.subject, row.text, row.version)
        for row in _BY_HAND.all(tx, {"prospect": prospect_id})
    }
    left = {
        (row.enrollment_id, row.step): (row.committed_at, row.content)
        for row in _LEFT.all(tx, {"prospect": prospect_id})
    }
    templates, sender = ws.templates.all(tx), mine.sender.name
    return Preview(templates, sender, rep.name if rep else "", rep.email if rep else "", outlets, by_hand, left)


def outlet_of(ws: Workspace, tx: Tx, prospect_id: str | None) -> Outlet:
    """What the emails of a prospect are written with; without one, those of the installation."""
    mailbox_id = enrolling.mailbox_of(ws, tx, prospect_id) if prospect_id else ws.mailbox_id
    row = next(each for each in _OUTLETS.all(tx, {}) if each.id == mailbox_id)
    return _outlet(ws.settings.mail_from if mailbox_id == ws.mailbox_id else row.sender, row.settings or {})


def _outlet(sender: str, shown: Mapping[str, str]) -> Outlet:
    signature = {each: shown[f"signature_{each}"] for each in ("en", "bg") if shown.get(f"signature_{each}")}
    return outlet.Outlet(parse_mailbox(sender, local_host=True), signature)
