"""The hands of the send protocol: begin (T1), the commit mark before the final dot (T2), and the record after it (T3).

Of one email at most one copy ever leaves by itself. Everything before the mark may be done again; everything after it
without a recorded answer is `uncertain`, and a person decides. No transaction is open while the network is used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Boolean, Integer, Text, bindparam, case, exists, func, or_, select, update

from workflow import ids, playbooks
from workflow.actions import prospects
from workflow.actions.outreach import letter, outlet, settle
from workflow.actions.outreach.settle import Begun
from workflow.engine import leaving, sequences, trail
from workflow.engine import signals as kinds
from workflow.engine.companies import company_of
from workflow.engine.reasons import Reason, because
from workflow.errors import OnwardError, Unavailable
from workflow.probe import SILENT
from workflow.records.base import Moment
from workflow.records.db import CommitUnknown
from workflow.records.models import IN_HANDS, Enrollment, Mailbox, Prospect, Rep, Suppression, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from workflow.actions.outreach.letter import Letter
    from workflow.actions.outreach.outlet import Outlet
    from workflow.actions.outreach.spool import Spool
    from workflow.actions.outreach.timings import Timings
    from workflow.engine.leaving import Mails
    from workflow.mail.transport import Outcome, Transport
    from workflow.playbook.schema import ProspectLimits, Step
    from workflow.probe import Probe
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

MOST_BEGIN_ERRORS: Final = 3
_RECORD_PAUSES_S: Final = (0.1, 0.5, 2.0, 5.0)
_NOW: Final = bindparam("now", type_=Moment())
_ROOM: Final = Prepared(
    select(
        select(func.count())
        .where(
            Touch.mailbox_id == bindparam("mailbox"),
            one_of(Touch.state, ("sending", "committing")),
            one_of(Touch.state, IN_HANDS),
            Touch.lease_until > _NOW,
        )
        .scalar_subquery()
        .label("busy"),
        *playbooks.HOLDING,
    ).where(Mailbox.id == bindparam("mailbox"), Mailbox.state == "active")
)
_CHOSEN: Final = Prepared(
    select(
        Touch.id, Touch.prospect_id, Touch.enrollment_id, Touch.step, Touch.position, Touch.generation, Touch.token,
        Touch.attempts, Touch.due_at, Touch.not_after, Touch.forced, Touch.message_id, Touch.domain,
        Enrollment.state.label("enrollment_state"), Enrollment.sequence, Enrollment.playbook_digest,
        Enrollment.meeting_id, Prospect.email, Prospect.email_key, Prospect.time_zone, Prospect.country,
        Prospect.mail_hold_until, Prospect.mail_hold_why,
        Rep.time_zone.label("rep_zone"), Suppression.email_key.label("barred"),
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .join(Prospect, Prospect.id == Touch.prospect_id)
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
    .where(Touch.mailbox_id == bindparam("mailbox"), Touch.state == "claimed", one_of(Touch.state, IN_HANDS))
    .order_by(Touch.next_attempt_at, Touch.id)
    .limit(1)
    .with_for_update(of=Prospect, skip_locked=True)
)  # fmt: skip
_STILL_CLAIMED: Final = Prepared(
    select(Touch.id)
    .where(Touch.id == bindparam("touch"), Touch.state == "claimed", Touch.token == bindparam("token"))
    .with_for_update()
)
_BEGIN: Final = Prepared(
    update(Touch)
    .where(Touch.id == bindparam("touch"))
    .values(trail=func.coalesce(Touch.trail, "").concat(bindparam("line", type_=Text())))
)
# What can have changed since T1 without a word to the touch itself: a pause, a barred address, an edited one, a hold.
_WHOM: Final = Prospect.id == bindparam("prospect")
_MARK: Final = Prepared(
    update(Touch)
    .where(
        Touch.id == bindparam("touch"),
        Touch.token == bindparam("held"),
        Touch.state == "sending",
        Touch.lease_until > _NOW,
        exists().where(Mailbox.id == bindparam("mailbox"), Mailbox.state == "active"),
        exists().where(_WHOM, Prospect.email == bindparam("address")),
        ~exists().where(_WHOM, Suppression.email_key == Prospect.email_key),
        ~((Touch.not_after < _NOW) & (Touch.attempts == 1)),
        or_(~bindparam("waits", type_=Boolean()), ~exists().where(_WHOM, Prospect.mail_hold_until > _NOW)),
    )
    .values(
        state="committing",
        committed_at=_NOW,
        committed_version=select(Prospect.version).where(_WHOM).scalar_subquery(),
        lease_until=bindparam("leased_until", type_=Moment()),
    )
)
# Another email to the same prospect that is on its way just now counts as leaving now.
_BUSY: Final = (Touch.state == "sending") & (Touch.id != bindparam("touch"))
_MAILS: Final = Prepared(
    select(Touch.committed_at, case((_BUSY, 1), else_=0).label("busy"))
    .where(Touch.prospect_id == bindparam("prospect"), _BUSY | Touch.committed_at.is_not(None))
    .order_by(case((_BUSY, 1), else_=0).desc(), Touch.committed_at.desc())
    .limit(bindparam("most", type_=Integer()))
)


@dataclass(slots=True)
class Sender:
    """One pair of hands: a process, its one connection to the mail server, and what it needs to record what it did.

    Without an `outlet` it writes as the installation does. `preparing` is the touch in hand, up to its commit mark:
    whoever catches an error of ours blames it by `blame`.
    """

    ws: Workspace
    transport: Transport
    spool: Spool
    timings: Timings
    holder: str
    probe: Probe = SILENT
    sleep: Callable[[float], None] = field(default=time.sleep)
    outlet: Outlet | None = None
    preparing: str | None = None

    def drain(self, mailbox_id: str, stop_asked: Callable[[], bool] = bool) -> None:
        """Send the claimed mail of a mailbox, for a while or until asked to stop between two emails."""
        until = time.monotonic() + self.timings.drain_for.total_seconds()
        while time.monotonic() < until and not stop_asked() and self._one(mailbox_id):
            continue

    def _one(self, mailbox_id: str) -> bool:
        """Take the next claimed touch through the protocol; False when there is none to take."""
        begun = self.begin(mailbox_id)
        if begun is None:
            return False
        if isinstance(begun, Begun):
            self.send(begun)
        return True

    def begin(self, mailbox_id: str) -> Begun | Reason | None:
        """T1: lock the prospect, ask everything again, render, store the bytes.

        Gives the reason when this touch does not leave now, None when nothing of this mailbox can be begun.
        """

        def work(tx: Tx) -> Begun | Reason | None:
            touch = self._choose(tx, mailbox_id)
            if touch is None:
                return None
            self.preparing = touch.id
            self.probe.at("begin.locked")
            line = self._ask_again(tx, touch)
            if isinstance(line, Reason):
                return line
            try:
                own = self.outlet or outlet.of_installation(self.ws.settings.mail_from)
                written = letter.write(self.ws, tx, touch, own)
            except OnwardError as error:
                return settle.fail(tx, touch.id, because("render", problem=error.message))
            return self._take(tx, mailbox_id, touch, written, line)

        begun = self.ws.database.transact(work)
        if not isinstance(begun, Begun):
            self.preparing = None
        self.probe.at("begin.committed")
        return begun

    def blame(self) -> None:
        """Count an error of ours against the touch in hand, so that it cannot stop the others.

        Only as long as nobody else took it up meanwhile: what another hand is sending must not be put back.
        """
        touch_id, self.preparing = self.preparing, None
        if touch_id is not None:
            self.ws.database.transact(lambda tx: self._count_error(tx, touch_id))

    def send(self, begun: Begun) -> None:
        """Hand the email to its server, with the commit mark before the final dot, and record how it ended."""
        unsure = False

        def before_dot() -> bool:
            nonlocal unsure
            self.probe.at("mark.before")
            asked = time.monotonic()
            try:
                marked = self.ws.database.transact(lambda tx: self.mark(tx, begun))
            except (CommitUnknown, Unavailable):
                # The mark may stand or not. Without the dot nothing is delivered, so the row can be read in peace.
                unsure = True
                return False
            self.probe.at("mark.committed")
            if marked and time.monotonic() - asked > self.timings.dead_after.total_seconds():
                # We were frozen, taken for dead, and a person may have settled the email since. Nothing has left yet.
                unsure = True
                return False
            if marked:
                self.preparing = None
            return marked

        outcome = self.transport.send(begun.envelope, before_dot)
        self.probe.at("answered")
        self._record(begun, outcome, unsure=unsure)
        self.preparing = None
        self.probe.at("sent.recorded")

    def mark(self, tx: Tx, begun: Begun) -> bool:
        """T2: from here on nobody can take the email back. One guarded update under the prospect's lock decides."""
        prospects.lock(tx, begun.prospect_id)
        marked = _MARK.run(
            tx,
            {
                "touch": begun.touch_id,
                "held": begun.token,
                "prospect": begun.prospect_id,
                "mailbox": begun.mailbox_id,
                "address": begun.address,
                "waits": begun.waits,
                "now": tx.now,
                "leased_until": tx.now + self.timings.committing_lease,
            },
        )
        return marked == 1

    def _choose(self, tx: Tx, mailbox_id: str) -> Record | None:
        """Lock the prospect of the next claimed touch, first in the one order of locks; skip those in other hands."""
        if not self._has_room(tx, mailbox_id):
            return None
        touch = _CHOSEN.first(tx, {"mailbox": mailbox_id})
        if touch is None or not tx.locks_rows:
            return touch
        # The touch itself was read before the lock was ours: another hand may have begun it in between.
        held = _STILL_CLAIMED.first(tx, {"touch": touch.id, "token": touch.token})
        return touch if held else self._choose(tx, mailbox_id)

    def _has_room(self, tx: Tx, mailbox_id: str) -> bool:
        mailbox = _ROOM.first(tx, {"mailbox": mailbox_id, "now": tx.now})
        if mailbox is None:
            return False
        most: int = self.ws.playbooks.heard(tx, mailbox).limits.mailbox.concurrency
        return bool(mailbox.busy < most)

    def _ask_again(self, tx: Tx, touch: Record) -> Reason | str:
        """Whether the email is still wanted, and wanted now: the line of its trail that says so.

        What is not is settled here, and the reason is given.
        """
        if touch.enrollment_state != "active":
            return settle.cancel(tx, touch.id, because("sequence_ended"))
        if not touch.email:
            return settle.skip(self.ws, tx, touch.id, because("no_address"))
        if touch.barred is not None:
            return settle.skip(self.ws, tx, touch.id, because("suppressed"))
        playbook = self.ws.playbooks.version(tx, touch.playbook_digest)
        step = playbook.sequences[touch.sequence].step(touch.step)
        held = kinds.hold(touch.mail_hold_until, touch.mail_hold_why, tx.now)
        # No haste of ours outruns a pause that the prospect asked for.
        forced = touch.forced and (held is None or held.why != kinds.PAUSE)
        asked = leaving.Asked(tx.now, touch.due_at, touch.not_after, touch.attempts, forced)
        asked.held = held
        until = leaving.leaves_until(step, due_at=touch.due_at, not_after=touch.not_after, attempts=touch.attempts)
        if tx.now > until:
            gone = self._come_late(tx, touch, step, asked, until)
            if gone is not None:
                return gone
        if not self._is_claimed_for(tx, touch):
            return settle.put_back(tx, touch.id, tx.now, because("due"))

        hold = leaving.when_it_may_leave(
            playbook,
            step,
            asked,
            where=lambda: sequences.whereabouts(playbook, touch.time_zone, touch.rep_zone, touch.country),
            mails=lambda: _mails(tx, touch, playbook.limits.prospect),
        )
        if hold is None:
            return trail.begun(playbook.digest, asked)
        line = trail.held(playbook.digest, asked, hold)
        return settle.put_back(tx, touch.id, hold.until, hold.reason, not_after=hold.not_after, line=line)

    def _come_late(self, tx: Tx, touch: Record, step: Step, asked: leaving.Asked, until: datetime) -> Reason | None:
        """What becomes of an email that is too late: skipped, left to a person, or given another day (None)."""
        told = until.isoformat(timespec="minutes")
        reason = because("too_late", until=told) if step.late == "skip" else because(f"late.{step.late}", until=told)
        line = trail.late(touch.playbook_digest, asked, until, reason, step.late)
        if step.late == "skip":
            return settle.skip(self.ws, tx, touch.id, reason, line=line)
        if step.late == "ask":
            return settle.ask(tx, touch.id, reason, line)
        asked.not_after = tx.now + leaving.STILL_GOOD_FOR
        settle.renew(tx, touch.id, asked.not_after, line)
        return None

    def _is_claimed_for(self, tx: Tx, touch: Record) -> bool:
        """Whether it was counted for the company that it goes to: the address may be another one since the claim."""
        return not self.ws.playbooks.in_force(tx).limits.domain.any or touch.domain == company_of(touch.email_key)

    def _take(self, tx: Tx, mailbox_id: str, touch: Record, written: Letter, line: str) -> Begun:
        token = ids.new_id()
        values = {
            "state": "sending",
            "token": token,
            "holder": self.holder,
            "attempts": touch.attempts + 1,
            "lease_until": tx.now + self.timings.sending_lease,
            "message_id": written.message_id,
            "recipient": written.envelope.recipient,
            "variant": written.variant,
            "domain": company_of(touch.email_key),
        }
        _BEGIN.run(tx, {**values, "touch": touch.id, "line": line})
        sequence = self.ws.playbooks.version(tx, touch.playbook_digest).sequences[touch.sequence]
        waits = not touch.forced and leaving.waits_for_prospect(sequence.step(touch.step))
        return Begun(touch.id, touch.prospect_id, mailbox_id, token, touch.email, written.envelope, waits)

    def _count_error(self, tx: Tx, touch_id: str) -> Reason | None:
        prospects.lock(tx, tx.conn.execute(select(Touch.prospect_id).where(Touch.id == touch_id)).scalar_one())
        ours = (Touch.state == "claimed") | ((Touch.state == "sending") & (Touch.holder == self.holder))
        counted = update(Touch).where(Touch.id == touch_id, ours).values(begin_errors=Touch.begin_errors + 1)
        times = tx.conn.execute(counted.returning(Touch.begin_errors)).scalar_one_or_none()
        if times is None:
            return None
        if times >= MOST_BEGIN_ERRORS:
            return settle.fail(tx, touch_id, because("poison", times=times))
        return settle.put_back(tx, touch_id, tx.now + timedelta(seconds=5 * times), because("due"))

    def _record(self, begun: Begun, outcome: Outcome, *, unsure: bool) -> None:
        """T3. While the database is away the outcome waits in the spool, from which any clock brings it in."""
        spooled = False
        for pause in (*_RECORD_PAUSES_S, None):
            try:
                self.ws.database.transact(lambda tx: settle.record(self.ws, tx, begun, outcome, unsure=unsure))
            except (Unavailable, CommitUnknown):
                if not spooled and outcome.kind in ("sent", "permanent"):
                    self.spool.append(begun.touch_id, begun.token, outcome)
                    spooled = True
                if pause is None:
                    return
                self.sleep(pause)
            else:
                return


def _mails(tx: Tx, touch: Record, limits: ProspectLimits) -> Mails:
    """When the prospect got the emails that matter for their limits."""
    found = _MAILS.all(tx, {"touch": touch.id, "prospect": touch.prospect_id, "most": limits.most})
    return leaving.known([tx.now if mail.busy else mail.committed_at for mail in found], limits)
