"""Priority of an email, the company it goes to, and since when it waits for a person's word. Adds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_touch_urgent", ("mailbox_id", "priority", "next_attempt_at", "id"), "state = 'scheduled' AND priority > 0"),
    ("ix_touch_domain", ("domain", "committed_at"), "domain IS NOT NULL"),
    ("ix_touch_asks", ("asks_since", "id"), "state = 'scheduled' AND asks_since IS NOT NULL"),
)


def upgrade() -> None:
    op.add_column("touch", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("touch", sa.Column("domain", sa.Text(), nullable=True))
    op.add_column("touch", sa.Column("asks_since", sa.DateTime(timezone=True), nullable=True))
    for name, columns, where in _INDEXES:
        condition = sa.text(where)
        op.create_index(name, "touch", list(columns), sqlite_where=condition, postgresql_where=condition)
    op.drop_index("ix_touch_due", "touch")
    condition = sa.text("state = 'scheduled' AND next_attempt_at IS NOT NULL AND asks_since IS NULL")
    op.create_index(
        "ix_touch_due",
        "touch",
        ["mailbox_id", "next_attempt_at", "id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
