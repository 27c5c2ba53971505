"""A narrow index of whom the board shows, by stage and time: what it counts is then a quarter of the pages to read.

Adds an index, and changes nothing else.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("merged_into IS NULL")
    columns = ["stage", "entered_stage_at", "merged_into"]
    op.create_index("ix_prospect_counted", "prospect", columns, sqlite_where=where, postgresql_where=where)
