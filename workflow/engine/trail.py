"""The trail of a touch: every decision about its time with what it was decided from, one JSON object a line.

Writes and reads lines; decides nothing. `explain` asks the same questions again from what stands in a line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import calendar
from workflow.engine.reasons import Reason
from workflow.engine.sequences import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workflow.engine.leaving import Asked, Hold
    from workflow.engine.sequences import Counted, Planned, Released
    from workflow.playbook.schema import Late

DIGITS: Final = 12
"""How much of a version's digest a line carries."""
UNREADABLE: Final = "unreadable"
DECIDED: Final = frozenset({"planned", "released", "anchored", "begun", "held", "late", "retried"})
"""Kinds that hold all they were decided from; the others only tell what was done."""


@dataclass(frozen=True, slots=True)
class Line:
    """One decision: of which `kind`, when, under which version (`by` another one's calendar), from what, with what.

    `given` and `gave` hold times, words and numbers by their short names.
    """

    kind: str
    at: datetime | None
    version: str = ""
    by: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    gave: Mapping[str, Any] = field(default_factory=dict)
    reason: Reason | None = None

    def where(self) -> Whereabouts | None:
        """The place that the calendar was asked for, where it was asked."""
        if "zone" not in self.given:
            return None
        zone = calendar.zone_of(self.given["zone"])
        return Whereabouts(zone, self.given.get("country"), self.given.get("whose", "playbook"))


# --- what is written


def planned(digest: str, counted: Counted, touch: Planned) -> str:
    """A touch of a new enrollment."""
    given: dict[str, object] = {"anchor": written(counted.anchor), **_place(counted.where)}
    if counted.meeting_at is not None:
        given["meeting"] = written(counted.meeting_at)
    if counted.unreachable is not None:
        given["barred"] = (counted.unreachable.code, counted.unreachable.facts)
    gave: dict[str, object] = {
        "due": written(touch.due_at),
        "until": written(touch.not_after),
        "state": touch.state,
    }
    if touch.since is not None:
        gave["since"] = written(touch.since)
    if touch.next_attempt_at is not None:
        gave["next"] = written(touch.next_attempt_at)
    return _line("planned", counted.now, digest, given, gave, touch.reason)


def released(digest: str, now: datetime, free: Released, where: Whereabouts) -> str:
    """A touch that was set free by the end of the one before it."""
    given = {"since": written(free.since) if free.since else None, **_place(where)}
    return _line("released", now, digest, given, _freed(free))


def anchored(digest: str, by: str, now: datetime, meeting_at: datetime, free: Released, where: Whereabouts) -> str:
    """A step before a meeting that moved with it; the calendar is that of the version `by`."""
    given = {"meeting": written(meeting_at), **_place(where)}
    return _line("anchored", now, digest, given, _freed(free), by=by)


def begun(digest: str, asked: Asked) -> str:
    """An email that may leave now."""
    return _line("begun", asked.now, digest, _asked(asked), {})


def held(digest: str, asked: Asked, hold: Hold) -> str:
    """An email that may not leave yet."""
    gave = {"next": written(hold.until)}
    if hold.not_after is not None:
        gave["until"] = written(hold.not_after)
    return _line("held", asked.now, digest, _asked(asked), gave, hold.reason)


def late(digest: str, asked: Asked, until: datetime, reason: Reason, then: Late) -> str:
    """An email whose time is over; `then` says what becomes of it."""
    gave = {"until": written(until)} | ({"then": then} if then != "skip" else {})
    return _line("late", asked.now, digest, _asked(asked), gave, reason)


def retried(now: datetime, attempts: int, spread: float, again_at: datetime, reason: Reason) -> str:
    """An email that its server put off."""
    return _line("retried", now, "", {"attempt": attempts, "spread": spread}, {"next": written(again_at)}, reason)


def told(kind: str, now: datetime, reason: Reason | None = None, **gave: object) -> str:
    """What was done to a touch and needs no basis: put back, sent, uncertain, failed, sent ahead of its time."""
    plain = {name: written(value) if isinstance(value, datetime) else value for name, value in gave.items()}
    return _line(kind, now, "", {}, plain, reason)


# --- what is read


def read(trail: str | None) -> tuple[Line, ...]:
    """The lines, the oldest first; one that cannot be read is of the kind `unreadable`."""
    return tuple(_lines(trail or ""))


def _lines(trail: str) -> Iterator[Line]:
    for text in filter(None, trail.split("\n")):
        try:
            told = json.loads(text)
            yield Line(
                kind=str(told["k"]),
                at=datetime.fromisoformat(told["at"]),
                version=str(told.get("v", "")),
                by=str(told.get("by", "")),
                given=_times(told.get("in", {})),
                gave=_times(told.get("out", {})),
                reason=Reason(*told["why"]) if "why" in told else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            yield Line(UNREADABLE, None)


_MOMENTS: Final = (
    "anchor",
    "since",
    "meeting",
    "due",
    "until",
    "next",
    "due_at",
    "not_after",
    "last",
    "day",
    "week",
    "held",
)


def _times(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: datetime.fromisoformat(value) if name in _MOMENTS else value for name, value in told.items()}


def _place(where: Whereabouts) -> dict[str, object]:
    told: dict[str, object] = {"zone": where.zone.key, "whose": where.whose}
    if where.country:
        told["country"] = where.country
    return told


def _freed(free: Released) -> dict[str, object]:
    return {"due": written(free.due_at), "until": written(free.not_after)}


def _asked(asked: Asked) -> dict[str, object]:
    told: dict[str, object] = {
        "due_at": written(asked.due_at),
        "not_after": written(asked.not_after),
        "attempts": asked.attempts,
    }
    if asked.forced:
        told["forced"] = True
    if asked.where is not None:
        told |= _place(asked.where)
    if asked.mails is not None:
        times = {"last": asked.mails.last, "day": asked.mails.day, "week": asked.mails.week}
        told |= {name: written(at) for name, at in times.items() if at is not None}
    if asked.held is not None:
        told |= {"held": written(asked.held.until), "held_by": asked.held.why}
    return told


def _line(
    kind: str,
    at: datetime,
    digest: str,
    given: Mapping[str, object],
    gave: Mapping[str, object],
    reason: Reason | None = None,
    *,
    by: str = "",
) -> str:
    told: dict[str, object] = {"k": kind, "at": written(at)}
    if digest:
        told["v"] = digest[:DIGITS]
    if by and by != digest:
        told["by"] = by[:DIGITS]
    if given:
        told["in"] = given
    if gave:
        told["out"] = gave
    if reason is not None:
        told["why"] = (reason.code, reason.facts)
    return _WRITE(told) + "\n"


# One decision writes the same moment ten times.
@lru_cache(maxsize=256)
def written(moment: datetime) -> str:
    """A time in UTC as it stands in a line."""
    return moment.astimezone(UTC).isoformat()[:-6] + "Z"


# One encoder for all lines: `json.dumps` with options makes one at every call.
_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
