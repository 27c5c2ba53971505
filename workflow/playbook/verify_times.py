"""Whether what is due can ever leave: windows, waiting times before a meeting, and limits that starve a sequence.

One function per rule, all in the table `RULES`, which `check` runs beside its own.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from workflow.playbook.findings import Finding
from workflow.playbook.schema import Delay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import time

    from workflow.playbook.case import Case
    from workflow.playbook.schema import Limits, Playbook, Sequence, Step, Window

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_FARTHEST: Final = timedelta(days=90)
"""How far ahead a meeting may be known where the playbook does not say."""

Timed = tuple["Step", timedelta]
"""A step with the time from the start of its group to when it is due at the earliest."""


def lead_never_met(case: Case) -> Iterator[Finding]:
    """An email before a meeting that is due when the meeting starts, or before anybody knows of the meeting."""
    playbook = case.playbook
    horizon = playbook.content.meetings.horizon if "meetings.horizon" in playbook.lines else _FARTHEST
    for path, step in case.steps():
        if not step.before_meeting or step.email is None:
            continue
        if not step.lead:
            says = "is due at the moment when the meeting starts, and too late a moment later: write a `lead`"
        elif step.lead >= horizon:
            says = (
                f"is due {_span(step.lead)} before the meeting, but a meeting is booked at most {_span(horizon)} "
                "ahead: write a shorter `lead`"
            )
        else:
            continue
        yield Finding(playbook.line(f"{path}.lead"), "lead_never_met", f"`{step.key}` never leaves in time: it {says}.")


def window_never_opens(case: Case) -> Iterator[Finding]:
    """An email before a meeting that falls, for each hour of a meeting, where no email may leave."""
    playbook = case.playbook
    window = playbook.calendar.window
    if window is None or not {"meetings.hours", "meetings.days"} & playbook.lines.keys():
        return
    for path, step in case.steps():
        if step.email is None or not step.before_meeting or step.any_hour or not timedelta() < step.lead < _DAY:
            continue
        if not _opens_before_meeting(playbook, window, step.lead):
            yield Finding(
                playbook.line(path),
                "window_never_opens",
                f"The send window never opens within the {_span(step.lead)} before a meeting, so that `{step.key}` "
                "never leaves in time: write `window: any` at this step, or change the hours.",
            )


def no_meeting_time(case: Case) -> Iterator[Finding]:
    """Hours too short for a meeting, or a notice longer than times are offered ahead."""
    playbook, rules = case.playbook, case.playbook.content.meetings
    for number, hours in enumerate(rules.hours):
        if _minutes(hours.end) - _minutes(hours.start) < rules.length / timedelta(minutes=1):
            yield Finding(
                playbook.line(f"meetings.hours.{number}"),
                "no_meeting_time",
                f"No meeting of {_span(rules.length)} fits between {hours.start:%H:%M} and {hours.end:%H:%M}: widen "
                "these hours, or shorten `length`.",
            )
    if rules.notice >= rules.horizon:
        known = "meetings.notice" if "meetings.notice" in playbook.lines else "meetings.horizon"
        yield Finding(
            playbook.line(known),
            "no_meeting_time",
            f"Meetings are agreed at least {_span(rules.notice)} before and offered at most {_span(rules.horizon)} "
            "ahead, so that no time is ever offered: shorten `notice`, or lengthen `horizon`.",
        )


def limits_starve(case: Case) -> Iterator[Finding]:
    """A mailbox may send less, or a prospect or a company may get less, than one prospect on one sequence is due."""
    for path, most, span in _counts(case.playbook.limits):
        crowds = (
            (sequence, crowd)
            for sequence in case.playbook.sequences.values()
            for group in _emails(sequence)
            if (crowd := _crowd(_bound(group, path), most, span))
        )
        for sequence, crowd in islice(crowds, 1):
            yield Finding(
                case.playbook.line(f"limits.{path}"),
                "limits_starve",
                f"With `{path}: {most}` the sequence `{sequence.key}` is late even for a single prospect, who is due "
                f"{len(crowd)} emails within {_span(span)}: raise the limit, or spread the steps: "
                f"{_way(sequence, crowd)}",
            )


def gap_shuts_window(case: Case) -> Iterator[Finding]:
    """A mailbox waits longer between two emails than the send window is open."""
    window, gap = case.playbook.calendar.window, case.playbook.limits.mailbox.min_gap
    if window is None:
        return
    opened = timedelta(minutes=_minutes(window.end) - _minutes(window.start))
    if gap >= opened:
        yield Finding(
            case.playbook.line("limits.mailbox.min_gap"),
            "gap_shuts_window",
            f"The send window is open for {_span(opened)} and the mailbox waits {_span(gap)} between two emails, so "
            "that only one email leaves a day: shorten `min_gap`, or widen the window.",
        )


def gap_outlasts_delay(case: Case) -> Iterator[Finding]:
    """The gap between two emails is longer than a sequence waits between two of its own."""
    playbook = case.playbook
    gaps = (
        ("limits.prospect.min_gap", playbook.limits.prospect.min_gap, timedelta()),
        ("limits.domain.min_gap", playbook.limits.domain.min_gap, timedelta()),
        # Of a mailbox a short gap spreads what many prospects get; only a long one changes a sequence.
        ("limits.mailbox.min_gap", playbook.limits.mailbox.min_gap, _HOUR),
    )
    for path, gap, least in gaps:
        pairs = (
            (sequence, *pair)
            for sequence in playbook.sequences.values()
            for group in _emails(sequence)
            if gap > timedelta() and gap >= least and (pair := _held(group, gap, path))
        )
        for sequence, first, second in islice(pairs, 1):
            yield Finding(
                playbook.line(path),
                "gap_outlasts_delay",
                f"`min_gap` always holds back `{second[0].key}` of `{sequence.key}`, which is due "
                f"{_span(second[1] - first[1])} after the email before it, for {_span(gap)}: shorten the gap, or "
                f"lengthen the delay in line {second[0].line}: {_way(sequence, [first, second])}",
            )


def absence_ends_at_once(case: Case) -> Iterator[Finding]:
    """Mail that waits no time at all for whoever is away and names no day of return."""
    if case.playbook.out_of_office.resume_after == Delay():
        yield Finding(
            case.playbook.line("out_of_office.resume_after"),
            "absence_ends_at_once",
            "Mail does not wait at all for whoever is away and names no day: write at least `1wd`, or remove the key.",
        )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    lead_never_met,
    window_never_opens,
    no_meeting_time,
    limits_starve,
    gap_shuts_window,
    gap_outlasts_delay,
    absence_ends_at_once,
)


# --- windows


def _opens_before_meeting(playbook: Playbook, window: Window, lead: timedelta) -> bool:
    """Whether some meeting by the rules has a minute of the send window in the time `lead` before it."""
    rules, work = playbook.content.meetings, playbook.calendar.working_days
    length, before = int(rules.length / timedelta(minutes=1)), int(lead / timedelta(minutes=1))
    opens, closes = _minutes(window.start), _minutes(window.end)
    hours = [(_minutes(each.start), _minutes(each.end) - length) for each in rules.hours] or [(0, 24 * 60 - 1)]
    for first, last in hours:
        # The meeting may start at any minute from first to last: the time before it reaches from one to the other.
        since, until = first - before, max(first, last)
        same_day = since < closes and opens < until
        day_before = since + 24 * 60 < closes and opens < 24 * 60
        for day in rules.days:
            if (same_day and day in work) or (since < 0 and day_before and (day - 1) % 7 in work):
                return True
    return False


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


# --- limits


def _counts(limits: Limits) -> Iterator[tuple[str, int, timedelta]]:
    """Every limit of a number, by its path within `limits`."""
    found = (
        ("mailbox.per_hour", limits.mailbox.per_hour, _HOUR),
        ("mailbox.per_day", limits.mailbox.per_day, _DAY),
        ("prospect.per_day", limits.prospect.per_day, _DAY),
        ("prospect.per_week", limits.prospect.per_week, 7 * _DAY),
        ("domain.per_day", limits.domain.per_day, _DAY),
        ("all.per_hour", limits.overall.per_hour, _HOUR),
        ("all.per_day", limits.overall.per_day, _DAY),
    )
    for path, most, span in found:
        if most is not None:
            yield path, most, span


def _bound(group: list[Timed], path: str) -> list[Timed]:
    """Those of a group whom the limit at `path` binds: what leaves at any hour waits for no limit of the prospect."""
    exempt = path.startswith("prospect")
    return [timed for timed in group if not (exempt and timed[0].any_hour)]


def _emails(sequence: Sequence) -> Iterator[list[Timed]]:
    """The emails whose distance from one another is known: before a meeting, or between tasks that hold up the rest."""
    leads = [(step, -step.lead) for step in sequence.steps if step.before_meeting and step.email is not None]
    yield sorted(leads, key=lambda timed: timed[1])
    group: list[Timed] = []
    since = timedelta()
    for step in sequence.steps:
        if step.before_meeting:
            continue
        since += _least(step.after)
        if step.email is not None:
            group.append((step, since))
        elif step.blocking:
            yield group
            group = []
    yield group


def _least(delay: Delay) -> timedelta:
    """The least time that a delay can be; the same hour of the next working day is 23 hours away at the least."""
    return delay.span + timedelta(hours=24 * delay.working_days - (1 if delay.working_days else 0))


def _crowd(group: list[Timed], most: int, span: timedelta) -> list[Timed]:
    """The first emails of the group that are due within `span` and more than `most`; none where there are none."""
    for number in range(len(group) - most):
        crowd = group[number : number + most + 1]
        if crowd[-1][1] - crowd[0][1] < span:
            return crowd
    return []


def _held(group: list[Timed], gap: timedelta, path: str) -> tuple[Timed, Timed] | None:
    """The first two emails that the gap keeps further apart than they are meant to be."""
    exempt = path.startswith("limits.prospect")
    for first, second in pairwise(group):
        # Before a meeting being held back matters only when it lasts until the meeting.
        apart = -first[1] if second[0].before_meeting else second[1] - first[1]
        if gap > apart and not (exempt and second[0].any_hour):
            return first, second
    return None


def _way(sequence: Sequence, emails: list[Timed]) -> str:
    return f"{sequence.key}: " + " -> ".join(step.key for step, _ in emails)


def _span(span: timedelta) -> str:
    """A span as the file writes it."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
