"""Drafts of the playbook that are written in the panel, with their versions. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "playbook_draft",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rep_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base_digest", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rep_id"], ["rep.id"], name=op.f("fk_playbook_draft_rep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playbook_draft")),
        sa.UniqueConstraint("rep_id", "version", name=op.f("uq_playbook_draft_rep_id_version")),
    )
