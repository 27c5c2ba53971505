"""The values of a simulated life: who it is about, what happens to them, and every line of what follows.

Values and one port, the writer of emails; the living is done by `simulate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from workflow.engine.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.engine.decide import MeetingFact
    from workflow.engine.overtaken import Line
    from workflow.engine.reasons import Reason
    from workflow.engine.signals import ProspectView
    from workflow.playbook.schema import Playbook, Sequence, Step

# What a rep does to a touch, by the names that history has for it.
DONE: Final = "touch.done"
SKIPPED: Final = "touch.skipped"
SENT_NOW: Final = "touch.sent_now"
ACTS: Final = frozenset({DONE, SKIPPED, SENT_NOW})

Kind = Literal[
    "event", "moved", "meeting", "began", "mail", "task", "done", "held", "skipped", "failed", "stopped", "cancelled",
    "completed", "withheld",
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
class KnownTouch:
    """A touch as the records hold it. `mailbox` is that of an email; `subject` its subject, once it was written.

    `counts_as_sent_at` is when what waits behind an uncertain email goes on. One that `asks` waits for a person.
    """

    step: Step
    state: str
    due_at: datetime
    not_after: datetime
    next_attempt_at: datetime | None
    reason: Reason
    mailbox: str = ""
    forced: bool = False
    attempts: int = 0
    subject: str = ""
    ended_at: datetime | None = None
    counts_as_sent_at: datetime | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class KnownEnrollment:
    """An enrollment as the records hold it, with the version of the playbook that it follows.

    One that is not `active` any more is known for the tasks of it that are still open.
    """

    id: str
    playbook: Playbook
    sequence: Sequence
    meeting_uid: str | None
    touches: tuple[KnownTouch, ...]
    active: bool = True


@dataclass(frozen=True, slots=True)
class Left:
    """That an email left, when, and to which company."""

    at: datetime
    company: str | None


@dataclass(frozen=True, slots=True)
class MailboxState:
    """What holds a mailbox back: its last email, a back-off after a failure, or a pause with its reason.

    A back-off ends with the next email that gets through, `calm_since` then.
    """

    last_mail_at: datetime | None = None
    backoff_until: datetime | None = None
    paused: Reason | None = None
    calm_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A real prospect, as the installation knows them. `mails` are those they got of late, the oldest first.

    `history` is needed only where an event of the life happened before it is heard of.
    `mailbox` names the one by which the emails of a new sequence leave; all that matter are in `mailboxes`.
    """

    view: ProspectView
    meetings: tuple[MeetingFact, ...] = ()
    enrollments: tuple[KnownEnrollment, ...] = ()
    mails: tuple[Left, ...] = ()
    history: tuple[Line, ...] = ()
    mailbox: str = ""
    mailboxes: Mapping[str, MailboxState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens to the prospect: a signal, or an act of the rep on the touch of `step`.

    `at` is when Onward hears of it, `occurred_at` when its sender says that it was; without it, the same. `role` is
    that of whoever asks for a move. `said` and `line` tell where it was written.
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
    occurred_at: datetime | None = None
    role: str | None = None

    def signal(self) -> Signal:
        """As the engine is told of it."""
        return Signal(
            self.kind,
            self.occurred_at or self.at,
            "simulation",
            f"simulation:{self.line}",
            data=self.data,
            fields=self.fields,
            custom=self.custom,
            sender=self.sender,
            role=self.role,
        )


@dataclass(frozen=True, slots=True)
class Earlier:
    """The email before one in its thread: its step, mailbox, and, if it left in this life, when, and its text."""

    step: str
    mailbox: str
    at: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """All that the writer of an email may tell. `subject` is that of the thread it goes on with, if any.

    `before` is the newest email of that thread.
    """

    playbook: Playbook
    step: Step
    fields: Mapping[str, str]
    stage: str
    answers: Mapping[str, str]
    meeting: MeetingFact | None
    zone: ZoneInfo
    subject: str
    mailbox: str = ""
    enrollment: str = ""
    before: Earlier | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """An email as its reader sees it."""

    subject: str
    text: str


class Writer(Protocol):
    """Puts an email into words."""

    def write(self, letter: Letter) -> Written:
        """The email. Raises an OnwardError when it cannot be written; then its sequence ends."""


IS_NEW: Final = "is new"
"""What an imagined prospect is told to be at the beginning; the one event that stands in no script."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the life: what happened `at`, by the clock of `zone` on the prospect's wall, and why.

    `planned_at` is when the plan alone, without window and gap, would have had it; for a meeting its start. `until` is
    when what is held will be asked again; for a meeting its end. `line` is that of the script.
    `task` is what the rep is asked to do, by language.
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
    line: int = 0
    task: Mapping[str, str] = field(default_factory=dict)


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
