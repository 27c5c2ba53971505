"""The playbook in force, as a fact of the installation: read in each transaction that decides, plans or counts.

Keeps versions and tells which one holds. What becomes of those in flight is the matter of `actions.publishing`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, insert, literal_column, select

from workflow import auditing, ids
from workflow.errors import StartError
from workflow.playbook import loader
from workflow.records import upserts
from workflow.records.models import Fact, PlaybookVersion, Prospect, Publication
from workflow.records.outbox import ROUTES
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx

_IN_FORCE: Final = "playbook"
_OFFERED: Final = "playbook.offered"
_SHIPPED: Final = "playbook.shipped"
_READ: Final = Prepared(select(Fact.value).where(Fact.name == bindparam("fact")))
# Who is told of what is happening is read along, because most that ask for the playbook have something to tell.
HOLDING: Final = (
    select(Fact.value).where(Fact.name == literal_column(f"'{_IN_FORCE}'")).scalar_subquery().label("digest"),
    select(Fact.value).where(Fact.name == literal_column(f"'{ROUTES}'")).scalar_subquery().label("routes"),
)
"""Columns for a statement that runs anyway; `Playbooks.heard` takes what it found."""
_READ_BOTH: Final = Prepared(select(*HOLDING))


class Playbooks:
    """The playbook in force and every older version that an enrollment may still follow."""

    def __init__(self, current: Playbook) -> None:
        self.current = current
        """The one in force when this process last looked; before any was published, the one it was given."""
        self._versions = {current.digest: current}

    def in_force(self, tx: Tx) -> Playbook:
        """The playbook in force in this transaction, read once in it."""
        known: Playbook | None = tx.known.get(_IN_FORCE)
        return known or self.heard(tx, _READ_BOTH.all(tx, {})[0])

    def heard(self, tx: Tx, row: Record) -> Playbook:
        """The same, told by a row with the columns of `HOLDING`; what this transaction knows already stands."""
        known: Playbook | None = tx.known.get(_IN_FORCE)
        tx.known.setdefault(ROUTES, row.routes)
        if known is None:
            digest = row.digest
            known = self.current if digest in (None, self.current.digest) else self.version(tx, str(digest))
            # Threads share this: each goes on with the one it read, and the last one leaves its own behind.
            self.current = tx.known[_IN_FORCE] = known
        return known

    def version(self, tx: Tx, digest: str) -> Playbook:
        """The version named `digest`, read from its row the first time."""
        if digest == self.current.digest:
            return self.current
        if digest not in self._versions:
            self._versions[digest] = _kept(tx, digest)
        return self._versions[digest]


def opened(tx: Tx, file: Path, read: Playbook | None = None) -> Playbook:
    """For one that takes nothing over: the playbook in force; before any was published, that of `file`.

    `read` is what was read from it already. Raises PlaybookError when it cannot be read.
    """
    digest = _fact(tx, _IN_FORCE)
    if digest is not None:
        return read if read is not None and read.digest == digest else _kept(tx, digest)
    playbook = loader.read(file)
    keep_version(tx, playbook, _text(file))
    return playbook


def offered(tx: Tx, playbook: Playbook, file: Path, *, shipped: bool) -> Playbook:
    """For a process that starts with `playbook`, read from `file`: take it over, unless it was offered before.

    What was published since is not undone by a restart; an edited file comes into force at one. The `shipped` playbook
    gives way to every other. Gives the one in force then. Raises StartError when prospects would be left without a
    stage. The caller holds everybody else off.
    """
    in_force = _fact(tx, _IN_FORCE)
    if in_force is not None and not is_news(tx, playbook, shipped=shipped):
        return playbook if playbook.digest == in_force else _kept(tx, in_force)
    for name in (_OFFERED, _SHIPPED) if shipped else (_OFFERED,):
        _remember(tx, name, playbook.digest)
    if playbook.digest != in_force:
        _refuse_to_strand(tx, playbook, file)
        keep_version(tx, playbook, _text(file))
        put_in_force(tx, playbook, actor="system", state="done")
    return playbook


def is_news(tx: Tx, playbook: Playbook, *, shipped: bool) -> bool:
    """Whether a playbook that a start offers would be taken over."""
    in_force = _fact(tx, _IN_FORCE)
    if in_force is None:
        return True
    another = shipped and in_force != _fact(tx, _SHIPPED)
    return not another and playbook.digest != _fact(tx, _OFFERED)


def put_in_force(
    tx: Tx,
    playbook: Playbook,
    *,
    actor: str,
    state: str,
    mapping: Mapping[str, str] | None = None,
    choices: Mapping[str, Any] | None = None,
    counts: Mapping[str, Any] | None = None,
) -> str:
    """Let a kept version hold from this transaction on, and say so in a publication; gives the publication's id."""
    before = _fact(tx, _IN_FORCE)
    row = {
        "id": ids.new_id(),
        "at": tx.now,
        "actor": actor,
        "from_digest": before,
        "to_digest": playbook.digest,
        "state": state,
        "mapping": dict(mapping or {}),
        "choices": dict(choices or {}),
        "counts": dict(counts or {}),
        "cursor": None,
        "ended_at": tx.now if state == "done" else None,
    }
    tx.conn.execute(insert(Publication), row)
    _note(tx, playbook, actor, before)
    _remember(tx, _IN_FORCE, playbook.digest)
    tx.known[_IN_FORCE] = playbook
    return str(row["id"])


def _note(tx: Tx, playbook: Playbook, actor: str, before: str | None) -> None:
    """Write down which version followed which, and which limits changed with it."""
    was = {"version": _number(tx, before), "name": _kept(tx, before).name} if before else {}
    limits = _limits(_kept(tx, before)) if before else {}
    now = {"version": _number(tx, playbook.digest), "name": playbook.name, **(_limits(playbook) if limits else {})}
    auditing.note(tx, actor, "playbook.published", playbook.name, was | limits, now)


def _number(tx: Tx, digest: str) -> int:
    number: int = tx.conn.execute(select(PlaybookVersion.number).where(PlaybookVersion.digest == digest)).scalar_one()
    return number


def _limits(playbook: Playbook) -> dict[str, str]:
    """Every limit by its path, as `limits.mailbox.per_day`."""
    parts: dict[str, dict[str, object]] = asdict(playbook.limits)
    told = {f"limits.{part}.{name}": value for part, each in parts.items() for name, value in each.items()}
    return {name: str(value) for name, value in told.items() if value is not None}


def judge_by(tx: Tx, playbook: Playbook) -> None:
    """Let `playbook` hold in this transaction only: for one that asks what would be, and is never committed."""
    tx.known[_IN_FORCE] = playbook


def begin_with(tx: Tx, playbook: Playbook) -> None:
    """Before the first publication: say that what was only read from a file held until now, and need not be offered."""
    if _fact(tx, _IN_FORCE) is None:
        _remember(tx, _OFFERED, playbook.digest)
        put_in_force(tx, playbook, actor="system", state="done")


def keep_version(tx: Tx, playbook: Playbook, source: str) -> None:
    """Keep a playbook as it was read, under the next number, unless it is kept already."""
    digests = tx.conn.execute(select(PlaybookVersion.digest)).scalars().all()
    if playbook.digest in digests:
        return
    row = {
        "digest": playbook.digest,
        "name": playbook.name,
        "number": len(digests) + 1,
        "source": source,
        "published_at": tx.now,
    }
    upserts.insert_new(tx, PlaybookVersion, row)


def digest_in_force(tx: Tx) -> str | None:
    """The digest of the playbook in force; None before any was published."""
    return _fact(tx, _IN_FORCE)


def is_shipped(tx: Tx) -> bool:
    """Whether the playbook in force is one that came with Onward, and was never replaced."""
    return _fact(tx, _IN_FORCE) == _fact(tx, _SHIPPED)


def stranded(tx: Tx, playbook: Playbook) -> dict[str, int]:
    """How many prospects stand in each stage that `playbook` does not have."""
    rows = tx.conn.execute(select(Prospect.stage, func.count()).group_by(Prospect.stage).order_by(Prospect.stage))
    return {stage: number for stage, number in rows if stage not in playbook.stages}


def _refuse_to_strand(tx: Tx, playbook: Playbook, file: Path) -> None:
    lost = stranded(tx, playbook)
    if lost:
        maps = " ".join(f"--map {stage}=NEW" for stage in lost)
        who = ", ".join(f"{number} in “{stage}”" for stage, number in lost.items())
        message = (
            f"Prospects stand in stages that the playbook {file} does not have ({who}): "
            f"publish it with `onward playbook publish {file} {maps}`."
        )
        raise StartError(message)


def _kept(tx: Tx, digest: str) -> Playbook:
    found = select(PlaybookVersion.source).where(PlaybookVersion.digest == digest)
    return loader.load(tx.conn.execute(found).scalar_one(), "version " + digest[:12])


def _text(file: Path) -> str:
    # As it stands, with its line ends: the digest is that of the bytes.
    return file.read_bytes().decode()


def _fact(tx: Tx, name: str) -> str | None:
    row = _READ.first(tx, {"fact": name})
    return row.value if row else None


def _remember(tx: Tx, name: str, value: str) -> None:
    upserts.upsert(tx, Fact, {"name": name, "value": value}, keys=("name",))
