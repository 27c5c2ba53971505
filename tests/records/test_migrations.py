"""The migrations: they make what the models describe, on both databases, and running them again changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from workflow.errors import StartError
from workflow.records import schema
from workflow.records.base import Base
from workflow.records.db import Database
from workflow.records.finding import OF_THE_INDEX
from workflow.records.models import REVISION, Enrollment, Fact, Prospect, Publication, Touch
from workflow.records.stays import Stay
from workflow.records.upserts import insert_new

MIGRATIONS = Path(schema.__file__).with_name("migrations")


def test_the_models_and_the_migrations_agree(database_url: str) -> None:
    database = Database(database_url, pooled=False)
    with database.read() as tx:
        # The index of the search belongs to the database; what it finds is held by the tests of the search.
        ours = {"compare_type": True, "include_name": lambda name, *_more: not str(name).startswith(OF_THE_INDEX)}
        context = MigrationContext.configure(tx.conn, opts=ours)
        assert compare_metadata(context, Base.metadata) == []


def test_the_release_names_its_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == REVISION


def test_upgrading_again_keeps_everything(database_url: str) -> None:
    database = Database(database_url, pooled=False)
    with database.write() as tx:
        insert_new(tx, Fact, {"name": "kept", "value": "yes"})
    schema.upgrade(database)
    with database.read() as tx:
        assert tx.conn.execute(select(Fact.value).where(Fact.name == "kept")).scalar_one() == "yes"
        assert tx.conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == REVISION


def test_two_upgrades_at_once_are_one(place: Path) -> None:
    url = f"sqlite:///{place / 'fresh.db'}"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: schema.upgrade(Database(url, pooled=False)), range(2)))
    with Database(url, pooled=False).read() as tx:
        assert tx.conn.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_what_is_no_database_is_refused_in_one_sentence(place: Path) -> None:
    (place / "onward.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StartError, match="cannot be opened or upgraded"):
        schema.upgrade(Database(f"sqlite:///{place / 'onward.db'}", pooled=False))


def test_a_database_of_the_first_release_is_upgraded_with_all_its_rows(place: Path, postgres_url: str) -> None:
    """Adds only: what was there stays as it was, and what is new is empty."""
    for url in (f"sqlite:///{place / 'old.db'}", postgres_url):
        database = Database(url, pooled=False)
        with database.write() as tx:
            if tx.locks_rows:
                tx.conn.execute(text("DROP SCHEMA public CASCADE"))
                tx.conn.execute(text("CREATE SCHEMA public"))
        schema.upgrade(database, "0001")
        with database.write() as tx:
            for statement in _ROWS:
                tx.conn.execute(text(statement), {"now": "2026-11-01 10:00:00.000000"})
        schema.upgrade(database)
        with database.read() as tx:
            assert tx.conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == REVISION
            found = select(Enrollment.sequence, Enrollment.started_version, Touch.step, Touch.trail)
            kept = tx.conn.execute(found.join(Touch, Touch.enrollment_id == Enrollment.id)).one()
            assert tuple(kept) == ("welcome", None, "hello", None)
            assert tx.conn.execute(select(Publication.id)).all() == []
            told = select(Prospect.reached, Prospect.origin, Stay.stage, Stay.hours, Stay.version)
            counted = tx.conn.execute(told.join(Stay, Stay.prospect_id == Prospect.id)).one()
            assert tuple(counted) == (" planned qualified ", "source:crm", "planned", 26, 2)
        database.close()


_ROWS = (
    "INSERT INTO playbook_version (digest, name, number, source, published_at) VALUES ('d', 'fast', 1, '', :now)",
    (
        "INSERT INTO prospect (id, email, name, company, phone, title, language, time_zone, country, custom, stage,"
        " version, chain, entered_stage_at, moved_at, search, created_at, updated_at)"
        " VALUES ('p', '', '', '', '', '', '', '', '', '{}', 'qualified', 1, '', :now, :now, '', :now, :now)"
    ),
    (
        "INSERT INTO history (prospect_id, version, at, occurred_at, kind, actor, cause, from_stage, to_stage, changes,"
        " detail, digest) VALUES ('p', 1, :now, '2026-10-31 07:30:00.000000', 'created', 'source:crm', 'event:1', NULL,"
        " 'planned', '{}', '{}', 'a'), ('p', 2, :now, :now, 'moved', 'rep:1', 'panel:1', 'planned', 'qualified', '{}',"
        " '{}', 'b')"
    ),
    (
        "INSERT INTO enrollment (id, prospect_id, sequence, playbook_digest, state, cause, started_at)"
        " VALUES ('e', 'p', 'welcome', 'd', 'active', 'test', :now)"
    ),
    (
        "INSERT INTO touch (id, enrollment_id, prospect_id, sequence, step, position, generation, kind, state, due_at,"
        " not_after, attempts, begin_errors, forced, created_at)"
        " VALUES ('t', 'e', 'p', 'welcome', 'hello', 0, 1, 'task', 'scheduled', :now, :now, 0, 0, false, :now)"
    ),
)
