"""Keys of the API: what each may do, until when, and as which rep. Adds only.

A key of the release before keeps all that its role allows, for ever.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("scopes", sa.Text(), nullable=True))
    op.add_column("api_key", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    # In words of SQL that both databases know: SQLite would have to copy a whole table to add a foreign key otherwise.
    op.execute("ALTER TABLE api_key ADD COLUMN rep_id VARCHAR(36) CONSTRAINT fk_api_key_rep_id REFERENCES rep (id)")
    # Lists of the API over all prospects: what was done of late, and calls by their time.
    op.create_index("ix_call_ended", "call", ["ended_at", "id"])
