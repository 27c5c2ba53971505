"""Mailboxes of reps, with servers and keys of their own, and reps who are away.

Adds only: the one mailbox of the release before goes on with the installation's own server.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In words of SQL that both databases know: SQLite would have to copy a whole table to add a foreign key otherwise.
    op.execute("ALTER TABLE mailbox ADD COLUMN rep_id VARCHAR(36) CONSTRAINT fk_mailbox_rep_id REFERENCES rep (id)")
    op.create_index(op.f("ix_mailbox_rep_id"), "mailbox", ["rep_id"])
    op.add_column("mailbox", sa.Column("secrets", sa.Text(), nullable=True))
    op.add_column("mailbox", sa.Column("settings", sa.JSON(), nullable=True))
    op.add_column("mailbox", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rep", sa.Column("away_since", sa.DateTime(timezone=True), nullable=True))
    op.execute("ALTER TABLE rep ADD COLUMN stand_in_id VARCHAR(36) CONSTRAINT fk_rep_stand_in_id REFERENCES rep (id)")
