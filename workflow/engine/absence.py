"""Until when the mail of somebody who is away waits: the day of return that was told, or what the playbook says.

Pure. A pause that the prospect asked for is neither shortened nor ended by anything that is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from workflow.engine import calendar
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.engine.sequences import Whereabouts
    from workflow.engine.signals import MailHold
    from workflow.playbook.schema import Playbook

_LONGEST: Final = timedelta(days=366)
"""A day of return that lies further ahead is a mistake, or somebody's trick: it counts as none."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an absence amounts to: until when, and whether a `named` day says so. Without `until` they are back."""

    until: datetime | None
    named: bool


BACK: Final = Told(None, named=True)
"""They are back, whatever their mailbox said."""


def hold(playbook: Playbook, told: Mapping[str, str], at: datetime, where: Whereabouts) -> Told | None:
    """What an automatic reply of the time `at` says; None where it is about something else.

    Its day begins when it does on the prospect's wall: the send window then says at which hour mail goes on.
    """
    returns = _day(told.get("returns_on"))
    if told.get("about", kinds.AWAY) != kinds.AWAY and returns is None:
        return None
    if returns is not None and returns <= at.astimezone(where.zone).date() + _LONGEST:
        return Told(datetime.combine(returns, time(), where.zone).astimezone(UTC), named=True)
    after = playbook.out_of_office.resume_after
    return Told(calendar.add(after, at, playbook.calendar, where.zone, where.country), named=False)


def merged(known: MailHold | None, told: Told | None, now: datetime) -> tuple[datetime | None, str | None]:
    """Until when mail waits from `now` on, and why, where `known` is what it waits for already.

    A named day counts instead of the one before it, be it earlier; without one the later counts.
    """
    until = told.until if told is not None and told.until is not None and told.until > now else None
    if known is None:
        return (until, kinds.AWAY) if until else (None, None)
    replaces = told is not None and told.named and known.why == kinds.AWAY
    if until is None:
        return (None, None) if replaces else (known.until, known.why)
    return (until if replaces else max(until, known.until)), known.why


def day(until: datetime, where: Whereabouts) -> str:
    """The day on which mail goes on, on the prospect's wall."""
    return until.astimezone(where.zone).date().isoformat()


def _day(told: str | None) -> date | None:
    try:
        found = date.fromisoformat(told) if told else None
    except ValueError:
        return None
    # At the edges of the calendar the offset of a zone leads out of it.
    return found if found is not None and 1 < found.year < 9999 else None  # noqa: PLR2004
