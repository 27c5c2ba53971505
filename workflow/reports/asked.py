"""What analytics are asked for: a period, whose prospects, who brought them, their language; as conditions on rows.

The same filters for every section, page, file and API, so that their numbers are of the same prospects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import false, func, or_, select

from workflow import ids
from workflow.records.base import Moment
from workflow.records.models import Prospect, Rep
from workflow.reports.filters import MINE, NOBODYS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx
    from workflow.records.stays import Stay
    from workflow.reports.scope import Viewer

PERIODS: Final = (30, 90, 365)
USUAL: Final = 90
TEAM: Final = "team"
"""Everybody's prospects, as totals: a rep may know how the team does, and of nobody else how they do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`days` back from now. `owner` is a rep's id, `me`, `none` or `team`, `origin` that of `workflow.progress`."""

    days: int = USUAL
    owner: str = ""
    origin: str = ""
    language: str = ""

    def since(self, tx: Tx) -> datetime:
        """When the period began."""
        return tx.now - timedelta(days=self.days)


def of_prospects(viewer: Viewer, asked: Asked) -> tuple[ColumnElement[bool], ...]:
    """The conditions on `prospect` rows. Who was merged into another one is not counted twice."""
    return (Prospect.merged_into.is_(None), *of_rows(viewer, asked, Prospect))


def of_rows(viewer: Viewer, asked: Asked, table: type[Prospect | Stay]) -> tuple[ColumnElement[bool], ...]:
    """The conditions on rows that have owner, origin and language of a prospect."""
    found = [*_whose(viewer, asked.owner, table.owner_id)]
    if asked.origin:
        found.append(table.origin == asked.origin)
    if asked.language:
        found.append(table.language == asked.language)
    return tuple(found)


def later_than(column: Any, moment: datetime) -> ColumnElement[bool]:  # noqa: ANN401 - a column of times
    """After `moment`, said so that no index of times answers it: the rows are counted in the order of their groups."""
    return func.coalesce(column, column, type_=Moment()) > moment


def _whose(viewer: Viewer, owner: str, column: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401 - a column of owners
    if owner == TEAM or (viewer.sees_everyone and not owner):
        return []
    away = select(Rep.id).where(Rep.stand_in_id == viewer.rep_id, Rep.away_since.is_not(None))
    if owner == MINE:
        return [or_(column == viewer.rep_id, column.in_(away))]
    if owner == NOBODYS:
        return [column.is_(None)]
    if not owner:
        whose = func.coalesce(column, viewer.rep_id)
        return [or_(whose == viewer.rep_id, whose.in_(away))]
    # What another rep does is for those to know who see everyone.
    may = ids.is_id(owner) and (viewer.sees_everyone or owner == viewer.rep_id)
    return [column == owner if may else false()]
