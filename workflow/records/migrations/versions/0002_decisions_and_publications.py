"""Decisions that can be asked again, and publications of playbooks.

Adds only: processes of the release before go on writing rows without the new columns.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("prospect_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("playbook_digest", sa.String(length=64), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_decision_prospect_id")),
        sa.ForeignKeyConstraint(
            ["playbook_digest"], ["playbook_version.digest"], name=op.f("fk_decision_playbook_digest")
        ),
        sa.PrimaryKeyConstraint("prospect_id", "version", name=op.f("pk_decision")),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("from_digest", sa.String(length=64), nullable=True),
        sa.Column("to_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('moving', 'done')", name=op.f("ck_publication_state")),
        sa.ForeignKeyConstraint(["from_digest"], ["playbook_version.digest"], name=op.f("fk_publication_from_digest")),
        sa.ForeignKeyConstraint(["to_digest"], ["playbook_version.digest"], name=op.f("fk_publication_to_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    moving = sa.text("state = 'moving'")
    op.create_index("ix_publication_moving", "publication", ["at"], sqlite_where=moving, postgresql_where=moving)
    op.add_column("enrollment", sa.Column("started_version", sa.Integer(), nullable=True))
    op.add_column("enrollment", sa.Column("ended_version", sa.Integer(), nullable=True))
    op.add_column("touch", sa.Column("trail", sa.Text(), nullable=True))
