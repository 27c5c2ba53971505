"""The trail of a touch: every decision about its time with what it was decided from, one JSON object a line.

Writes and reads lines; decides nothing. `explain` asks the same questions again from what stands in a line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import calendar
from workflow.engine.reasons import Reason
from workflow.engine.sequences import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workflow.engine.leaving import Asked, Hold
    from workflow.engine.sequences import Counted, Planned, Released

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
    given = {
        "anchor": counted.anchor,
        **_place(counted.where),
        "meeting": counted.meeting_at,
        "barred": [counted.unreachable.code, dict(counted.unreachable.facts)] if counted.unreachable else None,
    }
    gave = {
        "since": touch.since,
        "due": touch.due_at,
        "until": touch.not_after,
        "state": touch.state,
        "next": touch.next_attempt_at,
    }
    return _line("planned", counted.now, digest, given, gave, touch.reason)


def released(digest: str, now: datetime, free: Released, where: Whereabouts) -> str:
    """A touch that was set free by the end of the one before it."""
    given = {"since": free.since, **_place(where)}
    return _line("released", now, digest, given, {"due": free.due_at, "until": free.not_after})


def anchored(digest: str, by: str, now: datetime, meeting_at: datetime, free: Released, where: Whereabouts) -> str:
    """A step before a meeting that moved with it; the calendar is that of the version `by`."""
    given = {"meeting": meeting_at, **_place(where)}
    return _line("anchored", now, digest, given, {"due": free.due_at, "until": free.not_after}, by=by)


def begun(digest: str, asked: Asked) -> str:
    """An email that may leave now."""
    return _line("begun", asked.now, digest, _asked(asked), {})


def held(digest: str, asked: Asked, hold: Hold) -> str:
    """An email that may not leave yet."""
    gave = {"next": hold.until, "until": hold.not_after}
    return _line("held", asked.now, digest, _asked(asked), gave, hold.reason)


def late(digest: str, asked: Asked, until: datetime, reason: Reason) -> str:
    """An email that is skipped because its time is over."""
    return _line("late", asked.now, digest, _asked(asked), {"until": until}, reason)


def retried(now: datetime, attempts: int, spread: float, again_at: datetime, reason: Reason) -> str:
    """An email that its server put off."""
    return _line("retried", now, "", {"attempt": attempts, "spread": spread}, {"next": again_at}, reason)


def told(kind: str, now: datetime, reason: Reason | None = None, **gave: object) -> str:
    """What was done to a touch and needs no basis: put back, sent, uncertain, failed, sent ahead of its time."""
    return _line(kind, now, "", {}, gave, reason)


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


_MOMENTS: Final = ("anchor", "since", "meeting", "due", "until", "next", "due_at", "not_after", "last")


def _times(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: datetime.fromisoformat(value) if name in _MOMENTS else value for name, value in told.items()}


def _place(where: Whereabouts) -> dict[str, object]:
    return {"zone": where.zone.key, "whose": where.whose, "country": where.country}


def _asked(asked: Asked) -> dict[str, object]:
    return {
        "due_at": asked.due_at,
        "not_after": asked.not_after,
        "attempts": asked.attempts,
        "forced": asked.forced or None,
        **(_place(asked.where) if asked.where else {}),
        "last": asked.last_mail_at,
    }


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
    for name, values in (("in", given), ("out", gave)):
        kept = {
            key: written(value) if isinstance(value, datetime) else value
            for key, value in values.items()
            if value is not None
        }
        if kept:
            told[name] = kept
    if reason is not None:
        told["why"] = (reason.code, dict(reason.facts))
    return _WRITE(told) + "\n"


def written(moment: datetime) -> str:
    """A time in UTC as it stands in a line."""
    return moment.astimezone(UTC).isoformat()[:-6] + "Z"


# One encoder for all lines: `json.dumps` with options makes one at every call.
_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
