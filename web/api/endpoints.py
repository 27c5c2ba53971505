"""The API's routes about webhooks out: endpoints, what is told to each, replay and test. A secret is told once."""

from __future__ import annotations

import json
from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import List, Sorted
from web.api.models import Id, Listed, Nothing, Reply, Request
from web.api.route import Call, Route
from workflow.actions import endpoints, news, outbox
from workflow.engine import reasons
from workflow.reports import endpoints as reports

if TYPE_CHECKING:
    from workflow.records.db import Record

_Url = Annotated[str, Field(min_length=1, max_length=2000, description="An https address on the open internet.")]
_Type = Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(news.TYPES)})]
_Events = Annotated[tuple[_Type, ...], Field(max_length=100, strict=False, description="Empty for all types.")]


class EndpointNew(Request):
    """An endpoint to be told of events from now on."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
    url: _Url
    events: _Events = ()


class EndpointChange(Request):
    """A change of where it is, or of what it is told; what waits already is told all the same."""

    url: _Url | None = None
    events: _Events | None = None


class Endpoint(Reply):
    """An endpoint and how well it goes there. `waiting` and `dead` count events; `why` says what holds it."""

    id: Id
    name: str
    url: str
    events: tuple[str, ...]
    state: Literal["active", "paused", "disabled"]
    why: str | None
    waiting: int
    dead: int
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    taken_at: datetime | None
    created_by: str
    created_at: datetime


class EndpointMade(Endpoint):
    """An endpoint with its new secret, which is told only here."""

    secret: str | None


class EndpointList(List):
    """Every endpoint in use."""

    items: tuple[Endpoint, ...]


class EndpointTest(Reply):
    """What was answered to a test; `code` is null where nobody answered."""

    taken: bool
    code: int | None
    answer: str


class WantedOutgoing(Sorted):
    """Which events for an endpoint to list."""

    state: Literal["", "waiting", "done", "dead"] = ""
    sort: Literal["created_at", "-created_at"] = "-created_at"


class Outgoing(Reply):
    """One event for an endpoint, and its last answer. `event_id` is the `webhook-id` of every attempt."""

    id: Id
    event_id: str
    type: str
    sequence: int
    state: Literal["waiting", "done", "dead"]
    attempts: int
    code: int | None
    answer: str | None
    answered_at: datetime | None
    created_at: datetime
    payload: dict[str, Any]


class OutgoingList(List):
    """A page of events for an endpoint."""

    items: tuple[Outgoing, ...]


class ReplayOutgoing(Nothing):
    """Which event to deliver once more; without one, everything that was given up."""

    delivery: Annotated[str | None, Field(max_length=36, description="The id of one of its events.")] = None


class Replayed(Reply):
    """How many events are delivered once more."""

    replayed: int


def listed(call: Call) -> EndpointList:
    """Every endpoint in use, by name."""
    with call.ws.database.read() as tx:
        rows, more = listing.short(call, reports.listed(tx))
    return EndpointList(items=tuple(_told(row, call.language) for row in rows), next_cursor=more)


def read(call: Call) -> Endpoint:
    """One endpoint."""
    with call.ws.database.read() as tx:
        return _told(reports.one(tx, call.id), call.language)


def added(call: Call) -> EndpointMade:
    """Add an endpoint; it is told of what happens from now on."""
    sent = call.body(EndpointNew)
    made = endpoints.add(call.ws, sent.name, sent.url, call.who, events=sent.events)
    return _made(call, made.id, made.secret)


def changed(call: Call) -> Endpoint:
    """Change what is named."""
    sent = call.body(EndpointChange)
    endpoints.change(call.ws, call.id, url=sent.url, events=sent.events)
    return read(call)


def rotated(call: Call) -> EndpointMade:
    """Give an endpoint a new secret. What leaves is signed with both until the next rotation."""
    return _made(call, call.id, endpoints.rotate(call.ws, call.id))


def tried(call: Call) -> EndpointTest:
    """Send an event of the type `endpoint.test` at once, past all that waits."""
    answer = endpoints.try_out(call.ws, call.id)
    return EndpointTest(taken=answer.outcome == "done", code=answer.code, answer=answer.text)


def paused(call: Call) -> Endpoint:
    """Let everything for it wait."""
    endpoints.pause(call.ws, call.id, _by(call))
    return read(call)


def resumed(call: Call) -> Endpoint:
    """Go on with a paused or switched-off endpoint. What was given up is not sent by that: replay it."""
    endpoints.resume(call.ws, call.id)
    return read(call)


def removed(call: Call) -> Endpoint:
    """Tell an endpoint nothing more and free its name; answers what it last was."""
    last = read(call)
    endpoints.remove(call.ws, call.id, _by(call))
    return last


def deliveries(call: Call) -> OutgoingList:
    """What was, is and will be told to an endpoint, by default the newest first."""
    asked = call.query(WantedOutgoing)
    with call.ws.database.read() as tx:
        reports.one(tx, call.id)
        page = reports.deliveries(tx, call.id, listing.place(asked), asked.state)
    return OutgoingList(items=tuple(_event(row) for row in page.rows), next_cursor=listing.behind(asked, page))


def replayed(call: Call) -> Replayed:
    """Deliver one event once more, or everything that was given up, under the ids that they had."""
    which = call.body(ReplayOutgoing).delivery
    with call.ws.database.read() as tx:
        reports.one(tx, call.id)
        if which is not None:
            reports.delivery(tx, call.id, which)
    if which is None:
        return Replayed(replayed=outbox.replay_dead(call.ws, call.id))
    outbox.replay(call.ws, which)
    return Replayed(replayed=1)


def _by(call: Call) -> str:
    kind, _colon, name = call.who.actor.partition(":")
    return name or kind


def _made(call: Call, endpoint_id: str, secret: str) -> EndpointMade:
    with call.ws.database.read() as tx:
        told = _told(reports.one(tx, endpoint_id), call.language)
    return EndpointMade(**told.model_dump(), secret=secret)


def _told(row: Record, language: str) -> Endpoint:
    told = {name: getattr(row, name) for name in Endpoint.model_fields}
    return Endpoint(**told | {"why": reasons.words(row.why, language)})


def _event(row: Record) -> Outgoing:
    told = {name: getattr(row, name) for name in Outgoing.model_fields}
    return Outgoing(**told | {"payload": json.loads(row.payload)})


_AT: Final = "/endpoints/<id>"
_ONCE: Final = ("secret",)
ROUTES: Final = (
    Route("GET", "/endpoints", "List endpoints", listed, EndpointList, query=Listed, right="endpoints"),
    Route(
        "POST", "/endpoints", "Add an endpoint", added, EndpointMade, EndpointNew, right="endpoints", status=201,
        refusals=(409,), secrets=_ONCE,
    ),
    Route("GET", _AT, "Read an endpoint", read, Endpoint, right="endpoints", refusals=(404,)),
    Route("PATCH", _AT, "Change an endpoint", changed, Endpoint, EndpointChange, right="endpoints", refusals=(404,)),
    Route(
        "POST", f"{_AT}/rotate", "Give a new secret", rotated, EndpointMade, right="endpoints", refusals=(404,),
        secrets=_ONCE,
    ),
    Route("POST", f"{_AT}/test", "Send a test event", tried, EndpointTest, right="endpoints", refusals=(404,)),
    Route("POST", f"{_AT}/pause", "Pause an endpoint", paused, Endpoint, right="endpoints", refusals=(404,)),
    Route("POST", f"{_AT}/resume", "Resume an endpoint", resumed, Endpoint, right="endpoints", refusals=(404,)),
    Route("POST", f"{_AT}/remove", "Remove an endpoint", removed, Endpoint, right="endpoints", refusals=(404,)),
    Route(
        "GET", f"{_AT}/deliveries", "List what an endpoint is told", deliveries, OutgoingList, query=WantedOutgoing,
        right="endpoints", refusals=(404,),
    ),
    Route(
        "POST", f"{_AT}/replay", "Deliver once more", replayed, Replayed, ReplayOutgoing, right="endpoints",
        refusals=(404, 409),
    ),
)  # fmt: skip
