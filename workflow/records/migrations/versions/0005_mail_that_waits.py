"""Until when a prospect's mail waits, and why: they are away, or asked for a pause. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prospect", sa.Column("mail_hold_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("prospect", sa.Column("mail_hold_why", sa.Text(), nullable=True))
