"""Prospects as the API lists them, and the history of one: pages by key, never by offset, so that none is skipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from workflow.errors import NotFound
from workflow.mail.address import key_of
from workflow.records.models import ExternalRef, History, Prospect, Rep, Source, Suppression
from workflow.reports import finding, paging

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from workflow.records.db import Record, Tx
    from workflow.reports.paging import Asked
    from workflow.reports.scope import Viewer


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which prospects are asked for; an empty field asks nothing. `owner` is a rep's address, `q` words to look for."""

    ref: str = ""
    email: str = ""
    stage: str = ""
    owner: str = ""
    q: str = ""
    outcome: str = ""
    suppressed: bool | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProspectFacts:
    """One prospect; `owner` is a rep's address, `refs` are the ids it has at the senders of webhooks."""

    id: str
    email: str
    name: str
    company: str
    phone: str
    title: str
    language: str
    time_zone: str
    country: str
    custom: Mapping[str, Any]
    stage: str
    outcome: str | None
    outcome_reason: str | None
    owner: str | None
    suppressed: bool
    mail_hold_until: datetime | None
    mail_hold_why: str | None
    version: int
    entered_stage_at: datetime
    created_at: datetime
    updated_at: datetime
    refs: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """One change of a prospect."""

    version: int
    at: datetime
    occurred_at: datetime
    kind: str
    actor: str
    cause: str
    from_stage: str | None
    to_stage: str | None
    reason: str | None
    changes: Mapping[str, Any]
    detail: Mapping[str, Any]


def page(tx: Tx, wanted: Wanted, viewer: Viewer, asked: Asked) -> tuple[tuple[ProspectFacts, ...], paging.Place | None]:
    """A page of the prospects that fit and that the viewer may see, and where the next page begins."""
    found = _narrowed(_FACTS, wanted).where(viewer.sees(), *finding.found_by(tx, wanted.q))
    listed = paging.page(tx, found, asked, _SORTED, Prospect.id)
    return _told(tx, listed.rows), listed.next


def one(tx: Tx, prospect_id: str) -> ProspectFacts:
    """One prospect; for one that was merged, the one it went into. Raises NotFound."""
    marked = aliased(Prospect)
    into = select(marked.merged_into).where(marked.id == prospect_id).scalar_subquery()
    rows = tx.conn.execute(_FACTS.where(Prospect.id == func.coalesce(into, prospect_id))).all()
    if not rows:
        raise NotFound("There is no such prospect: check the id.")
    return _told(tx, rows)[0]


def history(
    tx: Tx, prospect_id: str, *, after: int = 0, limit: int, newest_first: bool = False
) -> tuple[HistoryFacts, ...]:
    """The history of a prospect, behind version `after` (0 for the beginning). Raises NotFound."""
    if tx.conn.execute(select(Prospect.id).where(Prospect.id == prospect_id)).scalar_one_or_none() is None:
        raise NotFound("There is no such prospect: check the id.")
    found = _HISTORY.where(History.prospect_id == prospect_id)
    if after:
        found = found.where(History.version < after if newest_first else History.version > after)
    order = History.version.desc() if newest_first else History.version
    rows = tx.conn.execute(found.order_by(order).limit(limit)).all()
    return tuple(HistoryFacts(**row._asdict()) for row in rows)


_FACTS: Final = (
    select(
        Prospect.id, Prospect.email, Prospect.name, Prospect.company, Prospect.phone, Prospect.title,
        Prospect.language, Prospect.time_zone, Prospect.country, Prospect.custom, Prospect.stage, Prospect.outcome,
        Prospect.outcome_reason, Rep.email.label("owner"), Suppression.email_key.is_not(None).label("suppressed"),
        Prospect.mail_hold_until, Prospect.mail_hold_why,
        Prospect.version, Prospect.entered_stage_at, Prospect.created_at, Prospect.updated_at,
    )
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
)  # fmt: skip
SORTS: Final = ("created_at", "updated_at", "entered_stage_at", "name", "company")
_SORTED: Final = {name: getattr(Prospect, name) for name in SORTS}
_HISTORY: Final = select(*(getattr(History, name) for name in HistoryFacts.__slots__))


def _narrowed(found: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.ref:
        # The sources are named so that the primary key of refs, which begins with them, serves.
        same = (ExternalRef.source_id.in_(select(Source.id)), ExternalRef.object == "prospect")
        known = select(ExternalRef.prospect_id).where(*same, ExternalRef.ref == wanted.ref)
        found = found.where(Prospect.id.in_(known))
    if wanted.email:
        found = found.where(Prospect.email_key == (key_of(wanted.email) or ""))
    if wanted.stage:
        found = found.where(Prospect.stage == wanted.stage)
    if wanted.owner:
        owner = select(Rep.id).where(Rep.email == (key_of(wanted.owner) or "")).scalar_subquery()
        found = found.where(Prospect.owner_id == owner)
    if wanted.outcome:
        found = found.where(Prospect.outcome == wanted.outcome)
    if wanted.suppressed is not None:
        is_barred = Suppression.email_key.is_not(None)
        found = found.where(is_barred if wanted.suppressed else ~is_barred)
    if wanted.changed_since is not None:
        found = found.where(Prospect.updated_at >= wanted.changed_since)
    return found


def _told(tx: Tx, rows: Sequence[Record]) -> tuple[ProspectFacts, ...]:
    refs = _refs(tx, [row.id for row in rows])
    return tuple(_fact(row, tx.now, refs.get(row.id, ())) for row in rows)


def _fact(row: Record, now: datetime, refs: tuple[str, ...]) -> ProspectFacts:
    told = {name: getattr(row, name) for name in ProspectFacts.__slots__[:-1]}
    if row.mail_hold_until is None or row.mail_hold_until <= now:
        # Its time has come: the row is left as it is until something else changes it.
        told |= {"mail_hold_until": None, "mail_hold_why": None}
    return ProspectFacts(**told, refs=refs)


def _refs(tx: Tx, prospect_ids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    told: dict[str, tuple[str, ...]] = {}
    found = select(ExternalRef.prospect_id, ExternalRef.ref).where(ExternalRef.prospect_id.in_(list(prospect_ids)))
    for row in tx.conn.execute(found.order_by(ExternalRef.ref)):
        told[row.prospect_id] = (*told.get(row.prospect_id, ()), row.ref)
    return told
