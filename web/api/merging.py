"""The API's route that merges two prospects who are one. There is none that takes them apart."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from web.api.models import Id, Prospect, Request, Version
from web.api.prospects import told_of
from web.api.route import Call, Route
from workflow.actions import merging
from workflow.reports import scope

Fact = Literal["email", "name", "company", "phone", "title", "language", "time_zone", "country", "owner"]


class Merge(Request):
    """Another prospect who is the same person, and the facts that are taken from it where both have one."""

    other: Annotated[Id, Field(description="The prospect that goes into this one. This cannot be undone.")]
    take: Annotated[tuple[Fact, ...], Field(max_length=len(merging.CHOOSABLE), strict=False)] = ()
    version: Version | None = None


def merged(call: Call) -> Prospect:
    """Merge another prospect into this one; what it had, and all that is told of it later, is this one's."""
    sent = call.body(Merge)
    with call.ws.database.read() as tx:
        other = scope.prospect_id(tx, call.viewer, sent.other)
    merging.merge(call.ws, call.id, other, call.who, take=sent.take, version=sent.version)
    return told_of(call, call.id)


ROUTES: Final = (
    Route(
        "POST",
        "/prospects/<id>/merge",
        "Merge another prospect into it",
        merged,
        Prospect,
        Merge,
        refusals=(404, 409),
    ),
)
