"""A rep's week: how many calls, meetings and wins it has so far, and how many they want. Counts, and sets nothing.

A call counts for whoever led it, a meeting and a win for the owner of the prospect: a webhook books most meetings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from workflow.records.day import GOALS, WeekGoal
from workflow.records.models import Call, Meeting, Prospect

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select

    from workflow.records.db import Tx
    from workflow.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Goal:
    """One kind: how many there are since the week began, and how many the rep wants; 0 where they set nothing."""

    what: str
    reached: int
    wanted: int


def goals(ws: Workspace, tx: Tx, rep_id: str, since: datetime) -> tuple[Goal, ...]:
    """Calls, meetings and wins of this rep since the start of their week.

    Calls that ended, meetings that were booked and not cancelled, and prospects that were won and still are.
    """
    final = [stage.key for stage in ws.playbooks.in_force(tx).stages.values() if stage.final]
    reached = {
        "calls": _count(tx, select(func.count()).where(Call.actor == f"rep:{rep_id}", Call.ended_at >= since)),
        "meetings": _count(
            tx,
            select(func.count())
            .select_from(Meeting)
            .join(Prospect, Prospect.id == Meeting.prospect_id)
            .where(Meeting.created_at >= since, Meeting.state != "cancelled", Prospect.owner_id == rep_id),
        ),
        "wins": _count(
            tx,
            select(func.count()).where(
                Prospect.owner_id == rep_id,
                Prospect.stage.in_(final),
                Prospect.entered_stage_at >= since,
                Prospect.outcome == "won",
                Prospect.merged_into.is_(None),
            ),
        ),
    }
    rows = tx.conn.execute(select(WeekGoal.what, WeekGoal.number).where(WeekGoal.rep_id == rep_id))
    wanted = {row.what: row.number for row in rows}
    return tuple(Goal(what, reached[what], wanted.get(what, 0)) for what in GOALS)


def _count(tx: Tx, found: Select[int]) -> int:
    return tx.conn.execute(found).scalar_one()
