"""The playbook as a frozen value: what a sales team agreed on, in the shape the engine reads.

Made by `loader` from YAML and never changed afterwards. Decides nothing and knows no database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from workflow.playbook import needs
from workflow.playbook.content import Content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time

    from workflow.playbook.needs import Need

Late = Literal["skip", "ask", "send"]
LATE: Final = ("skip", "ask", "send")
Outcome = Literal["won", "lost", "no_decision", "disqualified"]
OUTCOMES: Final = ("won", "lost", "no_decision", "disqualified")

START_WORDS: Final = ("call.ended", "stage.entered", "meeting.booked", "meeting.held", "meeting.no_show")
STOP_WORDS: Final = (
    "reply",
    "colleague_reply",
    "left",
    "bounce",
    "complaint",
    "unsubscribe",
    "meeting",
    "close",
    "reopen",
    "meeting.cancelled",
    "meeting.held",
    "meeting.no_show",
)


@dataclass(frozen=True, slots=True)
class Delay:
    """A waiting time: `span` in absolute time (s, m, h, d), or `working_days` (wd) by the prospect's calendar."""

    span: timedelta = timedelta()
    working_days: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The hours of a working day in which mail may leave, by the prospect's wall clock; `end` is excluded."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Calendar:
    """When mail may leave; without a window always. Weekdays count from Monday = 0, holidays by ISO 3166 country."""

    window: Window | None = None
    working_days: frozenset[int] = frozenset(range(5))
    holidays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """What one mailbox may send, in rolling windows, and when it pauses itself."""

    per_hour: int = 30
    per_day: int = 200
    min_gap: timedelta = timedelta(seconds=20)
    pause_after_uncertain: int = 5
    concurrency: int = 4


@dataclass(frozen=True, slots=True)
class ProspectLimits:
    """What one prospect may get, in rolling windows, and the least time between two emails; None is no limit."""

    per_day: int | None = None
    per_week: int | None = None
    min_gap: timedelta = timedelta()

    @property
    def most(self) -> int:
        """How many of a prospect's newest emails must be known to judge; none where nothing is limited."""
        return max(self.per_day or 0, self.per_week or 0, 1 if self.min_gap else 0)


@dataclass(frozen=True, slots=True)
class DomainLimits:
    """What all prospects of one company may get together, in any day, and the least time between two emails."""

    per_day: int | None = None
    min_gap: timedelta = timedelta()

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self.per_day is not None or bool(self.min_gap)


@dataclass(frozen=True, slots=True)
class OverallLimits:
    """What all mailboxes may send together, in rolling windows; None is no limit."""

    per_hour: int | None = None
    per_day: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self.per_hour is not None or self.per_day is not None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much mail may leave: of one mailbox, to one prospect, to one company, and of all mailboxes together."""

    mailbox: MailboxLimits = field(default_factory=MailboxLimits)
    prospect: ProspectLimits = field(default_factory=ProspectLimits)
    domain: DomainLimits = field(default_factory=DomainLimits)
    overall: OverallLimits = field(default_factory=OverallLimits)


@dataclass(frozen=True, slots=True)
class OutOfOffice:
    """How long mail waits for somebody who is away and does not say until when."""

    resume_after: Delay = field(default_factory=lambda: Delay(working_days=3))


@dataclass(frozen=True, slots=True)
class Stage:
    """One state of a prospect; `position` counts from 0 in the order of the file."""

    key: str
    title: Mapping[str, str]
    position: int
    final: bool = False
    stalled_after: timedelta | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """A way from some stages to one, taken by a trigger when its needs are met; `sets` fields on the way.

    `outcomes` are those that a prospect may be closed with here, all without it; `reasons` are offered to the rep,
    who may give another.
    """

    trigger: str
    sources: tuple[str, ...]
    to: str
    needs: tuple[Need, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    reasons: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    line: int = 0

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The fields that must be filled, whatever else is asked for."""
        return tuple(dict.fromkeys(needs.required(self.needs)))

    @property
    def asked_fields(self) -> tuple[str, ...]:
        """The fields that a move may bring with it because a need names them."""
        return tuple(dict.fromkeys(needs.asked(self.needs)))


@dataclass(frozen=True, slots=True)
class Start:
    """What begins a sequence: a signal, for `stage.entered` also which stage and, if named, with which outcome."""

    when: str
    stage: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the emails among which a step chooses; `share` is its part of the whole."""

    key: str
    email: str
    share: int = 1
    line: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One email or task of a sequence.

    With `variants` the step sends one of them, and `email` is the first. `after` counts from the end of the step
    before. With `before_meeting` the step is due `lead` before the meeting starts instead, whatever the steps before
    it do. `lateness` widens the day in which a late email still leaves, and `late` says what becomes of it after that.
    With `quotes` the email before stands below it.
    """

    key: str
    position: int
    email: str | None = None
    task: Mapping[str, str] | None = None
    after: Delay = field(default_factory=Delay)
    before_meeting: bool = False
    lead: timedelta = timedelta()
    same_thread: bool = False
    quotes: bool = False
    any_hour: bool = False
    blocking: bool = False
    lateness: timedelta = timedelta()
    late: Late = "skip"
    variants: tuple[Variant, ...] = ()
    line: int = 0

    @property
    def emails(self) -> tuple[str, ...]:
        """Every template that this step may send."""
        if self.variants:
            return tuple(variant.email for variant in self.variants)
        return (self.email,) if self.email is not None else ()


@dataclass(frozen=True, slots=True)
class Sequence:
    """Emails and tasks that follow one another after a start, until done or stopped by one of the `stop` words.

    It starts anew `again` after it last began, at any time with zero, and never with None. Of the `exclusive` ones a
    prospect is on one at a time: a higher `priority` ends the lower one, any other start is left out. Of the emails
    that wait for their mailbox those of a higher `priority` leave first.
    """

    key: str
    start: Start
    stop: frozenset[str]
    steps: tuple[Step, ...]
    title: Mapping[str, str] = field(default_factory=dict)
    again: timedelta | None = timedelta()
    exclusive: bool = False
    priority: int = 0
    line: int = 0

    def step(self, key: str) -> Step:
        """The step named `key`. Raises KeyError when there is none."""
        for step in self.steps:
            if step.key == key:
                return step
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class SignalRule:
    """What a source's own word means here: on `kind` (and `value`, if given) take the transition `do`."""

    source: str
    kind: str
    do: str
    value: str | None = None
    sets: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Playbook:
    """A whole playbook, equal only to itself, so that it can key a cache.

    `digest` is the SHA-256 of the file it was read from, and with it the version's name. `lines` maps a dotted path
    such as `sequences.nudge.start.stage` or `transitions.3.to` to its line in the file.
    """

    name: str
    languages: tuple[str, ...]
    time_zone: str
    calendar: Calendar
    limits: Limits
    stages: Mapping[str, Stage]
    transitions: tuple[Transition, ...]
    sequences: Mapping[str, Sequence]
    signals: tuple[SignalRule, ...]
    digest: str
    content: Content = field(default_factory=Content)
    out_of_office: OutOfOffice = field(default_factory=OutOfOffice)
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)

    def line(self, path: str) -> int:
        """The line where `path` is written, else that of the nearest place around it; 0 when nothing is known."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return 0

    @property
    def first_stage(self) -> str:
        """Where a new prospect stands: the first stage of the file."""
        return next(iter(self.stages))

    def is_final(self, stage: str) -> bool:
        """Whether `stage` ends the prospect's way."""
        return stage in self.stages and self.stages[stage].final

    def words(self, title: Mapping[str, str], language: str) -> str:
        """`title` in `language`, else in the playbook's first language that has it."""
        for each in (language, *self.languages):
            if each in title:
                return title[each]
        return next(iter(title.values()), "")
