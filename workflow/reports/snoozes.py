"""What a rep put off: the condition that keeps it off their list, and the list of it with the day it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select

from workflow.errors import BadInput, NotFound
from workflow.records.base import Moment
from workflow.records.day import SNOOZED, Snooze
from workflow.records.models import History, Prospect
from workflow.reports import paging, scope
from workflow.reports.paging import Asked, Page

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import InstrumentedAttribute

    from workflow.records.day import Thing
    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer

LISTED: Final = 20
_SOONEST: Final = Asked("until", None, LISTED)
_OF_TOUCHES: Final = ("task", "email")


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


def whose(tx: Tx, viewer: Viewer, thing: Thing) -> str:
    """The prospect that a thing is about. Raises NotFound for what the viewer may not see, BadInput for an odd kind."""
    if thing.what not in SNOOZED:
        raise BadInput(f"“what” must be one of {', '.join(SNOOZED)}.", field="what")
    if thing.what in _OF_TOUCHES:
        return scope.touch_owner(tx, viewer, thing.about)
    known = scope.prospect_id(tx, viewer, thing.about)
    if thing.what == "answer":
        told = select(History.version).where(History.prospect_id == known, History.version == thing.version)
        if tx.conn.execute(told).first() is None:
            raise NotFound("There is no such reply: load the page again.")
    return known


def listed(tx: Tx, viewer: Viewer, asked: Asked = _SOONEST) -> Page:
    """What the viewer put off and may see, with whom it is about, by `until` or `made_at`: the soonest back first."""
    found = _ROWS.where(Snooze.rep_id == viewer.rep_id, Snooze.until > tx.now, viewer.sees())
    return paging.page(tx, found, asked, {"until": Snooze.until, "made_at": Snooze.made_at}, Snooze.id)


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
