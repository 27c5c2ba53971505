"""How often a meeting was told anew, which calendars know it by (SEQUENCE, RFC 5545). Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("meeting", sa.Column("sequence", sa.Integer(), nullable=False, server_default="0"))
