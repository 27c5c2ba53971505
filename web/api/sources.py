"""The API's routes about senders of webhooks: list, add, give a new secret. A secret is told once, where it is made."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import Key, List, Sorted
from web.api.models import Id, Reply, Request
from web.api.route import Call, Route
from workflow.actions import sources
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


class SourceSecret(Request):
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


class SourceList(List):
    """A page of senders."""

    items: tuple[Source, ...]


def listed(call: Call) -> SourceList:
    """Senders of webhooks, also those that were switched off."""
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


def _made(call: Call, row: Record, secret: str) -> SourceMade:
    told = Source.model_validate(row).model_dump()
    return SourceMade(**told, url=sources.address(call.ws, row.kind, row.name, secret), secret=secret)


def _row(call: Call) -> Record:
    with call.ws.database.read() as tx:
        return reports.source(tx, call.id)


_ONCE: Final = ("url", "secret")
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
)  # fmt: skip
