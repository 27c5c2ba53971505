"""How the installation is, in numbers. A monitor asks every few seconds, so no query walks over what has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from workflow.records.models import REVISION, Delivery, Event, Heartbeat, Mailbox, Reading, Rep, Touch
from workflow.wanted import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx

ALIVE: Final = timedelta(seconds=20)
"""A process that was silent for longer counts as dead, for the reaper as well."""
ROLES: Final = ("clock", "worker", "sender")
_STATES: Final = ("scheduled", "claimed", "sending", "committing", "uncertain")


@dataclass(frozen=True, slots=True)
class Beats:
    """The processes of one role: how many live, and how long ago the last of all was heard (seconds)."""

    alive: int
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether work goes on: who lives, whether hints reach the queue, how long the oldest due email has waited."""

    beats: Mapping[str, Beats]
    hints_arrive: bool | None
    due_lag_s: float


@dataclass(frozen=True, slots=True)
class Health:
    """One look. Ages and lags are in seconds; None where there is nothing that could have one."""

    pulse: Pulse
    oldest_claim_s: float | None
    touches: Mapping[str, int]
    events_waiting: int
    oldest_event_s: float | None
    dead_letters: int
    events_given_up: int
    mailboxes_paused: int


def schema(tx: Tx) -> str:
    """`ok`, or in a word what is wrong with the schema."""
    try:
        with tx.conn.begin_nested():
            found = tx.conn.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    except DBAPIError:
        return "missing"
    return "ok" if list(found) == [REVISION] else "of another release"


def pulse(tx: Tx) -> Pulse:
    """Whether work goes on."""
    due = select(func.min(Touch.next_attempt_at)).where(
        Touch.state == "scheduled", Touch.mailbox_id.is_not(None), Touch.asks_since.is_(None)
    )
    lag = _age(tx.now, tx.conn.execute(due).scalar_one())
    return Pulse(_beats(tx), _hints_arrive(tx), max(lag or 0.0, 0.0))


def look(tx: Tx) -> Health:
    """How everything is now."""
    claims = select(func.min(Touch.hint_at)).where(Touch.state.in_(("claimed", "sending", "committing")))
    waiting = select(func.count(), func.min(Event.next_attempt_at)).where(Event.next_attempt_at.is_not(None))
    events, next_event = tx.conn.execute(waiting).one()
    dead = select(func.count()).where(Delivery.status == "dead")
    paused = select(func.count()).where(Mailbox.state == "paused")
    return Health(
        pulse=pulse(tx),
        oldest_claim_s=_age(tx.now, tx.conn.execute(claims).scalar_one()),
        touches=_touches(tx),
        events_waiting=events,
        oldest_event_s=max(_age(tx.now, next_event) or 0.0, 0.0) if events else None,
        dead_letters=tx.conn.execute(dead).scalar_one(),
        events_given_up=tx.conn.execute(select(func.count()).select_from(Event).where(GIVEN_UP)).scalar_one(),
        mailboxes_paused=tx.conn.execute(paused).scalar_one(),
    )


def mailboxes(tx: Tx) -> Sequence[Record]:
    """Every mailbox with what holds it and how far it was read, by name."""
    columns = (
        Mailbox.id, Mailbox.name, Mailbox.sender, Mailbox.state, Mailbox.pause_reason, Mailbox.paused_at,
        Mailbox.backoff_until, Mailbox.settings, Mailbox.removed_at, Rep.email.label("rep"),
        Reading.read_at, Reading.problem, Reading.problem_since,
    )  # fmt: skip
    found = select(*columns).outerjoin(Rep, Rep.id == Mailbox.rep_id)
    found = found.outerjoin(Reading, Reading.mailbox_id == Mailbox.id)
    return tx.conn.execute(found.order_by(Mailbox.name)).all()


def _touches(tx: Tx) -> Mapping[str, int]:
    found = dict.fromkeys(_STATES, 0)
    still_open = (
        select(Touch.state, func.count().label("touches")).where(Touch.state.in_(_STATES)).group_by(Touch.state)
    )
    return found | {row.state: row.touches for row in tx.conn.execute(still_open)}


def _beats(tx: Tx) -> Mapping[str, Beats]:
    alive = func.count().filter(Heartbeat.beat_at > tx.now - ALIVE)
    rows = tx.conn.execute(select(Heartbeat.role, alive, func.max(Heartbeat.beat_at)).group_by(Heartbeat.role)).all()
    heard = {role: Beats(count, _age(tx.now, last)) for role, count, last in rows}
    return {role: heard.get(role, Beats(0, None)) for role in ROLES}


def _hints_arrive(tx: Tx) -> bool | None:
    """Whether the youngest clock that lives could leave its last hint; only clocks and workers speak to the queue."""
    last = select(Heartbeat.detail).where(Heartbeat.role == "clock", Heartbeat.beat_at > tx.now - ALIVE)
    detail = tx.conn.execute(last.order_by(Heartbeat.beat_at.desc()).limit(1)).scalar_one_or_none()
    told = (detail or {}).get("hints_arrive")
    return told if isinstance(told, bool) else None


def _age(now: datetime, moment: datetime | None) -> float | None:
    return (now - moment).total_seconds() if moment is not None else None
