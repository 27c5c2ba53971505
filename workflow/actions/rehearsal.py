"""The dry run of a replay: what would change, by the playbook in force or by a draft, and nothing is written.

Asks the very code that a replay runs, in transactions that are never committed: one for each prospect, so that nobody
waits for long and each event is judged after those before it.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from workflow import playbooks, wanted
from workflow.actions import inbox
from workflow.engine import reasons
from workflow.engine.signals import FIELDS
from workflow.errors import OnwardError, Unavailable
from workflow.records.models import Delivery, Enrollment, Event, Prospect, Source, Touch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.wanted import Wanted
    from workflow.workspace import Workspace

MOST: Final = 500
"""Deliveries of one dry run, the oldest of those that fit."""
_EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """A playbook to judge by instead of the one in force, with its text."""

    playbook: Playbook
    source: str


@dataclass(frozen=True, slots=True)
class EventChange:
    """What became of an event, and what would; `before` is empty for one that could not be read. `why` is packed."""

    delivery_id: str
    event_id: str
    type: str
    before: str
    after: str
    why: str | None

    def reason(self, language: str) -> str | None:
        """Why it would come to that, in words."""
        return reasons.words(self.why, language)


@dataclass(frozen=True, slots=True)
class Mail:
    """An email that would be planned, and when it would leave at the earliest."""

    sequence: str
    step: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ProspectChange:
    """What would change of one prospect. Without `before` they would be made. `fields` are those that would differ."""

    prospect_id: str
    who: str
    before: str | None
    after: str
    outcome: str | None
    fields: tuple[str, ...]
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    mail: tuple[Mail, ...]

    @property
    def is_one(self) -> bool:
        """Whether anything would change at all."""
        return bool(self.before != self.after or self.fields or self.begins or self.ends or self.mail)


@dataclass(slots=True)
class Rehearsal:
    """All that would change. The counts are complete for `deliveries`; of events and prospects the first are shown.

    `fitting` is how many deliveries fit; where that is more, the dry run looked at the oldest ones only.
    """

    fitting: int
    deliveries: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    prospects: int = 0
    made: int = 0
    mails: int = 0
    events: list[EventChange] = field(default_factory=list)
    examples: list[ProspectChange] = field(default_factory=list)

    def count(self, events: Sequence[EventChange], changes: Sequence[ProspectChange]) -> None:
        """Take in what one transaction would have brought."""
        for event in events:
            self.outcomes[event.before, event.after] += 1
            if event.before != event.after and len(self.events) < _EXAMPLES:
                self.events.append(event)
        for change in changes:
            self.prospects += 1
            self.made += change.before is None
            self.mails += len(change.mail)
            if change.before != change.after:
                self.moves[change.before or "", change.after] += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append(change)


class _Undone(Exception):
    """No error: the way out of a transaction that must not be committed."""


def _undo() -> None:
    raise _Undone


def rehearse(ws: Workspace, which: Wanted, read: inbox.Read, draft: Draft | None = None) -> Rehearsal:
    """What would change if the deliveries that fit were replayed now. Writes nothing."""
    with ws.database.read() as tx:
        joined = select(Delivery.id).join(Source, Source.id == Delivery.source_id).where(*wanted.fits(tx, which))
        found = tx.conn.execute(joined.order_by(Delivery.received_at, Delivery.id).limit(MOST)).scalars().all()
        number = select(func.count()).select_from(joined.subquery())
        told = Rehearsal(tx.conn.execute(number).scalar_one(), len(found))
        groups = _groups(tx, found)
    for group in groups:
        events, after = _rolled_back(ws, group, read, draft)
        # Read once the rehearsal is undone: it is how they stand in truth.
        with ws.database.read() as tx:
            changes = [_change(prospect_id, _standing(tx, prospect_id), then) for prospect_id, then in after.items()]
        told.count(events, [change for change in changes if change.is_one])
    return told


def _groups(tx: Tx, found: Sequence[str]) -> list[list[str]]:
    """The deliveries, in their order, apart where they share no prospect: each group is one transaction."""
    whose = {each: {f"delivery {each}"} for each in found}
    rows = select(Event.delivery_id, Event.prospect_id, Event.waits_ref, Event.waits_email)
    for row in tx.conn.execute(rows.where(Event.delivery_id.in_(found))):
        whose[row.delivery_id] |= {name for name in (row.prospect_id, row.waits_ref, row.waits_email) if name}
    unread = select(Delivery.id).where(Delivery.id.in_(found), Delivery.status == "dead")
    # Nobody knows yet whom these are about.
    for each in tx.conn.execute(unread).scalars():
        whose[each].add("unread")
    groups: list[tuple[set[str], list[str]]] = []
    for each in found:
        touching = [group for group in groups if group[0] & whose[each]]
        names = set(whose[each]).union(*(group[0] for group in touching))
        members = [one for group in touching for one in group[1]]
        groups = [group for group in groups if group not in touching]
        groups.append((names, [*members, each]))
    return [sorted(members, key=list(found).index) for _, members in groups]


def _rolled_back(
    ws: Workspace, group: Sequence[str], read: inbox.Read, draft: Draft | None
) -> tuple[list[EventChange], dict[str, _Standing]]:
    """What became of the events of these deliveries, and how their prospects then stood."""
    events: list[EventChange] = []
    after: dict[str, _Standing] = {}
    with suppress(_Undone), ws.database.write() as tx:
        if draft is not None:
            playbooks.keep_version(tx, draft.playbook, draft.source)
            playbooks.judge_by(tx, draft.playbook)
        who = {prospect_id for each in group for prospect_id in _played(ws, tx, each, read, events)}
        after = {each: standing for each in sorted(who) if (standing := _standing(tx, each)) is not None}
        _undo()
    return events, after


def _played(ws: Workspace, tx: Tx, delivery_id: str, read: inbox.Read, events: list[EventChange]) -> set[str]:
    """Replay one delivery, tell of its events, and give whom it was about."""
    was = {row.id: row.outcome for row in _rows(tx, delivery_id)}
    try:
        with tx.conn.begin_nested():
            inbox.replay_in(ws, tx, delivery_id, read, "dry run")
    except (Unavailable, OperationalError):
        raise
    except (OnwardError, SQLAlchemyError, LookupError, TypeError, ValueError):
        # A real replay would leave it as it is as well.
        return set()
    rows = _rows(tx, delivery_id)
    events += [
        EventChange(delivery_id, row.event_id, row.type, was.get(row.id, ""), row.outcome, row.reason) for row in rows
    ]
    return {row.prospect_id for row in rows if row.prospect_id}


def _rows(tx: Tx, delivery_id: str) -> Sequence[Record]:
    found = select(Event.id, Event.event_id, Event.type, Event.outcome, Event.reason, Event.prospect_id)
    return tx.conn.execute(found.where(Event.delivery_id == delivery_id).order_by(Event.position)).all()


@dataclass(frozen=True, slots=True)
class _Standing:
    """One prospect at one moment, as far as a replay may change it."""

    who: str
    stage: str
    outcome: str | None
    facts: Mapping[str, Any]
    active: Mapping[str, str]
    mail: Mapping[str, Mail]


_FACTS: Final = (*FIELDS, "custom", "outcome_reason", "mail_hold_until")


def _standing(tx: Tx, prospect_id: str) -> _Standing | None:
    columns = [getattr(Prospect, name) for name in _FACTS]
    row = tx.conn.execute(
        select(Prospect.stage, Prospect.outcome, *columns).where(Prospect.id == prospect_id)
    ).one_or_none()
    if row is None:
        return None
    mine = select(Enrollment.id, Enrollment.sequence).where(
        Enrollment.prospect_id == prospect_id, Enrollment.state == "active"
    )
    waiting = (
        select(Touch.id, Enrollment.sequence, Touch.step, Touch.due_at)
        .join(Enrollment, Enrollment.id == Touch.enrollment_id)
        .where(Touch.prospect_id == prospect_id, Touch.state == "scheduled", Touch.kind == "email")
        .order_by(Touch.due_at, Touch.id)
    )
    return _Standing(
        who=row.name or row.email or row.company or prospect_id,
        stage=row.stage,
        outcome=row.outcome,
        facts={name: getattr(row, name) for name in _FACTS},
        active={each.id: each.sequence for each in tx.conn.execute(mine)},
        mail={each.id: Mail(each.sequence, each.step, each.due_at) for each in tx.conn.execute(waiting)},
    )


def _change(prospect_id: str, before: _Standing | None, after: _Standing) -> ProspectChange:
    known: Mapping[str, str] = before.active if before else {}
    planned: Mapping[str, Mail] = before.mail if before else {}
    was = before.facts if before else {}
    return ProspectChange(
        prospect_id=prospect_id,
        who=after.who,
        before=before.stage if before else None,
        after=after.stage,
        outcome=after.outcome,
        fields=tuple(name for name in _FACTS if after.facts[name] and after.facts[name] != was.get(name)),
        begins=tuple(sequence for key, sequence in after.active.items() if key not in known),
        ends=tuple(sequence for key, sequence in known.items() if key not in after.active),
        mail=tuple(mail for key, mail in after.mail.items() if key not in planned),
    )
