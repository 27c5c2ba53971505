"""A rep's day: tasks, emails and stalled prospects that need them, the plan by the hour, and what leaves by itself.

What they put off is left out until its day. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, func, literal, select

from workflow.records.models import IN_HANDS, Delivery, Enrollment, Event, History, Mailbox, Meeting, Prospect, Touch
from workflow.records.prepared import one_of
from workflow.reports import attention as attention_list
from workflow.reports import board, filters, letters, plan, snoozes, steps
from workflow.reports.plan import Slot
from workflow.reports.scope import unerased
from workflow.reports.snoozes import awake
from workflow.wanted import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.playbook.schema import Step
    from workflow.records.db import Record, Tx
    from workflow.reports.board import Card
    from workflow.reports.letters import Letter
    from workflow.reports.plan import Plan
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

TASKS: Final = 15
LETTERS: Final = 10
STALLED: Final = 8
"""So many of each are listed; what is done or put off makes room for the rest."""
_AHEAD: Final = 6
_DONE: Final = 8
_LATELY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Day:
    """A day by the clock of `zone`: when it begins and ends."""

    begin: datetime
    end: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Item:
    """An email or task of a sequence with the person it is about."""

    id: str
    at: datetime
    step: Step | None
    key: str
    prospect_id: str
    name: str
    company: str
    title: str
    email: str
    stage: str


@dataclass(frozen=True, slots=True)
class Attention:
    """The numbers beside the navigation; `needs` is that of the list of what needs a person."""

    today: int
    needs: int
    dead: int


@dataclass(frozen=True, slots=True)
class Today:
    """The day of one rep. `more` names the lists that are longer than what is shown of them.

    `tasks` has those of the day and what is overdue, `meetings` those of the days after it. `returns` is when the next
    thing comes that is not on the list yet.
    """

    tasks: tuple[Item, ...]
    letters: tuple[Letter, ...]
    stalled: tuple[Card, ...]
    more: frozenset[str]
    plan: Plan
    leaving: tuple[Item, ...]
    meetings: tuple[Record, ...]
    paused: tuple[Record, ...]
    snoozed: tuple[Record, ...]
    returns: datetime | None

    @property
    def is_clear(self) -> bool:
        """Whether nothing needs the rep."""
        return not (self.tasks or self.letters or self.stalled)


def attention(tx: Tx, viewer: Viewer, until: datetime) -> Attention:
    """What waits for this person, counted: uncertain emails, tasks due before `until`, dead letters of late."""
    touches = select(func.count()).select_from(Touch).join(Prospect, Prospect.id == Touch.prospect_id)
    mine = (
        touches.where(viewer.sees(), waits, awake(viewer, tx.now, what, Touch.id))
        for what, waits in (("task", _due_task(until)), ("email", _unsure()))
    )
    lately = Delivery.received_at > until - _LATELY
    dead = select(func.count()).select_from(Delivery).where(Delivery.status == "dead", lately)
    events = select(func.count()).select_from(Event).join(Delivery, Delivery.id == Event.delivery_id)
    # Every page asks for these numbers: in one statement they take half the time.
    asked = (*mine, dead, events.where(GIVEN_UP, lately), *attention_list.counting(tx, viewer))
    tasks, unsure, unread, given_up, *others = tx.conn.execute(
        select(*(each.scalar_subquery().label(f"number_{at}") for at, each in enumerate(asked)))
    ).one()
    needs = sum(others) + attention_list.stopped(tx, viewer)
    return Attention(today=tasks + unsure, needs=needs, dead=unread + given_up)


def today(ws: Workspace, tx: Tx, viewer: Viewer, day: Day, *, spooled: Collection[str] = ()) -> Today:
    """The day of this person. `spooled` are the touches of which an outcome waits on disk, as in `attention.work`."""
    mine = _ITEMS.where(viewer.sees(), awake(viewer, tx.now, "task", Touch.id))
    due = mine.where(_due_task(day.end)).order_by(Touch.next_attempt_at, Touch.id).limit(TASKS + 1)
    tasks = _items(ws, tx, tx.conn.execute(due).all())
    mail = letters.letters(ws, tx, viewer, limit=LETTERS + 1, spooled=spooled)
    known = [*(each.prospect_id for each in tasks), *(each.prospect_id for each in mail)]
    stalled = _stalled(ws, tx, viewer, known)
    meetings = _meetings(tx, viewer, day)
    ahead = tuple(row for row in meetings if row.starts_at >= day.end)
    put_off = tuple(snoozes.listed(tx, viewer).rows)
    waits = tx.conn.execute(mine.where(_due_task(None)).order_by(Touch.next_attempt_at, Touch.id).limit(1)).first()
    returns = [*(row.next_attempt_at for row in (waits,) if row), *(row.starts_at for row in ahead[:1])]
    returns += [row.until for row in put_off[:1]]
    listed = {"tasks": (len(tasks), TASKS), "letters": (len(mail), LETTERS), "stalled": (len(stalled), STALLED)}
    return Today(
        tasks=tasks[:TASKS],
        letters=mail[:LETTERS],
        stalled=stalled[:STALLED],
        more=frozenset(name for name, (found, shown) in listed.items() if found > shown),
        plan=_plan(ws, tx, tasks, [row for row in meetings if row.starts_at < day.end], day),
        leaving=_leaving(ws, tx, viewer),
        meetings=ahead[:_AHEAD],
        paused=tuple(tx.conn.execute(_PAUSED)),
        snoozed=put_off,
        returns=min(returns, default=None),
    )


def done(tx: Tx, viewer: Viewer, actor: str, since: datetime) -> tuple[Record, ...]:
    """What `actor` did since a moment, with the person it was about, the newest first."""
    told = (
        select(History.at, History.kind, History.to_stage, Prospect.id, Prospect.name, Prospect.company, Prospect.email)
        .join(Prospect, Prospect.id == History.prospect_id)
        .where(viewer.sees(), *unerased(tx), History.at >= since, History.actor == actor)
        .order_by(History.at.desc(), History.version.desc())
        .limit(_DONE)
    )
    return tuple(tx.conn.execute(told))


_ITEMS: Final = (
    select(
        Touch.id, Touch.due_at, Touch.next_attempt_at, Touch.step, Touch.sequence, Touch.prospect_id,
        Enrollment.playbook_digest, Prospect.name, Prospect.company, Prospect.title, Prospect.email, Prospect.stage,
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .join(Prospect, Prospect.id == Touch.prospect_id)
)  # fmt: skip
_PAUSED: Final = select(Mailbox.id, Mailbox.sender, Mailbox.pause_reason, Mailbox.paused_at).where(
    Mailbox.state == "paused"
)


def _due_task(until: datetime | None) -> ColumnElement[bool]:
    """A task that waits, due before `until`; without it any that waits."""
    # Said in the words of the index.
    waits = _is("scheduled") & (Touch.kind == "task") & Touch.next_attempt_at.is_not(None)
    return waits if until is None else waits & (Touch.next_attempt_at < until)


def _is(state: str) -> ColumnElement[bool]:
    """In the text of the statement, because SQLite takes an index of one state for nothing else."""
    return Touch.state == literal(state, literal_execute=True)


def _unsure() -> ColumnElement[bool]:
    return (Touch.state == "uncertain") & one_of(Touch.state, IN_HANDS)


def _items(ws: Workspace, tx: Tx, rows: Sequence[Record]) -> tuple[Item, ...]:
    return tuple(
        Item(
            id=row.id,
            at=row.next_attempt_at or row.due_at,
            step=steps.step_of(ws, tx, row),
            key=row.step,
            prospect_id=row.prospect_id,
            name=row.name,
            company=row.company,
            title=row.title,
            email=row.email,
            stage=row.stage,
        )
        for row in rows
    )


def _leaving(ws: Workspace, tx: Tx, viewer: Viewer) -> tuple[Item, ...]:
    leaving = _ITEMS.where(
        viewer.sees(),
        _is("scheduled"),
        Touch.kind == "email",
        Touch.next_attempt_at.is_not(None),
        Touch.asks_since.is_(None),
    )
    return _items(ws, tx, tx.conn.execute(leaving.order_by(Touch.next_attempt_at).limit(_AHEAD)).all())


def _stalled(ws: Workspace, tx: Tx, viewer: Viewer, listed: Sequence[str]) -> tuple[Card, ...]:
    """Who has been longer in a stage than it allows, the longest first; not those who are `listed` for more."""
    rows = tx.conn.execute(
        board.CARD.where(
            viewer.sees(), *unerased(tx), filters.stalled(ws, tx), awake(viewer, tx.now, "prospect", Prospect.id)
        )
        .where(Prospect.id.not_in(listed))
        .order_by(Prospect.entered_stage_at, Prospect.id)
        .limit(STALLED + 1)
    )
    return board.cards(ws, tx, rows.all())


def _meetings(tx: Tx, viewer: Viewer, day: Day) -> tuple[Record, ...]:
    """The meetings from the beginning of the day on; those of the past that nobody told the end of are still booked."""
    ahead = (
        select(
            Meeting.starts_at, Meeting.ends_at, Meeting.place, Prospect.id, Prospect.name, Prospect.company,
            Prospect.email,
        )
        .join(Prospect, Prospect.id == Meeting.prospect_id)
        .where(viewer.sees(), *unerased(tx), Meeting.state.in_(("booked", "held")), Meeting.starts_at >= day.begin)
        .order_by(Meeting.starts_at)
        .limit(_AHEAD * 4)
    )  # fmt: skip
    return tuple(tx.conn.execute(ahead))


def _plan(ws: Workspace, tx: Tx, tasks: Sequence[Item], meetings: Sequence[Record], day: Day) -> Plan:
    busy = [
        Slot("meeting", row.starts_at, row.ends_at or row.starts_at + plan.MEETING, row.id,
             row.name or row.company or row.email, place=row.place)
        for row in meetings
    ]  # fmt: skip
    # What is overdue since another day has no hour in this one.
    busy += [
        Slot("task", each.at, each.at + plan.TASK, each.prospect_id, each.name or each.company or each.email,
             each.step, each.key)
        for each in tasks
        if each.at >= day.begin
    ]  # fmt: skip
    return plan.plan(busy, tx.now, day.zone, ws.playbooks.in_force(tx).calendar)
