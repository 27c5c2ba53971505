"""Indexes of the few emails that failed and of the mail that matched nobody, for the list of work. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, table, column, condition in (
        ("ix_touch_failed", "touch", "ended_at", "state = 'failed'"),
        ("ix_incoming_unmatched", "incoming", "received_at", "outcome = 'unmatched'"),
    ):
        where = sa.text(condition)
        op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
