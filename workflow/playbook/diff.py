"""What differs between two playbooks, as values first and as sentences in English or Bulgarian when somebody reads it.

Pure: compares what the files mean, not how they are written. Whom it concerns is told by `actions.effect`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from workflow.playbook.needs import Need
from workflow.playbook.schema import Delay, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflow.playbook.schema import Playbook, Sequence, Transition

Kind = Literal["added", "removed", "changed"]

# What is told of a thing beside its name: where it stands in the file is no difference.
_UNTOLD: Final = frozenset({"key", "line", "position", "steps"})
# The steps of a sequence are told one by one; those of a script are part of it.
_LEFT_OUT: Final = {
    "transition": _UNTOLD | {"sources", "trigger"},
    "signal": _UNTOLD | {"source", "kind", "value"},
    "script": _UNTOLD - {"steps"},
}
_LONGEST: Final = 160
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_AREAS: Final[Mapping[str, tuple[str, str]]] = {
    "playbook": ("playbook", "наръчник"),
    "calendar": ("calendar", "календар"),
    "limits": ("limits", "ограничения"),
    "out_of_office": ("out of office", "извън офиса"),
    "stage": ("stage", "етап"),
    "transition": ("move", "преход"),
    "sequence": ("sequence", "поредица"),
    "step": ("step", "стъпка"),
    "signal": ("signal", "сигнал"),
    "persona": ("persona", "персона"),
    "journey": ("journey stage", "фаза на купувача"),
    "question": ("question", "въпрос"),
    "script": ("script", "сценарий"),
    "objection": ("objection", "възражение"),
    "criterion": ("criterion", "критерий"),
    "checklist": ("checklist item", "точка от списъка"),
    "meetings": ("meeting rules", "правила за срещи"),
}
_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("name", "име"),
    "languages": ("languages", "езици"),
    "time_zone": ("time zone", "часова зона"),
    "title": ("title", "заглавие"),
    "text": ("text", "текст"),
    "about": ("description", "описание"),
    "says": ("what is said", "какво се казва"),
    "reply": ("reply", "отговор"),
    "order": ("order", "ред"),
    "final": ("final", "краен"),
    "stalled_after": ("stalled after", "застоява след"),
    "needs": ("needs", "изисква"),
    "sets": ("sets", "задава"),
    "to": ("leads to", "води до"),
    "outcomes": ("outcomes", "резултати"),
    "reasons": ("reasons", "причини"),
    "start": ("starts", "започва"),
    "stop": ("stops", "спира"),
    "again": ("again", "повторно"),
    "exclusive": ("exclusive", "единствена"),
    "priority": ("priority", "предимство"),
    "email": ("email", "имейл"),
    "task": ("task", "задача"),
    "after": ("waits", "изчаква"),
    "before_meeting": ("before the meeting", "преди срещата"),
    "lead": ("lead time", "преднина"),
    "same_thread": ("same thread", "същата нишка"),
    "any_hour": ("at any hour", "по всяко време"),
    "blocking": ("blocking", "задържа"),
    "lateness": ("lateness", "закъснение"),
    "late": ("when too late", "при закъснение"),
    "variants": ("variants", "варианти"),
    "quotes": ("quoting", "цитиране"),
    "window": ("send window", "часове за изпращане"),
    "working_days": ("working days", "работни дни"),
    "holidays": ("holidays", "празници"),
    "per_hour": ("emails an hour", "имейли на час"),
    "per_day": ("emails a day", "имейли на ден"),
    "min_gap": ("gap between emails", "време между имейлите"),
    "pause_after_uncertain": ("pause after uncertain emails", "спиране след неясни имейли"),
    "concurrency": ("emails at once", "имейли наведнъж"),
    "prospect_per_day": ("emails a day to one prospect", "имейли на ден до един клиент"),
    "prospect_per_week": ("emails a week to one prospect", "имейли на седмица до един клиент"),
    "prospect_min_gap": ("gap for one prospect", "време между имейлите до един клиент"),
    "domain_per_day": ("emails a day to one company", "имейли на ден до една фирма"),
    "domain_min_gap": ("gap for one company", "време между имейлите до една фирма"),
    "overall_per_hour": ("emails an hour of all mailboxes", "имейли на час от всички кутии"),
    "overall_per_day": ("emails a day of all mailboxes", "имейли на ден от всички кутии"),
}
_CONTENT: Final = (
    ("persona", "personas"), ("journey", "journey"), ("question", "questions"), ("script", "scripts"),
    ("objection", "objections"), ("criterion", "criteria"), ("checklist", "checklist"),
)  # fmt: skip
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "added": ("new", "ново"),
    "removed": ("removed", "премахнато"),
}
_VALUES: Final[Mapping[str, tuple[str, str]]] = {"": ("none", "няма"), "yes": ("yes", "да"), "no": ("no", "не")}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: in which area, of what, and for a change which part of it was what and becomes what."""

    area: str
    key: str
    kind: Kind
    name: str = ""
    before: str = ""
    after: str = ""

    def words(self, language: str) -> str:
        """The difference as a line in `language` (bg, else English)."""
        at = 1 if language == "bg" else 0
        what = f"{_AREAS[self.area][at]} {self.key}".strip()
        if self.kind != "changed":
            return f"{what}: {_KINDS[self.kind][at]}{f' ({self.after or self.before})' if self.name else ''}"
        name = _NAMES[self.name][at] if self.name in _NAMES else self.name.replace("_", " ")
        before, after = (_VALUES.get(value, (value, value))[at] for value in (self.before, self.after))
        return f"{what}: {name}: {before} → {after}"


def diff(old: Playbook, new: Playbook) -> tuple[Difference, ...]:
    """Everything that differs, in the order in which a playbook is read."""
    return tuple(_all(old, new))


def _all(old: Playbook, new: Playbook) -> Iterator[Difference]:
    for name in ("name", "languages", "time_zone"):
        yield from _part("playbook", "", name, getattr(old, name), getattr(new, name))
    yield from _parts("calendar", "", old.calendar, new.calendar)
    yield from _parts("limits", "", old.limits.mailbox, new.limits.mailbox)
    for group in ("prospect", "domain", "overall"):
        was, now = getattr(old.limits, group), getattr(new.limits, group)
        for part in fields(was):
            yield from _part("limits", "", f"{group}_{part.name}", getattr(was, part.name), getattr(now, part.name))
    yield from _parts("out_of_office", "", old.out_of_office, new.out_of_office)
    yield from _things("stage", old.stages, new.stages)
    yield from _order("stage", old.stages, new.stages)
    yield from _things("transition", _ways(old), _ways(new))
    yield from _sequences(old.sequences, new.sequences)
    yield from _things("signal", _signals(old), _signals(new))
    was, now = old.content, new.content
    for area, name in _CONTENT:
        yield from _things(area, getattr(was, name), getattr(now, name))
    yield from _parts("meetings", "", was.meetings, now.meetings)


def _ways(playbook: Playbook) -> dict[str, Transition]:
    return {f"{way.trigger} ({source})": way for way in playbook.transitions for source in way.sources}


def _signals(playbook: Playbook) -> dict[str, Any]:
    return {" ".join(filter(None, (rule.source, rule.kind, rule.value))): rule for rule in playbook.signals}


def _sequences(old: Mapping[str, Sequence], new: Mapping[str, Sequence]) -> Iterator[Difference]:
    yield from _things("sequence", old, new)
    for key, sequence in new.items():
        before = old.get(key)
        if before is None:
            continue
        was, now = ({f"{key}.{step.key}": step for step in each.steps} for each in (before, sequence))
        yield from _things("step", was, now)
        yield from _order("step", was, now, key)


def _things(area: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for key, thing in old.items():
        if key not in new:
            yield Difference(area, key, "removed")
        else:
            yield from _parts(area, key, thing, new[key])
    for key in new:
        if key not in old:
            yield Difference(area, key, "added")


def _parts(area: str, key: str, old: Any, new: Any) -> Iterator[Difference]:  # noqa: ANN401 - parts of every kind
    left_out = _LEFT_OUT.get(area, _UNTOLD)
    for part in fields(old):
        if part.name in left_out:
            continue
        yield from _part(area, key, part.name, getattr(old, part.name), getattr(new, part.name))


def _part(area: str, key: str, name: str, old: object, new: object) -> Iterator[Difference]:
    before, after = _said(old), _said(new)
    if before != after:
        yield Difference(area, key, "changed", name, _short(before), _short(after))


def _order(area: str, old: Mapping[str, object], new: Mapping[str, object], key: str = "") -> Iterator[Difference]:
    """Whether what is in both stands in another order."""
    before, after = [each for each in old if each in new], [each for each in new if each in old]
    if before != after:
        told = (", ".join(each.removeprefix(f"{key}.") for each in order) for order in (before, after))
        yield Difference(area, key, "changed", "order", *map(_short, told))


def _said(value: object) -> str:  # noqa: PLR0911 - one line a kind of value
    """A value in a few words of the file's own language."""
    if value is None or value is False or value is True:
        return "" if value is None else "yes" if value else "no"
    if isinstance(value, timedelta):
        return _span(value)
    if isinstance(value, Delay):
        return f"{value.working_days}wd" if value.working_days else _span(value.span)
    if isinstance(value, Window):
        return f"{value.start:%H:%M}–{value.end:%H:%M}"
    if isinstance(value, _NEEDS):
        return str(value.brief)
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_said(each)}" for name, each in value.items())
    if isinstance(value, frozenset):
        days = all(isinstance(each, int) for each in value)
        return ", ".join(_DAYS[int(each)] if days else str(each) for each in sorted(value))
    if isinstance(value, tuple):
        return ", ".join(_said(each) for each in value)
    if is_dataclass(value):
        parts = (_said(getattr(value, part.name)) for part in fields(value) if part.name not in ("line", "position"))
        return " ".join(filter(None, parts))
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)


_NEEDS: Final = get_args(Need)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
