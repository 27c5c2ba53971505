"""How a source stands with its vendor's API, what is looked up there, and what was said of its objects. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crm_link",
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("target_id", sa.String(36), nullable=True),
        sa.Column("writes", sa.JSON(), nullable=False),
        sa.Column("poll_minutes", sa.Integer(), nullable=False),
        sa.Column("cursor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("poll_found", sa.Integer(), nullable=False),
        sa.Column("looked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ask_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_crm_link_source_id"),
        sa.ForeignKeyConstraint(["target_id"], ["outbox_target.id"], name="fk_crm_link_target_id"),
        sa.PrimaryKeyConstraint("source_id", name="pk_crm_link"),
    )
    op.create_index("ix_crm_link_target", "crm_link", ["target_id"], unique=True)
    op.create_table(
        "crm_lookup",
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name="ck_crm_lookup_state"),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_crm_lookup_source_id"),
        sa.PrimaryKeyConstraint("source_id", "ref", name="pk_crm_lookup"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_crm_lookup_waiting",
        "crm_lookup",
        ["source_id", "next_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "crm_word",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_crm_word_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_crm_word"),
    )
    op.create_index("ix_crm_word_about", "crm_word", ["source_id", "about", "kind", "at"])
    op.create_index("ix_crm_word_noted", "crm_word", ["noted_at"])
