"""Whether a rep uses the single keys of the panel. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rep", sa.Column("single_keys", sa.Text(), nullable=True))
