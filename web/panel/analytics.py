"""Analytics: how prospects of a period fared, section by section, as a page and as files. Counts nothing itself.

The page brings what one statement counts; the other sections come by themselves, so that none waits for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Response, request
from sqlalchemy import select

from web.pages import is_swap, workspace
from web.panel.figures import (
    TITLES,
    of_competitors,
    of_funnel,
    of_reasons,
    of_reps,
    of_sequences,
    of_sources,
    of_times,
    of_velocity,
    origin,
)
from web.panel.frame import Part, fragment, page, reading, swap, viewer
from workflow import text
from workflow.errors import NotFound
from workflow.imports import cells
from workflow.records.models import Rep, Source
from workflow.reports import answered, endings, funnel, pace
from workflow.reports.asked import PERIODS, USUAL, Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from web.panel.figures import Figure
    from workflow.records.db import Record, Tx

LANGUAGES: Final = {"en": "English", "bg": "Български"}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/analytics", view_func=show_analytics, methods=["GET"])
    routes.add_url_rule("/analytics/<section>", view_func=show_section, methods=["GET"])
    routes.add_url_rule("/analytics/<section>.csv", view_func=section_file, methods=["GET"])


def show_analytics() -> ResponseReturnValue:
    """The page with the sections of one statement, and places for the others."""
    asked = _asked()
    with reading() as tx:
        groups = funnel.cohort(workspace(), tx, viewer(), asked)
        choices = _choices(tx)
        book = workspace().playbooks.in_force(tx)
    found = funnel.funnel(book, groups)
    totals = funnel.total(groups)
    known = {
        "funnel": of_funnel(found),
        "sources": of_sources(funnel.by_source(groups)),
        "reps": of_reps(funnel.by_rep(groups, viewer(), asked)),
    }
    return page(
        "analytics", here="analytics", asked=asked, found=found, totals=totals, known=known, sections=TITLES,
        only="", way=_way, periods=PERIODS, **choices,
    )  # fmt: skip


def show_section(section: str) -> ResponseReturnValue:
    """One section: put in its place, or as a page of its own."""
    asked = _asked()
    if section not in _SECTIONS:
        raise NotFound
    with reading() as tx:
        figure, found = _SECTIONS[section](tx, asked)
        choices = _choices(tx)
    if is_swap() and "part" in request.args:
        return swap(
            Part(f"#{section}", fragment("analytics", "one", figure=figure, found=found, asked=asked, way=_way))
        )
    return page(
        "analytics", here="analytics", asked=asked, found=found, known={section: figure}, sections={section: ""},
        only=section, way=_way, periods=PERIODS, **choices,
    )  # fmt: skip


def section_file(section: str) -> ResponseReturnValue:
    """The same numbers as a table for a spreadsheet."""
    if section not in _SECTIONS:
        raise NotFound
    with reading() as tx:
        figure = _SECTIONS[section](tx, _asked())[0]
    response = Response(cells.as_csv(figure.header, figure.plain()), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{section}.csv"'
    return response


def _asked() -> Asked:
    """What the address asks for; nonsense asks for nothing."""
    told = request.args.get("days", "")
    return Asked(
        days=int(told) if told in map(str, PERIODS) else USUAL,
        owner=text.line(request.args.get("owner", ""), 40),
        origin=text.line(request.args.get("source", ""), 100),
        language=text.line(request.args.get("language", ""), 35),
    )


def _way(asked: Asked, path: str = "/analytics", **more: str | int) -> str:
    """The address of a page with these filters, some of them changed by `more`."""
    told = {"days": asked.days, "owner": asked.owner, "source": asked.origin, "language": asked.language, **more}
    return f"{path}?{urlencode({name: value for name, value in told.items() if value})}"


def _choices(tx: Tx) -> Mapping[str, Any]:
    """What the filters offer: people only to those who may see how each of them does."""
    me = viewer()
    reps: tuple[Record, ...] = ()
    if me.sees_everyone:
        others = select(Rep.id, Rep.name).where(Rep.disabled_at.is_(None), Rep.id != me.rep_id)
        reps = tuple(tx.conn.execute(others.order_by(Rep.name)))
    names = tx.conn.execute(select(Source.name).where(Source.removed_at.is_(None)).order_by(Source.name)).scalars()
    origins = {f"source:{name}": name for name in names}
    return {
        "reps": reps,
        "everyone": me.sees_everyone,
        "origins": {key: origin(key) for key in (*origins, "import", "rep")},
        "languages": LANGUAGES,
    }


def _of_cohort(section: str) -> Callable[[Tx, Asked], tuple[Figure, object]]:
    def counted(tx: Tx, asked: Asked) -> tuple[Figure, object]:
        groups = funnel.cohort(workspace(), tx, viewer(), asked)
        found = funnel.funnel(workspace().playbooks.in_force(tx), groups)
        if section == "sources":
            return of_sources(funnel.by_source(groups)), found
        if section == "reps":
            return of_reps(funnel.by_rep(groups, viewer(), asked)), found
        return of_funnel(found), found

    return counted


_SECTIONS: Final[Mapping[str, Callable[[Tx, Asked], tuple[Figure, object]]]] = {
    "funnel": _of_cohort("funnel"),
    "times": lambda tx, asked: (of_times(pace.time_in_stage(workspace(), tx, viewer(), asked)), None),
    "velocity": lambda tx, asked: (of_velocity(pace.velocity(tx, viewer(), asked)), None),
    "sequences": lambda tx, asked: (of_sequences(answered.results(tx, viewer(), asked)), None),
    "sources": _of_cohort("sources"),
    "competitors": lambda tx, asked: (
        of_competitors(endings.competitors(workspace(), tx, viewer(), asked)), None,
    ),
    "reasons": lambda tx, asked: (of_reasons(endings.reasons(workspace(), tx, viewer(), asked)), None),
    "reps": _of_cohort("reps"),
}  # fmt: skip
