"""The API's routes about deliveries: what came, what became of it, and once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.api.cursor import place, wrap
from web.api.models import Delivery, DeliveryLetter, DeliveryList, Receipt, WantedDeliveries
from web.api.route import Call, Route
from web.webhooks.kinds import read_again
from workflow.actions import inbox
from workflow.reports import deliveries

if TYPE_CHECKING:
    from workflow.reports.deliveries import DeliveryFacts


def listed(call: Call) -> DeliveryList:
    """Deliveries that fit, the newest first."""
    asked = call.query(WantedDeliveries)
    with call.ws.database.read() as tx:
        found = deliveries.page(
            tx,
            call.language,
            status=asked.status,
            source=asked.source,
            outcome=asked.outcome,
            after=place(asked.cursor),
            limit=asked.limit + 1,
        )
    items = found[: asked.limit]
    more = wrap(items[-1].received_at, items[-1].id) if len(found) > asked.limit else None
    return DeliveryList(items=tuple(_told(each) for each in items), next_cursor=more)


def read(call: Call) -> DeliveryLetter:
    """One delivery with its body."""
    with call.ws.database.read() as tx:
        letter = deliveries.one(tx, call.id, call.language)
    told = _told(letter.facts).model_dump()
    return DeliveryLetter(**told, headers=dict(letter.headers), body=letter.body.decode("utf-8", "replace"))


def replayed(call: Call) -> Receipt:
    """Apply a delivery again: what was applied stays, what was not is tried as it is understood today."""
    return Receipt.model_validate(inbox.replay(call.ws, call.id, read_again, call.who.actor))


ROUTES: Final = (
    Route("GET", "/deliveries", "List deliveries", listed, DeliveryList, query=WantedDeliveries, right="deliveries"),
    Route("GET", "/deliveries/<id>", "Read a delivery", read, DeliveryLetter, right="deliveries", refusals=(404,)),
    Route("POST", "/deliveries/<id>/replay", "Apply again", replayed, Receipt, right="deliveries", refusals=(404,)),
)


def _told(facts: DeliveryFacts) -> Delivery:
    return Delivery.model_validate(facts)
