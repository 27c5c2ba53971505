"""The stage stands in the indexes of closed deals and of competitors, so that the index alone answers.

The board asks for deals won of late in one stage, analytics for competitors of deals that are open or closed.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_REST: Final = ["created_at", "owner_id", "origin", "language", "merged_into"]
_INDEXES: Final = (
    ("ix_prospect_closed", ["outcome", "entered_stage_at", "stage", *_REST], "outcome IS NOT NULL"),
    ("ix_prospect_competitor", ["competitor", "outcome", "stage", *_REST], "competitor <> ''"),
)


def upgrade() -> None:
    for name, columns, where in _INDEXES:
        op.drop_index(name, "prospect")
        op.create_index(name, "prospect", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
