"""Endpoints as they are shown: what they are told, how well that goes, and each event on its way to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, select

from workflow import ids
from workflow.errors import NotFound
from workflow.records.outbox import Attempt, Endpoint, Outgoing, Target
from workflow.reports import paging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.records.db import Record, Tx
    from workflow.reports.paging import Asked, Page

_SHOWN: Final = (
    Endpoint.id, Endpoint.name, Endpoint.url, Endpoint.events, Endpoint.created_by, Endpoint.created_at,
    Target.state, Target.why, Target.failures, Target.failing_since, Target.next_at, Target.sequence,
)  # fmt: skip


def listed(tx: Tx, endpoint_id: str | None = None) -> Sequence[Record]:
    """Endpoints in use by name, or the one, with how many events wait for each, were given up, and its last answer."""

    def number(state: str) -> Any:  # noqa: ANN401 - a column
        theirs = and_(Outgoing.target_id == Endpoint.id, Outgoing.state == state)
        return select(func.count()).where(theirs).correlate(Endpoint).scalar_subquery().label(state)

    last = select(func.max(Outgoing.answered_at)).where(Outgoing.target_id == Endpoint.id, Outgoing.state == "done")
    found = select(
        *_SHOWN, number("waiting"), number("dead"), last.correlate(Endpoint).scalar_subquery().label("taken_at")
    )
    found = found.join(Target, Target.id == Endpoint.id).where(Endpoint.removed_at.is_(None))
    if endpoint_id is not None:
        found = found.where(Endpoint.id == endpoint_id)
    return tx.conn.execute(found.order_by(Endpoint.name)).all()


def one(tx: Tx, endpoint_id: str) -> Record:
    """One endpoint in use. Raises NotFound."""
    rows = listed(tx, endpoint_id) if ids.is_id(endpoint_id) else ()
    if not rows:
        message = "There is no such endpoint: it may have been removed."
        raise NotFound(message)
    return rows[0]


def deliveries(tx: Tx, endpoint_id: str, asked: Asked, state: str = "") -> Page:
    """Events for an endpoint; those of one state only."""
    found = select(*Outgoing.__table__.columns).where(Outgoing.target_id == endpoint_id)
    if state:
        found = found.where(Outgoing.state == state)
    return paging.page(tx, found, asked, {"created_at": Outgoing.created_at}, Outgoing.id)


def delivery(tx: Tx, endpoint_id: str, outgoing_id: str) -> tuple[Record, Sequence[Record]]:
    """One event for an endpoint, and the attempts that are kept, the newest first. Raises NotFound."""
    row = None
    if ids.is_id(outgoing_id):
        which = (Outgoing.id == outgoing_id, Outgoing.target_id == endpoint_id)
        row = tx.conn.execute(select(*Outgoing.__table__.columns).where(*which)).one_or_none()
    if row is None:
        message = "There is no such event for this endpoint: check the id."
        raise NotFound(message)
    tried = select(*Attempt.__table__.columns).where(Attempt.outgoing_id == outgoing_id)
    return row, tx.conn.execute(tried.order_by(Attempt.at.desc(), Attempt.id.desc())).all()


def switched_off(tx: Tx) -> Sequence[Record]:
    """The endpoints in use that Onward switched off by itself."""
    found = select(Endpoint.id, Endpoint.name, Target.why).join(Target, Target.id == Endpoint.id)
    off = found.where(Endpoint.removed_at.is_(None), Target.state == "disabled")
    return tx.conn.execute(off.order_by(Endpoint.name)).all()
