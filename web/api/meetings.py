"""The API's routes about meetings: list them, book one for a prospect, and say what became of it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import Key, List, OfProspects
from web.api.models import Id, Moment, Nothing, Reply, Request, Version
from web.api.refusal import Refusal
from web.api.route import Call, Route
from web.facts import block, line
from workflow.actions import prospects
from workflow.engine import signals as kinds
from workflow.errors import BadInput
from workflow.ids import new_id
from workflow.reports import records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.records.db import Record

State = Literal["booked", "cancelled", "held", "no_show", "moved"]
_Reason = Annotated[str, Field(max_length=2000)]


class WantedMeetings(OfProspects):
    """Which meetings to list; `since` and `until` are about their beginning."""

    state: Literal["", "booked", "cancelled", "held", "no_show", "moved"] = ""
    sort: Literal["starts_at", "-starts_at", "changed_at", "-changed_at", "created_at", "-created_at"] = "-starts_at"


class MeetingTimes(Request):
    """When and where a meeting is."""

    starts_at: Moment
    ends_at: Moment | None = None
    place: Annotated[str, Field(max_length=200)] = ""


class MeetingNew(MeetingTimes):
    """A meeting to be booked; `uid` is the name it has in your calendar, ours is made where it has none."""

    uid: Key = ""
    version: Version | None = None


class MeetingMove(MeetingTimes):
    """The new time of a meeting; `version` is its prospect's."""

    reason: _Reason = ""
    version: Version | None = None


class MeetingEnd(Nothing):
    """What became of a meeting, in words; `version` is its prospect's."""

    reason: _Reason = ""
    version: Version | None = None


class Meeting(Reply):
    """A meeting as its booker last described it; `moved` is a name that it had before."""

    id: Id
    prospect_id: Id
    uid: str
    state: State
    starts_at: datetime | None
    ends_at: datetime | None
    place: str
    reason: str
    changed_at: datetime
    created_at: datetime


class MeetingList(List):
    """A page of meetings."""

    items: tuple[Meeting, ...]


def listed(call: Call) -> MeetingList:
    """Meetings that fit, by default the latest first."""
    asked = call.query(WantedMeetings)
    with call.ws.database.read() as tx:
        page = records.meetings(tx, call.viewer, listing.wanted(asked, state=asked.state), listing.place(asked))
    items = tuple(Meeting.model_validate(row) for row in page.rows)
    return MeetingList(items=items, next_cursor=listing.behind(asked, page))


def read(call: Call) -> Meeting:
    """One meeting."""
    return Meeting.model_validate(_row(call, call.id))


def booked(call: Call) -> Meeting:
    """Book a meeting. A `uid` that is known changes that meeting; a stale version is 409."""
    sent = call.body(MeetingNew)
    uid = line(sent.uid, "uid") or f"{new_id()}@onward"
    _tell(call, call.id, kinds.BOOKED, {"uid": uid, **_times(sent)}, sent.version)
    with call.ws.database.read() as tx:
        return Meeting.model_validate(records.meeting_named(tx, call.id, uid))


def moved(call: Call) -> Meeting:
    """Move a meeting to another time. A stale version is 409."""
    sent = call.body(MeetingMove)
    told = {**_times(sent), "reason": block(sent.reason, "reason", 2000)}
    return _changed(call, kinds.RESCHEDULED, told, sent.version)


def _ended(kind: str, words: str) -> Callable[[Call], Meeting]:
    def ended(call: Call) -> Meeting:
        sent = call.body(MeetingEnd)
        return _changed(call, kind, {"reason": block(sent.reason, "reason", 2000)}, sent.version)

    ended.__doc__ = words
    return ended


def _times(sent: MeetingTimes) -> dict[str, Any]:
    if sent.ends_at is not None and sent.ends_at < sent.starts_at:
        raise BadInput("“ends_at” lies before “starts_at”.", field="ends_at")
    told = {"starts_at": sent.starts_at, "ends_at": sent.ends_at, "place": line(sent.place, "place")}
    return {name: value for name, value in told.items() if value}


def _changed(call: Call, kind: str, told: Mapping[str, Any], version: int | None) -> Meeting:
    row = _row(call, call.id)
    known = {name: value for name, value in told.items() if value}
    _tell(call, row.prospect_id, kind, {"uid": row.uid, **known}, version)
    return read(call)


def _tell(call: Call, prospect_id: str, kind: str, told: Mapping[str, Any], version: int | None) -> None:
    result = prospects.tell(call.ws, prospect_id, kind, told, call.who, version=version)
    if result.decision.verdict != "applied":
        raise Refusal(result.decision)


def _row(call: Call, meeting_id: str) -> Record:
    with call.ws.database.read() as tx:
        return records.meeting(tx, meeting_id)


_AT: Final = "/meetings/<id>"
_REFUSALS: Final = (404, 409)
ROUTES: Final = (
    Route("GET", "/meetings", "List meetings", listed, MeetingList, query=WantedMeetings),
    Route("GET", _AT, "Read a meeting", read, Meeting, Nothing, refusals=(404,)),
    Route(
        "POST", "/prospects/<id>/meetings", "Book a meeting", booked, Meeting, MeetingNew, refusals=_REFUSALS,
    ),
    Route("POST", f"{_AT}/reschedule", "Move a meeting", moved, Meeting, MeetingMove, refusals=_REFUSALS),
    Route(
        "POST", f"{_AT}/cancel", "Cancel a meeting", _ended(kinds.CANCELLED, "Say that a meeting was cancelled."),
        Meeting, MeetingEnd, refusals=_REFUSALS,
    ),
    Route(
        "POST", f"{_AT}/held", "Say that it took place", _ended(kinds.HELD, "Say that a meeting took place."),
        Meeting, MeetingEnd, refusals=_REFUSALS,
    ),
    Route(
        "POST", f"{_AT}/no-show", "Say that nobody came", _ended(kinds.NO_SHOW, "Say that the prospect did not come."),
        Meeting, MeetingEnd, refusals=_REFUSALS,
    ),
)  # fmt: skip
