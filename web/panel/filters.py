"""The filters of the board and the list: read from an address, written into one, offered, and kept under a name.

What they mean is the matter of `workflow.reports.filters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from flask import redirect, request
from sqlalchemy import select

from web.auth import person
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import later
from web.pages import playbook, workspace
from web.panel.frame import Toast, done, reading, viewer
from workflow import text
from workflow.actions import saving
from workflow.records.finding import SavedFilter
from workflow.records.models import Rep, Source
from workflow.reports import listing
from workflow.reports.filters import MINE, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record, Tx

_LONGEST: Final = 100
# What the actions say where they refuse; they know no language but English.
SAID: Final = (
    later("Give the filter a name."),
    later("There is no filter to keep: choose one first."),
    later("Twenty filters are kept already: remove one first."),
    later("Another filter has this name: choose a different one."),
    later("There is no such filter: it may have been removed."),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A filter that the viewer keeps. `query` says it with the order of the list, `plain` without, for the board."""

    id: str
    name: str
    query: str
    plain: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen, and which filters the viewer keeps."""

    reps: tuple[Record, ...]
    sources: tuple[Record, ...]
    kept: tuple[Kept, ...]


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/filters", view_func=keep_filter, methods=["POST"])
    routes.add_url_rule("/prospects/filters/<filter_id>/rename", view_func=rename_filter, methods=["POST"])
    routes.add_url_rule("/prospects/filters/<filter_id>/remove", view_func=forget_filter, methods=["POST"])


def wanted_filters(told: Mapping[str, str]) -> Wanted:
    """The filters that an address asks for. `mine=1` is how older links say that of one's own."""
    stage, persona = told.get("stage", ""), told.get("persona", "")
    return Wanted(
        search=text.line(told.get("q", ""), _LONGEST),
        stage=stage if stage in playbook().stages else "",
        owner=told.get("owner", "")[:36] or (MINE if told.get("mine") == "1" else ""),
        source=told.get("source", "")[:36],
        persona=persona if persona in playbook().content.personas else "",
        stalled=told.get("stalled") == "1",
    )


def filters_of_form() -> Wanted:
    """The filters of the page that a form was sent from."""
    return wanted_filters(_told_by_form())


def query_of_form() -> str:
    """The same as the part of an address, with the order in which the list stood."""
    told = _told_by_form()
    return filter_query(wanted_filters(told), sort=sorting(told))


def sorting(told: Mapping[str, str]) -> str:
    """The order that an address asks for; empty for the usual one, which no address names."""
    sort = told.get("sort", "")
    return sort if sort.removeprefix("-") in listing.COLUMNS and sort != listing.NEWEST else ""


def _told_by_form() -> dict[str, str]:
    return dict(parse_qsl(request.form.get("filter", "")[:1000]))


def filter_query(of: Wanted, **more: str) -> str:
    """The part of an address behind `?` that says these filters; empty when nothing is asked for."""
    told: dict[str, Any] = {
        "q": of.search, "stage": of.stage, "owner": of.owner, "source": of.source,
        "persona": of.persona, "stalled": "1" if of.stalled else "", **more,
    }  # fmt: skip
    return urlencode({name: value for name, value in told.items() if value})


def filter_choices(tx: Tx) -> Choices:
    """What the viewer may choose from."""
    me = viewer()
    reps = select(Rep.id, Rep.name).where(Rep.disabled_at.is_(None), Rep.id != me.rep_id).order_by(Rep.name)
    sources = select(Source.id, Source.name).where(Source.disabled_at.is_(None)).order_by(Source.name)
    kept = select(SavedFilter.id, SavedFilter.name, SavedFilter.query).where(SavedFilter.rep_id == me.rep_id)
    return Choices(
        tuple(tx.conn.execute(reps)) if me.sees_everyone else (),
        tuple(tx.conn.execute(sources)),
        tuple(
            Kept(row.id, row.name, row.query, urlencode([each for each in parse_qsl(row.query) if each[0] != "sort"]))
            for row in tx.conn.execute(kept.order_by(SavedFilter.name))
        ),
    )


def keep_filter() -> ResponseReturnValue:
    """Keep the filter of the page under a name."""
    name, told = read_line("name", saving.LONGEST_NAME), query_of_form()
    saving.keep(workspace(), person().id, name, told)
    return done(f"{_page()}?{told}", Toast(_("The filter “%(name)s” was kept") % {"name": name}))


def rename_filter(filter_id: str) -> ResponseReturnValue:
    """Call a filter that one kept otherwise, with the way back to the name it had."""
    name = read_line("name", saving.LONGEST_NAME)
    before = saving.rename(workspace(), person().id, filter_id, name)
    told, view = query_of_form(), request.form.get("view", "")
    back = (("name", before), ("filter", told), ("view", view))
    toast = Toast(
        _("The filter is called “%(name)s” now") % {"name": name}, f"/prospects/filters/{filter_id}/rename", back
    )
    return done(f"{_page()}?{told}" if told else _page(), toast)


def forget_filter(filter_id: str) -> ResponseReturnValue:
    """Forget a filter that one kept, with the way to have it back."""
    with reading() as tx:
        mine = select(SavedFilter.name, SavedFilter.query).where(
            SavedFilter.id == filter_id, SavedFilter.rep_id == person().id
        )
        row = tx.conn.execute(mine).one_or_none()
    saving.forget(workspace(), person().id, filter_id)
    told = query_of_form()
    address = f"{_page()}?{told}" if told else _page()
    if row is None:
        return redirect(address, 303)
    back = (("name", row.name), ("filter", row.query), ("view", request.form.get("view", "")))
    return done(address, Toast(_("The filter “%(name)s” was removed") % {"name": row.name}, "/prospects/filters", back))


def _page() -> str:
    return "/board" if request.form.get("view") == "board" else "/prospects"
