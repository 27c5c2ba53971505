"""The list of barred addresses with reason, source and log; barred domains; declined sequences; the test of the link.

Adds only.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("suppression", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("suppression", sa.Column("source", sa.Text(), nullable=True))
    op.add_column("prospect", sa.Column("declined", sa.Text(), nullable=True))
    op.create_index("ix_suppression_at", "suppression", ["at", "email_key"])
    op.create_table(
        "barred_domain",
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_barred_domain")),
    )
    op.create_table(
        "suppression_log",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("act IN ('added', 'removed')", name=op.f("ck_suppression_log_act")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_log")),
    )
    op.create_index("ix_suppression_log_key", "suppression_log", ["key", "at"])
    op.create_table(
        "link_test",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.CheckConstraint("result IN ('none', 'passed', 'unreached', 'changed')", name=op.f("ck_link_test_result")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_test")),
    )
