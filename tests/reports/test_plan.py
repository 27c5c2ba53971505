"""The plan of a day: meetings and tasks in their order, and the gaps between them that are long enough to use."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from workflow.playbook.schema import Calendar, Window
from workflow.reports.plan import TASK, Slot, plan

SOFIA = ZoneInfo("Europe/Sofia")
WORK = Calendar(Window(time(9), time(17)))


def at(hour: int, minute: int = 0, day: int = 10) -> datetime:
    """A time of a Tuesday by the clock of Sofia."""
    return datetime(2026, 11, day, hour, minute, tzinfo=SOFIA).astimezone(UTC)


def busy(begin: datetime, minutes: int) -> Slot:
    return Slot("meeting", begin, begin + timedelta(minutes=minutes))


def told(found: tuple[Slot, ...]) -> list[tuple[str, str, str]]:
    return [
        (each.kind, f"{each.at.astimezone(SOFIA):%H:%M}", f"{each.until.astimezone(SOFIA):%H:%M}") for each in found
    ]


def test_gaps_lie_between_what_is_planned_within_the_hours_of_work() -> None:
    call = Slot("task", at(11), at(11) + TASK)
    # One meeting within another, one that begins before the hours, and one behind their end.
    day = plan(
        [busy(at(13), 90), call, busy(at(13, 15), 30), busy(at(8, 30), 45), busy(at(18), 30)], at(7), SOFIA, WORK
    )
    assert told(day.slots) == [
        ("meeting", "08:30", "09:15"), ("gap", "09:15", "11:00"), ("task", "11:00", "11:15"),
        ("gap", "11:15", "13:00"), ("meeting", "13:00", "14:30"), ("meeting", "13:15", "13:45"),
        ("gap", "14:30", "17:00"), ("meeting", "18:00", "18:30"),
    ]  # fmt: skip
    assert day.free == timedelta(hours=6)


def test_only_what_lies_ahead_is_free_and_no_day_off_is() -> None:
    assert told(plan([busy(at(13), 60)], at(12, 40), SOFIA, WORK).slots) == [
        ("meeting", "13:00", "14:00"), ("gap", "14:00", "17:00"),
    ]  # fmt: skip
    assert plan([], at(10, day=14), SOFIA, WORK).slots == ()
    assert plan([], at(17), SOFIA, WORK).free == timedelta()
    assert plan([], at(8), SOFIA, Calendar()).free == timedelta(hours=9), "where the playbook names no hours"
