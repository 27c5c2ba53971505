"""The values of a simulated life: who it is about, what happens to them, and every line of what follows.

Values and one port, the writer of emails; the living is done by `simulate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from workflow.engine.signals import MOVE, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.engine.decide import MeetingFact
    from workflow.engine.reasons import Reason
    from workflow.playbook.schema import Step

# What a rep does to a touch, by the names that history has for it.
DONE: Final = "touch.done"
SKIPPED: Final = "touch.skipped"
SENT_NOW: Final = "touch.sent_now"
ACTS: Final = frozenset({DONE, SKIPPED, SENT_NOW})

Kind = Literal[
    "event", "moved", "meeting", "began", "mail", "task", "done", "held", "skipped", "failed", "stopped", "cancelled",
    "completed",
]  # fmt: skip
Ending = Literal["closed", "quiet", "waiting", "horizon"]


@dataclass(frozen=True, slots=True)
class Imagined:
    """A prospect who does not exist. Without `stage` they enter the first one as a new prospect does.

    With a stage they have stood there since before: entering it starts nothing. `rep_zone` is the rep's time zone,
    which counts where `fields` name none.
    """

    fields: Mapping[str, str]
    custom: Mapping[str, Any] = field(default_factory=dict)
    stage: str | None = None
    rep_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens to the prospect: a signal, or an act of the rep on the touch of `step`.

    `said` and `line` tell where it was written.
    """

    at: datetime
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    sender: tuple[str, ...] = ()
    step: str = ""
    said: str = ""
    line: int = 0

    def signal(self) -> Signal:
        """As the engine is told of it."""
        return Signal(
            self.kind,
            self.at,
            "simulation",
            f"simulation:{self.line}",
            data=self.data,
            fields=self.fields,
            custom=self.custom,
            sender=self.sender,
            # Whoever writes "moves" into a story means somebody who may.
            role="admin" if self.kind == MOVE else None,
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """All that the writer of an email may tell. `subject` is that of the thread it goes on with, if any."""

    step: Step
    fields: Mapping[str, str]
    stage: str
    answers: Mapping[str, str]
    meeting: MeetingFact | None
    zone: ZoneInfo
    subject: str


@dataclass(frozen=True, slots=True)
class Written:
    """An email as its reader sees it."""

    subject: str
    text: str


class Writer(Protocol):
    """Puts an email into words."""

    def write(self, letter: Letter) -> Written:
        """The email. Raises an OnwardError when it cannot be written; then its sequence ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the life: what happened `at`, by the clock of `zone` on the prospect's wall, and why.

    `planned_at` is when the plan alone, without window and gap, would have had it; for a meeting its start. `until` is
    when what is held will be asked again; for a meeting its end.
    """

    at: datetime
    zone: ZoneInfo
    kind: Kind
    said: str = ""
    sequence: str = ""
    step: str = ""
    reasons: tuple[Reason, ...] = ()
    planned_at: datetime | None = None
    until: datetime | None = None
    verdict: str = ""
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a touch stood in the end. Without `ended_at` it is still open, due at `due_at` at the earliest."""

    sequence: str
    step: str
    kind: str
    state: str
    due_at: datetime
    ended_at: datetime | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class Life:
    """A whole life. It ends closed, quiet (nothing is left to do), waiting for a person's task, or at the horizon."""

    entries: tuple[Entry, ...]
    touches: tuple[Standing, ...]
    stage: str
    outcome: str | None
    ending: Ending
    ended_at: datetime
