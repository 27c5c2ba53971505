"""The API's route about received mail: what came about a prospect, what it was taken for, and how it was matched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.api.cursor import place, wrap
from web.api.models import Listed, ReceivedList, ReceivedMail
from web.api.route import Call, Route
from workflow.engine import reasons
from workflow.mail.inbound import rules
from workflow.reports import prospects, received

if TYPE_CHECKING:
    from workflow.reports.received import Mail


def listed(call: Call) -> ReceivedList:
    """The mail about a prospect, oldest first."""
    asked = call.query(Listed)
    with call.ws.database.read() as tx:
        prospects.one(tx, call.id)
        found = received.listed(tx, call.id, after=place(asked.cursor), limit=asked.limit + 1)
    items = found[: asked.limit]
    more = wrap(items[-1].received_at, items[-1].id) if len(found) > asked.limit else None
    return ReceivedList(items=tuple(told(each, call.language) for each in items), next_cursor=more)


ROUTES: Final = (
    Route(
        "GET", "/prospects/<id>/mail", "List received mail", listed, ReceivedList, query=Listed, refusals=(404,)
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
