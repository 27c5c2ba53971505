"""Writes and takes back the text of one single email before it leaves, in place of what its template says.

What is saved was filled in once with what is known of its prospect, so that it can be sent. Sends nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update

from workflow import ids
from workflow.actions import enrolling, preview
from workflow.actions.outreach import acts, letter
from workflow.actions.texts import FaultyText, Shown
from workflow.engine import sequences, trail
from workflow.engine.reasons import because
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail import own
from workflow.mail.templates import TemplateError
from workflow.records import upserts
from workflow.records.models import Enrollment, Prospect, Touch
from workflow.records.personal import OwnText

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.actions.prospects import Who
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

OPEN: Final = ("scheduled", "claimed")
"""States in which nothing of an email has been written yet, so that its text may still change."""
LONGEST: Final = 20_000
"""Characters of a text that a person writes for one email."""
_OVERTAKEN: Final = "Somebody has changed the text of this email meanwhile: look at it again and decide."


@dataclass(frozen=True, slots=True)
class Words:
    """The text of one email as it would leave now. `version` is 0 until somebody has written one by hand.

    With `is_own` it is by hand, by `actor` at `at`; else it is what its template makes of it, which may be to correct.
    `thread` is the subject that it keeps, because it goes on with an earlier email.
    """

    touch_id: str
    prospect_id: str
    template: str
    language: str
    variant: str | None
    state: str
    version: int
    subject: str
    text: str
    is_own: bool
    actor: str
    at: datetime | None
    thread: str
    problem: TemplateError | None = None


_TOUCH: Final = (
    select(
        Touch.id, Touch.prospect_id, Touch.enrollment_id, Touch.step, Touch.position, Touch.kind, Touch.state,
        Enrollment.sequence, Enrollment.playbook_digest, Enrollment.meeting_id, Prospect.language,
        OwnText.version, OwnText.subject, OwnText.text, OwnText.actor, OwnText.at,
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .join(Prospect, Prospect.id == Touch.prospect_id)
    .outerjoin(OwnText, OwnText.touch_id == Touch.id)
)  # fmt: skip


def read(ws: Workspace, tx: Tx, touch_id: str) -> Words:
    """The text of an email as it stands, to be changed. Raises NotFound for a task and what is not there."""
    row = _row(tx, touch_id)
    email = _Email(ws, tx, row)
    subject, text, problem = row.subject, row.text, None
    if text is None:
        try:
            subject, text = email.begun()
        except TemplateError as error:
            subject, text, problem = "", "", error
    return Words(
        touch_id=row.id,
        prospect_id=row.prospect_id,
        template=email.name,
        language=email.language,
        variant=email.variant,
        state=row.state,
        version=row.version or 0,
        subject=subject or "",
        text=text,
        is_own=row.text is not None,
        actor=row.actor or "",
        at=row.at,
        thread=letter.thread_of(tx, row, email.step),
        problem=problem,
    )


def show(ws: Workspace, tx: Tx, touch_id: str, subject: str, text: str) -> Shown:
    """The email as its prospect would get it with these words, or what keeps it from being written."""
    return _Email(ws, tx, _row(tx, touch_id)).shown(subject, text)


def save(ws: Workspace, touch_id: str, subject: str, text: str, who: Who, *, version: int) -> int:
    """Keep these words for this one email; gives their version. The same words again are no version.

    `version` is the one that their author saw. Raises NotFound, FaultyText for words that could not be sent, and
    Conflict when there are newer ones, or once the email is leaving.
    """
    if len(text) > LONGEST:
        message = f"The text of one email has at most {LONGEST} characters: shorten it."
        raise BadInput(message, field="text")

    def work(tx: Tx) -> int:
        touch = acts.locked(tx, touch_id)
        row = _row(tx, touch_id)
        _refuse_late(row, version)
        email = _Email(ws, tx, row)
        if (subject, text) == (row.subject, row.text) or (row.text is None and email.is_begun(subject, text)):
            return version
        found = email.shown(subject, text)
        if found.problems:
            raise FaultyText(found.problems)
        _keep(tx, row, who, subject, text)
        _tell(ws, tx, touch, who, version + 1)
        return version + 1

    return ws.database.transact(work)


def drop(ws: Workspace, touch_id: str, who: Who, *, version: int) -> None:
    """Go back to the template. Raises NotFound, and Conflict as `save` does or when no text was written by hand."""

    def work(tx: Tx) -> None:
        touch = acts.locked(tx, touch_id)
        row = _row(tx, touch_id)
        _refuse_late(row, version)
        if row.text is None:
            message = "This email has no text of its own: it follows its template already."
            raise Conflict(message)
        _keep(tx, row, who, None, None)
        _tell(ws, tx, touch, who, version + 1, by_hand=False)

    ws.database.transact(work)


class _Email:
    """One email that has not left, and what may be told in it now."""

    def __init__(self, ws: Workspace, tx: Tx, row: Record) -> None:
        self._ws = ws
        self._tx = tx
        self._row = row
        self._playbook = ws.playbooks.version(tx, row.playbook_digest)
        known = self._playbook.sequences[row.sequence].steps
        step = next((each for each in known if each.key == row.step), None)
        if step is None:
            # A publication took it away with its words, and its prospect went on without it.
            message = "There is no such email: check the id."
            raise NotFound(message)
        self.step = step
        variant = sequences.variant_of(self.step, row.enrollment_id)
        self.variant = variant.key if variant else None
        self.name = variant.email if variant else self.step.email or ""
        self.language = letter.language_of(self._playbook, row.language)
        self._templates = ws.templates.of(tx, self.name)

    def begun(self) -> tuple[str, str]:
        """What to begin with."""
        return own.begun(self._templates, self.name, self.language, self._values())

    def is_begun(self, subject: str, text: str) -> bool:
        """Whether these words are those that one began with."""
        try:
            return (subject, text.strip()) == (self.begun()[0], self.begun()[1].strip())
        except TemplateError:
            return False

    def shown(self, subject: str, text: str) -> Shown:
        """These words on their prospect."""
        found = own.problems(self._templates, self.name, self.language, subject, text)
        if found:
            return Shown(None, found)
        written = own.sources(self.language, subject, text, 0)
        try:
            return Shown(own.render(self._templates, self.name, self.language, written, self._values()), ())
        except TemplateError as error:
            return Shown(None, (error,))

    def _values(self) -> dict[str, object]:
        row = self._row
        facts = letter.facts_of(self._tx, self._playbook, row.prospect_id, row.meeting_id)
        outlet = preview.outlet_of(self._ws, self._tx, row.prospect_id)
        told = letter.values(
            self._playbook, facts, self.language, sender_name=outlet.sender.name, link=preview.LINK
        )  # fmt: skip
        told["signature"] = outlet.signature.get(self.language, "")
        return told


def _row(tx: Tx, touch_id: str) -> Record:
    row = tx.conn.execute(_TOUCH.where(Touch.id == touch_id)).one_or_none() if ids.is_id(touch_id) else None
    if row is None or row.kind != "email":
        message = "There is no such email: check the id."
        raise NotFound(message)
    return row


def _refuse_late(row: Record, version: int) -> None:
    if row.state not in OPEN:
        message = f"This email is {row.state}: its text can be changed no more."
        raise Conflict(message)
    if (row.version or 0) != version:
        raise Conflict(_OVERTAKEN)


def _keep(tx: Tx, row: Record, who: Who, subject: str | None, text: str | None) -> None:
    kept = {
        "touch_id": row.id,
        "version": (row.version or 0) + 1,
        "subject": subject,
        "text": text,
        "actor": who.actor,
        "at": tx.now,
    }
    upserts.upsert(tx, OwnText, kept, keys=("touch_id",))


def _tell(ws: Workspace, tx: Tx, touch: Record, who: Who, version: int, *, by_hand: bool = True) -> None:
    kind, code = ("touch.reworded", "reworded_by") if by_hand else ("touch.template", "template_by")
    line = trail.told("reworded", tx.now, because(code, by=who.actor, number=str(version)))
    tx.conn.execute(update(Touch).where(Touch.id == touch.id).values(trail=enrolling.trail_with(line)))
    acts.note(ws, tx, touch, kind, who, {"version": str(version)})
