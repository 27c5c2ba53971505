"""The API's routes about a rep's own day: what they put off, and their goals of a week.

Both belong to the rep of the key; a key that is nobody's has neither.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field
from sqlalchemy import select

from web.api import listing
from web.api.listing import List, Sorted
from web.api.models import Id, Nothing, Reply, Request
from web.api.route import Call, Route
from workflow import ids
from workflow.actions import day
from workflow.engine import calendar
from workflow.errors import BadInput
from workflow.records.day import Thing
from workflow.records.models import Rep
from workflow.reports import goals, snoozes

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer

_Goal = Annotated[int | None, Field(ge=0, le=day.MOST)]
_What = Literal["task", "email", "answer", "prospect"]


class SnoozeNew(Request):
    """A thing to take off the rep's list until the start of a day by their clock.

    `about` is the id of a task or email (its touch), of the prospect who answered, or of a stalled prospect. `version`
    is that of the history for an answer. Without `until` an answer is put aside for good; nothing else can be.
    """

    what: _What
    about: Id
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    until: Annotated[date | None, Field(strict=False)] = None


class Snooze(Reply):
    """A thing that is off the rep's list until it comes back; `until` is null for an answer that was put aside."""

    id: Id
    what: _What
    about: Id
    version: int
    prospect_id: Id
    until: datetime | None
    made_at: datetime


class SnoozeList(List):
    """A page of what is to come back."""

    items: tuple[Snooze, ...]


class GoalsWanted(Request):
    """Goals to set; 0 takes one away, and what is not named stays."""

    calls: _Goal = None
    meetings: _Goal = None
    wins: _Goal = None


class GoalReached(Reply):
    """How many there are this week, and how many the rep wants; 0 where they set no goal."""

    reached: int
    wanted: int


class WantedSnoozes(Sorted):
    """How to list what is put off."""

    sort: Literal["until", "-until", "made_at", "-made_at"] = "until"


class WeekGoals(Reply):
    """The rep's week since its Monday: calls they led, meetings booked and deals won with their prospects."""

    since: datetime
    calls: GoalReached
    meetings: GoalReached
    wins: GoalReached


def listed(call: Call) -> SnoozeList:
    """What the rep put off, by default the soonest to come back first."""
    asked = call.query(WantedSnoozes)
    viewer = _rep(call)
    with call.ws.database.read() as tx:
        page = snoozes.listed(tx, viewer, listing.place(asked))
    items = tuple(Snooze.model_validate(row) for row in page.rows)
    return SnoozeList(items=items, next_cursor=listing.behind(asked, page))


def put_off(call: Call) -> Snooze:
    """Take a thing off the rep's list; asked again, the later day stands. Mail leaves as it would."""
    sent = call.body(SnoozeNew)
    viewer = _rep(call)
    if not ids.is_id(sent.about):
        raise BadInput("“about” must be the id of a touch or a prospect.", field="about")
    thing = Thing(sent.what, sent.about, sent.version)
    with call.ws.database.read() as tx:
        zone, whose = _zone(call, tx), snoozes.whose(tx, viewer, thing)
    made = day.put_off(call.ws, viewer.rep_id, thing, whose, sent.until, zone)
    with call.ws.database.read() as tx:
        return Snooze.model_validate(snoozes.one(tx, viewer, made))


def taken_back(call: Call) -> Nothing:
    """Put a thing back on the rep's list."""
    viewer = _rep(call)
    with call.ws.database.read() as tx:
        row: Record = snoozes.one(tx, viewer, call.id)
    day.take_back(call.ws, viewer.rep_id, row.id)
    return Nothing()


def read_goals(call: Call) -> WeekGoals:
    """The rep's week so far."""
    viewer = _rep(call)
    with call.ws.database.read() as tx:
        zone = _zone(call, tx)
        today = tx.now.astimezone(zone).date()
        since = day.start_of(today - timedelta(days=today.weekday()), zone)
        found = {each.what: each for each in goals.goals(call.ws, tx, viewer.rep_id, since)}
    told = {what: GoalReached(reached=each.reached, wanted=each.wanted) for what, each in found.items()}
    return WeekGoals(since=since, **told)


def set_goals(call: Call) -> WeekGoals:
    """Set goals, from this week on."""
    sent = call.body(GoalsWanted).model_dump(exclude_none=True)
    day.set_goals(call.ws, _rep(call).rep_id, sent)
    return read_goals(call)


def _rep(call: Call) -> Viewer:
    """Whose day it is. Raises BadInput for a key that is nobody's."""
    if not call.key.rep_id:
        raise BadInput("This key is nobody's, and only a rep has a day: make one for a rep (`onward key add --rep`).")
    return call.viewer


def _zone(call: Call, tx: Tx) -> ZoneInfo:
    told = tx.conn.execute(select(Rep.time_zone).where(Rep.id == call.key.rep_id)).scalar_one_or_none()
    return calendar.zone_of(told, call.ws.playbooks.in_force(tx).time_zone)


ROUTES: Final = (
    Route("GET", "/snoozes", "List what is put off", listed, SnoozeList, query=WantedSnoozes),
    Route("POST", "/snoozes", "Put a thing off", put_off, Snooze, SnoozeNew, refusals=(404,)),
    Route("DELETE", "/snoozes/<id>", "Put a thing back", taken_back, Nothing, refusals=(404,)),
    Route("GET", "/goals", "Read the goals of the week", read_goals, WeekGoals),
    Route("PUT", "/goals", "Set goals of the week", set_goals, WeekGoals, GoalsWanted),
)
