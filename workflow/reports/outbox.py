"""How the outbox stands: for monitors, and what `doctor` holds of it. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from workflow.engine import reasons
from workflow.records.models import Fact
from workflow.records.outbox import ROUTES, Endpoint, Outgoing, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from workflow.records.db import Tx

# A little less than what is kept of what was delivered (`actions.outbox.forget`).
_WHOLE_FOR: Final = timedelta(days=29)
_TOO_LONG: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Events that wait and that were given up, how long the most overdue target has waited, targets off or failing."""

    waiting: int
    dead: int
    overdue_s: float
    switched_off: int
    failing: int


def look(tx: Tx) -> Numbers:
    """How it stands now."""
    theirs = and_(Target.state == "active", Target.next_at.is_not(None))
    next_at = tx.conn.execute(select(func.min(Target.next_at)).where(theirs)).scalar_one()
    off = select(func.count()).join(Endpoint, Endpoint.id == Target.id).where(Endpoint.removed_at.is_(None))
    failing = select(func.count()).where(Target.state == "active", Target.failing_since.is_not(None))
    return Numbers(
        waiting=_count(tx, "waiting"),
        dead=_count(tx, "dead"),
        overdue_s=max((tx.now - next_at).total_seconds(), 0.0) if next_at is not None else 0.0,
        switched_off=tx.conn.execute(off.select_from(Target).where(Target.state == "disabled")).scalar_one(),
        failing=tx.conn.execute(failing.select_from(Target)).scalar_one(),
    )


def faults(tx: Tx, clock_since: datetime | None) -> Iterator[tuple[str, str]]:
    """What is wrong, each with its code. What is overdue is judged where a clock has been running for longer."""
    yield from _gaps(tx)
    waits = exists().where(Outgoing.target_id == Target.id, Outgoing.state == "waiting")
    asleep = select(Target.id).where(Target.state == "active", Target.next_at.is_(None), waits)
    for target_id in tx.conn.execute(asleep).scalars():
        yield "outbox.asleep", f"Events wait for the target {target_id}, and nothing says when to go on with it."
    judged = clock_since is not None and clock_since < tx.now - _TOO_LONG
    late = or_(Target.lease_until.is_(None), Target.lease_until <= tx.now)
    overdue = select(Target.id, Target.next_at).where(
        Target.state == "active", Target.next_at < tx.now - _TOO_LONG, late
    )
    for row in tx.conn.execute(overdue).all() if judged else ():
        yield "outbox.overdue", f"Nobody told the target {row.id} what it should have heard at {row.next_at:%H:%M:%S}Z."
    on = select(Target.id).where(Target.state != "disabled")
    told = tx.conn.execute(select(Fact.value).where(Fact.name == ROUTES)).scalar_one_or_none()
    heard = {each["id"] for each in json.loads(told or "[]")}
    for target_id in heard ^ set(tx.conn.execute(on).scalars()):
        yield "outbox.routes", f"The list of who is told is wrong about the target {target_id}."


def remarks(tx: Tx) -> Iterator[str]:
    """What is no fault but should be known."""
    found = select(Endpoint.name, Target.state, Target.why, Target.failing_since).join(Target, Target.id == Endpoint.id)
    for row in tx.conn.execute(found.where(Endpoint.removed_at.is_(None)).order_by(Endpoint.name)):
        if row.state != "active":
            why = (reasons.words(row.why, "en") or "nobody said why").rstrip(".")
            yield f"The endpoint {row.name} is {row.state}, it is told nothing: {why}."
        elif row.failing_since is not None:
            yield f"The endpoint {row.name} has taken nothing since {row.failing_since:%Y-%m-%d %H:%M}Z."
    # What was not written to a CRM is told with its source.
    gone = select(func.count()).select_from(Outgoing).where(Outgoing.state == "dead", Outgoing.kind == "endpoint")
    dead = tx.conn.execute(gone).scalar_one()
    if dead:
        yield f"There are {dead} events that no endpoint took: `onward endpoint replay NAME` delivers them once more."


def _gaps(tx: Tx) -> Iterator[tuple[str, str]]:
    """The numbers of a target have no gap, from the oldest of the last weeks up to its newest."""
    recent, all_ = aliased(Outgoing), aliased(Outgoing)
    first = select(func.min(recent.sequence)).where(
        recent.target_id == Target.id, recent.created_at > tx.now - _WHOLE_FOR
    )
    lowest = first.correlate(Target).scalar_subquery()
    kept = select(func.count()).where(all_.target_id == Target.id, all_.sequence >= lowest)
    # One statement: on PostgreSQL each sees a moment of its own.
    found = select(
        Target.id, Target.sequence, lowest.label("lowest"), kept.correlate(Target).scalar_subquery().label("kept")
    )
    for row in tx.conn.execute(found):
        if row.lowest is not None and row.kept != row.sequence - row.lowest + 1:
            there, should = row.kept, row.sequence - row.lowest + 1
            yield "outbox.gap", f"Of the last {should} events for the target {row.id} only {there} are there."


def _count(tx: Tx, state: str) -> int:
    return int(tx.conn.execute(select(func.count()).select_from(Outgoing).where(Outgoing.state == state)).scalar_one())
