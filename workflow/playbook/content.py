"""What a call is led with, as frozen values: personas, journey, questions, scripts, matrix, checklist, meeting rules.

Holds no text of its own and decides nothing. Texts are by language, as in `schema`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.playbook.needs import Need
    from workflow.playbook.schema import Window

PHASES: Final = ("before", "during", "after")
END: Final = "end"
"""Where a branch of a script leads when the script is over."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A kind of buyer: who they are, what they want, and what makes them hesitate."""

    key: str
    title: Mapping[str, str]
    about: Mapping[str, str] = field(default_factory=dict)
    wants: Mapping[str, str] = field(default_factory=dict)
    worries: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class JourneyStage:
    """A phase of the buyer's own way to a decision, in the order of the file."""

    key: str
    title: Mapping[str, str]
    position: int
    about: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the bank.

    Without `journey` or `personas` it fits everybody. `of_rep` marks what reps answer for themselves when they plan.
    """

    key: str
    text: Mapping[str, str]
    position: int = 0
    title: Mapping[str, str] = field(default_factory=dict)
    spin: str | None = None
    journey: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    checklist: str | None = None
    open: bool = True
    of_rep: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Branch:
    """What the buyer may say at a step of a script, and to which step that leads."""

    says: Mapping[str, str]
    to: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One part of a call: how long it takes, what to say, what to ask. Without branches the next step follows."""

    key: str
    title: Mapping[str, str]
    minutes: int
    position: int = 0
    lines: tuple[Mapping[str, str], ...] = ()
    questions: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A way through a call of so many minutes."""

    key: str
    title: Mapping[str, str]
    minutes: int
    steps: tuple[ScriptStep, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Objection:
    """What a buyer may say against it, and what to say to that."""

    key: str
    says: Mapping[str, str]
    reply: Mapping[str, str]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a criterion, and what it is worth."""

    key: str
    title: Mapping[str, str]
    points: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row of the qualification matrix; `questions` of the bank help to find out."""

    key: str
    title: Mapping[str, str]
    weight: int
    options: Mapping[str, Option]
    questions: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One of the things a good discovery call is made of, and what ticks it by itself."""

    key: str
    title: Mapping[str, str]
    position: int
    phases: tuple[str, ...]
    asks: Mapping[str, str] = field(default_factory=dict)
    done_when: tuple[Need, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class MeetingRules:
    """When meetings are offered, by the prospect's clock: days from Monday = 0, hours, length, and how many others."""

    length: timedelta = timedelta(minutes=45)
    days: frozenset[int] = frozenset(range(5))
    hours: tuple[Window, ...] = ()
    notice: timedelta = timedelta(hours=24)
    horizon: timedelta = timedelta(days=14)
    buffer: timedelta = timedelta()
    alternates: int = 2


@dataclass(frozen=True, slots=True)
class Content:
    """All that a playbook says about the call itself."""

    personas: Mapping[str, Persona] = field(default_factory=dict)
    journey: Mapping[str, JourneyStage] = field(default_factory=dict)
    questions: Mapping[str, Question] = field(default_factory=dict)
    scripts: Mapping[str, Script] = field(default_factory=dict)
    objections: Mapping[str, Objection] = field(default_factory=dict)
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    checklist: Mapping[str, ChecklistItem] = field(default_factory=dict)
    meetings: MeetingRules = field(default_factory=MeetingRules)
