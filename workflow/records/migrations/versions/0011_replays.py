"""Replays of many deliveries, events that fail again and again, sources put away, and their API tokens. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    for name, column, where in (
        ("ix_event_kept", "prospect_id", sa.text("payload IS NOT NULL")),
        ("ix_event_failing", "waits_ref", sa.text("failing_since IS NOT NULL")),
    ):
        op.create_index(name, "event", [column], sqlite_where=where, postgresql_where=where)
    op.create_index(
        "ix_event_unsettled",
        "event",
        ["outcome", "delivery_id"],
        sqlite_where=sa.text("outcome <> 'applied'"),
        postgresql_where=sa.text("outcome <> 'applied'"),
    )
    op.add_column("source", sa.Column("api_token", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "replay",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.Column("cursor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor_id", sa.String(36), nullable=True),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'stopped')", name="ck_replay_state"),
        sa.PrimaryKeyConstraint("id", name="pk_replay"),
    )
    op.create_index("ix_replay_at", "replay", ["at"])
