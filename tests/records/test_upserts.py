"""Insert unless it is there, on both databases: every "once" of the product rests on the answer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tests.conftest import Clock
from workflow.records import upserts
from workflow.records.db import Database
from workflow.records.models import Suppression


def _row(clock: Clock, cause: str) -> dict[str, Any]:
    return {"email_key": "ana@example.com", "cause": cause, "actor": "system", "at": clock.now}


def test_it_tells_a_first_row_from_a_repeated_one(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        assert upserts.insert_new(tx, Suppression, _row(clock, "bounce"))
        assert not upserts.insert_new(tx, Suppression, _row(clock, "complaint"))
    with database.read() as tx:
        assert tx.conn.execute(select(Suppression.cause)).scalar_one() == "bounce"


def test_it_overwrites_what_it_is_not_told_to_keep(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        upserts.upsert(tx, Suppression, _row(clock, "bounce"), keys=("email_key",))
        again = {**_row(clock, "complaint"), "actor": "rep:1"}
        upserts.upsert(tx, Suppression, again, keys=("email_key",), keep=("actor",))
    with database.read() as tx:
        assert tuple(tx.conn.execute(select(Suppression.cause, Suppression.actor)).one()) == ("complaint", "system")
