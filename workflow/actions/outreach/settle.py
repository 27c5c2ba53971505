"""Ends one attempt of an email by a named step: sent, put back, skipped, cancelled, failed or uncertain.

Each function runs in the caller's transaction, with the prospect locked, and changes a touch only from the state and
under the token it expects. Nothing here talks to a network.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Text, bindparam, func, select, update

from workflow.actions import enrolling, news, prospects
from workflow.engine import leaving, trail
from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because
from workflow.engine.signals import Signal
from workflow.records.models import IN_HANDS, Mailbox, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.mail.transport import Envelope, Outcome
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_GIVE_UP_AFTER: Final = timedelta(hours=48)
_BACKOFF_S: Final = (5, 15, 60)
_LONGEST_BACKOFF_S: Final = 1800
_MOST_POLICY_REFUSALS: Final = 3
_UNCERTAIN_WITHIN: Final = timedelta(minutes=10)
# `uncertain` with our token: the reaper took us for dead while we were frozen, and the server's answer is known now.
_ANSWERED: Final = ("sending", "committing", "uncertain")
_SENT: Final = Prepared(
    update(Touch)
    .where(
        Touch.id == bindparam("touch"),
        Touch.token == bindparam("held"),
        one_of(Touch.state, ("committing", "uncertain")),
    )
    .values(trail=func.coalesce(Touch.trail, "").concat(bindparam("line", type_=Text())))
)
_CALM: Final = Prepared(
    update(Mailbox).where(
        Mailbox.id == bindparam("mailbox"), (Mailbox.backoff_step > 0) | (Mailbox.policy_refusals > 0)
    )
)


@dataclass(frozen=True, slots=True)
class Begun:
    """An email ready to leave, fenced by its token: whoever holds another token may not touch its row.

    `waits` says that it does not leave while its prospect is away or has asked for a pause.
    """

    touch_id: str
    prospect_id: str
    mailbox_id: str
    token: str
    address: str
    envelope: Envelope
    waits: bool = True


def record(ws: Workspace, tx: Tx, begun: Begun, outcome: Outcome, *, unsure: bool = False) -> None:
    """T3: write down how the sending of `begun` ended. Does nothing when the row went on without us.

    `unsure` says that the commit mark was not answered: it may stand although the dot was never sent.
    """
    prospects.lock(tx, begun.prospect_id)
    if outcome.kind == "sent":
        _sent(ws, tx, begun, outcome)
    elif outcome.kind == "uncertain":
        _uncertain(ws, tx, begun)
    elif outcome.kind == "withdrawn":
        _withdrawn(tx, begun, unsure=unsure)
    elif outcome.kind == "transient":
        _transient(tx, begun, outcome)
    else:
        _permanent(ws, tx, begun, outcome)


def put_back(
    tx: Tx,
    touch_id: str,
    again_at: datetime,
    reason: Reason,
    *,
    not_after: datetime | None = None,
    line: str | None = None,
) -> Reason:
    """Let a touch wait until `again_at`. The caller knows that nothing of it has left, nor will.

    `not_after` is its new deadline, where it waits for no fault of its own; `line` what its trail tells of it.
    """
    line = line or trail.told("waits", tx.now, reason, next=again_at)
    tx.conn.execute(
        update(Touch)
        .where(Touch.id == touch_id, Touch.state.in_(("claimed", "sending", "committing", "uncertain")))
        .values(
            state="scheduled",
            next_attempt_at=again_at,
            reason=reason.pack(),
            token=None,
            holder=None,
            lease_until=None,
            committed_at=None,
            committed_version=None,
            trail=enrolling.trail_with(line),
            **({"not_after": not_after} if not_after else {}),
        )
    )
    return reason


def ask(tx: Tx, touch_id: str, reason: Reason, line: str) -> Reason:
    """Let a touch wait for a person's word. Nothing of it has left, and what waits behind it goes on waiting."""
    waits = {"state": "scheduled", "asks_since": tx.now, "reason": reason.pack(), "token": None, "hint_at": None}
    tx.conn.execute(
        update(Touch)
        .where(Touch.id == touch_id, Touch.state == "claimed")
        .values(**waits, trail=enrolling.trail_with(line))
    )
    return reason


def renew(tx: Tx, touch_id: str, not_after: datetime, line: str) -> None:
    """Give an email in hand another deadline."""
    mine = update(Touch).where(Touch.id == touch_id, Touch.state == "claimed")
    tx.conn.execute(mine.values(not_after=not_after, trail=enrolling.trail_with(line)))


def skip(
    ws: Workspace, tx: Tx, touch_id: str, reason: Reason, *, waited: bool = False, line: str | None = None
) -> Reason:
    """Leave a touch out; what waits behind it goes on, unless it `waited` itself for the one before it."""
    _end(tx, touch_id, "skipped", reason, enrolling.REVOCABLE, line=line)
    enrolling.step_ended(ws, tx, touch_id, None if waited else tx.now)
    return reason


def cancel(tx: Tx, touch_id: str, reason: Reason) -> Reason:
    """Take a touch back because its enrollment ended."""
    _end(tx, touch_id, "cancelled", reason, enrolling.REVOCABLE)
    return reason


def fail(tx: Tx, touch_id: str, reason: Reason, outcome: Outcome | None = None) -> Reason:
    """Give an email up for good; its sequence ends with it."""
    states = (*enrolling.REVOCABLE, "committing", "uncertain")
    if _end(tx, touch_id, "failed", reason, states, more=_refusal(outcome)):
        found = select(Touch.enrollment_id, Touch.prospect_id, Touch.sequence, Touch.step).where(Touch.id == touch_id)
        row = tx.conn.execute(found).one()
        enrolling.stop(tx, row.enrollment_id, because("stop.failed", step=row.step), state="failed")
        cause = f"touch:{touch_id}"
        news.stopped(tx, row.prospect_id, row.enrollment_id, row.sequence, "stop.failed", "system", cause)
    return reason


def pause(tx: Tx, mailbox_id: str, reason: Reason) -> None:
    """Stop a mailbox until somebody resumes it; its claimed mail goes back to wait."""
    paused = {"state": "paused", "pause_reason": reason.pack(), "paused_at": tx.now}
    tx.conn.execute(update(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.state == "active").values(**paused))
    _let_wait(tx, mailbox_id, because("paused", why=reason.words("en")))


def to_uncertain(ws: Workspace, tx: Tx, row: Record, reason: Reason) -> None:
    """Nobody knows whether this email arrived: show it, hold what waits behind it, and watch its mailbox.

    The token stays: a sender that was only frozen, not dead, may still report what became of it.
    """
    values = {"state": "uncertain", "reason": reason.pack(), "holder": None, "lease_until": None}
    told = enrolling.trail_with(trail.told("uncertain", tx.now, reason))
    changed = tx.conn.execute(
        update(Touch).where(Touch.id == row.id, Touch.state == "committing").values(**values, trail=told)
    )
    if changed.rowcount != 1:
        return
    enrolling.waits_behind(tx, row.enrollment_id, row.position, because("behind_uncertain", step=row.step))
    _break_circuit(ws, tx, row.mailbox_id)


def _sent(ws: Workspace, tx: Tx, begun: Begun, outcome: Outcome) -> None:
    sent = {
        "state": "sent",
        "sent_at": tx.now,
        "ended_at": tx.now,
        "reason": because("sent").pack(),
        "holder": None,
        "lease_until": None,
        "next_attempt_at": None,
        **_answer(outcome),
    }
    line = trail.told("sent", tx.now, code=outcome.code)
    if _SENT.run(tx, {**sent, "touch": begun.touch_id, "held": begun.token, "line": line}) != 1:
        return
    enrolling.step_ended(ws, tx, begun.touch_id, tx.now, sent=True)
    calm = {"backoff_step": 0, "backoff_until": None, "policy_refusals": 0}
    _CALM.run(tx, {**calm, "mailbox": begun.mailbox_id})


def _uncertain(ws: Workspace, tx: Tx, begun: Begun) -> None:
    row = _mine(tx, begun, "committing")
    if row is not None:
        to_uncertain(ws, tx, row, because("uncertain"))


def _withdrawn(tx: Tx, begun: Begun, *, unsure: bool) -> None:
    """The dot was not sent, so nothing was delivered. A row that is still ours is asked again from the start."""
    states = ("sending", "committing", "uncertain") if unsure else ("sending",)
    if _mine(tx, begun, *states) is not None:
        _put_back_untried(tx, begun.touch_id, because("due"))


def _transient(tx: Tx, begun: Begun, outcome: Outcome) -> None:
    row = _mine(tx, begun, *_ANSWERED)
    if row is None:
        return
    answer = _words(outcome)
    if outcome.scope in ("host", "mailbox"):
        # The server is away, not this email: the mailbox waits, and no attempt is used up.
        waits = because("backoff", answer=answer)
        _back_off(tx, begun.mailbox_id, waits)
        _put_back_untried(tx, row.id, waits)
        return
    spread = random.uniform(1.0, 1.2)  # noqa: S311 - jitter, no secret
    again_at = leaving.retry_at(tx.now, row.attempts, spread)
    if again_at > row.due_at + _GIVE_UP_AFTER and again_at > row.not_after:
        fail(tx, row.id, because("exhausted", attempts=row.attempts, answer=answer), outcome)
        return
    reason = because("retry", attempt=row.attempts, answer=answer)
    put_back(tx, row.id, again_at, reason, line=trail.retried(tx.now, row.attempts, spread, again_at, reason))
    tx.conn.execute(update(Touch).where(Touch.id == row.id).values(**_answer(outcome)))


def _permanent(ws: Workspace, tx: Tx, begun: Begun, outcome: Outcome) -> None:
    row = _mine(tx, begun, *_ANSWERED)
    if row is None:
        return
    answer = _words(outcome)
    if outcome.reason == "unsupported_address":
        skip(ws, tx, row.id, because("unsupported_address"))
        return
    if outcome.scope == "mailbox" and outcome.reason != "policy":
        # Our own fault, not this email's: it waits without using up an attempt.
        pause(
            tx, begun.mailbox_id, because("pause.auth" if outcome.reason == "login" else "pause.sender", answer=answer)
        )
        _put_back_untried(tx, row.id, because("due"))
        return
    fail(tx, row.id, because("refused", answer=answer), outcome)
    if outcome.hard_bounce:
        data = {"address": row.recipient, "message_id": row.message_id, "detail": answer, "permanent": True}
        signal = Signal(kinds.BOUNCED, tx.now, "system", f"touch:{row.id}", data=data)
        prospects.submit(ws, tx, begun.prospect_id, signal)
    elif outcome.reason == "policy":
        _count_refusal(tx, begun.mailbox_id, answer)


def _put_back_untried(tx: Tx, touch_id: str, reason: Reason) -> None:
    """Let a touch wait for something that is not its own fault: the attempt does not count."""
    put_back(tx, touch_id, tx.now, reason)
    tx.conn.execute(update(Touch).where(Touch.id == touch_id).values(attempts=Touch.attempts - 1))


def _mine(tx: Tx, begun: Begun, *states: str) -> Record | None:
    """The touch, if it is still in our hands."""
    return tx.conn.execute(
        select(
            Touch.id, Touch.enrollment_id, Touch.mailbox_id, Touch.step, Touch.position, Touch.attempts, Touch.due_at,
            Touch.not_after, Touch.recipient, Touch.message_id,
        ).where(Touch.id == begun.touch_id, Touch.token == begun.token, Touch.state.in_(states))
    ).one_or_none()  # fmt: skip


def _end(
    tx: Tx,
    touch_id: str,
    state: str,
    reason: Reason,
    states: tuple[str, ...],
    *,
    more: dict[str, Any] | None = None,
    line: str | None = None,
) -> bool:
    line = line or trail.told(state, tx.now, reason)
    values = {"state": state, "reason": reason.pack(), "ended_at": tx.now, "next_attempt_at": None, "holder": None}
    ended = update(Touch).where(Touch.id == touch_id, Touch.state.in_(states)).values(**values, **(more or {}))
    ended = ended.values(trail=enrolling.trail_with(line))
    return tx.conn.execute(ended).rowcount == 1


def _back_off(tx: Tx, mailbox_id: str, reason: Reason) -> None:
    step = tx.conn.execute(select(Mailbox.backoff_step).where(Mailbox.id == mailbox_id)).scalar_one()
    seconds = _BACKOFF_S[step] if step < len(_BACKOFF_S) else _BACKOFF_S[-1] * 2 ** (step - len(_BACKOFF_S) + 1)
    until = tx.now + timedelta(seconds=min(seconds, _LONGEST_BACKOFF_S))
    calm: ColumnElement[bool] = Mailbox.backoff_until.is_(None) | (Mailbox.backoff_until <= tx.now)
    # Several hands may fail at once on the same outage: it counts as one failure.
    raised = {"backoff_step": step + 1, "backoff_until": until}
    tx.conn.execute(update(Mailbox).where(Mailbox.id == mailbox_id, calm).values(**raised))
    _let_wait(tx, mailbox_id, reason)


def _let_wait(tx: Tx, mailbox_id: str, reason: Reason) -> None:
    """Give up the claims on a mailbox's mail that nobody began."""
    waiting = {"state": "scheduled", "token": None, "reason": reason.pack()}
    theirs = (Touch.mailbox_id == mailbox_id, Touch.state == "claimed", one_of(Touch.state, IN_HANDS))
    tx.conn.execute(update(Touch).where(*theirs).values(**waiting))


def _count_refusal(tx: Tx, mailbox_id: str, answer: str) -> None:
    counted = update(Mailbox).where(Mailbox.id == mailbox_id).values(policy_refusals=Mailbox.policy_refusals + 1)
    if tx.conn.execute(counted.returning(Mailbox.policy_refusals)).scalar_one() >= _MOST_POLICY_REFUSALS:
        pause(tx, mailbox_id, because("pause.policy", answer=answer))


def _break_circuit(ws: Workspace, tx: Tx, mailbox_id: str) -> None:
    resumed = tx.conn.execute(select(Mailbox.resumed_at).where(Mailbox.id == mailbox_id)).scalar_one()
    since = tx.now - _UNCERTAIN_WITHIN
    recent = select(func.count()).where(
        Touch.mailbox_id == mailbox_id, Touch.state == "uncertain", Touch.committed_at > max(since, resumed or since)
    )
    if tx.conn.execute(recent).scalar_one() >= ws.playbooks.in_force(tx).limits.mailbox.pause_after_uncertain:
        pause(tx, mailbox_id, because("pause.uncertain"))


def _answer(outcome: Outcome | None) -> dict[str, Any]:
    return {"smtp_code": outcome.code, "smtp_text": outcome.text[:500]} if outcome else {}


def _refusal(outcome: Outcome | None) -> dict[str, Any]:
    """A refusal is certain: nothing has left, and nothing counts against the limits."""
    return {**_answer(outcome), "committed_at": None, "committed_version": None} if outcome else {}


def _words(outcome: Outcome) -> str:
    return f"{outcome.code or ''} {outcome.text}".strip()[:300] or outcome.reason
