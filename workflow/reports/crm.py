"""How a source stands with its vendor's API: when it was asked, what is wrong, what waits, what is written there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.records.crm import CrmLink, CrmLookup
from workflow.records.models import Source
from workflow.records.outbox import Outgoing, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.records.db import Tx

_COLUMNS: Final = (
    CrmLink.source_id, CrmLink.writes, CrmLink.poll_minutes, CrmLink.polled_at, CrmLink.poll_found,
    CrmLink.looked_up_at, CrmLink.written_at, CrmLink.problem, CrmLink.problem_since,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CrmState:
    """One source. `writes` leads stages of the playbook to those there; `unwritten` waits, `given_up` is dead.

    `problem` is a reason as it is stored.
    """

    source_id: str
    has_token: bool
    writes: Mapping[str, str]
    poll_minutes: int
    polled_at: datetime | None
    poll_found: int
    looked_up_at: datetime | None
    written_at: datetime | None
    problem: str | None
    problem_since: datetime | None
    awaited: int
    unwritten: int
    given_up: int
    target_id: str | None
    target_state: str | None


def state(tx: Tx, source_id: str) -> CrmState | None:
    """How a source stands; None while it was never given a token nor told what to write."""
    found = (
        select(*_COLUMNS, Source.api_token.is_not(None).label("has_token"), CrmLink.target_id, Target.state)
        .join(Source, Source.id == CrmLink.source_id)
        .outerjoin(Target, Target.id == CrmLink.target_id)
    )
    row = tx.conn.execute(found.where(CrmLink.source_id == source_id)).one_or_none()
    if row is None:
        return None
    waits = (CrmLookup.source_id == source_id) & (CrmLookup.state == "waiting")
    counted = (
        select(Outgoing.state, func.count().label("number"))
        .where(Outgoing.target_id == row.target_id)
        .group_by(Outgoing.state)
    )
    sent = {each.state: each.number for each in tx.conn.execute(counted)} if row.target_id else {}
    told = row._asdict()
    return CrmState(
        **{name: told[name] for name in (*(column.key for column in _COLUMNS), "has_token", "target_id")},
        awaited=tx.conn.execute(select(func.count()).select_from(CrmLookup).where(waits)).scalar_one(),
        unwritten=sent.get("waiting", 0),
        given_up=sent.get("dead", 0),
        target_state=row.state,
    )
