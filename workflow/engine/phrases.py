"""The words of a script, in English and in Bulgarian: which phrase means which event, and which words tell a time.

Knows words only, no playbook and no clock. What a phrase brings about is the matter of `script`, which reads with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# For each event its shortest form in both languages, with the words to fill in, and the pattern of all its forms.
_PHRASES: Final[Mapping[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "moves": (
        ("moves TRIGGER", r"moves\s+(\w+)(?:\s+with\s+(.+))?"),
        ("прави преход TRIGGER", r"прави\s+преход\s+(\w+)(?:\s+с\s+(.+))?"),
    ),
    "clicks": (
        (
            "clicks move TRIGGER",
            r"(?:(?:the\s+)?(rep|manager|admin)\s+)?clicks\s+(?:move\s+)?(\w+)(?:\s+with\s+(.+))?",
        ),
        (
            "натиска преход TRIGGER",
            r"(?:(търговец|мениджър|администратор)(?:ът)?\s+)?натиска\s+(?:преход\s+)?(\w+)(?:\s+с\s+(.+))?",
        ),
    ),
    "call ends": (
        ("call ends", r"(?:the\s+)?call\s+ends"),
        ("обаждането приключва", r"обаждането\s+приключва"),
    ),
    "colleague replies": (
        ("a colleague replies", r"(?:an?\s+|the\s+)?colleague\s+replies"),
        ("колега отговаря", r"колега\s+отговаря|отговаря\s+колега"),
    ),
    "replies": (("replies", r"replies"), ("отговаря", r"отговаря")),
    "bounces for now": (
        ("bounces for now", r"bounces\s+for\s+now"),
        ("имейлът се връща засега", r"имейлът\s+се\s+връща\s+засега"),
    ),
    "bounces": (("bounces", r"bounces"), ("имейлът се връща", r"имейлът\s+се\s+връща")),
    "complains": (("complains", r"complains"), ("оплаква се", r"оплаква\s+се")),
    "unsubscribes": (("unsubscribes", r"unsubscribes"), ("отписва се", r"отписва\s+се")),
    "books": (("books", r"books(?:\s+a\s+meeting)?"), ("насрочва среща", r"насрочва(?:\s+среща)?")),
    "reschedules": (("reschedules", r"reschedules"), ("отлага срещата", r"отлага(?:\s+срещата)?")),
    "cancels": (("cancels", r"cancels"), ("отменя срещата", r"отменя(?:\s+срещата)?")),
    "meets": (("meets", r"meets"), ("идва на срещата", r"идва(?:\s+на\s+срещата)?")),
    "does not show": (
        ("does not show", r"does\s+not\s+show(?:\s+up)?"),
        ("не идва", r"не\s+идва(?:\s+на\s+срещата)?"),
    ),
    "out of office": (
        ("out of office until DAY", r"(?:is\s+)?out\s+of\s+(?:the\s+)?office(?:\s+until\s+(.+))?"),
        ("извън офиса до DAY", r"(?:е\s+)?извън\s+офиса(?:\s+до\s+(.+))?"),
    ),
    "answers": (
        ("answers QUESTION with TEXT", r"answers\s+(\w+)\s+with\s+(.+)"),
        ("отговаря на QUESTION с TEXT", r"отговаря\s+на\s+(\w+)\s+с\s+(.+)"),
    ),
    "changes": (
        ("changes FIELD to VALUE", r"changes\s+(\w+)\s+to\s+(.+)"),
        ("променя FIELD на VALUE", r"променя\s+(\w+)\s+на\s+(.+)"),
    ),
    "does": (
        ("rep does STEP", r"rep\s+does\s+(\S+)"),
        ("търговецът изпълнява STEP", r"търговецът\s+изпълнява\s+(\S+)"),
    ),
    "skips": (
        ("rep skips STEP", r"rep\s+skips\s+(\S+)"),
        ("търговецът пропуска STEP", r"търговецът\s+пропуска\s+(\S+)"),
    ),
    "sends": (("rep sends STEP", r"rep\s+sends\s+(\S+)"), ("търговецът изпраща STEP", r"търговецът\s+изпраща\s+(\S+)")),
    "says": (
        ("SOURCE says KIND VALUE", r"(\S+)\s+says\s+(\S+)(?:\s+(.+))?"),
        ("SOURCE съобщава KIND VALUE", r"(\S+)\s+съобщава\s+(\S+)(?:\s+(.+))?"),
    ),
}
ROLES: Final[Mapping[str, str]] = {
    "": "rep", "rep": "rep", "manager": "manager", "admin": "admin",
    "търговец": "rep", "мениджър": "manager", "администратор": "admin",
}  # fmt: skip
"""Who clicks, by either language."""

_COMPILED: Final = [
    (event, re.compile(pattern, re.IGNORECASE)) for event, forms in _PHRASES.items() for _, pattern in forms
]
_DAY: Final = (
    r"(?:(?:day|ден)\s+(?P<{0}number>\d{{1,6}})|(?P<{0}date>\d{{4}}-\d\d-\d\d))"
    r"(?:\s+(?:at|в)\s+(?P<{0}clock>\d{{1,2}}:\d\d))?"
)
_FOR: Final = re.compile(rf"\s+(?:for|за)\s+{_DAY.format('')}(?=\s|$)", re.IGNORECASE)
_WHEN: Final = re.compile(
    rf"\s+(?:(?:on|на)\s+{_DAY.format('')}|(?:at|в)\s+(?P<later>\d{{1,2}}:\d\d)"
    r"|(?:after|след)\s+(?P<span>\d+\s*(?:[^\W\d]+(?:\s+[^\W\d]+)?)?))$",
    re.IGNORECASE,
)
_SIGN: Final = re.compile(r"\s+(?=(?:on|at|after|for|на|в|след|за)\b)", re.IGNORECASE)
_UNTIL: Final = re.compile(
    rf"{_DAY.format('')}|(?:the\s+)?(?P<nth>\d{{1,2}})(?:st|nd|rd|th|-?(?:ви|ри|ти|ми|и|во|ро|то|мо|о))?(?:\s+число)?",
    re.IGNORECASE,
)
_THEN: Final = re.compile(
    r"(?:,\s*|\s+)(?:and\s+then|then|(?:а|и)\s+после|после|(?:и\s+)?след\s+това)\s+", re.IGNORECASE
)
_UNITS: Final = (
    ("wd", re.compile(r"working\s+days?|работ(?:ен|ни)\s+д(?:ен|ни)", re.IGNORECASE)),
    ("s", re.compile(r"seconds?|секунд[аи]", re.IGNORECASE)),
    ("m", re.compile(r"minutes?|минут[аи]", re.IGNORECASE)),
    ("h", re.compile(r"hours?|часа?", re.IGNORECASE)),
    ("d", re.compile(r"days?|ден|дни|дена", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When, in words: a day by its number, its date or its number in the month, a time of day, a span, or nothing."""

    number: str | None = None
    date: str | None = None
    clock: str | None = None
    later: str | None = None
    span: str | None = None
    nth: str | None = None


def match(words: str) -> tuple[str, list[str]] | None:
    """The event that a phrase without its time means, and the words that fill it in; None for no phrase."""
    for event, pattern in _COMPILED:
        found = pattern.fullmatch(words)
        if found is not None:
            return event, [group or "" for group in found.groups()]
    return None


def parts(words: str) -> list[str]:
    """The phrases of “books, then does not show”; the whole where not every part of it is a phrase."""
    pieces = _THEN.split(words)
    return pieces if all(match(rest) is not None for piece in pieces for rest, _ in [bare(piece)]) else [words]


def bare(words: str) -> tuple[str, Moment | None]:
    """The phrase without the words that tell its time, and the time; both as they stand where there is none.

    Words that belong to the phrase itself, as in “answers pain with It breaks on day 3”, are not taken away.
    """
    plain, _ = meeting_time(words)
    when = _WHEN.search(plain)
    if when is not None and match(plain[: when.start()]) is not None:
        return plain[: when.start()], _moment(when)
    return plain, None


def meeting_time(words: str) -> tuple[str, Moment | None]:
    """The phrase without “for day 9 at 10:30”, and that time."""
    found = _FOR.search(words)
    return (words, None) if found is None else (words[: found.start()] + words[found.end() :], _moment(found))


def until(words: str) -> Moment | None:
    """The day that “the 12th”, “day 12” or “2026-11-12” means."""
    found = _UNTIL.fullmatch(words)
    return _moment(found) if found else None


def wrong_time(words: str) -> str | None:
    """The words of a phrase that try to tell its time and do not; None when the phrase itself is wrong."""
    for sign in _SIGN.finditer(words):
        if match(words[: sign.start()]) is not None:
            return words[sign.end() :]
    return None


def untimed(words: str) -> str:
    """The words before what looks like a time."""
    when = _WHEN.search(words)
    return words[: when.start()] if when else words


def heads() -> Iterator[str]:
    """How phrases begin, for suggestions: those that need no more words in full."""
    for forms in _PHRASES.values():
        for shown, _ in forms:
            yield shown.partition(" ")[0] if shown.split()[-1].isupper() and shown.isascii() else shown


def _moment(found: re.Match[str]) -> Moment:
    told = {name: value for name, value in found.groupdict().items() if value is not None}
    if "span" in told:
        told["span"] = _span(told["span"])
    return Moment(**told)


def _span(words: str) -> str:
    """`2 hours` as the playbook writes it: `2h`. What is neither stays, to be refused where it is read."""
    figure = re.match(r"\d+", words)
    assert figure is not None  # noqa: S101 - the pattern that found the span begins with a figure
    unit = words[figure.end() :].strip()
    for short, pattern in _UNITS:
        if pattern.fullmatch(unit):
            return f"{figure.group()}{short}"
    return "".join(words.split())
