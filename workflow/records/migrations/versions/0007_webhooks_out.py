"""What leaves for other systems: targets, endpoints, the outbox and its attempts. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox_target",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hint_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('endpoint', 'writeback')", name=op.f("ck_outbox_target_kind")),
        sa.CheckConstraint("state IN ('active', 'paused', 'disabled')", name=op.f("ck_outbox_target_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_target")),
    )
    op.create_index(
        "ix_outbox_target_next",
        "outbox_target",
        ["next_at"],
        sqlite_where=sa.text("state = 'active' AND next_at IS NOT NULL"),
        postgresql_where=sa.text("state = 'active' AND next_at IS NOT NULL"),
    )
    op.create_table(
        "endpoint",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["outbox_target.id"], name=op.f("fk_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
    )
    op.create_index(
        "uq_endpoint_name",
        "endpoint",
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("target_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("prospect_id", sa.String(length=36), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("counts_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('endpoint', 'writeback')", name=op.f("ck_outbox_kind")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'dead')", name=op.f("ck_outbox_state")),
        sa.ForeignKeyConstraint(["target_id"], ["outbox_target.id"], name=op.f("fk_outbox_target_id")),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_outbox_prospect_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("target_id", "sequence", name=op.f("uq_outbox_target_id_sequence")),
        sa.UniqueConstraint("target_id", "event_id", name=op.f("uq_outbox_target_id_event_id")),
    )
    for name, state in (("ix_outbox_waiting", "waiting"), ("ix_outbox_dead", "dead")):
        op.create_index(
            name,
            "outbox",
            ["target_id", "sequence"],
            sqlite_where=sa.text(f"state = '{state}'"),
            postgresql_where=sa.text(f"state = '{state}'"),
        )
    op.create_index("ix_outbox_created", "outbox", ["created_at", "id"])
    op.create_index("ix_outbox_prospect", "outbox", ["prospect_id"])
    op.create_table(
        "outbox_attempt",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("outgoing_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["outgoing_id"], ["outbox.id"], name=op.f("fk_outbox_attempt_outgoing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_attempt")),
    )
    op.create_index(op.f("ix_outbox_attempt_outgoing_id"), "outbox_attempt", ["outgoing_id"])
