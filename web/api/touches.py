"""The API's routes about touches: list them, and what a person may do with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from web.api import listing
from web.api.cursor import wrap_sorted
from web.api.listing import Key, OfProspects, Sorted
from web.api.models import Nothing, Resolution, Resolved, Touch, TouchList
from web.api.route import Call, Route
from workflow.actions.outreach import acts, again
from workflow.reports import prospects, touches

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.actions.prospects import Who
    from workflow.workspace import Workspace


_Sort = Literal["due_at", "-due_at", "created_at", "-created_at"]
_State = Literal[
    "", "scheduled", "claimed", "sending", "committing", "sent", "failed", "uncertain", "cancelled", "skipped", "done",
]  # fmt: skip


class WantedOfOne(Sorted):
    """How to list the emails and tasks of one prospect."""

    sort: _Sort = "due_at"


class WantedTasks(OfProspects):
    """Which tasks to list; `since` and `until` are about when they are due."""

    state: _State = "scheduled"
    sequence: Key = ""
    sort: _Sort = "due_at"


class WantedTouches(WantedTasks):
    """Which emails and tasks to list; `since` and `until` are about when they are due."""

    state: _State = ""
    kind: Literal["", "email", "task"] = ""


def listed(call: Call) -> TouchList:
    """The touches of a prospect, by default in the order they are due."""
    asked = call.query(WantedOfOne)
    with call.ws.database.read() as tx:
        prospects.one(tx, call.id)
        found, behind = touches.of_prospect(call.ws, tx, call.id, listing.place(asked), call.language)
    items = tuple(Touch.model_validate(each) for each in found)
    return TouchList(items=items, next_cursor=wrap_sorted(asked.sort, behind))


def all_listed(call: Call) -> TouchList:
    """Emails and tasks over all prospects this key may see, by default the next due first."""
    return _page(call, call.query(WantedTouches), call.query(WantedTouches).kind)


def tasks(call: Call) -> TouchList:
    """Tasks over all prospects this key may see, by default those to be done, the next due first."""
    return _page(call, call.query(WantedTasks), "task")


def read(call: Call) -> Touch:
    """One email or task."""
    return _one(call)


def _page(call: Call, asked: WantedTasks, kind: str) -> TouchList:
    wanted = listing.wanted(asked, state=asked.state, sequence=asked.sequence, kind=kind)
    with call.ws.database.read() as tx:
        found, behind = touches.page(call.ws, tx, call.viewer, wanted, listing.place(asked), call.language)
    more = wrap_sorted(asked.sort, behind)
    return TouchList(items=tuple(Touch.model_validate(each) for each in found), next_cursor=more)


def resolved(call: Call) -> Resolved:
    """Settle an uncertain email, or a failed one: that cannot have arrived."""
    goes_on = again.settle(call.ws, call.id, call.body(Resolution).as_, call.who)
    told = _one(call).model_dump()
    return Resolved(**told, goes_on_as=goes_on if goes_on != call.id else None)


def _by(act: Callable[[Workspace, str, Who], None]) -> Callable[[Call], Touch]:
    def acted(call: Call) -> Touch:
        act(call.ws, call.id, call.who)
        return _one(call)

    return acted


def _one(call: Call) -> Touch:
    with call.ws.database.read() as tx:
        return Touch.model_validate(touches.one(call.ws, tx, call.id, call.language))


_MISSING: Final = (404,)
_REFUSALS: Final = (404, 409)
ROUTES: Final = (
    Route("GET", "/touches", "List emails and tasks", all_listed, TouchList, query=WantedTouches),
    Route("GET", "/tasks", "List tasks", tasks, TouchList, query=WantedTasks),
    Route("GET", "/touches/<id>", "Read an email or task", read, Touch, refusals=_MISSING),
    Route("GET", "/prospects/<id>/touches", "List touches", listed, TouchList, query=WantedOfOne, refusals=_MISSING),
    Route("POST", "/touches/<id>/skip", "Leave a touch out", _by(acts.skip), Touch, Nothing, refusals=_REFUSALS),
    Route("POST", "/touches/<id>/send-now", "Send at once", _by(acts.send_now), Touch, Nothing, refusals=_REFUSALS),
    Route("POST", "/touches/<id>/done", "Mark a task as done", _by(acts.done), Touch, Nothing, refusals=_REFUSALS),
    Route("POST", "/touches/<id>/resolve", "Settle an email", resolved, Resolved, Resolution, refusals=_REFUSALS),
    Route("POST", "/touches/<id>/undo", "Undo that", _by(again.undo), Touch, Nothing, refusals=_REFUSALS),
)
