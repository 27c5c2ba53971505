"""What comes next for prospects: the emails and tasks that wait, the meetings ahead, and what one should worry about.

Reads for the board, for Today and for one prospect alike, so that the three never tell different stories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import select

from workflow.records.models import Enrollment, Meeting, Suppression, Touch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from workflow.playbook.schema import Step
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

OPEN: Final = ("scheduled", "claimed", "sending", "committing", "uncertain")
Kind = Literal["task", "email", "meeting", "uncertain"]


@dataclass(frozen=True, slots=True)
class Next:
    """The next thing about a prospect, and when. `step` is None for a meeting and for a step its playbook has lost."""

    kind: Kind
    at: datetime
    step: Step | None = None
    touch_id: str | None = None
    place: str = ""


_TOUCHES: Final = (
    select(
        Touch.id, Touch.prospect_id, Touch.kind, Touch.state, Touch.due_at, Touch.next_attempt_at, Touch.step,
        Touch.sequence, Enrollment.playbook_digest,
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .where(Touch.state.in_(OPEN))
)  # fmt: skip


def of_prospects(ws: Workspace, tx: Tx, ids: Sequence[str]) -> Mapping[str, tuple[Next, ...]]:
    """For each prospect everything that waits, the soonest first."""
    found: dict[str, list[Next]] = {each: [] for each in ids}
    for row in tx.conn.execute(_TOUCHES.where(Touch.prospect_id.in_(ids))):
        found[row.prospect_id].append(as_next(ws, tx, row))
    ahead = select(Meeting.prospect_id, Meeting.starts_at, Meeting.place).where(
        Meeting.prospect_id.in_(ids), Meeting.state == "booked", Meeting.starts_at >= tx.now
    )
    for known, starts_at, place in tx.conn.execute(ahead):
        if starts_at is not None:
            found[known].append(Next("meeting", starts_at, place=place))
    return {each: tuple(sorted(steps, key=lambda step: step.at)) for each, steps in found.items()}


def as_next(ws: Workspace, tx: Tx, row: Record) -> Next:
    """A touch as the next thing to happen."""
    kind: Kind = "uncertain" if row.state == "uncertain" else row.kind
    return Next(kind, row.next_attempt_at or row.due_at, step_of(ws, tx, row), row.id)


def step_of(ws: Workspace, tx: Tx, row: Record) -> Step | None:
    """The step a touch was made from, in the version of the playbook that its sequence began with."""
    sequence = ws.playbooks.version(tx, row.playbook_digest).sequences.get(row.sequence)
    return next((step for step in sequence.steps if step.key == row.step), None) if sequence else None


def suppressed(tx: Tx, email_keys: Iterable[str | None]) -> Mapping[str, str]:
    """Why each of these addresses gets no more mail; the others are left out."""
    keys = [key for key in email_keys if key]
    if not keys:
        return {}
    rows = tx.conn.execute(select(Suppression.email_key, Suppression.cause).where(Suppression.email_key.in_(keys)))
    return {row.email_key: row.cause for row in rows}
