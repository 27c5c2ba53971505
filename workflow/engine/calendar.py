"""When on a calendar: waiting times, working days, and the next hour in which mail may leave. Pure; results are UTC.

Wall clocks follow IANA zones. A time that the clock skips is taken as much later as the gap is long, one that
it shows twice is its first showing. Decides no due time by itself: that is `sequences`.
"""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from workflow.playbook.schema import Calendar, Delay

_DAY: Final = timedelta(days=1)
_HORIZON: Final = 400  # days; no calendar of the world rests longer


def zone_of(*names: str | None) -> ZoneInfo:
    """The first of `names` that is an IANA time zone; UTC when none is."""
    for name in names:
        zone = zone_named(name)
        if zone is not None:
            return zone
    return ZoneInfo("UTC")


def zone_named(name: str | None) -> ZoneInfo | None:
    """The IANA time zone `name`; None when it is none."""
    return _zone(name) if name else None


def add(delay: Delay, at: datetime, calendar: Calendar, zone: ZoneInfo, country: str | None) -> datetime:
    """`at` and the delay: a span in absolute time, or the same wall-clock time so many working days later.

    The result is never before `at`. Raises ValueError when the calendar has no working day at all.
    """
    at = at.astimezone(UTC) + delay.span
    if not delay.working_days:
        return at
    local = at.astimezone(zone)
    day = local.date()
    for _ in range(delay.working_days):
        day = _next_working_day(day, calendar, country)
    return _moment(day, local.time(), zone)


def opening(at: datetime, calendar: Calendar, zone: ZoneInfo, country: str | None) -> datetime:
    """`at` itself when mail may leave then, else the first moment after it when it may.

    A window whose start is skipped by the clock opens later by the length of the gap; a day closes once, at the first
    showing of its end. Raises ValueError when the calendar has no working day at all.
    """
    at = at.astimezone(UTC)
    window = calendar.window
    if window is None or _is_open(at, calendar, zone, country):
        return at
    day = at.astimezone(zone).date()
    for _ in range(_HORIZON):
        for fold in (0, 1):
            start = _moment(day, window.start, zone, fold)
            if start > at and _is_open(start, calendar, zone, country):
                return start
        day += _DAY
    raise ValueError(_NO_WORKING_DAY)


def is_working_day(day: date, calendar: Calendar, country: str | None) -> bool:
    """Whether `day` is a weekday of work and no public holiday of `country`, or, without one, of the calendar's own."""
    if day.weekday() not in calendar.working_days:
        return False
    codes = (country.upper(),) if country and knows_country(country) else calendar.holidays
    return not any(day in _days_off(code, day.year) for code in codes)


def warm(calendar: Calendar, year: int) -> None:
    """Load the holidays that `calendar` names now, so that the forks of this process need not: 0.2 s and 9 MB each."""
    if calendar.window is not None:
        for country in calendar.holidays:
            _days_off(country, year)


def knows_country(code: str) -> bool:
    """Whether the holidays of the country with this ISO 3166 code are known."""
    return code.upper() in _countries()


_NO_WORKING_DAY: Final = "the calendar has no working day"


def _next_working_day(day: date, calendar: Calendar, country: str | None) -> date:
    for _ in range(_HORIZON):
        day += _DAY
        if is_working_day(day, calendar, country):
            return day
    raise ValueError(_NO_WORKING_DAY)


def _is_open(at: datetime, calendar: Calendar, zone: ZoneInfo, country: str | None) -> bool:
    """Whether the wall clock is inside the window of a working day, which opened and has not closed yet."""
    window = calendar.window
    if window is None:
        return True
    local = at.astimezone(zone)
    day = local.date()
    return (
        window.start <= local.time() < window.end
        and is_working_day(day, calendar, country)
        and _moment(day, window.start, zone) <= at < _moment(day, window.end, zone)
    )


def _moment(day: date, clock: time, zone: ZoneInfo, fold: int = 0) -> datetime:
    """When the wall clock of `zone` shows `clock` on `day`; a skipped time moves on by the gap (PEP 495, fold 0)."""
    return datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    # `right/` counts leap seconds, which no other clock here does.
    if name.startswith("right/"):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # not a name, a folder of names, not known
        return None


# --- public holidays; the library is loaded when the first day off is asked for, because it is heavy ---


@lru_cache(maxsize=512)
def _days_off(country: str, year: int) -> frozenset[date]:
    """The public holidays of `country`, with the days given for those that fall on a weekend; none where unknown."""
    where = _countries().get(country)
    if where is None:
        return frozenset()
    module, name = where
    days: Callable[..., Iterable[date]] = getattr(importlib.import_module(module), name)
    return frozenset(days(years=year))


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, tuple[str, str]]:
    """For each ISO 3166 code the module and the class of the library that know its holidays.

    Importing `holidays` here and not at the top saves 9 MB and 0.2 s in every process that never asks for a holiday.
    The package `holidays.countries` would load all of its 250 countries when one is imported, another 11 MB and 0.4 s,
    so an empty package with the same path stands in for it.
    """
    library = importlib.import_module("holidays")
    name = "holidays.countries"
    package = ModuleType(name)
    package.__path__ = [f"{path}/countries" for path in library.__path__]
    sys.modules.setdefault(name, package)
    registry = importlib.import_module("holidays.registry").COUNTRIES
    return {
        code: (f"{name}.{module}", entity)
        for module, (entity, *codes) in registry.items()
        for code in codes
        if len(code) == 2  # noqa: PLR2004 - ISO 3166-1 alpha-2
    }
