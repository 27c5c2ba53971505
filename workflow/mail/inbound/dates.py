"""Dates in running text, in the ways people write them in English, Bulgarian, German, French, Spanish and Russian.

Finds and resolves them against a day; what a date is about, its finder decides.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FURTHEST: Final = timedelta(days=366)
_STALE: Final = timedelta(days=45)
"""A day without a year that passed less than this ago was meant as that day, not as the one a year later."""

_MONTHS: Final = (
    "january|jan|януари|яну|ян|januar|jän|jänner|jaenner|janvier|janv|enero|ene|января|январь|янв",
    "february|feb|февруари|фев|februar|feber|février|fevrier|févr|fév|febrero|февраля|февраль|февр",
    "march|mar|март|мар|märz|maerz|mär|mrz|mars|marzo|марта",
    "april|apr|април|апр|avril|avr|abril|abr|апреля|апрель",
    "may|май|mai|mayo|мая",
    "june|jun|юни|юн|juni|juin|junio|июня|июнь|июн",
    "july|jul|юли|юл|juli|juillet|juil|julio|июля|июль|июл",
    "august|aug|август|авг|août|aout|agosto|ago|августа",
    "september|sept|sep|септември|септ|сеп|septembre|septiembre|setiembre|сентября|сентябрь|сент|сен",
    "october|oct|октомври|окт|oktober|okt|octobre|octubre|октября|октябрь",
    "november|nov|ноември|ное|novembre|noviembre|ноября|ноябрь|ноя|нояб",
    "december|dec|декември|дек|dezember|dez|décembre|decembre|déc|diciembre|dic|декабря|декабрь",
)
_WEEKDAYS: Final = (
    "monday|mon|понеделник|пон|пн|montag|lundi|lunes|понедельника?|понедельнику",
    "tuesday|tue|tues|вторник|вторника|вт|dienstag|mardi|martes|вторнику",
    "wednesday|wed|сряда|ср|mittwoch|mercredi|miércoles|miercoles|среда|среды|среду",
    "thursday|thu|thurs|четвъртък|чт|donnerstag|jeudi|jueves|четверга?",
    "friday|fri|петък|пт|freitag|vendredi|viernes|пятница|пятницы|пятницу",
    "saturday|sat|събота|сб|samstag|sonnabend|samedi|sábado|sabado|суббота|субботы|субботу",
    "sunday|sun|неделя|нд|sonntag|dimanche|domingo|воскресенье|воскресенья",
)
MONTH_OF: Final = {name: at + 1 for at, names in enumerate(_MONTHS) for name in names.split("|")}
_WEEKDAY_OF: Final = {
    name: at
    for at, names in enumerate(_WEEKDAYS)
    for name in names.replace("понедельника?", "понедельника|понедельник")
    .replace("четверга?", "четверга|четверг")
    .split("|")
}


def _any(names: object) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))  # type: ignore[call-overload]


MONTH: Final = _any(MONTH_OF)
WEEKDAY: Final = _any(_WEEKDAY_OF)
_YEAR: Final = r"(?:20\d\d)"
_TH: Final = r"(?:st|nd|rd|th|er|ère|º|-?(?:ви|ри|ти|ро|го|ое|ого|е))?"
_NAMED: Final = re.compile(
    rf"(?<![\d.,:/])(?P<d>\d{{1,2}}){_TH}(?:\.\s?|\s?|-)(?:(?:day )?of |de |den )?(?P<m>{MONTH})\b\.?"
    rf"(?:[,-]?\s?(?:de |del )?(?P<y>{_YEAR})\b)?"
)
_MONTH_FIRST: Final = re.compile(
    rf"\b(?P<m>{MONTH})\b\.?\s(?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)"
    rf"(?:\s?(?P<dash>-|–|—|to|through|thru)\s?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s?(?:{MONTH})\b))?"
    rf"(?:,?\s(?P<y>{_YEAR})\b)?"
)
_ISO: Final = re.compile(r"(?<![\d.-])(?P<y>20\d\d)(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)")
_NUMBERS: Final = re.compile(
    r"(?<![\d./:])(?P<a>\d{1,2})(?P<s>\s?[./]\s?)(?P<b>\d{1,2})"
    r"(?:(?P=s)(?P<y>20\d\d|\d\d)(?!\d)|(?P<dot>\.)(?=\D|$))?(?![\d:])(?!\s?(?:h|uhr|ч|часа|am|pm|%|€|лв|eur)\b)"
)
# 30.XI.2026, also with the Cyrillic letter that looks like X. One letter counts only before a year.
_ROMANS: Final = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_ROMAN: Final = re.compile(
    r"(?<![\d.,:/])(?P<d>\d{1,2})\s?[./-]\s?(?P<m>[ivxх]{1,4})(?:\s?[./-]\s?(?P<y>20\d\d)\b|(?<=[ivxх]{2})\b\.?)"
)
_DASHED: Final = re.compile(r"(?<![\d./:-])(?P<a>\d{1,2})(?P<s>-)(?P<b>\d{1,2})-(?P<y>20\d\d|\d\d)(?!\d)")
_JUST_DAY: Final = re.compile(
    rf"(?<![\d.,:/])(?P<d>\d{{1,2}}){_TH}\.?(?P<m>[./]\d{{1,2}}\.?)?\s?(?:-|–|—|to|till|until|through|thru"
    rf"|bis|bis zum|au|al|hasta el|по|до|and|и)\s?(?:the |el |le )?$"
)
_BETWEEN: Final = re.compile(
    rf"(?:\s|,|г\.?|(?:{WEEKDAY})\b)*(?:-|–|—|to|till|until|through|thru|bis(?: zum)?|jusqu['’]au|au|al"
    rf"|hasta(?: el)?|по|до|and|und|и|y|et)"
    rf"(?:\s|,|(?:incl\w*|einschl\w*|including|the|den|el|le|including)\b|(?:{WEEKDAY})\b\.?)*"
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A date and where it stands in the text. `ends_range` says that it is the last day of a span."""

    start: int
    end: int
    day: date
    ends_range: bool = False


def find(text: str, today: date, *, month_first: bool = False) -> list[Spot]:
    """The dates of `text`, which is in lower case with single spaces, in order.

    `month_first` reads 1/12 as the Americans do. Only days from `today` to a year ahead are found.
    """
    spots: list[Spot] = []
    taken = -1
    orders = {int(match["a"]) <= 12 < int(match["b"]) for match in _NUMBERS.finditer(text) if _ordered(match)}  # noqa: PLR2004
    # One date that can be read in one way only tells how all of them are written.
    month_first = orders == {True} or (month_first and orders != {False})
    for spot in sorted(_all(text, today, month_first=month_first), key=lambda each: (each.start, -each.end)):
        if spot.start < taken:
            continue
        taken = spot.end
        spots.append(_in_range(text, spot, spots[-1] if spots else None))
    return [spot for spot in spots if spot.day >= today and spot.day - today <= FURTHEST]


def _in_range(text: str, spot: Spot, before: Spot | None) -> Spot:
    alone = _JUST_DAY.search(text, max(0, spot.start - 30), spot.start) is not None
    joined = (
        before is not None
        and not before.ends_range
        and spot.start - before.end < 40  # noqa: PLR2004 - "(Monday) until and including (Friday)"
        and _BETWEEN.fullmatch(text, before.end, spot.start) is not None
    )
    return Spot(spot.start, spot.end, spot.day, ends_range=spot.ends_range or alone or joined)


def _all(text: str, today: date, *, month_first: bool) -> Iterator[Spot]:
    for match in _ISO.finditer(text):
        yield from _spot(match, int(match["d"]), int(match["m"]), match["y"], today)
    for match in _NAMED.finditer(text):
        yield from _spot(match, int(match["d"]), MONTH_OF[match["m"]], match["y"], today)
    for match in _ROMAN.finditer(text):
        if (roman := match["m"].replace("х", "x")) in _ROMANS:
            yield from _spot(match, int(match["d"]), _ROMANS.index(roman) + 1, match["y"], today)
    for match in _MONTH_FIRST.finditer(text):
        last = match["d2"] or match["d"]
        yield from _spot(match, int(last), MONTH_OF[match["m"]], match["y"], today, ends_range=bool(match["d2"]))
    for match in itertools.chain(_NUMBERS.finditer(text), _DASHED.finditer(text)):
        yield from _numbers(match, today, month_first=month_first)


def _ordered(match: re.Match[str]) -> bool:
    return match["s"].strip() == "/" and (int(match["a"]) > 12) != (int(match["b"]) > 12)  # noqa: PLR2004 - the months


def _numbers(match: re.Match[str], today: date, *, month_first: bool) -> Iterator[Spot]:
    first, second = int(match["a"]), int(match["b"])
    sign = match["s"].strip()
    swapped = (month_first and sign != ".") or second > 12  # noqa: PLR2004 - the months
    pairs = [(second, first), (first, second)] if swapped else [(first, second), (second, first)]
    for at, (day, month) in enumerate(pairs):
        for spot in _spot(match, day, month, match["y"], today):
            near = today <= spot.day <= today + FURTHEST
            # The other order only where the likely one gives no possible day.
            if near or (at == 0 and match["y"] is None) or sign == ".":
                yield spot
                return
        if sign == ".":
            return


def _spot(
    match: re.Match[str], day: int, month: int, year: str | None, today: date, *, ends_range: bool = False
) -> Iterator[Spot]:
    found = resolve(day, month, year, today)
    if found:
        yield Spot(match.start(), match.end(), found, ends_range)


def resolve(day: int, month: int, year: str | None, today: date) -> date | None:
    """The day that is meant. Without a year the next one, unless it passed a moment ago: then that one."""
    if year:
        return _date(int(year) + (2000 if len(year) == 2 else 0), month, day)  # noqa: PLR2004 - 27 is 2027
    found = _date(today.year, month, day)
    if found is None or found >= today:
        return found or _date(today.year + 1, month, day)
    return found if today - found < _STALE else _date(today.year + 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def day_of_month(day: int, today: date) -> date | None:
    """The next day with this number, `today` among them."""
    for ahead in range(62):
        found = today + timedelta(days=ahead)
        if found.day == day:
            return found
    return None


def weekday(name: str, today: date) -> date:
    """The next day of this name after `today`."""
    return today + timedelta(days=(_WEEKDAY_OF[name] - today.weekday() - 1) % 7 + 1)


def end_of_month(month: int | None, today: date) -> date | None:
    """The first day after `month`, this one where none is named."""
    first = _date(today.year, month or today.month, 1)
    if first is None:
        return None
    if month and month < today.month:
        first = first.replace(year=today.year + 1)
    return (first + timedelta(days=32)).replace(day=1)
