"""The API's routes about what needs a person: emails to settle, mailboxes that stopped, mail that matched nobody."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import cursor, listing
from web.api.listing import List, Sorted
from web.api.models import Id, Listed, Nothing, ReceivedList, ReceivedMail, Reply, Request
from web.api.received import told as told_mail
from web.api.route import Call, Route
from workflow import ids
from workflow.actions import received as actions
from workflow.actions.outreach.spool import touches_on_disk
from workflow.engine import reasons
from workflow.errors import BadInput
from workflow.reports import attention, received, scope
from workflow.reports.attention import Wanted

if TYPE_CHECKING:
    from workflow.reports.attention import Box, Need


class WantedAttention(Listed):
    """Which emails to list: of one kind, of one mailbox."""

    what: Literal["", "uncertain", "failed", "late"] = ""
    mailbox: Annotated[str, Field(max_length=36, description="The id of a mailbox.")] = ""


class Sign(Reply):
    """Something that is known about an email; `at` is when it was looked for, or when it will be so."""

    at: datetime | None
    says: str


class Settle(Reply):
    """An email to settle; `acts` are what may become of it. `at` is when it left or failed."""

    what: str
    touch_id: Id
    prospect_id: Id
    name: str
    company: str
    recipient: str | None
    sequence: str
    step: str
    subject: str | None
    generation: int
    attempts: int
    mailbox_id: Id | None
    mailbox: str
    at: datetime
    reason: str | None
    signs: tuple[Sign, ...]
    acts: tuple[str, ...]


class Stopped(Reply):
    """A mailbox that stopped by itself: why, what to do about it, and how many emails wait for it."""

    mailbox_id: Id
    name: str
    sender: str
    since: datetime | None
    reason: str | None
    remedy: str
    waiting: int


class Attention(List):
    """A page of what needs a person; `counts` holds all emails by kind, `unmatched` how much mail matched nobody."""

    items: tuple[Settle, ...]
    counts: dict[str, int]
    mailboxes: tuple[Stopped, ...]
    unmatched: int


class Assignment(Request):
    """Whom a message is about."""

    prospect_id: Id


def listed(call: Call) -> Attention:
    """What needs whoever this key is for, kind after kind, of each the oldest first."""
    asked = call.query(WantedAttention)
    if asked.mailbox and not ids.is_id(asked.mailbox):
        raise BadInput("“mailbox” must be the id of a mailbox.", field="mailbox")
    kinds = [what for what in attention.KINDS if asked.what in ("", what)]
    begins, after = _place(asked.cursor, kinds)
    spooled = touches_on_disk(call.ws.settings.data_dir)
    needs: list[Need] = []
    with call.ws.database.read() as tx:
        for what in kinds[kinds.index(begins) :] if begins else kinds:
            part, behind = Wanted(what, asked.mailbox), after if what == begins else None
            left = asked.limit + 1 - len(needs)
            needs += attention.needs(call.ws, tx, call.viewer, part, after=behind, limit=left, spooled=spooled)
        counts = attention.counts(tx, call.viewer)
        boxes, unmatched = attention.boxes(tx), attention.unmatched(tx, call.viewer)
    last = needs[: asked.limit][-1] if len(needs) > asked.limit else None
    return Attention(
        items=tuple(_settle(each, call.language) for each in needs[: asked.limit]),
        next_cursor=cursor.wrap_sorted(last.what, (last.at, last.id)) if last else None,
        counts=dict(counts),
        mailboxes=tuple(_stopped(each, call.language) for each in boxes),
        unmatched=unmatched,
    )


class WantedUnmatched(Sorted):
    """How to list mail that matched nobody."""

    sort: Literal["received_at", "-received_at"] = "-received_at"


def unmatched(call: Call) -> ReceivedList:
    """Mail of the last 30 days that matched nobody, by default the newest first."""
    asked = call.query(WantedUnmatched)
    with call.ws.database.read() as tx:
        found, behind = received.unmatched(tx, call.viewer, listing.place(asked))
    items = tuple(told_mail(each, call.language) for each in found)
    return ReceivedList(items=items, next_cursor=cursor.wrap_sorted(asked.sort, behind))


def assigned(call: Call) -> ReceivedMail:
    """Apply a message as one about this prospect; what became of it is its `outcome`."""
    sent = call.body(Assignment)
    with call.ws.database.read() as tx:
        known = received.unmatched_id(tx, call.viewer, call.id)
        prospect_id = scope.prospect_id(tx, call.viewer, sent.prospect_id)
    actions.assign(call.ws, known, prospect_id, call.who.actor)
    return _mail(call)


def put_aside(call: Call) -> ReceivedMail:
    """Let a message be."""
    with call.ws.database.read() as tx:
        known = received.unmatched_id(tx, call.viewer, call.id)
    actions.put_aside(call.ws, known, call.who.actor)
    return _mail(call)


def _place(wrapped: str, kinds: list[str]) -> tuple[str, tuple[datetime, str] | None]:
    """The kind in which a page goes on, and behind which email of it."""
    if not wrapped:
        return "", None
    for what in kinds:
        try:
            found = cursor.sorted_place(wrapped, what)
        except BadInput:
            continue
        if found is not None and not isinstance(found[0], str):
            return what, (found[0], found[1])
    raise BadInput("“cursor” must be a `next_cursor` of the same list.", field="cursor")


def _mail(call: Call) -> ReceivedMail:
    with call.ws.database.read() as tx:
        return told_mail(received.in_box(tx, call.viewer, call.id), call.language)


def _settle(need: Need, language: str) -> Settle:
    return Settle(
        what=need.what,
        touch_id=need.id,
        prospect_id=need.prospect_id,
        name=need.name,
        company=need.company,
        recipient=need.recipient,
        sequence=need.sequence,
        step=need.key,
        subject=need.subject,
        generation=need.generation,
        attempts=need.attempts,
        mailbox_id=need.mailbox_id,
        mailbox=need.mailbox,
        at=need.at,
        reason=reasons.words(need.reason, language),
        signs=tuple(Sign(at=each.at, says=each.reason.words(language)) for each in need.signs),
        acts=need.acts,
    )


def _stopped(box: Box, language: str) -> Stopped:
    return Stopped(
        mailbox_id=box.id,
        name=box.name,
        sender=box.sender,
        since=box.at,
        reason=reasons.words(box.reason, language),
        remedy=reasons.remedy(box.reason, language),
        waiting=box.waiting,
    )


_REFUSALS: Final = (404, 409)
ROUTES: Final = (
    Route("GET", "/attention", "List what needs a person", listed, Attention, query=WantedAttention),
    Route("GET", "/unmatched", "List mail that matched nobody", unmatched, ReceivedList, query=WantedUnmatched),
    Route("POST", "/unmatched/<id>/assign", "Say whom it is about", assigned, ReceivedMail, Assignment,
          refusals=_REFUSALS),
    Route("POST", "/unmatched/<id>/aside", "Put it aside", put_aside, ReceivedMail, Nothing, refusals=_REFUSALS),
)  # fmt: skip
