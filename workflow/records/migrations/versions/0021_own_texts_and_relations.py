"""Texts of single emails, and prospects who belong together. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "own_text",
        sa.Column("touch_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["touch_id"], ["touch.id"], name=op.f("fk_own_text_touch_id")),
        sa.PrimaryKeyConstraint("touch_id", name=op.f("pk_own_text")),
    )
    op.create_table(
        "relation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("prospect_id", sa.String(length=36), nullable=False),
        sa.Column("other_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('referral', 'colleague', 'group', 'other')", name=op.f("ck_relation_kind")),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_relation_prospect_id")),
        sa.ForeignKeyConstraint(["other_id"], ["prospect.id"], name=op.f("fk_relation_other_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relation")),
        sa.UniqueConstraint("prospect_id", "other_id", name=op.f("uq_relation_prospect_id_other_id")),
    )
    op.create_index("ix_relation_other", "relation", ["other_id"])
    op.add_column("message", sa.Column("own_version", sa.Integer(), nullable=True))
