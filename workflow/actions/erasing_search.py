"""Searches what belongs to nobody by its rows for the addresses of a person who is erased, and blanks what has them.

One call is one bounded batch in one transaction, together with how far it has come: a kill loses nothing, and two who
search at once only do the same twice. Knows an address as it is written, in a URL and in escaped JSON.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import delete, or_, select, update

from workflow.actions import blanking
from workflow.engine.reasons import because
from workflow.probe import SILENT
from workflow.records.audit import SettingChange
from workflow.records.erasing import Erasure
from workflow.records.finding import SavedFilter
from workflow.records.imports import ImportChunk, ImportJob, ImportProblem
from workflow.records.models import Delivery, Event, IdempotentAnswer, Incoming
from workflow.records.replays import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from workflow.probe import Probe
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

FIRST: Final = "deliveries"
_BATCH: Final = 200
_LARGEST: Final = 256 * 1024 * 1024
_OVER: Final = ("done", "failed", "cancelled")


class Needles:
    """What is looked for."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.words = tuple(str(each).lower() for each in told["words"])
        self.ids = tuple(told["ids"])
        forms = {form for word in self.words for form in (word, quote(word), json.dumps(word)[1:-1])}
        self._bytes = tuple(form.lower().encode() for form in forms)

    def in_bytes(self, content: bytes) -> bool:
        """Whether a text in any encoding that keeps ASCII, or an XLSX file, names the person."""
        if content[:4] == b"PK\x03\x04":
            return self._in_zip(content)
        low = content.lower()
        return any(each in low for each in self._bytes)

    def in_text(self, *texts: str | None) -> bool:
        """Whether one of these texts does."""
        return any(self.in_bytes(text.encode("utf-8", "replace")) for text in texts if text)

    def in_json(self, value: object) -> bool:
        """Whether a value of JSON does, as deep as it goes."""
        return self.in_text(json.dumps(value, ensure_ascii=False, default=str))

    def without(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A value of JSON with every list and every text blank that names them: a row of a file is a list."""
        if isinstance(value, dict):
            return {name: self.without(each) for name, each in value.items()}
        if isinstance(value, list):
            named = any(isinstance(each, str) and self.in_text(each) for each in value)
            return ["" if named and isinstance(each, str) else self.without(each) for each in value]
        return "" if isinstance(value, str) and self.in_text(value) else value

    def _in_zip(self, content: bytes) -> bool:
        """A file that cannot be looked into counts as one that names them."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                if sum(each.file_size for each in packed.infolist()) > _LARGEST:
                    return True
                return any(self.in_bytes(packed.read(name)) for name in packed.namelist())
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
            return True


def step(ws: Workspace, erasure_id: str, probe: Probe = SILENT) -> None:
    """Look through one batch of what is next, and say where to go on."""

    def work(tx: Tx) -> bool:
        mine = select(*Erasure.__table__.columns).where(Erasure.id == erasure_id, Erasure.state == "running")
        row = tx.conn.execute(mine.with_for_update() if tx.locks_rows else mine).one_or_none()
        if row is None:
            return False
        if not tx.locks_rows:
            tx.drive("PRAGMA secure_delete=ON")
        cursor, found = _PHASES[row.phase](ws, tx, Needles(row.needles), row.cursor)
        counts = {**row.counts, row.phase: row.counts.get(row.phase, 0) + found}
        values: dict[str, Any] = {"cursor": cursor, "counts": counts}
        names = list(_PHASES)
        if not cursor:
            later = names[names.index(row.phase) + 1 :]
            over = {"state": "done", "needles": {}, "ended_at": tx.now}
            values |= {"phase": later[0]} if later else over
        tx.conn.execute(update(Erasure).where(Erasure.id == erasure_id).values(**values))
        probe.at("erase.batch")
        return "state" in values

    if ws.database.transact(work):
        # What was written over still stands in the journal of SQLite until that is emptied.
        ws.database.empty_journal()


def _deliveries(_ws: Workspace, tx: Tx, needles: Needles, cursor: str) -> tuple[str, int]:
    some = select(Delivery.id, Delivery.body, Delivery.headers).where(Delivery.id > cursor)
    rows = tx.conn.execute(some.order_by(Delivery.id).limit(_BATCH)).all()
    named = [row.id for row in rows if needles.in_bytes(row.body) or needles.in_json(row.headers)]
    for each in named:
        blanking.forget_body(tx, each)
    return _next(rows), len(named)


def _events(_ws: Workspace, tx: Tx, needles: Needles, cursor: str) -> tuple[str, int]:
    """Those that somebody else's rows keep, and those that nobody was found for."""
    kept = or_(Event.payload.is_not(None), Event.waits_email.is_not(None))
    some = select(Event.id, Event.payload, Event.waits_email).where(kept, Event.id > cursor)
    rows = tx.conn.execute(some.order_by(Event.id).limit(_BATCH)).all()
    named = [row.id for row in rows if needles.in_json([row.payload, row.waits_email])]
    gone: dict[str, Any] = {"payload": None, "waits_email": None, "waits_ref": None, "next_attempt_at": None}
    why = because(blanking.ERASED).pack()
    gone |= {"outcome": "ignored", "reason": why, "failing_since": None}
    tx.conn.execute(update(Event).where(Event.id.in_(named)).values(**gone))
    return _next(rows), len(named)


def _received(_ws: Workspace, tx: Tx, needles: Needles, cursor: str) -> tuple[str, int]:
    """Mail that was matched to nobody."""
    columns = (Incoming.id, Incoming.sender, Incoming.subject, Incoming.content, Incoming.visible, Incoming.facts)
    some = select(*columns).where(Incoming.id > cursor, Incoming.prospect_id.is_(None))
    rows = tx.conn.execute(some.order_by(Incoming.id).limit(_BATCH)).all()
    named = [
        row.id
        for row in rows
        if needles.in_bytes(row.content) or needles.in_json([row.sender, row.subject, row.visible, row.facts])
    ]
    gone: dict[str, Any] = {
        "sender": "", "subject": "", "visible": "", "quoted": "", "content": b"", "message_id": None,
        "facts": {}, "match": {}, "outcome": "ignored", "reason": because(blanking.ERASED).pack(),
    }  # fmt: skip
    tx.conn.execute(update(Incoming).where(Incoming.id.in_(named)).values(**gone))
    return _next(rows), len(named)


def _imports(_ws: Workspace, tx: Tx, needles: Needles, cursor: str) -> tuple[str, int]:
    """Files of imports, one at a time. One that was not run yet is cancelled: it would bring them back."""
    some = select(ImportJob.id, ImportJob.state, ImportJob.head, ImportJob.found).where(ImportJob.id > cursor)
    job = tx.conn.execute(some.order_by(ImportJob.id).limit(1)).first()
    if job is None:
        return "", 0
    mine = select(ImportChunk.content).where(ImportChunk.job_id == job.id).order_by(ImportChunk.position)
    refused = select(ImportProblem.row, ImportProblem.told, ImportProblem.cells).where(ImportProblem.job_id == job.id)
    problems = [row for row in tx.conn.execute(refused).all() if needles.in_json([row.told, row.cells])]
    named = needles.in_bytes(b"".join(tx.conn.execute(mine).scalars())) or needles.in_json([job.head, job.found])
    for row in problems:
        blank = _all_blank(row.cells), needles.without(row.told)
        which = (ImportProblem.job_id == job.id, ImportProblem.row == row.row)
        tx.conn.execute(update(ImportProblem).where(*which).values(cells=blank[0], told=blank[1]))
    if named:
        tx.conn.execute(delete(ImportChunk).where(ImportChunk.job_id == job.id))
        values: dict[str, Any] = {
            "head": needles.without(job.head),
            "found": needles.without({**job.found, "samples": []}),
        }
        if job.state not in _OVER:
            values |= {"state": "cancelled", "ended_at": tx.now, "key": None}
        tx.conn.execute(update(ImportJob).where(ImportJob.id == job.id).values(**values))
    return str(job.id), int(named or bool(problems))


def _answers(_ws: Workspace, tx: Tx, needles: Needles, _cursor: str) -> tuple[str, int]:
    """Answers of the API that are kept for a day."""
    column = IdempotentAnswer.body
    named = or_(*(column.icontains(each, autoescape=True) for each in (*needles.words, *needles.ids)))
    return "", tx.conn.execute(update(IdempotentAnswer).where(named).values(body="{}")).rowcount


def _settings(_ws: Workspace, tx: Tx, needles: Needles, _cursor: str) -> tuple[str, int]:
    """What people kept for themselves, or did with settings: few rows, of which very few name a prospect."""
    found = 0
    for row in tx.conn.execute(select(SavedFilter.id, SavedFilter.query, SavedFilter.name)).all():
        if needles.in_text(row.query, row.name):
            tx.conn.execute(delete(SavedFilter).where(SavedFilter.id == row.id))
            found += 1
    for row in tx.conn.execute(select(Replay.id, Replay.wanted)).all():
        if needles.in_json(row.wanted):
            tx.conn.execute(update(Replay).where(Replay.id == row.id).values(wanted=needles.without(row.wanted)))
            found += 1
    changes = select(SettingChange.id, SettingChange.about, SettingChange.before, SettingChange.after)
    for row in tx.conn.execute(changes).all():
        if needles.in_json([row.about, row.before, row.after]):
            bare = {"about": needles.without(row.about), "before": needles.without(row.before)}
            bare["after"] = needles.without(row.after)
            tx.conn.execute(update(SettingChange).where(SettingChange.id == row.id).values(**bare))
            found += 1
    return "", found


def _files(ws: Workspace, _tx: Tx, needles: Needles, cursor: str) -> tuple[str, int]:
    """Mail that the local catcher kept on this host."""
    files = sorted(each for each in ws.settings.mail_dir.glob("*.eml") if each.name > cursor)[:_BATCH]
    found = sum(_gone(each, needles) for each in files)
    return (files[-1].name if files else ""), found


def _gone(file: Path, needles: Needles) -> bool:
    try:
        named = needles.in_bytes(file.read_bytes())
    except FileNotFoundError:
        return False
    if named:
        file.unlink(missing_ok=True)
    return named


def _next(rows: Iterable[Record]) -> str:
    listed = list(rows)
    return str(listed[-1].id) if listed else ""


def _all_blank(cells: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(cells, dict):
        return {name: _all_blank(each) for name, each in cells.items()}
    if isinstance(cells, list):
        return [_all_blank(each) for each in cells]
    return "" if isinstance(cells, str) else cells


_PHASES: Final[Mapping[str, Callable[[Workspace, Tx, Needles, str], tuple[str, int]]]] = {
    FIRST: _deliveries,
    "events": _events,
    "mail": _received,
    "imports": _imports,
    "answers": _answers,
    "settings": _settings,
    "files": _files,
}
