"""Random playbooks, and random events under them: everything the grammar has that changes what is sent when.

One seed, one case. A book need not make sense; it only has to load. Times fall on few values, so that what is due and
what happens often meet in the same moment.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from workflow.engine import life
from workflow.engine import signals as kinds
from workflow.engine.life import Happening, Imagined
from workflow.playbook import loader
from workflow.playbook.needs import CALL_WORDS, MEETING_WORDS, ROLES, SPIN
from workflow.playbook.schema import LATE, OUTCOMES, START_WORDS, STOP_WORDS, Playbook

SOURCES: Final = (("standard", "crm"), ("hubspot", "hub"))
HORIZON: Final = timedelta(days=60)
ZONES: Final = ("", "", "Europe/Sofia", "America/New_York", "Pacific/Chatham", "Asia/Kathmandu", "Australia/Lord_Howe",
                "America/Santiago", "Africa/Casablanca", "Nowhere/Land")  # fmt: skip
_COUNTRIES: Final = ("BG", "US", "DE", "JP", "IL")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EMAILS: Final = (
    "follow_up_questions", "schedule_next_call", "decision", "meeting_confirmation", "meeting_reminder_day",
    "meeting_reminder_hour", "meeting_recap", "no_show", "won_welcome", "lost_thanks",
)  # fmt: skip
_QUESTIONS: Final = ("pain", "cost", "goal")
_ITEMS: Final = ("prepared", "agreed")
_FIELDS: Final = ("company", "outcome", "budget", "name", "custom_note")
_SPANS: Final = ("0s", "0s", "1s", "30m", "1h", "1h", "3h", "24h", "1d", "2d", "40h", "5d", "0wd", "1wd", "1wd", "3wd")
_LEADS: Final = ("0s", "15m", "1h", "1h", "24h", "2d")
_SHIFTS: Final = (
    0, 0, 0, 0, -1, 1, -3600, 3600, -86_400, -86_400, -3 * 86_400, -30 * 86_400, 2 * 86_400, 40 * 86_400,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A playbook with the story of one prospect under it. `source` is the file of the playbook."""

    seed: int
    source: str
    playbook: Playbook
    person: Imagined
    script: tuple[Happening, ...]
    begins: datetime


def case(seed: int) -> Case:
    """The case of a seed, the same one each time."""
    chance = random.Random(seed)
    source = json.dumps(_Book(chance).whole(), indent=1, ensure_ascii=False)
    playbook = loader.load(source, f"book {seed}")
    # Half of the stories begin near a change of the clock.
    begins = datetime(2026, chance.choice((3, 10)), chance.randint(20, 28), tzinfo=UTC)
    if chance.random() < 0.5:
        begins = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(700))
    begins += timedelta(hours=chance.randrange(24), minutes=chance.choice((0, 0, 0, 30, 59)))
    told = _Story(chance, playbook, begins)
    return Case(seed, source, playbook, told.person(), told.script(), begins)


class _Book:
    """Writes one playbook."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.stages = [f"stage_{number}" for number in range(chance.randint(2, 5))]
        self.triggers = [f"go_{number}" for number in range(chance.randint(1, 5))]
        self.sequences = [f"seq_{number}" for number in range(chance.randint(2, 6))]
        self.languages = chance.choice((["en"], ["en", "bg"], ["bg"]))

    def whole(self) -> dict[str, Any]:
        """All of it."""
        chance = self.chance
        final = set(chance.sample(self.stages, chance.choice((0, 1, 1, 1, 2))))
        told: dict[str, Any] = {
            "name": "random",
            "languages": self.languages,
            "time_zone": chance.choice(ZONES[2:-1]),
            "limits": self._limits(),
            "stages": {
                key: {"title": self._title(key), **({"final": True} if key in final else {})} for key in self.stages
            },
            "transitions": [self._transition() for _ in range(chance.randint(3, 9))],
            "sequences": {key: self._sequence() for key in self.sequences},
            "signals": [self._signal() for _ in range(chance.randint(0, 4))],
            "questions": {key: self._question() for key in _QUESTIONS},
            "qualification": {"criteria": {"fit": self._criterion(), "size": self._criterion()}},
            "checklist": {key: self._item(key) for key in _ITEMS},
            "journey": {"early": {"title": self._title("early")}, "late": {"title": self._title("late")}},
        }
        if chance.random() < 0.8:
            told["calendar"] = self._calendar()
        return told

    def _title(self, words: str) -> dict[str, str]:
        return dict.fromkeys(self.languages, words)

    def _calendar(self) -> dict[str, Any]:
        chance = self.chance
        opens = chance.randrange(0, 23 * 60, 30)
        closes = min(opens + chance.choice((30, 60, 180, 540, 900)), 23 * 60 + 59)
        window: Any = {"from": f"{opens // 60:02}:{opens % 60:02}", "to": f"{closes // 60:02}:{closes % 60:02}"}
        return {
            "send_window": window if chance.random() < 0.85 else "always",
            "working_days": sorted(chance.sample(_DAYS, chance.randint(1, 7)), key=_DAYS.index),
            "holidays": chance.sample(_COUNTRIES, chance.randint(0, 2)),
        }

    def _limits(self) -> dict[str, Any]:
        chance = self.chance
        mailbox = {"min_gap": chance.choice(("0s", "0s", "20s", "20s", "90m", "5h")), "per_hour": 1000, "per_day": 5000}
        prospect: dict[str, Any] = {"min_gap": chance.choice(("0s", "0s", "4h", "26h", "3d"))}
        told = {"mailbox": {**mailbox, "concurrency": chance.choice((1, 4))}, "prospect": prospect}
        if chance.random() < 0.4:
            prospect |= {"per_day": chance.choice((1, 2)), "per_week": chance.choice((2, 4))}
        if chance.random() < 0.4:
            told["domain"] = {"per_day": chance.choice((1, 2)), "min_gap": chance.choice(("0s", "30m", "50h"))}
        return told

    def _transition(self) -> dict[str, Any]:
        chance = self.chance
        told: dict[str, Any] = {
            "trigger": chance.choice(self.triggers),
            "from": chance.sample(self.stages, chance.randint((len(self.stages) + 1) // 2, len(self.stages))),
            "to": chance.choice(self.stages),
        }
        if chance.random() < 0.35:
            told["needs"] = [self._need(2) for _ in range(chance.randint(1, 2))]
        if chance.random() < 0.3:
            told["sets"] = {chance.choice(("company", "budget", "custom_note")): chance.choice(("big", "small"))}
        if chance.random() < 0.3:
            told.setdefault("sets", {})["outcome"] = chance.choice(OUTCOMES)
        elif chance.random() < 0.2:
            told["outcomes"] = chance.sample(OUTCOMES, 2)
        return told

    def _need(self, depth: int) -> dict[str, Any]:
        chance = self.chance
        kind = chance.choice(
            ("field", "answers", "rated", "checklist", "score_at_least", "meeting", "call", "evidence", "sequence",
             "role", *(("any", "all", "not") * 2 if depth else ()))
        )  # fmt: skip
        if kind in ("any", "all"):
            return {kind: [self._need(depth - 1) for _ in range(chance.randint(1, 3))]}
        if kind == "not":
            return {kind: self._need(depth - 1)}
        held: dict[str, Any] = {
            "field": chance.choice(_FIELDS),
            "answers": chance.sample(_QUESTIONS, chance.randint(1, 2)),
            "rated": {"criterion": "fit", "is": chance.choice((["good"], ["good", "fair"]))},
            "checklist": chance.choice(_ITEMS),
            "score_at_least": chance.choice((1, 40, 70)),
            "meeting": chance.choice(MEETING_WORDS),
            "call": chance.choice(CALL_WORDS),
            "evidence": {"at_least": chance.randint(1, 2), **({"spin": "problem"} if chance.random() < 0.5 else {})},
            "sequence": chance.choice(self.sequences),
            "role": chance.choice(ROLES),
        }
        return {kind: held[kind]}

    def _signal(self) -> dict[str, Any]:
        chance = self.chance
        told_kinds = ("deal", "deal", kinds.CALL_ENDED, kinds.REPLIED, kinds.ANSWERS, *sorted(kinds.MEETING_KINDS))
        when = {"kind": chance.choice(told_kinds)}
        if when["kind"] == "deal" and chance.random() < 0.7:
            when["value"] = chance.choice(("won", "open"))
        told: dict[str, Any] = {
            "source": chance.choice([word for pair in SOURCES for word in pair]),
            "when": when,
            "do": chance.choice(self.triggers),
        }
        if chance.random() < 0.4:
            told["sets"] = {"outcome": chance.choice(OUTCOMES)}
        return told

    def _sequence(self) -> dict[str, Any]:
        chance = self.chance
        when = chance.choice((*START_WORDS, "stage.entered", "stage.entered", "meeting.booked"))
        start = {"when": when}
        if when == "stage.entered":
            start["stage"] = chance.choice(self.stages)
            if chance.random() < 0.25:
                start["outcome"] = chance.choice(OUTCOMES)
        told: dict[str, Any] = {
            "title": self._title("A sequence"),
            "start": start,
            "steps": [self._step(number, when) for number in range(chance.randint(1, 5))],
        }
        if chance.random() < 0.85:
            told["stop"] = chance.sample(STOP_WORDS, chance.randint(1, 5))
        if chance.random() < 0.4:
            told["again"] = chance.choice(("always", "never", "1h", "2d", "20d"))
        if chance.random() < 0.35:
            told |= {"exclusive": True, "priority": chance.choice((0, 0, 1, 2))}
        elif chance.random() < 0.3:
            told["priority"] = chance.choice((1, 5))
        return told

    def _step(self, number: int, when: str) -> dict[str, Any]:
        chance = self.chance
        told: dict[str, Any] = {"key": f"step_{number}"}
        kind = chance.choice(("email", "email", "email", "email", "variants", "task"))
        if kind == "task":
            told["task"] = self._title("Do it")
            if chance.random() < 0.4:
                told["blocking"] = True
        elif kind == "variants":
            told["variants"] = {
                key: {"email": email, "share": chance.randint(1, 3)}
                for key, email in zip("ab", chance.sample(_EMAILS, 2), strict=True)
            }
        else:
            told["email"] = chance.choice(_EMAILS) if chance.random() < 0.97 else "nowhere"
        if chance.random() < (0.4 if when == "meeting.booked" else 0.03):
            told |= {"before": "meeting", "lead": chance.choice(_LEADS)}
        elif chance.random() < 0.85:
            told["after"] = chance.choice(_SPANS)
        if kind != "task":
            told |= {"thread": "same"} if chance.random() < 0.25 else {}
            told |= {"window": "any"} if chance.random() < 0.2 else {}
            told |= {"lateness": chance.choice(("1h", "3d"))} if chance.random() < 0.2 else {}
            told |= {"late": chance.choice(LATE)} if chance.random() < 0.3 and "before" not in told else {}
        return told

    def _question(self) -> dict[str, Any]:
        told: dict[str, Any] = {"text": self._title("What?"), "spin": self.chance.choice(SPIN)}
        return told | ({"journey": "early"} if self.chance.random() < 0.5 else {})

    def _criterion(self) -> dict[str, Any]:
        points = {"good": 10, "fair": 5, "poor": 0}
        options = {key: {"title": self._title(key), "points": each} for key, each in points.items()}
        return {"title": self._title("Criterion"), "weight": self.chance.randint(1, 3), "options": options}

    def _item(self, key: str) -> dict[str, Any]:
        told: dict[str, Any] = {"title": self._title(key), "phase": "before"}
        needs = [self._need(1) for _ in range(self.chance.randint(1, 2))]
        if not any(word in json.dumps(needs) for word in ('"checklist"', '"role"')):
            told["done_when"] = needs
        return told


class _Story:
    """Tells what happens to one prospect."""

    def __init__(self, chance: random.Random, playbook: Playbook, begins: datetime) -> None:
        self.chance = chance
        self.begins = begins
        self.triggers = sorted({way.trigger for way in playbook.transitions})
        self.steps = [
            name
            for sequence in playbook.sequences.values()
            for step in sequence.steps
            for name in (step.key, f"{sequence.key}.{step.key}")
        ]
        self.at = begins

    def person(self) -> Imagined:
        """Who it happens to."""
        chance = self.chance
        fields = {
            "email": "ana@example.com" if chance.random() < 0.95 else "",
            "name": "Ana Petrova",
            "company": chance.choice(("", "Example Ltd")),
            "language": chance.choice(("", "en", "bg", "de")),
            "time_zone": chance.choice(ZONES),
            "country": chance.choice(("", "", *_COUNTRIES, "XX")),
        }
        return Imagined(fields, {"budget": "10"} if chance.random() < 0.3 else {})

    def script(self) -> tuple[Happening, ...]:
        """What happens, in order of the times at which it is heard."""
        return tuple(self._happening(number) for number in range(1, self.chance.randint(2, 13)))

    def _happening(self, number: int) -> Happening:
        chance = self.chance
        if chance.random() < 0.75:
            self.at += timedelta(seconds=chance.choice((1, 1800, 3600, 3600, 10_800, 86_400, 86_400, 3 * 86_400)))
        kind = chance.choice(
            (
                *((kinds.MOVE,) * 6), *((kinds.CALL_ENDED,) * 3), kinds.ANSWERS, kinds.ANSWERS, *((kinds.BOOKED,) * 4),
                kinds.RESCHEDULED, kinds.CANCELLED, kinds.HELD, kinds.HELD, kinds.NO_SHOW, kinds.REPLIED, kinds.BOUNCED,
                chance.choice((kinds.COMPLAINED, kinds.UNSUBSCRIBED)), kinds.UPSERTED, kinds.UPSERTED, "deal", "deal",
                life.SKIPPED, life.DONE, life.DONE, life.SENT_NOW, life.SENT_NOW,
            )
        )  # fmt: skip
        if kind in life.ACTS:
            return Happening(self.at, kind, step=chance.choice(self.steps), line=number)
        happening = Happening(
            self.at, kind, data=self._data(kind), fields=self._fields(kind), custom=self._custom(kind), line=number
        )
        return self._told_by(happening)

    def _told_by(self, told: Happening) -> Happening:
        """By a rep, who speaks of now, or by a source, whose clock may say anything."""
        chance = self.chance
        if told.kind != "deal" and chance.random() < 0.35:
            role = chance.choice(ROLES)
            # Only an edit lets a person change facts.
            fields = told.fields if told.kind == kinds.UPSERTED else {}
            return Happening(told.at, told.kind, told.data, fields, told.custom, (), line=told.line, role=role)
        occurred = told.at + timedelta(seconds=chance.choice(_SHIFTS))
        if chance.random() < 0.2:
            occurred += timedelta(microseconds=chance.randrange(1_000_000))
        sender = chance.choice(SOURCES)
        return Happening(
            told.at, told.kind, told.data, told.fields, told.custom, sender, line=told.line, occurred_at=occurred
        )

    def _data(self, kind: str) -> dict[str, Any]:
        chance = self.chance
        if kind == kinds.MOVE:
            told: dict[str, Any] = {"trigger": chance.choice((*self.triggers, *self.triggers, "no_such"))}
            if chance.random() < 0.5:
                told["outcome"] = chance.choice((*OUTCOMES, "odd"))
            told |= {name: "given" for name in ("budget", "reason") if chance.random() < 0.3}
            return told
        if kind == kinds.CALL_ENDED:
            told = {"minutes": chance.choice((0, 30, 12.5))} if chance.random() < 0.5 else {}
            return told | ({"notes": chance.choice(("", "  ", "They hesitate."))} if chance.random() < 0.6 else {})
        if kind == kinds.ANSWERS:
            named = chance.sample((*_QUESTIONS, "fit", "size"), chance.randint(1, 3))
            return {"answers": {key: chance.choice(("good", "fair", "poor", "", " ", "Too slow")) for key in named}}
        if kind in kinds.MEETING_KINDS:
            return self._meeting(kind)
        if kind in kinds.MAIL_KINDS:
            told = {"address": "ana@example.com"} if chance.random() < 0.5 else {}
            return told | ({"permanent": chance.random() < 0.5} if kind == kinds.BOUNCED else {})
        return {"value": chance.choice(("won", "open", "else"))} if kind == "deal" else {}

    def _meeting(self, kind: str) -> dict[str, Any]:
        chance = self.chance
        told: dict[str, Any] = {}
        if chance.random() < 0.7:
            told["uid"] = chance.choice(("m1", "m1", "m2"))
        if chance.random() < (0.9 if kind in (kinds.BOOKED, kinds.RESCHEDULED) else 0.1):
            starts = self.at + timedelta(hours=chance.choice((-24, 0, 1, 3, 24, 25, 72, 120, 240)))
            told["starts_at"] = starts
            if chance.random() < 0.6:
                told["ends_at"] = starts + timedelta(minutes=45)
        if chance.random() < 0.3:
            told["place"] = "Online"
        return told

    def _fields(self, kind: str) -> dict[str, str]:
        chance = self.chance
        if kind != kinds.UPSERTED and chance.random() < 0.85:
            return {}
        held = {
            "time_zone": chance.choice(ZONES),
            "country": chance.choice(("", *_COUNTRIES)),
            "company": chance.choice(("", "Dunav Steel")),
            "language": chance.choice(("en", "bg")),
        }
        return {name: value for name, value in held.items() if chance.random() < 0.4}

    def _custom(self, kind: str) -> dict[str, Any]:
        if kind != kinds.UPSERTED or self.chance.random() < 0.6:
            return {}
        return {"budget": self.chance.choice(("", "20", 7))}
