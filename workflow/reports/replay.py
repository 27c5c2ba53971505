"""Asks stored decisions again: what a signal led to, and each decision about the time of a touch.

Reads only. `doctor` takes a sample of both, the newest and some at random; each difference names its row.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, select

from workflow.engine import explain, trail
from workflow.errors import OnwardError
from workflow.records.models import Decided, History, PlaybookVersion, Touch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

NEWEST: Final = 200
AT_RANDOM: Final = 200
_DECISIONS: Final = select(
    Decided.prospect_id, Decided.version, Decided.at, Decided.playbook_digest, Decided.basis, Decided.answer
)
_TOLD: Final = _DECISIONS.join(
    History, and_(History.prospect_id == Decided.prospect_id, History.version == Decided.version)
)
_TOUCHES: Final = select(Touch.id, Touch.sequence, Touch.step, Touch.trail).where(Touch.trail.is_not(None))


class Versions:
    """The playbooks of an installation by digest, also by its first digits, as lines of a trail name them."""

    def __init__(self, ws: Workspace, tx: Tx) -> None:
        self._ws = ws
        self._tx = tx
        self.rows: dict[str, Record] = {
            row.digest: row
            for row in tx.conn.execute(
                select(
                    PlaybookVersion.digest, PlaybookVersion.name, PlaybookVersion.number, PlaybookVersion.published_at
                )
            )
        }

    def whole(self, digits: str) -> str:
        """The whole digest that begins with these digits. Raises KeyError."""
        found = next((digest for digest in self.rows if digest.startswith(digits)), None) if digits else None
        if found is None:
            raise KeyError(digits)
        return found

    def number(self, digits: str) -> tuple[int, str] | None:
        """The number of a version and the digits that name it; None when there is no such version."""
        try:
            digest = self.whole(digits)
        except KeyError:
            return None
        return self.rows[digest].number, digest[: trail.DIGITS]

    def current(self) -> Playbook:
        """The version in force."""
        return self._ws.playbooks.current

    def __call__(self, digits: str) -> Playbook:
        """That version. Raises KeyError when there is none, PlaybookError when this release cannot read it."""
        return self._ws.playbooks.version(self._tx, self.whole(digits))


def sample(ws: Workspace, tx: Tx, seed: int) -> Iterator[tuple[str, str]]:
    """What differs among the newest decisions and trails and some at random, as a code and a sentence."""
    versions, chance = Versions(ws, tx), random.Random(seed)  # noqa: S311 - a sample that can be drawn again
    for row in _some_decisions(tx, chance):
        yield from of_decision(versions, row)
    for touch in _some_touches(tx, chance):
        yield from of_touch(versions, touch)


def everything(ws: Workspace, tx: Tx) -> Iterator[tuple[str, str]]:
    """The same for all there is."""
    versions = Versions(ws, tx)
    for row in tx.conn.execute(_DECISIONS):
        yield from of_decision(versions, row)
    for touch in tx.conn.execute(_TOUCHES):
        yield from of_touch(versions, touch)


def of_decision(versions: Versions, row: Record) -> Iterator[tuple[str, str]]:
    """What differs when one decision is asked again."""
    try:
        playbook = versions(row.playbook_digest)
    except (KeyError, OnwardError):
        # Of a version that this release cannot read nothing can be asked; another rule names those.
        return
    told = explain.replay_decision(playbook, row.basis, row.answer, versions)
    if told is not None:
        where = f"version {row.version} of prospect {row.prospect_id}"
        yield "decision.replay", f"The decision behind {where}, asked again: {told}."


def of_touch(versions: Versions, row: Record) -> Iterator[tuple[str, str]]:
    """What differs when each decision about the time of a touch is asked again; one finding a touch."""
    for number, line in enumerate(trail.read(row.trail), start=1):
        told = replayed(versions, row, line)
        if told is not None:
            yield "touch.replay", f"Line {number} ({line.kind}) of the trail of touch {row.id}, asked again: {told}."
            return


def replayed(versions: Versions, row: Record, line: trail.Line) -> str | None:
    """What differs when one line of the trail of the touch in `row` is asked again."""
    book = by = versions.current()
    if line.version:
        try:
            book = versions(line.version)
            by = versions(line.by) if line.by else book
        except KeyError:
            return "its playbook is unknown"
        except OnwardError:
            return None
    elif line.kind in trail.DECIDED and line.kind != "retried":
        return "it names no playbook"
    return explain.replay_touch(book, row.sequence, row.step, line, by)


def _some_decisions(tx: Tx, chance: random.Random) -> Iterable[Record]:
    """Found by the index over the times of history, so that a decision need not be written into one of its own."""
    newest = tx.conn.execute(_TOLD.order_by(History.at.desc()).limit(NEWEST)).all()
    found = {(row.prospect_id, row.version): row for row in newest}
    first = tx.conn.execute(_TOLD.order_by(History.at).limit(1)).first()
    if first is None or len(newest) < NEWEST:
        return found.values()
    span = newest[0].at - first.at
    for _ in range(AT_RANDOM):
        at: datetime = first.at + timedelta(seconds=chance.random() * span.total_seconds())
        row = tx.conn.execute(_TOLD.where(History.at >= at).order_by(History.at).limit(1)).first()
        if row is not None:
            found[row.prospect_id, row.version] = row
    return found.values()


def _some_touches(tx: Tx, chance: random.Random) -> Iterable[Record]:
    """Ids begin with their time, so that a number between the first and the last finds a touch by the index."""
    newest = tx.conn.execute(_TOUCHES.order_by(Touch.id.desc()).limit(NEWEST)).all()
    found = {row.id: row for row in newest}
    first = tx.conn.execute(_TOUCHES.order_by(Touch.id).limit(1)).first()
    if first is None or len(newest) < NEWEST:
        return found.values()
    low, high = _stamp(first.id), _stamp(newest[0].id)
    for _ in range(AT_RANDOM):
        digits = f"{chance.randint(low, high):012x}"
        row = tx.conn.execute(
            _TOUCHES.where(Touch.id >= f"{digits[:8]}-{digits[8:]}").order_by(Touch.id).limit(1)
        ).first()
        if row is not None:
            found[row.id] = row
    return found.values()


def _stamp(id_: str) -> int:
    """The milliseconds at the head of an id."""
    return int(id_[:8] + id_[9:13], 16)
