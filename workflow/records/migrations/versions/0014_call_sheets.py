"""The sheet of a call in progress and its fields. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_sheet",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("prospect_id", sa.String(length=36), nullable=False),
        sa.Column("rep_id", sa.String(length=36), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("planned_minutes", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_call_sheet_prospect_id_prospect")),
        sa.ForeignKeyConstraint(["rep_id"], ["rep.id"], name=op.f("fk_call_sheet_rep_id_rep")),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_call_sheet_call_id_call")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_sheet")),
    )
    op.create_index("ix_call_sheet_prospect", "call_sheet", ["prospect_id", "started_at"])
    op.create_index("ix_call_sheet_rep_id", "call_sheet", ["rep_id"])
    op.create_index("ix_call_sheet_call_id", "call_sheet", ["call_id"])
    op.create_table(
        "call_field",
        sa.Column("sheet_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sheet_id"], ["call_sheet.id"], name=op.f("fk_call_field_sheet_id_call_sheet")),
        sa.PrimaryKeyConstraint("sheet_id", "name", name=op.f("pk_call_field")),
    )
