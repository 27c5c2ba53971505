"""How the daily test of the link to unsubscribe stands: for doctor, and for monitors. Reads only."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow.records.suppressions import LinkTest

if TYPE_CHECKING:
    from workflow.records.db import Record, Tx

_LATE: Final = timedelta(days=2)


def look(tx: Tx) -> Record | None:
    """The newest test: `asked_at`, `passed_at`, `result`, `problem`; None where none was made."""
    row = tx.conn.execute(select(*LinkTest.__table__.columns)).first()
    return row if row is not None and row.result != "none" else None


def fault(tx: Tx) -> str | None:
    """What is wrong, when looking at the link changed something."""
    row = look(tx)
    if row is None or row.result != "changed":
        return None
    return f"Opening the link to unsubscribe changed something ({row.problem}): mend what acts on it, then resume."


def remark(tx: Tx, base_url: str) -> str | None:
    """What should be known: that the link cannot be reached, or was not tested for long."""
    row = look(tx)
    if row is None:
        return None
    if row.result == "unreached":
        return f"The link to unsubscribe under {base_url} was not reached by the daily test: {row.problem}."
    if row.asked_at is not None and tx.now - row.asked_at > _LATE:
        return f"The link to unsubscribe was last tested at {row.asked_at:%Y-%m-%d %H:%M}Z: no clock does it."
    return None
