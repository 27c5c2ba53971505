"""Which times suit a meeting, the best first, each with its reasons; and what speaks against any other time. Pure.

A time is offered when it lies in the playbook's hours by the prospect's clock, in working hours by the rep's, on a
working day of both, far enough from now and from the rep's other meetings. Books nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from workflow.engine import calendar as calendars
from workflow.engine.reasons import because
from workflow.playbook.schema import Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from workflow.engine.reasons import Reason
    from workflow.playbook.content import MeetingRules
    from workflow.playbook.schema import Calendar

STEP: Final = timedelta(minutes=30)
_DAY: Final = timedelta(days=1)
_USUAL: Final = Window(time(8), time(18))
_EARLY: Final = time(11)
_LATE: Final = time(15)
# What a time costs in days on which there are times: one that is a day later, or in the next best hours, is as much
# worse.
_OF_STEP: Final = 0.1
_OF_CROWD: Final = 0.5
_OF_OTHER_DAY: Final = 5.0
# Alternates are for whom the first does not suit: the same hours or the same day again would not suit either.
_OF_SAME_HOURS: Final = 2.0
_OF_SAME_DAY: Final = 3.0


@dataclass(frozen=True, slots=True)
class Sides:
    """Who meets: the clock and the country of the prospect, the clock of the rep, and when the rep meets others."""

    zone: ZoneInfo
    country: str | None
    rep_zone: ZoneInfo
    busy: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that suits. `day` is that of the prospect, `hours` the place of its hours in the playbook's list."""

    starts_at: datetime
    ends_at: datetime
    day: date
    hours: int
    cost: float
    reasons: tuple[Reason, ...]


def offered(
    rules: MeetingRules, calendar: Calendar, sides: Sides, now: datetime, *, any_day: bool = False
) -> tuple[Slot, ...]:
    """Every time that suits, the best first. With `any_day` also working days that the playbook keeps free."""
    found: list[Slot] = []
    days = 0
    day = (now + rules.notice).astimezone(sides.zone).date()
    last = (now + rules.horizon).astimezone(sides.zone).date()
    while day <= last:
        if any_day or day.weekday() in rules.days:
            times = _of_day(rules, calendar, sides.zone, day)
            of_day = [each for each in times if _suits(rules, calendar, sides, each, now)]
            found += [_told(rules, sides, each, days) for each in of_day]
            days += bool(of_day)
        day += _DAY
    return tuple(sorted(found, key=lambda each: (each.cost, each.starts_at)))


def recommended(slots: tuple[Slot, ...], number: int) -> tuple[Slot, ...]:
    """The best of them, and others that differ from it in day and hours."""
    chosen: list[Slot] = []
    left = list(slots)
    while left and len(chosen) < number:
        best = min(left, key=lambda each: (_beside(each, chosen), each.starts_at))
        chosen.append(best)
        left.remove(best)
    return tuple(chosen)


def against(
    rules: MeetingRules, calendar: Calendar, sides: Sides, starts_at: datetime, now: datetime
) -> tuple[Reason, ...]:
    """What speaks against a meeting at this time; nothing for one that would be offered. A past one is the first."""
    there, here = starts_at.astimezone(sides.zone), starts_at.astimezone(sides.rep_zone)
    ends_at = starts_at + rules.length
    told = []
    if starts_at <= now:
        told.append(because("slot.past"))
    elif starts_at < now + rules.notice:
        told.append(because("slot.notice", hours=rules.notice // timedelta(hours=1)))
    if not calendars.is_working_day(there.date(), calendar, sides.country):
        told.append(because("slot.day_off"))
    elif there.weekday() not in rules.days:
        told.append(because("slot.other_day"))
    if not any(_inside(window, starts_at, ends_at, sides.zone) for window in _hours(rules, calendar)):
        told.append(because("slot.hours", there=f"{there:%H:%M}"))
    if not calendars.is_working_day(here.date(), calendar, None):
        told.append(because("slot.rep_day_off"))
    if not _inside(calendar.window or _USUAL, starts_at, ends_at, sides.rep_zone):
        told.append(because("slot.rep_hours", here=f"{here:%H:%M}"))
    clash = _clash(sides, starts_at, ends_at, rules.buffer)
    if clash is not None:
        told.append(because("slot.busy", begins=f"{clash.astimezone(sides.rep_zone):%H:%M}"))
    return tuple(told)


def _hours(rules: MeetingRules, calendar: Calendar) -> tuple[Window, ...]:
    return rules.hours or (calendar.window or _USUAL,)


def _of_day(rules: MeetingRules, calendar: Calendar, zone: ZoneInfo, day: date) -> Iterator[Slot]:
    """The times of a day by the prospect's clock, whether they suit or not; none that the clock skips."""
    for place, window in enumerate(_hours(rules, calendar)):
        local = datetime.combine(day, window.start)
        end = datetime.combine(day, window.end)
        number = 0
        while local < end:
            starts = local.replace(tzinfo=zone).astimezone(UTC)
            if starts.astimezone(zone).replace(tzinfo=None) == local:
                yield Slot(starts, starts + rules.length, day, place, number * _OF_STEP, ())
            local += STEP
            number += 1


def _suits(rules: MeetingRules, calendar: Calendar, sides: Sides, slot: Slot, now: datetime) -> bool:
    reasons = against(rules, calendar, sides, slot.starts_at, now)
    return slot.starts_at <= now + rules.horizon and all(each.code == "slot.other_day" for each in reasons)


def _told(rules: MeetingRules, sides: Sides, slot: Slot, days: int) -> Slot:
    """The slot with what it costs and why it is offered; so many `days` with times lie before it."""
    cost = slot.cost + days + slot.hours
    clock = slot.starts_at.astimezone(sides.zone).time()
    reasons = [because("slot.early" if clock < _EARLY else "slot.late" if clock >= _LATE else "slot.within")]
    if slot.day.weekday() not in rules.days:
        cost += _OF_OTHER_DAY
        reasons.append(because("slot.other_day"))
    elif not days:
        reasons.append(because("slot.soonest"))
    here = slot.starts_at.astimezone(sides.rep_zone)
    if here.utcoffset() != slot.starts_at.astimezone(sides.zone).utcoffset():
        reasons.append(because("slot.both", here=f"{here:%H:%M}"))
    if any(begins.astimezone(sides.rep_zone).date() == here.date() for begins, _ends in sides.busy):
        cost += _OF_CROWD
    else:
        reasons.append(because("slot.free"))
    return replace(slot, cost=cost, reasons=tuple(reasons))


def _beside(slot: Slot, chosen: list[Slot]) -> float:
    same_hours = sum(each.hours == slot.hours for each in chosen)
    same_day = sum(each.day == slot.day for each in chosen)
    return slot.cost + _OF_SAME_HOURS * same_hours + _OF_SAME_DAY * same_day


def _inside(window: Window, starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> bool:
    """Whether the meeting begins and ends on one day within these hours, by the clock of `zone`."""
    begins, ends = starts_at.astimezone(zone), ends_at.astimezone(zone)
    return begins.date() == ends.date() and window.start <= begins.time() and ends.time() <= window.end


def _clash(sides: Sides, starts_at: datetime, ends_at: datetime, buffer: timedelta) -> datetime | None:
    """When the meeting begins that leaves no room for this one."""
    return next(
        (begins for begins, ends in sides.busy if starts_at < ends + buffer and begins < ends_at + buffer), None
    )
