"""Saves what somebody wrote of an email as its next version, shows it on a prospect, and sends one to oneself.

Every text that is saved can be sent: what is wrong is refused here, with its line. A trial is a message of its own,
outside every sequence; it is tried once and never again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, insert, select

from workflow import auditing, ids
from workflow.actions import mailboxes, preview
from workflow.actions.outreach import letter
from workflow.engine import sequences
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail import own
from workflow.mail.address import Mailbox as Party
from workflow.mail.address import parse_address
from workflow.mail.compose import Draft, compose
from workflow.mail.templates import FALLBACK, LANGUAGES, NAME, TemplateError, Templates, Text
from workflow.mail.transport import Envelope
from workflow.records import upserts
from workflow.records.models import Mailbox, Meeting, Rep
from workflow.records.texts import TemplateVersion, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workflow.mail.smtp import Timeouts
    from workflow.mail.templates import Rendered
    from workflow.mail.transport import Outcome
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

MOST_TRIALS: Final = 20
"""Trials that one person may send in an hour."""
_TRIAL_SUBJECT: Final = {"en": "[Trial] {}", "bg": "[Проба] {}"}
_TRIAL_WORDS: Final = {
    "en": "This is a trial that you sent to yourself. No prospect got it.",
    "bg": "Това е проба, която си изпратихте. Никой клиент не я е получил.",
}
_SAMPLE: Final = {
    "en": letter.Facts("Ana Petrova", "ana@example.com", "Example Ltd", "COO", "", "", "", {}, None, "", None),
    "bg": letter.Facts("Ана Петрова", "ana@example.com", "Пример ООД", "директор", "", "", "", {}, None, "", None),
}


class FaultyText(BadInput):
    """The text of an email cannot be sent as it stands: correct the named lines and save it again."""

    def __init__(self, problems: Iterable[TemplateError]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(each.message for each in self.problems), field="text")


@dataclass(frozen=True, slots=True)
class Shown:
    """A text on somebody: the email as they would get it, or what keeps it from being written."""

    rendered: Rendered | None
    problems: tuple[TemplateError, ...]


def save(ws: Workspace, name: str, language: str, text: Text, actor: str) -> int:
    """Keep `text` as the next version of an email in a language; gives its number, from 1.

    HTML that is missing is made from the text. `text.version` is the one that its author saw. Raises
    Conflict when there is a newer one by now, FaultyText for a text that could not be sent, and NotFound for a name or
    language that cannot be. The same text again is no version.
    """

    def work(tx: Tx) -> int:
        templates = ws.templates.of(tx, name)
        newest = templates.version(name, language)
        if newest != text.version:
            message = "Somebody has saved another version of this text: compare both and decide."
            raise Conflict(message)
        if language != FALLBACK and not templates.exists(name):
            message = f"Write the text of {name} in English first: it stands in for every language that is missing."
            raise BadInput(message, field="language")
        found = problems(templates, name, language, text)
        if found:
            raise FaultyText(found)
        kept = own.whole(language, text)
        if language in _languages(templates, name) and templates.source(name, language) == kept:
            return newest
        row = {
            "id": ids.new_id(),
            "name": name,
            "language": language,
            "version": newest + 1,
            "subject": kept.subject,
            "text": kept.text,
            "html": kept.html,
            "actor": actor,
            "at": tx.now,
        }
        if not upserts.insert_new(tx, TemplateVersion, row):
            message = "Somebody has saved another version of this text: compare both and decide."
            raise Conflict(message)
        was, now = {"version": newest or None}, {"version": newest + 1}
        auditing.note(tx, actor, "template.saved", f"{name}.{language}", was, now)
        return newest + 1

    _check_place(name, language)
    return ws.database.transact(work)


def _check_place(name: str, language: str) -> None:
    if not NAME.fullmatch(name):
        message = "An email has a name of up to 64 small letters, digits, hyphens and underscores."
        raise BadInput(message, field="name")
    if language not in LANGUAGES:
        message = f"There is no language {language[:20]!r} here: write en or bg."
        raise NotFound(message)


def problems(templates: Templates, name: str, language: str, text: Text) -> tuple[TemplateError, ...]:
    """Everything that keeps a text from being saved, each with its place."""
    if not text.html.strip() and text.text.strip():
        return own.problems(templates, name, language, text.subject, text.text)
    drafted = templates.drafted(name, language, text)
    return tuple(each for each in drafted.problems(name) if each.place.language in ("", language))


def show(ws: Workspace, tx: Tx, draft: tuple[str, str, Text], prospect_id: str | None) -> Shown:
    """The text of a name and language on a prospect, or without one on somebody invented.

    A prospect without a meeting ahead has one tomorrow for the sake of it.
    """
    name, language, text = draft
    templates = ws.templates.of(tx, name)
    found = problems(templates, name, language, text)
    if found:
        return Shown(None, found)
    templates = templates.drafted(name, language, own.whole(language, text))
    try:
        return Shown(templates.render(name, language, _values(ws, tx, language, prospect_id)), ())
    except TemplateError as error:
        return Shown(None, (error,))


def try_it(
    ws: Workspace, draft: tuple[str, str, Text], prospect_id: str | None, rep_id: str, timeouts: Timeouts | None = None
) -> Outcome:
    """Send a text to the rep who asks, on a prospect or somebody invented, and tell how that ended.

    It leaves by the rep's own mailbox, else by the installation's. Raises TemplateError for a text that cannot be
    written, and BadInput when the rep has sent too many, or the mailbox cannot send.
    """
    name, language, _ = draft

    def work(tx: Tx) -> tuple[str, str, Rendered]:
        since = tx.now - timedelta(hours=1)
        recent = select(func.count()).select_from(Trial).where(Trial.rep_id == rep_id, Trial.at > since)
        if tx.conn.execute(recent).scalar_one() >= MOST_TRIALS:
            message = "You have sent many trials within the hour: wait a little."
            raise BadInput(message)
        shown = show(ws, tx, draft, prospect_id)
        if shown.rendered is None:
            raise FaultyText(shown.problems)
        trial_id = ids.new_id()
        row = {"id": trial_id, "rep_id": rep_id, "name": name, "language": language, "at": tx.now}
        tx.conn.execute(insert(Trial), row)
        to = tx.conn.execute(select(Rep.email).where(Rep.id == rep_id)).scalar_one()
        return str(to), trial_id, shown.rendered

    to, trial_id, rendered = ws.database.transact(work)
    way = mailboxes.way(ws, _mailbox(ws, rep_id))
    content = _trial(way.outlet.sender, to, trial_id, rendered, ws)
    if way.outlet.signer is not None:
        with ws.database.read() as tx:
            content = way.outlet.signer.sign(content, tx.now)
    transport = way.transport(timeouts)
    try:
        return transport.send(Envelope(way.outlet.sender.address.text, parse_address(to).text, content), lambda: True)
    finally:
        transport.close()


def _languages(templates: Templates, name: str) -> tuple[str, ...]:
    return templates.languages(name) if templates.exists(name) else ()


def _values(ws: Workspace, tx: Tx, language: str, prospect_id: str | None) -> dict[str, object]:
    playbook = ws.playbooks.in_force(tx)
    facts = (
        _SAMPLE[language]
        if prospect_id is None
        else letter.facts_of(tx, playbook, prospect_id, _ahead(tx, prospect_id))
    )
    if facts.meeting_starts is None:
        zone = facts.zone or sequences.whereabouts(playbook, None, None, None).zone
        day = (tx.now + timedelta(days=1)).astimezone(zone)
        facts = replace(facts, meeting_starts=day.replace(hour=10, minute=0, second=0, microsecond=0), zone=zone)
    outlet = preview.outlet_of(ws, tx, prospect_id)
    told = letter.values(playbook, facts, language, sender_name=outlet.sender.name, link=preview.LINK)
    told["signature"] = outlet.signature.get(language, "")
    return told


def _ahead(tx: Tx, prospect_id: str) -> str | None:
    """The next meeting of a prospect."""
    found = select(Meeting.id).where(
        Meeting.prospect_id == prospect_id, Meeting.state == "booked", Meeting.starts_at > tx.now
    )
    return tx.conn.execute(found.order_by(Meeting.starts_at).limit(1)).scalar_one_or_none()


def _mailbox(ws: Workspace, rep_id: str) -> str:
    with ws.database.read() as tx:
        mine = select(Mailbox.id).where(
            Mailbox.rep_id == rep_id, Mailbox.removed_at.is_(None), Mailbox.state == "active"
        )
        found = tx.conn.execute(mine.order_by(Mailbox.created_at).limit(1)).scalar_one_or_none()
    return found or ws.mailbox_id


def _trial(sender: Party, to: str, trial_id: str, rendered: Rendered, ws: Workspace) -> bytes:
    words = _TRIAL_WORDS[rendered.language]
    banner = f'<p style="margin: 0; padding: 8px 20px; background: #faefd9; color: #855000">{words}</p>'
    body = rendered.html.find("<body")
    place = rendered.html.find(">", body) + 1 if body >= 0 else 0
    with ws.database.read() as tx:
        now = tx.now
    return compose(
        Draft(
            sender=sender,
            recipient=Party("", parse_address(to)),
            subject=_TRIAL_SUBJECT[rendered.language].format(rendered.subject),
            text=f"{words}\n\n{rendered.text}",
            html=rendered.html[:place] + banner + rendered.html[place:],
            message_id=f"<trial-{trial_id}@{sender.address.domain}>",
            date=now,
            language=rendered.language,
        )
    )
