"""The script of a simulated life: one event a line, in a closed set of phrases; `docs/simulate.md` lists them.

Turns words into happenings at their times, or raises with a sentence for each line that cannot be understood. Times
are read by the prospect's clock. What an event brings about is none of its business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import calendar
from workflow.engine import signals as kinds
from workflow.engine.life import DONE, SENT_NOW, SKIPPED, Happening
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput
from workflow.playbook.findings import nearest
from workflow.playbook.schema import OUTCOMES, Delay
from workflow.playbook.tree import parse_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.engine.sequences import Whereabouts
    from workflow.playbook.schema import Playbook, Step

MOST_LINES: Final = 1000
LAST_DAY: Final = 3660
_MEETING_LASTS: Final = timedelta(minutes=45)
_MEETING_IN: Final = Delay(working_days=3)
_MEETING_AT: Final = time(10)
_DAY: Final = (
    r"(?:day\s+(?P<{0}number>\d{{1,6}})|(?P<{0}date>\d{{4}}-\d\d-\d\d))(?:\s+at\s+(?P<{0}clock>\d{{1,2}}:\d\d))?"
)
_FOR: Final = re.compile(rf"\s+for\s+{_DAY.format('m')}(?=\s|$)", re.IGNORECASE)
_WHEN: Final = re.compile(
    rf"\s+(?:on\s+{_DAY.format('')}|at\s+(?P<later>\d{{1,2}}:\d\d)|after\s+(?P<span>\d\S*))$", re.IGNORECASE
)
_PHRASES: Final[Mapping[str, str]] = {
    "moves TRIGGER": r"moves\s+(\w+)(?:\s+with\s+(.+))?",
    "call ends": r"call\s+ends",
    "replies": r"replies",
    "bounces for now": r"bounces\s+for\s+now",
    "bounces": r"bounces",
    "complains": r"complains",
    "unsubscribes": r"unsubscribes",
    "books": r"books",
    "reschedules": r"reschedules",
    "cancels": r"cancels",
    "meets": r"meets",
    "does not show": r"does\s+not\s+show",
    "answers QUESTION with TEXT": r"answers\s+(\w+)\s+with\s+(.+)",
    "changes FIELD to VALUE": r"changes\s+(\w+)\s+to\s+(.+)",
    "rep does STEP": r"rep\s+does\s+(\S+)",
    "rep skips STEP": r"rep\s+skips\s+(\S+)",
    "rep sends STEP": r"rep\s+sends\s+(\S+)",
    "SOURCE says KIND VALUE": r"(\S+)\s+says\s+(\S+)(?:\s+(.+))?",
}
_COMPILED: Final = {phrase: re.compile(pattern, re.IGNORECASE) for phrase, pattern in _PHRASES.items()}
_PLAIN: Final = {
    "call ends": kinds.CALL_ENDED,
    "replies": kinds.REPLIED,
    "bounces": kinds.BOUNCED,
    "bounces for now": kinds.BOUNCED,
    "complains": kinds.COMPLAINED,
    "unsubscribes": kinds.UNSUBSCRIBED,
    "books": kinds.BOOKED,
    "reschedules": kinds.RESCHEDULED,
    "cancels": kinds.CANCELLED,
    "meets": kinds.HELD,
    "does not show": kinds.NO_SHOW,
}
_ACTS: Final = {"rep does STEP": DONE, "rep skips STEP": SKIPPED, "rep sends STEP": SENT_NOW}
_AFTER_MEETING: Final = frozenset({kinds.HELD, kinds.NO_SHOW})
_WITH_TIME: Final = frozenset({kinds.BOOKED, kinds.RESCHEDULED})


@dataclass(frozen=True, slots=True)
class Told:
    """A phrase understood: its kind and what it carries, without its time."""

    kind: str
    data: Mapping[str, Any]
    fields: Mapping[str, str]
    custom: Mapping[str, str]
    step: str
    source: str


def read(
    text: str,
    playbook: Playbook,
    *,
    begins: datetime,
    where: Whereabouts,
    source: str = "standard",
    name: str = "script",
) -> tuple[Happening, ...]:
    """The happenings of a script that starts at `begins` (day 0), in the order of their times.

    `source` is the kind of system that tells of them, for the playbook's `signals`. Raises BadInput with one sentence
    for each line that is wrong, as `NAME:LINE: sentence`.
    """
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise BadInput(f"{name}:{MOST_LINES + 1}: A script has at most {MOST_LINES} lines: split it.")
    reader = _Reader(playbook, begins, where, source)
    found: list[Happening] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        words = " ".join(line.partition("#")[0].split())
        try:
            if words:
                found.append(reader.happening(words, number))
        except BadInput as error:
            problems.append(f"{name}:{number}: {error.message}")
    if problems:
        raise BadInput("\n".join(problems))
    return tuple(sorted(found, key=lambda happening: happening.at))


class _Reader:
    """Reads line after line; remembers the time of the one before, and the meeting that was booked last."""

    def __init__(self, playbook: Playbook, begins: datetime, where: Whereabouts, source: str) -> None:
        self._playbook = playbook
        self._begins = begins
        self._where = where
        self._source = source
        self._last = begins
        self._meeting_ends: datetime | None = None

    def happening(self, words: str, number: int) -> Happening:
        """The event of one line."""
        rest, starts_at = self._meeting_time(words)
        told, when = self._understand(rest)
        if starts_at is not None and told.kind not in _WITH_TIME:
            raise BadInput("Only `books` and `reschedules` take `for` with the time of the meeting.")
        at = self._time(when, told.kind)
        if at < self._begins:
            raise BadInput("This lies before the beginning of the story: give a later time.")
        data = dict(told.data)
        if told.kind in _WITH_TIME:
            starts_at = starts_at or self._usual_meeting(at)
            if starts_at <= at:
                raise BadInput("The meeting would start before it is booked: give a later time after `for`.")
            self._meeting_ends = starts_at + _MEETING_LASTS
            data |= {"starts_at": starts_at, "ends_at": self._meeting_ends}
            if told.kind == kinds.BOOKED:
                data["uid"] = f"meeting-{number}"
        self._last = at
        return Happening(
            at, told.kind, data, told.fields, told.custom, (told.source or self._source,), told.step, words, number,
            # Whoever writes "moves" into a story means somebody who may.
            role="admin" if told.kind == kinds.MOVE else None,
        )  # fmt: skip

    def _meeting_time(self, words: str) -> tuple[str, datetime | None]:
        found = _FOR.search(words)
        if found is None:
            return words, None
        clock = _clock(found["mclock"]) if found["mclock"] else _MEETING_AT
        starts_at = self._moment(self._date(found["mnumber"], found["mdate"]), clock)
        return words[: found.start()] + words[found.end() :], starts_at

    def _understand(self, words: str) -> tuple[Told, re.Match[str] | None]:
        when = _WHEN.search(words)
        if when is not None:
            told = self._phrase(words[: when.start()])
            if told is not None:
                return told, when
        told = self._phrase(words)
        if told is None:
            self._refuse_time(words)
            heads = [phrase.partition(" ")[0] if phrase.split()[-1].isupper() else phrase for phrase in _PHRASES]
            spoken = words[: when.start()] if when else words
            close = get_close_matches(spoken[:64].lower(), heads, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "docs/simulate.md lists what can happen."
            raise BadInput(f"“{words[:80]}” is no event of a script: {hint}")
        return told, None

    def _refuse_time(self, words: str) -> None:
        """Say so when only the time of a line is wrong."""
        for sign in re.finditer(r"\s+(?=(?:on|at|after|for)\b)", words, re.IGNORECASE):
            if self._phrase(words[: sign.start()]) is not None:
                spoken = words[sign.end() :][:80]
                raise BadInput(f"“{spoken}” is no time: write “on day 3 at 09:30”, “on 2026-11-30” or “after 2h”.")

    def _phrase(self, words: str) -> Told | None:
        for phrase, pattern in _COMPILED.items():
            found = pattern.fullmatch(words)
            if found is not None:
                return self._told(phrase, [group or "" for group in found.groups()])
        return None

    def _told(self, phrase: str, parts: list[str]) -> Told:
        data: dict[str, Any] = {}
        fields: dict[str, str] = {}
        custom: dict[str, str] = {}
        step = source = ""
        if phrase in _PLAIN:
            kind = _PLAIN[phrase]
            if phrase == "bounces for now":
                data["permanent"] = False
        elif phrase in _ACTS:
            kind, step = _ACTS[phrase], self._step(parts[0], task=phrase == "rep does STEP")
        elif phrase == "moves TRIGGER":
            kind, data = kinds.MOVE, {**_pairs(parts[1]), "trigger": self._trigger(parts[0])}
        elif phrase == "answers QUESTION with TEXT":
            kind, data = kinds.ANSWERS, {"answers": {parts[0]: parts[1]}}
        elif phrase == "changes FIELD to VALUE":
            kind = kinds.UPSERTED
            (fields if _changeable(*parts) else custom)[parts[0]] = parts[1]
        else:
            source, kind = parts[0], parts[1]
            data = {"value": parts[2]} if parts[2] else {}
        return Told(kind, data, fields, custom, step, source)

    def _trigger(self, word: str) -> str:
        known = {way.trigger for way in self._playbook.transitions}
        if word not in known:
            raise BadInput(f"The playbook has no trigger “{word}”: {nearest(word, known)}")
        return word

    def _step(self, word: str, *, task: bool) -> str:
        named: dict[str, list[Step]] = {}
        for sequence in self._playbook.sequences.values():
            for step in sequence.steps:
                for name in (step.key, f"{sequence.key}.{step.key}"):
                    named.setdefault(name, []).append(step)
        if word not in named:
            raise BadInput(f"The playbook has no step “{word}”: {nearest(word, named)}")
        if task and not any(step.task for step in named[word]):
            raise BadInput(f"The step “{word}” is an email: a rep can only do a task.")
        return word

    # --- times, by the prospect's clock at the beginning

    def _time(self, when: re.Match[str] | None, kind: str) -> datetime:
        if when is None:
            late = self._meeting_ends if kind in _AFTER_MEETING else None
            return max(self._last, late) if late else self._last
        if when["span"]:
            return self._after(when["span"])
        if when["later"]:
            return self._moment(self._last.astimezone(self._where.zone).date(), _clock(when["later"]))
        local = self._begins.astimezone(self._where.zone)
        clock = _clock(when["clock"]) if when["clock"] else local.time()
        return self._moment(self._date(when["number"], when["date"]), clock)

    def _after(self, span: str) -> datetime:
        try:
            delay = parse_delay(span)
        except ValueError as error:
            raise BadInput(str(error)) from error
        return calendar.add(delay, self._last, self._playbook.calendar, self._where.zone, self._where.country)

    def _date(self, number: str | None, written: str | None) -> date:
        first = self._begins.astimezone(self._where.zone).date()
        if number is not None:
            if int(number) > LAST_DAY:
                raise BadInput(f"Day {number} is too far away: a story lasts at most {LAST_DAY} days.")
            return first + timedelta(days=int(number))
        try:
            day = date.fromisoformat(str(written))
        except ValueError as error:
            raise BadInput(f"“{written}” is no day of the calendar: write it as 2026-11-30.") from error
        if day > first + timedelta(days=LAST_DAY):
            raise BadInput(f"{written} is too far away: a story lasts at most {LAST_DAY} days.")
        return day

    def _moment(self, day: date, clock: time) -> datetime:
        """A wall-clock time; one that the clock skips is as much later as the gap is long (PEP 495)."""
        return datetime.combine(day, clock, self._where.zone).astimezone(UTC)

    def _usual_meeting(self, at: datetime) -> datetime:
        """Ten o'clock of the third working day."""
        later = calendar.add(_MEETING_IN, at, self._playbook.calendar, self._where.zone, self._where.country)
        return self._moment(later.astimezone(self._where.zone).date(), _MEETING_AT)


def _clock(text: str) -> time:
    hour, minute = map(int, text.split(":"))
    try:
        return time(hour, minute)
    except ValueError as error:
        raise BadInput(f"“{text}” is no time of day: write it as 09:30.") from error


def _pairs(text: str) -> dict[str, str]:
    """`outcome=lost, reason=Too dear` as a mapping; a comma inside a value stays where no name follows it."""
    pairs: dict[str, str] = {}
    for part in re.split(r",\s*(?=\w+\s*=)", text) if text else ():
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not (sign and name.isidentifier() and value):
            raise BadInput(f"“{part[:80]}” is no field with its value: write it as outcome=won.")
        pairs[name] = value
    outcome = pairs.get("outcome")
    if outcome and outcome not in OUTCOMES:
        raise BadInput(f"“{outcome}” is no outcome: {nearest(outcome, OUTCOMES)}")
    return pairs


def _changeable(field: str, value: str) -> bool:
    """Whether `field` has a place of its own. Raises BadInput for one that a story cannot change."""
    check = _CHECKS.get(field)
    if check is not None:
        check(value)
    return field in FIELDS


def _refuse_email(_: str) -> None:
    raise BadInput("The address of a simulated prospect stays: start another simulation for another one.")


def check_zone(name: str) -> None:
    """Raise BadInput when `name` is no IANA time zone."""
    if calendar.zone_of(name).key != name:
        raise BadInput(f"“{name}” is no time zone: write its IANA name, for example Europe/Sofia.")


def check_country(code: str) -> None:
    """Raise BadInput when the holidays of `code` are not known."""
    if not (len(code) == 2 and calendar.knows_country(code)):  # noqa: PLR2004 - ISO 3166-1 alpha-2
        raise BadInput(f"“{code}” is no country with known holidays: write its ISO code, for example BG.")


_CHECKS: Final[Mapping[str, Callable[[str], None]]] = {
    "email": _refuse_email,
    "time_zone": check_zone,
    "country": check_country,
}
