"""Erasing people for good, and how far the sequences of a barred domain have been ended. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("prospect_id", sa.String(length=36), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("needles", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_erasure_state")),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_erasure_prospect_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index("ix_erasure_prospect", "erasure", ["prospect_id"])
    where = sa.text("state = 'running'")
    op.create_index("ix_erasure_running", "erasure", ["at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "erased_address",
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_erased_address")),
    )
    op.add_column("barred_domain", sa.Column("ends_after", sa.Text(), nullable=True))
