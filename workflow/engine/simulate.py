"""A life in advance: every mail, task, skip and stop that a playbook would bring an imagined prospect, and why.

Pure: no database, no network, and a clock of its own. Decisions, due times and the rules of sending are those of
production; only the rows are plain values here. The mail server takes every email, and the mailbox serves nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import calendar, leaving, sequences
from workflow.engine import signals as kinds
from workflow.engine.decide import decide
from workflow.engine.life import ACTS, DONE, SENT_NOW, SKIPPED, Entry, Happening, Letter, Life, Standing, Written
from workflow.engine.reasons import Reason, because
from workflow.engine.signals import FIELDS, EnrollmentView, MeetingView, ProspectView
from workflow.errors import OnwardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.engine.decide import Decision, Enroll, MeetingFact, Stop
    from workflow.engine.life import Ending, Imagined, Kind, Writer
    from workflow.engine.sequences import Whereabouts
    from workflow.playbook.schema import Playbook, Sequence, Step

HORIZON: Final = timedelta(days=120)


def simulate(
    playbook: Playbook,
    person: Imagined,
    script: Iterable[Happening],
    *,
    begins: datetime,
    horizon: timedelta = HORIZON,
    writer: Writer | None = None,
) -> Life:
    """Live through `script` from `begins` on, and for `horizon` beyond its last event, or until nothing is left to do.

    Without a `writer` the emails have no words.
    """
    return _Play(playbook, person, begins, writer).run(sorted(script, key=lambda happening: happening.at), horizon)


@dataclass(slots=True)
class _Enrollment:
    id: str
    sequence: Sequence
    meeting_uid: str | None
    touches: list[_Touch] = field(default_factory=list)
    active: bool = True


@dataclass(slots=True)
class _Touch:
    """A touch as a row would hold it. `since` is the end of the step before it, `holds` what it has waited for."""

    enrollment: _Enrollment
    step: Step
    state: str
    due_at: datetime
    not_after: datetime
    next_attempt_at: datetime | None
    reason: Reason
    serial: int
    since: datetime | None = None
    ended_at: datetime | None = None
    forced: bool = False
    announced: bool = False
    subject: str = ""
    holds: tuple[Reason, ...] = ()

    @property
    def position(self) -> int:
        return self.step.position

    @property
    def kind(self) -> str:
        return "email" if self.step.email else "task"


class _Play:
    """One life in the making; used once and thrown away."""

    def __init__(self, playbook: Playbook, person: Imagined, begins: datetime, writer: Writer | None) -> None:
        self.playbook = playbook
        self.person = person
        self.writer = writer
        self.now = begins
        self.view = ProspectView("", fields=dict.fromkeys(FIELDS, ""), fallback_zone=person.rep_zone)
        self.meetings: dict[str, MeetingFact] = {}
        self.answers: dict[str, str] = {}
        self.enrollments: list[_Enrollment] = []
        self.touches: list[_Touch] = []
        self.open: list[_Touch] = []
        self.last_mail_at: datetime | None = None
        self.entries: list[Entry] = []

    def run(self, script: list[Happening], horizon: timedelta) -> Life:
        person, begins = self.person, self.now
        if person.stage is None:
            introduced = Happening(begins, kinds.UPSERTED, fields=person.fields, custom=person.custom, said="is new")
            self._tell(introduced)
        else:
            fields = {**self.view.fields, **person.fields}
            self.view = replace(
                self.view, fields=fields, custom=person.custom, stage=person.stage, version=1, entered_stage_at=begins
            )
        for happening in script:
            self._until(happening.at)
            self.now = max(self.now, happening.at)
            if happening.kind in ACTS:
                self._act(happening)
            else:
                self._tell(happening)
        self._until(self.now + horizon)
        return Life(
            entries=tuple(self.entries),
            touches=tuple(_standing(touch) for touch in self.touches),
            stage=self.view.stage,
            outcome=self.view.outcome,
            ending=self._ending(),
            ended_at=self.now,
        )

    def _ending(self) -> Ending:
        if self._next() is not None:
            return "horizon"
        if self.open:
            return "waiting"
        return "closed" if self.playbook.is_final(self.view.stage) else "quiet"

    # --- time: the next mail that may leave, the next task that falls due

    def _until(self, limit: datetime) -> None:
        """Let everything happen that falls due up to `limit`."""
        while True:
            at = self._next()
            if at is None or at > limit:
                return
            self.now = max(self.now, at)
            for touch in self._ready():
                if touch.state == "scheduled":
                    self._leave(touch)
            for touch in self.open:
                if _is_due(touch, self.now) and touch.kind == "task" and not touch.announced:
                    touch.announced = True
                    self._note("task", touch, (touch.reason,), planned_at=touch.due_at)

    def _next(self) -> datetime | None:
        times = []
        for touch in self.open:
            if touch.next_attempt_at is None:
                continue
            if touch.kind == "email":
                times.append(self._mailbox_free(touch))
            elif not touch.announced:
                times.append(touch.next_attempt_at)
        return min(times, default=None)

    def _mailbox_free(self, touch: _Touch) -> datetime:
        """When an email is claimed: once it is due and the mailbox has kept its gap, unless it is forced."""
        due = touch.next_attempt_at or touch.due_at
        gap = self.playbook.limits.mailbox.min_gap
        if touch.forced or self.last_mail_at is None or not gap:
            return due
        return max(due, self.last_mail_at + gap)

    def _ready(self) -> list[_Touch]:
        """What the clock would claim now: all that is due, or one at a time where the mailbox keeps a gap."""
        due = [touch for touch in self.open if _is_due(touch, self.now) and touch.kind == "email"]
        ready = [touch for touch in due if self._mailbox_free(touch) <= self.now]
        ready.sort(key=lambda touch: (touch.next_attempt_at, touch.serial))
        return ready[:1] if self.playbook.limits.mailbox.min_gap else ready

    # --- the protocol of sending, as `outreach` follows it

    def _leave(self, touch: _Touch) -> None:
        step = touch.step
        if not self.view.fields.get("email"):
            self._skip(touch, because("no_address"))
            return
        if self.view.suppressed:
            self._skip(touch, because("suppressed"))
            return
        if touch.next_attempt_at is not None and touch.next_attempt_at < self.now and not step.before_meeting:
            # The mailbox kept it; its deadline is held open for that.
            touch.not_after = max(touch.not_after, self.now)
            touch.holds = (*touch.holds, because("limit"))
        until = leaving.leaves_until(step, due_at=touch.due_at, not_after=touch.not_after, attempts=0)
        if self.now > until:
            self._skip(touch, because("too_late", until=until.isoformat(timespec="minutes")))
            return
        hold = leaving.when_it_may_leave(
            self.playbook,
            step,
            self.now,
            not_after=touch.not_after,
            forced=touch.forced,
            where=self._where,
            last_mail_at=lambda: self.last_mail_at,
        )
        if hold is None:
            self._send(touch)
            return
        touch.next_attempt_at, touch.reason = hold.until, hold.reason
        touch.not_after = hold.not_after or touch.not_after
        touch.holds = (*touch.holds, hold.reason)
        self._note("held", touch, (hold.reason,), planned_at=self._planned_at(touch), until=hold.until)

    def _send(self, touch: _Touch) -> None:
        written = Written("", "")
        if self.writer is not None:
            try:
                written = self.writer.write(self._letter(touch))
            except OnwardError as error:
                self._fail(touch, because("render", problem=error.message))
                return
        touch.subject = written.subject
        planned = self._planned_at(touch)
        why = (touch.reason,) if touch.forced else (because("due"), *self._moved_by_window(touch, planned))
        why += tuple(hold for number, hold in enumerate(touch.holds) if hold not in (*why, *touch.holds[:number]))
        self.last_mail_at = self.now
        self._end(touch, "sent", because("sent"))
        self._note("mail", touch, why, planned_at=planned, written=written)
        self._step_ended(touch, self.now)

    def _letter(self, touch: _Touch) -> Letter:
        enrollment = touch.enrollment
        before = [other for other in enrollment.touches if other.position < touch.position and other.state == "sent"]
        goes_on = touch.step.same_thread and before
        return Letter(
            replace(touch.step, email=sequences.email_of(touch.step, enrollment.id)),
            self.view.fields,
            self.view.stage,
            self.answers,
            self.meetings.get(enrollment.meeting_uid or ""),
            self._where().zone,
            before[0].subject.removeprefix("Re: ") if goes_on else "",
        )

    def _planned_at(self, touch: _Touch) -> datetime:
        """When the plan alone would have had it, whatever the window says."""
        if touch.step.before_meeting:
            return touch.not_after - touch.step.lead
        if touch.since is None:
            return touch.due_at
        where = self._where()
        return calendar.add(touch.step.after, touch.since, self.playbook.calendar, where.zone, where.country)

    def _moved_by_window(self, touch: _Touch, planned: datetime) -> Iterator[Reason]:
        if touch.due_at > planned:
            yield because("window")

    def _skip(self, touch: _Touch, reason: Reason, *, waited: bool = False) -> None:
        self._end(touch, "skipped", reason)
        self._note("skipped", touch, (reason,), planned_at=touch.due_at)
        self._step_ended(touch, None if waited else self.now)

    def _fail(self, touch: _Touch, reason: Reason) -> None:
        self._end(touch, "failed", reason)
        self._note("failed", touch, (reason,), planned_at=touch.due_at)
        self._stop(touch.enrollment, because("stop.failed", step=touch.step.key))

    def _step_ended(self, touch: _Touch, ended_at: datetime | None) -> None:
        """Release what waits behind a touch; complete the enrollment when nothing waits."""
        enrollment = touch.enrollment
        if not enrollment.active:
            return
        sequence = enrollment.sequence
        if ended_at is not None and not touch.step.before_meeting:
            waiting = leaving.waiting_behind(sequence, enrollment.touches, touch.position)
            steps = [waiting[position].step for position in waiting]
            since = ended_at
            for free in sequences.release(self.playbook, steps, ended_at=ended_at, where=self._where()):
                row = waiting[free.position]
                row.due_at, row.not_after, row.next_attempt_at = free.due_at, free.not_after, free.due_at
                row.reason, row.since = because("due"), since
                since = free.due_at
        if all(row.state not in leaving.OPEN or leaving.lingers(sequence, row) for row in enrollment.touches):
            enrollment.active = False
            self.entries.append(Entry(self.now, self._where().zone, "completed", sequence=sequence.key))

    # --- events, decided by the engine and written down as `apply` does

    def _tell(self, happening: Happening) -> None:
        self.view = replace(
            self.view,
            enrollments=tuple(
                EnrollmentView(each.id, each.sequence, each.meeting_uid) for each in self.enrollments if each.active
            ),
            meetings=tuple(
                MeetingView(fact.uid, fact.uid, fact.state, fact.starts_at, fact.changed_at)
                for fact in self.meetings.values()
            ),
            answers=dict(self.answers),
        )
        decision = decide(self.playbook, self.view, happening.signal(), self.now)
        place = len(self.entries)
        self._carry_out(decision)
        # Told last, for it may be the event that says where the prospect lives, and shown first.
        zone = self._where().zone
        told = Entry(self.now, zone, "event", happening.said, reasons=decision.reasons, verdict=decision.verdict)
        self.entries.insert(place, told)

    def _carry_out(self, decision: Decision) -> None:
        if not decision.history:
            return
        barred = decision.suppress is not None and bool(self.view.fields.get("email"))
        self._fold(decision)
        zone = self._where().zone
        if decision.meeting is not None:
            self._meet(decision.meeting)
        active = {each.id: each for each in self.enrollments if each.active}
        for stop in decision.stop:
            self._stopped(active[stop.enrollment_id], stop)
        for moved in decision.reanchor:
            by_position = {touch.position: touch for touch in active[moved.enrollment_id].touches}
            for again in moved.released:
                touch = by_position[again.position]
                if touch.state == "scheduled":
                    touch.due_at, touch.not_after, touch.next_attempt_at = again.due_at, again.not_after, again.due_at
                    touch.reason, touch.holds, touch.announced = because("due"), (), False
        for enroll in decision.enroll:
            self._enroll(enroll, zone)
        calls = kinds.call_words(decision.call) if decision.call is not None else frozenset()
        self.view = replace(self.view, suppressed=self.view.suppressed or barred, calls=self.view.calls | calls)
        self.answers.update(decision.answers)

    def _fold(self, decision: Decision) -> None:
        """The prospect after the rows of history that the decision makes."""
        folded: dict[str, Any] = {}
        for change in decision.history:
            folded |= change.changes
            if change.kind == "moved":
                told = f"{change.from_stage} → {change.to_stage}"
                said = ", ".join(filter(None, [told, change.changes.get("outcome"), change.reason]))
                self.entries.append(Entry(self.now, self._where().zone, "moved", said))
        facts: dict[str, str] = {name: folded.pop(name) for name in FIELDS if name in folded}
        version = self.view.version + len(decision.history)
        self.view = replace(self.view, fields={**self.view.fields, **facts}, version=version, **folded)

    def _meet(self, fact: MeetingFact) -> None:
        known = self.meetings.get(fact.uid)
        if known is not None:
            fact = replace(fact, ends_at=fact.ends_at or known.ends_at, place=fact.place or known.place)
        self.meetings[fact.uid] = fact
        told = Entry(self.now, self._where().zone, "meeting", fact.state, step=fact.uid)
        self.entries.append(replace(told, planned_at=fact.starts_at, until=fact.ends_at))

    def _enroll(self, enroll: Enroll, zone: ZoneInfo) -> None:
        sequence = enroll.sequence
        enrollment = _Enrollment(str(len(self.enrollments)), sequence, enroll.meeting_uid)
        self.enrollments.append(enrollment)
        self.view = replace(self.view, begun={**self.view.begun, sequence.key: self.now})
        self.entries.append(Entry(self.now, zone, "began", sequence=sequence.key))
        since = self.now
        for planned in enroll.touches:
            serial = len(self.touches)
            touch = _Touch(
                enrollment, planned.step, planned.state, planned.due_at, planned.not_after, planned.next_attempt_at,
                planned.reason, serial,
            )  # fmt: skip
            enrollment.touches.append(touch)
            self.touches.append(touch)
            if planned.state == "skipped":
                touch.ended_at = self.now
                self._note("skipped", touch, (planned.reason,), planned_at=planned.due_at)
                continue
            self.open.append(touch)
            if not planned.step.before_meeting:
                touch.since, since = since, planned.due_at
        enrollment.active = any(touch.state == "scheduled" for touch in enrollment.touches)

    def _stopped(self, enrollment: _Enrollment, stop: Stop) -> None:
        self._stop(enrollment, stop.reason, skipped=stop.suppressed)

    def _stop(self, enrollment: _Enrollment, reason: Reason, *, skipped: bool = False) -> None:
        enrollment.active = False
        key = enrollment.sequence.key
        self.entries.append(Entry(self.now, self._where().zone, "stopped", sequence=key, reasons=(reason,)))
        for touch in enrollment.touches:
            if touch.state == "scheduled":
                self._end(touch, "skipped" if skipped else "cancelled", reason)
                self._note("skipped" if skipped else "cancelled", touch, (reason,), planned_at=touch.due_at)

    # --- what the rep does to a touch

    def _act(self, happening: Happening) -> None:
        touch = self._meant(happening)
        zone = self._where().zone
        if touch is None:
            task = "task" if happening.kind == DONE else "email" if happening.kind == SENT_NOW else "step"
            said = f"{happening.said} (no {task} “{happening.step}” is waiting)"
            self.entries.append(Entry(self.now, zone, "event", said, verdict="ignored"))
            return
        waited = touch.next_attempt_at is None
        self.entries.append(Entry(self.now, zone, "event", happening.said, verdict="applied"))
        if happening.kind == SKIPPED:
            self._skip(touch, because("skipped_by", by="rep"), waited=waited)
        elif happening.kind == DONE:
            self._end(touch, "done", because("done_by", by="rep"))
            self._note("done", touch, (touch.reason,), planned_at=touch.due_at)
            self._step_ended(touch, None if waited else self.now)
        else:
            touch.forced, touch.next_attempt_at = True, self.now
            touch.due_at = min(touch.due_at, self.now)
            touch.not_after = max(touch.not_after, self.now + leaving.STILL_GOOD_FOR)
            touch.reason = because("send_now", by="rep")

    def _meant(self, happening: Happening) -> _Touch | None:
        """The newest open touch of the named step, `step` or `sequence.step`."""
        sequence, _, key = happening.step.rpartition(".")
        for touch in reversed(self.open):
            if touch.step.key != key or sequence not in ("", touch.enrollment.sequence.key):
                continue
            if happening.kind == SKIPPED or (touch.kind == "task") == (happening.kind == DONE):
                return touch
        return None

    # --- small change

    def _where(self) -> Whereabouts:
        fields = self.view.fields
        zone, country = fields.get("time_zone"), fields.get("country")
        return sequences.whereabouts(self.playbook, zone, self.view.fallback_zone, country)

    def _end(self, touch: _Touch, state: str, reason: Reason) -> None:
        touch.state, touch.reason, touch.ended_at, touch.next_attempt_at = state, reason, self.now, None
        self.open.remove(touch)

    def _note(
        self,
        kind: Kind,
        touch: _Touch,
        reasons: tuple[Reason, ...],
        *,
        planned_at: datetime,
        until: datetime | None = None,
        written: Written | None = None,
    ) -> None:
        written = written or Written("", "")
        self.entries.append(
            Entry(
                self.now,
                self._where().zone,
                kind,
                sequence=touch.enrollment.sequence.key,
                step=touch.step.key,
                reasons=reasons,
                planned_at=planned_at,
                until=until,
                subject=written.subject,
                text=written.text,
            )
        )


def _is_due(touch: _Touch, now: datetime) -> bool:
    return touch.next_attempt_at is not None and touch.next_attempt_at <= now


def _standing(touch: _Touch) -> Standing:
    return Standing(
        touch.enrollment.sequence.key,
        touch.step.key,
        touch.kind,
        touch.state,
        touch.due_at,
        touch.ended_at,
        touch.reason,
    )
