"""What a rep put off: the condition that keeps it off their list, and the list of it with the day it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select

from workflow.errors import NotFound
from workflow.records.base import Moment
from workflow.records.day import Snooze
from workflow.records.models import Prospect

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import InstrumentedAttribute

    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer

LISTED: Final = 20


def awake(
    viewer: Viewer,
    now: datetime,
    what: str,
    about: InstrumentedAttribute[str],
    version: InstrumentedAttribute[int] | None = None,
) -> ColumnElement[bool]:
    """The condition that the viewer did not put off the thing whose id stands in `about`, or that its day has come."""
    mine = and_(
        Snooze.rep_id == viewer.rep_id,
        Snooze.what == what,
        Snooze.about == about,
        Snooze.version == (0 if version is None else version),
    )
    return ~exists().where(mine, or_(Snooze.until.is_(None), Snooze.until > literal(now, Moment())))


def listed(tx: Tx, viewer: Viewer, *, limit: int = LISTED) -> tuple[Record, ...]:
    """What the viewer put off and may see, with whom it is about, the soonest to come back first."""
    found = _ROWS.where(Snooze.rep_id == viewer.rep_id, Snooze.until > tx.now, viewer.sees())
    return tuple(tx.conn.execute(found.order_by(Snooze.until, Snooze.id).limit(limit)))


def one(tx: Tx, viewer: Viewer, snooze_id: str) -> Record:
    """One thing that the viewer put off. Raises NotFound."""
    row = tx.conn.execute(_ROWS.where(Snooze.id == snooze_id, Snooze.rep_id == viewer.rep_id)).one_or_none()
    if row is None:
        raise NotFound("There is nothing of that id that you put off: it may be back on your list.")
    return row


_ROWS: Final = select(
    Snooze.id, Snooze.what, Snooze.about, Snooze.version, Snooze.until, Snooze.made_at, Snooze.prospect_id,
    Prospect.name, Prospect.company, Prospect.email,
).join(Prospect, Prospect.id == Snooze.prospect_id)  # fmt: skip
