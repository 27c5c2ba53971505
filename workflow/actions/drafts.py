"""Keeps the playbook that a person is rewriting: one draft each, with its last versions, in force nowhere.

Each change is made to the text that its author saw; what was changed meanwhile is told, and nothing is lost. What is
wrong with a draft is told by `publishing.draft`, which also publishes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select

from workflow import ids
from workflow.errors import BadInput, Conflict, OnwardError
from workflow.playbook.loader import MOST_BYTES
from workflow.playbook.merge import merged
from workflow.records import upserts
from workflow.records.drafts import PlaybookDraft
from workflow.records.models import PlaybookVersion

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

MOST_VERSIONS: Final = 20
"""Versions of a draft that are kept, so many steps one can go back."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person is rewriting: the text, by its `digest`. Without `version` nothing was changed yet.

    `is_behind` says that another playbook came into force since it began.
    """

    rep_id: str
    version: int
    digest: str
    source: str
    is_behind: bool = False
    at: datetime | None = None

    @property
    def is_kept(self) -> bool:
        """Whether there is a draft at all."""
        return self.version > 0


class Overtaken(Conflict):
    """The draft was changed meanwhile, in another window or by a publication: compare both and decide."""

    def __init__(self, seen: str | None, now: Draft, mine: str | None, lost: str | None = None) -> None:
        self.seen = seen
        """The text that the change was made to, if it is still known."""
        self.now = now
        self.mine = mine
        """What becomes of the text of now by the same change; None where it can no longer be made."""
        self.lost = lost
        """What would have become of the text that was seen, where the change can no longer be made."""
        super().__init__("The draft was changed meanwhile: compare both and decide.")


def of(ws: Workspace, tx: Tx, rep_id: str) -> Draft:
    """The newest version of a person's draft; without one the playbook in force, as it is written."""
    in_force = ws.playbooks.in_force(tx)
    row = _newest(tx, rep_id)
    if row is not None:
        is_behind = in_force.digest not in (row.base_digest, row.digest)
        return Draft(rep_id, row.version, row.digest, row.source, is_behind, row.at)
    return Draft(rep_id, 0, in_force.digest, _text_in_force(tx, in_force.digest))


def all_kept(tx: Tx) -> tuple[tuple[str, datetime], ...]:
    """Who has a draft, and when it was changed last, the latest first."""
    last = func.max(PlaybookDraft.version).label("last")
    newest = select(PlaybookDraft.rep_id, last).group_by(PlaybookDraft.rep_id).subquery()
    found = select(PlaybookDraft.rep_id, PlaybookDraft.at).join(
        newest, (newest.c.rep_id == PlaybookDraft.rep_id) & (newest.c.last == PlaybookDraft.version)
    )
    return tuple((row.rep_id, row.at) for row in tx.conn.execute(found.order_by(PlaybookDraft.at.desc())))


def change(ws: Workspace, rep_id: str, seen: str, how: Callable[[str], str]) -> Draft:
    """Keep what `how` makes of the text with the digest `seen` as the next version of the draft.

    Raises Overtaken when the draft is another text by now, and what `how` raises. A text that stays is no version.
    """

    def work(tx: Tx) -> Draft:
        now = of(ws, tx, rep_id)
        if now.digest != seen:
            before, mine = _text_of(tx, rep_id, seen), _tried(how, now.source)
            raise Overtaken(before, now, mine, _tried(how, before) if before and mine is None else None)
        source = how(now.source)
        if _digest(source) == now.digest:
            return now
        return _keep(tx, now, source, _base(tx, rep_id) or now.digest)

    return ws.database.transact(work)


def renew(ws: Workspace, rep_id: str, seen: str) -> Draft:
    """Take over into a draft what came into force since it began, as its next version.

    Raises Overtaken when the draft is another text than the one with the digest `seen`, and Conflict where both changed
    the same lines; a draft that is not behind stays as it is.
    """

    def work(tx: Tx) -> Draft:
        now = of(ws, tx, rep_id)
        if now.digest != seen:
            raise Overtaken(_text_of(tx, rep_id, seen), now, None)
        if not now.is_behind:
            return now
        before, theirs = brought(ws, tx, rep_id)
        source = merged(before, now.source, theirs)
        if source is None:
            message = "Your draft and the new playbook changed the same lines: take over by hand what you want of it."
            raise Conflict(message)
        return replace(_keep(tx, now, source, ws.playbooks.in_force(tx).digest), is_behind=False)

    return ws.database.transact(work)


def brought(ws: Workspace, tx: Tx, rep_id: str) -> tuple[str, str]:
    """The playbook that a draft began with, and the one in force: what lies between them the draft does not have."""
    in_force = ws.playbooks.in_force(tx).digest
    return _text_in_force(tx, _base(tx, rep_id) or in_force), _text_in_force(tx, in_force)


def back(ws: Workspace, rep_id: str, seen: str) -> Draft:
    """Take back the last change. Raises Overtaken when the newest version is not the one with the digest `seen`."""

    def work(tx: Tx) -> Draft:
        now = of(ws, tx, rep_id)
        if now.digest != seen:
            raise Overtaken(_text_of(tx, rep_id, seen), now, None)
        tx.conn.execute(
            delete(PlaybookDraft).where(PlaybookDraft.rep_id == rep_id, PlaybookDraft.version == now.version)
        )
        return of(ws, tx, rep_id)

    return ws.database.transact(work)


def drop(ws: Workspace, rep_id: str, seen: str) -> None:
    """Throw a draft away, with all its versions. Raises Overtaken when it is not the text with the digest `seen`."""

    def work(tx: Tx) -> None:
        now = of(ws, tx, rep_id)
        if now.is_kept and now.digest != seen:
            raise Overtaken(_text_of(tx, rep_id, seen), now, None)
        tx.conn.execute(delete(PlaybookDraft).where(PlaybookDraft.rep_id == rep_id))

    ws.database.transact(work)


def settle(ws: Workspace, digest: str) -> None:
    """After a publication: what became the playbook in force is nobody's draft any more."""

    def work(tx: Tx) -> None:
        mine = select(PlaybookDraft.rep_id).where(PlaybookDraft.digest == digest)
        for rep_id in tx.conn.execute(mine.distinct()).scalars().all():
            row = _newest(tx, rep_id)
            if row is not None and row.digest == digest:
                tx.conn.execute(delete(PlaybookDraft).where(PlaybookDraft.rep_id == rep_id))

    ws.database.transact(work)


def typed(text: str) -> str:
    """A whole text as somebody typed or brought it. Raises BadInput for one that is no playbook by its size."""
    if not text.strip():
        message = "The playbook is empty: nothing was saved."
        raise BadInput(message)
    if len(text.encode()) > MOST_BYTES:
        message = f"The playbook is larger than {MOST_BYTES // 1024} KB: shorten it."
        raise BadInput(message)
    return text


def _keep(tx: Tx, now: Draft, source: str, base: str) -> Draft:
    """The text as the next version of a draft that began with the playbook `base`."""
    row = {
        "id": ids.new_id(),
        "rep_id": now.rep_id,
        "version": now.version + 1,
        "base_digest": base,
        "digest": _digest(source),
        "source": source,
        "at": tx.now,
    }
    if not upserts.insert_new(tx, PlaybookDraft, row):
        raise Overtaken(now.source, now, source)
    tx.conn.execute(
        delete(PlaybookDraft).where(
            PlaybookDraft.rep_id == now.rep_id, PlaybookDraft.version <= now.version + 1 - MOST_VERSIONS
        )
    )
    return Draft(now.rep_id, now.version + 1, _digest(source), source, now.is_behind, tx.now)


def _newest(tx: Tx, rep_id: str) -> Record | None:
    mine = select(*PlaybookDraft.__table__.columns).where(PlaybookDraft.rep_id == rep_id)
    return tx.conn.execute(mine.order_by(PlaybookDraft.version.desc()).limit(1)).one_or_none()


def _base(tx: Tx, rep_id: str) -> str | None:
    row = _newest(tx, rep_id)
    return str(row.base_digest) if row is not None else None


def _text_of(tx: Tx, rep_id: str, digest: str) -> str | None:
    """A text that a person saw once, if it is still kept."""
    mine = select(PlaybookDraft.source).where(PlaybookDraft.rep_id == rep_id, PlaybookDraft.digest == digest).limit(1)
    found = tx.conn.execute(mine).scalar_one_or_none()
    if found is None:
        version = select(PlaybookVersion.source).where(PlaybookVersion.digest == digest)
        found = tx.conn.execute(version).scalar_one_or_none()
    return found


def _text_in_force(tx: Tx, digest: str) -> str:
    kept = select(PlaybookVersion.source).where(PlaybookVersion.digest == digest)
    return str(tx.conn.execute(kept).scalar_one())


def _tried(how: Callable[[str], str], source: str) -> str | None:
    try:
        return how(source)
    except OnwardError:
        return None


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
