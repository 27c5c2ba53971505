"""What comes next in a sequence, and when: plans a new enrollment and releases the steps behind an ended one.

Computes due times only; touches no row. The rule of the chain: a step is due `after` the end of the step before it,
a task that does not block ends for this purpose when it is due, and a step before a meeting stands outside the chain.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from workflow.engine import calendar
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.playbook.schema import Playbook, Sequence, Step, Variant

Whose = Literal["prospect", "rep", "playbook"]
# Nothing is too late within a day: an outage of a night must not cost a follow-up.
_LEAST_LATENESS: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the calendar must know of a prospect: the zone of the clock on their wall and their country's holidays.

    `whose` zone it is: the prospect's own, or for want of it the rep's or the playbook's.
    """

    zone: ZoneInfo
    country: str | None
    whose: Whose = "playbook"


@dataclass(frozen=True, slots=True)
class Planned:
    """A touch that is to be. Without `next_attempt_at` it waits for the step before it, and `due_at` is a guess.

    `since` is what its delay was counted from; None where it counts back from a meeting.
    """

    step: Step
    state: Literal["scheduled", "skipped"]
    due_at: datetime
    not_after: datetime
    next_attempt_at: datetime | None
    reason: Reason
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """All that the times of a new enrollment are counted from: the arguments of `plan`."""

    anchor: datetime
    now: datetime
    where: Whereabouts
    meeting_at: datetime | None
    unreachable: Reason | None


@dataclass(frozen=True, slots=True)
class Released:
    """A waiting touch whose time is now known. `since` is when the step ended that it was counted from, if any."""

    position: int
    due_at: datetime
    not_after: datetime
    since: datetime | None = None


def whereabouts(
    playbook: Playbook, time_zone: str | None, fallback_zone: str | None, country: str | None
) -> Whereabouts:
    """The prospect's zone, else the rep's, else the playbook's; with the prospect's country."""
    own = calendar.zone_named(time_zone)
    if own is not None:
        return Whereabouts(own, country or None, "prospect")
    rep = calendar.zone_named(fallback_zone)
    if rep is not None:
        return Whereabouts(rep, country or None, "rep")
    return Whereabouts(calendar.zone_of(playbook.time_zone), country or None)


def plan(
    playbook: Playbook,
    sequence: Sequence,
    *,
    anchor: datetime,
    now: datetime,
    where: Whereabouts,
    meeting_at: datetime | None,
    unreachable: Reason | None,
) -> tuple[Planned, ...]:
    """All touches of a new enrollment: the first released, the later ones with a projected time.

    `anchor` is the time the first step counts from. `unreachable` says why no email may go to this prospect at all:
    then its emails are skipped at once and only its tasks remain.
    """
    planned: list[Planned] = []
    since, before, waiting = anchor, "", False
    for step in sequence.steps:
        skip = unreachable if step.email else None
        if step.before_meeting:
            planned.append(_before_meeting(playbook, step, meeting_at, now, where, skip))
            continue
        if skip is not None:
            planned.append(Planned(step, "skipped", since, since + _LEAST_LATENESS, None, skip, since))
            continue
        due = due_at(playbook, step, since, where)
        reason = because("after", step=before) if waiting else because("due")
        next_at = None if waiting else due
        planned.append(Planned(step, "scheduled", due, not_after(step, due), next_at, reason, since))
        waiting = waiting or step.email is not None or step.blocking
        since, before = due, step.key
    return tuple(planned)


def release(
    playbook: Playbook, steps: Iterable[Step], *, ended_at: datetime, where: Whereabouts
) -> tuple[Released, ...]:
    """The `steps` that an ended step sets free, where `steps` are the still waiting ones behind it, in order."""
    released: list[Released] = []
    since = ended_at
    for step in steps:
        if step.before_meeting:
            continue
        due = due_at(playbook, step, since, where)
        released.append(Released(step.position, due, not_after(step, due), since))
        if step.email is not None or step.blocking:
            break
        since = due
    return tuple(released)


def reanchor(playbook: Playbook, step: Step, meeting_at: datetime, where: Whereabouts) -> Released:
    """When a step before a meeting is due, now that the meeting starts at `meeting_at`."""
    due = _open(playbook, step, meeting_at - step.lead, where)
    return Released(step.position, min(due, meeting_at), meeting_at)


def due_at(playbook: Playbook, step: Step, since: datetime, where: Whereabouts) -> datetime:
    """When `step` is due if the step before it ended at `since`: for an email, never outside the send window."""
    return _open(playbook, step, calendar.add(step.after, since, playbook.calendar, where.zone, where.country), where)


def from_now(playbook: Playbook, step: Step, now: datetime, where: Whereabouts) -> datetime:
    """When a step is due that was due before `now`: at once, or for an email when the send window opens."""
    return _open(playbook, step, now, where)


def email_of(step: Step, enrollment_id: str) -> str | None:
    """The template that `step` sends to one enrollment."""
    variant = variant_of(step, enrollment_id)
    return step.email if variant is None else variant.email


def variant_of(step: Step, enrollment_id: str) -> Variant | None:
    """The variant of `step` that one enrollment gets, always the same one, by their shares; None without variants.

    The digest spreads enrollments evenly, and those of one step independently of those of another.
    """
    if not step.variants:
        return None
    digest = hashlib.sha256(f"{enrollment_id} {step.key}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") % sum(variant.share for variant in step.variants)
    for variant in step.variants:
        place -= variant.share
        if place < 0:
            return variant
    raise AssertionError(step.key)  # the shares add up to more than any remainder


def not_after(step: Step, due: datetime) -> datetime:
    """Until when a touch due at `due` still leaves by itself."""
    return due + max(_LEAST_LATENESS, step.lateness)


def _open(playbook: Playbook, step: Step, at: datetime, where: Whereabouts) -> datetime:
    if step.email is None or step.any_hour:
        return at
    return calendar.opening(at, playbook.calendar, where.zone, where.country)


def _before_meeting(
    playbook: Playbook, step: Step, meeting_at: datetime | None, now: datetime, where: Whereabouts, skip: Reason | None
) -> Planned:
    if skip is None and meeting_at is not None:
        again = reanchor(playbook, step, meeting_at, where)
        if meeting_at - step.lead > now:
            return Planned(step, "scheduled", again.due_at, again.not_after, again.due_at, because("due"))
    due = meeting_at - step.lead if meeting_at is not None else now
    return Planned(step, "skipped", due, meeting_at or now, None, skip or because("meeting_passed"))
