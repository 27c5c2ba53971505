"""The API's routes about deliveries: what came, what became of it, what a replay would change, and the replay."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.cursor import place, wrap
from web.api.listing import List
from web.api.models import (
    Delivery,
    DeliveryLetter,
    DeliveryList,
    Id,
    Listed,
    Moment,
    Query,
    Receipt,
    Reply,
    Request,
    Text,
)
from web.api.route import Call, Route
from web.replays import begin
from web.webhooks.kinds import read_again
from workflow import masking
from workflow.actions import inbox, publishing, rehearsal, replays
from workflow.playbook.loader import MOST_BYTES
from workflow.reports import deliveries
from workflow.wanted import Wanted

if TYPE_CHECKING:
    from workflow.actions.rehearsal import ProspectChange, Rehearsal
    from workflow.reports.deliveries import DeliveryFacts

_Status = Literal["", "accepted", "pending", "dead"]
_Outcome = Literal[
    "", "applied", "duplicate", "ignored", "blocked", "stale", "parked", "failed", "given_up", "pending"
]  # fmt: skip
_MOST_REPLAYS: Final = 1_000
_WHY: Final = "Words of the sentence that says why, in English or Bulgarian."
_PROSPECT: Final = "An id, an address or the sender's own id."


class DeliveryFilter(Query):
    """Which deliveries are meant. `given_up` is a failed event that nothing tries again by itself."""

    status: _Status = ""
    source: Text = ""
    outcome: _Outcome = ""
    since: Annotated[Moment | None, Field(description="Received then or later.")] = None
    until: Annotated[Moment | None, Field(description="Received then or earlier.")] = None
    why: Annotated[Text, Field(description=_WHY)] = ""
    prospect: Annotated[Text, Field(description=_PROSPECT)] = ""


class WantedDeliveries(DeliveryFilter, Listed):
    """Which deliveries to list, and in which order."""

    sort: Literal["received_at", "-received_at"] = "-received_at"


class ReplayWanted(Request):
    """Which deliveries to replay: at least one field, so that nobody replays everything by an empty body."""

    status: _Status = ""
    source: Text = ""
    outcome: _Outcome = ""
    since: Annotated[Moment | None, Field(description="Received then or later.")] = None
    until: Annotated[Moment | None, Field(description="Received then or earlier.")] = None
    why: Annotated[Text, Field(description=_WHY)] = ""
    prospect: Annotated[Text, Field(description=_PROSPECT)] = ""
    delivery: Text = ""


class DryRunWanted(ReplayWanted):
    """Which deliveries to rehearse, and by which playbook: that in force, or the YAML of a draft."""

    playbook: Annotated[str | None, Field(max_length=MOST_BYTES)] = None


class DeliveryCount(Reply):
    """How many deliveries (`dead`) or events came to that."""

    fate: str
    number: int


class DeliveryCounts(Reply):
    """What was not simply applied, the urgent first."""

    items: tuple[DeliveryCount, ...]


class EventChange(Reply):
    """What became of an event, and what would. `before` is empty for one that could not be read."""

    delivery_id: Id
    event_id: str
    type: str
    before: str
    after: str
    reason: str | None


class PlannedMail(Reply):
    """An email that would be planned."""

    sequence: str
    step: str
    due_at: datetime


class ProspectWouldChange(Reply):
    """What would change of one prospect; `before` is null for one that would be made."""

    prospect_id: Id
    who: str
    before: str | None
    after: str
    outcome: str | None
    fields: tuple[str, ...]
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    mail: tuple[PlannedMail, ...]


class OutcomeChange(Reply):
    """How many events came to `before` and would come to `after`."""

    before: str
    after: str
    number: int


class DryRun(Reply):
    """What a replay would change. Counts are whole for `deliveries`; of events and prospects the first are told."""

    fitting: int
    deliveries: int
    outcomes: tuple[OutcomeChange, ...]
    moves: tuple[OutcomeChange, ...]
    prospects: int
    made: int
    mails: int
    events: tuple[EventChange, ...]
    examples: tuple[ProspectWouldChange, ...]


class ReplayProgress(Reply):
    """How far a replay has come; `outcomes` counts the events of the deliveries done."""

    id: Id
    at: datetime
    actor: str
    state: Literal["waiting", "running", "done", "stopped"]
    wanted: dict[str, Any]
    total: int
    done: int
    outcomes: dict[str, int]
    ended_at: datetime | None


class ReplayList(List):
    """The newest replays: who replayed what, and what came of it."""

    items: tuple[ReplayProgress, ...]


def listed(call: Call) -> DeliveryList:
    """Deliveries that fit, by default the newest first."""
    asked = call.query(WantedDeliveries)
    with call.ws.database.read() as tx:
        found = deliveries.page(
            tx,
            call.language,
            _wanted(asked),
            after=place(asked.cursor),
            limit=asked.limit + 1,
            oldest_first=asked.sort == "received_at",
        )
    items = found[: asked.limit]
    more = wrap(items[-1].received_at, items[-1].id) if len(found) > asked.limit else None
    return DeliveryList(items=tuple(_told(each) for each in items), next_cursor=more)


def counted(call: Call) -> DeliveryCounts:
    """What waits for somebody, by what became of it."""
    with call.ws.database.read() as tx:
        found = deliveries.counts(tx, _wanted(call.query(DeliveryFilter)))
    return DeliveryCounts(items=tuple(DeliveryCount.model_validate(each) for each in found))


def read(call: Call) -> DeliveryLetter:
    """One delivery with its body. Secrets in it are masked; the stored bytes stay as they came."""
    with call.ws.database.read() as tx:
        letter = deliveries.one(tx, call.id, call.language)
    told = _told(letter.facts).model_dump()
    return DeliveryLetter(**told, headers=masking.headers(dict(letter.headers)), body=masking.body(letter.body))


def replayed(call: Call) -> Receipt:
    """Apply a delivery again: what was applied stays, what was not is tried as it is understood today."""
    return Receipt.model_validate(inbox.replay(call.ws, call.id, read_again, call.who.actor))


def rehearsed(call: Call) -> DryRun:
    """What a replay of these deliveries would change. Nothing is written."""
    sent = call.body(DryRunWanted)
    draft = None
    if sent.playbook is not None:
        judged = publishing.draft(sent.playbook)
        draft = rehearsal.Draft(judged.sound(), judged.source)
    return _dry(rehearsal.rehearse(call.ws, _wanted(sent), read_again, draft), call.language)


def replay_begun(call: Call) -> ReplayProgress:
    """Replay all that fit, in the background where they are many."""
    return _progress(begin(call.ws, _wanted(call.body(ReplayWanted)), call.who.actor))


def replay_read(call: Call) -> ReplayProgress:
    """How far a replay has come."""
    with call.ws.database.read() as tx:
        return _progress(replays.progress(tx, call.id))


def replay_stopped(call: Call) -> ReplayProgress:
    """Replay no more of them; what was replayed stays."""
    return _progress(replays.stop(call.ws, call.id))


def replays_listed(call: Call) -> ReplayList:
    """The newest replays."""
    with call.ws.database.read() as tx:
        items, more = listing.short(call, replays.latest(tx, limit=_MOST_REPLAYS))
    return ReplayList(items=tuple(_progress(each) for each in items), next_cursor=more)


ROUTES: Final = (
    Route("GET", "/deliveries", "List deliveries", listed, DeliveryList, query=WantedDeliveries, right="deliveries"),
    Route(
        "GET", "/deliveries/counts", "Count what was not applied", counted, DeliveryCounts, query=DeliveryFilter,
        right="deliveries",
    ),
    Route("GET", "/deliveries/<id>", "Read a delivery", read, DeliveryLetter, right="deliveries", refusals=(404,)),
    Route("POST", "/deliveries/<id>/replay", "Apply again", replayed, Receipt, right="deliveries", refusals=(404,)),
    Route(
        "POST", "/deliveries/dry-run", "See what a replay would change", rehearsed, DryRun, body=DryRunWanted,
        right="deliveries",
    ),
    Route(
        "POST", "/deliveries/replays", "Replay all that fit", replay_begun, ReplayProgress, body=ReplayWanted,
        right="deliveries", status=201,
    ),
    Route("GET", "/deliveries/replays", "List replays", replays_listed, ReplayList, query=Listed, right="deliveries"),
    Route(
        "GET", "/deliveries/replays/<id>", "See how far a replay has come", replay_read, ReplayProgress,
        right="deliveries", refusals=(404,),
    ),
    Route(
        "POST", "/deliveries/replays/<id>/stop", "Stop a replay", replay_stopped, ReplayProgress, right="deliveries",
        refusals=(404,),
    ),
)  # fmt: skip


def _wanted(asked: DeliveryFilter | ReplayWanted) -> Wanted:
    told = asked.model_dump(include={"status", "source", "outcome", "since", "until", "why", "prospect", "delivery"})
    return Wanted(**told)


def _told(facts: DeliveryFacts) -> Delivery:
    return Delivery.model_validate(facts)


def _progress(told: replays.Progress) -> ReplayProgress:
    return ReplayProgress(
        id=told.id,
        at=told.at,
        actor=told.actor,
        state=told.state,  # type: ignore[arg-type]
        wanted=told.wanted.told(),
        total=told.total,
        done=told.done,
        outcomes=dict(told.outcomes),
        ended_at=told.ended_at,
    )


def _dry(told: Rehearsal, language: str) -> DryRun:
    return DryRun(
        fitting=told.fitting,
        deliveries=told.deliveries,
        outcomes=_changes(told.outcomes),
        moves=_changes(told.moves),
        prospects=told.prospects,
        made=told.made,
        mails=told.mails,
        events=tuple(
            EventChange(
                delivery_id=each.delivery_id,
                event_id=each.event_id,
                type=each.type,
                before=each.before,
                after=each.after,
                reason=each.reason(language),
            )
            for each in told.events
        ),
        examples=tuple(_example(each) for each in told.examples),
    )


def _changes(counted: dict[tuple[str, str], int]) -> tuple[OutcomeChange, ...]:
    return tuple(
        OutcomeChange(before=before, after=after, number=number) for (before, after), number in sorted(counted.items())
    )


def _example(each: ProspectChange) -> ProspectWouldChange:
    return ProspectWouldChange.model_validate(each)
