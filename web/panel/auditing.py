"""Settings > Audit: who changed which setting, when, and from what to what; as a page and as a file.

Reads only. The filters stand in the address.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Response, g, request

from web.auth import require
from web.i18n import gettext as _
from web.i18n import later
from web.panel.frame import page, reading
from web.panel.wording import actor as actor_in_words
from web.panel.wording import role as role_in_words
from web.panel.wording import silence
from workflow import text
from workflow.auditing import AREAS, KINDS
from workflow.imports import cells
from workflow.reports import auditing
from workflow.reports.paging import Asked, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record

_PAGE: Final = "/settings/audit"
_SHOWN: Final = 50
_LONGEST_VALUE: Final = 300
DONE: Final = {
    "rep.added": later("Let a person in"),
    "rep.changed": later("Changed a person"),
    "rep.password": later("Set a password"),
    "rep.link": later("Made a link to sign in"),
    "rep.away": later("Marked a person as away"),
    "rep.back": later("Marked a person as back"),
    "rep.disabled": later("Shut a person out"),
    "key.added": later("Made a key of the API"),
    "key.revoked": later("Revoked a key of the API"),
    "mailbox.added": later("Added a mailbox"),
    "mailbox.changed": later("Changed a mailbox"),
    "mailbox.paused": later("Paused a mailbox"),
    "mailbox.resumed": later("Let a mailbox send again"),
    "mailbox.removed": later("Took a mailbox out of use"),
    "source.added": later("Added a source"),
    "source.rotated": later("Gave a source a new secret"),
    "source.confirmed": later("Confirmed a subscription"),
    "source.token": later("Changed the token of a source"),
    "source.writes": later("Changed what is written to a CRM"),
    "source.poll": later("Changed how often a CRM is asked"),
    "source.paused": later("Paused a source"),
    "source.resumed": later("Resumed a source"),
    "source.removed": later("Removed a source"),
    "endpoint.added": later("Added an endpoint"),
    "endpoint.changed": later("Changed an endpoint"),
    "endpoint.rotated": later("Gave an endpoint a new secret"),
    "endpoint.paused": later("Paused an endpoint"),
    "endpoint.resumed": later("Resumed an endpoint"),
    "endpoint.removed": later("Removed an endpoint"),
    "suppression.removed": later("Took an address from the list"),
    "template.saved": later("Saved the text of an email"),
    "playbook.published": later("Put a playbook in force"),
    "secrets.sealed": later("Sealed the secrets anew"),
}
_ABOUT: Final = {
    "rep": later("People"),
    "key": later("Keys of the API"),
    "mailbox": later("Mailboxes"),
    "source": later("Sources"),
    "endpoint": later("Webhooks out"),
    "suppression": later("Suppression"),
    "template": later("Templates"),
    "playbook": later("Playbook"),
    "secrets": later("Secrets"),
}
_FIELDS: Final = {
    "name": later("Name"),
    "role": later("Role"),
    "language": later("Language"),
    "time_zone": later("Time zone"),
    "sender": later("Sender"),
    "rep": later("Rep"),
    "rep_id": later("Rep"),
    "stand_in": later("Stand-in"),
    "scopes": later("What it may do"),
    "expires_at": later("Valid until"),
    "smtp_url": later("Mail server"),
    "server": later("Mail server"),
    "imap_url": later("Server to read from (IMAP)"),
    "inbox": later("Server to read from (IMAP)"),
    "dkim_key": later("DKIM key"),
    "kind": later("Kind"),
    "url": later("Address"),
    "events": later("Events"),
    "reason": later("Reason"),
    "cause": later("Barred because"),
    "version": later("Version"),
    "api_token": later("API token"),
    "poll_minutes": later("Minutes between looks"),
    "writes": later("What is written there"),
    "rows": later("How many"),
}
_SECRETS: Final = {"set": later("kept"), "changed": later("another one")}
_SECRET_FIELDS: Final = frozenset({
    "smtp_url", "imap_url", "dkim_key", "token_url", "client_id", "client_secret", "refresh_token", "api_token",
})  # fmt: skip


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule(_PAGE, view_func=show_audit, methods=["GET"])
    routes.add_url_rule(f"{_PAGE}.csv", view_func=audit_file, methods=["GET"])


def show_audit() -> ResponseReturnValue:
    """The changes that the address asks for, the newest first."""
    require("audit")
    chosen, wanted = _chosen(), _wanted()
    with reading() as tx:
        found = auditing.page(tx, wanted, Asked(auditing.NEWEST, _place(request.args.get("after", "")), _SHOWN))
        actors = [(actor, actor_in_words(actor)) for actor in auditing.actors(tx)]
    older = urlencode({**chosen, "after": f"{found.next[0]} {found.next[1]}"}) if found.next else ""
    return page(
        "audit", here="settings", rows=found.rows, chosen=chosen, query=urlencode(chosen), older=older,
        actors=sorted(actors, key=lambda each: each[1]), areas={area: _(_ABOUT[area]) for area in AREAS},
        done=lambda kind: _(DONE[kind]), fields=_fields,
    )  # fmt: skip


def audit_file() -> ResponseReturnValue:
    """The same changes as a table for a spreadsheet, a line for each field; at most twenty thousand changes."""
    require("audit")
    with reading() as tx:
        rows = auditing.all_of_them(tx, _wanted())
        header = (_("When (UTC)"), _("Who"), _("What"), _("Which one"), _("Field"), _("Before"), _("After"))
        lines = [line for row in rows for line in _lines(row)]
    response = Response(cells.as_csv(header, lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _lines(row: Record) -> Iterator[tuple[str, ...]]:
    first = (f"{row.at:%Y-%m-%d %H:%M:%S}", actor_in_words(row.actor), _(DONE[row.what]), row.about)
    for label, before, after in _fields(row) or [("", "", "")]:
        yield *first, label, before, after


def _fields(row: Record) -> list[tuple[str, str, str]]:
    """The fields of a change: the name of each, what it was, and what it is."""
    names = dict.fromkeys((*row.before, *row.after))
    was, now = row.before, row.after
    return [(_label(name), _value(name, was.get(name)), _value(name, now.get(name))) for name in names]


def _label(name: str) -> str:
    return _(_FIELDS[name]) if name in _FIELDS else name


def _value(name: str, value: Any) -> str:  # noqa: ANN401 - whatever a field holds
    if value is None:
        return ""
    if name in _SECRET_FIELDS and value in _SECRETS:
        return _(_SECRETS[value])
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    told = str(value)
    if name == "rep_id":
        return actor_in_words(f"rep:{told}")
    if name in ("role", "cause"):
        return role_in_words(told) if name == "role" else silence(told)
    return text.line(told, _LONGEST_VALUE)


def _chosen() -> dict[str, str]:
    """The filters of the address that ask for something."""
    told = {name: text.line(request.args.get(name, ""), 200) for name in ("who", "what", "from", "to")}
    if told["what"] not in (*AREAS, *KINDS):
        told["what"] = ""
    return {name: value for name, value in told.items() if value and (name not in ("from", "to") or _day(value))}


def _wanted() -> auditing.Wanted:
    chosen: Mapping[str, str] = _chosen()
    until = _day(chosen.get("to", ""))
    return auditing.Wanted(
        chosen.get("who", ""),
        chosen.get("what", ""),
        _begins(_day(chosen.get("from", ""))),
        _begins(until + timedelta(days=1) if until else None),
    )


def _day(told: str) -> date | None:
    try:
        found = date.fromisoformat(told)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found < date(9000, 1, 1) else None


def _begins(day: date | None) -> datetime | None:
    """When a day begins by the clock of whoever looks."""
    return datetime.combine(day, time(), g.zone).astimezone(UTC) if day is not None else None


def _place(told: str) -> Place | None:
    """The place behind which to go on; the first page for one that is odd."""
    moment, _blank, row_id = told.rpartition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, row_id) if at.tzinfo is not None else None
