"""Sending in a simulated life: what the clock would claim, what leaves, what is held or skipped, and what a rep may do.

The counterpart of `actions.outreach`. The mail server takes every email; a mailbox keeps its gap, a back-off and a
pause, and serves nobody else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from workflow.engine import calendar, leaving, rows, sequences
from workflow.engine.companies import company_of
from workflow.engine.life import DONE, SENT_NOW, SKIPPED, Earlier, Left, Letter, Written
from workflow.engine.reasons import because
from workflow.errors import OnwardError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from workflow.engine.life import Happening
    from workflow.engine.reasons import Reason
    from workflow.engine.rows import Touch, World


def run_until(world: World, limit: datetime) -> None:
    """Let everything happen that falls due up to `limit`."""
    while True:
        at = next_at(world)
        if at is None or at > limit:
            return
        world.now = max(world.now, at)
        for touch in list(world.open):
            if touch.counts_as_sent_at is not None and touch.counts_as_sent_at < world.now:
                _let_go_on(world, touch)
        for touch in _claimed(world):
            if touch.state == "scheduled":
                _leave(world, touch)
        for touch in world.open:
            if _is_due(touch, world.now) and not touch.announced and _only_told(world, touch):
                touch.announced = True
                _announce(world, touch)


def next_at(world: World) -> datetime | None:
    """When the next email may leave or the next task falls due."""
    times = []
    for touch in world.open:
        if touch.counts_as_sent_at is not None and touch.enrollment.active:
            # The clock asks for those whose time has passed.
            times.append(touch.counts_as_sent_at + timedelta.resolution)
        if touch.next_attempt_at is None or touch.state != "scheduled" or touch.asks:
            continue
        if not _only_told(world, touch):
            times.append(_mailbox_free(world, touch))
        elif not touch.announced:
            times.append(touch.next_attempt_at)
    return min(times, default=None)


def _only_told(world: World, touch: Touch) -> bool:
    """Whether its time brings nothing but a line: a task, or an email of a paused mailbox."""
    return touch.kind == "task" or world.mailbox_of(touch).paused is not None


def _announce(world: World, touch: Touch) -> None:
    paused = world.mailbox_of(touch).paused
    if touch.kind == "task":
        world.note("task", touch, (touch.reason,), planned_at=touch.due_at)
    elif paused is not None:
        world.note("held", touch, (paused,), planned_at=touch.due_at)


def _is_due(touch: Touch, now: datetime) -> bool:
    waits = touch.state == "scheduled" and not touch.asks
    return waits and touch.next_attempt_at is not None and touch.next_attempt_at <= now


def _mailbox_free(world: World, touch: Touch) -> datetime:
    """When an email is claimed: once it is due and the mailbox is at ease, unless it is forced."""
    free = touch.next_attempt_at or touch.due_at
    if touch.forced:
        return free
    gap, mailbox = world.playbook.limits.mailbox.min_gap, world.mailbox_of(touch)
    if mailbox.last_mail_at is not None and gap:
        free = max(free, mailbox.last_mail_at + gap)
    return max(free, mailbox.backoff_until) if mailbox.backoff_until else free


def _ready(world: World) -> list[Touch]:
    """What the clock would claim now: all that is due, or one of each mailbox where they keep a gap."""
    due = [touch for touch in world.open if _is_due(touch, world.now) and not _only_told(world, touch)]
    ready = [touch for touch in due if _mailbox_free(world, touch) <= world.now]
    ready.sort(key=lambda touch: (-touch.enrollment.sequence.priority, touch.next_attempt_at, touch.serial))
    if not world.playbook.limits.mailbox.min_gap:
        return ready
    return list({touch.mailbox: touch for touch in reversed(ready)}.values())


def _claimed(world: World) -> list[Touch]:
    """What the clock claims of that, in the order in which it leaves; what its company has no room for is put off."""
    claimed: list[Touch] = []
    for touch in _ready(world):
        _keep_open(world, touch)
        more = sum(not leaving.is_lost(each.step, each, world.now) for each in claimed)
        hold = _company_hold(world, touch, more)
        if hold is None:
            claimed.append(touch)
        else:
            _wait(world, touch, hold)
    return sorted(claimed, key=lambda touch: (touch.next_attempt_at, touch.serial))


def _keep_open(world: World, touch: Touch) -> None:
    """Let no email grow too late by its mailbox, before its company is asked: one that is lost takes no room."""
    waits_from = _waits_from(touch)
    if waits_from < world.now and _is_held_open(world, touch, waits_from):
        touch.not_after = max(touch.not_after, world.now)


def _waits_from(touch: Touch) -> datetime:
    return max(touch.next_attempt_at or touch.due_at, touch.known_at)


def _let_go_on(world: World, touch: Touch) -> None:
    """An uncertain email counts as sent by now."""
    at, touch.counts_as_sent_at = touch.counts_as_sent_at, None
    rows.step_ended(world, touch, at)


# --- one email, as the protocol of sending treats it


def _leave(world: World, touch: Touch) -> None:
    if not world.view.fields.get("email"):
        _skip(world, touch, because("no_address"))
        return
    if world.view.suppressed:
        _skip(world, touch, because("suppressed"))
        return
    if _waits_from(touch) < world.now:
        touch.holds = (*touch.holds, because("limit"))
    until = leaving.leaves_until(touch.step, due_at=touch.due_at, not_after=touch.not_after, attempts=touch.attempts)
    if world.now > until:
        _come_late(world, touch, until)
        if touch.asks or touch.state != "scheduled":
            return
    hold = _hold(world, touch)
    if hold is None:
        _send(world, touch)
    else:
        _wait(world, touch, hold)


def _company_hold(world: World, touch: Touch, more: int) -> leaving.Hold | None:
    """Until when its company has got enough, by this prospect's emails alone: of its others nothing is known here.

    `more` are claimed together with it.
    """
    limits, now = world.playbook.limits.domain, world.now
    company = company_of(world.view.fields.get("email"))
    if not limits.any or company is None or leaving.is_lost(touch.step, touch, now):
        return None
    times = [left.at for left in world.mails if left.company == company]
    recent = [at for at in times if at > now - timedelta(days=1)]
    until = leaving.company_opens(recent, more, limits, now)
    if until is None and not touch.forced:
        until = leaving.company_at_ease(times[-1] if times else None, more, limits, now)
    if until is None:
        return None
    return leaving.put_off(touch.step, touch, now, until, because("limit.company", what=company))


def _wait(world: World, touch: Touch, hold: leaving.Hold) -> None:
    touch.next_attempt_at, touch.reason, touch.known_at = hold.until, hold.reason, world.now
    touch.not_after = hold.not_after or touch.not_after
    touch.holds = (*touch.holds, hold.reason)
    world.note("held", touch, (hold.reason,), planned_at=_planned_at(world, touch), until=hold.until)


def _come_late(world: World, touch: Touch, until: datetime) -> None:
    """What becomes of an email that is too late: skipped, left to a person, or given another day."""
    late = touch.step.late
    told = until.isoformat(timespec="minutes")
    if late == "skip":
        _skip(world, touch, because("too_late", until=told))
        return
    reason = because(f"late.{late}", until=told)
    if late == "ask":
        touch.reason, touch.asks = reason, True
        world.note("held", touch, (reason,), planned_at=touch.due_at)
        return
    touch.not_after = world.now + leaving.STILL_GOOD_FOR
    touch.holds = (*touch.holds, reason)


def _hold(world: World, touch: Touch) -> leaving.Hold | None:
    playbook = touch.enrollment.playbook
    return leaving.when_it_may_leave(
        playbook,
        touch.step,
        leaving.Asked(
            world.now, touch.due_at, touch.not_after, touch.attempts, touch.forced, held=world.view.hold(world.now)
        ),
        where=lambda: world.where(playbook),
        mails=lambda: leaving.known([left.at for left in reversed(world.mails)], playbook.limits.prospect),
    )


def _is_held_open(world: World, touch: Touch, waits_from: datetime) -> bool:
    """Whether the deadline was moved while the mailbox kept the email: not one that had passed before.

    Nor for a mail server that is away, nor before a meeting.
    """
    mailbox = world.mailbox_of(touch)
    if mailbox.backoff_until is not None or touch.step.before_meeting:
        return False
    return max(waits_from, mailbox.calm_since or waits_from) <= touch.not_after


def _send(world: World, touch: Touch) -> None:
    written = Written("", "")
    if world.writer is not None:
        try:
            written = world.writer.write(_letter(world, touch))
        except OnwardError as error:
            _fail(world, touch, because("render", problem=error.message))
            return
    touch.subject, touch.text = written.subject, written.text
    planned = _planned_at(world, touch)
    why = (touch.reason,) if touch.forced else (because("due"), *_moved_by_window(touch, planned))
    why += tuple(hold for number, hold in enumerate(touch.holds) if hold not in (*why, *touch.holds[:number]))
    world.mails.append(Left(world.now, company_of(world.view.fields.get("email"))))
    mailbox = world.mailbox_of(touch)
    calm = world.now if mailbox.backoff_until is not None else mailbox.calm_since
    world.mailboxes[touch.mailbox] = replace(mailbox, last_mail_at=world.now, backoff_until=None, calm_since=calm)
    rows.end(world, touch, "sent", because("sent"))
    world.note("mail", touch, why, planned_at=planned, written=written)
    rows.step_ended(world, touch, world.now)


def _letter(world: World, touch: Touch) -> Letter:
    enrollment = touch.enrollment
    before = [
        other
        for other in enrollment.touches
        if other.position < touch.position and other.state in ("sent", "uncertain") and other.kind == "email"
    ]
    goes_on = touch.step.same_thread and before
    newest = before[-1] if goes_on else None
    return Letter(
        enrollment.playbook,
        replace(touch.step, email=sequences.email_of(touch.step, enrollment.id)),
        world.view.fields,
        world.view.stage,
        world.answers,
        world.meetings.get(enrollment.meeting_uid or ""),
        world.where(enrollment.playbook).zone,
        before[0].subject.removeprefix("Re: ") if goes_on else "",
        touch.mailbox,
        enrollment.id,
        Earlier(newest.step.key, newest.mailbox, newest.ended_at if newest.text else None, newest.text)
        if newest
        else None,
    )


def _planned_at(world: World, touch: Touch) -> datetime:
    """When the plan alone would have had it, whatever the window says."""
    if touch.step.before_meeting:
        return touch.not_after - touch.step.lead
    if touch.since is None:
        return touch.due_at
    playbook = touch.enrollment.playbook
    where = world.where(playbook)
    return calendar.add(touch.step.after, touch.since, playbook.calendar, where.zone, where.country)


def _moved_by_window(touch: Touch, planned: datetime) -> Iterator[Reason]:
    if touch.due_at > planned:
        yield because("window")


def _skip(world: World, touch: Touch, reason: Reason, *, waited: bool = False) -> None:
    rows.end(world, touch, "skipped", reason)
    world.note("skipped", touch, (reason,), planned_at=touch.due_at)
    rows.step_ended(world, touch, None if waited else world.now)


def _fail(world: World, touch: Touch, reason: Reason) -> None:
    rows.end(world, touch, "failed", reason)
    world.note("failed", touch, (reason,), planned_at=touch.due_at)
    rows.stop(world, touch.enrollment, because("stop.failed", step=touch.step.key))


# --- what the rep does to a touch


def act(world: World, happening: Happening) -> None:
    """Do, skip or send now the newest open touch of the step that is named; told as ignored when there is none."""
    touch = _meant(world, happening)
    if touch is None:
        task = "task" if happening.kind == DONE else "email" if happening.kind == SENT_NOW else "step"
        reason = because("nothing_waits", **{"what.en": task, "what.bg": _TASKS[task], "step": happening.step})
        world.tell("event", happening.said, reasons=(reason,), verdict="ignored")
        return
    waited = touch.next_attempt_at is None
    world.tell("event", happening.said, verdict="applied")
    if happening.kind == SKIPPED:
        _skip(world, touch, because("skipped_by", by="rep"), waited=waited)
    elif happening.kind == DONE:
        rows.end(world, touch, "done", because("done_by", by="rep"))
        world.note("done", touch, (touch.reason,), planned_at=touch.due_at)
        rows.step_ended(world, touch, None if waited else world.now)
    else:
        touch.forced, touch.next_attempt_at, touch.known_at = True, world.now, world.now
        touch.asks = False
        touch.due_at = min(touch.due_at, world.now)
        touch.not_after = max(touch.not_after, world.now + leaving.STILL_GOOD_FOR)
        touch.reason = because("send_now", by="rep")


_TASKS = {"task": "задача", "email": "имейл", "step": "стъпка"}


def _meant(world: World, happening: Happening) -> Touch | None:
    """The newest open touch of the named step, `step` or `sequence.step`."""
    sequence, _, key = happening.step.rpartition(".")
    for touch in reversed(world.open):
        if touch.step.key != key or sequence not in ("", touch.enrollment.sequence.key):
            continue
        if touch.state == "scheduled" and _may(happening.kind, touch, world):
            return touch
    return None


def _may(kind: str, touch: Touch, world: World) -> bool:
    if kind == SENT_NOW:
        return touch.kind == "email" and world.mailbox_of(touch).paused is None
    return kind == SKIPPED or touch.kind == "task"
