"""What a rep may do with a touch: skip it, send it now, mark it done, settle an uncertain one; and resume a mailbox.

Each act locks the prospect, works only from the states in which it means something, and leaves a row of history.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import exists, func, insert, literal, select, update
from sqlalchemy.orm import aliased

from workflow import auditing, ids
from workflow.actions import enrolling, prospects
from workflow.actions.outreach import settle
from workflow.engine import signals as kinds
from workflow.engine import trail
from workflow.engine.decide import Change
from workflow.engine.reasons import Reason, because
from workflow.errors import BadInput, Conflict, NotFound
from workflow.records.models import Enrollment, Mailbox, Prospect, Touch
from workflow.records.personal import OwnText

if TYPE_CHECKING:
    from workflow.actions.prospects import Who
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

RESOLUTIONS: Final = ("sent", "resend", "dropped")
_STILL_GOOD_FOR: Final = timedelta(hours=24)
_COPIED: Final = (
    "enrollment_id", "prospect_id", "mailbox_id", "sequence", "step", "position", "kind", "priority",
)  # fmt: skip


def skip(ws: Workspace, touch_id: str, who: Who) -> None:
    """Leave a touch out; the next one counts from now. Raises NotFound, and Conflict once it cannot be taken back."""

    def work(tx: Tx) -> None:
        touch = locked(tx, touch_id)
        if touch.state not in enrolling.REVOCABLE:
            raise Conflict(_too_late(touch, "skipped"))
        settle.skip(ws, tx, touch_id, because("skipped_by", by=who.actor), waited=_waited(touch))
        note(ws, tx, touch, "touch.skipped", who)

    ws.database.transact(work)


def send_now(ws: Workspace, touch_id: str, who: Who) -> None:
    """Make an email due at once, before its window, gap or back-off; never past a stop or a paused mailbox.

    Raises NotFound, and Conflict for a task, for an email that is not waiting, while its mailbox is paused, and in a
    pause that the prospect asked for.
    """

    def work(tx: Tx) -> None:
        touch = locked(tx, touch_id)
        if touch.kind != "email" or touch.state != "scheduled":
            raise Conflict(_too_late(touch, "sent now"))
        if tx.conn.execute(select(Mailbox.state).where(Mailbox.id == touch.mailbox_id)).scalar_one() != "active":
            message = "The mailbox of this email is paused: resume it first."
            raise Conflict(message)
        _refuse_in_a_pause(tx, touch.prospect_id)
        reason = because("send_now", by=who.actor)
        values = {
            "forced": True,
            "asks_since": None,
            "next_attempt_at": tx.now,
            "due_at": min(touch.due_at, tx.now),
            "not_after": max(touch.not_after, tx.now + _STILL_GOOD_FOR),
            "reason": reason.pack(),
            "trail": enrolling.trail_with(trail.told("sent_now", tx.now, reason)),
        }
        tx.conn.execute(update(Touch).where(Touch.id == touch_id).values(**values))
        note(ws, tx, touch, "touch.sent_now", who)

    ws.database.transact(work)


def done(ws: Workspace, touch_id: str, who: Who) -> None:
    """Mark a task as done. Raises NotFound, and Conflict for an email or a task that has ended."""

    def work(tx: Tx) -> None:
        touch = locked(tx, touch_id)
        if touch.kind != "task" or touch.state != "scheduled":
            raise Conflict(_too_late(touch, "marked as done"))
        reason = because("done_by", by=who.actor)
        values = {"state": "done", "ended_at": tx.now, "next_attempt_at": None, "reason": reason.pack()}
        values["trail"] = enrolling.trail_with(trail.told("done", tx.now, reason))
        tx.conn.execute(update(Touch).where(Touch.id == touch_id).values(**values))
        enrolling.step_ended(ws, tx, touch_id, None if _waited(touch) else tx.now)
        note(ws, tx, touch, "touch.done", who)

    ws.database.transact(work)


def resolve(ws: Workspace, touch_id: str, as_: str, who: Who) -> str:
    """Settle an uncertain email: it arrived (`sent`), send it once more (`resend`), or forget it (`dropped`).

    Gives the id of the touch that goes on: for `resend` that of the new generation. Raises NotFound, BadInput for
    another word, Conflict when it is not uncertain, and for `resend` when its sequence was stopped or runs anew.
    """
    if as_ not in RESOLUTIONS:
        message = f"“as” must be one of {', '.join(RESOLUTIONS)}."
        raise BadInput(message, field="as")

    def work(tx: Tx) -> str:
        touch = locked(tx, touch_id)
        if touch.state != "uncertain":
            message = f"This touch is {touch.state}: only an uncertain email can be resolved."
            raise Conflict(message)
        reason = because(f"resolved.{as_}", by=who.actor)
        goes_on = touch_id
        if as_ == "sent":
            _arrived(ws, tx, touch, reason)
        elif as_ == "resend":
            goes_on = _once_more(tx, touch, reason)
        else:
            settle.fail(tx, touch_id, reason)
        note(ws, tx, touch, "touch.resolved", who, {"as": as_})
        return goes_on

    return ws.database.transact(work)


def resume(ws: Workspace, mailbox_id: str) -> None:
    """Let a paused mailbox send again; what made it pause counts from anew. Raises NotFound."""

    def work(tx: Tx) -> None:
        send_again(tx, mailbox_id)
        name = tx.conn.execute(select(Mailbox.name).where(Mailbox.id == mailbox_id)).scalar_one()
        auditing.note(tx, ws.actor, "mailbox.resumed", name, about_id=mailbox_id)

    ws.database.transact(work)


def send_again(tx: Tx, mailbox_id: str) -> None:
    """The same in the caller's transaction."""
    values = {
        "state": "active",
        "pause_reason": None,
        "paused_at": None,
        "resumed_at": tx.now,
        "backoff_step": 0,
        "backoff_until": None,
        "policy_refusals": 0,
    }
    if tx.conn.execute(update(Mailbox).where(Mailbox.id == mailbox_id).values(**values)).rowcount != 1:
        message = "There is no such mailbox: check the id."
        raise NotFound(message)


def locked(tx: Tx, touch_id: str) -> Record:
    """A touch as it is, its prospect locked. Raises NotFound."""
    found = select(Touch.prospect_id).where(Touch.id == touch_id)
    prospect_id = tx.conn.execute(found).scalar_one_or_none()
    if prospect_id is None:
        message = "There is no such touch: check the id."
        raise NotFound(message)
    prospects.lock(tx, prospect_id)
    return tx.conn.execute(select(*Touch.__table__.columns).where(Touch.id == touch_id)).one()


def _refuse_in_a_pause(tx: Tx, prospect_id: str) -> None:
    columns = select(Prospect.mail_hold_until, Prospect.mail_hold_why).where(Prospect.id == prospect_id)
    row = tx.conn.execute(columns).one()
    held = kinds.hold(row.mail_hold_until, row.mail_hold_why, tx.now)
    if held is not None and held.why == kinds.PAUSE:
        day = held.until.date().isoformat()
        message = f"The prospect asked for a pause until {day}: only an administrator may end it, with a reason."
        raise Conflict(message)


def _arrived(ws: Workspace, tx: Tx, touch: Record, reason: Reason) -> None:
    values = {"state": "sent", "sent_at": touch.committed_at, "ended_at": tx.now, "reason": reason.pack()}
    values["trail"] = enrolling.trail_with(trail.told("resolved", tx.now, reason))
    tx.conn.execute(update(Touch).where(Touch.id == touch.id).values(**values))
    enrolling.step_ended(ws, tx, touch.id, tx.now, sent=True)


def _once_more(tx: Tx, touch: Record, reason: Reason) -> str:
    """A new generation with a Message-ID of its own; the old email stays behind as given up."""
    _take_up_again(tx, touch)
    line = trail.told("resolved", tx.now, reason)
    old = {"state": "failed", "ended_at": tx.now, "reason": reason.pack(), "trail": enrolling.trail_with(line)}
    tx.conn.execute(update(Touch).where(Touch.id == touch.id).values(**old))
    return new_generation(tx, touch, reason, forced=True)


def new_generation(tx: Tx, touch: Record, reason: Reason, *, forced: bool) -> str:
    """The same step once more, with a Message-ID and attempts of its own, due now; gives its id.

    `forced` lets it leave before its window opens. The caller has settled the old one and locked the prospect.
    """
    same = (Touch.enrollment_id == touch.enrollment_id) & (Touch.step == touch.step)
    # One that was taken back before it left keeps its number.
    newest = tx.conn.execute(select(func.max(Touch.generation)).where(same)).scalar_one()
    again = {
        **{name: getattr(touch, name) for name in _COPIED},
        "id": ids.new_id(),
        "generation": newest + 1,
        "state": "scheduled",
        "due_at": tx.now,
        "not_after": tx.now + _STILL_GOOD_FOR,
        "next_attempt_at": tx.now,
        "attempts": 0,
        "begin_errors": 0,
        "forced": forced,
        "reason": reason.pack(),
        "trail": trail.told("again", tx.now, reason),
        "created_at": tx.now,
    }
    tx.conn.execute(insert(Touch), again)
    # What somebody wrote for this email is written again, not its template.
    by_hand = select(
        literal(again["id"]), OwnText.version, OwnText.subject, OwnText.text, OwnText.actor, OwnText.at
    ).where(OwnText.touch_id == touch.id)
    columns = ["touch_id", "version", "subject", "text", "actor", "at"]
    tx.conn.execute(insert(OwnText).from_select(columns, by_hand))
    return str(again["id"])


def _take_up_again(tx: Tx, touch: Record) -> None:
    """See that the enrollment is active, so that whatever stops it stops the new email as well."""
    enrollment = tx.conn.execute(select(Enrollment.state).where(Enrollment.id == touch.enrollment_id)).scalar_one()
    if enrollment == "active":
        return
    if enrollment != "completed":
        message = "The sequence of this email was stopped, so it is not sent again: say that it arrived, or drop it."
        raise Conflict(message)
    if not go_on(tx, touch):
        message = "The sequence of this email has started anew meanwhile: say that it arrived, or drop it."
        raise Conflict(message)


def go_on(tx: Tx, touch: Record) -> bool:
    """Let the ended enrollment of a touch be active again. False when its sequence has started anew meanwhile."""
    other = aliased(Enrollment)
    anew = exists().where(
        other.prospect_id == touch.prospect_id, other.sequence == touch.sequence, other.state == "active"
    )
    alive = {"state": "active", "ended_at": None, "ended_version": None, "reason": None}
    again = update(Enrollment).where(Enrollment.id == touch.enrollment_id, ~anew).values(**alive)
    return tx.conn.execute(again).rowcount == 1


def _waited(touch: Record) -> bool:
    """Whether a touch waits itself for the one before it, so that its own end sets nothing free."""
    return touch.state == "scheduled" and touch.next_attempt_at is None


def note(ws: Workspace, tx: Tx, touch: Record, kind: str, who: Who, more: dict[str, str] | None = None) -> None:
    """Leave a row of history about what a person did with a touch."""
    detail = {"touch": touch.id, "sequence": touch.sequence, "step": touch.step, **(more or {})}
    prospects.note(ws, tx, touch.prospect_id, Change(kind, tx.now, detail=detail), who)


def _too_late(touch: Record, act: str) -> str:
    return f"This {touch.kind} is {touch.state} and cannot be {act}."
