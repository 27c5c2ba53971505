"""Prospects > Import: send a file, say where its columns go, see what it would do, and let it run; and the export.

Every step is a page of its own that can be come back to. Reads and writes no row by itself.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final, cast

from flask import Response, redirect, request
from sqlalchemy import select

from web.auth import require
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import language, later
from web.pages import workspace
from web.panel.filters import wanted_filters
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from workflow import text
from workflow.actions import importing
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput, Conflict, OnwardError
from workflow.imports import cells, columns, options, sheets, tables, values
from workflow.records.models import Rep, Source
from workflow.reports import exporting
from workflow.reports import filters as reports_filters
from workflow.reports import imports as reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.importing import Job

_PAGE: Final = "/prospects/import"
_SHOWN_ROWS: Final = 20
_SHOWN_FIRST: Final = 3
_SHOWN_PREVIEW: Final = 5
_SHOWN_CELL: Final = 30
_SHOWN_REFUSED: Final = 20
_PLACES: Final = {
    "first_name": later("First name"),
    "last_name": later("Last name"),
    "owner": later("Owner (email)"),
    "ref": later("Id in another system"),
    "id": later("Id in Onward"),
    "referred_by": later("Referred by (email or id)"),
}
# What is wrong, for whoever does not read the English sentence of the error itself.
_WRONG: Final = {
    "file": later("This file cannot be read as a table, or is empty or too large: save it as .csv or .xlsx again."),
    "columns": later(
        "Say where the columns go: each place once, and at least an address, a name, a company or a phone."
    ),
    "encoding": later("The letters cannot be read in this way: choose another encoding."),
    "delimiter": later("Choose what stands between the cells."),
    "sheet": later("There is no such sheet."),
    "source": later("A column holds ids of another system: say which source they come from."),
    "owner": later("There is no such person."),
    "dates": later("The dates can be read in two ways: say whether the day or the month comes first."),
    "decimals": later("The numbers can be read in two ways: say whether the comma or the point is decimal."),
}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule(_PAGE, view_func=show_imports, methods=["GET"])
    routes.add_url_rule(_PAGE, view_func=take_file, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<job_id>", view_func=show_import, methods=["GET"])
    routes.add_url_rule(f"{_PAGE}/<job_id>/read", view_func=read_anew, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<job_id>/check", view_func=check_import, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<job_id>/run", view_func=run_import, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<job_id>/cancel", view_func=cancel_import, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<job_id>/refused.csv", view_func=refused_rows, methods=["GET"])
    routes.add_url_rule("/prospects/export", view_func=export_prospects, methods=["GET"])


def show_imports(*, wrong: str = "", status: int = 200) -> ResponseReturnValue:
    """The form for a file, and the imports before."""
    require("import")
    with reading() as tx:
        before = reports.recent(tx, None)
    return page("imports", here="prospects", status=status, before=before, wrong=wrong)


def take_file() -> ResponseReturnValue:
    """Take a file in; nothing of it is written yet."""
    require("import")
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return show_imports(wrong=_("Choose a file."), status=422)
    with NamedTemporaryFile(prefix="onward-upload-") as kept:
        shutil.copyfileobj(sent.stream, cast("IO[bytes]", kept))
        kept.flush()
        try:
            job_id = importing.receive(workspace(), Path(kept.name), sent.filename, who())
        except BadInput as error:
            return show_imports(wrong=_said(error), status=422)
    return redirect(f"{_PAGE}/{job_id}", 303)


def show_import(job_id: str, *, wrong: str = "", status: int = 200) -> ResponseReturnValue:
    """An import as it stands: its choices, how far it has come, or what it would do or did."""
    require("import")
    ws = workspace()
    with reading() as tx:
        job = importing.job(tx, job_id)
        started = None
        if job.state == "checked" and job.options.start:
            started = reports.would_start(ws, tx, job.found["reachable"])
        refused: tuple[reports.Refused, ...] = ()
        if job.state in ("checked", "done", "cancelled"):
            refused = reports.refused(tx, job.id, language(), limit=_SHOWN_REFUSED)
        reps = tx.conn.execute(select(Rep.id, Rep.name, Rep.email).where(Rep.disabled_at.is_(None))).all()
        known = select(Source.id, Source.name).where(Source.removed_at.is_(None)).order_by(Source.name)
        sources = tx.conn.execute(known).all()
    return page(
        "import", here="prospects", status=status, job=job, wrong=wrong, started=started, refused=refused, reps=reps,
        sources=sources, places=_places(), encodings=options.ENCODINGS, firsts=_firsts(job), preview=_preview(job),
        said=_said(BadInput(job.problem)) if job.problem else "",
    )  # fmt: skip


def read_anew(job_id: str) -> ResponseReturnValue:
    """Read the file by another encoding, delimiter or sheet."""
    require("import")
    told = {name: request.form.get(name, "")[:80] for name in ("encoding", "delimiter", "sheet")}
    told["delimiter"] = {"tab": "\t"}.get(told["delimiter"], told["delimiter"])
    return _after(job_id, lambda: importing.read_anew(workspace(), job_id, told))


def check_import(job_id: str) -> ResponseReturnValue:
    """Keep the choices, and let the whole file be looked at."""
    require("import")
    ws = workspace()

    def act() -> None:
        with ws.database.read() as tx:
            job = importing.job(tx, job_id)
        importing.choose(ws, job_id, _chosen(job))
        importing.check(ws, job_id)

    return _after(job_id, act)


def run_import(job_id: str) -> ResponseReturnValue:
    """Let it write."""
    require("import")
    return _after(job_id, lambda: importing.start(workspace(), job_id))


def cancel_import(job_id: str) -> ResponseReturnValue:
    """Stop it; what was written stays."""
    require("import")
    return _after(job_id, lambda: importing.cancel(workspace(), job_id), _("The import was stopped"))


def refused_rows(job_id: str) -> ResponseReturnValue:
    """The rows that were refused, as a file to be mended and imported."""
    require("import")
    with reading() as tx:
        job = importing.job(tx, job_id)
    header, rows = reports.refused_file(workspace(), job.id, job.header, language())
    return _file(cells.as_csv(header, rows), "refused.csv", "text/csv; charset=utf-8")


def export_prospects() -> ResponseReturnValue:
    """The prospects of the list, by its search and filters or those that are named, as a file."""
    named = tuple(each[:36] for each in request.args.getlist("id")[:200])
    with reading() as tx:
        which = reports_filters.which(workspace(), tx, viewer(), wanted_filters(request.args))
    header, rows = exporting.table(workspace(), "prospects", viewer(), exporting.Wanted(ids=named), which)
    if request.args.get("format") == "xlsx":
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return _file(_written(header, rows), "prospects.xlsx", kind)
    return _file(cells.as_csv(header, rows), "prospects.csv", "text/csv; charset=utf-8")


def _after(job_id: str, act: Any, told: str = "") -> ResponseReturnValue:  # noqa: ANN401 - something to do
    try:
        act()
    except BadInput as error:
        return show_import(job_id, wrong=_said(error), status=422)
    except Conflict as error:
        before = "imported in the same way" in error.message
        warn(
            _("This file was imported in the same way before: nothing was written.")
            if before
            else _("The import has gone on meanwhile: look at it as it is now.")
        )
        return show_import(job_id)
    return done(f"{_PAGE}/{job_id}", Toast(told)) if told else redirect(f"{_PAGE}/{job_id}", 303)


def _chosen(job: Job) -> options.Options:
    """The choices of the form."""
    places = []
    for at, name in enumerate(job.header):
        told = request.form.get(f"column{at}", "")[: columns.LONGEST_KEY + 20]
        kind, _sign, mark = told.partition(":")
        own = f"{kind}:" if kind in columns.KINDS else ""
        places.append(f"{own}{_own_place(job, name, at)}" if mark == "own" else told)
    double = request.form.get("double", "skip")
    return replace(
        job.options,
        columns=tuple(places),
        double=double if double in options.DOUBLES else "skip",
        date_order=read_line("dates", 3),
        decimal=read_line("decimal", 1),
        start=request.form.get("start") == "1",
        owner_id=read_line("owner", 40),
        source_id=read_line("source", 40),
    )


def _own_place(job: Job, name: str, at: int) -> str:
    """Where a column goes that is no field of ours: where it went so far, else under its own name."""
    place = columns.split(job.options.columns[at])[1]
    if place.startswith(columns.CUSTOM):
        return place
    bare = name.removeprefix(columns.CUSTOM) or f"column {at + 1}"
    return f"{columns.CUSTOM}{bare[: columns.LONGEST_KEY]}"


def _preview(job: Job) -> list[str]:
    """The first rows as they would be written."""
    if job.state != "checked":
        return []
    told = []
    for number, row in enumerate(job.head[:_SHOWN_PREVIEW], 2):
        found = values.facts(tables.Row(number, row), job.header, job.options, {})
        own = [f"{name}: {value}" for name, value in found.custom.items()]
        if found.referred_by:
            own.append(f"{_('Referred by')}: {', '.join(found.referred_by)}")
        told.append(", ".join(text.line(str(each), _SHOWN_CELL * 2) for each in (*found.fields.values(), *own)))
    return [each for each in told if each]


def _firsts(job: Job) -> list[list[str]]:
    """What stands in the first rows of each column, cut short."""
    shown = [[row[at] for row in job.head[:_SHOWN_ROWS] if at < len(row) and row[at]] for at in range(len(job.header))]
    return [[text.line(cell, _SHOWN_CELL) for cell in cells[:_SHOWN_FIRST]] for cells in shown]


def _places() -> list[tuple[str, str]]:
    """Where a column may go, with the words for it; a field that the panel has words for comes without."""
    return [*((name, "") for name in FIELDS), *((name, _(words)) for name, words in _PLACES.items())]


def _said(error: OnwardError) -> str:
    field = error.field if isinstance(error, BadInput) else ""
    return error.message if language() == "en" else _(_WRONG.get(field, _WRONG["file"]))


def _file(content: Iterator[bytes], name: str, kind: str) -> Response:
    return Response(content, headers={"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'})


def _written(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[bytes]:
    """A spreadsheet is written whole before its first byte is known; on disk, so that memory stays flat."""
    with NamedTemporaryFile(prefix="onward-export-") as kept:
        sheets.write(cast("IO[bytes]", kept), header, rows)
        kept.seek(0)
        while piece := kept.read(65536):
            yield piece
