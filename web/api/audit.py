"""The API's routes about who did what: over all prospects, and who this key is."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import Key, List, OfProspects, Sorted
from web.api.models import Change, Id, Moment, Reply
from web.api.route import Call, Route
from workflow import rights
from workflow.auditing import AREAS, KINDS
from workflow.reports import auditing, people, records

What = Literal[("", *AREAS, *KINDS)]  # type: ignore[valid-type]


class WantedAudit(OfProspects):
    """Which rows to list; `actor` is as `rep:<id>`, `api:<name>` or `source:<name>`, `kind` as in a history."""

    actor: Key = ""
    kind: Key = ""
    sort: Literal["at", "-at"] = "-at"


class AuditRow(Change):
    """A row of a prospect's history."""

    prospect_id: Id


class AuditList(List):
    """A page of the log."""

    items: tuple[AuditRow, ...]


class WantedSettings(Sorted):
    """Which changes of settings to list; `what` is a kind, or an area that stands for all kinds of it."""

    actor: Key = ""
    what: What = ""
    since: Moment | None = None
    until: Moment | None = None
    sort: Literal["at", "-at"] = "-at"


class SettingRow(Reply):
    """One change of a setting: only the fields that differ, and of a secret only that it is there."""

    id: Id
    at: datetime
    actor: str
    what: str
    about: Annotated[str, Field(description="The name of what was changed, as a mailbox's or a person's address.")]
    about_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class SettingList(List):
    """A page of changed settings."""

    items: tuple[SettingRow, ...]


class Me(Reply):
    """The key of this call: what it may do, as whom, and until when."""

    name: str
    role: str
    scopes: tuple[str, ...]
    areas: Annotated[dict[str, Literal["none", "read", "write"]], Field(description="By area, what it may do there.")]
    rep: Annotated[str | None, Field(description="The email address of the rep whose key it is.")]
    expires_at: datetime | None


def listed(call: Call) -> AuditList:
    """Who did what, by default the latest first."""
    asked = call.query(WantedAudit)
    wanted = listing.wanted(asked, actor=asked.actor, kind=asked.kind)
    with call.ws.database.read() as tx:
        page = records.audit(tx, call.viewer, wanted, listing.place(asked))
    items = tuple(AuditRow.model_validate(row) for row in page.rows)
    return AuditList(items=items, next_cursor=listing.behind(asked, page))


def settings(call: Call) -> SettingList:
    """Who changed which setting, by default the latest first."""
    asked = call.query(WantedSettings)
    wanted = auditing.Wanted(asked.actor, asked.what, asked.since, asked.until)
    with call.ws.database.read() as tx:
        page = auditing.page(tx, wanted, listing.place(asked))
    items = tuple(SettingRow.model_validate(row) for row in page.rows)
    return SettingList(items=items, next_cursor=listing.behind(asked, page))


def me(call: Call) -> Me:
    """Who this key is. Every key may ask."""
    key = call.key
    with call.ws.database.read() as tx:
        rep = people.rep(tx, key.rep_id).email if key.rep_id else None
    areas = {area: _most(key.scopes, area) for area in rights.AREAS}
    return Me(name=key.name, role=key.role, scopes=key.scopes, areas=areas, rep=rep, expires_at=key.expires_at)


def _most(scopes: tuple[str, ...], area: str) -> Literal["none", "read", "write"]:
    if rights.covers(scopes, area, write=True):
        return "write"
    return "read" if rights.covers(scopes, area, write=False) else "none"


ROUTES: Final = (
    Route("GET", "/audit", "List who did what", listed, AuditList, query=WantedAudit, right="audit"),
    Route(
        "GET", "/audit/settings", "List changed settings", settings, SettingList, query=WantedSettings, right="audit"
    ),
    Route("GET", "/me", "Read who this key is", me, Me, needs_scope=False),
)  # fmt: skip
