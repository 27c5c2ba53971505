"""Whose eyes a report is for: what of the records a rep may see, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from workflow import ids, rights
from workflow.errors import NotFound
from workflow.records.base import Id
from workflow.records.erasing import Erasure
from workflow.records.models import Call, Enrollment, Incoming, Meeting, Prospect, Rep, Touch
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from workflow.records.db import Tx


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: a rep by id, and the role."""

    rep_id: str
    role: str

    @property
    def sees_everyone(self) -> bool:
        """Whether the prospects of other reps may be seen."""
        return rights.may(self.role, "see_everyone")

    def sees(self) -> ColumnElement[bool]:
        """The condition on `prospect` rows: one's own, those one stands in for, and those without an owner.

        Nobody sees one that was merged: what it had is with the one it went into.
        """
        if self.sees_everyone:
            return Prospect.merged_into.is_(None)
        # Said so that no index of owners answers it: most that they see is theirs or nobody's, so that whatever else is
        # asked for picks better, and a database without statistics would not know.
        away = select(Rep.id).where(Rep.stand_in_id == self.rep_id, Rep.away_since.is_not(None))
        whose = func.coalesce(Prospect.owner_id, self.rep_id)
        # A key of the API that is nobody's is no row of `rep`, and sees those without an owner all the same.
        return and_(or_(whose == self.rep_id, whose.in_(away)), Prospect.merged_into.is_(None))

    def own(self) -> ColumnElement[bool]:
        """The condition on `prospect` rows that are this person's to look after, for a colleague who is away too."""
        away = select(Rep.id).where(Rep.stand_in_id == self.rep_id, Rep.away_since.is_not(None))
        return and_(or_(Prospect.owner_id == self.rep_id, Prospect.owner_id.in_(away)), Prospect.merged_into.is_(None))


def owners(tx: Tx, viewer: Viewer, *, own: bool = False) -> tuple[str | None, ...] | None:
    """Whose prospects `viewer.sees()` finds, or with `own` `viewer.own()`: ids of reps, None for having no owner.

    None as a whole says that it does not go by owners. One after the other they are read from the index of owners,
    which no condition with OR is.
    """
    if viewer.sees_everyone and not own:
        return None
    known = f"stands_in {viewer.rep_id}"
    if known not in tx.known:
        tx.known[known] = tuple(row.id for row in _AWAY.all(tx, {"who": viewer.rep_id}))
    found: dict[str | None, None] = dict.fromkeys((viewer.rep_id, *tx.known[known]))
    return tuple(found) if own else (*found, None)


def unerased(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    """The condition on `prospect` rows that leaves out who was erased, if anybody was: numbers alone keep them.

    Asked once in a transaction, and only where somebody was erased: it costs the indexes that hold all else.
    """
    if _ANY_ERASED not in tx.known:
        tx.known[_ANY_ERASED] = _SOMEBODY.first(tx, {}) is not None
    return (Prospect.id.not_in(_ERASED),) if tx.known[_ANY_ERASED] else ()


def prospect_id(tx: Tx, viewer: Viewer, told: str) -> str:
    """The prospect that `told` names, when the viewer may see it; for one that was merged, the one it went into.

    Raises NotFound, whether it is hidden or not there.
    """
    found = None
    if ids.is_id(told):
        found = tx.conn.execute(_NAMED.where(viewer.sees()), {"row": told}).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such prospect: it may have been removed, or belong to somebody else.")
    return found


def touch_owner(tx: Tx, viewer: Viewer, touch_id: str) -> str:
    """The prospect of a touch the viewer may see. Raises NotFound."""
    found = None
    if ids.is_id(touch_id):
        found = tx.conn.execute(
            select(Touch.prospect_id)
            .join(Prospect, Prospect.id == Touch.prospect_id)
            .where(Touch.id == touch_id, viewer.sees())
        ).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such email or task: it may have been removed, or belong to somebody else.")
    return found


def check(tx: Tx, viewer: Viewer, word: str, row_id: str) -> None:
    """Refuse a record of a prospect that the viewer may not see; `word` is how the API calls its kind.

    Raises NotFound, whether it is hidden or not there, so that the answer tells nothing. What belongs to no prospect
    is not checked here, and the eyes of those who see everyone need no checking.
    """
    found = _BELONGING.get(word)
    if found is None or viewer.sees_everyone:
        return
    if tx.conn.execute(found.where(viewer.sees()), {"row": row_id}).first() is None:
        raise NotFound


def _belonging(model: Any) -> Select[Any]:  # noqa: ANN401 - any table that names a prospect
    return select(Prospect.id).join(model, model.prospect_id == Prospect.id).where(model.id == bindparam("row"))


_AWAY: Final = Prepared(
    select(Rep.id).where(Rep.stand_in_id == bindparam("who", type_=Id), Rep.away_since.is_not(None))
)
_ANY_ERASED: Final = "anybody_erased"
_ERASED: Final = select(Erasure.prospect_id)
_SOMEBODY: Final = Prepared(_ERASED.limit(1))
_MARK: Final = aliased(Prospect)
# A prospect by its own id, or by that of one that was merged into it.
_NAMED: Final = select(Prospect.id).where(
    Prospect.id
    == func.coalesce(
        select(_MARK.merged_into).where(_MARK.id == bindparam("row", type_=Id)).scalar_subquery(),
        bindparam("row", type_=Id),
    )
)
_BELONGING: Final = {
    "prospects": _NAMED,
    "touches": _belonging(Touch),
    "tasks": _belonging(Touch),
    "enrollments": _belonging(Enrollment),
    "meetings": _belonging(Meeting),
    "calls": _belonging(Call),
    "mail": _belonging(Incoming),
}
