"""Imports as jobs: take a file in, say how it is to be read, check it, run it. Each can be taken up again.

A file and its job lie in the database, so that any process of the installation goes on where another was killed.
Reading is the matter of `workflow.imports`, writing of `importing_rows`, working a job off of `importing_work`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from workflow import ids, text
from workflow.errors import BadInput, Conflict, NotFound
from workflow.imports import columns, options, sheets, tables, values
from workflow.imports.options import Options, unpack
from workflow.records import upserts
from workflow.records.imports import ImportChunk, ImportJob, ImportMapping, ImportProblem
from workflow.records.models import Rep, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workflow.actions.prospects import Who
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

HEAD_ROWS: Final = 20
KEPT_FOR: Final = timedelta(days=30)
_SHOWN_CELL: Final = 200
_OPEN: Final = ("draft", "checked", "failed")


@dataclass(frozen=True, slots=True)
class Job:
    """An import as it stands. `header` and `head` are its first rows as they are read now."""

    id: str
    state: str
    file_name: str
    options: Options
    header: tuple[str, ...]
    head: tuple[tuple[str, ...], ...]
    sheets: tuple[str, ...]
    found: Mapping[str, Any]
    counts: Mapping[str, int]
    total: int | None
    done: int
    problem: str
    actor: str


def receive(ws: Workspace, path: Path, file_name: str, who: Who, told: Mapping[str, str] | None = None) -> str:
    """Take a file in and guess how it is to be read; gives the id of its job. Writes no prospect.

    `told` may name the encoding, the delimiter and the sheet. Raises BadInput for what is no table.
    """
    size = path.stat().st_size
    if size > tables.MOST_BYTES:
        raise BadInput(f"The file is larger than {tables.MOST_BYTES // 1024**2} MB: split it.", field="file")
    kind = tables.kind_of(path)
    names = sheets.names(path) if kind == "xlsx" else ()
    guessed = Options(kind, sheet=names[0] if names else "")
    head = _head(ws, path, _reading(path, guessed, told or {}))
    job_id = ids.new_id()
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(tables.PIECE):
            sha256.update(piece)

    def work(tx: Tx) -> None:
        tx.conn.execute(
            insert(ImportJob),
            {
                "id": job_id, "state": "draft", "actor": who.actor, "file_name": text.line(file_name, 120) or "import",
                "sha256": sha256.hexdigest(), "size": size, "options": head[0].pack(), "created_at": tx.now,
                "head": {**head[1], "sheets": list(names)}, "found": {}, "counts": {}, "done": 0, "problem": {},
            },
        )  # fmt: skip
        with path.open("rb") as file:
            position = 0
            while piece := file.read(tables.PIECE):
                row = {"job_id": job_id, "position": position, "content": piece}
                tx.conn.execute(insert(ImportChunk), row)
                position += 1

    ws.database.transact(work)
    return job_id


def job(tx: Tx, job_id: str) -> Job:
    """An import. Raises NotFound."""
    row = None
    if ids.is_id(job_id):
        row = tx.conn.execute(select(*ImportJob.__table__.columns).where(ImportJob.id == job_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such import: it may have been removed.")
    return _told(row)


def read_anew(ws: Workspace, job_id: str, told: Mapping[str, str]) -> None:
    """Read the file by another encoding, delimiter or sheet, and guess the columns anew. Raises BadInput, Conflict."""
    with ws.database.read() as tx:
        found = job(tx, job_id)
    with unpacked(ws, job_id) as path:
        read, head = _head(ws, path, _reading(path, found.options, told))
    keep = replace(
        found.options, encoding=read.encoding, delimiter=read.delimiter, sheet=read.sheet, columns=read.columns
    )
    _choose(ws, job_id, keep, {**head, "sheets": list(found.sheets)})


@contextmanager
def unpacked(ws: Workspace, job_id: str) -> Iterator[Path]:
    """The file of an import on this disk, for as long as the block runs. Raises NotFound when it was put away."""
    with tempfile.NamedTemporaryFile(prefix="onward-import-") as file:
        position = 0
        while True:
            # A piece in a transaction of its own: a large file must hold none open.
            with ws.database.read() as tx:
                at = (ImportChunk.job_id == job_id, ImportChunk.position == position)
                piece = tx.conn.execute(select(ImportChunk.content).where(*at)).scalar_one_or_none()
            if piece is None:
                break
            file.write(piece)
            position += 1
        if not position:
            raise NotFound("The file of this import was put away: send it again.")
        file.flush()
        yield Path(file.name)


def choose(ws: Workspace, job_id: str, chosen: Options) -> None:
    """Say where the columns go and what becomes of doubles; what was checked before must be checked again.

    Raises BadInput for what cannot stand, and Conflict once the import is running or over.
    """
    with ws.database.read() as tx:
        found = job(tx, job_id)
        _check(tx, found.header, chosen)
    _choose(ws, job_id, chosen, None)


def check(ws: Workspace, job_id: str, holder: str | None = None) -> None:
    """Let the whole file be looked at: what is new, known, double or wrong. Writes no prospect."""
    _turn(ws, job_id, "checking", ("draft", "checked", "failed"), holder)


def start(ws: Workspace, job_id: str, holder: str | None = None) -> None:
    """Let a checked import run. Raises Conflict when the same file was imported in the same way before.

    Raises BadInput while the file asks something that nobody has answered.
    """

    def work(tx: Tx) -> None:
        found = job(tx, job_id)
        asked = found.found.get("questions") or ()
        if found.state != "checked":
            raise Conflict("Only an import that was checked can run: check it first.")
        if asked:
            raise BadInput(_QUESTIONS[asked[0]], field=str(asked[0]))
        key = _key(tx, job_id, found.options)
        same = select(ImportJob.id, ImportJob.created_at).where(
            ImportJob.key == key, ImportJob.id != job_id, ImportJob.state.in_(("running", "done"))
        )
        before = tx.conn.execute(same.limit(1)).one_or_none()
        if before is not None:
            at = before.created_at.strftime("%Y-%m-%d %H:%M")
            raise Conflict(f"This file was imported in the same way before ({at} UTC): nothing was written.")
        _moved(tx, job_id, "running", ("checked",), {"key": key, "started_at": tx.now, "counts": {}}, holder)
        print_ = columns.fingerprint(found.header)
        remembered = {"columns": dict(zip(found.header, found.options.columns, strict=True))}
        row = {"fingerprint": print_, "options": remembered, "used_at": tx.now}
        upserts.upsert(tx, ImportMapping, row, keys=("fingerprint",))

    # Alone, so that the same file is not started twice at once.
    ws.database.transact(work, alone=True)


def cancel(ws: Workspace, job_id: str) -> None:
    """Stop an import. What was written stays. Raises Conflict when it is over."""

    def work(tx: Tx) -> None:
        job(tx, job_id)
        _moved(tx, job_id, "cancelled", (*_OPEN, "checking", "running"), {"ended_at": tx.now, "key": None})

    ws.database.transact(work)


def forget(ws: Workspace) -> None:
    """Remove the files of imports that are long over or were never run; what was counted stays."""

    def work(tx: Tx) -> None:
        old = select(ImportJob.id).where(
            ImportJob.created_at < tx.now - KEPT_FOR, ImportJob.state.not_in(("checking", "running"))
        )
        tx.conn.execute(delete(ImportChunk).where(ImportChunk.job_id.in_(old)))
        tx.conn.execute(delete(ImportProblem).where(ImportProblem.job_id.in_(old)))

    ws.database.transact(work)


def source_id(tx: Tx, name: str) -> str:
    """The sender whose ids a column holds. Raises BadInput."""
    found = tx.conn.execute(select(Source.id).where(Source.name == name)).scalar_one_or_none()
    if found is None:
        raise BadInput(f"There is no source “{name[:60]}”: `onward source` lists them.", field="source")
    return str(found)


_QUESTIONS: Final = {
    "dates": "The dates can be read in two ways: say whether the day or the month comes first.",
    "decimals": "The numbers can be read in two ways: say whether the comma or the point is decimal.",
}


def _head(ws: Workspace, path: Path, read: Options) -> tuple[Options, dict[str, Any]]:
    """The options with the columns as they are guessed, and the first rows as they are read."""
    header = tables.header(path, read)
    with ws.database.read() as tx:
        found = select(ImportMapping.options).where(ImportMapping.fingerprint == columns.fingerprint(header))
        remembered = (tx.conn.execute(found).scalar_one_or_none() or {}).get("columns")
    shown: list[list[str]] = []
    refused = False
    for row in tables.rows(path, read):
        refused |= bool(row.problem)
        if row.number > 1 and not row.problem:
            shown.append([text.block(cell[:_SHOWN_CELL]) for cell in row.cells[: len(header)]])
        if len(shown) >= HEAD_ROWS:
            break
    if not shown and not refused:
        raise BadInput("The file has a row of column names and nothing below it.", field="file")
    guessed = replace(read, columns=values.with_kinds(columns.guess(header, remembered), shown))
    return guessed, {"header": list(header), "rows": shown, "remembered": remembered is not None}


def _reading(path: Path, read: Options, told: Mapping[str, str]) -> Options:
    """How the file is read: as somebody said, else as it shows."""
    if read.kind == "xlsx":
        return replace(read, sheet=told.get("sheet") or read.sheet)
    encoding = told.get("encoding") or read.encoding or tables.encoding_of(path)
    if encoding not in options.ENCODINGS:
        raise BadInput(f"The encoding must be one of {', '.join(options.ENCODINGS)}.", field="encoding")
    delimiter = told.get("delimiter") or ("" if told.get("encoding") else read.delimiter)
    delimiter = delimiter or tables.delimiter_of(path, encoding)
    if delimiter not in options.DELIMITERS:
        raise BadInput("The delimiter must be a comma, a semicolon, a tab or |.", field="delimiter")
    return replace(read, encoding=encoding, delimiter=delimiter)


def _check(tx: Tx, header: tuple[str, ...], chosen: Options) -> None:
    columns.checked(header, chosen.columns)
    if chosen.double not in options.DOUBLES:
        raise BadInput("Somebody who is known is skipped, updated or merged: say which.", field="double")
    if chosen.date_order not in ("", *options.DATE_ORDERS) or chosen.decimal not in ("", *options.DECIMALS):
        raise BadInput("Dates are dmy or mdy, and the decimal sign is a comma or a point.", field="dates")
    if "ref" in chosen.columns and not chosen.source_id:
        raise BadInput("A column holds ids of another system: say which source they come from.", field="source")
    if chosen.owner_id:
        known = select(Rep.id).where(Rep.id == chosen.owner_id, Rep.disabled_at.is_(None))
        if tx.conn.execute(known).scalar_one_or_none() is None:
            raise BadInput("There is no such person to hand the prospects to.", field="owner")


def _choose(ws: Workspace, job_id: str, chosen: Options, head: Mapping[str, Any] | None) -> None:
    def work(tx: Tx) -> None:
        kept: dict[str, Any] = {"options": chosen.pack(), "found": {}, "total": None}
        if head is not None:
            kept["head"] = dict(head)
        _moved(tx, job_id, "draft", _OPEN, kept)

    ws.database.transact(work)


def _turn(ws: Workspace, job_id: str, state: str, states: tuple[str, ...], holder: str | None) -> None:
    def work(tx: Tx) -> None:
        found = job(tx, job_id)
        _check(tx, found.header, found.options)
        _moved(tx, job_id, state, states, {"found": {}, "counts": {}, "total": None, "problem": {}}, holder)
        tx.conn.execute(delete(ImportProblem).where(ImportProblem.job_id == job_id))

    ws.database.transact(work)


def _moved(
    tx: Tx, job_id: str, to: str, states: tuple[str, ...], others: Mapping[str, Any], holder: str | None = None
) -> None:
    lease = tx.now + LEASE if holder else None
    begun = {} if to == "cancelled" else {"done": 0}
    done = tx.conn.execute(
        update(ImportJob)
        .where(ImportJob.id == job_id, ImportJob.state.in_(states))
        .values(state=to, holder=holder, lease_until=lease, **begun, **others)
    )
    if done.rowcount == 0:
        raise Conflict("The import has gone on meanwhile, or is over: look at it again.")


LEASE: Final = timedelta(seconds=60)


def _key(tx: Tx, job_id: str, chosen: Options) -> str:
    """The same file with the same choices."""
    sha256 = tx.conn.execute(select(ImportJob.sha256).where(ImportJob.id == job_id)).scalar_one()
    told = json.dumps([sha256, chosen.pack()], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def _told(row: Record) -> Job:
    return Job(
        id=row.id,
        state=row.state,
        file_name=row.file_name,
        options=unpack(row.options),
        header=tuple(row.head["header"]),
        head=tuple(tuple(each) for each in row.head["rows"]),
        sheets=tuple(row.head["sheets"]),
        found=row.found,
        counts=row.counts,
        total=row.total,
        done=row.done,
        problem=row.problem.get("sentence", ""),
        actor=row.actor,
    )
