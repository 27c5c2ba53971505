"""What can happen to a prospect, and what the engine is told of one: values, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.playbook.schema import Sequence

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

UPSERTED: Final = "prospect.upserted"
MOVE: Final = "move.requested"
CALL_ENDED: Final = "call.ended"
ANSWERS: Final = "answers.recorded"
BOOKED: Final = "meeting.booked"
RESCHEDULED: Final = "meeting.rescheduled"
CANCELLED: Final = "meeting.cancelled"
HELD: Final = "meeting.held"
NO_SHOW: Final = "meeting.no_show"
REPLIED: Final = "email.replied"
BOUNCED: Final = "email.bounced"
COMPLAINED: Final = "email.complained"
UNSUBSCRIBED: Final = "email.unsubscribed"
AUTO_REPLIED: Final = "email.auto_replied"
"""A mailbox answered by itself. `about` says away, left or something else, `returns_on` the ISO day of return."""
ANSWERED: Final = "meeting.answered"
"""An invitation was answered: accepted, declined, tentative or counter; `uid` names the meeting."""

DECLINED: Final = "email.declined"
WANTED_AGAIN: Final = "email.declined.undone"
PAUSED: Final = "email.paused"
PAUSE_UNDONE: Final = "email.paused.undone"
PAUSE_ENDED: Final = "email.pause.ended"
BARRED: Final = "address.barred"
ALLOWED: Final = "address.allowed"
"""What a prospect asks for on the page behind an email's last link, and what the list of barred addresses says. Only
our own pages and the list tell of these; no sender of webhooks can."""

STARTED: Final = "sequence.started"
ENDED: Final = "sequence.ended"
RESUMED: Final = "sequence.resumed"
HELD_BACK: Final = "email.held_back"
RELEASED: Final = "email.released"
"""What a person does by hand: begin a sequence, end an enrollment, take that end back, let the mail wait `until` a
time, let it go on."""

AWAY: Final = "away"
PAUSE: Final = "pause"
BY_HAND: Final = "held"
"""Why a prospect's mail waits: their mailbox said that they are away, they asked for a pause, or a rep wants it so."""

MEETING_KINDS: Final = frozenset({BOOKED, RESCHEDULED, CANCELLED, HELD, NO_SHOW})
MAIL_KINDS: Final = frozenset({REPLIED, BOUNCED, COMPLAINED, UNSUBSCRIBED, AUTO_REPLIED})
WISH_KINDS: Final = frozenset({DECLINED, WANTED_AGAIN, PAUSED, PAUSE_UNDONE, PAUSE_ENDED, BARRED, ALLOWED})
HAND_KINDS: Final = frozenset({STARTED, ENDED, RESUMED, HELD_BACK, RELEASED})
KINDS: Final = frozenset({UPSERTED, MOVE, CALL_ENDED, ANSWERS, ANSWERED}) | MEETING_KINDS | MAIL_KINDS
# Kinds that make an unknown prospect known; the others wait until somebody introduces it.
CREATING: Final = frozenset({UPSERTED, MOVE, CALL_ENDED, BOOKED})

FIELDS: Final = ("email", "name", "company", "phone", "title", "language", "time_zone", "country")


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that happened, whoever says so: a webhook event, a rep's click, an API call, a reply.

    `fields` are facts about the prospect that came with it, `custom` those without a column of their own.
    `sender` holds the kind and the name of the source, for the playbook's own words; empty for people.
    `owner_id` hands the prospect to a rep. `role` is that of whoever asks, where a guard wants to know it. A `quiet`
    signal begins no sequence: a file of people who are known for years must not write to all of them.
    """

    kind: str
    occurred_at: datetime
    actor: str
    cause: str
    data: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    sender: tuple[str, ...] = ()
    owner_id: str | None = None
    role: str | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class MailHold:
    """Until when a prospect's mail waits, and why: AWAY or PAUSE."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class MeetingView:
    """A meeting as the records hold it."""

    id: str
    uid: str
    state: str
    starts_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class EnrollmentView:
    """An active enrollment with the sequence of the version it began with; `digest` names that, empty the one asked."""

    id: str
    sequence: Sequence
    meeting_id: str | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ProspectView:
    """All the engine may know of a prospect. `version` 0 means that it is about to be made.

    `fallback_zone` is the rep's time zone, used where the prospect's own is unknown. `answers`, `calls` (the words of
    `needs.CALL_WORDS`) and `begun` (when each sequence last began) are filled where a guard or a rule asks for them.
    `declined` are the sequences that the prospect wants no more of. `later` are the stop words (`engine.overtaken`)
    that are known to have been said after the signal happened.
    """

    id: str
    stage: str = ""
    version: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    outcome_reason: str | None = None
    entered_stage_at: datetime = NEVER
    moved_at: datetime = NEVER
    suppressed: bool = False
    owner_id: str | None = None
    fallback_zone: str | None = None
    enrollments: tuple[EnrollmentView, ...] = ()
    meetings: tuple[MeetingView, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    calls: frozenset[str] = frozenset()
    begun: Mapping[str, datetime] = field(default_factory=dict)
    mail_hold_until: datetime | None = None
    mail_hold_why: str | None = None
    declined: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()

    def hold(self, now: datetime) -> MailHold | None:
        """What the prospect's mail waits for at `now`."""
        return hold(self.mail_hold_until, self.mail_hold_why, now)


def hold(until: datetime | None, why: str | None, now: datetime) -> MailHold | None:
    """The two columns of a prospect as one value; None once its time has come."""
    return MailHold(until, why or AWAY) if until is not None and until > now else None


def call_words(told: Mapping[str, Any]) -> frozenset[str]:
    """What is known of a call by what was told of it: `needs.CALL_WORDS`."""
    found = {"ended"}
    if isinstance(told.get("minutes"), int | float):
        found.add("timed")
    if str(told.get("notes") or "").strip():
        found.add("noted")
    return frozenset(found)
