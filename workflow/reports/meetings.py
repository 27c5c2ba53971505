"""Meetings as the panel shows them: ahead, waiting for a word of what became of them, and past; and when a rep is busy.

Reads only. Whose eyes it is for is asked in each statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow import ids
from workflow.engine import calendar
from workflow.engine.slots import Sides
from workflow.errors import NotFound
from workflow.records.models import Answer, Meeting, Prospect, Rep
from workflow.reports.scope import unerased

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from workflow.playbook.content import MeetingRules
    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer

SHOWN: Final = 50
ASKED_FOR: Final = timedelta(days=90)
"""How long a meeting waits for a word of what became of it; after that nobody remembers."""
_MOST_BUSY: Final = 500
_A_DAY: Final = timedelta(days=1)
_ROWS: Final = (
    select(
        Meeting.id, Meeting.prospect_id, Meeting.uid, Meeting.state, Meeting.starts_at, Meeting.ends_at, Meeting.place,
        Meeting.reason, Meeting.sequence, Meeting.changed_at, Prospect.name, Prospect.company, Prospect.email,
        Prospect.title, Prospect.phone, Prospect.time_zone, Prospect.country, Prospect.stage, Prospect.version,
        Prospect.owner_id, Rep.name.label("owner"), Rep.email.label("owner_email"), Rep.time_zone.label("owner_zone"),
    )
    .join(Prospect, Prospect.id == Meeting.prospect_id)
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meetings:
    """One page: what waits for a word (the oldest first), then what was asked for, and whether there is more of it."""

    waiting: tuple[Record, ...]
    rows: tuple[Record, ...]
    more: bool


def meetings(tx: Tx, viewer: Viewer, *, mine: bool, past: bool, limit: int = SHOWN) -> Meetings:
    """Booked meetings that are still ahead, the next first; or those that are over, the latest first.

    One that was booked without a time stands at the end: somebody has to agree on it.
    """
    seen = _ROWS.where(viewer.own() if mine else viewer.sees(), *unerased(tx))
    if past:
        over = Meeting.state.in_(("held", "no_show", "cancelled"))
        found = seen.where(over, Meeting.starts_at.is_not(None)).order_by(Meeting.starts_at.desc(), Meeting.id.desc())
        rows = tx.conn.execute(found.limit(limit + 1)).all()
        return Meetings((), tuple(rows[:limit]), len(rows) > limit)
    # Two statements, because one order for both would let no index give the first few.
    booked = seen.where(Meeting.state == "booked")
    ahead = booked.where(Meeting.starts_at > tx.now).order_by(Meeting.starts_at, Meeting.id)
    rows = list(tx.conn.execute(ahead.limit(limit + 1)))
    if len(rows) <= limit:
        open_ones = booked.where(Meeting.starts_at.is_(None)).order_by(Meeting.created_at, Meeting.id)
        rows += tx.conn.execute(open_ones.limit(limit + 1 - len(rows)))
    begun = booked.where(Meeting.starts_at <= tx.now, Meeting.starts_at > tx.now - ASKED_FOR)
    waiting = tx.conn.execute(begun.order_by(Meeting.starts_at, Meeting.id).limit(SHOWN))
    return Meetings(tuple(waiting), tuple(rows[:limit]), len(rows) > limit)


def between(tx: Tx, viewer: Viewer, since: datetime, until: datetime, *, mine: bool) -> tuple[Record, ...]:
    """Meetings that begin in this span, but for those that were called off."""
    whose = viewer.own() if mine else viewer.sees()
    real = Meeting.state.in_(("booked", "held", "no_show"))
    found = _ROWS.where(whose, *unerased(tx), real, Meeting.starts_at >= since, Meeting.starts_at < until)
    return tuple(tx.conn.execute(found.order_by(Meeting.starts_at, Meeting.id).limit(_MOST_BUSY)))


def one(tx: Tx, viewer: Viewer, meeting_id: str) -> Record:
    """A meeting of a prospect the viewer may see. Raises NotFound."""
    found = _ROWS.where(Meeting.id == meeting_id, Meeting.state != "moved", viewer.sees())
    row = tx.conn.execute(found).one_or_none() if ids.is_id(meeting_id) else None
    if row is None:
        raise NotFound("There is no such meeting: it may have been removed, or belong to somebody else.")
    return row


def of_prospect(tx: Tx, prospect_id: str) -> Record | None:
    """The newest meeting of a prospect."""
    found = _ROWS.where(Meeting.prospect_id == prospect_id, Meeting.state != "moved")
    return tx.conn.execute(found.order_by(Meeting.changed_at.desc()).limit(1)).one_or_none()


def busy(
    tx: Tx, rep_id: str, since: datetime, until: datetime, usual: timedelta, *, but: str = ""
) -> tuple[tuple[datetime, datetime], ...]:
    """When a rep meets other prospects of theirs; a meeting without an end has the `usual` length."""
    theirs: list[ColumnElement[bool]] = [Prospect.owner_id == rep_id, Meeting.state == "booked"]
    found = (
        select(Meeting.starts_at, Meeting.ends_at)
        .join(Prospect, Prospect.id == Meeting.prospect_id)
        .where(*theirs, Meeting.id != but, Meeting.starts_at >= since, Meeting.starts_at < until)
        .order_by(Meeting.starts_at)
        .limit(_MOST_BUSY)
    )
    return tuple((row.starts_at, row.ends_at or row.starts_at + usual) for row in tx.conn.execute(found))


def sides_of(tx: Tx, prospect_id: str, rules: MeetingRules, zone: str, *, otherwise: str) -> Sides:
    """The clocks of a prospect and of whoever looks after them, `otherwise` this rep, and when that one meets others.

    A rep without a time zone of their own has `zone`, and a prospect without one that of the rep.
    """
    found = select(Prospect.time_zone, Prospect.country, Prospect.owner_id).where(Prospect.id == prospect_id)
    row = tx.conn.execute(found).one()
    rep_id = row.owner_id or otherwise
    told = tx.conn.execute(select(Rep.time_zone).where(Rep.id == rep_id)).scalar_one_or_none()
    rep_zone = calendar.zone_of(told, zone)
    until = tx.now + rules.horizon + _A_DAY
    taken = busy(tx, rep_id, tx.now - _A_DAY, until, rules.length)
    return Sides(calendar.zone_of(row.time_zone, rep_zone.key), row.country or None, rep_zone, taken)


def answered(tx: Tx, prospects: Iterable[str], questions: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Which of these questions each prospect has an answer to."""
    whose, which = sorted(set(prospects)), sorted(questions)
    found: dict[str, set[str]] = {each: set() for each in whose}
    if whose and which:
        asked = select(Answer.prospect_id, Answer.question).where(
            Answer.prospect_id.in_(whose), Answer.question.in_(which), Answer.text != ""
        )
        for row in tx.conn.execute(asked):
            found[row.prospect_id].add(row.question)
    return {each: frozenset(keys) for each, keys in found.items()}
