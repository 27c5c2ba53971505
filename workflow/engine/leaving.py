"""The moment of sending: until when an email is still good, what holds it back, and what waits behind an ended step.

Pure. `outreach` asks with rows of the database and `simulate` with those of an imagined life, so that the two agree.
The limits of a mailbox are no matter of one email and are counted in `outreach.claim`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workflow.engine import calendar
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from workflow.engine.sequences import Whereabouts
    from workflow.engine.signals import MailHold
    from workflow.playbook.schema import Playbook, Sequence, Step

STILL_GOOD_FOR: Final = timedelta(hours=24)
"""What an email is granted anew when it waits for no fault of its own."""
UNCERTAIN_FOR: Final = timedelta(hours=24)
"""How long an uncertain email holds up what waits behind it."""
OPEN: Final = ("scheduled", "claimed", "sending", "committing", "uncertain")
"""States of a touch that has not ended."""
_RETRIED_UNTIL: Final = timedelta(hours=48)
# Greylisting first answers 451 for five minutes (postgrey); RFC 5321 4.5.4.1 asks for growing intervals.
_RETRY_MINUTES: Final = (6, 15, 30, 60, 120, 240)

_Row = TypeVar("_Row", bound=Any)
"""A touch with `position`, `kind`, `state` and `next_attempt_at`: a row of the database or of an imagined life."""


@dataclass(slots=True)
class Asked:
    """What an email was asked from at the moment of sending. `where` and `last_mail_at` stay None unless asked."""

    now: datetime
    due_at: datetime
    not_after: datetime
    attempts: int
    forced: bool
    where: Whereabouts | None = None
    last_mail_at: datetime | None = None
    held: MailHold | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now but at `until`. `not_after` is the new deadline; None leaves the old one."""

    until: datetime
    reason: Reason
    not_after: datetime | None


def leaves_until(step: Step, *, due_at: datetime, not_after: datetime, attempts: int) -> datetime:
    """Until when an email leaves by itself; one that was tried before has two days, but no meeting waits for it."""
    retried = attempts and not step.before_meeting
    return max(not_after, due_at + _RETRIED_UNTIL) if retried else not_after


def retry_at(now: datetime, attempts: int, spread: float) -> datetime:
    """When an email that its server put off is tried again, after so many attempts.

    `spread` between 1.0 and 1.2 stretches the wait, so that what failed together does not come back together.
    """
    minutes = _RETRY_MINUTES[min(attempts, len(_RETRY_MINUTES)) - 1]
    return now + timedelta(minutes=minutes * spread)


def when_it_may_leave(
    playbook: Playbook,
    step: Step,
    now: datetime,
    *,
    not_after: datetime,
    held: MailHold | None,
    where: Callable[[], Whereabouts],
    last_mail_at: Callable[[], datetime | None],
) -> Hold | None:
    """What holds an email of `step` back at `now`: an absence, the send window or the prospect's gap; else None.

    `held` is what all mail of the prospect waits for; what is written before a meeting goes out all the same.
    `where` and `last_mail_at`, when the prospect last got an email, are asked only where they matter.
    Nothing holds what somebody sends ahead of its time: then this is not asked.
    """
    if step.any_hour:
        return None
    wait = _wait(playbook, step, now, held, where(), last_mail_at)
    if wait is None:
        return None
    until, reason = wait
    # Moved to the next opening, never skipped for it; but a step before a meeting is of no use after the meeting.
    return Hold(until, reason, None if step.before_meeting else max(not_after, until + STILL_GOOD_FOR))


def waits_for_prospect(step: Step) -> bool:
    """Whether an email of `step` waits for somebody who is away; what is written before a meeting does not."""
    return not (step.any_hour or step.before_meeting)


def waiting_behind(sequence: Sequence, rows: Iterable[_Row], position: int) -> dict[int, _Row]:
    """The touches that waited for the one at `position`: up to the next that was released already and holds the rest.

    There is one when a task that nothing waits for ends, or when an uncertain email is settled after it had counted
    as sent.
    """
    waiting: dict[int, _Row] = {}
    for row in rows:
        if row.position <= position or row.state not in OPEN or sequence.steps[row.position].before_meeting:
            continue
        if row.state == "scheduled" and row.next_attempt_at is None:
            waiting[row.position] = row
        elif not lingers(sequence, row):
            break
    return waiting


def lingers(sequence: Sequence, row: _Row) -> bool:
    """Whether an open touch holds nothing up: a task that nothing waits for."""
    return row.kind == "task" and not sequence.steps[row.position].blocking


def _wait(
    playbook: Playbook,
    step: Step,
    now: datetime,
    held: MailHold | None,
    where: Whereabouts,
    last_mail_at: Callable[[], datetime | None],
) -> tuple[datetime, Reason] | None:
    if held is not None and held.until > now and not step.before_meeting:
        day = held.until.astimezone(where.zone).date()
        opens = calendar.opening(held.until, playbook.calendar, where.zone, where.country)
        return opens, because(held.why, until=day.isoformat())
    opens = calendar.opening(now, playbook.calendar, where.zone, where.country)
    if opens > now and not step.before_meeting:
        return opens, because("window")
    gap = playbook.limits.prospect_min_gap
    last = last_mail_at() if gap else None
    if last is None or last + gap <= now:
        return None
    return calendar.opening(last + gap, playbook.calendar, where.zone, where.country), because("gap")
