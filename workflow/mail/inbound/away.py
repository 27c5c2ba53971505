"""When an absent person is back, as their automatic reply says it.

Knows the words around a date, in six languages; how dates look, `dates` knows. Says nothing where nothing is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from workflow.mail.inbound import dates, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 8000
"""Characters that are searched: an absence is told at once."""
_LOOK_BACK: Final = 90
_LOOK_AHEAD: Final = 70

# Right before a date also the short forms that are words elsewhere, such as "do" and "mi".
_SHORT_DAYS: Final = "mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom|нед|вс|чет"
_DAY_WORDS: Final = (
    rf"(?:(?:{dates.WEEKDAY}|{_SHORT_DAYS})\b\.?,?\s?|,\s?|the |den |dem |der |el |le |día |дата |г\.\s?|на |около )*"
)
_INCLUSIVE: Final = (
    r"(?:incl(?:\.|uding|usive|usief|us|uded|uido)?|inkl(?:\.|usive)?|einschl(?:\.|ie(?:ß|ss)lich)?|compris|inclusive"
    r"|включително|вкл\.?|включая|включительно)"
)
_UNTIL: Final = re.compile(
    rf"(?:\b(?:until|till|til|to|up to|bis(?: zum)?|jusqu['’](?:au|à|en)|hasta|до|чак до)\b"
    rf"|['’]til) ?(?:and )?(?:{_INCLUSIVE} ?)?(?:zum |и )?{_DAY_WORDS}$"
)
_THROUGH: Final = re.compile(
    rf"(?:\b(?:through|thru|по|last day (?:of \w+ )?is|bis {_INCLUSIVE}|until (?:and )?including"
    rf"|hasta (?:el )?{_INCLUSIVE}|jusqu['’]au)"
    rf"|до (?:и )?{_INCLUSIVE}|{_INCLUSIVE}) ?(?:zum )?{_DAY_WORDS}$"
)
_AND_INCLUDED: Final = re.compile(rf"^[\s,.(г]*{_INCLUSIVE}\b")
_AFTER: Final = re.compile(rf"\b(?:after|след|nach dem|après|despu[eé]s del?|после)\b ?{_DAY_WORDS}$")
_BACK: Final = (
    r"\b(?:be back|am back|i['’]m back|back|returning|return|returns|i['’]ll return|resum\w+|reachable"
    r"|available|in the office|online|at work"
    r"|връща\w*|върн\w+|завръщ\w+|завърн\w+|обратно|отново|на линия|на разположение|на работа|разположение"
    r"|wieder|zurück|zurueck|rückkehr|rueckkehr|erreichbar|im (?:büro|buero|haus)|verfügbar"
    r"|de retour|retour|reviens|reviendrai|revenu|rentre\w*|disponible|joignable|reprendr\w+|présent"
    r"|vuelv\w+|volver[eé]|vuelta|regres\w+|reincorpor\w+|incorpor\w+|de nuevo"
    r"|верн\w+|возвращ\w+|выйду|выхожу|выход\w*|снова|на связи|на работе|в офис[аеи]|доступ\w+|приступ\w+"
    r"|на рабочем месте)"
)
_BACK_WORD: Final = re.compile(_BACK)
_BACK_BEFORE: Final = re.compile(rf"{_BACK}[^.!?;\n]{{0,60}}$")
_NOT_BACK: Final = re.compile(
    r"\b(?:not|no|nicht|kein\w*|ne|pas|няма|не|нет|isn['’]t|won['’]t|unavailable|unable|limited"
    r"|ограничен\w*|eingeschränkt\w*|limité\w*|limitad\w*)\b"
    # "Not in the office and back on 1 December": what is denied ends at the "and".
    r"(?:(?!\b(?:and|but|und|aber|et|mais|y|pero|и|но|а)\b)[^.!?;,\n])*$"
)
_FROM: Final = re.compile(
    rf"\b(?:from|on|as of|starting|effective|by|от|на|ab|am|vom|von|à partir du|à partir de|dès le|le|du"
    rf"|desde|a partir del?|el|с|со)\b ?{_DAY_WORDS}$|[:(] ?{_DAY_WORDS}$"
)
# "From 20 November, and back on 2 December": the word after "and" is about the next date.
_BACK_AFTER: Final = re.compile(
    r"^(?:(?!\b(?:and|und|et|y|и|not|until|won['’]t|nicht|kein\w*|bis|няма|не|до|pas|jusqu\w*|no|hasta"
    r"|нет)\b)[^.!?;\n]){0,40}?"
    rf"{_BACK}"
)
# "I will answer tomorrow" is as good as "I am back tomorrow"; of a date it may be what the letter is from.
_ANSWERS_BEFORE: Final = re.compile(
    r"\b(?:(?:i['’]ll|(?:i|we) (?:will|shall)) (?:reply|respond|answer|write|be in touch|contact)"
    r"|ще (?:ви |ти |се )?(?:отговор\w+|пиша|свърж\w+)|antworte\w*|melde mich|beantworte\w*"
    r"|répondrai|contacterai|responder[eé]|contestar[eé]|отвечу|ответим|свяжусь)\b[^.!?;\n]{0,60}$"
)
_CUE_WORDS: Final = (
    r"(?:until|till|til|back|on|bis(?: zum)?|hasta|до|от|am|ab|el|le|jusqu['’](?:au|à)|from|след|after|в|във|на|с|come"
    r"|returning|return|retour|reviens|reviendrai|vuelvo|regreso)"
)
_TELLING_CUES: Final = frozenset(
    {"until", "till", "til", "bis", "bis zum", "hasta", "до", "back", "returning", "return"}
    | {"retour", "reviens", "reviendrai", "vuelvo", "regreso"}
)
_WEEKDAY: Final = re.compile(
    rf"\b(?P<cue>{_CUE_WORDS}|through|по|nächsten|next|este|this|следващия|следващата|idag)\s"
    rf"(?:(?:the|next|this|coming|following|den|dem|kommenden|nächsten|nächster|el|le|próximo|proximo"
    rf"|следващия|следващата|следващ|този|тази|следующего|следующий|следующую|ближайшего)\s)*"
    rf"(?P<day>{dates.WEEKDAY})\b(?!\s?,?\s?(?:the )?\d)"
)
_TOMORROW: Final = re.compile(r"\b(?:tomorrow|утре|morgen|demain|mañana|завтра)\b")
_NEXT_WEEK: Final = re.compile(
    r"\b(?:next week|(?:следващата|другата|идната) седмица|nächste[rn]? woche|kommende[rn]? woche"
    r"|(?:la )?semaine prochaine"
    r"|(?:la )?(?:próxima|proxima) semana|(?:на |до )?(?:следующей|следующую) недел[еию])\b"
)
_MONTH_END: Final = re.compile(
    r"\b(?:(?:the )?end of (?:the )?|края на |ende (?:des )?|fin (?:de |du |d['’])?(?:el )?"
    r"|final(?:es)? de(?:l)? |конца )"
    rf"(?:(?P<m>{dates.MONTH})\b|(?:this |този |dieses |ce |este |этого )?(?:month|месеца|месец|monats|mois"
    rf"|mes|месяца)\b)"
)
_MONTH_ALONE: Final = re.compile(
    rf"\b(?:until|till|back in|bis|hasta|до|jusqu['’](?:en|à)|return(?:ing)? in)\s(?P<m>{dates.MONTH})\b"
    r"(?:\s(?P<y>20\d\d)\b)?(?!\.?\s?\d)"
)

_DAY_ALONE: Final = re.compile(
    r"\b(?:until|till|back|return\w*|до|обратно)\s(?:\w+\s){0,4}?(?:the\s)?(?P<d>\d{1,2})(?:st|nd|rd|th"
    r"|-?(?:ви|ри|ти|ро|го))\b"
    rf"(?!\s(?:of\s|de\s)?(?:{dates.MONTH}|floor|time)\b)"
)
_TODAY: Final = re.compile(r"\b(?:today|днес|heute|aujourd['’]hui|hoy|сегодня)\b")
_THIS_WEEK: Final = re.compile(
    r"\b(?:this week|(?:тази|цялата) седмица|diese woche|cette semaine|esta semana|(?:на )?эт(?:ой|у) недел[еию]"
    r"|the (?:end|rest) of the week|края на седмицата|ende der woche|fin de (?:la )?semaine|fin de semana"
    r"|конца недели)\b"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A day of return, and the words that say so."""

    day: date
    evidence: str
    rank: int


@dataclass(frozen=True, slots=True)
class Away:
    """What an absent person wrote, when, and how their part of the world writes dates."""

    text: str
    sent_at: datetime
    month_first: bool = False

    def returns_on(self, zone: tzinfo = UTC) -> date | None:
        """The first day they can be reached again, in `zone`; None where they do not say.

        The last day of an absence counts as absent where a span or a word such as "including" says so.
        """
        found = self.read(zone)
        return found.day if found else None

    def read(self, zone: tzinfo = UTC) -> Found | None:
        """The day of return with the words it was read from."""
        today = self.sent_at.astimezone(zone).date()
        found = [
            each
            for each in _found(_flat(self.text), today, month_first=self.month_first)
            if timedelta(0) <= each.day - today <= dates.FURTHEST
        ]
        best = max((each.rank for each in found), default=0)
        good = [each for each in found if each.rank == best]
        # Several spans: the last counts. A return that is named stands once.
        return max(good, key=lambda each: each.day) if good and best < _RETURN else (good[0] if good else None)


_RETURN, _SPAN, _NEAR, _LEAST = 4, 3, 2, 1


def _flat(text: str) -> str:
    return " ".join(text[:_LONGEST].lower().replace("\u00a0", " ").split())


def _found(text: str, today: date, *, month_first: bool) -> Iterator[Found]:
    for spot in dates.find(text, today, month_first=month_first):
        yield from _about(text, spot)
    for match in _WEEKDAY.finditer(text):
        yield from _weekday(text, match, today)
    for match in _MONTH_END.finditer(text):
        after = dates.end_of_month(dates.MONTH_OF[match["m"]] if match["m"] else None, today)
        if after:
            yield Found(after, match[0], _NEAR)
    for match in _MONTH_ALONE.finditer(text):
        first = dates.resolve(1, dates.MONTH_OF[match["m"]], match["y"], today)
        if first:
            yield Found(first, match[0], _NEAR)
    for match in _DAY_ALONE.finditer(text):
        day = dates.day_of_month(int(match["d"]), today)
        if day:
            yield Found(day, match[0], _NEAR)
    yield from _near(text, today)


def _near(text: str, today: date) -> Iterator[Found]:
    """Days that are named by where they stand from now."""
    monday = today + timedelta(days=7 - today.weekday())
    for pattern, day in ((_TOMORROW, today + timedelta(days=1)), (_NEXT_WEEK, monday)):
        for match in pattern.finditer(text):
            before, after = (
                text[max(0, match.start() - _LOOK_BACK) : match.start()],
                text[match.end() : match.end() + 40],
            )
            if (
                _BACK_BEFORE.search(before)
                or _ANSWERS_BEFORE.search(before)
                or _UNTIL.search(before)
                or _BACK_AFTER.match(after)
            ):
                yield Found(day, match[0], _NEAR)
    for day, match, start in spans.delays(text, today):
        if _BACK_BEFORE.search(text[max(0, start - _LOOK_BACK) : start]) or _BACK_AFTER.match(
            text[match.end() : match.end() + 40]
        ):
            yield Found(day, match[0], _NEAR)
    for day, words in spans.absences(text, today):
        yield Found(day, words, _LEAST)
    # An absence "today" or "this week" says when it ends only where nothing else does.
    for pattern, day in ((_THIS_WEEK, monday), (_TODAY, today + timedelta(days=1))):
        for match in pattern.finditer(text):
            yield Found(day, match[0], _LEAST)


def _about(text: str, spot: dates.Spot) -> Iterator[Found]:
    """What the words around a date make of it."""
    before = text[max(0, spot.start - _LOOK_BACK) : spot.start]
    after = text[spot.end : spot.end + _LOOK_AHEAD]
    evidence = text[max(0, spot.start - 30) : spot.end].strip()
    next_day = spot.day + timedelta(days=1)
    included = _AND_INCLUDED.match(after) is not None
    if spot.ends_range or _THROUGH_ALONE.search(before) or (included and _UNTIL.search(before)):
        yield Found(next_day, evidence, _SPAN)
    elif _UNTIL.search(before):
        yield Found(next_day if _THROUGH.search(before) and "jusqu" not in before[-30:] else spot.day, evidence, _SPAN)
    elif _AFTER.search(before):
        yield Found(next_day, evidence, _SPAN)
    elif _returns(before, after):
        yield Found(spot.day, evidence, _RETURN)


_THROUGH_ALONE: Final = re.compile(
    rf"(?:\b(?:through|thru|по|last day (?:of \w+ )?is)\b|\b{_INCLUSIVE}) ?(?:zum )?{_DAY_WORDS}$"
)


def _returns(before: str, after: str) -> bool:
    # "Not in the office and back on 1 December": one such word may be denied and the next one not.
    backs = (each.start() for each in _BACK_WORD.finditer(before) if _BACK_BEFORE.match(before, each.start()))
    if any(not _NOT_BACK.search(before[:start] + " ") for start in backs):
        return True
    return bool(_FROM.search(before) and _BACK_AFTER.match(after) and not _NOT_BACK.search(before))


def _weekday(text: str, match: re.Match[str], today: date) -> Iterator[Found]:
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    day = dates.weekday(match["day"], today)
    cue = match["cue"]
    if cue in {"through", "по"}:
        yield Found(day + timedelta(days=1), match[0], _NEAR)
    elif (
        cue in _TELLING_CUES
        or cue.startswith("jusqu")
        or _BACK_BEFORE.search(before)
        or _ANSWERS_BEFORE.search(before)
        or _BACK_AFTER.match(text[match.end() : match.end() + 40])
    ):
        yield Found(day, match[0], _NEAR)
