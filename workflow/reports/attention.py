"""The list of what needs a person: emails in doubt, failed or too late, mailboxes that stopped, unmatched mail.

Each email with the evidence that was gathered about it. Reads only; deciding is `actions.outreach.again` and `acts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import ColumnElement, and_, func, literal, literal_column, or_, select, tuple_

from workflow.engine import reasons
from workflow.engine.leaving import UNCERTAIN_FOR
from workflow.engine.reasons import Reason, because
from workflow.records.base import Moment
from workflow.records.models import (
    IN_HANDS,
    Enrollment,
    History,
    Incoming,
    Mailbox,
    Message,
    Prospect,
    Reading,
    Suppression,
    Touch,
)
from workflow.records.prepared import one_of
from workflow.reports import steps
from workflow.reports.scope import unerased
from workflow.reports.snoozes import awake

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute

    from workflow.playbook.schema import Step
    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

LISTED: Final = 50
_LATELY: Final = timedelta(days=30)
_MOST_SIGNS: Final = 3
_SETTLED: Final = '["resolved.'
# Whoever pauses a mailbox by hand, or is away, knows about it.
_BY_PEOPLE: Final = frozenset({"pause.by", "pause.away"})
_MAIL: Final = ("email.replied", "email.auto_replied", "email.bounced", "email.complained", "email.unsubscribed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of the list: of one kind, of one mailbox; empty for all. With `awake` without what the viewer put off."""

    what: str = ""
    mailbox_id: str = ""
    awake: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """One piece of evidence: when, and what it means."""

    at: datetime | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class Need:
    """One email that waits for a decision. `at` is when it left, failed or began to wait; `acts` what can be done."""

    what: str
    id: str
    at: datetime
    step: Step | None
    key: str
    sequence: str
    subject: str | None
    recipient: str | None
    reason: str | None
    prospect_id: str
    name: str
    company: str
    email: str
    mailbox_id: str
    mailbox: str
    attempts: int
    generation: int
    acts: tuple[str, ...]
    signs: tuple[Sign, ...] = ()
    title: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox that stopped by itself: why, since when, and how many emails wait for it."""

    id: str
    name: str
    sender: str
    reason: str | None
    at: datetime | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Work:
    """What needs a person. `counts` holds the numbers of all, `mailboxes` the names of those with emails in the list.

    `total` is how many there are of what was asked for; `needs` are the oldest of them.
    """

    needs: tuple[Need, ...]
    total: int
    counts: Mapping[str, int]
    mailboxes: Mapping[str, str]
    boxes: tuple[Box, ...]
    unmatched: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the emails of one kind are found: the condition, the time they are told by, and what can be done."""

    is_so: Callable[[datetime], ColumnElement[bool]]
    at: InstrumentedAttribute[datetime | None]
    acts: tuple[str, ...]


def _uncertain(_now: datetime) -> ColumnElement[bool]:
    return and_(Touch.state == "uncertain", one_of(Touch.state, IN_HANDS))


def _failed(now: datetime) -> ColumnElement[bool]:
    """An address that is barred needs nobody: its mail is not to be sent."""
    open_ = or_(Touch.reason.is_(None), ~Touch.reason.startswith(_SETTLED, autoescape=True))
    failed = Touch.state == literal_column("'failed'")
    return and_(failed, Touch.ended_at > now - _LATELY, open_, Suppression.email_key.is_(None))


def _late(_now: datetime) -> ColumnElement[bool]:
    return and_(Touch.state == literal_column("'scheduled'"), Touch.asks_since.is_not(None))


KINDS: Final[Mapping[str, _Kind]] = {
    "uncertain": _Kind(_uncertain, Touch.committed_at, ("sent", "resend", "dropped")),
    "failed": _Kind(_failed, Touch.ended_at, ("resend", "dropped")),
    "late": _Kind(_late, Touch.asks_since, ("send-now", "skip")),
}
"""The kinds of emails in the list, in its order."""


def counting(tx: Tx, viewer: Viewer) -> tuple[Select[int], ...]:
    """The questions whose answers are together how many things need this person, beside mailboxes that stopped."""
    return (*(_counting(tx, viewer, Wanted(what)) for what in KINDS), _unmatched(tx, viewer))


def stopped(tx: Tx, viewer: Viewer) -> int:
    """How many mailboxes stopped by themselves, for those whom it concerns."""
    return len(_stopped(tx)) if viewer.sees_everyone else 0


def counts(tx: Tx, viewer: Viewer) -> Mapping[str, int]:
    """How many emails of each kind there are."""
    return {what: _count(tx, viewer, Wanted(what)) for what in KINDS}


def unmatched(tx: Tx, viewer: Viewer) -> int:
    """How many messages matched nobody and may be read by this person."""
    return int(tx.conn.execute(_unmatched(tx, viewer)).scalar_one())


def _unmatched(tx: Tx, viewer: Viewer) -> Select[int]:
    mine = Mailbox.rep_id == viewer.rep_id
    seen = or_(mine, Mailbox.rep_id.is_(None)) if viewer.sees_everyone else mine
    waits = Incoming.outcome == literal_column("'unmatched'")
    found = select(func.count()).select_from(Incoming).join(Mailbox, Mailbox.id == Incoming.mailbox_id)
    return found.where(waits, Incoming.received_at > tx.now - _LATELY, seen)


def work(
    ws: Workspace,
    tx: Tx,
    viewer: Viewer,
    wanted: Wanted,
    *,
    limit: int = LISTED,
    spooled: Collection[str] = (),
) -> Work:
    """What needs this person, kind after kind, of each the oldest first.

    `spooled` are the touches of which an outcome waits on disk: that is read by `actions.outreach.spool`.
    """
    kinds = [what for what in KINDS if wanted.what in ("", what)]
    listed: list[Need] = []
    for what in kinds:
        part = Wanted(what, wanted.mailbox_id)
        listed += needs(ws, tx, viewer, part, limit=limit - len(listed), spooled=spooled)
    return Work(
        needs=tuple(listed),
        total=sum(_count(tx, viewer, Wanted(what, wanted.mailbox_id)) for what in kinds),
        counts=counts(tx, viewer),
        mailboxes=_mailboxes(tx, viewer, kinds),
        boxes=boxes(tx),
        unmatched=unmatched(tx, viewer),
    )


def equal(tx: Tx, viewer: Viewer, wanted: Wanted, before: datetime, *, limit: int) -> Sequence[str]:
    """The ids of all emails of one kind that were in the list at `before`, the oldest first."""
    if wanted.what not in KINDS:
        return ()
    kind = KINDS[wanted.what]
    found = _joined(select(Touch.id), tx, viewer, wanted).where(kind.at <= before)
    return tx.conn.execute(found.order_by(kind.at, Touch.id).limit(limit)).scalars().all()


def _joined(found: Select[Any], tx: Tx, viewer: Viewer, wanted: Wanted) -> Select[Any]:
    found = found.join(Prospect, Prospect.id == Touch.prospect_id)
    found = found.outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
    kind = (Touch.kind == "email", KINDS[wanted.what].is_so(tx.now))
    found = found.where(viewer.sees(), *unerased(tx), *kind)
    if wanted.awake:
        found = found.where(awake(viewer, tx.now, "email", Touch.id))
    return found.where(Touch.mailbox_id == wanted.mailbox_id) if wanted.mailbox_id else found


def _count(tx: Tx, viewer: Viewer, wanted: Wanted) -> int:
    return int(tx.conn.execute(_counting(tx, viewer, wanted)).scalar_one())


def _counting(tx: Tx, viewer: Viewer, wanted: Wanted) -> Select[int]:
    return _joined(select(func.count(Touch.id)), tx, viewer, wanted)


_COLUMNS: Final = (
    Touch.id, Touch.step, Touch.sequence, Touch.reason, Touch.recipient, Touch.prospect_id, Touch.mailbox_id,
    Touch.attempts, Touch.generation, Touch.committed_at, Enrollment.playbook_digest, Message.subject, Prospect.name,
    Prospect.company, Prospect.email, Prospect.title, Prospect.stage, Mailbox.name.label("mailbox"), Mailbox.settings,
    Reading.read_at, Reading.problem, Reading.problem_since,
)  # fmt: skip


def needs(
    ws: Workspace,
    tx: Tx,
    viewer: Viewer,
    wanted: Wanted,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int,
    spooled: Collection[str] = (),
) -> list[Need]:
    """The emails of one kind, the oldest first, behind `after` (time and id)."""
    kind = KINDS[wanted.what]
    found = _joined(select(*_COLUMNS, kind.at.label("at")), tx, viewer, wanted)
    found = found.join(Enrollment, Enrollment.id == Touch.enrollment_id)
    found = found.outerjoin(Message, Message.touch_id == Touch.id).outerjoin(Mailbox, Mailbox.id == Touch.mailbox_id)
    found = found.outerjoin(Reading, Reading.mailbox_id == Mailbox.id).order_by(kind.at, Touch.id).limit(max(limit, 0))
    if after is not None:
        found = found.where(tuple_(kind.at, Touch.id) > tuple_(literal(after[0], Moment()), literal(after[1])))
    rows = tx.conn.execute(found).all()
    signs = _signs(tx, rows, spooled) if wanted.what == "uncertain" else {row.id: _attempts(row) for row in rows}
    return [
        Need(
            what=wanted.what,
            id=row.id,
            at=row.at,
            step=steps.step_of(ws, tx, row),
            key=row.step,
            sequence=row.sequence,
            subject=row.subject,
            recipient=row.recipient,
            reason=row.reason,
            prospect_id=row.prospect_id,
            name=row.name,
            company=row.company,
            email=row.email,
            mailbox_id=row.mailbox_id,
            mailbox=row.mailbox or "",
            attempts=row.attempts,
            generation=row.generation,
            acts=kind.acts,
            signs=tuple(signs.get(row.id, ())),
            title=row.title,
            stage=row.stage,
        )
        for row in rows
    ]


def _mailboxes(tx: Tx, viewer: Viewer, kinds: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for what in kinds:
        named = _joined(
            cast("Select[Any]", select(Mailbox.id, Mailbox.name).select_from(Touch)), tx, viewer, Wanted(what)
        )
        named = named.join(Mailbox, Mailbox.id == Touch.mailbox_id).distinct()
        found |= {row.id: row.name for row in tx.conn.execute(named)}
    return found


# --- evidence


def _attempts(row: Record) -> list[Sign]:
    return [Sign(None, because("sign.attempts", number=row.attempts))] if row.attempts > 1 else []


def _signs(tx: Tx, rows: Sequence[Record], spooled: Collection[str]) -> Mapping[str, list[Sign]]:
    """What was found about emails of which nobody knows, each with the time of the look."""
    if not rows:
        return {}
    mail = _since(tx, rows)
    found: dict[str, list[Sign]] = {}
    for row in rows:
        found[row.id] = [
            Sign(tx.now, because("sign.spooled" if row.id in spooled else "sign.no_spool")),
            _folder(row),
            *(mail.get(row.id) or [Sign(tx.now, because("sign.no_mail"))])[:_MOST_SIGNS],
        ]
        goes_on = row.committed_at + UNCERTAIN_FOR
        found[row.id].append(Sign(goes_on, because("sign.goes_on" if goes_on > tx.now else "sign.went_on")))
    return found


def _folder(row: Record) -> Sign:
    """Whether somebody looked into the folder of sent mail. What is there settles the email before it is shown here."""
    if not (row.settings or {}).get("inbox"):
        return Sign(None, because("sign.unread"))
    if row.problem:
        return Sign(row.problem_since, because("sign.unreadable", problem=row.problem))
    if row.read_at is None or row.read_at < row.committed_at:
        return Sign(row.read_at, because("sign.not_looked"))
    return Sign(row.read_at, because("sign.not_there"))


def _since(tx: Tx, rows: Sequence[Record]) -> Mapping[str, list[Sign]]:
    """What came from or about these prospects since: nothing that names the email, or it would be settled."""
    people = {row.prospect_id for row in rows}
    first = min(row.committed_at for row in rows)
    told = select(History.prospect_id, History.at, History.kind).where(
        History.prospect_id.in_(people), History.kind.in_(_MAIL), History.at > first
    )
    came = select(Incoming.prospect_id, Incoming.received_at.label("at"), Incoming.kind).where(
        Incoming.prospect_id.in_(people), Incoming.outcome == "ignored", Incoming.received_at > first
    )
    seen = [*tx.conn.execute(told.order_by(History.at)), *tx.conn.execute(came.order_by(Incoming.received_at))]
    return {
        row.id: [
            Sign(each.at, because("sign.bounce" if "bounce" in each.kind else "sign.mail"))
            for each in seen
            if each.prospect_id == row.prospect_id and each.at > row.committed_at
        ]
        for row in rows
    }


# --- mailboxes that stopped by themselves


def _stopped(tx: Tx) -> list[Record]:
    columns = (Mailbox.id, Mailbox.name, Mailbox.sender, Mailbox.pause_reason, Mailbox.paused_at)
    paused = select(*columns).where(Mailbox.state == "paused", Mailbox.removed_at.is_(None)).order_by(Mailbox.name)
    return [row for row in tx.conn.execute(paused) if not _by_people(row.pause_reason)]


def _by_people(stored: str | None) -> bool:
    reason = reasons.unpack(stored)
    return reason is not None and reason.code in _BY_PEOPLE


def boxes(tx: Tx) -> tuple[Box, ...]:
    """The mailboxes that stopped by themselves."""
    return tuple(
        Box(row.id, row.name, row.sender, row.pause_reason, row.paused_at, _held(tx, row.id)) for row in _stopped(tx)
    )


def _held(tx: Tx, mailbox_id: str) -> int:
    due = (Touch.mailbox_id == mailbox_id, Touch.state == "scheduled", Touch.next_attempt_at <= tx.now)
    return int(tx.conn.execute(select(func.count()).where(*due)).scalar_one())
