"""Links prospects who belong together: who named whom, colleagues, companies of one owner. Both histories tell of it.

Changes nothing of the prospects themselves, and no mail follows from a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, delete, insert, or_, select, update

from workflow import ids
from workflow.actions import erasing, prospects
from workflow.engine.decide import Change
from workflow.errors import BadInput, Conflict, NotFound
from workflow.records.personal import RELATIONS, Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from workflow.actions.prospects import Who
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

LINKED: Final = "related"
UNLINKED: Final = "unrelated"


WAYS: Final = ("referred", "referrer", "colleague", "group", "other")
"""What a linked prospect may be to this one: named by this one, the one who named this one, and the rest both ways."""


def both(known: str, other: str, way: str) -> tuple[str, str, str]:
    """What to `link`, so that the other is this to the known one: one of `WAYS`. An unknown way stays as it is."""
    kind = "referral" if way in WAYS[:2] else way
    return (other, known, kind) if way == "referrer" else (known, other, kind)


def link(ws: Workspace, prospect_id: str, other_id: str, kind: str, who: Who) -> bool:
    """Link two prospects; of a `referral` the first named the second. False when they were linked so already.

    Two have one link: another kind takes the place of the one before. Raises BadInput for a prospect with itself or an
    unknown kind, NotFound, and Conflict when one of them was merged meanwhile.
    """
    return ws.database.transact(lambda tx: link_in(ws, tx, prospect_id, other_id, kind, who))


def link_in(ws: Workspace, tx: Tx, prospect_id: str, other_id: str, kind: str, who: Who) -> bool:
    """The same in the caller's transaction, for whoever makes one of the two in it."""
    if kind not in RELATIONS:
        raise BadInput(f"“kind” must be one of {', '.join(RELATIONS)}.", field="kind")
    if prospect_id == other_id:
        raise BadInput("A prospect cannot be linked with itself: choose another one.", field="other")
    _lock(ws, tx, prospect_id, other_id)
    row = tx.conn.execute(_FOUND.where(_between(prospect_id, other_id))).one_or_none()
    if row is not None and row.kind == kind and (row.prospect_id == prospect_id or kind != "referral"):
        return False
    values = {"prospect_id": prospect_id, "other_id": other_id, "kind": kind, "actor": who.actor, "at": tx.now}
    if row is None:
        tx.conn.execute(insert(Relation), {"id": ids.new_id(), **values})
    else:
        tx.conn.execute(update(Relation).where(Relation.id == row.id).values(**values))
    _tell(ws, tx, LINKED, (prospect_id, other_id), kind, who)
    return True


def create_linked(
    ws: Workspace, fields: Mapping[str, str], who: Who, *, owner_id: str | None, known: str, way: str
) -> prospects.Result:
    """Make a prospect who is this, one of `WAYS`, to a known one: both or neither, in one transaction.

    Raises Conflict when the address belongs to one already or the known one was merged meanwhile, and as `link` does.
    """

    def work(tx: Tx) -> prospects.Result:
        made = prospects.create_in(ws, tx, fields, {}, who, owner_id=owner_id)
        link_in(ws, tx, *both(known, made.prospect_id, way), who)
        return made

    return ws.database.transact(work)


def unlink(ws: Workspace, prospect_id: str, other_id: str, who: Who) -> None:
    """Take the link between two prospects away. Raises NotFound when there is none."""

    def work(tx: Tx) -> None:
        _lock(ws, tx, prospect_id, other_id)
        row = tx.conn.execute(_FOUND.where(_between(prospect_id, other_id))).one_or_none()
        if row is None:
            message = "These two prospects are not linked: load the page again."
            raise NotFound(message)
        tx.conn.execute(delete(Relation).where(Relation.id == row.id))
        _tell(ws, tx, UNLINKED, (row.prospect_id, row.other_id), row.kind, who)

    ws.database.transact(work)


def move_over(tx: Tx, kept: str, gone: str) -> None:
    """Let one prospect have the links of another who goes into it; both are locked, and what they had already stays."""
    mine = {_other(row, kept) for row in tx.conn.execute(_FOUND.where(_of(kept)))}
    for row in tx.conn.execute(_FOUND.where(_of(gone))).all():
        other = _other(row, gone)
        same = Relation.id == row.id
        if other == kept or other in mine:
            tx.conn.execute(delete(Relation).where(same))
            continue
        side = "prospect_id" if row.prospect_id == gone else "other_id"
        tx.conn.execute(update(Relation).where(same).values({side: kept}))


_FOUND: Final = select(Relation.id, Relation.prospect_id, Relation.other_id, Relation.kind)


def _of(known: str) -> ColumnElement[bool]:
    return or_(Relation.prospect_id == known, Relation.other_id == known)


def _between(one: str, two: str) -> ColumnElement[bool]:
    return or_(
        and_(Relation.prospect_id == one, Relation.other_id == two),
        and_(Relation.prospect_id == two, Relation.other_id == one),
    )


def _other(row: Record, known: str) -> str:
    return str(row.other_id if row.prospect_id == known else row.prospect_id)


def _lock(ws: Workspace, tx: Tx, *both: str) -> None:
    # In the order of ids, as everybody locks who locks two.
    for each in sorted(both):
        if prospects.load(ws, tx, each).view.id != each:
            message = "One of the two was merged meanwhile: open the prospect that it went into."
            raise Conflict(message)
        if erasing.newest(tx, each) is not None:
            message = "One of the two was erased: nobody can be linked with them."
            raise Conflict(message)


def _tell(ws: Workspace, tx: Tx, what: str, both: tuple[str, str], kind: str, who: Who) -> None:
    named, other = both
    for mine, theirs, side in ((named, other, "from"), (other, named, "to")):
        detail = {"other": theirs, "as": kind, "side": side}
        prospects.note(ws, tx, mine, Change(what, tx.now, detail=detail), who)
