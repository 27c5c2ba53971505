"""The tables of imports: a file in pieces, the job that works it off, its rows that were refused, and known headers.

Holds no behaviour. The file lies in the database, because whoever works it off may live on another machine.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of, partial

IMPORT_STATES: Final = ("draft", "checking", "checked", "running", "done", "failed", "cancelled")


class ImportJob(Base):
    """One file on its way in. `options` is how it is read, `head` its first rows, `found` what the check counted.

    Rows up to `done` have been taken, of the check or of the run; `counts` says what became of them. `key` is the
    digest of the bytes and of the options that it was run with: the same again writes nothing.
    """

    __tablename__ = "import_job"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    state: Mapped[str]
    actor: Mapped[str]
    file_name: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    key: Mapped[str | None] = mapped_column(String(64), index=True)
    size: Mapped[int]
    options: Mapped[dict[str, Any]]
    head: Mapped[dict[str, Any]]
    found: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]]
    total: Mapped[int | None]
    done: Mapped[int]
    problem: Mapped[dict[str, Any]]
    holder: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("state", IMPORT_STATES, "state"),
        partial("ix_import_job_waiting", "created_at", where="state IN ('checking', 'running')"),
    )


class ImportChunk(Base):
    """A piece of an imported file, kept until the import is long over."""

    __tablename__ = "import_chunk"
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("import_job.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class ImportProblem(Base):
    """What is wrong with one row: each problem with its column, its code and its facts, and the cells as they came."""

    __tablename__ = "import_problem"
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("import_job.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    told: Mapped[dict[str, Any]]
    cells: Mapped[dict[str, Any]]


class ImportMapping(Base):
    """What the columns of a header meant the last time, by the digest of the header."""

    __tablename__ = "import_mapping"
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    options: Mapped[dict[str, Any]]
    used_at: Mapped[datetime]
