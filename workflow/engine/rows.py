"""The rows of a simulated life as plain values: its enrollments, its touches, and the chain between them.

The counterpart of `actions.enrolling`: writes down what was decided and decides nothing. What is due when comes from
`sequences`, and what leaves when is the matter of `posting`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from workflow.engine import leaving, sequences
from workflow.engine.life import Entry, Left, MailboxState, Standing, Written
from workflow.engine.reasons import Reason, because
from workflow.engine.signals import AWAY, BY_HAND, PAUSE, EnrollmentView

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.engine.decide import Enroll, MeetingFact, Reanchor
    from workflow.engine.life import Kind, Known, KnownEnrollment, Writer
    from workflow.engine.overtaken import Line
    from workflow.engine.sequences import Released, Whereabouts
    from workflow.engine.signals import ProspectView
    from workflow.playbook.schema import Playbook, Sequence, Step

# A sender that has an email in hand gives it back or sends it within seconds.
_IN_HAND: Final = ("claimed", "sending")


@dataclass(slots=True)
class Enrollment:
    """A prospect on one sequence of the version it began with."""

    id: str
    playbook: Playbook
    sequence: Sequence
    meeting_uid: str | None
    touches: list[Touch] = field(default_factory=list)
    active: bool = True

    @property
    def view(self) -> EnrollmentView:
        """As the engine is told of it; a meeting goes by its uid here."""
        return EnrollmentView(self.id, self.sequence, self.meeting_uid)


@dataclass(slots=True)
class Touch:
    """A touch as a row would hold it. `since` is the end of the step before it, `holds` what it has waited for.

    `known_at` is when its next attempt was set: it may wait for its mailbox from then on. One that `asks` is too late
    to leave by itself.
    """

    enrollment: Enrollment
    step: Step
    state: str
    due_at: datetime
    not_after: datetime
    next_attempt_at: datetime | None
    reason: Reason
    serial: int
    known_at: datetime
    mailbox: str
    since: datetime | None = None
    ended_at: datetime | None = None
    forced: bool = False
    asks: bool = False
    attempts: int = 0
    announced: bool = False
    subject: str = ""
    text: str = ""
    counts_as_sent_at: datetime | None = None
    holds: tuple[Reason, ...] = ()

    @property
    def position(self) -> int:
        """Its place in the sequence."""
        return self.step.position

    @property
    def kind(self) -> str:
        """What it is, by the word of the records."""
        return "email" if self.step.email else "task"

    @property
    def is_settled(self) -> bool:
        """Whether it is an uncertain email that counts as sent by now."""
        return self.state == "uncertain" and self.counts_as_sent_at is None

    @property
    def standing(self) -> Standing:
        """Where it stands, for whoever reads the life."""
        return Standing(
            self.enrollment.sequence.key, self.step.key, self.kind, self.state, self.due_at, self.ended_at, self.reason
        )


@dataclass(slots=True)
class World:
    """All that stands in the records of one life, and what was told of it so far."""

    playbook: Playbook
    writer: Writer | None
    now: datetime
    view: ProspectView
    meetings: dict[str, MeetingFact] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    enrollments: list[Enrollment] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    open: list[Touch] = field(default_factory=list)
    mails: list[Left] = field(default_factory=list)
    mailbox: str = ""
    mailboxes: dict[str, MailboxState] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    history: list[Line] = field(default_factory=list)

    def where(self, playbook: Playbook | None = None) -> Whereabouts:
        """The calendar of the prospect, by a version of the playbook."""
        fields = self.view.fields
        zone, country = fields.get("time_zone"), fields.get("country")
        return sequences.whereabouts(playbook or self.playbook, zone, self.view.fallback_zone, country)

    def mailbox_of(self, touch: Touch) -> MailboxState:
        """What holds the mailbox of an email back."""
        return self.mailboxes.get(touch.mailbox) or MailboxState()

    @property
    def zone(self) -> ZoneInfo:
        """The clock on the prospect's wall."""
        return self.where().zone

    def tell(
        self, kind: Kind, said: str = "", *, sequence: str = "", reasons: tuple[Reason, ...] = (), verdict: str = ""
    ) -> None:
        """Add a line that is about no touch."""
        told = Entry(self.now, self.zone, kind, said, sequence=sequence, reasons=reasons, verdict=verdict)
        self.entries.append(told)

    def note(
        self,
        kind: Kind,
        touch: Touch,
        reasons: tuple[Reason, ...],
        *,
        planned_at: datetime,
        until: datetime | None = None,
        written: Written | None = None,
    ) -> None:
        """Add a line about a touch."""
        written = written or Written("", "")
        self.entries.append(
            Entry(
                self.now,
                self.zone,
                kind,
                sequence=touch.enrollment.sequence.key,
                step=touch.step.key,
                reasons=reasons,
                planned_at=planned_at,
                until=until,
                subject=written.subject,
                text=written.text,
                task=touch.step.task or {},
            )
        )


def take_over(world: World, known: Known) -> None:
    """Put what the installation holds of a prospect into an empty world."""
    world.meetings = {fact.uid: fact for fact in known.meetings}
    world.answers = dict(known.view.answers)
    world.mails = list(known.mails)
    world.history = list(known.history)
    world.mailbox = known.mailbox
    world.mailboxes = dict(known.mailboxes)
    for each in known.enrollments:
        _take_over(world, each)
    for touch in [touch for touch in world.open if touch.state == "committing"]:
        # It is leaving at this moment.
        end(world, touch, "sent", because("sent"))
        step_ended(world, touch, world.now)


def _take_over(world: World, known: KnownEnrollment) -> None:
    enrollment = Enrollment(known.id, known.playbook, known.sequence, known.meeting_uid, active=known.active)
    world.enrollments.append(enrollment)
    for row in known.touches:
        touch = Touch(
            enrollment,
            row.step,
            "scheduled" if row.state in _IN_HAND else row.state,
            row.due_at,
            row.not_after,
            row.next_attempt_at,
            row.reason,
            len(world.touches),
            world.now,
            row.mailbox,
            ended_at=row.ended_at,
            forced=row.forced,
            asks=row.asks,
            attempts=row.attempts,
            subject=row.subject,
            counts_as_sent_at=row.counts_as_sent_at,
        )
        enrollment.touches.append(touch)
        if touch.state in leaving.OPEN:
            world.touches.append(touch)
            world.open.append(touch)


def start(world: World, enroll: Enroll, zone: ZoneInfo) -> None:
    """Begin a sequence; told in the time of `zone`."""
    enrollment = Enrollment(str(len(world.enrollments)), world.playbook, enroll.sequence, enroll.meeting_uid)
    world.enrollments.append(enrollment)
    world.view = replace(world.view, begun={**world.view.begun, enroll.sequence.key: world.now})
    world.entries.append(Entry(world.now, zone, "began", sequence=enroll.sequence.key))
    since = world.now
    for planned in enroll.touches:
        serial = len(world.touches)
        touch = Touch(
            enrollment, planned.step, planned.state, planned.due_at, planned.not_after, planned.next_attempt_at,
            planned.reason, serial, world.now, world.mailbox,
        )  # fmt: skip
        enrollment.touches.append(touch)
        world.touches.append(touch)
        if planned.state == "skipped":
            touch.ended_at = world.now
            world.note("skipped", touch, (planned.reason,), planned_at=planned.due_at)
            continue
        world.open.append(touch)
        if not planned.step.before_meeting:
            touch.since, since = since, planned.due_at
    enrollment.active = any(touch.state == "scheduled" for touch in enrollment.touches)


def stop(world: World, enrollment: Enrollment, reason: Reason, *, skipped: bool = False) -> None:
    """End an enrollment with all of it that waits: cancelled, or skipped where the address is barred."""
    enrollment.active = False
    world.tell("stopped", sequence=enrollment.sequence.key, reasons=(reason,))
    for touch in enrollment.touches:
        if touch.state == "scheduled":
            end(world, touch, "skipped" if skipped else "cancelled", reason)
            world.note("skipped" if skipped else "cancelled", touch, (reason,), planned_at=touch.due_at)


def resume(world: World) -> None:
    """Ask the emails again that waited for the prospect's return."""
    for touch in world.open:
        waits = touch.state == "scheduled" and touch.reason.code in (AWAY, BY_HAND, PAUSE)
        if waits and touch.next_attempt_at is not None and touch.next_attempt_at > world.now:
            touch.next_attempt_at, touch.reason, touch.known_at = world.now, because("due"), world.now


def reanchor(world: World, enrollment: Enrollment, moved: Reanchor) -> None:
    """Move the steps before a meeting to their new time."""
    by_position = {touch.position: touch for touch in enrollment.touches}
    for again in moved.released:
        touch = by_position[again.position]
        if touch.state == "scheduled":
            _set_free(world, touch, again)
            touch.holds, touch.announced = (), False


def step_ended(world: World, touch: Touch, ended_at: datetime | None) -> None:
    """Release what waits behind a touch; complete the enrollment when nothing waits."""
    enrollment = touch.enrollment
    if not enrollment.active:
        return
    sequence = enrollment.sequence
    if ended_at is not None and not touch.step.before_meeting:
        waiting = leaving.waiting_behind(sequence, enrollment.touches, touch.position)
        steps = [waiting[position].step for position in waiting]
        since, where = ended_at, world.where(enrollment.playbook)
        for free in sequences.release(enrollment.playbook, steps, ended_at=ended_at, where=where):
            row = waiting[free.position]
            _set_free(world, row, free)
            row.since, since = since, free.due_at
    if _is_over(enrollment, touch):
        enrollment.active = False
        world.tell("completed", sequence=sequence.key)


def _is_over(enrollment: Enrollment, touch: Touch) -> bool:
    sequence, rows = enrollment.sequence, enrollment.touches
    if all(row is touch or row.state not in leaving.OPEN or leaving.lingers(sequence, row) for row in rows):
        return True
    # Once an uncertain email counts as sent, only emails that may still leave keep its enrollment active.
    emails = [row for row in rows if row.kind == "email" and row.state in leaving.OPEN]
    return any(row.is_settled for row in rows) and all(row.is_settled for row in emails)


def _set_free(world: World, touch: Touch, free: Released) -> None:
    touch.due_at, touch.not_after, touch.next_attempt_at = free.due_at, free.not_after, free.due_at
    touch.reason, touch.known_at = because("due"), world.now


def end(world: World, touch: Touch, state: str, reason: Reason) -> None:
    """End a touch; the line about it is the caller's."""
    touch.state, touch.reason, touch.ended_at, touch.next_attempt_at = state, reason, world.now, None
    world.open.remove(touch)
