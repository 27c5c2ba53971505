"""The moment of sending: until when an email is still good, what holds it back, and what waits behind an ended step.

Pure. `outreach` asks with rows of the database and `simulate` with those of an imagined life, so that the two agree.
The limits that an email shares with others are no matter of one email and are counted in `outreach.rooms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workflow.engine import calendar
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from workflow.engine.sequences import Whereabouts
    from workflow.engine.signals import MailHold
    from workflow.playbook.schema import DomainLimits, Playbook, ProspectLimits, Step
    from workflow.playbook.schema import Sequence as Steps

STILL_GOOD_FOR: Final = timedelta(hours=24)
"""What an email is granted anew when it waits for no fault of its own."""
UNCERTAIN_FOR: Final = timedelta(hours=24)
"""How long an uncertain email holds up what waits behind it."""
OPEN: Final = ("scheduled", "claimed", "sending", "committing", "uncertain")
"""States of a touch that has not ended."""
_RETRIED_UNTIL: Final = timedelta(hours=48)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_SOON: Final = timedelta(minutes=1)
# Greylisting first answers 451 for five minutes (postgrey); RFC 5321 4.5.4.1 asks for growing intervals.
_RETRY_MINUTES: Final = (6, 15, 30, 60, 120, 240)

_Row = TypeVar("_Row", bound=Any)
"""A touch with `position`, `kind`, `state` and `next_attempt_at`: a row of the database or of an imagined life."""


@dataclass(frozen=True, slots=True)
class Mails:
    """When a prospect got emails: the last, and those that must leave the window of a day and of a week first.

    `day` and `week` are None as long as there is room, or no limit.
    """

    last: datetime | None = None
    day: datetime | None = None
    week: datetime | None = None


@dataclass(slots=True)
class Asked:
    """What an email was asked from at the moment of sending. `where` and `mails` stay None unless asked."""

    now: datetime
    due_at: datetime
    not_after: datetime
    attempts: int
    forced: bool
    where: Whereabouts | None = None
    mails: Mails | None = None
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
    asked: Asked,
    *,
    where: Callable[[], Whereabouts],
    mails: Callable[[], Mails],
) -> Hold | None:
    """What holds an email back when it is `asked`: an absence, the send window, or the prospect's gap and limits.

    What is written before a meeting goes out in an absence all the same. `where` and `mails` are asked only where they
    matter, and kept in `asked`. Only the prospect's limits hold what is forced, which somebody sends ahead of its time.
    """
    if step.any_hour:
        return None

    def known_mails() -> Mails:
        asked.mails = asked.mails or mails()
        return asked.mails

    if asked.forced:
        wait = _full(playbook.limits.prospect, asked.now, known_mails)
    else:
        asked.where = where()
        wait = _wait(playbook, step, asked.now, asked.held, asked.where, known_mails)
    if wait is None:
        return None
    until, reason = wait
    # Moved to the next opening, never skipped for it; but a step before a meeting is of no use after the meeting.
    return Hold(until, reason, None if step.before_meeting else max(asked.not_after, until + STILL_GOOD_FOR))


def waits_for_prospect(step: Step) -> bool:
    """Whether an email of `step` waits for somebody who is away; what is written before a meeting does not."""
    return not (step.any_hour or step.before_meeting)


def known(times: Sequence[datetime], limits: ProspectLimits) -> Mails:
    """What matters of the times at which a prospect got emails, the newest first."""

    def nth(count: int | None) -> datetime | None:
        return times[count - 1] if count is not None and len(times) >= count else None

    return Mails(times[0] if times else None, nth(limits.per_day), nth(limits.per_week))


def company_opens(times: Sequence[datetime], more: int, limits: DomainLimits, now: datetime) -> datetime | None:
    """When a company may get its next email, None for now, by the limit of a day alone.

    `times` are those of its emails of the last day, the oldest first, and `more` are on their way to it.
    """
    if limits.per_day is None:
        return None
    over = len(times) + more - limits.per_day
    if over < 0:
        return None
    # Before those on their way have left nobody knows when their day is over.
    return times[over] + _DAY if over < len(times) else now + _SOON


def company_at_ease(last: datetime | None, more: int, limits: DomainLimits, now: datetime) -> datetime | None:
    """When a company may get its next email, None for now, by the gap alone."""
    if more and limits.min_gap:
        return now + limits.min_gap
    return last + limits.min_gap if last is not None and last + limits.min_gap > now else None


def is_lost(step: Step, row: Any, now: datetime) -> bool:  # noqa: ANN401 - a row of the database or of a life
    """Whether an email is too late and does not leave by itself at this turn, so that it takes up no room."""
    return step.late != "send" and _is_late(step, row, now)


def put_off(step: Step, row: Any, now: datetime, until: datetime, reason: Reason) -> Hold:  # noqa: ANN401
    """Let an email wait for a limit that it shares with others; that makes it no later than it is."""
    stays = step.before_meeting or _is_late(step, row, now)
    return Hold(until, reason, None if stays else max(row.not_after, until + STILL_GOOD_FOR))


def _is_late(step: Step, row: Any, now: datetime) -> bool:  # noqa: ANN401
    return now > leaves_until(step, due_at=row.due_at, not_after=row.not_after, attempts=row.attempts)


def waiting_behind(sequence: Steps, rows: Iterable[_Row], position: int) -> dict[int, _Row]:
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


def lingers(sequence: Steps, row: _Row) -> bool:
    """Whether an open touch holds nothing up: a task that nothing waits for."""
    return row.kind == "task" and not sequence.steps[row.position].blocking


def _wait(
    playbook: Playbook,
    step: Step,
    now: datetime,
    held: MailHold | None,
    where: Whereabouts,
    mails: Callable[[], Mails],
) -> tuple[datetime, Reason] | None:
    if held is not None and held.until > now and not step.before_meeting:
        day = held.until.astimezone(where.zone).date()
        opens = calendar.opening(held.until, playbook.calendar, where.zone, where.country)
        return opens, because(held.why, until=day.isoformat())
    opens = calendar.opening(now, playbook.calendar, where.zone, where.country)
    if opens > now and not step.before_meeting:
        return opens, because("window")
    limits = playbook.limits.prospect
    full = _full(limits, now, mails)
    last = mails().last if limits.min_gap else None
    if last is not None and last + limits.min_gap > max(now, full[0] if full else now):
        full = last + limits.min_gap, because("gap")
    if full is None:
        return None
    return calendar.opening(full[0], playbook.calendar, where.zone, where.country), full[1]


def _full(limits: ProspectLimits, now: datetime, mails: Callable[[], Mails]) -> tuple[datetime, Reason] | None:
    """When the prospect may get another email, where a window is full."""
    if limits.per_day is None and limits.per_week is None:
        return None
    found = mails()
    opens = [at + span for at, span in ((found.day, _DAY), (found.week, _WEEK)) if at is not None]
    until = max(opens, default=now)
    return (until, because("limit.prospect")) if until > now else None
