"""The API's routes about senders of webhooks: list, add, give a new secret, and how each vendor is asked by its API.

A secret is told once, where it is made; a vendor's token goes in and never comes out.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import Key, List, Sorted
from web.api.models import Id, Nothing, Reply, Request
from web.api.route import Call, Route
from workflow.actions import crm_links, sources
from workflow.engine import reasons
from workflow.errors import NotFound
from workflow.reports import crm as crm_reports
from workflow.reports import people as reports

if TYPE_CHECKING:
    from workflow.records.db import Record

_Secret = Annotated[str | None, Field(max_length=2000, description="Write-only; without it one is made.")]


class WantedSources(Sorted):
    """Which sources to list."""

    kind: Key = ""
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"


class SourceNew(Request):
    """A sender to be added; `name` becomes part of its address."""

    kind: Key
    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    secret: _Secret = None


class SourceSecret(Nothing):
    """A new secret; the one before stays valid until the next."""

    secret: _Secret = None


class Source(Reply):
    """A sender of webhooks, without its secret."""

    id: Id
    name: str
    kind: str
    created_at: datetime
    disabled_at: datetime | None


class SourceMade(Source):
    """A sender with where it delivers to and its secret, which are told only here."""

    url: str | None
    secret: str | None


class SourceToken(Request):
    """The token of the vendor's own API."""

    api_token: Annotated[str, Field(max_length=4000, description="Write-only; an empty text takes it away.")]


class SourceCrmChange(Request):
    """What is to change; `writes` replaces all that was set before."""

    poll_minutes: Annotated[int | None, Field(ge=1, le=1440)] = None
    writes: Annotated[
        dict[str, Annotated[str, Field(max_length=100)]] | None,
        Field(max_length=200, description="Stages of the playbook, each with the id of the stage that it sets there."),
    ] = None


class SourceCrm(Reply):
    """How a vendor is asked by its API, and what is written there. `problem` says why it is not reached.

    `awaited` counts objects that are to be looked up, `unwritten` and `given_up` stages that are to be written.
    """

    has_token: bool
    poll_minutes: int
    polled_at: datetime | None
    poll_found: int
    looked_up_at: datetime | None
    written_at: datetime | None
    problem: str | None
    problem_since: datetime | None
    awaited: int
    unwritten: int
    given_up: int
    writes: dict[str, str]


class SourceList(List):
    """A page of senders."""

    items: tuple[Source, ...]


def listed(call: Call) -> SourceList:
    """Senders of webhooks, also those that were switched off; none that was removed."""
    asked = call.query(WantedSources)
    with call.ws.database.read() as tx:
        page = reports.sources(tx, listing.place(asked), asked.kind)
    items = tuple(Source.model_validate(row) for row in page.rows)
    return SourceList(items=items, next_cursor=listing.behind(asked, page))


def read(call: Call) -> Source:
    """One sender."""
    return Source.model_validate(_row(call))


def added(call: Call) -> SourceMade:
    """Add a sender of webhooks."""
    sent = call.body(SourceNew)
    secret = sources.add(call.ws, sent.kind, sent.name, sent.secret)
    with call.ws.database.read() as tx:
        row = reports.source_named(tx, sent.name)
    return _made(call, row, secret)


def rotated(call: Call) -> SourceMade:
    """Give a sender a new secret."""
    row = _row(call)
    return _made(call, row, sources.rotate(call.ws, row.name, call.body(SourceSecret).secret))


def paused(call: Call) -> Source:
    """Take nothing more from a sender: its deliveries are answered as if there were none of that name."""
    sources.pause(call.ws, _row(call).id)
    return read(call)


def resumed(call: Call) -> Source:
    """Take deliveries from a sender again."""
    sources.resume(call.ws, _row(call).id)
    return read(call)


def crm(call: Call) -> SourceCrm:
    """How its vendor is asked. One that was never given a token, nor told what to write, has nothing of the sort."""
    _row(call)
    with call.ws.database.read() as tx:
        found = crm_reports.state(tx, call.id)
    if found is None:
        message = "This source is not asked by an API: give it a token first."
        raise NotFound(message)
    told = asdict(found) | {"problem": reasons.words(found.problem, call.language)}
    return SourceCrm.model_validate(told)


def token_kept(call: Call) -> Source:
    """Keep the token of the vendor's own API, or forget it."""
    row = _row(call)
    sources.keep_token(call.ws, row.id, call.body(SourceToken).api_token)
    return Source.model_validate(row)


def crm_changed(call: Call) -> SourceCrm:
    """Change how often changes are read, and which stages are written there."""
    sent, source_id = call.body(SourceCrmChange), _row(call).id
    crm_links.set_up(call.ws, source_id, writes=sent.writes, minutes=sent.poll_minutes)
    return crm(call)


def reconciled(call: Call) -> SourceCrm:
    """Have its changes read at once; what no webhook told is applied within some seconds."""
    crm_links.poll_soon(call.ws, _row(call).id)
    return crm(call)


def _made(call: Call, row: Record, secret: str) -> SourceMade:
    told = Source.model_validate(row).model_dump()
    return SourceMade(**told, url=sources.address(call.ws, row.kind, row.name, secret), secret=secret)


def _row(call: Call) -> Record:
    with call.ws.database.read() as tx:
        return reports.source(tx, call.id)


_ONCE: Final = ("url", "secret")
_CRM: Final = "/sources/<id>/crm"
ROUTES: Final = (
    Route("GET", "/sources", "List sources", listed, SourceList, query=WantedSources, right="sources"),
    Route(
        "POST", "/sources", "Add a source", added, SourceMade, SourceNew, right="sources", status=201,
        refusals=(409,), secrets=_ONCE,
    ),
    Route("GET", "/sources/<id>", "Read a source", read, Source, right="sources", refusals=(404,)),
    Route(
        "POST", "/sources/<id>/rotate", "Give a new secret", rotated, SourceMade, SourceSecret, right="sources",
        refusals=(404,), secrets=_ONCE,
    ),
    Route("POST", "/sources/<id>/pause", "Pause a source", paused, Source, right="sources", refusals=(404,)),
    Route("POST", "/sources/<id>/resume", "Resume a source", resumed, Source, right="sources", refusals=(404,)),
    Route(
        "PUT", "/sources/<id>/token", "Keep the vendor's token", token_kept, Source, SourceToken, right="sources",
        refusals=(404,),
    ),
    Route("GET", _CRM, "Read how the vendor is asked", crm, SourceCrm, right="sources", refusals=(404,)),
    Route(
        "PATCH", _CRM, "Change what is asked and written", crm_changed, SourceCrm, SourceCrmChange, right="sources",
        refusals=(404,),
    ),
    Route(
        "POST", "/sources/<id>/reconcile", "Read changes now", reconciled, SourceCrm, right="sources", refusals=(404,)
    ),
)  # fmt: skip
