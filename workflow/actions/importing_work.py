"""Works imports off: looks at a whole file and counts, or writes it, a few hundred rows in one transaction.

The rows of a batch and how far the import has come are committed together, so that whoever takes over after a kill
goes on behind the last row that was written, and no row is written twice.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from workflow.actions import importing, importing_rows
from workflow.actions.prospects import Who
from workflow.errors import BadInput, NotFound
from workflow.imports import tables
from workflow.imports.matching import Seen, strong_key
from workflow.imports.values import Evidence, Facts, Problem, facts
from workflow.probe import SILENT
from workflow.records import upserts
from workflow.records.imports import ImportJob, ImportProblem
from workflow.records.models import Prospect, Rep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from workflow.actions.importing import Job
    from workflow.imports.tables import Row
    from workflow.probe import Probe
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

BATCH: Final = 200
_SAMPLES: Final = 20
_RENEW_S: Final = 10.0
_TRIES: Final = 5


class Lost(Exception):
    """The import is no longer ours."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come: `done` of `total` rows; the total is 0 while it is not known."""

    state: str
    done: int
    total: int


def _silent(_progress: Progress) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Edges:
    """Who hears how far an import has come, and who may stop it between two rows."""

    told: Callable[[Progress], None] = _silent
    stopped: Callable[[], bool] = _never
    probe: Probe = SILENT


def claim(ws: Workspace, holder: str) -> str | None:
    """The oldest import that waits for somebody to work on it, now held by `holder`; None when there is none."""
    waits = ImportJob.state.in_(("checking", "running"))
    with ws.database.read() as tx:
        if tx.conn.execute(select(ImportJob.id).where(waits).limit(1)).first() is None:
            return None

    def work(tx: Tx) -> str | None:
        free = or_(ImportJob.lease_until.is_(None), ImportJob.lease_until < tx.now)
        found = select(ImportJob.id).where(waits, free).order_by(ImportJob.created_at).limit(1)
        job_id = tx.conn.execute(
            found.with_for_update(skip_locked=True) if tx.locks_rows else found
        ).scalar_one_or_none()
        if job_id is None:
            return None
        mine = update(ImportJob).where(ImportJob.id == job_id)
        tx.conn.execute(mine.values(holder=holder, lease_until=tx.now + importing.LEASE))
        return str(job_id)

    return ws.database.transact(work)


def work(ws: Workspace, job_id: str, holder: str, edges: Edges | None = None) -> None:
    """Work on an import that `holder` holds until it is done, the edges say stop, or somebody cancels it."""
    try:
        with importing.unpacked(ws, job_id) as path:
            with ws.database.read() as tx:
                job = importing.job(tx, job_id)
            with _Course(ws, job, holder, path, edges or Edges()) as course:
                if job.state == "checking":
                    course.check()
                elif job.state == "running":
                    course.run()
    except Lost:
        return
    except (BadInput, NotFound) as error:
        _end(ws, job_id, holder, {"state": "failed", "problem": {"sentence": error.message}, "key": None})


def let_go(ws: Workspace, job_id: str, holder: str) -> None:
    """Leave an import to whoever looks next."""

    def work(tx: Tx) -> None:
        mine = update(ImportJob).where(ImportJob.id == job_id, ImportJob.holder == holder)
        tx.conn.execute(mine.values(holder=None, lease_until=None))

    ws.database.transact(work)


class _Course:
    """One pass over one file, by one process."""

    def __init__(self, ws: Workspace, job: Job, holder: str, path: Path, edges: Edges) -> None:
        self._ws = ws
        self._job = job
        self._options = job.options
        self._holder = holder
        self._path = path
        self._told = edges.told
        self._stopped = edges.stopped
        self._probe = edges.probe
        self._count = 0
        self._cells: dict[int, tuple[str, ...]] = {}
        self._renewed = time.monotonic()
        with ws.database.read() as tx:
            reps = tx.conn.execute(select(Rep.email, Rep.id).where(Rep.disabled_at.is_(None)))
            self._owners = {row.email: row.id for row in reps}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        let_go(self._ws, self._job.id, self._holder)

    # --- the check

    def check(self) -> None:
        """Count what the file would do, and note every row that cannot be written."""
        questions = self._evidence()
        found: Counter[str] = Counter()
        by: Counter[str] = Counter()
        samples: list[dict[str, Any]] = []
        seen, total = Seen(), self._count
        # Known people need the keys of the whole file first.
        for batch in self._batches():
            for row in batch:
                if row.is_good and seen.take(self._strong(row), row.fields):
                    found["repeated"] += 1
        weak = importing_rows.weak_of(self._ws, seen)
        done = 0
        for batch in self._batches():
            good = [row for row in batch if row.is_good]
            with self._ws.database.read() as tx:
                known = importing_rows.known(tx, good, self._options)
                matches = {row.number: known.find(row, weak) for row in good}
                samples += _samples(tx, good, matches, most=_SAMPLES - len(samples))
            for row in good:
                match = matches[row.number]
                found["known" if match else "new"] += 1
                by.update([match[1]] if match else [])
                found["barred"] += row.email_key in known.barred
                found["reachable"] += not match and bool(row.email_key) and row.email_key not in known.barred
            found["refused"] += len(batch) - len(good)
            done = batch[-1].number
            refused = {row.number: row.problems for row in batch if not row.is_good}
            self._note(batch, refused, {"done": done, "total": total})
            self._told(Progress("checking", done, total))
        told = {**found, "rows": total, "by": dict(by), "samples": samples, "questions": list(questions)}
        values = {"state": "checked", "found": told, "options": self._options.pack(), "done": total, "total": total}
        _end(self._ws, self._job.id, self._holder, values)

    def _evidence(self) -> tuple[str, ...]:
        """How dates and decimals are written, from all rows; what the file leaves open. Counts the rows too."""
        evidence = Evidence()
        asks = any(":" in target for target in self._options.columns)
        for row in self._rows():
            self._count = row.number
            if asks:
                evidence.look(self._options.columns, row.cells)
        questions = evidence.questions(self._options)
        self._options = replace(
            self._options,
            date_order=self._options.date_order or evidence.date_order,
            decimal=self._options.decimal or evidence.decimal,
        )
        return questions

    # --- the run

    def run(self) -> None:
        """Write the rows behind the last one that was written."""
        counts: Counter[str] = Counter(self._job.counts)
        seen, total = Seen(), self._job.total or 0
        for batch in self._batches():
            for row in batch:
                if row.is_good:
                    seen.take(self._strong(row), row.fields)
        weak = importing_rows.weak_of(self._ws, seen)
        who = Who(self._job.actor, f"import:{self._job.id}")
        writer = importing_rows.Writer(self._ws, self._options, who, weak, seen.again)
        del seen
        for batch in self._batches(after=self._job.done):
            counts += self._write(writer, batch, Counter(counts), total)
            self._probe.at("import.batch")
            self._told(Progress("running", batch[-1].number, total))
        _end(self._ws, self._job.id, self._holder, {"state": "done", "counts": dict(counts)}, over=True)

    def _write(
        self, writer: importing_rows.Writer, batch: Sequence[Facts], so_far: Counter[str], total: int
    ) -> Counter[str]:
        good = [row for row in batch if row.is_good]

        def work(tx: Tx) -> Counter[str]:
            counts, refused = writer.write(tx, good)
            counts["refused"] += len(batch) - len(good) + len(refused)
            refused |= {row.number: row.problems for row in batch if not row.is_good}
            self._keep_problems(tx, batch, refused)
            self._advance(tx, {"done": batch[-1].number, "total": total, "counts": dict(so_far + counts)})
            self._probe.at("import.written")
            return counts

        for left in range(_TRIES - 1, -1, -1):
            try:
                counts = self._ws.database.transact(work)
            except IntegrityError:
                # Somebody made one of these people a moment ago, by a webhook perhaps: the next look finds them.
                if not left:
                    raise
            else:
                writer.settle()
                return counts
        raise AssertionError

    # --- rows

    def _rows(self) -> Iterator[Row]:
        """The rows below the header. Raises Lost when the import is somebody else's by now."""
        for row in tables.rows(self._path, self._options):
            if time.monotonic() - self._renewed > _RENEW_S:
                self._ws.database.transact(partial(self._advance, values={}))
            if self._stopped():
                raise Lost
            if row.number > 1:
                yield row

    def _batches(self, after: int = 0) -> Iterator[list[Facts]]:
        batch: list[Facts] = []
        self._cells = {}
        for row in self._rows():
            if row.number <= after:
                continue
            told = facts(row, self._job.header, self._options, self._owners)
            self._cells[row.number] = row.cells
            batch.append(told)
            if len(batch) >= BATCH:
                yield batch
                batch, self._cells = [], {}
        if batch:
            yield batch

    def _strong(self, row: Facts) -> list[int]:
        named = (("id", row.id), ("ref", row.ref), ("email", row.email_key or ""))
        return [strong_key(kind, value) for kind, value in named if value]

    # --- the job's row

    def _note(
        self, batch: Sequence[Facts], refused: Mapping[int, Sequence[Problem]], values: Mapping[str, Any]
    ) -> None:
        if refused or time.monotonic() - self._renewed > _RENEW_S / 10:

            def work(tx: Tx) -> None:
                self._keep_problems(tx, batch, refused)
                self._advance(tx, values)

            self._ws.database.transact(work)

    def _keep_problems(self, tx: Tx, batch: Sequence[Facts], refused: Mapping[int, Sequence[Problem]]) -> None:
        for row in batch:
            if row.number in refused:
                told = {"problems": [asdict(problem) for problem in refused[row.number]]}
                cells = {"cells": [cell[: tables.LONGEST_CELL] for cell in self._cells.get(row.number, ())]}
                upserts.upsert(
                    tx,
                    ImportProblem,
                    {"job_id": self._job.id, "row": row.number, "told": told, "cells": cells},
                    keys=("job_id", "row"),
                )

    def _advance(self, tx: Tx, values: Mapping[str, Any]) -> None:
        mine = (ImportJob.id == self._job.id, ImportJob.holder == self._holder, ImportJob.state == self._job.state)
        held = update(ImportJob).where(*mine).values(lease_until=tx.now + importing.LEASE, **values)
        if tx.conn.execute(held).rowcount == 0:
            raise Lost
        self._renewed = time.monotonic()


def _samples(
    tx: Tx, rows: Sequence[Facts], matches: Mapping[int, tuple[str, str] | None], *, most: int
) -> list[dict[str, Any]]:
    """The first rows that mean somebody who is known, with who that is."""
    hits = [(row, match) for row in rows if (match := matches[row.number])][: max(most, 0)]
    if not hits:
        return []
    columns = select(Prospect.id, Prospect.name, Prospect.company, Prospect.email)
    found = {row.id: row for row in tx.conn.execute(columns.where(Prospect.id.in_([match[0] for _, match in hits])))}
    return [
        {
            "row": row.number,
            "says": row.fields.get("name") or row.fields.get("email") or row.fields.get("company") or "",
            "by": match[1],
            "prospect_id": match[0],
            "known_as": (known.name or known.email or known.company) if (known := found.get(match[0])) else "",
        }
        for row, match in hits
    ]


def _end(ws: Workspace, job_id: str, holder: str, values: Mapping[str, Any], *, over: bool = False) -> None:
    def work(tx: Tx) -> None:
        mine = (ImportJob.id == job_id, ImportJob.holder == holder)
        ended = {"ended_at": tx.now} if over else {}
        tx.conn.execute(update(ImportJob).where(*mine).values(holder=None, lease_until=None, **ended, **values))

    ws.database.transact(work)
