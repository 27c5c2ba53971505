"""The API's routes about the list of addresses and domains that nobody writes to: list, add, remove."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import Sorted
from web.api.models import Nothing, Query, Reply, Request
from web.api.route import Call, Route
from workflow.actions import suppressions
from workflow.engine.reasons import because
from workflow.reports import suppressions as listed_ones

if TYPE_CHECKING:
    from workflow.records.db import Record

_SECONDS: Final = 4.0
Why = Annotated[str, Field(min_length=1, max_length=400, description="It is kept for ever.")]


class WantedSuppressions(Sorted):
    """What to list; `q` is a part of an address or a domain."""

    q: Annotated[str, Field(max_length=254)] = ""
    sort: Literal["key", "-key", "at", "-at"] = "key"


class SuppressionNew(Request):
    """An address, or a domain as `@example.com`, which bars its subdomains too."""

    key: Annotated[str, Field(min_length=1, max_length=320)]
    reason: Why


class Removal(Query):
    """Why an address or a domain may get mail again."""

    reason: Why


class Suppression(Reply):
    """Who gets no mail. `cause` is a code, `sentence` says it in words; `reason` is what a person wrote."""

    key: str
    kind: Literal["address", "domain"]
    cause: str
    sentence: str
    reason: str
    source: str
    actor: str
    at: datetime


class SuppressionList(Reply):
    """A page of the list, by default by key."""

    items: tuple[Suppression, ...]
    next_cursor: str | None


def listed(call: Call) -> SuppressionList:
    """The list; an address that is barred for its domain alone is found only by `q`."""
    asked = call.query(WantedSuppressions)
    with call.ws.database.read() as tx:
        page = listed_ones.ordered(tx, asked.q, listing.place(asked))
    items = tuple(_told(row, call.language) for row in page.rows)
    return SuppressionList(items=items, next_cursor=listing.behind(asked, page))


def added(call: Call) -> Suppression:
    """Bar an address or a domain; one that is barred stays as it is."""
    wanted = call.body(SuppressionNew)
    key = suppressions.add(call.ws, wanted.key, wanted.reason, call.who, "api", seconds=_SECONDS).key
    with call.ws.database.read() as tx:
        row = listed_ones.one(tx, key)
    if row is None:
        # Somebody removed it between the two.
        return Suppression(key=key, kind=_kind(key), cause="", sentence="", reason="", source="", actor="", at=tx.now)
    return _told(row, call.language)


def removed(call: Call) -> Nothing:
    """Let it get mail again; the log keeps that it was barred."""
    suppressions.remove(call.ws, call.params["key"], call.query(Removal).reason, call.who)
    return Nothing()


def _told(row: Record, language: str) -> Suppression:
    return Suppression(
        key=row.key, kind=_kind(row.key), cause=row.cause, sentence=because(row.cause).words(language),
        reason=row.note or "", source=row.source or "", actor=row.actor, at=row.at,
    )  # fmt: skip


def _kind(key: str) -> Literal["address", "domain"]:
    return "domain" if key.startswith("@") else "address"


ROUTES: Final = (
    Route(
        "GET", "/suppressions", "List who gets no mail", listed, SuppressionList, query=WantedSuppressions,
        right="suppressions",
    ),
    Route(
        "POST", "/suppressions", "Bar an address or a domain", added, Suppression, SuppressionNew,
        right="suppressions",
    ),
    Route(
        "DELETE", "/suppressions/<key>", "Let an address or a domain get mail again", removed, Nothing, query=Removal,
        right="unsuppress", refusals=(404, 409),
    ),
)  # fmt: skip
