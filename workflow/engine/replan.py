"""What another version of the playbook makes of an enrollment under way: which steps stay, move, come and go.

Pure, and with the rules of production: `sequences` for due times, `calendar` for windows. What has left, was done or
is in a sender's hands stays as it is; the rest is planned from the same past.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from workflow.engine import leaving, sequences
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from workflow.engine.sequences import Whereabouts
    from workflow.playbook import schema
    from workflow.playbook.schema import Playbook, Step

COUNTS_AS_SENT: Final = timedelta(hours=24)
"""After this an email whose arrival is uncertain holds nothing up any more."""
Fate = Literal["unaffected", "earlier", "later", "gained", "lost"]
FATES: Final[tuple[Fate, ...]] = ("unaffected", "earlier", "later", "gained", "lost")
_ENDED: Final = ("sent", "skipped", "failed", "done")
_IN_HANDS: Final = ("claimed", "sending", "committing")
_IN_DOUBT: Final = ("committing", "uncertain")


@dataclass(frozen=True, slots=True)
class Stood:
    """A touch as it stands in its row."""

    id: str
    step: str
    position: int
    generation: int
    kind: str
    state: str
    due_at: datetime
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    committed_at: datetime | None
    attempts: int
    forced: bool
    asks_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class InFlight:
    """An active enrollment with what its remaining steps depend on.

    `anchor` is what its first step counts from, `meeting_at` the start of its meeting if that is still to come about,
    `unreachable` why no email may go to its prospect.
    """

    id: str
    prospect_id: str
    sequence: str
    digest: str
    anchor: datetime
    meeting_at: datetime | None
    time_zone: str | None
    rep_zone: str | None
    country: str | None
    unreachable: Reason | None
    touches: tuple[Stood, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """A step that is still to come: of a touch that waits, or of one that would be made.

    `at` is when it is due, never before now; `waits_for` names the step that holds it. A `fixed` one keeps its time
    whatever the playbook says. A `barred` one is skipped at once.
    """

    step: Step
    touch: Stood | None
    at: datetime
    not_after: datetime
    waits_for: str | None = None
    fixed: bool = False
    barred: Reason | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one touch. Without `before` it is gained, with that `generation`; without `after` it is lost.

    `rewrite` says that its row must tell other times, which may be so for a touch that is unaffected as well.
    """

    fate: Fate
    before: Stood | None
    after: Expected | None
    was_at: datetime | None = None
    rewrite: bool = False
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Replanned:
    """What a move to another version makes of an enrollment. `over` says that nothing of it is left to do.

    One that `stays` cannot be moved: an email of a step that is gone has left, and nobody knows yet whether it arrived.
    """

    changes: tuple[Change, ...]
    positions: Mapping[str, int]
    over: bool = False
    stays: bool = False


def expect(
    playbook: Playbook,
    sequence: schema.Sequence,
    flight: InFlight,
    now: datetime,
    renamed: Mapping[str, Stood] | None = None,
) -> tuple[Expected, ...]:
    """The steps of `sequence` that are still to come for an enrollment with this past, in order.

    `renamed` names steps whose email has left already under another key.
    """
    return tuple(_Course(playbook, sequence, flight, now, renamed or {}).run())


def alike(old: tuple[Playbook, schema.Sequence], new: tuple[Playbook, schema.Sequence]) -> bool:
    """Whether a sequence plans the same in two versions, so that nothing of it need be planned anew."""
    return (
        (old[0].calendar, old[0].time_zone) == (new[0].calendar, new[0].time_zone)
        and len(old[1].steps) == len(new[1].steps)
        and all(map(_plans_alike, old[1].steps, new[1].steps))
    )


def _plans_alike(one: Step, other: Step) -> bool:
    return replace(one, email="" if one.email else None, task=None, variants=(), line=0) == replace(
        other, email="" if other.email else None, task=None, variants=(), line=0
    )


def replan(
    old: tuple[Playbook, schema.Sequence], new: tuple[Playbook, schema.Sequence], flight: InFlight, now: datetime
) -> Replanned:
    """What moving the enrollment from one version to the other changes."""
    open_ = [touch for touch in flight.touches if touch.state in leaving.OPEN]
    steps = {step.key: step for step in new[1].steps}
    if any(touch.state in _IN_DOUBT and touch.step not in steps for touch in open_):
        return Replanned((), {}, stays=True)
    before = {each.touch.id: each for each in expect(*old, flight, now) if each.touch is not None}
    changes = list(_changes(before, expect(*new, flight, now, _renamed(old[1], new[1], flight)), flight))
    met = {change.before.id for change in changes if change.before is not None}
    for touch in open_:
        if touch.id not in met and touch.state in ("scheduled", *_IN_HANDS) and not _keeps(touch, steps):
            was = before.get(touch.id)
            changes.append(Change("lost", touch, None, was.at if was else touch.due_at))
    lost = {change.before.id for change in changes if change.fate == "lost" and change.before is not None}
    remains = any(touch.id not in lost for touch in open_) or any(_lives(change) for change in changes)
    positions = {
        touch.id: steps[touch.step].position
        for touch in flight.touches
        if touch.step in steps and steps[touch.step].position != touch.position
    }
    return Replanned(tuple(changes), positions, over=not remains)


def _lives(change: Change) -> bool:
    return change.fate == "gained" and change.after is not None and change.after.barred is None


def _keeps(touch: Stood, steps: Mapping[str, Step]) -> bool:
    """Whether an open touch is one of a step that is still there, and still of the same kind."""
    step = steps.get(touch.step)
    return step is not None and _is_of(touch, step)


def _is_of(touch: Stood, step: Step) -> bool:
    return touch.state not in ("scheduled", "claimed", "sending") or (touch.kind == "email") == (step.email is not None)


def _changes(before: Mapping[str, Expected], after: Sequence[Expected], flight: InFlight) -> Iterator[Change]:
    for expected in after:
        touch = expected.touch
        if touch is None:
            newest = _newest(flight, expected.step.key)
            yield Change("gained", None, expected, generation=newest.generation + 1 if newest else 1)
            continue
        was = before.get(touch.id)
        if expected.fixed or was is None:
            yield Change("unaffected", touch, expected, touch.due_at)
            continue
        fate: Fate = "unaffected"
        if expected.at != was.at:
            fate = "earlier" if expected.at < was.at else "later"
        held_otherwise = (expected.waits_for is None) != (was.waits_for is None)
        named_otherwise = expected.waits_for != was.waits_for
        later_lateness = expected.step.lateness != was.step.lateness
        rewrite = fate != "unaffected" or held_otherwise or named_otherwise or later_lateness
        yield Change(fate, touch, expected, was.at, rewrite)


def _newest(flight: InFlight, key: str) -> Stood | None:
    """The newest touch of a step."""
    found = [touch for touch in flight.touches if touch.step == key]
    return max(found, key=lambda touch: touch.generation, default=None)


def _renamed(old: schema.Sequence, new: schema.Sequence, flight: InFlight) -> dict[str, Stood]:
    """Steps under a new key whose email has left under one that is gone: nobody gets it a second time for that."""
    known, left = {step.key for step in new.steps}, {step.key: step.emails for step in old.steps}
    gone = [touch for touch in flight.touches if touch.state == "sent" and touch.step not in known]
    found: dict[str, Stood] = {}
    for step in new.steps:
        if _newest(flight, step.key) is None:
            same = (touch for touch in gone if set(step.emails) & set(left.get(touch.step, ())))
            touch = next(same, None)
            if touch is not None:
                found[step.key] = touch
                gone.remove(touch)
    return found


class _Course:
    """One walk along the steps of a sequence; used once and thrown away.

    `since` is what the next step counts from, `reached` when the last step that others wait for ended, and `holder`
    the open one that they wait for.
    """

    def __init__(
        self,
        playbook: Playbook,
        sequence: schema.Sequence,
        flight: InFlight,
        now: datetime,
        renamed: Mapping[str, Stood],
    ) -> None:
        self.playbook = playbook
        self.flight = flight
        self.now = now
        self.steps = sequence.steps
        self.where: Whereabouts = sequences.whereabouts(playbook, flight.time_zone, flight.rep_zone, flight.country)
        self.touches = {step.key: renamed.get(step.key) or self._touch(step) for step in self.steps}
        self.since = self.reached = self._begun()
        self.holder: str | None = None
        # What a version adds before a step that has left is no longer wanted.
        self.passed = max((s.position for s in self.steps if not s.before_meeting and self._is_past(s)), default=-1)

    def run(self) -> Iterator[Expected]:
        for step in self.steps:
            touch = self.touches[step.key]
            if touch is not None and touch.state in _ENDED:
                self._go_past(step, touch)
                if touch.step != step.key:
                    reason = because("published.sent_as", step=touch.step)
                    yield self._expected(step, None, self.since, barred=reason)
            elif touch is not None and touch.state == "uncertain":
                self._wait_for_news(step, touch)
            elif touch is not None and self._stays(touch):
                yield from self._hold(step, touch)
            elif step.before_meeting:
                yield from self._before_meeting(step, touch)
            elif touch is not None or step.position > self.passed:
                yield self._plan(step, touch)

    def _touch(self, step: Step) -> Stood | None:
        """The touch that stands for a step: the newest, unless a move of version had taken it back."""
        touch = _newest(self.flight, step.key)
        return touch if touch is not None and touch.state != "cancelled" and _is_of(touch, step) else None

    def _begun(self) -> datetime:
        """What the first step counts from: the start, or what a version that is left behind has sent since."""
        here = {touch.step for touch in self.touches.values() if touch is not None}
        gone = (touch for touch in self.flight.touches if touch.step not in here and touch.state in ("sent", "done"))
        return max((self.flight.anchor, *(touch.ended_at for touch in gone if touch.ended_at is not None)))

    def _is_past(self, step: Step) -> bool:
        touch = self.touches[step.key]
        if touch is None or _at_once(touch):
            return False
        return touch.state in (*_ENDED, "uncertain") or self._stays(touch)

    def _stays(self, touch: Stood) -> bool:
        """Whether a touch keeps its time: in a sender's hands, tried before, or a person's to send, now or later."""
        return touch.state in _IN_HANDS or touch.forced or touch.attempts > 0 or touch.asks_since is not None

    def _go_past(self, step: Step, touch: Stood) -> None:
        if step.before_meeting or self.holder is not None or _at_once(touch) or touch.ended_at is None:
            return
        if touch.state != "sent" and touch.ended_at < self.reached:
            # It ended while it waited itself, and so nothing counts from its end.
            return
        if step.email is not None or step.blocking:
            self.since = self.reached = touch.ended_at
        else:
            # Nothing waits for a task that does not block: for what follows it ends when it is due.
            self.since = touch.due_at

    def _wait_for_news(self, step: Step, touch: Stood) -> None:
        if step.before_meeting or touch.committed_at is None:
            return
        until = touch.committed_at + COUNTS_AS_SENT
        if self.holder is None and until > self.now:
            self.holder = step.key
        self.since = self.reached = max(self.reached, until)

    def _hold(self, step: Step, touch: Stood) -> Iterator[Expected]:
        at = max(touch.next_attempt_at or touch.due_at, self.now)
        yield self._expected(step, touch, at, fixed=True)
        if not step.before_meeting:
            self._then(step, at)

    def _before_meeting(self, step: Step, touch: Stood | None) -> Iterator[Expected]:
        meeting_at = self.flight.meeting_at
        if touch is not None and (meeting_at is None or touch.next_attempt_at is None):
            yield self._expected(step, touch, max(touch.due_at, self.now), fixed=True)
        elif meeting_at is not None and (touch is not None or meeting_at - step.lead > self.now):
            again = sequences.reanchor(self.playbook, step, meeting_at, self.where)
            barred = self.flight.unreachable if touch is None and step.email else None
            yield Expected(step, touch, max(again.due_at, self.now), again.not_after, barred=barred)

    def _plan(self, step: Step, touch: Stood | None) -> Expected:
        if touch is None and step.email is not None and self.flight.unreachable is not None:
            return self._expected(step, None, max(self.since, self.now), barred=self.flight.unreachable)
        due = sequences.due_at(self.playbook, step, self.since, self.where)
        at = due if due >= self.now else sequences.from_now(self.playbook, step, self.now, self.where)
        expected = self._expected(step, touch, at)
        # A task that nothing waits for ends for what follows when it is due, be that in the past.
        self._then(step, at if step.email is not None or step.blocking else due)
        return expected

    def _expected(
        self, step: Step, touch: Stood | None, at: datetime, *, fixed: bool = False, barred: Reason | None = None
    ) -> Expected:
        holder = None if fixed or barred else self.holder
        return Expected(step, touch, at, sequences.not_after(step, at), holder, fixed, barred)

    def _then(self, step: Step, at: datetime) -> None:
        self.since = at
        if step.email is not None or step.blocking:
            self.holder = step.key


def _at_once(touch: Stood) -> bool:
    """Whether a touch was left out when its sequence began: then the chain went on as if it were not there."""
    return touch.state == "skipped" and touch.ended_at == touch.created_at


def why(expected: Expected) -> Reason:
    """What the row of a step that is still to come says."""
    if expected.barred is not None:
        return expected.barred
    return because("after", step=expected.waits_for) if expected.waits_for is not None else because("due")
