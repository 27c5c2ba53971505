"""How long somebody is away, where they say so without a date: "for two weeks", "zwei Wochen", "за две седмици".

Counts from the day of the letter, since no other beginning is told. Knows no dates.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS: Final = (
    "a|one|един|една|eine|einen|einem|einer|un|une|una|одну|один",
    "two|a couple of|два|две|zwei|deux|dos",
    "three|три|drei|trois|tres",
    "four|четири|vier|quatre|cuatro|четыре",
    "five|пет|fünf|cinq|cinco|пять",
    "six|шест|sechs|seis|шесть",
    "seven|седем|sieben|sept|siete|семь",
    "eight|осем|acht|huit|ocho|восемь",
    "nine|девет|neun|neuf|nueve|девять",
    "ten|десет|zehn|dix|diez|десять",
)
_NUMBER_OF: Final = {name: at + 1 for at, names in enumerate(_NUMBERS) for name in names.split("|")}
_NUMBER: Final = "|".join(sorted(map(re.escape, _NUMBER_OF), key=len, reverse=True))
_UNIT: Final = (
    r"(?:(?P<days>days?|дни|ден|дня|tage?n?|jours?|días?|день|дней)"
    r"|(?P<weeks>weeks?|седмици|седмица|wochen?|semaines?|semanas?|недел[юияь])"
    r"|(?P<months>months?|месец[аи]?|monate?n?|mois|mes(?:es)?|месяц(?:а|ев)?))"
)
_SPAN: Final = re.compile(rf"(?<![\w.,:/-])(?P<n>\d{{1,2}}|{_NUMBER})[ -]{_UNIT}\b")
_AWAY: Final = re.compile(
    r"\b(?:away|out of|out for|on (?:\w+ )?(?:leave|vacation|holidays?)|absent|unavailable"
    r"|not (?:be )?(?:in|available|at)"
    r"|travel\w*|отпуск\w*|отсъств\w*|няма|извън|командировка|болнич\w+|не съм"
    r"|urlaub\w*|abwesen\w*|nicht|unterwegs|dienstreise|absente?|congés?|vacances|ausente|vacaciones|fuera"
    r"|отсутств\w*|командировке|не буду|меня не|вне офиса)\b"
)
# English needs its "for": "two weeks notice" is no absence.
_FOR: Final = re.compile(r"\b(?:for|next)(?: the)?(?: next)?(?: about| around)? $")
_ENGLISH: Final = re.compile(r"(?:days?|weeks?|months?)$")
_OTHERWISE: Final = re.compile(
    r"\b(?:within|last|past|every|than|since|ago|before|after|innerhalb|binnen|letzten|vor|seit|nach|alle|dans|sous"
    r"|depuis|derniers|dernières|hace|desde|últim[ao]s|последните|преди|всеки|всяка|рамките на|от|след"
    r"|последние|через"
    r"|в течение|каждые|in|en|до)(?: the| de| des| los| las| les| den| der)? $"
)
_PASSED: Final = re.compile(r"^ (?:ago|notice|назад|earlier|later|старо?|alt)\b")
_IN: Final = re.compile(r"\b(?:in|after|след|nach|dans|en|dentro de|через)(?: about| около| etwa| environ)? $")
_SENTENCE: Final = re.compile(r"[.!?;:]\s")


def absences(text: str, today: date) -> Iterator[tuple[date, str]]:
    """The days on which an absence of a told length ends, with its words; `text` is in lower case."""
    for match in _SPAN.finditer(text):
        before, after = _around(text, match)
        if _OTHERWISE.search(before) or _PASSED.match(after) or not (_AWAY.search(before) or _AWAY.search(after)):
            continue
        if _ENGLISH.search(match[0]) and not _FOR.search(before):
            continue
        yield _later(match, today), match[0]


def delays(text: str, today: date) -> Iterator[tuple[date, re.Match[str], int]]:
    """The days that are "in two weeks", with their words and where the word before them begins."""
    for match in _SPAN.finditer(text):
        led = _IN.search(text, max(0, match.start() - 20), match.start())
        if led:
            yield _later(match, today), match, led.start()


def _around(text: str, match: re.Match[str]) -> tuple[str, str]:
    """What stands before and behind in the same sentence."""
    before = _SENTENCE.split(text[max(0, match.start() - 70) : match.start()])[-1]
    return before, _SENTENCE.split(text[match.end() : match.end() + 50])[0]


def _later(match: re.Match[str], today: date) -> date:
    count = int(match["n"]) if match["n"].isdigit() else _NUMBER_OF[match["n"]]
    if match["months"]:
        years, month = divmod(today.month - 1 + count, 12)
        year = today.year + years
        return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))
    return today + timedelta(days=count * (7 if match["weeks"] else 1))
