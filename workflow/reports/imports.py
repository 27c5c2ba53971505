"""Imports as they are looked at: the rows that were refused, as a file, and the mail that a start would bring.

Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow import ids
from workflow.engine.decide import decide
from workflow.engine.signals import UPSERTED, ProspectView, Signal
from workflow.imports.cells import bare
from workflow.imports.columns import PROBLEM
from workflow.imports.sentences import sentence
from workflow.records.imports import ImportJob, ImportProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

WEEKS: Final = 3
_PAGE: Final = 200
_WORDS: Final = {"en": ("Row", "Column", "Problem"), "bg": ("Ред", "Колона", "Проблем")}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not written: where, and one sentence for each thing that is wrong."""

    row: int
    column: str
    sentences: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """What a start would bring: the sequences that begin, all emails of it, and how many leave on each of the days.

    `later` leave after those days, because a mailbox may send no more a day than its limit.
    """

    sequences: tuple[str, ...]
    mails: int
    days: tuple[tuple[date, int], ...]
    later: int


def refused(tx: Tx, job_id: str, language: str, *, after: int = 0, limit: int = _PAGE) -> tuple[Refused, ...]:
    """The rows that were refused, in the order of the file, behind row `after`."""
    found = select(ImportProblem.row, ImportProblem.told, ImportProblem.cells).where(
        ImportProblem.job_id == job_id, ImportProblem.row > after
    )
    rows = tx.conn.execute(found.order_by(ImportProblem.row).limit(limit))
    told = []
    for row in rows:
        problems = row.told["problems"]
        columns = ", ".join(dict.fromkeys(each["column"] for each in problems if each["column"]))
        said = tuple(sentence(each["code"], each["facts"], language) for each in problems)
        told.append(Refused(row.row, columns, said, tuple(row.cells["cells"])))
    return tuple(told)


def refused_file(
    ws: Workspace, job_id: str, header: Sequence[str], language: str
) -> tuple[tuple[str, ...], Iterator[Sequence[str]]]:
    """The header and the rows of the file of refused rows: mended, it can be imported as it is."""
    words = _WORDS.get(language, _WORDS["en"])
    # A file of refused rows that comes back has those columns already.
    kept = [at for at, name in enumerate(header) if name.casefold() not in PROBLEM]
    return (*words, *(header[at] for at in kept)), _refused_rows(ws, job_id, kept, language)


def would_start(ws: Workspace, tx: Tx, people: int) -> Started:
    """What `people` new prospects with an address would be sent if sequences began, as the limit of a mailbox allows.

    Planned by the engine for one of them and counted for all: their own zones move it by hours, answers end it sooner.
    """
    playbook = ws.playbooks.in_force(tx)
    someone = {"email": "someone@example.com"}
    signal = Signal(UPSERTED, tx.now, "import", "import", fields=someone)
    enrolls = decide(playbook, ProspectView(ids.new_id()), signal, tx.now).enroll
    due: dict[date, int] = {}
    for enroll in enrolls:
        for planned in enroll.touches:
            if planned.step.email is not None and planned.state == "scheduled":
                at = planned.due_at.date()
                due[at] = due.get(at, 0) + people
    titles = tuple(enroll.sequence.key for enroll in enrolls)
    return Started(titles, sum(due.values()), *_leaving(due, tx.now, playbook.limits.mailbox.per_day))


def recent(tx: Tx, actor: str | None, limit: int = 10) -> tuple[Record, ...]:
    """The newest imports, of one person or of all."""
    columns = (
        ImportJob.id,
        ImportJob.file_name,
        ImportJob.state,
        ImportJob.created_at,
        ImportJob.counts,
        ImportJob.total,
    )
    found = select(*columns).order_by(ImportJob.created_at.desc()).limit(limit)
    return tuple(tx.conn.execute(found if actor is None else found.where(ImportJob.actor == actor)))


def _leaving(due: Mapping[date, int], now: datetime, most: int) -> tuple[tuple[tuple[date, int], ...], int]:
    """How many leave on which day when no more than `most` may leave on one."""
    days, waiting = [], 0
    for ahead in range(WEEKS * 7):
        day = (now + timedelta(days=ahead)).date()
        waiting += due.get(day, 0)
        leaves = min(waiting, most)
        waiting -= leaves
        if leaves:
            days.append((day, leaves))
    last = (now + timedelta(days=WEEKS * 7 - 1)).date()
    return tuple(days), waiting + sum(number for day, number in due.items() if day > last)


def _refused_rows(ws: Workspace, job_id: str, kept: Sequence[int], language: str) -> Iterator[Sequence[str]]:
    last = 0
    while True:
        with ws.database.read() as tx:
            page = refused(tx, job_id, language, after=last)
        for each in page:
            cells = [bare(each.cells[at]) if at < len(each.cells) else "" for at in kept]
            yield (str(each.row), each.column, " ".join(each.sentences), *cells)
        if len(page) < _PAGE:
            return
        last = page[-1].row
