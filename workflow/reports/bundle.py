"""Exports the history as one file that proves itself: every row, what the rows add up to, the heads, a manifest.

Reads only, in one statement and so at one moment, and keeps no more than one prospect in memory. Judges nothing: what
was altered before is exported as it is, and found by `workflow.reports.check_history`. The form: docs/history.md.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from workflow.engine.signals import FIELDS
from workflow.errors import NotFound, OnwardError
from workflow.ids import is_id
from workflow.mail.address import key_of
from workflow.records.chain import plain
from workflow.records.models import History, PlaybookVersion, Prospect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from workflow.records.db import Record, Tx

FORMAT: Final = "onward-history/1"
# What follows from the history, and so is proved by it. Left out: what is made from these for searching.
_PROVED: Final = (
    "id", *FIELDS, "custom", "stage", "outcome", "outcome_reason", "owner_id", "entered_stage_at", "moved_at",
    "mail_hold_until", "mail_hold_why", "declined", "merged_into", "version", "chain", "created_at", "updated_at",
)  # fmt: skip
_ROW: Final = tuple(column.name for column in History.__table__.columns)
_VERSION: Final = ("digest", "name", "number", "published_at")
_AT_ONCE: Final = 500


class Unreadable(OnwardError):
    """A row of the history cannot be read: run `onward doctor`, which names it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into a bundle. `digest` stands for every prospect's newest link: keep it somewhere else."""

    prospects: int
    rows: int
    digest: str


class _Lines:
    """Writes lines, and counts and sums them by the part they belong to."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._whole = hashlib.sha256()
        self._sums = {part: hashlib.sha256() for part in ("header", "playbooks", "prospects")}
        self.counts: Counter[str] = Counter()
        self.heads = hashlib.sha256()

    def add(self, part: str, kind: str, told: Mapping[str, Any]) -> None:
        """One line of a part."""
        self.counts[kind] += 1
        self._sums[part].update(self._put(kind, told))

    def end(self) -> None:
        """The manifest, and the seal over all that stands before it."""
        sums = {part: each.hexdigest() for part, each in self._sums.items()}
        self._put("manifest", {"counts": self.counts, "digest": self.heads.hexdigest(), "sha256": sums})
        self._put("seal", {"sha256": self._whole.hexdigest()})

    def _put(self, kind: str, told: Mapping[str, Any]) -> bytes:
        canonical = json.dumps([kind, told], sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain)
        line = f"{canonical}\n".encode()
        self._whole.update(line)
        self._write(line)
        return line


def find(tx: Tx, named: str) -> str:
    """The id of the prospect with this id or address. Raises NotFound."""
    by = Prospect.id == named.lower() if is_id(named.lower()) else Prospect.email_key == key_of(named)
    found = tx.conn.execute(select(Prospect.id).where(by)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"Nobody here has the id or the address “{named}”: look it up in the panel under Prospects.")
    return found


def export(tx: Tx, write: Callable[[bytes], object], prospect_id: str | None = None) -> Exported:
    """Give the lines of the bundle to `write`, of all prospects or of one. Raises Unreadable."""
    lines = _Lines(write)
    lines.add("header", "header", {"exported_at": tx.now, "format": FORMAT, "prospect": prospect_id})
    try:
        versions = select(*(getattr(PlaybookVersion, name) for name in _VERSION)).order_by(PlaybookVersion.number)
        for version in tx.conn.execute(versions):
            lines.add("playbooks", "playbook", version._asdict())
        for _, rows in groupby(_stream(tx, prospect_id), key=lambda row: row[0]):
            _prospect(lines, rows)
    except (ValueError, TypeError) as error:
        # SQLite takes anything for a time or for JSON, so a row may hold what is neither.
        raise Unreadable from error
    lines.end()
    return Exported(lines.counts["prospect"], lines.counts["history"], lines.heads.hexdigest())


def _stream(tx: Tx, prospect_id: str | None) -> Iterable[Record]:
    """Every prospect beside each row of its history, by id and version, a few hundred at a time."""
    columns = (*(getattr(Prospect, name) for name in _PROVED), *(getattr(History, name) for name in _ROW))
    # Ids are of one form, so that every collation sorts them as their bytes.
    joined = select(*columns).outerjoin(History, History.prospect_id == Prospect.id)
    wanted = joined if prospect_id is None else joined.where(Prospect.id == prospect_id)
    ordered = wanted.order_by(Prospect.id, History.version)
    return tx.conn.execute(ordered.execution_options(yield_per=_AT_ONCE))


def _prospect(lines: _Lines, rows: Iterable[Record]) -> None:
    row = None
    for row in rows:
        link = dict(zip(_ROW, row[len(_PROVED) :], strict=True))
        if link["version"] is not None:
            lines.add("prospects", "history", link)
    if row is not None:
        stands = dict(zip(_PROVED, row, strict=False))
        lines.add("prospects", "prospect", stands)
        lines.heads.update(f"{stands['id']} {stands['version']} {stands['chain']}\n".encode())
