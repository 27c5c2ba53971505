"""The schema: brings a database to this release, and tells whether it is there.

Only commands that upgrade import this module: the migration library is not needed to serve.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from workflow.errors import StartError, Unavailable

if TYPE_CHECKING:
    from workflow.records.db import Database

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
# Any number does, as long as it stays the same between releases.
_UPGRADE_LOCK = 7_306_001


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`. Raises StartError with one sentence when that fails.

    Two processes that upgrade at once are safe: the second waits and finds the work done.
    """
    if database.is_sqlite:
        Path(database.url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        with database.write() as tx:
            if not database.is_sqlite:
                tx.conn.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _UPGRADE_LOCK})
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = tx.conn
            command.upgrade(config, revision)
    except (DBAPIError, Unavailable) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        reason = str(getattr(cause, "orig", cause)).strip().partition("\n")[0]
        message = f"The database cannot be opened or upgraded: {reason}"
        raise StartError(message) from error
