"""Works imports off: looks at a whole file and counts, or writes it, a few hundred rows in one transaction.

The rows of a batch and how far the import has come are committed together, so that whoever takes over after a kill
goes on behind the last row that was written, and no row is written twice.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from workflow.actions import importing, importing_rows
from workflow.actions.importing_links import Links, strong
from workflow.actions.prospects import Who
from workflow.errors import BadInput, Conflict, NotFound
from workflow.imports import columns, tables
from workflow.imports.matching import Seen, Weak, weak_keys
from workflow.imports.values import Evidence, Facts, Problem, facts
from workflow.probe import SILENT
from workflow.records import upserts
from workflow.records.imports import ImportJob, ImportProblem
from workflow.records.models import Prospect, Rep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from workflow.actions.importing import Job
    from workflow.imports.matching import Why
    from workflow.imports.options import Options
    from workflow.imports.tables import Row
    from workflow.probe import Probe
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

BATCH: Final = 200
_SAMPLES: Final = 20
_RENEW_S: Final = 10.0
_TRIES: Final = 5
_NOBODY: Final = Weak()


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
            with tables.flat(path, job.options) as (table, read):
                course = _Course(ws, job, holder, (table, read), edges or Edges())
                if job.state == "checking":
                    course.check()
                elif job.state == "running":
                    course.run()
    except Lost:
        let_go(ws, job_id, holder)
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

    def __init__(self, ws: Workspace, job: Job, holder: str, table: tuple[Path, Options], edges: Edges) -> None:
        self._ws = ws
        self._job = job
        self._options = job.options
        self._holder = holder
        self._path, self._read = table
        self._told = edges.told
        self._stopped = edges.stopped
        self._probe = edges.probe
        self._count = 0
        self._cells: dict[int, tuple[str, ...]] = {}
        self._links = Links(job.header, job.options)
        self._renewed = time.monotonic()
        with ws.database.read() as tx:
            reps = tx.conn.execute(select(Rep.email, Rep.id).where(Rep.disabled_at.is_(None)))
            self._owners = {row.email: row.id for row in reps}

    # --- the check

    def check(self) -> None:
        """Count what the file would do, and note every row that cannot be written."""
        questions = self._evidence()
        tally, seen, total = _Tally(), Seen(), self._count
        self._learn()
        for some in self._batches():
            with self._ws.database.read() as tx:
                batch = self._links.judged(tx, some)
                good = [row for row in batch if row.is_good]
                known = importing_rows.known(tx, good, self._options)
            tally.take(good, known)
            for row in good:
                keys = tuple(weak_keys(row.fields))
                tally.found["repeated"] += seen.take(strong(row), keys, addressed=bool(row.email_key))
            refused = {row.number: row.problems for row in batch if not row.is_good}
            tally.found["refused"] += len(refused)
            done = batch[-1].number
            self._note(batch, refused, {"done": done, "total": total})
            self._told(Progress("checking", done, total))
        # Who is known by a telephone or a name alone needs the keys of the whole file first.
        weak = importing_rows.weak_of(self._ws, seen)
        with self._ws.database.read() as tx:
            told = {**tally.told(tx, weak), "rows": total, "questions": list(questions)}
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
        keys_only = replace(self._options, columns=columns.keys_only(self._options.columns))
        for row in self._rows():
            told = facts(row, self._job.header, keys_only, self._owners)
            seen.take((), tuple(weak_keys(told.fields)), addressed=bool(told.email_key))
        self._learn()
        weak = importing_rows.weak_of(self._ws, seen)
        who = Who(self._job.actor, f"import:{self._job.id}")
        writer = importing_rows.Writer(self._ws, self._options, who, weak, seen.again)
        if not self._links:
            seen = Seen()
        for batch in self._batches(after=self._job.done):
            counts += self._write(writer, batch, Counter(counts), total)
            self._probe.at("import.batch")
            self._told(Progress("running", batch[-1].number, total))
        if self._links:
            counts += self._link(who, importing_rows.weak_of(self._ws, seen), counts)
        _end(self._ws, self._job.id, self._holder, {"state": "done", "counts": dict(counts)}, over=True)

    def _write(
        self, writer: importing_rows.Writer, batch: Sequence[Facts], so_far: Counter[str], total: int
    ) -> Counter[str]:
        def work(tx: Tx) -> Counter[str]:
            judged = self._links.judged(tx, batch)
            good = [row for row in judged if row.is_good]
            counts, refused = writer.write(tx, good)
            counts["refused"] += len(batch) - len(good) + len(refused)
            refused |= {row.number: row.problems for row in judged if not row.is_good}
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

    def _link(self, who: Who, weak: Weak, so_far: Counter[str]) -> Counter[str]:
        """Link people with whoever referred them, now that all of them are here; how many links are new."""
        linked: Counter[str] = Counter()
        for batch in self._batches():
            linked += self._link_some(batch, who, weak, so_far + linked)
        return linked

    def _link_some(self, batch: Sequence[Facts], who: Who, weak: Weak, so_far: Counter[str]) -> Counter[str]:
        good = [row for row in batch if row.is_good and row.referred_by]

        def work(tx: Tx) -> Counter[str]:
            counts, refused = self._links.link(self._ws, tx, good, weak, who)
            self._keep_problems(tx, batch, refused)
            self._advance(tx, {"counts": dict(so_far + counts)})
            self._probe.at("import.linked")
            return counts

        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._ws.database.transact(work)
            except (IntegrityError, Conflict):
                # Somebody merged or linked one of these people a moment ago: the next look finds them.
                if not left:
                    raise
        raise AssertionError

    # --- rows

    def _learn(self) -> None:
        """Find out who is in the file, where rows may name each other."""
        if self._links:
            rows = self._rows()
            self._links.learn(facts(row, self._job.header, self._options, self._owners) for row in rows)

    def _rows(self) -> Iterator[Row]:
        """The rows below the header. Raises Lost when the import is somebody else's by now."""
        for row in tables.rows(self._path, self._read):
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


class _Tally:
    """Counts of a check, and the first rows that mean somebody who is known."""

    def __init__(self) -> None:
        told = ("new", "known", "repeated", "barred", "refused", "reachable", "referred")
        self.found = Counter(dict.fromkeys(told, 0))
        self._by: Counter[str] = Counter()
        self._hits: list[tuple[int, str, tuple[str, Why]]] = []
        # Rows whose person nothing sure names: number, whom it says, its weak keys, and whether it has an address.
        self._unsure: list[tuple[int, str, tuple[tuple[Why, int], ...], bool, bool]] = []

    def take(self, rows: Sequence[Facts], known: importing_rows.Known) -> None:
        """Take in the good rows of a batch."""
        for row in rows:
            barred = row.email_key in known.barred
            self.found["barred"] += barred
            self.found["referred"] += bool(row.referred_by)
            says = row.fields.get("name") or row.fields.get("email") or row.fields.get("company") or ""
            sure = known.find(row, _NOBODY)
            if sure is not None:
                self._hit(row.number, says, sure)
            else:
                keys = tuple(weak_keys(row.fields))
                self._unsure.append((row.number, says, keys, bool(row.email_key), bool(row.email_key) and not barred))

    def told(self, tx: Tx, weak: Weak) -> dict[str, Any]:
        """All that was found."""
        for number, says, keys, addressed, reachable in self._unsure:
            match = weak.find_by(keys, addressed=addressed)
            if match is not None:
                self._hit(number, says, match)
            else:
                self.found["new"] += 1
                self.found["reachable"] += reachable
        self._hits.sort()
        names = _names(tx, [match[0] for _number, _says, match in self._hits])
        samples = [
            {"row": number, "says": says, "by": why, "prospect_id": which, "known_as": names.get(which, "")}
            for number, says, (which, why) in self._hits
        ]
        return {**self.found, "by": dict(self._by), "samples": samples}

    def _hit(self, number: int, says: str, match: tuple[str, Why]) -> None:
        self.found["known"] += 1
        self._by[match[1]] += 1
        if len(self._hits) < _SAMPLES:
            self._hits.append((number, says, match))


def _names(tx: Tx, prospect_ids: Sequence[str]) -> dict[str, str]:
    columns = select(Prospect.id, Prospect.name, Prospect.company, Prospect.email)
    rows = tx.conn.execute(columns.where(Prospect.id.in_(prospect_ids)))
    return {row.id: row.name or row.email or row.company for row in rows}


def _end(ws: Workspace, job_id: str, holder: str, values: Mapping[str, Any], *, over: bool = False) -> None:
    def work(tx: Tx) -> None:
        mine = (ImportJob.id == job_id, ImportJob.holder == holder)
        ended = {"ended_at": tx.now} if over else {}
        tx.conn.execute(update(ImportJob).where(*mine).values(holder=None, lease_until=None, **ended, **values))

    ws.database.transact(work)
