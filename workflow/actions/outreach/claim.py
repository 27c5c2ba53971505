"""T0 of the send protocol: the clock claims what is due, within the limits that `rooms` counts.

Renders and sends nothing. Two clocks are safe side by side: a mailbox row is locked while its mail is claimed, so
that the limits are counted by one of them at a time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, Select, Text, bindparam, func, select, update

from workflow import ids
from workflow.actions.outreach import rooms
from workflow.engine import leaving, trail
from workflow.engine.companies import company_of
from workflow.engine.leaving import STILL_GOOD_FOR
from workflow.engine.reasons import because
from workflow.errors import PlaybookError
from workflow.records.base import Moment
from workflow.records.models import IN_HANDS, Enrollment, Mailbox, Prospect, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from workflow.engine.reasons import Reason
    from workflow.playbook.schema import DomainLimits, MailboxLimits, Step
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

BATCH: Final = 500
_PER_JOB: Final = 50
_MOST_PRIORITY: Final = 100
_CLAIMED: Final = (Touch.state == "claimed") & one_of(Touch.state, IN_HANDS)
# The earliest of each mailbox is one seek, whatever a planner believes of how many are due, and it is sought once.
_EARLIEST: Final = (
    select(func.min(Touch.next_attempt_at))
    .where(
        Touch.mailbox_id == Mailbox.id,
        Touch.state == "scheduled",
        Touch.next_attempt_at.is_not(None),
        Touch.asks_since.is_(None),
    )
    .scalar_subquery()
)
# The one that waits for longest comes first: where mailboxes share a limit none of them starves.
_SOUGHT: Final = select(Mailbox.id, _EARLIEST.label("earliest")).cte("sought").prefix_with("MATERIALIZED")
_DUE_MAILBOXES: Final = Prepared(select(_SOUGHT).where(_SOUGHT.c.earliest <= bindparam("now", type_=Moment())))
_MAILBOX: Final = Prepared(
    select(Mailbox.id, Mailbox.state, Mailbox.backoff_until)
    .where(Mailbox.id == bindparam("mailbox"))
    .with_for_update(skip_locked=True)
)


def _next_of(*further: ColumnElement[bool]) -> Prepared:
    """The next emails of a mailbox that are due and `further`, in the order in which they leave."""
    waits = (Touch.state == "scheduled", Touch.asks_since.is_(None), Touch.next_attempt_at.is_not(None))
    return Prepared(
        select(Touch.id)
        .where(Touch.mailbox_id == bindparam("mailbox"), *waits, *further)
        .where(Touch.next_attempt_at <= bindparam("now", type_=Moment()))
        .order_by(Touch.next_attempt_at, Touch.id)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )


_FORCED: Final = Touch.forced.is_(True)
_NEXT: Final = _next_of()
_NEXT_FORCED: Final = _next_of(_FORCED)
_OF: Final = (Touch.priority > 0, Touch.priority == bindparam("priority", type_=Integer()))
_NEXT_OF: Final = _next_of(*_OF)
_NEXT_FORCED_OF: Final = _next_of(*_OF, _FORCED)
_WHOSE: Final = (
    select(
        Touch.id, Touch.forced, Touch.due_at, Touch.not_after, Touch.attempts, Touch.sequence, Touch.step, Touch.reason,
        Enrollment.playbook_digest, Prospect.email_key,
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .join(Prospect, Prospect.id == Touch.prospect_id)
)  # fmt: skip
# The highest below another: one seek for each that there is.
_PRIORITY: Final = Prepared(
    select(func.max(Touch.priority).label("top")).where(
        Touch.mailbox_id == bindparam("mailbox"),
        Touch.state == "scheduled",
        Touch.priority > 0,
        Touch.priority < bindparam("below", type_=Integer()),
    )
)
_PUT_OFF: Final = Prepared(
    update(Touch)
    .where(Touch.id == bindparam("touch"), Touch.state == "scheduled")
    .values(trail=func.coalesce(Touch.trail, "").concat(bindparam("line", type_=Text())))
)
# A deadline is moved when less than this is left of it, and then by a day: each row is written once a day at most.
_NEAR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed of one mailbox, and how many hints that is worth."""

    mailbox_id: str
    touches: int
    hints: int


def claim_due(ws: Workspace) -> tuple[Claimed, ...]:
    """Claim what is due now, mailbox by mailbox. Costs one short read when nothing is."""
    with ws.database.read() as tx:
        due = sorted(_DUE_MAILBOXES.all(tx, {"now": tx.now}), key=lambda row: row.earliest)
    mailboxes = [row.id for row in due]
    claims = []
    for done, mailbox_id in enumerate(mailboxes):
        sharing = len(mailboxes) - done
        claims.append(ws.database.transact(partial(_claim, ws, mailbox_id=mailbox_id, sharing=sharing)))
    return tuple(claim for claim in claims if claim is not None)


def hint_again(ws: Workspace, unheard_for: timedelta) -> tuple[Claimed, ...]:
    """Mailboxes with claimed mail that nobody began for so long: their hint was lost, or their worker was."""
    with ws.database.read() as tx:
        forgotten = _CLAIMED & (Touch.hint_at <= tx.now - unheard_for)
        if tx.conn.execute(select(Touch.id).where(forgotten).limit(1)).first() is None:
            return ()

    def work(tx: Tx) -> tuple[Claimed, ...]:
        limits = ws.playbooks.in_force(tx).limits.mailbox
        rows = tx.conn.execute(select(Touch.mailbox_id, func.count()).where(forgotten).group_by(Touch.mailbox_id)).all()
        tx.conn.execute(update(Touch).where(forgotten).values(hint_at=tx.now))
        return tuple(Claimed(mailbox_id, count, _hints(count, limits)) for mailbox_id, count in rows if mailbox_id)

    return ws.database.transact(work)


def hold_open(ws: Workspace) -> int:
    """Move the deadline of what waits for its mailbox: a limit, a gap or a pause makes no email too late.

    Only a deadline that has not passed is moved, so that after an outage of days nothing stale leaves; and none of a
    mail server that is away, nor of a step before a meeting, which is of no use after it. Gives how many were moved.
    """
    with ws.database.read() as tx:
        now = tx.now
        waits = _due(select(Touch.id, Touch.step, Enrollment.sequence, Enrollment.playbook_digest), now)
        rows = tx.conn.execute(
            waits.join(Enrollment, Enrollment.id == Touch.enrollment_id)
            .join(Mailbox, Mailbox.id == Touch.mailbox_id)
            .where(Mailbox.backoff_until.is_(None), Touch.not_after.between(now, now + _NEAR))
            .limit(BATCH)
        ).all()
        moved = [row.id for row in rows if _keeps(ws, tx, row)]
    if moved:
        near = update(Touch).where(Touch.id.in_(moved), Touch.state == "scheduled")
        ws.database.transact(lambda tx: tx.conn.execute(near.values(not_after=tx.now + STILL_GOOD_FOR)))
    return len(moved)


def earliest_due(tx: Tx) -> datetime | None:
    """When the next email falls due, for a clock that wants to sleep."""
    return tx.conn.execute(
        select(func.min(Touch.next_attempt_at)).where(
            Touch.state == "scheduled", Touch.mailbox_id.is_not(None), Touch.asks_since.is_(None)
        )
    ).scalar_one()


def _claim(ws: Workspace, tx: Tx, mailbox_id: str, sharing: int) -> Claimed | None:
    limits = ws.playbooks.in_force(tx).limits
    rooms.lock(tx, limits, ws.mailbox_id)
    mailbox = _MAILBOX.first(tx, {"mailbox": mailbox_id})
    if mailbox is None or mailbox.state != "active":
        return None
    room, at_ease = rooms.of_mailbox(tx, mailbox, limits.mailbox, BATCH)
    if room > 0:
        shared = rooms.of_all(tx, limits.overall, sharing)
        room = room if shared is None else min(room, shared)
    if room <= 0:
        return None
    claim = _Claim(ws, tx, mailbox_id, at_ease)
    touches = claim.take_in_turns(room, limits.domain) if limits.domain.any else claim.take(room)
    return Claimed(mailbox_id, touches, _hints(touches, limits.mailbox)) if touches else None


@dataclass(frozen=True, slots=True)
class _Claim:
    """One claim on a mailbox, whose row is locked."""

    ws: Workspace
    tx: Tx
    mailbox_id: str
    at_ease: bool

    def take(self, room: int) -> int:
        """Claim as many; how many were."""
        chosen = self._next(room)
        return self._mark(chosen) if chosen else 0

    def take_in_turns(self, room: int, limits: DomainLimits) -> int:
        """Claim as many where companies have limits: what its company has no room for is put off and makes way."""
        companies, taken, looked = rooms.Companies(self.tx, limits), 0, 0
        while taken < room and looked < BATCH:
            due = self._next(room - taken)
            found = {row.id: row for row in self.tx.conn.execute(_WHOSE.where(Touch.id.in_(due)))} if due else {}
            looked += len(due)
            companies.count(company_of(row.email_key) for row in found.values())
            chosen: dict[str | None, list[str]] = defaultdict(list)
            for touch_id in due:
                company, until = self._turn(companies, found[touch_id])
                if until is None:
                    chosen[company].append(touch_id)
            going = sum(self._mark(touches, domain=company) for company, touches in chosen.items())
            taken += going
            if going == len(due):
                break
        return taken

    def _turn(self, companies: rooms.Companies, row: Record) -> tuple[str | None, datetime | None]:
        """The company that an email is claimed for, or until when it is put off."""
        company, step = company_of(row.email_key), _step(self.ws, self.tx, row)
        if company is None or (step is not None and leaving.is_lost(step, row, self.tx.now)):
            # It will be found too late and does not leave, so it is claimed for no company.
            return None, None
        until = companies.opens(company, forced=row.forced)
        if until is None:
            companies.take(company)
        else:
            self._put_off(row, step, until, because("limit.company", what=company))
        return company, until

    def _next(self, most: int) -> list[str]:
        """What is due: of a higher priority first, then what has been due for longest."""
        touches: list[str] = []
        # A gap or a back-off holds everything but what a rep sends now.
        ordinary, urgent = (_NEXT, _NEXT_OF) if self.at_ease else (_NEXT_FORCED, _NEXT_FORCED_OF)
        priority = _MOST_PRIORITY + 1
        while len(touches) < most:
            top = _PRIORITY.all(self.tx, {"mailbox": self.mailbox_id, "below": priority})[0].top
            if top is None:
                break
            priority = top
            touches += [row.id for row in urgent.all(self.tx, {**self._asked(most - len(touches)), "priority": top})]
        if len(touches) < most:
            # The index knows no priority, and must alone be enough to answer: those known by now are passed over.
            known = set(touches)
            rows = ordinary.all(self.tx, self._asked(most))
            touches += [row.id for row in rows if row.id not in known][: most - len(touches)]
        return touches

    def _asked(self, most: int) -> dict[str, object]:
        return {"mailbox": self.mailbox_id, "now": self.tx.now, "most": most}

    def _mark(self, chosen: list[str], **more: object) -> int:
        claimed = {"state": "claimed", "token": ids.new_id(), "holder": None, "hint_at": self.tx.now, **more}
        mine = update(Touch).where(Touch.id.in_(chosen), Touch.state == "scheduled")
        return self.tx.conn.execute(mine.values(**claimed)).rowcount

    def _put_off(self, row: Record, step: Step | None, until: datetime, reason: Reason) -> None:
        # Of a version that this release cannot read nothing leaves anyway.
        moved = leaving.put_off(step, row, self.tx.now, until, reason).not_after if step is not None else None
        values = {"next_attempt_at": until, "reason": reason.pack(), "not_after": moved or row.not_after}
        # Told once: it may be put off many times for the same.
        told = "" if row.reason == values["reason"] else trail.told("waits", self.tx.now, reason, next=until)
        _PUT_OFF.run(self.tx, {**values, "touch": row.id, "line": told})


def _due(statement: Select[*tuple[Any, ...]], now: datetime) -> Select[*tuple[Any, ...]]:
    waits = (Touch.state == "scheduled", Touch.asks_since.is_(None), Touch.mailbox_id.is_not(None))
    return statement.where(*waits, Touch.next_attempt_at <= now)


def _keeps(ws: Workspace, tx: Tx, row: Record) -> bool:
    """Whether an email is worth as much a day later; of a version that this release cannot read nothing leaves."""
    step = _step(ws, tx, row)
    return step is not None and not step.before_meeting


def _step(ws: Workspace, tx: Tx, row: Record) -> Step | None:
    """The step of a touch; None for a version that this release cannot read: the others must not wait for it."""
    try:
        return ws.playbooks.version(tx, row.playbook_digest).sequences[row.sequence].step(row.step)
    except PlaybookError:
        return None


def _hints(touches: int, limits: MailboxLimits) -> int:
    return min(limits.concurrency, -(-touches // _PER_JOB))
