"""The API's routes about the texts of emails: list them, read one as it holds, save the next version of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from web.api import listing
from web.api.listing import List
from web.api.models import Listed, Reply, Request
from web.api.route import Call, Route
from workflow.actions import texts
from workflow.mail.templates import Text
from workflow.reports import texts as reports

if TYPE_CHECKING:
    from workflow.records.db import Tx

_Part = Annotated[str, Field(max_length=65_536)]


class TemplateUse(Reply):
    """A step that sends an email."""

    sequence: str
    step: str


class TemplateListed(Reply):
    """One email. `versions` gives for each language the version that holds, 0 for the shipped text.

    `sent` and `replied` are of the last half year; an answer counts for the last email before it.
    """

    name: str
    versions: dict[str, int]
    used: tuple[TemplateUse, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    sent: int
    replied: int


class TemplateList(List):
    """Every email, by name."""

    items: tuple[TemplateListed, ...]


class Template(Reply):
    """The text of an email in one language as it holds now."""

    name: str
    language: str
    version: int
    subject: str
    text: str
    html: str


class TemplateWritten(Request):
    """A text to be saved. `version` is the one it was written over, 0 for the shipped text and for a new one."""

    subject: Annotated[str, Field(max_length=400)]
    text: _Part
    html: _Part
    version: Annotated[int, Field(ge=0)]


def listed(call: Call) -> TemplateList:
    """Every email, where it is used, what is wrong with it, and how many were sent and answered."""
    with call.ws.database.read() as tx:
        found, more = listing.short(call, reports.listed(call.ws, tx))
    return TemplateList(
        items=tuple(
            TemplateListed(
                name=each.name,
                versions=dict(each.versions),
                used=tuple(TemplateUse(sequence=sequence, step=step) for sequence, step in each.used),
                missing=each.missing,
                problems=tuple(problem.message for problem in each.problems),
                sent=each.sent,
                replied=each.replied,
            )
            for each in found
        ),
        next_cursor=more,
    )


def read(call: Call) -> Template:
    """The text that the next email of this name and language is written from."""
    with call.ws.database.read() as tx:
        return _one(call, tx)


def written(call: Call) -> Template:
    """Save a text as the next version; 409 when somebody saved another meanwhile, 422 when it could not be sent."""
    told = call.body(TemplateWritten)
    text = Text(told.subject, told.text, told.html, told.version)
    texts.save(call.ws, call.params["name"], call.params["language"], text, call.who.actor)
    with call.ws.database.read() as tx:
        return _one(call, tx)


def _one(call: Call, tx: Tx) -> Template:
    name, language = call.params["name"], call.params["language"]
    text = reports.source(call.ws, tx, name, language)
    return Template(
        name=name, language=language, version=text.version, subject=text.subject, text=text.text, html=text.html
    )


_AT: Final = "/templates/<name>/<language>"
ROUTES: Final = (
    Route("GET", "/templates", "List templates", listed, TemplateList, query=Listed),
    Route("GET", _AT, "Read a template", read, Template, refusals=(404,)),
    Route(
        "PUT", _AT, "Save a template", written, Template, TemplateWritten, right="templates", refusals=(404, 409)
    ),
)  # fmt: skip
