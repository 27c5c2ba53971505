"""Statements that the driver runs itself behave as those of Core: types, counts and the names of errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from tests.conftest import Clock
from workflow.errors import Unavailable
from workflow.records.db import Database
from workflow.records.models import IN_HANDS, Delivery, Source, Suppression, Touch
from workflow.records.prepared import Prepared, one_of

KEEP = Prepared(insert(Delivery))
BAR = Prepared(insert(Suppression))
FIND = Prepared(select(Suppression.cause, Suppression.at).where(Suppression.email_key == bindparam("who")))
CHANGE = Prepared(
    update(Suppression).where(Suppression.email_key.in_([literal("a@example.com"), literal("b@example.com")]))
)


def _barred(clock: Clock, email_key: str, **more: object) -> Mapping[str, object]:
    return {"email_key": email_key, "cause": "bounce", "actor": "system", "at": clock.now, **more}


def test_it_writes_every_type_as_core_reads_it(database: Database, clock: Clock) -> None:
    source = {"id": "s" * 36, "name": "crm", "kind": "standard", "secrets": "", "created_at": clock.now}
    row: dict[str, Any] = {
        "id": "d" * 36,
        "source_id": "s" * 36,
        "dedupe_key": "Ключ",
        "received_at": datetime(2026, 11, 10, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))),
        "status": "accepted",
        "repeats": 0,
        "headers": {"х": ["y", 1, None]},
        "body": b"\x00\xff",
        "reason": None,
    }
    with database.write() as tx:
        tx.conn.execute(insert(Source), source)
        assert KEEP.run(tx, row) == 1
        kept = tx.conn.execute(select(*Delivery.__table__.columns)).one()._asdict()
    assert kept == {**row, "received_at": datetime(2026, 11, 10, 8, 0, 0, 5, tzinfo=UTC)}


def test_it_reads_what_it_wrote(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        BAR.run_all(tx, [_barred(clock, "a@example.com"), _barred(clock, "b@example.com", cause="complaint")])
        found = FIND.first(tx, {"who": "b@example.com"})
        assert found is not None
        assert (found.cause, found.at) == ("complaint", clock.now)
        assert FIND.first(tx, {"who": "c@example.com"}) is None
        assert list(FIND.all(tx, {"who": "c@example.com"})) == []


def test_it_counts_what_it_changed(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        BAR.run_all(tx, [_barred(clock, f"{name}@example.com") for name in "abc"])
        assert CHANGE.run(tx, {"cause": "test"}) == 2


def test_it_refuses_a_time_without_a_zone(database: Database) -> None:
    with pytest.raises(ValueError, match="without a zone"), database.write() as tx:
        BAR.run(tx, {"email_key": "a", "cause": "", "actor": "", "at": datetime(2026, 1, 1)})  # noqa: DTZ001


def test_it_refuses_to_run_without_a_value(database: Database) -> None:
    with pytest.raises(KeyError, match="who"), database.read() as tx:
        FIND.all(tx, {})


def test_it_names_errors_as_core_does_and_an_attempt_survives_them(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        BAR.run(tx, _barred(clock, "a@example.com"))
        with pytest.raises(IntegrityError), tx.attempt():
            BAR.run(tx, _barred(clock, "a@example.com"))
        BAR.run(tx, _barred(clock, "b@example.com"))
    with database.read() as tx:
        assert len(tx.conn.execute(select(Suppression.email_key)).all()) == 2


def test_a_connection_that_dies_in_the_middle_is_named_and_not_used_again(postgres_url: str, clock: Clock) -> None:
    """And one that died between two transactions is replaced without a word."""
    database = Database(postgres_url, clock=clock)
    with pytest.raises(Unavailable), database.write() as tx:  # noqa: PT012 - the error comes out of the block
        _end_sessions(postgres_url)
        BAR.run(tx, _barred(clock, "a@example.com"))
    with database.write() as tx:
        BAR.run(tx, _barred(clock, "a@example.com"))
    _end_sessions(postgres_url)
    with database.read() as tx:
        assert FIND.first(tx, {"who": "a@example.com"}) is not None
    database.close()


def _end_sessions(url: str) -> None:
    """End every session of this database, as a restart of the server does."""
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(url.replace("+psycopg", "").replace(name, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def test_a_statement_that_names_the_states_in_hands_looks_only_among_them(sqlite_url: str) -> None:
    """SQLite takes a partial index only for a statement that says the same words; a million rows wait beside them."""
    database = Database(sqlite_url)
    held = select(Touch.id).where(Touch.state == "claimed", Touch.mailbox_id == "m", one_of(Touch.state, IN_HANDS))
    with database.read() as tx:
        words = held.compile(dialect=tx.conn.dialect, compile_kwargs={"render_postcompile": True})
        plan = tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", ("claimed", "m")).all()
    database.close()
    assert "ix_touch_open (state=? AND mailbox_id=?)" in plan[0][3]
