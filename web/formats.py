"""Dates, times and counts as a person reads them: in the language of the request, by the reader's own clock.

Writes, and decides nothing. Patterns are ours where the short forms of CLDR would hide the century.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from babel.dates import format_datetime, get_timezone_location
from babel.numbers import format_decimal, format_percent
from flask import g

from web.i18n import gettext as _
from web.i18n import language
from web.i18n import ngettext as _n

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_LOCALES: Final = {"en": "en_GB", "bg": "bg_BG"}
_DATE: Final = {"en": "d MMM y", "bg": "dd.MM.y 'г.'"}
_WEEKDAY: Final = {"en": "EEE d MMM", "bg": "EEE, d MMMM"}
_LONG: Final = {"en": "EEEE, d MMMM", "bg": "EEEE, d MMMM"}
_CLOCK: Final = {"en": "HH:mm", "bg": "H:mm"}
_ANY_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def now() -> datetime:
    """The moment this answer is about: that of its transaction, where there was one."""
    return cast("datetime", g.get("now")) or datetime.now(UTC)


def zone() -> ZoneInfo:
    """The reader's time zone."""
    return cast("ZoneInfo", g.zone)


def local(moment: datetime, where: ZoneInfo | None = None) -> datetime:
    """`moment` by the reader's clock, or by that of `where`."""
    return moment.astimezone(where or zone())


def date(moment: datetime) -> str:
    """23 Nov 2026 · 23.11.2026 г."""
    return _write(_DATE, local(moment))


def a_day(day: datetime) -> str:
    """Mon 23 Nov · пн, 23 ноември, of a day that is the same one by every clock."""
    return _write(_WEEKDAY if day.year == local(now()).year else _DATE, day)


def weekday(moment: datetime) -> str:
    """Mon 23 Nov · пн, 23 ноември; with the year where it is another one."""
    there = local(moment)
    return _write(_WEEKDAY if there.year == local(now()).year else _DATE, there)


def long_day(moment: datetime) -> str:
    """Monday, 23 November · понеделник, 23 ноември, with a capital at the start of a line."""
    return first_up(_write(_LONG, local(moment)))


def clock(moment: datetime, where: ZoneInfo | None = None) -> str:
    """08:45 · 8:45."""
    return _write(_CLOCK, local(moment, where))


def moment(at: datetime) -> str:
    """today, 07:41 · Fri 20 Nov, 17:05: the day as a person would say it inside a sentence, and the time."""
    apart = (local(at).date() - local(now()).date()).days
    near = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}
    return f"{near.get(apart) or weekday(at)}, {clock(at)}"


def when(at: datetime) -> str:
    """The same with a capital, where it stands by itself."""
    return first_up(moment(at))


def there(moment: datetime, where: ZoneInfo) -> str:
    """The time by the clock of `where`, where it differs from the reader's; else nothing."""
    if local(moment).utcoffset() == local(moment, where).utcoffset():
        return ""
    return clock(moment, where)


def there_day(moment: datetime, where: ZoneInfo) -> str:
    """Mon 23 Nov, 08:45 by the clock of `where`; with the year where it is another one."""
    there = local(moment, where)
    day = _write(_WEEKDAY if there.year == local(now(), where).year else _DATE, there)
    return f"{day}, {clock(moment, where)}"


def percent(part: float | None) -> str:
    """34%, or a dash where there is nothing to take a part of."""
    return "–" if part is None else format_percent(part, locale=_LOCALES[language()])


def ago(moment: datetime) -> str:
    """18 min ago, 3 h ago; from a day on the day itself."""
    span = now() - moment
    if span < _MINUTE:
        return _("just now")
    if span < _HOUR:
        return _("%(count)s min ago") % {"count": span // _MINUTE}
    if span < _DAY:
        return _("%(count)s h ago") % {"count": span // _HOUR}
    return when(moment)


def days(span: timedelta) -> str:
    """1 day, 6 days."""
    count = max(span // _DAY, 0)
    if not count:
        return _("under a day")
    return _n("%(num)s day", "%(num)s days", count) % {"num": number(count)}


def number(value: float) -> str:
    """12,345.6 · 12 345,6."""
    return _number(value, language())


def zone_name(where: ZoneInfo) -> str:
    """The city of a time zone as its own language calls it."""
    return get_timezone_location(where, locale=_LOCALES[language()], return_city=True)


def _write(patterns: dict[str, str], moment: datetime) -> str:
    # Only what the pattern shows is kept by: the cards of a board share their days, and the days their minutes.
    of_day = patterns is not _CLOCK
    shown = (
        datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        if of_day
        else _ANY_DAY.replace(hour=moment.hour, minute=moment.minute)
    )
    return _written(patterns[language()], shown, language())


# A page of a hundred rows writes several hundred of these, and few of them are different.
@lru_cache(maxsize=4096)
def _written(pattern: str, shown: datetime, words: str) -> str:
    return format_datetime(shown, pattern, locale=_LOCALES[words])


@lru_cache(maxsize=4096, typed=True)
def _number(value: float, words: str) -> str:
    return format_decimal(value, locale=_LOCALES[words])


def first_up(told: str) -> str:
    """A text with a capital at its start."""
    return told[:1].upper() + told[1:]


FORMS: Final = (
    ago, clock, date, days, first_up, long_day, moment, number, percent, there, there_day, weekday, when, zone_name,
)  # fmt: skip
"""What templates use as filters, by these names."""
