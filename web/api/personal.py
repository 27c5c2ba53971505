"""The API's routes about what reps do for one person: the text of a single email, and links between prospects."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import List
from web.api.models import Id, Listed, Nothing, Reply, Request
from web.api.route import Call, Route
from workflow.actions import own_texts, relations
from workflow.errors import BadInput
from workflow.reports import relations as reports
from workflow.reports import scope

Kind = Literal["referral", "colleague", "group", "other"]


class OwnText(Reply):
    """The text of one email as it would leave now. With `own` a person wrote it for this email, by `actor` at `at`.

    `thread` is the subject that it keeps, because it answers an earlier one. `problem` says why its template cannot be
    filled in, where that is so.
    """

    touch: str
    template: str
    language: str
    variant: str | None
    version: int
    own: bool
    subject: str
    text: str
    thread: str | None
    actor: str | None
    at: datetime | None
    problem: str | None


class OwnTextWritten(Request):
    """Words for one email. They may name the values of templates; `version` is the one they were written over."""

    subject: Annotated[str, Field(max_length=400)]
    text: Annotated[str, Field(max_length=own_texts.LONGEST)]
    version: Annotated[int, Field(ge=0)]


class Relation(Reply):
    """A linked prospect. Of a referral, `from` says that they were named by this prospect, `to` that they named it."""

    prospect: str
    name: str
    company: str
    kind: Kind
    side: Literal["from", "to"]
    at: datetime


class RelationList(List):
    """Everybody who is linked with a prospect, the newest link first."""

    items: tuple[Relation, ...]


class RelationWritten(Request):
    """A link to another prospect; of a `referral` this prospect named the other. It replaces the link there was."""

    other: Id
    kind: Kind


def text(call: Call) -> OwnText:
    """The text of an email that has not left, by hand or as its template makes it."""
    with call.ws.database.read() as tx:
        told = own_texts.read(call.ws, tx, call.id)
    return OwnText(
        touch=told.touch_id,
        template=told.template,
        language=told.language,
        variant=told.variant,
        version=told.version,
        own=told.is_own,
        subject=told.subject,
        text=told.text,
        thread=told.thread or None,
        actor=told.actor or None,
        at=told.at,
        problem=told.problem.message if told.problem else None,
    )


def written(call: Call) -> OwnText:
    """Write the text of one email by hand; 409 when somebody else did meanwhile, or when it is leaving."""
    sent = call.body(OwnTextWritten)
    own_texts.save(call.ws, call.id, sent.subject, sent.text, call.who, version=sent.version)
    return text(call)


def dropped(call: Call) -> OwnText:
    """Let the email follow its template again."""
    with call.ws.database.read() as tx:
        version = own_texts.read(call.ws, tx, call.id).version
    own_texts.drop(call.ws, call.id, call.who, version=version)
    return text(call)


def related(call: Call) -> RelationList:
    """Everybody who is linked with a prospect, as far as this key may see them."""
    items, more = listing.short(call, _linked(call))
    return RelationList(items=items, next_cursor=more)


def _linked(call: Call) -> tuple[Relation, ...]:
    with call.ws.database.read() as tx:
        found = reports.of_prospect(tx, call.viewer, call.id)
    return tuple(
        Relation(
            prospect=each.prospect_id, name=each.name, company=each.company, kind=_kind(each.kind), side=each.side,
            at=each.at,
        )
        for each in found
    )  # fmt: skip


def linked(call: Call) -> RelationList:
    """Link another prospect with this one."""
    sent = call.body(RelationWritten)
    relations.link(call.ws, call.id, _other(call, sent.other), sent.kind, call.who)
    return RelationList(items=_linked(call), next_cursor=None)


def unlinked(call: Call) -> RelationList:
    """Take the link to another prospect away."""
    relations.unlink(call.ws, call.id, _other(call, call.params["other"]), call.who)
    return RelationList(items=_linked(call), next_cursor=None)


def _other(call: Call, told: str) -> str:
    with call.ws.database.read() as tx:
        return scope.prospect_id(tx, call.viewer, told)


def _kind(told: str) -> Kind:
    match told:
        case "referral" | "colleague" | "group" | "other":
            return told
    raise BadInput(f"The link “{told}” is unknown.", field="kind")


_TEXT: Final = "/touches/<id>/text"
_LINKS: Final = "/prospects/<id>/relations"
_REFUSALS: Final = (404, 409)
ROUTES: Final = (
    Route("GET", _TEXT, "Read the text of an email", text, OwnText, refusals=(404,)),
    Route("PUT", _TEXT, "Write the text of one email", written, OwnText, OwnTextWritten, refusals=_REFUSALS),
    Route("DELETE", _TEXT, "Go back to the template", dropped, OwnText, Nothing, refusals=_REFUSALS),
    Route("GET", _LINKS, "List related prospects", related, RelationList, query=Listed, refusals=(404,)),
    Route("POST", _LINKS, "Link a prospect", linked, RelationList, RelationWritten, refusals=_REFUSALS),
    Route("DELETE", f"{_LINKS}/<other>", "Unlink a prospect", unlinked, RelationList, Nothing, refusals=_REFUSALS),
)
