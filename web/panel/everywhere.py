"""What stands on every page: the palette of pages and prospects behind Ctrl K, and one's appearance and keys.

The actions of a page are found in the page itself, by the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

from flask import Response, request
from sqlalchemy import select

from web.auth import person
from web.i18n import gettext as _
from web.i18n import later
from web.pages import render
from web.panel.frame import outside, page, reading, viewer
from workflow import rights, text
from workflow.records.models import Prospect
from workflow.reports.finding import found_by
from workflow.reports.scope import unerased

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.rights import Action

MOST: Final = 8
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the palette: its address, its name, the keys that lead there, and other words to find it by."""

    path: str
    title: str
    keys: str = ""
    also: str = ""
    action: Action | None = None


# The other words are searched, never shown: whoever types the English word in Bulgarian finds the page as well.
_PLACES: Final = (
    Place("/", later("Today"), "G T", "today day start"),
    Place("/board", later("Board"), "G B", "board pipeline kanban"),
    Place("/prospects", later("Prospects"), "", "prospects list people"),
    Place("/prospects/new", later("Add prospect"), "", "add new prospect"),
    Place("/prospects/import", later("Import"), "", "import csv spreadsheet", "import"),
    Place("/meetings", later("Meetings"), "G M", "meetings calendar appointments"),
    Place("/meetings/new", later("Book a meeting"), "", "book meeting slots times"),
    Place("/analytics", later("Analytics"), "G A", "analytics reports funnel numbers"),
    Place("/uncertain", later("Needs a person"), "", "uncertain failed waiting"),
    Place("/unmatched", later("Mail of nobody"), "", "unmatched replies"),
    Place("/deliveries", later("Deliveries"), "", "deliveries webhooks in", "deliveries"),
    Place("/templates", later("Templates"), "", "templates texts emails"),
    Place("/settings", later("Settings"), "G S", "settings profile password"),
    Place("/settings/appearance", later("Appearance and keyboard"), "", "theme dark light keys shortcuts"),
    Place("/settings/mailboxes", later("Mailboxes"), "", "mailboxes smtp imap"),
    Place("/settings/sources", later("Sources"), "", "sources webhooks secrets", "sources"),
    Place("/settings/endpoints", later("Webhooks out"), "", "endpoints webhooks out", "endpoints"),
    Place("/settings/users", later("Users"), "", "users people reps invite roles", "people"),
    Place("/settings/audit", later("Audit"), "", "audit log changes who", "audit"),
    Place("/settings/keys", later("Keys of the API"), "", "api keys", "people"),
    Place("/settings/suppression", later("Suppression"), "", "suppression unsubscribe", "suppressions"),
    Place("/settings/playbook", later("Playbook"), "", "playbook publish versions", "playbook"),
    Place("/settings/playbook/diagram", later("Diagram of the playbook"), "", "diagram playbook stages"),
    Place("/help", later("Help"), "", "help docs manual"),
    Place("/api/docs", later("API, to read and try"), "", "api docs openapi swagger"),
)


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/palette", view_func=palette, methods=["GET"])
    routes.add_url_rule("/settings/appearance", view_func=appearance, methods=["GET"])


def palette() -> ResponseReturnValue:
    """The palette and the list of keys, fetched when first asked for; with `q` only the prospects that fit."""
    if "q" in request.args:
        return _people(text.line(request.args["q"], _LONGEST))
    markup = render("panel/palette.html", {**outside(), "pages": tuple(_places())})
    return Response(markup, mimetype="text/html")


def appearance() -> ResponseReturnValue:
    """Theme, language, time zone, and whether single keys act."""
    return appearance_page()


def appearance_page(
    errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None, status: int = HTTPStatus.OK
) -> Response:
    """The page of one's appearance, with what was typed and what is wrong at its fields."""
    zones = sorted(name for name in available_timezones() if "/" in name)
    mine = own_choices(typed)
    return page("appearance", here="settings", status=status, errors=errors or {}, mine=mine, zones=zones)


def own_choices(typed: Mapping[str, str] | None) -> dict[str, str]:
    """What the viewer chose before, and over it what was typed just now and not taken."""
    me = person()
    kept = {name: getattr(me, name) or "" for name in ("name", "language", "theme", "time_zone", "single_keys")}
    return kept | dict(typed or {})


def _places() -> Iterator[Place]:
    role = person().role
    for each in _PLACES:
        if each.action is None or rights.may(role, each.action):
            yield Place(each.path, _(each.title), each.keys, each.also)


def _people(wanted: str) -> Response:
    with reading() as tx:
        conditions = found_by(tx, wanted)
        rows = (
            tx.conn.execute(
                select(Prospect.id, Prospect.name, Prospect.company, Prospect.email, Prospect.stage)
                .where(viewer().sees(), *unerased(tx), *conditions)
                .order_by(Prospect.created_at.desc(), Prospect.id.desc())
                .limit(MOST)
            ).all()
            if conditions
            else ()
        )
        markup = render("panel/palette_people.html", {**outside(), "people": rows})
    return Response(markup, mimetype="text/html")
