"""One statement that two who must agree share: the lines of a prospect's history that late news are held against.

What they mean is the matter of `workflow.engine.overtaken`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select

from workflow.records.models import History
from workflow.records.prepared import Prepared

HISTORY: Final = Prepared(
    select(
        History.kind, History.occurred_at, History.changes, History.detail, History.from_stage, History.to_stage
    )
    .where(History.prospect_id == bindparam("prospect"))
    .order_by(History.version)
)  # fmt: skip
"""The whole history of the prospect `prospect`, oldest first, with the columns of `overtaken.Line`."""
