"""Who belongs together with a prospect, and how, as far as the viewer may see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import literal, select, union_all

from workflow.records.models import Prospect
from workflow.records.personal import Relation

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.records.db import Tx
    from workflow.reports.scope import Viewer

MOST: Final = 200
"""Links of one prospect that are told."""


@dataclass(frozen=True, slots=True)
class Related:
    """One linked prospect. Of a referral the one at `side` “from” named the other: `from` when they were named here."""

    prospect_id: str
    name: str
    company: str
    email: str
    stage: str
    kind: str
    side: Literal["from", "to"]
    at: datetime


def of_prospect(tx: Tx, viewer: Viewer, known: str) -> tuple[Related, ...]:
    """Who is linked with a prospect, the newest link first."""
    ways = union_all(
        *(
            select(theirs.label("known"), Relation.kind, Relation.at, literal(side).label("side")).where(mine == known)
            for mine, theirs, side in (
                (Relation.prospect_id, Relation.other_id, "from"),
                (Relation.other_id, Relation.prospect_id, "to"),
            )
        )
    ).subquery()
    found = (
        select(
            Prospect.id, Prospect.name, Prospect.company, Prospect.email, Prospect.stage,
            ways.c.kind, ways.c.side, ways.c.at,
        )
        .join(ways, ways.c.known == Prospect.id)
        .where(viewer.sees())
        .order_by(ways.c.at.desc(), Prospect.id)
        .limit(MOST)
    )  # fmt: skip
    return tuple(Related(*row) for row in tx.conn.execute(found))
