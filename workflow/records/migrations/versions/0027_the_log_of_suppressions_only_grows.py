"""The log of suppressions only grows: the database itself refuses to take away or to alter what it tells.

One way stays open, because the law asks for it: an entry whose address was erased may lose the address and the note.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None

_SQLITE: Final = (
    """CREATE TRIGGER suppression_log_stays BEFORE DELETE ON suppression_log BEGIN
        SELECT RAISE(ABORT, 'the log of suppressions only grows');
    END""",
    """CREATE TRIGGER suppression_log_unaltered BEFORE UPDATE ON suppression_log
        WHEN NOT (new.id = old.id AND new.at = old.at AND new.act = old.act AND new.cause = old.cause
            AND new.source = old.source AND new.actor = old.actor
            AND new.note = '' AND substr(new.key, 1, 7) = 'erased:') BEGIN
        SELECT RAISE(ABORT, 'the log of suppressions only grows');
    END""",
)
_POSTGRES: Final = (
    """CREATE FUNCTION onward_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'the log of suppressions only grows' USING ERRCODE = 'integrity_constraint_violation';
    END $$""",
    """CREATE TRIGGER suppression_log_stays BEFORE DELETE OR TRUNCATE ON suppression_log
        FOR EACH STATEMENT EXECUTE FUNCTION onward_only_grows()""",
    """CREATE TRIGGER suppression_log_unaltered BEFORE UPDATE ON suppression_log FOR EACH ROW
        WHEN (NOT (new.id = old.id AND new.at = old.at AND new.act = old.act AND new.cause = old.cause
            AND new.source = old.source AND new.actor = old.actor
            AND new.note = '' AND substr(new.key, 1, 7) = 'erased:'))
        EXECUTE FUNCTION onward_only_grows()""",
)


def upgrade() -> None:
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(sa.text(statement.replace(":", r"\:")))
