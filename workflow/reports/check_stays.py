"""Whether the stays that analytics count are those that the histories tell: none is missing, altered or too many.

Reads only, and only rows of history that enter a stage. `workflow.progress` has the rules, as for the writer.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, or_, select

from workflow import progress
from workflow.records.models import History, Prospect
from workflow.records.stays import Stay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx

Told = tuple[str, str]
"""A code and a sentence."""
CODE: Final = "stay.fold"
_BATCH: Final = 500


def faults(tx: Tx) -> Iterator[Told]:
    """The prospects whose stays are not what their history adds up to, and stays that no history tells of."""
    last = ""
    some = select(Prospect.id).order_by(Prospect.id).limit(_BATCH)
    while batch := tx.conn.execute(some.where(Prospect.id > last)).scalars().all():
        last = batch[-1]
        try:
            rows = tx.conn.execute(_BOTH.where(Prospect.id.between(batch[0], last))).all()
        except (ValueError, TypeError):
            # A time that cannot be read: the rule about histories names the prospect.
            continue
        for prospect_id, group in groupby(rows, key=lambda row: row.id):
            if not _agree(list(group)):
                yield CODE, f"The stays of prospect {prospect_id} in its stages are not what its history adds up to."
    for row in tx.conn.execute(_LOST):
        yield CODE, f"Version {row.version} of prospect {row.prospect_id} has a stay, and its history tells of none."


def _agree(rows: Sequence[Record]) -> bool:
    """Whether each entry of a stage has the stay that ended with it, and no other."""
    before: tuple[str, datetime] | None = None
    for row in rows:
        told = None
        hours = progress.hours(before[1], row.occurred_at) if before is not None else None
        if before is not None and hours is not None and row.merged_into is None:
            told = (before[0], hours, row.occurred_at, row.owner_id, row.language, row.origin)
        kept = None
        if row.stay is not None:
            kept = (row.stay, row.hours, row.left_at, row.stay_owner, row.stay_language, row.stay_origin)
        if told != kept:
            return False
        before = (row.to_stage, row.occurred_at)
    return True


# One statement for all three tables: on PostgreSQL each statement sees a moment of its own.
_BOTH: Final = (
    select(
        Prospect.id, Prospect.merged_into, Prospect.owner_id, Prospect.language, Prospect.origin,
        History.to_stage, History.occurred_at,
        Stay.stage.label("stay"), Stay.hours, Stay.left_at, Stay.owner_id.label("stay_owner"),
        Stay.language.label("stay_language"), Stay.origin.label("stay_origin"),
    )
    .join(History, and_(History.prospect_id == Prospect.id, History.to_stage.is_not(None)))
    .outerjoin(Stay, and_(Stay.prospect_id == History.prospect_id, Stay.version == History.version))
    .order_by(Prospect.id, History.version)
)  # fmt: skip
_LOST: Final = (
    select(Stay.prospect_id, Stay.version)
    .outerjoin(History, and_(History.prospect_id == Stay.prospect_id, History.version == Stay.version))
    .where(or_(History.version.is_(None), History.to_stage.is_(None)))
)
