"""The API's route about events: each piece of what senders of webhooks told, and what became of it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Final, Literal

from web.api import listing
from web.api.listing import Key, List, OfProspects
from web.api.models import Event, Id, Outcome
from web.api.route import Call, Route
from workflow.engine import reasons
from workflow.reports import records

if TYPE_CHECKING:
    from workflow.records.db import Record


class WantedEvents(OfProspects):
    """Which events to list; `since` and `until` are about when they were received."""

    outcome: Outcome = ""
    type: Key = ""
    source: Key = ""
    sort: Literal["received_at", "-received_at"] = "-received_at"


class EventRow(Event):
    """An event with the delivery it came in; `event_id` is its sender's own id."""

    event_id: str
    delivery_id: Id
    source: str
    received_at: datetime


class EventList(List):
    """A page of events."""

    items: tuple[EventRow, ...]


def listed(call: Call) -> EventList:
    """Events of all deliveries that fit, by default the latest first."""
    asked = call.query(WantedEvents)
    wanted = listing.wanted(asked, state=asked.outcome, kind=asked.type)
    with call.ws.database.read() as tx:
        page = records.events(tx, wanted, listing.place(asked), asked.source)
    items = tuple(_told(row, call.language) for row in page.rows)
    return EventList(items=items, next_cursor=listing.behind(asked, page))


def _told(row: Record, language: str) -> EventRow:
    told = {name: getattr(row, name) for name in EventRow.model_fields}
    return EventRow(**told | {"reason": reasons.words(row.reason, language)})


ROUTES: Final = (
    Route("GET", "/events", "List events", listed, EventList, query=WantedEvents, right="deliveries"),
)  # fmt: skip
