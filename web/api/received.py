"""The API's route about received mail: what came about a prospect, what it was taken for, and how it was matched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from web.api import listing
from web.api.cursor import wrap_sorted
from web.api.listing import Sorted
from web.api.models import ReceivedList, ReceivedMail
from web.api.route import Call, Route
from workflow.engine import reasons
from workflow.mail.inbound import rules
from workflow.reports import prospects, received

if TYPE_CHECKING:
    from workflow.reports.received import Mail


class WantedMail(Sorted):
    """How to list received mail."""

    sort: Literal["received_at", "-received_at"] = "received_at"


def listed(call: Call) -> ReceivedList:
    """The mail about a prospect, by default the oldest first."""
    asked = call.query(WantedMail)
    with call.ws.database.read() as tx:
        prospects.one(tx, call.id)
        found, behind = received.listed(tx, call.id, listing.place(asked))
    items = tuple(told(each, call.language) for each in found)
    return ReceivedList(items=items, next_cursor=wrap_sorted(asked.sort, behind))


ROUTES: Final = (
    Route(
        "GET", "/prospects/<id>/mail", "List received mail", listed, ReceivedList, query=WantedMail, refusals=(404,)
    ),
)  # fmt: skip


def told(mail: Mail, language: str) -> ReceivedMail:
    """A message as the API tells of it."""
    return ReceivedMail(
        id=mail.id,
        received_at=mail.received_at,
        sender=mail.sender,
        sender_name=mail.sender_name,
        subject=mail.subject,
        kind=mail.kind,
        outcome=mail.outcome,
        reason=reasons.words(mail.reason, language),
        rule=mail.rule,
        why=rules.words(mail.rule, language),
        matched_by=mail.matched_by,
        confidence=mail.confidence,
        touch_id=mail.touch_id,
        text=mail.text,
        quoted=mail.quoted,
    )
