"""The API's routes that look ahead: what is still to come for a prospect, and the life of an imagined one.

Nothing is sent and nothing is changed; the same engine decides as in earnest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from web.api.models import Moment, Query, Reason, Reply, Request, Text
from web.api.route import Call, Route
from web.facts import fact
from workflow.engine import script, sequences
from workflow.engine.life import Imagined
from workflow.engine.simulate import simulate
from workflow.errors import BadInput
from workflow.playbook.findings import nearest
from workflow.reports import forecast

if TYPE_CHECKING:
    from workflow.engine.life import Entry, Life, Standing

_MOST_LINES: Final = 100
_IMAGINED: Final = {"email": "ana.petrova@example.com", "name": "Ana Petrova", "company": "Example Ltd"}
_Days = Annotated[int, Field(ge=1, le=366, description="How long after the last event, in days.")]


class WantedForecast(Query):
    """How far to look."""

    days: _Days = 120


class ImaginedFields(Request):
    """Who they are; what is not named is made up."""

    email: Text | None = None
    name: Text | None = None
    company: Text | None = None
    phone: Text | None = None
    title: Text | None = None
    language: Text | None = None
    time_zone: Text | None = None
    country: Text | None = None


class SimulationNew(Request):
    """An imagined prospect and what happens to them: `events` has one a line, as `replies on day 3`."""

    events: Annotated[str, Field(max_length=20_000)] = ""
    at: Annotated[Moment | None, Field(description="When it begins; null: now.")] = None
    prospect: ImaginedFields = ImaginedFields()
    stage: Annotated[
        str | None, Field(max_length=100, description="Where they stand since before; null: they are new.")
    ] = None
    days: _Days = 120


class LifeEntry(Reply):
    """One line of a life: what happened, when, by the clock on the prospect's wall, and why."""

    at: datetime
    at_prospect: str
    kind: str
    said: str
    sequence: str
    step: str
    verdict: str
    planned_at: datetime | None
    until: datetime | None
    reasons: tuple[Reason, ...]


class OpenTouch(Reply):
    """An email or task that is still open in the end."""

    sequence: str
    step: str
    kind: str
    state: str
    due_at: datetime
    reason: Reason


class LifeAhead(Reply):
    """A life: its entries in order of time, what is open in the end, and where it ends."""

    entries: tuple[LifeEntry, ...]
    open: tuple[OpenTouch, ...]
    stage: str
    outcome: str | None
    ending: Literal["closed", "quiet", "waiting", "horizon"]
    ended_at: datetime


def ahead(call: Call) -> LifeAhead:
    """What will come for a prospect from now on, if nothing else happens."""
    days = timedelta(days=call.query(WantedForecast).days)
    with call.ws.database.read() as tx:
        return _told(forecast.forecast(call.ws, tx, call.id, horizon=days))


def imagined(call: Call) -> LifeAhead:
    """Live the life of an imagined prospect by the playbook in force."""
    sent = call.body(SimulationNew)
    if len(sent.events.splitlines()) > _MOST_LINES:
        raise BadInput(f"“events” has more than {_MOST_LINES} lines.", field="events")
    with call.ws.database.read() as tx:
        playbook, now = call.ws.playbooks.in_force(tx), tx.now
    if sent.stage and sent.stage not in playbook.stages:
        hint = nearest(sent.stage, playbook.stages)
        raise BadInput(f"The playbook has no stage “{sent.stage}”: {hint}", field="stage")
    fields = _IMAGINED | {
        name: fact(name, value) for name, value in sent.prospect.model_dump(exclude_none=True).items()
    }
    begins = (sent.at or now).replace(microsecond=0)
    where = sequences.whereabouts(playbook, fields.get("time_zone"), None, fields.get("country"))
    told = script.read(sent.events, playbook, begins=begins, where=where, name="events")
    person = Imagined(fields, {}, sent.stage or None)
    return _told(simulate(playbook, person, told, begins=begins, horizon=timedelta(days=sent.days)))


def _told(life: Life) -> LifeAhead:
    return LifeAhead(
        entries=tuple(_entry(each) for each in life.entries),
        open=tuple(_open(each) for each in life.touches if each.ended_at is None),
        stage=life.stage,
        outcome=life.outcome,
        ending=life.ending,
        ended_at=life.ended_at.astimezone(UTC),
    )


def _entry(entry: Entry) -> LifeEntry:
    return LifeEntry(
        at=entry.at.astimezone(UTC),
        at_prospect=entry.at.astimezone(entry.zone).isoformat(),
        kind=entry.kind,
        said=entry.said,
        sequence=entry.sequence,
        step=entry.step,
        verdict=entry.verdict,
        planned_at=entry.planned_at,
        until=entry.until,
        reasons=tuple(_reason(each) for each in entry.reasons),
    )


def _open(each: Standing) -> OpenTouch:
    told = {name: getattr(each, name) for name in ("sequence", "step", "kind", "state", "due_at")}
    return OpenTouch(**told, reason=_reason(each.reason))


def _reason(each: Any) -> Reason:  # noqa: ANN401 - a reason of the engine, which has the name of the model
    return Reason(code=each.code, en=each.words("en"), bg=each.words("bg"))


ROUTES: Final = (
    Route(
        "GET", "/prospects/<id>/forecast", "Look ahead for a prospect", ahead, LifeAhead, query=WantedForecast,
        refusals=(404,),
    ),
    Route("POST", "/simulations", "Live an imagined life", imagined, LifeAhead, SimulationNew),
)  # fmt: skip
