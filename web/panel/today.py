"""Today: what needs the person who looks, and what leaves by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from web.auth import person
from web.pages import workspace
from web.panel.frame import end_of_day, page, reading, viewer
from workflow.reports import endpoints, today

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from web.panel.frame import Toast


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/", view_func=first_page, methods=["GET"])


def first_page() -> ResponseReturnValue:
    """The first page."""
    return show_today()


def show_today(*, toast: Toast | None = None) -> ResponseReturnValue:
    """The day of whoever looks."""
    ws = workspace()
    with reading() as tx:
        found = today.today(ws, tx, viewer(), end_of_day(tx.now))
        done = today.done(tx, viewer(), person().actor, end_of_day(tx.now) - timedelta(days=1))
        off = endpoints.switched_off(tx) if viewer().sees_everyone else ()
    return page("today", here="today", toast=toast, found=found, done=done, off=off)
