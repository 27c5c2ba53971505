"""The script of a simulated life: one event a line, in a closed set of phrases; `docs/simulate.md` lists them.

Turns phrases into happenings at their times, or raises with a sentence for each line that cannot be understood. Times
are read by the prospect's clock. The words are those of `phrases`; what an event brings about is decided elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import calendar, phrases
from workflow.engine import signals as kinds
from workflow.engine.life import DONE, SENT_NOW, SKIPPED, Happening
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput
from workflow.playbook.findings import nearest
from workflow.playbook.schema import OUTCOMES, Delay
from workflow.playbook.tree import parse_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.engine.life import Known
    from workflow.engine.sequences import Whereabouts
    from workflow.playbook.schema import Playbook, Step

MOST_LINES: Final = 1000
LAST_DAY: Final = 3660
_MEETING_LASTS: Final = timedelta(minutes=45)
_MEETING_IN: Final = Delay(working_days=3)
_MEETING_AT: Final = time(10)
_LONGEST_WAIT: Final = 62  # days, until a month that has a 31st
_PLAIN: Final = {
    "call ends": kinds.CALL_ENDED,
    "replies": kinds.REPLIED,
    "colleague replies": kinds.REPLIED,
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
_PLAIN_DATA: Final[Mapping[str, Mapping[str, Any]]] = {
    "bounces for now": {"permanent": False},
    "colleague replies": {"colleague": True},
}
_ACTS: Final = {"does": DONE, "skips": SKIPPED, "sends": SENT_NOW}
_AFTER_MEETING: Final = frozenset({kinds.HELD, kinds.NO_SHOW})
_WITH_TIME: Final = frozenset({kinds.BOOKED, kinds.RESCHEDULED})


@dataclass(frozen=True, slots=True)
class Told:
    """A phrase understood: its kind and what it carries, without its time."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    step: str = ""
    sender: tuple[str, ...] | None = None
    role: str | None = None


def read(
    text: str,
    playbook: Playbook,
    *,
    begins: datetime,
    where: Whereabouts,
    source: str = "standard",
    name: str = "script",
    known: Known | None = None,
) -> tuple[Happening, ...]:
    """The happenings of a script that starts at `begins` (day 0), in the order of their times.

    `source` is the kind of system that tells of them, for the playbook's `signals`; `known` the prospect, if real.
    Raises BadInput with one sentence for each line that is wrong, as `NAME:LINE: sentence`.
    """
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise BadInput(f"{name}:{MOST_LINES + 1}: A script has at most {MOST_LINES} lines: split it.")
    reader = _Reader(playbook, begins, where, source, known)
    found: list[Happening] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        words = " ".join(line.partition("#")[0].split())
        try:
            if words:
                found += reader.happenings(words, number)
        except BadInput as error:
            problems.append(f"{name}:{number}: {error.message}")
    if problems:
        raise BadInput("\n".join(problems))
    return tuple(sorted(found, key=lambda happening: happening.at))


class _Reader:
    """Reads line after line; remembers the time of the one before, and the meeting that was booked last."""

    def __init__(
        self, playbook: Playbook, begins: datetime, where: Whereabouts, source: str, known: Known | None
    ) -> None:
        self._playbook = playbook
        self._begins = begins
        self._where = where
        self._source = source
        self._last = begins
        self._steps = _steps(playbook, known)
        self._meeting_ends = _meeting_ends(known)

    def happenings(self, words: str, number: int) -> list[Happening]:
        """The events of one line: one, or several that follow one another."""
        spoken = phrases.parts(words)
        return [
            self._happening(part, number, f"{number}" if place == 0 else f"{number}-{place}")
            for place, part in enumerate(spoken)
        ]

    def _happening(self, words: str, number: int, name: str) -> Happening:
        rest, meets = phrases.meeting_time(words)
        rest, when = phrases.bare(rest)
        found = phrases.match(rest)
        if found is None:
            raise BadInput(_not_understood(rest))
        told = self._told(*found)
        if meets is not None and told.kind not in _WITH_TIME:
            raise BadInput("Only `books` and `reschedules` take `for` with the time of the meeting.")
        at = self._time(when, told.kind)
        if at < self._begins:
            raise BadInput("This lies before the beginning of the story: give a later time.")
        data = dict(told.data)
        if told.kind in _WITH_TIME:
            starts_at = self._meeting_at(meets) if meets else self._usual_meeting(at)
            if starts_at <= at:
                raise BadInput("The meeting would start before it is booked: give a later time after `for`.")
            self._meeting_ends = starts_at + _MEETING_LASTS
            data |= {"starts_at": starts_at, "ends_at": self._meeting_ends}
            if told.kind == kinds.BOOKED:
                data["uid"] = f"meeting-{name}"
        if told.kind == kinds.AUTO_REPLIED and data["returns_on"]:
            data["returns_on"] = self._until(data["returns_on"], at).isoformat()
        self._last = at
        sender = (self._source,) if told.sender is None else told.sender
        return Happening(
            at, told.kind, data, told.fields, told.custom, sender, told.step, words, number, role=told.role
        )  # fmt: skip

    def _told(self, event: str, words: list[str]) -> Told:
        if event in _PLAIN:
            return Told(_PLAIN[event], _PLAIN_DATA.get(event, {}))
        if event in _ACTS:
            return Told(_ACTS[event], step=self._step(words[0], task=event == "does"))
        if event == "moves":
            # Whoever writes "moves" into a story means somebody who may.
            return Told(kinds.MOVE, {**_pairs(words[1]), "trigger": self._trigger(words[0])}, role="admin")
        if event == "clicks":
            data = {**_pairs(words[2]), "trigger": self._trigger(words[1])}
            return Told(kinds.MOVE, data, sender=(), role=phrases.ROLES[words[0].lower()])
        if event == "answers":
            return Told(kinds.ANSWERS, {"answers": {words[0]: words[1]}})
        if event == "out of office":
            return Told(kinds.AUTO_REPLIED, {"about": kinds.AWAY, "returns_on": words[0]})
        if event == "changes":
            change = {words[0]: words[1]}
            has_place = _changeable(*words)
            return Told(kinds.UPSERTED, fields=change if has_place else {}, custom={} if has_place else change)
        return Told(words[1], {"value": words[2]} if words[2] else {}, sender=(words[0],))

    def _trigger(self, word: str) -> str:
        known = {way.trigger for way in self._playbook.transitions}
        if word not in known:
            raise BadInput(f"The playbook has no trigger “{word}”: {nearest(word, known)}")
        return word

    def _step(self, word: str, *, task: bool) -> str:
        named = self._steps
        if word not in named:
            raise BadInput(f"The playbook has no step “{word}”: {nearest(word, named)}")
        if task and not any(step.task for step in named[word]):
            raise BadInput(f"The step “{word}” is an email: a rep can only do a task.")
        return word

    # --- times, by the prospect's clock at the beginning

    def _time(self, when: phrases.Moment | None, kind: str) -> datetime:
        if when is None:
            late = self._meeting_ends if kind in _AFTER_MEETING else None
            return max(self._last, late) if late else self._last
        if when.span:
            return self._after(when.span)
        if when.later:
            return self._moment(self._last.astimezone(self._where.zone).date(), _clock(when.later))
        local = self._begins.astimezone(self._where.zone)
        clock = _clock(when.clock) if when.clock else local.time()
        return self._moment(self._date(when), clock)

    def _after(self, span: str) -> datetime:
        try:
            delay = parse_delay(span)
        except ValueError as error:
            raise BadInput(str(error)) from error
        return calendar.add(delay, self._last, self._playbook.calendar, self._where.zone, self._where.country)

    def _date(self, when: phrases.Moment) -> date:
        first = self._begins.astimezone(self._where.zone).date()
        if when.number is not None:
            if int(when.number) > LAST_DAY:
                raise BadInput(f"Day {when.number} is too far away: a story lasts at most {LAST_DAY} days.")
            return first + timedelta(days=int(when.number))
        try:
            day = date.fromisoformat(str(when.date))
        except ValueError as error:
            raise BadInput(f"“{when.date}” is no day of the calendar: write it as 2026-11-30.") from error
        if day > first + timedelta(days=LAST_DAY):
            raise BadInput(f"{when.date} is too far away: a story lasts at most {LAST_DAY} days.")
        return day

    def _until(self, words: str, at: datetime) -> date:
        """The day on which somebody is back; of a number the next day of a month that has it."""
        when = phrases.until(words)
        if when is None:
            raise BadInput(f"“{words[:80]}” is no day: write “until the 12th”, “until day 5” or “until 2026-11-30”.")
        if when.nth is None:
            return self._date(when)
        day = at.astimezone(self._where.zone).date()
        for _ in range(_LONGEST_WAIT):
            if day.day == int(when.nth):
                return day
            day += timedelta(days=1)
        raise BadInput(f"“{words[:80]}” is no day of any month: write “until the 12th” or “until 2026-11-30”.")

    def _moment(self, day: date, clock: time) -> datetime:
        """A wall-clock time; one that the clock skips is as much later as the gap is long (PEP 495)."""
        return datetime.combine(day, clock, self._where.zone).astimezone(UTC)

    def _meeting_at(self, when: phrases.Moment) -> datetime:
        return self._moment(self._date(when), _clock(when.clock) if when.clock else _MEETING_AT)

    def _usual_meeting(self, at: datetime) -> datetime:
        """Ten o'clock of the third working day."""
        later = calendar.add(_MEETING_IN, at, self._playbook.calendar, self._where.zone, self._where.country)
        return self._moment(later.astimezone(self._where.zone).date(), _MEETING_AT)


def _steps(playbook: Playbook, known: Known | None) -> dict[str, list[Step]]:
    """Every step by its name, alone and with its sequence; of a real prospect also those of older versions."""
    named: dict[str, list[Step]] = {}
    older = [each.sequence for each in known.enrollments] if known else []
    for sequence in (*playbook.sequences.values(), *older):
        for step in sequence.steps:
            for name in (step.key, f"{sequence.key}.{step.key}"):
                named.setdefault(name, []).append(step)
    return named


def _meeting_ends(known: Known | None) -> datetime | None:
    """When the meeting is over that a real prospect has booked, the last one if there are several."""
    booked = [fact for fact in known.meetings if fact.state == "booked"] if known else []
    return max((fact.ends_at or fact.starts_at + _MEETING_LASTS for fact in booked if fact.starts_at), default=None)


def _not_understood(words: str) -> str:
    spoken = phrases.wrong_time(words)
    if spoken is not None:
        return f"“{spoken[:80]}” is no time: write “on day 3 at 09:30”, “on 2026-11-30” or “after 2h”."
    close = get_close_matches(phrases.untimed(words)[:64].lower(), list(phrases.heads()), n=1)
    hint = f"did you mean `{close[0]}`?" if close else "docs/simulate.md lists what can happen."
    return f"“{words[:80]}” is no event of a script: {hint}"


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
