"""How a source stands with its vendor's API: when it was asked, what is wrong, what waits, what is written there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_, select

from workflow.engine import reasons
from workflow.records.crm import CrmLink, CrmLookup
from workflow.records.models import Source
from workflow.records.outbox import Outgoing, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from workflow.records.db import Tx

# A vendor that wants to be left alone, or a page that takes its time, is no fault.
_TOO_LONG: Final = timedelta(hours=1)
_ASKED: Final = and_(Source.disabled_at.is_(None), Source.api_token.is_not(None))
_WRITTEN: Final = select(Outgoing.state, func.count().label("number")).where(Outgoing.kind == "writeback")
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


@dataclass(frozen=True, slots=True)
class Numbers:
    """How it stands with all vendors that are asked. Ages are in seconds, zero where nothing is late or was read."""

    links: int
    problems: int
    awaited: int
    lookups_failed: int
    overdue_s: float
    cursor_age_s: float
    unwritten: int
    given_up: int


def look(tx: Tx) -> Numbers:
    """How it stands now."""
    cursor = select(func.count(), func.min(CrmLink.next_poll_at), func.min(CrmLink.cursor_at))
    links, next_at, cursor_at = tx.conn.execute(cursor.select_from(CrmLink).join(Source).where(_ASKED)).one()
    problems = select(func.count()).select_from(CrmLink).join(Source).where(_ASKED, CrmLink.problem.is_not(None))
    counted = select(CrmLookup.state, func.count().label("number")).group_by(CrmLookup.state)
    looked = {row.state: row.number for row in tx.conn.execute(counted)}
    written = {row.state: row.number for row in tx.conn.execute(_WRITTEN.group_by(Outgoing.state))}
    return Numbers(
        links=links,
        problems=tx.conn.execute(problems).scalar_one(),
        awaited=looked.get("waiting", 0),
        lookups_failed=looked.get("failed", 0),
        overdue_s=_since(tx, next_at),
        cursor_age_s=_since(tx, cursor_at),
        unwritten=written.get("waiting", 0),
        given_up=written.get("dead", 0),
    )


def remarks(tx: Tx) -> Iterator[str]:
    """What is no fault of ours but should be known."""
    found = select(Source.name, CrmLink.problem, CrmLink.problem_since).join(CrmLink, CrmLink.source_id == Source.id)
    for row in tx.conn.execute(found.where(_ASKED, CrmLink.problem.is_not(None)).order_by(Source.name)):
        why = (reasons.words(row.problem, "en") or "nobody said why").rstrip(".")
        since = f" since {row.problem_since:%Y-%m-%d %H:%M}Z" if row.problem_since is not None else ""
        yield f"The vendor of the source {row.name} cannot be asked{since}: {why}."
    failed = select(Source.name, func.count()).join(CrmLookup, CrmLookup.source_id == Source.id)
    of_failed = failed.where(CrmLookup.state == "failed", Source.removed_at.is_(None))
    for name, number in tx.conn.execute(of_failed.group_by(Source.name).order_by(Source.name)):
        yield f"The vendor of the source {name} did not tell of {number} objects that it had named by an id."
    dead = select(Source.name, func.count()).join(CrmLink, CrmLink.source_id == Source.id)
    of_dead = dead.join(Outgoing, Outgoing.target_id == CrmLink.target_id).where(Outgoing.state == "dead")
    for name, number in tx.conn.execute(of_dead.group_by(Source.name).order_by(Source.name)):
        yield (
            f"{number} stages were not written to the vendor of the source {name}: "
            f"`onward source writes {name} --replay` writes them once more."
        )


def faults(tx: Tx, clock_since: datetime | None) -> Iterator[tuple[str, str]]:
    """What is wrong, each with its code. What is overdue is judged where a clock has been running for an hour."""
    if clock_since is None or clock_since > tx.now - _TOO_LONG:
        return
    free = or_(CrmLink.ask_after.is_(None), CrmLink.ask_after < tx.now - _TOO_LONG)
    late = CrmLink.next_poll_at < tx.now - _TOO_LONG
    found = select(Source.name, CrmLink.next_poll_at).join(CrmLink, CrmLink.source_id == Source.id)
    for row in tx.conn.execute(found.where(_ASKED, free, late).order_by(Source.name)):
        yield "crm.overdue", f"Nobody read the changes of the source {row.name} due at {row.next_poll_at:%H:%M:%S}Z."


def _since(tx: Tx, at: datetime | None) -> float:
    return max((tx.now - at).total_seconds(), 0.0) if at is not None else 0.0


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
