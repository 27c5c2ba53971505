"""`onward import` and `onward export`: prospects in from CSV or XLSX, and everything out again.

What would be written is shown before it is; on a terminal a person is asked. Rows that cannot be written go to a file
beside the one that was imported.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from workflow.actions import importing, importing_work, people
from workflow.actions.importing_work import Edges
from workflow.actions.prospects import Who
from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput, Conflict
from workflow.ids import new_id
from workflow.imports import cells, columns, sheets
from workflow.imports.options import DATE_ORDERS, DECIMALS, DOUBLES, ENCODINGS
from workflow.reports import exporting
from workflow.reports import imports as reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workflow.actions.importing import Job
    from workflow.actions.importing_work import Progress
    from workflow.workspace import Workspace

_REFUSED: Final = 1
_HIDDEN_FROM_OTHERS: Final = 0o600
_BAR: Final = 30
_DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True))
@click.option("--map", "maps", multiple=True, metavar="COLUMN=PLACE", help="Where a column goes; nowhere when empty.")
@click.option("--double", type=click.Choice(DOUBLES), default="skip", help="Somebody who is known already.")
@click.option("--dates", type=click.Choice(DATE_ORDERS), help="Whether the day or the month comes first.")
@click.option("--decimal", type=click.Choice(DECIMALS), help="The decimal sign of numbers.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="How the letters are written; found out when not said.")
@click.option("--delimiter", type=click.Choice(tuple(_DELIMITERS)), help="What stands between the cells.")
@click.option("--sheet", help="The sheet of a spreadsheet; the first when not said.")
@click.option("--source", help="The source of webhooks whose ids the column that goes to ref holds.")
@click.option("--owner", metavar="EMAIL", help="Whose the new prospects are.")
@click.option("--start", is_flag=True, help="Let the sequences begin that begin with the first stage.")
@click.option("--problems", type=click.Path(path_type=Path), help="Where the refused rows go.")
@click.option("--language", type=click.Choice(("en", "bg")), default="en", help="Of the sentences in that file.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def import_(file: Path, data_dir: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options by name
    """Write the prospects of FILE. Exit code 1 when rows were refused."""
    ws = opened(data_dir, pooled=True)
    who = Who("command", f"command:{new_id()}")
    holder = new_id()
    job_id = importing.receive(ws, file, file.name, who, _told(given))
    _choose(ws, job_id, given)
    importing.check(ws, job_id, holder)
    job = _worked(ws, job_id, holder, "Checking")
    _show(ws, job, start=given["start"])
    if given["dry_run"]:
        importing.cancel(ws, job_id)
    else:
        _sure(job, yes=given["yes"], start=given["start"])
        try:
            importing.start(ws, job_id, holder)
        except (BadInput, Conflict) as error:
            importing.cancel(ws, job_id)
            if isinstance(error, BadInput):
                raise BadInput(f"{error.message} Use --{'dates' if error.field == 'dates' else 'decimal'}.") from error
            click.echo(error.message)
            return
        job = _worked(ws, job_id, holder, "Writing")
        click.echo(", ".join(f"{job.counts.get(key, 0)} {words}" for key, words in _COUNTED.items()) + ".")
    _refused(ws, job, given["problems"] or file.with_name(f"{file.stem}-refused.csv"), given["language"])


@click.command("export")
@click.argument("what", type=click.Choice(exporting.WHATS))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(("csv", "xlsx")), help="By the ending of FILE when not said.")
@click.option("--stage", default="", help="Only prospects in this stage.")
@click.option("--owner", metavar="EMAIL", help="Only prospects of this person.")
@click.option("--search", default="", help="Only prospects whose name, company, address or phone has these words.")
@data_dir_option
def export(what: exporting.What, file: Path, data_dir: Path | None, **given: Any) -> None:  # noqa: ANN401 - as above
    """Write prospects, touches or history to FILE, a new one; no cell of it is ever a formula."""
    ws = opened(data_dir)
    form = given["form"] or file.suffix.lower().removeprefix(".")
    if form not in ("csv", "xlsx"):
        raise BadInput(f"{file.name} ends neither in .csv nor in .xlsx: name it so, or say --format.")
    owner_id = _owner(ws, given["owner"]) if given["owner"] else ""
    wanted = exporting.Wanted(given["search"], given["stage"], owner_id)
    header, rows = exporting.table(ws, what, wanted=wanted)
    count = 0

    def counted() -> Iterator[tuple[str, ...]]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    with _new_file(file) as out:
        if form == "csv":
            out.writelines(cells.as_csv(header, counted()))
        else:
            sheets.write(out, header, counted())
    click.echo(f"{count} rows.", err=True)


_COUNTED: Final = {
    "made": "made", "changed": "changed", "same": "unchanged", "skipped": "skipped", "refused": "refused",
    "begun": "sequences begun", "linked": "linked with who referred them",
}  # fmt: skip


def _told(given: Mapping[str, Any]) -> dict[str, str]:
    told = {name: given[name] or "" for name in ("encoding", "sheet")}
    return {**told, "delimiter": _DELIMITERS.get(given["delimiter"] or "", "")}


def _choose(ws: Workspace, job_id: str, given: Mapping[str, Any]) -> None:
    pairs = []
    for pair in given["maps"]:
        name, sign, place = pair.partition("=")
        if not sign or not name.strip():
            raise BadInput(f"“{pair}” cannot be read: write --map as COLUMN=PLACE.")
        pairs.append((name.strip(), place.strip()))
    with ws.database.read() as tx:
        job = importing.job(tx, job_id)
        source_id = importing.source_id(tx, given["source"]) if given["source"] else ""
    chosen = job.options.with_columns(columns.by_name(job.header, pairs))
    importing.choose(
        ws,
        job_id,
        replace(
            chosen,
            double=given["double"],
            date_order=given["dates"] or "",
            decimal=given["decimal"] or "",
            start=given["start"],
            source_id=source_id,
            owner_id=_owner(ws, given["owner"]) if given["owner"] else "",
        ),
    )


def _owner(ws: Workspace, email: str) -> str:
    with ws.database.read() as tx:
        found = people.rep_id(tx, email)
    if found is None:
        raise BadInput(f"There is nobody here with the address {email}: `onward rep add` makes them.")
    return found


def _worked(ws: Workspace, job_id: str, holder: str, doing: str) -> Job:
    with _bar(doing) as told:
        importing_work.work(ws, job_id, holder, Edges(told))
    with ws.database.read() as tx:
        job = importing.job(tx, job_id)
    if job.state == "failed":
        raise BadInput(job.problem)
    return job


def _show(ws: Workspace, job: Job, *, start: bool) -> None:
    how = job.options
    read = f"sheet {how.sheet}" if how.kind == "xlsx" else f"{how.encoding}, cells between “{how.delimiter}”"
    click.echo(f"{job.file_name}: read as {how.kind}, {read}.")
    for name, target in zip(job.header, job.options.columns, strict=True):
        click.echo(f"  {name or '(no name)'} → {target or 'nowhere'}")
    found = job.found
    click.echo(
        f"{found.get('new', 0)} new, {found.get('known', 0)} known ({how.double}), {found.get('repeated', 0)} twice in"
        f" the file, {found.get('barred', 0)} that get no mail, {found.get('refused', 0)} refused."
    )
    if found.get("referred"):
        click.echo(f"{found['referred']} say who referred them.")
    for sample in found.get("samples", ())[:5]:
        click.echo(f"  row {sample['row']}: {sample['says']} is known as {sample['known_as']} (by {sample['by']})")
    if start:
        with ws.database.read() as tx:
            would = reports.would_start(ws, tx, found.get("reachable", 0))
        click.echo(f"It would start {would.mails} emails of {', '.join(would.sequences) or 'no sequence'}.")
        for day, number in would.days:
            click.echo(f"  {day.isoformat()}  {number}")
        if would.later:
            click.echo(f"  later       {would.later}")
    else:
        click.echo("It starts no sequence.")


def _sure(job: Job, *, yes: bool, start: bool) -> None:
    if yes:
        return
    if sys.stdin.isatty():
        if not click.confirm(f"Write {job.total or 0} rows?"):
            raise click.Abort
    elif start:
        raise BadInput("Nobody can be asked here whether mail may start: say --yes.")


def _refused(ws: Workspace, job: Job, target: Path, language: str) -> None:
    with ws.database.read() as tx:
        any_refused = bool(reports.refused(tx, job.id, language, limit=1))
    if not any_refused:
        return
    header, rows = reports.refused_file(ws, job.id, job.header, language)
    try:
        with target.open("wb") as out:
            out.writelines(cells.as_csv(header, rows))
    except OSError as error:
        raise BadInput(f"{target} cannot be written ({error.strerror}): name another place with --problems.") from error
    click.echo(f"The refused rows are in {target}: mend them there, and import that file.", err=True)
    sys.exit(_REFUSED)


@contextmanager
def _new_file(file: Path) -> Iterator[IO[bytes]]:
    try:
        out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _HIDDEN_FROM_OTHERS), "wb")
    except FileExistsError as error:
        raise BadInput(f"{file} is there already: name a file that is not.") from error
    except OSError as error:
        raise BadInput(f"{file} cannot be written ({error.strerror}): name a folder that takes it.") from error
    try:
        with out:
            yield out
    except OSError as error:
        file.unlink(missing_ok=True)
        raise BadInput(f"{file} cannot be written ({error.strerror}): name a place with room for it.") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise


@contextmanager
def _bar(doing: str) -> Iterator[Callable[[Progress], None]]:
    """A bar on one line of a terminal that goes away; silent elsewhere."""
    shown = sys.stderr.isatty()

    def told(at: Progress) -> None:
        if shown:
            share = at.done / at.total if at.total else 0.0
            done = "#" * int(share * _BAR)
            click.echo(f"\r{doing}  [{done:<{_BAR}}] {at.done} of {at.total}", nl=False, err=True)

    try:
        yield told
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)
