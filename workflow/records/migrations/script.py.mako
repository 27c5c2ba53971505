"""${message}

A migration runs on data of the release before, on SQLite and PostgreSQL alike, in one transaction, and never edits
what an earlier one did. Expand first, contract a release later: old and new processes run side by side meanwhile.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
