"""An index of the emails and tasks that wait, by kind and time: Today asks for the soonest of all. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'scheduled' AND next_attempt_at IS NOT NULL")
    columns = ["kind", "next_attempt_at", "id"]
    op.create_index("ix_touch_soonest", "touch", columns, sqlite_where=where, postgresql_where=where)
