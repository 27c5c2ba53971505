"""Decides what a signal means for a prospect: `decide(playbook, view, signal, now) -> Decision`.

Pure: no database, no network, no clock. Every door (webhook, panel, API, worker, import) comes through here, so that
no way leads round a guard. Applying a decision is the matter of `workflow.actions.apply`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from workflow.engine import absence, by_hand, guards, machine, meaning, meetings, overtaken, sequences, starts, wishes
from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because
from workflow.engine.sequences import Counted
from workflow.engine.signals import FIELDS, ProspectView, Signal
from workflow.engine.starts import Withheld
from workflow.playbook.schema import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.engine.sequences import Planned, Released, Whereabouts
    from workflow.engine.signals import EnrollmentView
    from workflow.playbook.schema import Playbook, Sequence, Transition

Verdict = Literal["applied", "ignored", "blocked", "stale"]

_TEXT_LIMIT: Final = 2000
_SUPPRESSING: Final = frozenset({"bounce", "complaint", "unsubscribe"})


@dataclass(frozen=True, slots=True)
class Change:
    """One row of history: what changed of the prospect's own fields, and what else the row should tell."""

    kind: str
    occurred_at: datetime
    changes: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    from_stage: str | None = None
    to_stage: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Enroll:
    """Start a sequence with these touches. `meeting_uid` names the meeting it is about, if any.

    `counted` is what their times were counted from.
    """

    sequence: Sequence
    touches: tuple[Planned, ...]
    meeting_uid: str | None
    counted: Counted


@dataclass(frozen=True, slots=True)
class Stop:
    """End an active enrollment and every touch of it that has not passed its commit mark."""

    enrollment_id: str
    sequence: str
    reason: Reason
    suppressed: bool


@dataclass(frozen=True, slots=True)
class Reanchor:
    """Move the steps before a meeting, because the meeting moved to `meeting_at`.

    `digest` names the version that the enrollment follows.
    """

    enrollment_id: str
    released: tuple[Released, ...]
    meeting_at: datetime
    where: Whereabouts
    digest: str


@dataclass(frozen=True, slots=True)
class MeetingFact:
    """A meeting as the signal describes it; times that it does not name stay as they were.

    `replaces` is the name that it had before, or that another meeting had whose place it takes.
    """

    uid: str
    state: str
    starts_at: datetime | None
    ends_at: datetime | None
    place: str
    reason: str
    changed_at: datetime
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that follows from one signal. Empty of effects unless the verdict is `applied`.

    `resume` says that mail which waits for the prospect's return must be asked again, `take_back` that mail sent ahead
    of its time waits too. `revive` is an enrollment that goes on, because whoever ended it did not mean to.
    """

    verdict: Verdict
    stage: str
    reasons: tuple[Reason, ...] = ()
    history: tuple[Change, ...] = ()
    enroll: tuple[Enroll, ...] = ()
    stop: tuple[Stop, ...] = ()
    reanchor: tuple[Reanchor, ...] = ()
    meeting: MeetingFact | None = None
    suppress: Reason | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    call: Mapping[str, Any] | None = None
    withheld: tuple[Withheld, ...] = ()
    resume: bool = False
    take_back: bool = False
    revive: str | None = None


def wants(playbook: Playbook, view: ProspectView, signal: Signal) -> frozenset[guards.Kind]:
    """The facts beyond the prospect's row and its enrollments that the decision depends on: most need none."""
    stage = view.stage or playbook.first_stage
    ways = machine.ways_for(playbook, stage, trigger) if (trigger := meaning.trigger(playbook, signal)) else ()
    found = guards.wants(playbook, [need for way in ways for need in way.needs])
    whens = {signal.kind, *(("stage.entered",) if ways else ())}
    if view.version and (signal.kind == kinds.STARTED or starts.remembers(playbook, whens)):
        found |= {"sequences"}
    return found


def decide(playbook: Playbook, view: ProspectView, signal: Signal, now: datetime) -> Decision:
    """What `signal` means for the prospect of `view` at `now`. A refusal is a value with its reasons, no error."""
    return _Course(playbook, view, signal, now).decide()


class _Course:
    """One decision in the making; used once and thrown away."""

    def __init__(self, playbook: Playbook, view: ProspectView, signal: Signal, now: datetime) -> None:
        self.playbook = playbook
        self.view = view
        self.signal = signal
        self.now = now
        # What is said to happen in the future has happened by now: its sender's clock runs ahead.
        self.at = min(signal.occurred_at, now)
        self.history: list[Change] = []
        self.words: dict[str, Reason] = {}
        # How many starts each stop word ends: what begins before the close of a deal ends with it.
        self.ends: dict[str, int] = {}
        self.starts: list[tuple[str, str | None, str | None]] = []
        self.withheld: tuple[Withheld, ...] = ()
        self.meeting: MeetingFact | None = None
        self.resume = False
        self.wish = wishes.Wish()

    def decide(self) -> Decision:
        self._introduce()
        verdict, reasons = self._take()
        if self.signal.kind != kinds.MOVE and verdict != "stale":
            verdict, reasons = self._own_words(verdict, reasons)
        if verdict == "stale":
            return Decision(verdict, self.view.stage, reasons)
        if verdict != "applied":
            # What the sender knows of the person is true all the same, and makes an unknown prospect known.
            begun = self._enroll(())[0]
            return Decision(verdict, self.view.stage, reasons, tuple(self.history), begun, withheld=self.withheld)
        stops = self._stop()
        enroll, ousted = self._enroll(stops)
        stops += ousted
        return Decision(
            verdict="applied",
            stage=self.view.stage,
            reasons=reasons,
            history=tuple(self.history),
            enroll=enroll,
            stop=stops,
            reanchor=self._reanchor(stopped={stop.enrollment_id for stop in stops}),
            meeting=self.meeting,
            suppress=next((reason for word, reason in self.words.items() if word in _SUPPRESSING), None),
            answers=meaning.texts(self.signal.data.get("answers", {})) if self.signal.kind == kinds.ANSWERS else {},
            call=self.signal.data if self.signal.kind == kinds.CALL_ENDED else None,
            withheld=self.withheld,
            resume=self.resume,
            take_back=self.wish.take_back,
            revive=self.wish.revive,
        )

    def _take(self) -> tuple[Verdict, tuple[Reason, ...]]:
        kind = self.signal.kind
        if kind == kinds.UPSERTED:
            return "applied", ()
        if kind == kinds.MOVE:
            return self._move(str(self.signal.data.get("trigger", "")), self.signal.data)
        takers = (
            ({kinds.CALL_ENDED}, self._call_ended), ({kinds.ANSWERS}, self._answered), (kinds.MEETING_KINDS, self._met),
            ({kinds.ANSWERED}, self._invited), (kinds.MAIL_KINDS, self._mailed),
            (kinds.WISH_KINDS | kinds.HAND_KINDS, self._wished),
        )  # fmt: skip
        take = next((take for those, take in takers if kind in those), None)
        return take() if take is not None else ("ignored", (because("no_meaning"),))

    def _introduce(self) -> None:
        """Take over the facts that came with the signal; make the prospect if there is none yet."""
        facts = {name: value for name, value in self.signal.fields.items() if self.view.fields.get(name, "") != value}
        changes: dict[str, Any] = {name: value for name, value in facts.items() if name in FIELDS}
        custom = {**self.view.custom, **self.signal.custom}
        if custom != self.view.custom:
            changes["custom"] = custom
        owner = self.signal.owner_id
        if owner is not None and owner != self.view.owner_id:
            changes["owner_id"] = owner
        if self.view.version == 0:
            stage = self.playbook.first_stage
            changes |= {"stage": stage, "entered_stage_at": self.at, "moved_at": kinds.NEVER}
            quiet = self.signal.quiet
            self.history.append(Change("created", self.at, changes, {"quiet": True} if quiet else {}, to_stage=stage))
            self.view = replace(self.view, stage=stage, entered_stage_at=self.at)
            self.starts += [] if quiet else [("stage.entered", stage, None)]
        elif changes:
            self.history.append(Change("edited", self.at, changes))
        self.view = replace(self.view, fields={**self.view.fields, **facts}, custom=custom)

    def _call_ended(self) -> tuple[Verdict, tuple[Reason, ...]]:
        told = {name: self.signal.data[name] for name in ("minutes", "notes") if name in self.signal.data}
        self.history.append(Change("call.ended", self.at, detail=told))
        self.starts.append(("call.ended", None, None))
        return "applied", ()

    def _answered(self) -> tuple[Verdict, tuple[Reason, ...]]:
        answers = meaning.texts(self.signal.data.get("answers", {}))
        self.history.append(Change("answers.recorded", self.at, detail={"answers": answers}))
        return "applied", ()

    def _met(self) -> tuple[Verdict, tuple[Reason, ...]]:
        told = meetings.told(self.view.meetings, self.signal, self.at)
        if told is None:
            return "stale", (because("stale_meeting"),)
        data = {} if told.state == meetings.MOVED else self.signal.data
        self.at = told.at
        self.signal = replace(self.signal, kind=told.kind)
        self.meeting = MeetingFact(
            uid=told.uid,
            state=told.state,
            starts_at=told.starts_at,
            ends_at=data.get("ends_at"),
            place=str(data.get("place") or ""),
            reason=str(data.get("reason") or ""),
            changed_at=self.at,
            replaces=told.replaces,
        )
        said = {name: str(data[name]) for name in ("starts_at", "ends_at", "place", "reason") if data.get(name)}
        self.history.append(Change(told.kind, self.at, detail={"uid": told.uid, **said}))
        # A meeting that went on elsewhere has no reminders of its own any more.
        self._say("meeting.cancelled" if told.state == meetings.MOVED else meaning.STOP_WORDS.get(told.kind))
        if told.kind != kinds.RESCHEDULED:
            self.starts.append((told.kind, None, None))
        return "applied", ()

    def _mailed(self) -> tuple[Verdict, tuple[Reason, ...]]:
        data = self.signal.data
        if self.signal.kind == kinds.AUTO_REPLIED:
            return self._auto_replied()
        told = {name: str(data[name]) for name in ("address", "message_id", "detail") if data.get(name)}
        if self.signal.kind == kinds.REPLIED:
            return self._replied(told, colleague=data.get("colleague") is True)
        permanent = self.signal.kind != kinds.BOUNCED or data.get("permanent", True) is not False
        self.history.append(
            Change(self.signal.kind, self.at, detail=told if permanent else {**told, "permanent": False})
        )
        if permanent:
            self._say(meaning.STOP_WORDS[self.signal.kind])
        return "applied", ()

    def _replied(self, told: Mapping[str, Any], *, colleague: bool) -> tuple[Verdict, tuple[Reason, ...]]:
        """Whoever answers in person is back; a colleague answers for somebody who may not be."""
        changes = {} if colleague or kinds.AWAY in self.view.later else self._waits(absence.BACK)
        detail = {**told, "colleague": True} if colleague else told
        self.history.append(Change(self.signal.kind, self.at, changes, detail))
        self._say("colleague_reply" if colleague else "reply")
        return "applied", ()

    def _auto_replied(self) -> tuple[Verdict, tuple[Reason, ...]]:
        """No answer. Mail waits for somebody who is away, and does not go on to somebody who has left."""
        names = ("address", "message_id", "detail", "about", "returns_on")
        told = {name: str(self.signal.data[name]) for name in names if self.signal.data.get(name)}
        if told.get("about") == "left":
            self.history.append(Change(self.signal.kind, self.at, detail=told))
            self._say("left")
            return "applied", (because("auto_reply.left"),)
        where = self._where()
        # Whoever answered since is back already.
        waits = None if "reply" in self.view.later else absence.hold(self.playbook, told, self.at, where)
        self.history.append(Change(self.signal.kind, self.at, self._waits(waits), told))
        now_on = self.view.hold(self.now)
        if waits is None or now_on is None:
            return "applied", (because("auto_reply"),)
        return "applied", (because("auto_reply.away", until=absence.day(now_on.until, where)),)

    def _waits(self, told: absence.Told | None) -> Mapping[str, Any]:
        """The change that lets mail wait as `told`; nothing where that changes nothing."""
        known = self.view.hold(self.now)
        until, why = absence.merged(known, told, self.now)
        if until == (known.until if known else None):
            return {}
        self.resume = known is not None and (until is None or until < known.until)
        self.view = replace(self.view, mail_hold_until=until, mail_hold_why=why)
        return {"mail_hold_until": until, "mail_hold_why": why}

    def _wished(self) -> tuple[Verdict, tuple[Reason, ...]]:
        told = by_hand.told if self.signal.kind in kinds.HAND_KINDS else wishes.told
        wish = told(self.view, self.signal, self.now)
        if wish is None:
            return "ignored", (because("no_change"),)
        self.wish, self.resume = wish, wish.resume
        self.history.append(Change(self.signal.kind, self.at, wish.changes, wish.detail))
        return "applied", ()

    def _invited(self) -> tuple[Verdict, tuple[Reason, ...]]:
        """An answer to an invitation moves no meeting: its calendar says that by itself."""
        names = ("uid", "answer", "comment", "address")
        told = {name: str(self.signal.data[name]) for name in names if self.signal.data.get(name)}
        self.history.append(Change(self.signal.kind, self.at, detail=told))
        return "applied", ()

    def _own_words(self, verdict: Verdict, reasons: tuple[Reason, ...]) -> tuple[Verdict, tuple[Reason, ...]]:
        """Move as the playbook's `signals` say. Where that is not possible the event itself stands all the same."""
        rule = meaning.rule(self.playbook, self.signal)
        if rule is not None:
            moved, why = self._move(rule.do, {**self.signal.data, **rule.sets})
            return ("applied" if verdict == "applied" else moved), why
        return verdict, reasons

    def _move(self, trigger: str, data: Mapping[str, Any]) -> tuple[Verdict, tuple[Reason, ...]]:
        given = {name: value[:_TEXT_LIMIT] for name, value in data.items() if isinstance(value, str)}
        if given.get("outcome") and given["outcome"] not in OUTCOMES:
            return "blocked", (because("bad_outcome", outcome=given["outcome"]),)
        answer = machine.fire(self.playbook, self.view.stage, trigger, self._facts(given))
        if isinstance(answer, machine.Refused):
            return ("blocked" if answer.possible else "ignored"), answer.reasons
        allowed = answer.transition.outcomes
        if allowed and given.get("outcome") and given["outcome"] not in allowed:
            return "blocked", (because("wrong_outcome", outcome=given["outcome"], what=", ".join(allowed)),)
        if meaning.is_before(self.at, self.view.moved_at):
            return "stale", (because("stale"),)
        self._enter(trigger, answer.transition, given)
        return "applied", ()

    def _facts(self, given: Mapping[str, str]) -> guards.Facts:
        """What the needs of a move may ask about, with what this very signal tells."""
        view, data = self.view, self.signal.data
        answers, calls = dict(view.answers), view.calls
        if self.signal.kind == kinds.ANSWERS:
            answers |= meaning.texts(data.get("answers", {}))
        if self.signal.kind == kinds.CALL_ENDED:
            calls |= kinds.call_words(data)
        meetings = {each.uid: each.state for each in view.meetings}
        if self.meeting is not None:
            meetings[self.meeting.uid] = self.meeting.state
        return guards.Facts(
            fields={**view.fields, **meaning.texts(view.custom), "outcome": view.outcome, **given},
            answers=answers,
            meetings=frozenset(meetings.values()),
            calls=calls,
            begun=frozenset(view.begun) | {each.sequence.key for each in view.enrollments},
            role=self.signal.role,
        )

    def _enter(self, trigger: str, way: Transition, given: Mapping[str, str]) -> None:
        final, was_final = self.playbook.is_final(way.to), self.playbook.is_final(self.view.stage)
        needed = {name: given[name] for name in way.asked_fields if name in given}
        values = {**needed, **way.sets}
        changes: dict[str, Any] = {name: value for name, value in values.items() if name in FIELDS}
        custom = {k: v for k, v in values.items() if k not in FIELDS and k not in ("outcome", "reason")}
        if custom:
            changes["custom"] = {**self.view.custom, **custom}
        outcome = way.sets.get("outcome") or given.get("outcome") if final else None
        reason = given.get("reason") if final else None
        changes |= {"stage": way.to, "entered_stage_at": self.at, "moved_at": max(self.at, self.view.moved_at)}
        if outcome != self.view.outcome or reason != self.view.outcome_reason:
            changes |= {"outcome": outcome, "outcome_reason": reason}
        if self.signal.kind == kinds.MOVE and not self.signal.sender:
            # Whoever moves them by hand knows more than a mailbox that answers by itself.
            changes |= self._waits(absence.BACK)
        detail = {"trigger": trigger} | ({"outcome": outcome} if outcome else {})
        said = given.get("reason")
        self.history.append(Change("moved", self.at, changes, detail, self.view.stage, way.to, said))
        self.view = replace(
            self.view, stage=way.to, outcome=outcome, moved_at=changes["moved_at"], entered_stage_at=self.at
        )
        if final:
            self._say("close")
        elif was_final:
            self._say("reopen")
        self.starts.append(("stage.entered", way.to, outcome))

    def _say(self, word: str | None) -> None:
        if word is not None:
            self.words[word] = because(f"stop.{word}")
            self.ends[word] = len(self.starts)

    def _stop(self) -> tuple[Stop, ...]:
        stops = []
        for enrollment in self.view.enrollments:
            word = next((word for word in self.words if self._stops(enrollment, word)), None)
            if word is not None:
                stop = Stop(enrollment.id, enrollment.sequence.key, self.words[word], word in _SUPPRESSING)
                stops.append(stop)
            elif enrollment.id in self.wish.ends and self.wish.reason is not None:
                stops.append(Stop(enrollment.id, enrollment.sequence.key, self.wish.reason, self.wish.suppressed))
        return tuple(stops)

    def _stops(self, enrollment: EnrollmentView, word: str) -> bool:
        if word not in enrollment.sequence.stop:
            return False
        # What happened to one meeting does not end the reminders of another, nor does a booking that comes late.
        other = enrollment.meeting_id is not None and enrollment.meeting_id != self._meeting_id()
        late = word == "meeting" and meetings.newer(self.view.meetings, enrollment.meeting_id, self.at)
        return not (late or (word.startswith("meeting.") and other))

    def _meeting_id(self) -> str | None:
        if self.meeting is None:
            return None
        names = (self.meeting.uid, self.meeting.replaces)
        return next(
            (known.id for known in self.view.meetings if known.uid in names and known.state != meetings.MOVED), None
        )

    def _enroll(self, stopped: tuple[Stop, ...]) -> tuple[tuple[Enroll, ...], tuple[Stop, ...]]:
        """What begins, and what gives way to it."""
        ended = {stop.enrollment_id for stop in stopped}
        active = [each for each in self.view.enrollments if each.id not in ended]
        wanted: dict[str, Sequence] = {}
        late: dict[str, Withheld] = {}
        for number, (when, stage, outcome) in enumerate(self.starts):
            over = self.view.later.union(word for word, ended in self.ends.items() if number < ended)
            for sequence in self.playbook.sequences.values():
                start = sequence.start
                if start.when != when or sequence.key in (each.sequence.key for each in active):
                    continue
                if start.stage not in (None, stage) or start.outcome not in (None, outcome):
                    continue
                reason = overtaken.withheld(sequence, over)
                if reason is None:
                    wanted.setdefault(sequence.key, sequence)
                else:
                    late[sequence.key] = Withheld(sequence.key, reason)
        if self.wish.begins in self.playbook.sequences:
            wanted.setdefault(self.wish.begins, self.playbook.sequences[self.wish.begins])
        view = self.view
        choice = starts.choose(self.playbook, wanted.values(), active, view.begun, self.now, view.declined)
        self.withheld = (*choice.withheld, *(each for key, each in late.items() if key not in wanted))
        ousted = tuple(Stop(each.id, each.sequence.key, reason, suppressed=False) for each, reason in choice.oust)
        return tuple(self._begin(sequence) for sequence in choice.begin), ousted

    def _begin(self, sequence: Sequence) -> Enroll:
        unreachable = None
        if self.view.suppressed:
            unreachable = because("suppressed")
        elif not self.view.fields.get("email"):
            unreachable = because("no_address")
        meeting_at = self.meeting.starts_at if self.meeting else None
        counted = Counted(self.at, self.now, self._where(), meeting_at, unreachable)
        touches = sequences.plan(
            self.playbook,
            sequence,
            anchor=counted.anchor,
            now=counted.now,
            where=counted.where,
            meeting_at=meeting_at,
            unreachable=unreachable,
        )
        about_meeting = self.meeting is not None and sequence.start.when.startswith("meeting.")
        return Enroll(sequence, touches, self.meeting.uid if self.meeting and about_meeting else None, counted)

    def _reanchor(self, stopped: set[str]) -> tuple[Reanchor, ...]:
        if self.meeting is None or self.meeting.state != "booked" or self.meeting.starts_at is None:
            return ()
        moved, meeting_at = [], self.meeting.starts_at
        for enrollment in self.view.enrollments:
            if enrollment.meeting_id is None or enrollment.meeting_id != self._meeting_id() or enrollment.id in stopped:
                continue
            steps = [step for step in enrollment.sequence.steps if step.before_meeting]
            where = self._where()
            again = tuple(sequences.reanchor(self.playbook, step, meeting_at, where) for step in steps)
            moved.append(Reanchor(enrollment.id, again, meeting_at, where, enrollment.digest or self.playbook.digest))
        return tuple(moved)

    def _where(self) -> sequences.Whereabouts:
        fields = self.view.fields
        return sequences.whereabouts(
            self.playbook, fields.get("time_zone"), self.view.fallback_zone, fields.get("country")
        )
