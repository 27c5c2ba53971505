"""What is still to come for a real prospect: their life goes on in the simulator from where the records have it.

Reads only, and sends nothing. Whoever asks must have seen to it that they may see this prospect.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, and_, bindparam, func, or_, select

from workflow import ids
from workflow.engine import leaving
from workflow.engine.decide import MeetingFact
from workflow.engine.life import Known, KnownEnrollment, KnownTouch, Left, MailboxState
from workflow.engine.overtaken import Line
from workflow.engine.reasons import because, unpack, words
from workflow.engine.signals import FIELDS, ProspectView
from workflow.engine.simulate import HORIZON, simulate
from workflow.errors import NotFound
from workflow.mail.address import key_of
from workflow.playbook.needs import CALL_WORDS
from workflow.records import lines
from workflow.records.base import Moment
from workflow.records.models import (
    Answer,
    Call,
    Enrollment,
    Mailbox,
    Meeting,
    Message,
    Prospect,
    Rep,
    Suppression,
    Touch,
)
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from workflow.engine.life import Happening, Life, Writer
    from workflow.playbook.schema import Sequence
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_MOST_MAILS: Final = 1_000
_WHO: Final = Prospect.id == bindparam("prospect")
_PROSPECT: Final = Prepared(
    select(
        Prospect.id, Prospect.stage, Prospect.version, Prospect.custom, Prospect.outcome, Prospect.outcome_reason,
        Prospect.entered_stage_at, Prospect.moved_at, Prospect.owner_id, *(getattr(Prospect, name) for name in FIELDS),
        Prospect.mail_hold_until, Prospect.mail_hold_why, Prospect.declined, Rep.time_zone.label("rep_zone"),
        Suppression.email_key.label("suppressed"),
    )
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
    .where(_WHO)
)  # fmt: skip
# All of an active enrollment, and what is still open of one that has ended: a task that nothing waited for.
_TOUCHES: Final = Prepared(
    select(
        Touch.enrollment_id, Touch.step, Touch.state, Touch.due_at, Touch.not_after, Touch.next_attempt_at,
        Touch.reason, Touch.mailbox_id, Touch.forced, Touch.attempts, Touch.ended_at, Touch.committed_at,
        Touch.asks_since, Message.subject, Enrollment.sequence, Enrollment.playbook_digest,
        Enrollment.state.label("enrollment_state"), Meeting.uid.label("meeting_uid"),
    )
    .select_from(Touch)
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .outerjoin(Message, Message.touch_id == Touch.id)
    .outerjoin(Meeting, Meeting.id == Enrollment.meeting_id)
    .where(
        Touch.prospect_id == bindparam("prospect"),
        or_(Enrollment.state == "active", one_of(Touch.state, leaving.OPEN)),
    )
    .order_by(Touch.enrollment_id, Touch.position, Touch.generation)
)  # fmt: skip
_MEETINGS: Final = Prepared(
    select(
        Meeting.uid, Meeting.state, Meeting.starts_at, Meeting.ends_at, Meeting.place, Meeting.reason,
        Meeting.changed_at,
    ).where(Meeting.prospect_id == bindparam("prospect"))
)  # fmt: skip
_ANSWERS: Final = Prepared(select(Answer.question, Answer.text).where(Answer.prospect_id == bindparam("prospect")))
_CALLS: Final = Prepared(
    select(
        func.count().label("ended"),
        func.count(Call.minutes).label("timed"),
        func.count(func.nullif(Call.notes, "")).label("noted"),
    ).where(Call.prospect_id == bindparam("prospect"))
)
_BEGUN: Final = Prepared(
    select(Enrollment.sequence, func.max(Enrollment.started_at).label("last"))
    .where(Enrollment.prospect_id == bindparam("prospect"))
    .group_by(Enrollment.sequence)
)
_MAILS: Final = Prepared(
    select(Touch.committed_at, Touch.domain)
    .where(Touch.prospect_id == bindparam("prospect"), Touch.committed_at.is_not(None))
    .order_by(Touch.committed_at.desc())
    .limit(bindparam("most", type_=Integer()))
)
_LAST_OF_MAILBOX: Final = (
    select(func.max(Touch.committed_at, type_=Moment()))
    .where(Touch.mailbox_id == Mailbox.id, Touch.committed_at.is_not(None))
    .scalar_subquery()
)
# The one by which new emails leave: that of the rep, or the installation's own; and those of what is planned.
_MAILBOXES: Final = Prepared(
    select(
        Mailbox.id, Mailbox.state, Mailbox.backoff_until, Mailbox.pause_reason, Mailbox.rep_id, Mailbox.removed_at,
        _LAST_OF_MAILBOX.label("last_mail_at"),
    )
    .where(
        or_(
            Mailbox.id == bindparam("own"),
            Mailbox.rep_id == select(Prospect.owner_id).where(_WHO).scalar_subquery(),
            Mailbox.id.in_(
                select(Touch.mailbox_id)
                .join(Enrollment, and_(Enrollment.id == Touch.enrollment_id, Enrollment.state == "active"))
                .where(Touch.prospect_id == bindparam("prospect"))
            ),
        )
    )
    .order_by(Mailbox.created_at)
)  # fmt: skip
_BY_EMAIL: Final = Prepared(select(Prospect.id).where(Prospect.email_key == bindparam("email_key")))


def forecast(
    ws: Workspace,
    tx: Tx,
    prospect_id: str,
    events: Iterable[Happening] = (),
    *,
    horizon: timedelta = HORIZON,
    writer: Writer | None = None,
) -> Life:
    """What will come from now on if nothing but `events` happens. Raises NotFound.

    Its `touches` are those that are open now, and what begins later. Without a `writer` the emails have no words.
    """
    person, script = known(ws, tx, prospect_id), list(events)
    if any(each.occurred_at is not None and each.occurred_at < each.at for each in script):
        person = replace(person, history=tuple(Line(*row) for row in lines.HISTORY.all(tx, {"prospect": prospect_id})))
    return simulate(ws.playbooks.in_force(tx), person, script, begins=tx.now, horizon=horizon, writer=writer)


def find(tx: Tx, told: str) -> str:
    """The id of the prospect with this id or address. Raises NotFound."""
    key = key_of(told)
    row = _PROSPECT.first(tx, {"prospect": told}) if ids.is_id(told) else None
    row = row or (_BY_EMAIL.first(tx, {"email_key": key}) if key else None)
    if row is None:
        message = f"No prospect has the id or the address “{told[:80]}”: both stand on the prospect's page."
        raise NotFound(message)
    return str(row.id)


def known(ws: Workspace, tx: Tx, prospect_id: str) -> Known:
    """A prospect as the installation knows them at this moment. Raises NotFound."""
    which = {"prospect": prospect_id}
    row = _PROSPECT.first(tx, which)
    if row is None:
        message = "There is no such prospect: check the id."
        raise NotFound(message)
    enrollments, limits = _enrollments(ws, tx, which), ws.playbooks.in_force(tx).limits
    # An enrollment keeps to the limits that its own version has for a prospect.
    versions = (limits, *(each.playbook.limits for each in enrollments))
    most = max(1, limits.domain.per_day or 0, *(each.prospect.most for each in versions))
    mails = _MAILS.all(tx, {**which, "most": min(most, _MOST_MAILS)})
    mailboxes = _MAILBOXES.all(tx, {**which, "own": ws.mailbox_id})
    of_rep = (each.id for each in mailboxes if each.rep_id and each.rep_id == row.owner_id and not each.removed_at)
    return Known(
        view=_view(tx, row),
        meetings=tuple(
            MeetingFact(each.uid, each.state, each.starts_at, each.ends_at, each.place, each.reason, each.changed_at)
            for each in _MEETINGS.all(tx, which)
        ),
        enrollments=enrollments,
        mails=tuple(Left(mail.committed_at, mail.domain) for mail in reversed(mails)),
        mailbox=next(of_rep, ws.mailbox_id),
        mailboxes={each.id: _mailbox(each) for each in mailboxes},
    )


def _view(tx: Tx, row: Record) -> ProspectView:
    which = {"prospect": row.id}
    (calls,) = _CALLS.all(tx, which)
    return ProspectView(
        id=row.id,
        stage=row.stage,
        version=row.version,
        fields={name: getattr(row, name) for name in FIELDS},
        custom=row.custom,
        outcome=row.outcome,
        outcome_reason=row.outcome_reason,
        entered_stage_at=row.entered_stage_at,
        moved_at=row.moved_at,
        suppressed=row.suppressed is not None,
        owner_id=row.owner_id,
        fallback_zone=row.rep_zone,
        answers={each.question: each.text for each in _ANSWERS.all(tx, which)},
        calls=frozenset(word for word in CALL_WORDS if getattr(calls, word)),
        begun={each.sequence: each.last for each in _BEGUN.all(tx, which)},
        mail_hold_until=row.mail_hold_until,
        mail_hold_why=row.mail_hold_why,
        declined=frozenset((row.declined or "").split()),
    )


def _enrollments(ws: Workspace, tx: Tx, which: dict[str, str]) -> tuple[KnownEnrollment, ...]:
    found = []
    for enrollment_id, group in groupby(_TOUCHES.all(tx, which), key=lambda row: row.enrollment_id):
        touches = tuple(group)
        row = touches[0]
        playbook = ws.playbooks.version(tx, row.playbook_digest)
        sequence = playbook.sequences[row.sequence]
        # A publication that took a step away has settled its touch; nothing is planned by it any more.
        steps = {step.key for step in sequence.steps}
        known_touches = tuple(_touch(sequence, touch) for touch in touches if touch.step in steps)
        active = row.enrollment_state == "active"
        found.append(KnownEnrollment(enrollment_id, playbook, sequence, row.meeting_uid, known_touches, active=active))
    return tuple(found)


def _touch(sequence: Sequence, row: Record) -> KnownTouch:
    lets_go_on: datetime | None = None
    if row.state == "uncertain":
        lets_go_on = row.committed_at + leaving.UNCERTAIN_FOR
    return KnownTouch(
        step=sequence.step(row.step),
        state=row.state,
        due_at=row.due_at,
        not_after=row.not_after,
        next_attempt_at=row.next_attempt_at,
        reason=unpack(row.reason) or because("due"),
        mailbox=row.mailbox_id or "",
        forced=row.forced,
        attempts=row.attempts,
        subject=row.subject or "",
        ended_at=row.ended_at,
        counts_as_sent_at=lets_go_on,
        asks=row.asks_since is not None,
    )


def _mailbox(row: Record) -> MailboxState:
    paused = None
    if row.state == "paused":
        why = {f"why.{language}": words(row.pause_reason, language) or "" for language in ("en", "bg")}
        paused = because("paused", **why)
    return MailboxState(row.last_mail_at, row.backoff_until, paused)
