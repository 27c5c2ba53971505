"""Everything out: prospects, touches, history or links as rows of texts, a page at a time, so that memory stays flat.

Reads only, what the viewer may see. A file of prospects can be imported again; writing it is the matter of `imports`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from workflow.engine.signals import FIELDS
from workflow.imports.columns import CUSTOM, REFERRED_BY
from workflow.records.models import ExternalRef, History, Prospect, Rep, Suppression, Touch
from workflow.records.personal import OwnText, Relation
from workflow.reports.finding import found_by
from workflow.reports.scope import unerased

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select

    from workflow.records.db import Record, Tx
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

What = Literal["prospects", "touches", "history", "relations"]
WHATS: Final[tuple[What, ...]] = ("prospects", "touches", "history", "relations")
MOST_CUSTOM: Final = 150
_PAGE: Final = 500
_MARKS: Final = ("stage", "outcome", "outcome_reason", "suppressed", "version", "entered_stage_at", "created_at")
_TOUCH: Final = (
    "id", "prospect_id", "sequence", "step", "kind", "state", "due_at", "sent_at", "recipient", "message_id",
    "attempts", "smtp_code", "created_at",
)  # fmt: skip
_CHANGE: Final = (
    "prospect_id", "version", "at", "occurred_at", "kind", "actor", "cause", "from_stage", "to_stage", "reason",
    "changes", "detail", "digest",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which prospects, or whose touches and history; an empty field asks nothing. `owner_id` is a rep."""

    search: str = ""
    stage: str = ""
    owner_id: str = ""
    prospect_id: str = ""
    ids: tuple[str, ...] = ()


def table(
    ws: Workspace,
    what: What,
    viewer: Viewer | None = None,
    wanted: Wanted | None = None,
    also: Sequence[ColumnElement[bool]] = (),
) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """The header and the rows of an export; without a viewer everything there is. `also` narrows it further."""
    wanted = wanted or Wanted()
    with ws.database.read() as tx:
        which = (*_which(viewer, wanted), *also, *unerased(tx), *found_by(tx, wanted.search))
    if what == "prospects":
        with ws.database.read() as tx:
            keys = _custom_keys(tx, which)
        header = ("id", *FIELDS, "owner", "refs", REFERRED_BY, *_MARKS, *(f"{CUSTOM}{key}" for key in keys))
        return header, _prospects(ws, which, keys, viewer)
    if what == "touches":
        return ("email", "name", *_TOUCH, "own_subject", "own_text"), _touches(ws, which)
    if what == "relations":
        return ("id", "prospect_id", "email", "other_id", "other_email", "kind", "actor", "at"), _links(
            ws, which, viewer
        )
    return ("email", *_CHANGE), _history(ws, which)


def _which(viewer: Viewer | None, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    which: list[ColumnElement[bool]] = [Prospect.merged_into.is_(None)]
    if viewer is not None:
        which.append(viewer.sees())
    if wanted.owner_id:
        which.append(Prospect.owner_id == wanted.owner_id)
    if wanted.stage:
        which.append(Prospect.stage == wanted.stage)
    if wanted.prospect_id:
        which.append(Prospect.id == wanted.prospect_id)
    if wanted.ids:
        which.append(Prospect.id.in_(wanted.ids))
    return tuple(which)


def _custom_keys(tx: Tx, which: Sequence[ColumnElement[bool]]) -> tuple[str, ...]:
    """The facts without a column of their own that anybody has, the first so many in the order of the alphabet."""
    keys: set[str] = set()
    found = select(Prospect.custom).where(*which)
    for row in tx.conn.execute(found.execution_options(yield_per=_PAGE)):
        keys.update(row.custom)
    return tuple(sorted(keys)[:MOST_CUSTOM])


def _prospects(
    ws: Workspace, which: Sequence[ColumnElement[bool]], keys: Sequence[str], viewer: Viewer | None
) -> Iterator[tuple[str, ...]]:
    columns = (*(getattr(Prospect, name) for name in (*FIELDS, "stage", "outcome", "outcome_reason", "version")),
               Prospect.id, Prospect.custom, Prospect.entered_stage_at, Prospect.created_at, Rep.email.label("owner"),
               Suppression.email_key.is_not(None).label("suppressed"))  # fmt: skip
    found = (
        select(*columns)
        .outerjoin(Rep, Rep.id == Prospect.owner_id)
        .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
        .where(*which)
        .order_by(Prospect.id)
        .limit(_PAGE)
    )
    for rows in _pages(ws, lambda last: found.where(Prospect.id > last.id) if last else found):
        refs, by = _refs(ws, rows), _referrers(ws, rows, viewer)
        for row in rows:
            told = row._asdict() | {"refs": " ".join(refs.get(row.id, ())), REFERRED_BY: " ".join(by.get(row.id, ()))}
            custom = (_written(row.custom.get(key)) for key in keys)
            yield (*(_written(told[name]) for name in ("id", *FIELDS, "owner", "refs", REFERRED_BY, *_MARKS)), *custom)


def _refs(ws: Workspace, rows: Sequence[Record]) -> dict[str, list[str]]:
    refs: dict[str, list[str]] = {}
    named = select(ExternalRef.prospect_id, ExternalRef.ref).where(
        ExternalRef.prospect_id.in_([row.id for row in rows])
    )
    with ws.database.read() as tx:
        for ref in tx.conn.execute(named.order_by(ExternalRef.ref)):
            refs.setdefault(ref.prospect_id, []).append(ref.ref)
    return refs


def _referrers(ws: Workspace, rows: Sequence[Record], viewer: Viewer | None) -> dict[str, list[str]]:
    """The addresses, or ids where there are none, of those who referred these and whom the viewer may see."""
    told: dict[str, list[str]] = {}
    mine = (Relation.kind == "referral", Relation.other_id.in_([row.id for row in rows]))
    found = select(Relation.other_id, Prospect.id, Prospect.email).join(Prospect, Prospect.id == Relation.prospect_id)
    found = found.where(*mine, *([viewer.sees()] if viewer else [])).order_by(Relation.id)
    with ws.database.read() as tx:
        for row in tx.conn.execute(found):
            told.setdefault(row.other_id, []).append(row.email or row.id)
    return told


def _touches(ws: Workspace, which: Sequence[ColumnElement[bool]]) -> Iterator[tuple[str, ...]]:
    columns = (Prospect.email, Prospect.name, *(getattr(Touch, name) for name in _TOUCH), OwnText.subject, OwnText.text)
    found = select(*columns).join(Prospect, Prospect.id == Touch.prospect_id).where(*which)
    found = found.outerjoin(OwnText, OwnText.touch_id == Touch.id).order_by(Touch.id).limit(_PAGE)
    for rows in _pages(ws, lambda last: found.where(Touch.id > last.id) if last else found):
        for row in rows:
            yield tuple(_written(value) for value in row)


def _links(ws: Workspace, which: Sequence[ColumnElement[bool]], viewer: Viewer | None) -> Iterator[tuple[str, ...]]:
    """Links of these prospects to others whom the viewer may see too."""
    other = aliased(Prospect)
    seen = [Relation.other_id.in_(select(Prospect.id).where(viewer.sees()).correlate(None))] if viewer else []
    columns: tuple[Any, ...] = (
        Relation.id, Relation.prospect_id, Prospect.email, Relation.other_id, other.email.label("other_email"),
        Relation.kind, Relation.actor, Relation.at,
    )  # fmt: skip
    found = (
        select(*columns)
        .join(Prospect, Prospect.id == Relation.prospect_id)
        .join(other, other.id == Relation.other_id)
        .where(*which, *seen)
        .order_by(Relation.id)
        .limit(_PAGE)
    )
    for rows in _pages(ws, lambda last: found.where(Relation.id > last.id) if last else found):
        for row in rows:
            yield tuple(_written(value) for value in row)


def _history(ws: Workspace, which: Sequence[ColumnElement[bool]]) -> Iterator[tuple[str, ...]]:
    columns = (Prospect.email, *(getattr(History, name) for name in _CHANGE))
    found = select(*columns).join(Prospect, Prospect.id == History.prospect_id).where(*which)
    found = found.order_by(History.prospect_id, History.version).limit(_PAGE)

    def behind(last: Record | None) -> Select[Any]:
        if last is None:
            return found
        later = and_(History.prospect_id == last.prospect_id, History.version > last.version)
        return found.where(or_(History.prospect_id > last.prospect_id, later))

    for rows in _pages(ws, behind):
        for row in rows:
            yield tuple(_written(value) for value in row)


def _pages(ws: Workspace, behind: Callable[[Record | None], Select[Any]]) -> Iterator[Sequence[Record]]:
    """Page after page, each in a transaction of its own: a slow reader holds none open."""
    last = None
    while True:
        with ws.database.read() as tx:
            rows = tx.conn.execute(behind(last)).all()
        yield rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
