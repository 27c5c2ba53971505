"""Waiting for a lock: once, and then the one who asked gets an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text

from workflow.errors import Unavailable
from workflow.records.db import Database, Tx
from workflow.records.models import Fact
from workflow.records.upserts import insert_new


class Counted(Database):
    """A database that counts the transactions it was asked for."""

    tries = 0

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Tx]:
        """Count and write."""
        self.tries += 1
        with super().write(alone=alone) as tx:
            yield tx


def test_a_lock_that_somebody_keeps_is_waited_for_once(database_url: str) -> None:
    """Five seconds, not five times five: the sender of a webhook has given up by then."""
    holder, waiting = Database(database_url, pooled=False), Counted(database_url, pooled=False)
    with holder.write() as kept:
        if kept.locks_rows:
            kept.conn.execute(text("LOCK TABLE fact IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Unavailable):
            waiting.transact(lambda tx: insert_new(tx, Fact, {"name": "late", "value": "1"}))
    assert waiting.tries == 1
    waiting.transact(lambda tx: insert_new(tx, Fact, {"name": "late", "value": "1"}))
    with holder.read() as tx:
        assert tx.conn.execute(select(Fact.value).where(Fact.name == "late")).scalar_one() == "1"
