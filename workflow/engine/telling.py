"""An explanation in words: notes in order of time, each a code with its facts, told in English and Bulgarian.

Knows sentences, clocks and spans. What is explained, and from which rows, is the matter of `workflow.reports`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from workflow.engine.reasons import Reason
from workflow.engine.telling_words import SAYS
from workflow.playbook.schema import Delay, Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "prospect": ("the prospect's own zone", "зоната на клиента"),
    "rep": ("the rep's zone, for the prospect's is unknown", "зоната на търговеца, защото тази на клиента не се знае"),
    "playbook": (
        "the playbook's zone, for those of prospect and rep are unknown",
        "зоната на наръчника, защото тези на клиента и търговеца не се знаят",
    ),
    "scheduled": ("scheduled", "планирана"),
    "claimed": ("about to leave", "на ред"),
    "sending": ("being sent", "в изпращане"),
    "committing": ("being sent", "в изпращане"),
    "sent": ("sent", "изпратена"),
    "failed": ("failed", "неуспешна"),
    "uncertain": ("uncertain", "несигурна"),
    "cancelled": ("cancelled", "отменена"),
    "skipped": ("skipped", "пропусната"),
    "done": ("done", "изпълнена"),
    "created": ("the prospect was added", "клиентът беше добавен"),
    "edited": ("facts were changed", "данни бяха променени"),
    "moved": ("a change of stage", "промяна на етапа"),
    "stage.entered": ("a change of stage", "промяна на етапа"),
    "move.requested": ("a move", "преход"),
    "prospect.upserted": ("facts about the prospect", "данни за клиента"),
    "call.ended": ("a call ended", "приключи обаждане"),
    "answers.recorded": ("answers were recorded", "записани бяха отговори"),
    "meeting.booked": ("a meeting was booked", "насрочена беше среща"),
    "meeting.rescheduled": ("a meeting was moved", "среща беше преместена"),
    "meeting.cancelled": ("a meeting was cancelled", "среща беше отменена"),
    "meeting.held": ("a meeting took place", "състоя се среща"),
    "meeting.no_show": ("the prospect did not come to a meeting", "клиентът не дойде на среща"),
    "email.replied": ("the prospect replied", "клиентът отговори"),
    "email.auto_replied": ("a mailbox replied by itself", "автоматичен отговор"),
    "meeting.answered": ("an invitation was answered", "отговор на покана за среща"),
    "email.bounced": ("an email came back", "имейл беше върнат"),
    "email.complained": ("a complaint", "оплакване"),
    "email.unsubscribed": ("the prospect unsubscribed", "клиентът се отписа"),
    "email.declined": ("the prospect wanted no more of a sequence", "клиентът се отказа от поредица"),
    "email.declined.undone": ("the prospect wanted a sequence after all", "клиентът все пак пожела поредицата"),
    "email.paused": ("the prospect asked for a pause", "клиентът поиска пауза"),
    "email.paused.undone": ("the prospect took back a pause", "клиентът отмени пауза"),
    "email.pause.ended": ("an administrator ended a pause", "администратор прекрати пауза"),
    "sequence.started": ("a person began a sequence", "колега започна поредица"),
    "sequence.ended": ("a person ended a sequence", "колега прекрати поредица"),
    "sequence.resumed": ("a person took back the end of a sequence", "колега отмени края на поредица"),
    "email.held_back": ("a person let the mail wait", "колега спря имейлите за известно време"),
    "email.released": ("a person let the mail go on", "колега пусна имейлите отново"),
    "address.barred": ("the address was barred", "адресът беше забранен"),
    "address.allowed": ("the address was allowed again", "адресът беше разрешен отново"),
    "somebody": ("somebody who has left", "някой, който вече не е тук"),
    "onward": ("Onward itself", "самият Onward"),
    "always": ("always open", "винаги отворено"),
    "in.en": ("English", "английски"),
    "in.bg": ("Bulgarian", "български"),
    "touch.reworded": ("an email was reworded", "текстът на имейл беше променен"),
    "touch.template": ("an email went back to its template", "имейл беше върнат към шаблона си"),
    "related": ("two prospects were linked", "двама клиенти бяха свързани"),
    "unrelated": ("a link between two prospects was taken away", "връзката между двама клиенти беше премахната"),
}
_DAYS: Final = (("Mon", "пн"), ("Tue", "вт"), ("Wed", "ср"), ("Thu", "чт"), ("Fri", "пт"), ("Sat", "сб"), ("Sun", "нд"))
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS: Final = (
    (86400, ("day", "days"), ("ден", "дни")),
    (3600, ("hour", "hours"), ("час", "часа")),
    (60, ("minute", "minutes"), ("минута", "минути")),
    (1, ("second", "seconds"), ("секунда", "секунди")),
)


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    en: str
    bg: str

    @classmethod
    def of(cls, key: str) -> Words:
        """What `key` is called; itself where it has no other name."""
        return cls(*WORDS.get(key, (key, key)))

    def told(self, language: str) -> str:
        """The text in `language`, bg or else English."""
        return self.bg if language == "bg" else self.en


Fact: TypeAlias = "str | int | datetime | timedelta | Delay | Window | Reason | Words | tuple[Reason, ...] | None"


@dataclass(frozen=True, slots=True)
class Part:
    """One sentence: its code and its facts."""

    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


def part(code: str, /, **facts: Fact) -> Part:
    """The sentence `code` with its facts."""
    return Part(code, facts)


@dataclass(frozen=True, slots=True)
class Note:
    """What was decided or stands at one moment. `given` and `gave` are the stored inputs and results, where kept.

    `version` holds number and digest of the playbook by which it was decided, where it was by one.
    """

    at: datetime | None
    parts: tuple[Part, ...]
    version: tuple[int, str] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    gave: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The code of its first sentence."""
        return self.parts[0].code


@dataclass(frozen=True, slots=True)
class Clocks:
    """Whose wall clocks times are told by: the viewer's, and the prospect's where it shows another hour."""

    viewer: ZoneInfo
    prospect: ZoneInfo

    def told(self, moment: datetime, language: str) -> str:
        """Tue 10 Nov 2026, 10:00 (09:00 for the prospect) · вт 10.11.2026 г., 10:00 (09:00 при клиента)."""
        here, there = moment.astimezone(self.viewer), moment.astimezone(self.prospect)
        told = f"{_day(here, language)}, {_clock(here)}"
        if here.utcoffset() == there.utcoffset():
            return told
        other = _clock(there) if here.date() == there.date() else f"{_day(there, language)}, {_clock(there)}"
        return f"{told} ({other} {'при клиента' if language == 'bg' else 'for the prospect'})"


def sentences(note: Note, language: str, clocks: Clocks) -> str:
    """A note in words."""
    return " ".join(_sentence(each, language, clocks) for each in note.parts)


def codes() -> frozenset[str]:
    """Every code there is."""
    return frozenset(SAYS)


def span(length: timedelta, language: str) -> str:
    """3 days, 1 hour 30 minutes: the two largest units."""
    rest = max(int(length.total_seconds()), 0)
    told = []
    for seconds, english, bulgarian in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            one, many = bulgarian if language == "bg" else english
            told.append(f"{count} {one if count == 1 else many}")
    return " ".join(told[:2]) or ("0 секунди" if language == "bg" else "0 seconds")


def _sentence(told: Part, language: str, clocks: Clocks) -> str:
    english, bulgarian = SAYS[told.code]
    facts = {name: _fact(value, language, clocks) for name, value in told.facts.items()}
    return (bulgarian if language == "bg" else english).format_map(facts)


def _fact(value: Fact, language: str, clocks: Clocks) -> str:
    match value:
        case datetime():
            return clocks.told(value, language)
        case timedelta():
            return span(value, language)
        case Delay():
            return _delay(value, language)
        case Window():
            return f"{value.start:%H:%M}–{value.end:%H:%M}"
        case Words():
            return value.told(language)
        case Reason():
            return _reason(value, language, clocks)
        case tuple():
            return " ".join(_reason(each, language, clocks) for each in value)
    return "–" if value is None else str(value)


def _reason(reason: Reason, language: str, clocks: Clocks) -> str:
    # Stored as text: a deadline has its hour, an absence is a day alone.
    until = reason.facts.get("until", "")
    if "T" not in until:
        return reason.words(language)
    told = clocks.told(datetime.fromisoformat(until), language)
    return Reason(reason.code, {**reason.facts, "until": told}).words(language)


def _delay(delay: Delay, language: str) -> str:
    told = [span(delay.span, language)] if delay.span or not delay.working_days else []
    if delay.working_days:
        one, many = ("работен ден", "работни дни") if language == "bg" else ("working day", "working days")
        told.append(f"{delay.working_days} {one if delay.working_days == 1 else many}")
    return (" и " if language == "bg" else " and ").join(told)


def _day(local: datetime, language: str) -> str:
    english, bulgarian = _DAYS[local.weekday()]
    if language == "bg":
        return f"{bulgarian} {local:%d.%m.%Y} г."
    return f"{english} {local.day} {_MONTHS[local.month - 1]} {local.year}"


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
