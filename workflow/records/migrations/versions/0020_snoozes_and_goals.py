"""What reps put off, their goals of a week, and the indexes that Today asks for answers, calls and meetings by.

Adds only.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snooze",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rep_id", sa.String(length=36), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("prospect_id", sa.String(length=36), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("what IN ('task', 'email', 'answer', 'prospect')", name=op.f("ck_snooze_what")),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_snooze_prospect_id")),
        sa.ForeignKeyConstraint(["rep_id"], ["rep.id"], name=op.f("fk_snooze_rep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snooze")),
        sa.UniqueConstraint("rep_id", "what", "about", "version", name=op.f("uq_snooze_rep_id_what_about_version")),
    )
    op.create_index("ix_snooze_prospect", "snooze", ["prospect_id"])
    op.create_table(
        "week_goal",
        sa.Column("rep_id", sa.String(length=36), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("what IN ('calls', 'meetings', 'wins')", name=op.f("ck_week_goal_what")),
        sa.ForeignKeyConstraint(["rep_id"], ["rep.id"], name=op.f("fk_week_goal_rep_id")),
        sa.PrimaryKeyConstraint("rep_id", "what", name=op.f("pk_week_goal")),
    )
    where = sa.text("kind IN ('email.replied', 'email.bounced')")
    op.create_index("ix_history_answers", "history", ["at"], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_call_actor", "call", ["actor", "ended_at"])
    op.create_index("ix_meeting_created", "meeting", ["created_at"])
