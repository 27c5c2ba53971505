"""The API's routes about calls that took place, and the answers that stand."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Final, Literal

from web.api import listing
from web.api.listing import Key, List, OfProspects
from web.api.models import Id, Listed, Nothing, Reply
from web.api.route import Call, Route
from workflow.actions.calling import visits
from workflow.reports import records

if TYPE_CHECKING:
    from workflow.records.db import Record


class WantedCalls(OfProspects):
    """Which calls to list; `actor` is who recorded them, as `rep:<id>` or `api:<name>`."""

    actor: Key = ""
    sort: Literal["ended_at", "-ended_at"] = "-ended_at"


class StepTaken(Reply):
    """A step of a script that was taken, and the second of the call at which it began."""

    step: str
    second: int


class CallRecord(Reply):
    """A call that took place. One that was led in the panel knows its plan, its script, and the path through it."""

    id: Id
    prospect_id: Id
    ended_at: datetime
    minutes: float | None
    notes: str
    actor: str
    planned_minutes: int | None
    script: str | None
    path: tuple[StepTaken, ...]


class CallList(List):
    """A page of calls."""

    items: tuple[CallRecord, ...]


class AnswerRecord(Reply):
    """The answer to a question, or the rating by a criterion, that stands."""

    question: str
    text: str
    at: datetime


class AnswerList(List):
    """All answers of a prospect."""

    items: tuple[AnswerRecord, ...]


def listed(call: Call) -> CallList:
    """Calls that fit, by default the latest first."""
    asked = call.query(WantedCalls)
    with call.ws.database.read() as tx:
        page = records.calls(tx, call.viewer, listing.wanted(asked, actor=asked.actor), listing.place(asked))
    items = tuple(_told(row) for row in page.rows)
    return CallList(items=items, next_cursor=listing.behind(asked, page))


def read(call: Call) -> CallRecord:
    """One call."""
    with call.ws.database.read() as tx:
        return _told(records.call(tx, call.id))


def answers(call: Call) -> AnswerList:
    """The answers of a prospect that stand, by their questions."""
    with call.ws.database.read() as tx:
        rows, more = listing.short(call, records.answers(tx, call.id))
    return AnswerList(items=tuple(AnswerRecord.model_validate(row) for row in rows), next_cursor=more)


ROUTES: Final = (
    Route("GET", "/calls", "List calls", listed, CallList, query=WantedCalls),
    Route("GET", "/calls/<id>", "Read a call", read, CallRecord, Nothing, refusals=(404,)),
    Route("GET", "/prospects/<id>/answers", "List answers", answers, AnswerList, query=Listed, refusals=(404,)),
)


def _told(row: Record) -> CallRecord:
    path = tuple(StepTaken(step=step, second=second) for step, second in visits(row.path or ""))
    return CallRecord(**{**row._asdict(), "path": path})
