"""Enrollments under way as `engine.replan` sees them, and the move of one to another version of its playbook.

Reads many at a time, in the order of their prospects, and keeps none. Which ones move is chosen by `publishing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, bindparam, func, insert, select, tuple_, update

from workflow.actions import enrolling
from workflow.engine import replan, trail
from workflow.engine.reasons import because
from workflow.engine.replan import InFlight, Stood
from workflow.engine.sequences import Planned
from workflow.records.base import Moment
from workflow.records.models import Enrollment, History, Meeting, Prospect, Rep, Suppression, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from workflow.engine.reasons import Reason
    from workflow.engine.replan import Expected, Replanned
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

# A signal happened before, or when, what it started began; its row of history has the same time as the start.
_ANCHOR: Final = (
    select(func.min(History.occurred_at, type_=Moment()))
    .where(History.prospect_id == Enrollment.prospect_id, History.at == Enrollment.started_at)
    .scalar_subquery()
)
_FLIGHTS: Final = (
    select(
        Enrollment.id, Enrollment.prospect_id, Enrollment.sequence, Enrollment.playbook_digest, Enrollment.started_at,
        _ANCHOR.label("anchor"), Prospect.email, Prospect.time_zone, Prospect.country, Rep.time_zone.label("rep_zone"),
        Suppression.email_key.label("barred"), Meeting.starts_at.label("meeting_at"), Meeting.state.label("meeting"),
    )
    .join(Prospect, Prospect.id == Enrollment.prospect_id)
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
    .outerjoin(Meeting, Meeting.id == Enrollment.meeting_id)
    .where(Enrollment.state == "active")
    .order_by(Enrollment.prospect_id, Enrollment.sequence)
)  # fmt: skip
_TOUCHES: Final = select(
    Touch.id, Touch.enrollment_id, Touch.step, Touch.position, Touch.generation, Touch.kind, Touch.state, Touch.due_at,
    Touch.next_attempt_at, Touch.created_at, Touch.ended_at, Touch.committed_at, Touch.attempts, Touch.forced,
    Touch.asks_since,
).order_by(Touch.enrollment_id, Touch.position, Touch.generation)  # fmt: skip
_RANK: Final = Prepared(
    update(Touch)
    .where(
        Touch.enrollment_id == bindparam("enrollment"),
        Touch.state == "scheduled",
        Touch.kind == "email",
        Touch.priority != bindparam("rank", type_=Integer()),
    )
    .values(priority=bindparam("rank", type_=Integer()))
)
_PLACE: Final = Prepared(update(Touch).where(Touch.id == bindparam("which")))
_TAKE_BACK: Final = Prepared(
    update(Touch).where(Touch.id == bindparam("which"), one_of(Touch.state, enrolling.REVOCABLE))
)

Cursor = tuple[str, str]
"""How far one has come: a prospect and a sequence of theirs."""
START: Final[Cursor] = ("", "")


def after(tx: Tx, cursor: Cursor, *, limit: int, sequences: Sequence[str] | None = None) -> list[Cursor]:
    """The next active enrollments behind `cursor`, of these sequences or of all."""
    here = tuple_(Enrollment.prospect_id, Enrollment.sequence)
    found = select(Enrollment.prospect_id, Enrollment.sequence).where(Enrollment.state == "active", here > cursor)
    if sequences is not None:
        found = found.where(Enrollment.sequence.in_(sequences))
    rows = tx.conn.execute(found.order_by(Enrollment.prospect_id, Enrollment.sequence).limit(limit))
    return [(row.prospect_id, row.sequence) for row in rows]


def read(tx: Tx, which: Iterable[Cursor]) -> list[InFlight]:
    """These enrollments, as far as they are still active, with their touches."""
    chosen = list(which)
    if not chosen:
        return []
    pairs = tuple_(Enrollment.prospect_id, Enrollment.sequence).in_(chosen)
    return _with_touches(tx, _FLIGHTS.where(pairs))


def follow(ws: Workspace, tx: Tx, flight: InFlight, playbook: Playbook, planned: Replanned, version: str) -> None:
    """Let an enrollment follow `playbook`, as planned. The caller has locked its prospect and read it since."""
    gone = {"reason": because("published.lost", version=version).pack(), "ended_at": tx.now}
    for change in planned.changes:
        if change.after is None and change.before is not None:
            _TAKE_BACK.run(tx, {**gone, "which": change.before.id, "state": "cancelled", "next_attempt_at": None})
        elif change.before is not None and change.after is not None and change.rewrite:
            line = _told("followed", tx, change.after, version)
            retimed = {**_times(change.after), "trail": enrolling.trail_with(line)}
            waits = (Touch.id == change.before.id) & (Touch.state == "scheduled")
            tx.conn.execute(update(Touch).where(waits).values(**retimed))
    for touch_id, position in planned.positions.items():
        _PLACE.run(tx, {"which": touch_id, "position": position})
    priority = playbook.sequences[flight.sequence].priority
    _RANK.run(tx, {"enrollment": flight.id, "rank": priority})
    mailbox_id = enrolling.mailbox_of(ws, tx, flight.prospect_id)
    row = {"id": flight.id, "prospect_id": flight.prospect_id, "sequence": flight.sequence}
    for change in planned.changes:
        if change.before is None and change.after is not None:
            line = _told("joined", tx, change.after, version)
            gained = enrolling.touch_row(row, _planned(change.after), mailbox_id, tx.now, priority, line)
            tx.conn.execute(insert(Touch), gained | {"generation": change.generation})
    ended: dict[str, Any] = {"state": "completed", "ended_at": tx.now} if planned.over else {}
    mine = update(Enrollment).where(Enrollment.id == flight.id, Enrollment.state == "active")
    tx.conn.execute(mine.values(playbook_digest=playbook.digest, **ended))


def _planned(expected: Expected) -> Planned:
    barred = expected.barred is not None
    released = expected.waits_for is None and not barred
    return Planned(
        expected.step,
        "skipped" if barred else "scheduled",
        expected.at,
        expected.not_after,
        expected.at if released else None,
        replan.why(expected),
    )


def _told(kind: str, tx: Tx, expected: Expected, version: str) -> str:
    return trail.told(kind, tx.now, replan.why(expected), due=expected.at, until=expected.not_after, version=version)


def _times(expected: Expected) -> dict[str, Any]:
    return {
        "due_at": expected.at,
        "not_after": expected.not_after,
        "next_attempt_at": expected.at if expected.waits_for is None else None,
        "reason": replan.why(expected).pack(),
    }


def _with_touches(tx: Tx, found: Select[*tuple[Any, ...]]) -> list[InFlight]:
    rows = tx.conn.execute(found).all()
    touches: dict[str, list[Stood]] = {row.id: [] for row in rows}
    for row in tx.conn.execute(_TOUCHES.where(Touch.enrollment_id.in_(list(touches)))):
        own = row._asdict()
        touches[own.pop("enrollment_id")].append(Stood(**own))
    return [_flight(row, tuple(touches[row.id])) for row in rows]


def _flight(row: Record, touches: tuple[Stood, ...]) -> InFlight:
    meeting_at: datetime | None = row.meeting_at if row.meeting == "booked" else None
    return InFlight(
        id=row.id,
        prospect_id=row.prospect_id,
        sequence=row.sequence,
        digest=row.playbook_digest,
        anchor=min(row.anchor or row.started_at, row.started_at),
        meeting_at=meeting_at,
        time_zone=row.time_zone,
        rep_zone=row.rep_zone,
        country=row.country,
        unreachable=_unreachable(row),
        touches=touches,
    )


def _unreachable(row: Record) -> Reason | None:
    if row.barred is not None:
        return because("suppressed")
    return None if row.email else because("no_address")
