"""The list of prospects: searched as one types, filtered, sorted by its columns, and what its rows may be put to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import request

from web.pages import is_swap, playbook, workspace
from web.panel.filters import filter_choices, filter_query, sorting, wanted_filters
from web.panel.frame import Part, fragment, page, reading, swap, viewer
from workflow.reports import listing

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

_LONGEST_PLACE: Final = 300


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects", view_func=show_list, methods=["GET"])


def show_list() -> ResponseReturnValue:
    """Everybody, or whom a search and the filters find; with `part` only what a live search changes."""
    wanted, kept = wanted_filters(request.args), sorting(request.args)
    sort = kept or listing.NEWEST
    after = request.args.get("after", "")[:_LONGEST_PLACE]
    ws = workspace()
    with reading() as tx:
        found = listing.prospects(ws, tx, viewer(), wanted, sort=sort, after=after)
        choices = filter_choices(tx)
    values: dict[str, Any] = {
        "wanted": wanted, "found": found, "choices": choices, "sort": sort, "rest": filter_query(wanted, sort=kept),
        "filter": filter_query(wanted), "older": filter_query(wanted, sort=kept, after=found.next or ""),
        "by": lambda column: filter_query(wanted, sort=_turned(column, sort)), "after": after,
        "triggers": tuple(dict.fromkeys(way.trigger for way in playbook().transitions)),
    }  # fmt: skip
    if is_swap() and "part" in request.args:
        return swap(
            *(Part(f"#{name}", fragment("prospects", name, **values), "innerHTML") for name in ("head", "found"))
        )
    return page("prospects", here="prospects", **values)


def _turned(column: str, sort: str) -> str:
    """What the head of a column leads to: the other way round where it is sorted by that already."""
    first = f"-{column}" if column == "created" else column
    return {first: column if first != column else f"-{column}"}.get(sort, first)
