"""Analytics: the funnel of those who entered within a period, as a page and as a file. Counts nothing itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import Response, request

from web.i18n import gettext as _
from web.pages import workspace
from web.panel.frame import page, reading, viewer
from web.panel.wording import stage as stage_in_words
from workflow import text
from workflow.imports import cells
from workflow.reports import funnel
from workflow.reports.filters import MINE, Wanted

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.reports.funnel import Funnel

PERIODS: Final = (30, 90, 365)
_USUAL: Final = 90


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/analytics", view_func=show_analytics, methods=["GET"])
    routes.add_url_rule("/analytics/funnel.csv", view_func=funnel_file, methods=["GET"])


def show_analytics() -> ResponseReturnValue:
    """The funnel that the address asks for."""
    found, days, wanted = _found()
    return page("analytics", here="analytics", found=found, days=days, periods=PERIODS, wanted=wanted, way=_way)


def funnel_file() -> ResponseReturnValue:
    """The same numbers as a table for a spreadsheet."""
    found = _found()[0]
    header = (_("Stage"), _("Came here"), _("Went further"), _("Still here"), _("Closed, not won"), _("Won from here"))
    rows = [
        (stage_in_words(each.stage.key), *map(str, (each.came, each.further, each.stayed, each.ended, each.won)))
        for each in found.stages
    ]
    response = Response(cells.as_csv(header, rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="funnel.csv"'
    return response


def _found() -> tuple[Funnel, int, Wanted]:
    told = request.args.get("days", "")
    days = int(told) if told in map(str, PERIODS) else _USUAL
    source = text.line(request.args.get("source", ""), 40)
    wanted = Wanted(owner=MINE if request.args.get("owner") == MINE else "", source=source)
    with reading() as tx:
        return funnel.funnel(workspace(), tx, viewer(), wanted, timedelta(days=days)), days, wanted


def _way(days: int, owner: str, source: str, path: str = "/analytics") -> str:
    """The address of the same page with other filters."""
    told = {"days": days, "owner": owner, "source": source}
    return f"{path}?{urlencode({name: value for name, value in told.items() if value})}"
