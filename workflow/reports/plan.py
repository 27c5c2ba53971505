"""The plan of one day by the hour: meetings and tasks in their order, and the gaps between them. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from workflow.playbook.schema import Calendar, Step

TASK: Final = timedelta(minutes=15)
"""What a task takes: nobody says, and a call that is planned longer still leaves the next half hour alone."""
MEETING: Final = timedelta(minutes=45)
"""What a meeting takes of which nobody said the end."""
SHORTEST: Final = timedelta(minutes=30)
"""A gap shorter than this is no time for anything."""
_OPENS, _CLOSES = time(9), time(18)


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of the day: a meeting, a task, or a gap with nobody in it."""

    kind: Literal["meeting", "task", "gap"]
    at: datetime
    until: datetime
    prospect_id: str = ""
    name: str = ""
    step: Step | None = None
    key: str = ""
    place: str = ""

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.until - self.at


@dataclass(frozen=True, slots=True)
class Plan:
    """The slots of the day in their order, and how much of it is still free."""

    slots: tuple[Slot, ...]
    free: timedelta


def plan(busy: Iterable[Slot], now: datetime, zone: ZoneInfo, calendar: Calendar) -> Plan:
    """What the day has, with the gaps that lie ahead in the hours of work; none on a day that is no working day.

    The hours are those in which mail may leave, by the clock of `zone`; 9 to 18 where the playbook names none.
    """
    taken = sorted(busy, key=lambda slot: (slot.at, slot.until))
    gaps = _gaps(taken, now, zone, calendar)
    slots = sorted((*taken, *gaps), key=lambda slot: (slot.at, slot.kind == "gap", slot.until))
    return Plan(tuple(slots), sum((gap.span for gap in gaps), timedelta()))


def _gaps(taken: list[Slot], now: datetime, zone: ZoneInfo, calendar: Calendar) -> list[Slot]:
    here = now.astimezone(zone)
    if here.weekday() not in calendar.working_days:
        return []
    hours = calendar.window
    opens, closes = (
        datetime.combine(here.date(), at, tzinfo=zone).astimezone(now.tzinfo)
        for at in ((hours.start, hours.end) if hours else (_OPENS, _CLOSES))
    )
    free_from = max(opens, now)
    found = []
    for slot in taken:
        if min(slot.at, closes) - free_from >= SHORTEST:
            found.append(Slot("gap", free_from, min(slot.at, closes)))
        free_from = max(free_from, slot.until)
    if closes - free_from >= SHORTEST:
        found.append(Slot("gap", free_from, closes))
    return found
