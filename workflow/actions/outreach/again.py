"""What a person decides about an email that failed: try it again, or give it up; and how a decision is taken back.

An email that failed has left nothing behind; of an uncertain one see `acts.resolve`. A step that was skipped or ticked
off waits again. Nothing is taken back that may have left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, select, update
from sqlalchemy.orm import aliased

from workflow.actions import enrolling
from workflow.actions.outreach import acts
from workflow.engine import leaving, reasons, trail
from workflow.engine.reasons import Reason, because
from workflow.errors import BadInput, Conflict
from workflow.mail.address import key_of
from workflow.records.models import Enrollment, Prospect, Suppression, Touch

if TYPE_CHECKING:
    from workflow.actions.prospects import Who
    from workflow.playbook.schema import Sequence as Steps
    from workflow.playbook.schema import Step
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_SETTLED: Final = frozenset({"resolved.sent", "resolved.resend", "resolved.dropped"})
_LEFT_OUT: Final = frozenset({"skipped_by", "done_by"})
_PAST_UNDO: Final = "This can be taken back no more: look at what has become of the email since."
_SENT_AGAIN: Final = "This can be taken back no more: Onward has tried to send this email once more already."
_WENT_ON: Final = (
    "This can be taken back no more: the next step has begun already, because this email counted as arrived."
)


def settle(ws: Workspace, touch_id: str, as_: str, who: Who) -> str:
    """Settle an uncertain email (`sent`, `resend`, `dropped`) or a failed one (`resend`, `dropped`).

    Gives the id of the touch that goes on: for `resend` that of the new generation. Raises NotFound, BadInput for
    another word, and Conflict when it was settled already, or cannot be sent again and why.
    """
    with ws.database.read() as tx:
        state = tx.conn.execute(select(Touch.state).where(Touch.id == touch_id)).scalar_one_or_none()
    if state != "failed" or as_ not in acts.RESOLUTIONS:
        return acts.resolve(ws, touch_id, as_, who)
    if as_ == "sent":
        message = "The mail server did not take this email: try it again, or drop it."
        raise BadInput(message, field="as")
    return ws.database.transact(lambda tx: _failed(ws, tx, touch_id, as_, who))


def undo(ws: Workspace, touch_id: str, who: Who) -> None:
    """Take back what a person decided: an email waits for a decision as it did before, a step for its hour.

    Raises NotFound, and Conflict when nobody decided anything, or when what followed from it has left.
    """

    def work(tx: Tx) -> None:
        touch = acts.locked(tx, touch_id)
        if touch.state in ("skipped", "done"):
            _wait_again(ws, tx, touch, because("undone_by", by=who.actor))
            acts.note(ws, tx, touch, "touch.undone", who)
            return
        decided, before = _decided(touch)
        if decided.code == "resolved.resend":
            _take_back_newer(tx, touch)
        elif decided.code == "resolved.sent" and _gone_behind(tx, touch):
            raise Conflict(_WENT_ON)
        _restore(ws, tx, touch, decided, before, because("undone_by", by=who.actor))
        acts.note(ws, tx, touch, "touch.undone", who)

    ws.database.transact(work)


def is_settled(stored: str | None) -> bool:
    """Whether the stored reason of a touch is a person's decision."""
    reason = reasons.unpack(stored)
    return reason is not None and reason.code in _SETTLED


def _failed(ws: Workspace, tx: Tx, touch_id: str, as_: str, who: Who) -> str:
    touch = acts.locked(tx, touch_id)
    if touch.state != "failed" or touch.kind != "email" or is_settled(touch.reason):
        message = "Somebody has settled this email already: load it again."
        raise Conflict(message)
    reason = because(f"resolved.{as_}", by=who.actor)
    goes_on = touch_id
    if as_ == "resend":
        _refuse_barred(tx, touch)
        _revive(ws, tx, touch, reason)
        # As if it were due for the first time: nobody wishes for hundreds at night, because their server was away.
        goes_on = acts.new_generation(tx, touch, reason, forced=False)
    line = enrolling.trail_with(trail.told("resolved", tx.now, reason))
    tx.conn.execute(update(Touch).where(Touch.id == touch_id).values(reason=reason.pack(), trail=line))
    acts.note(ws, tx, touch, "touch.again" if as_ == "resend" else "touch.dropped", who)
    return goes_on


def _refuse_barred(tx: Tx, touch: Record) -> None:
    email = tx.conn.execute(select(Prospect.email).where(Prospect.id == touch.prospect_id)).scalar_one()
    barred = select(Suppression.email_key).where(Suppression.email_key == key_of(email))
    if tx.conn.execute(barred).first() is not None:
        message = "This address gets no more email, so it is not tried again: drop it, or change the address."
        raise Conflict(message)


def _revive(ws: Workspace, tx: Tx, touch: Record, reason: Reason) -> None:
    """Let the sequence go on that ended with this email: what was cancelled for it waits again."""
    enrollment = tx.conn.execute(
        select(Enrollment.state, Enrollment.playbook_digest).where(Enrollment.id == touch.enrollment_id)
    ).one()
    if enrollment.state == "active":
        return
    if enrollment.state == "stopped":
        message = "The sequence of this email was stopped, so it is not sent again: drop it."
        raise Conflict(message)
    if not acts.go_on(tx, touch):
        message = "The sequence of this email has started anew meanwhile: drop it."
        raise Conflict(message)
    if enrollment.state == "failed":
        steps = ws.playbooks.version(tx, enrollment.playbook_digest).sequences[touch.sequence]
        _bring_back(tx, steps, touch, reason)


def _bring_back(tx: Tx, steps: Steps, touch: Record, reason: Reason) -> None:
    lost = because("stop.failed", step=touch.step).pack()
    same = (Touch.enrollment_id == touch.enrollment_id, Touch.state == "cancelled", Touch.reason == lost)
    rows = tx.conn.execute(select(Touch.id, Touch.position, Touch.kind, Touch.due_at).where(*same)).all()
    for row in rows:
        # What has a time of its own keeps it, unless that has passed; the others wait for the step before them.
        own = steps.steps[row.position].before_meeting or row.position < touch.position
        if own and row.kind == "email" and row.due_at <= tx.now:
            continue
        why = because("due") if own else because("after", step=steps.steps[row.position - 1].key)
        values = {
            "state": "scheduled",
            "ended_at": None,
            "next_attempt_at": row.due_at if own else None,
            "reason": why.pack(),
            "trail": enrolling.trail_with(trail.told("again", tx.now, reason)),
        }
        tx.conn.execute(update(Touch).where(Touch.id == row.id).values(**values))


def _decided(touch: Record) -> tuple[Reason, trail.Line]:
    """What a person decided last about this email, and the line of its trail that told how it stood before."""
    decided = reasons.unpack(touch.reason)
    if decided is None or decided.code not in _SETTLED or touch.state not in ("failed", "sent"):
        message = "Nobody has decided anything about this email that could be taken back."
        raise Conflict(message)
    for line in reversed(trail.read(touch.trail)):
        if line.kind in ("uncertain", "failed") and line.reason is not None and line.reason.code not in _SETTLED:
            return decided, line
    raise Conflict(_PAST_UNDO)


def _wait_again(ws: Workspace, tx: Tx, touch: Record, reason: Reason) -> None:
    """Let a step wait again that a person skipped or ticked off, as long as nothing behind it has begun."""
    decided = reasons.unpack(touch.reason)
    if decided is None or decided.code not in _LEFT_OUT:
        message = "Nobody has decided anything about this email that could be taken back."
        raise Conflict(message)
    enrollment = tx.conn.execute(select(Enrollment.state).where(Enrollment.id == touch.enrollment_id)).scalar_one()
    ended = enrollment == "completed" and acts.go_on(tx, touch)
    if _gone_behind(tx, touch) or not (ended or enrollment == "active"):
        raise Conflict(_PAST_UNDO)
    values = {
        "state": "scheduled",
        "ended_at": None,
        # It waits for the step before it again, where that is still open; else for the hour it was due at.
        "next_attempt_at": None if _open_before(ws, tx, touch) else touch.due_at,
        "reason": reason.pack(),
        "trail": enrolling.trail_with(trail.told("undone", tx.now, reason)),
    }
    behind = {"state": "scheduled", "next_attempt_at": None, "token": None}
    for touch_id in _set_free(ws, tx, touch):
        after = because("after", step=touch.step).pack()
        tx.conn.execute(update(Touch).where(Touch.id == touch_id).values(**behind, reason=after))
    tx.conn.execute(update(Touch).where(Touch.id == touch.id).values(**values))


def _open_before(ws: Workspace, tx: Tx, touch: Record) -> bool:
    """Whether a step before it, for which it waits, has not ended."""
    steps = _steps(ws, tx, touch)
    if steps[touch.position].before_meeting:
        return False
    earlier = select(Touch.position).where(
        Touch.enrollment_id == touch.enrollment_id,
        Touch.position < touch.position,
        Touch.state.in_(leaving.OPEN),
    )
    return any(not steps[row.position].before_meeting for row in tx.conn.execute(earlier))


def _steps(ws: Workspace, tx: Tx, touch: Record) -> tuple[Step, ...]:
    digest = select(Enrollment.playbook_digest).where(Enrollment.id == touch.enrollment_id)
    return ws.playbooks.version(tx, tx.conn.execute(digest).scalar_one()).sequences[touch.sequence].steps


def _take_back_newer(tx: Tx, touch: Record) -> None:
    """Cancel the generation that was to leave in its place, as long as it has not passed its commit mark."""
    newer = select(Touch.id, Touch.state).where(
        Touch.enrollment_id == touch.enrollment_id, Touch.step == touch.step, Touch.generation > touch.generation
    )
    for row in tx.conn.execute(newer).all():
        if row.state == "cancelled":
            continue
        values = {"state": "cancelled", "ended_at": tx.now, "next_attempt_at": None, "token": None, "holder": None}
        mine = update(Touch).where(Touch.id == row.id, Touch.state.in_(enrolling.REVOCABLE))
        if tx.conn.execute(mine.values(**values, reason=because("undone").pack())).rowcount != 1:
            raise Conflict(_SENT_AGAIN)


def _gone_behind(tx: Tx, touch: Record) -> bool:
    """Whether a step behind it was let go: it went on the word that this one had arrived."""
    other = aliased(Touch)
    gone = exists().where(
        other.enrollment_id == touch.enrollment_id,
        other.position > touch.position,
        other.state.in_(("sending", "committing", "sent", "uncertain", "failed", "done")),
    )
    return bool(tx.conn.execute(select(gone)).scalar_one())


def _restore(ws: Workspace, tx: Tx, touch: Record, decided: Reason, before: trail.Line, reason: Reason) -> None:
    told = {"trail": enrolling.trail_with(trail.told("undone", tx.now, reason))}
    was = before.reason.pack() if before.reason else None
    if before.kind == "failed":
        tx.conn.execute(update(Touch).where(Touch.id == touch.id).values(reason=was, **told))
        if decided.code == "resolved.resend":
            enrolling.stop(tx, touch.enrollment_id, because("stop.failed", step=touch.step), state="failed")
        return
    _revive(ws, tx, touch, reason)
    values: dict[str, Any] = {"state": "uncertain", "reason": was, "ended_at": None, "sent_at": None, **told}
    tx.conn.execute(update(Touch).where(Touch.id == touch.id).values(**values))
    for touch_id in _set_free(ws, tx, touch):
        waits = {"state": "scheduled", "next_attempt_at": None, "token": None, "reason": reason.pack()}
        tx.conn.execute(update(Touch).where(Touch.id == touch_id).values(**waits))
    enrolling.waits_behind(tx, touch.enrollment_id, touch.position, because("behind_uncertain", step=touch.step))


def _set_free(ws: Workspace, tx: Tx, touch: Record) -> list[str]:
    """The emails and tasks behind it that no longer waited for it, and have not begun."""
    steps = _steps(ws, tx, touch)
    free = select(Touch.id, Touch.position).where(
        Touch.enrollment_id == touch.enrollment_id,
        Touch.position > touch.position,
        Touch.state.in_(("scheduled", "claimed")),
        Touch.next_attempt_at.is_not(None),
    )
    return [row.id for row in tx.conn.execute(free) if not steps[row.position].before_meeting]
