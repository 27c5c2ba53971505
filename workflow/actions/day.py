"""What a rep does with their own list: put a thing off, be done with it, take that back; and set goals of a week.

Writes nothing but rows of `records.day`: no mail, no stage and no history of a prospect changes by it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, or_, select

from workflow import ids
from workflow.errors import BadInput
from workflow.records import upserts
from workflow.records.day import GOALS, Snooze, WeekGoal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from workflow.records.day import Thing
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

MOST: Final = 999
"""The highest goal of a week."""
LONGEST: Final = timedelta(days=366)
"""A thing is put off for a year at most: what nobody wants to see again is not put off."""
# An answer is on the list for 30 days; what somebody is done with is kept for longer than that.
_KEPT: Final = timedelta(days=60)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment at which `day` begins by the clock of `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def put_off(ws: Workspace, rep_id: str, thing: Thing, prospect_id: str, day: date | None, zone: ZoneInfo) -> str:
    """Take a thing off this rep's list until the start of `day` by their clock; without a day they are done with it.

    `prospect_id` is whom it is about, found by `reports.snoozes.whose`, which also says whether the rep may see it.
    Gives the id to take it back by. Raises BadInput for a day that is not ahead or more than a year away, and for
    anything but an answer without a day: tasks and emails are ticked off themselves.
    """
    if day is None and thing.what != "answer":
        raise BadInput("Say until when: only a reply or a bounce can be put aside for good.", field="until")

    def work(tx: Tx) -> str:
        until = _until(day, zone, tx.now)
        _sweep(tx, rep_id)
        named = {"rep_id": rep_id, "what": thing.what, "about": thing.about, "version": thing.version}
        row = {"id": ids.new_id(), **named, "prospect_id": prospect_id, "until": until, "made_at": tx.now}
        # Two windows that put off the same thing leave one row: the later word stands.
        upserts.upsert(tx, Snooze, row, keys=tuple(named), keep=("id",))
        found = select(Snooze.id).where(*(getattr(Snooze, name) == value for name, value in named.items()))
        return str(tx.conn.execute(found).scalar_one())

    return ws.database.transact(work)


def take_back(ws: Workspace, rep_id: str, snooze_id: str) -> None:
    """Put a thing back on the list of the rep who put it off. Once it is back, asking again changes nothing."""
    mine = delete(Snooze).where(Snooze.id == snooze_id, Snooze.rep_id == rep_id)
    ws.database.transact(lambda tx: tx.conn.execute(mine))


def set_goals(ws: Workspace, rep_id: str, goals: Mapping[str, int]) -> None:
    """Set goals of this rep, from this week on; 0 takes one away. Raises BadInput."""
    for what, number in goals.items():
        if what not in GOALS:
            raise BadInput(f"A goal must be one of {', '.join(GOALS)}.", field=what)
        if not 0 <= number <= MOST:
            raise BadInput(f"A goal is a whole number from 0 to {MOST}.", field=what)

    def work(tx: Tx) -> None:
        for what, number in goals.items():
            row = {"rep_id": rep_id, "what": what, "number": number, "set_at": tx.now}
            upserts.upsert(tx, WeekGoal, row, keys=("rep_id", "what"))

    ws.database.transact(work)


def _until(day: date | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    if day is None:
        return None
    today = now.astimezone(zone).date()
    if day <= today:
        raise BadInput("Choose a day after today: until then it is off your list.", field="until")
    if day > today + LONGEST:
        raise BadInput("Choose a day within a year: what should never come back is better closed.", field="until")
    return start_of(day, zone)


def _sweep(tx: Tx, rep_id: str) -> None:
    """Forget what came back long since; a row that is gone and one that has passed mean the same."""
    over = or_(Snooze.until <= tx.now, (Snooze.until.is_(None)) & (Snooze.made_at < tx.now - _KEPT))
    tx.conn.execute(delete(Snooze).where(Snooze.rep_id == rep_id, over))
