"""The doctor over the history: every value of every row, changed by one character, is found on both databases."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.conftest import Clock
from tests.web.fixtures import Sender
from workflow.actions import demo
from workflow.ids import new_id
from workflow.records.chain import digest
from workflow.records.models import History, Prospect
from workflow.reports import bundle, doctor
from workflow.workspace import Workspace

LINKED = {column.name for column in History.__table__.columns}
STANDS = {column.name for column in Prospect.__table__.columns}
REFUSED = {
    "sqlite": (
        "CREATE TRIGGER t1 BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history was altered'); END",
        "CREATE TRIGGER t2 BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'history was altered'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'history was altered'; END $$",
        "CREATE TRIGGER t1 BEFORE UPDATE OR DELETE OR TRUNCATE ON history FOR STATEMENT EXECUTE FUNCTION refuse()",
    ),
}


@pytest.fixture
def told(ws: Workspace, crm: Sender, clock: Clock) -> Workspace:
    """Two prospects, one of whom has a value in every column."""
    fields = {
        "name": "Ана", "company": "Example", "phone": "+359888123456", "title": "COO", "language": "bg",
        "time_zone": "Europe/Sofia", "country": "BG", "city": "Русе",
    }  # fmt: skip
    crm.tell("prospect.upserted", prospect={"email": "ana@example.com", **fields})
    clock.advance(minutes=3)
    crm.tell("call.ended", data={"minutes": 12})
    crm.tell("move.requested", data={"trigger": "qualify"})
    crm.tell("move.requested", data={"trigger": "close", "outcome": "lost", "reason": "price"})
    crm.tell("call.ended", "boris@example.com")
    return ws


def other(value: Any) -> Any:
    """A value of the same type that differs by the least."""
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, dict):
        return json.loads(json.dumps(value)[:-1] + (", " if value else "") + '"x": 0}')
    if isinstance(value, int):
        return value + 70
    return f"{value[:-1]}{'x' if not value.endswith('x') else 'y'}" if value else "x"


def findings(ws: Workspace) -> list[doctor.Finding]:
    return [finding for finding in doctor.examine(ws) if finding.code.startswith("history.")]


@pytest.mark.parametrize("column", sorted(LINKED - {"prospect_id"}))
def test_a_change_in_any_column_of_any_row_of_history_is_found(told: Workspace, column: str) -> None:
    with told.database.read() as tx:
        rows = tx.conn.execute(select(*History.__table__.columns)).all()
    assert not findings(told)
    for row in rows:
        mine = update(History).where(History.prospect_id == row.prospect_id)
        with told.database.write() as tx:
            tx.conn.execute(mine.where(History.version == row.version).values({column: other(getattr(row, column))}))
        found = findings(told)
        assert found, f"version {row.version}"
        assert all(row.prospect_id in finding.sentence for finding in found)
        if column != "version":
            assert f"Version {row.version} of" in found[0].sentence
        changed = row.version + 70 if column == "version" else row.version
        with told.database.write() as tx:
            tx.conn.execute(mine.where(History.version == changed).values({column: getattr(row, column)}))
    assert not findings(told)


def test_a_row_that_was_given_to_somebody_else_is_found(told: Workspace) -> None:
    with told.database.write() as tx:
        ana, boris = tx.conn.execute(select(Prospect.id).order_by(Prospect.id)).scalars()
        last = select(Prospect.version).where(Prospect.id == ana).scalar_subquery()
        moved = update(History).where(History.prospect_id == ana, History.version == last)
        tx.conn.execute(moved.values(prospect_id=boris, version=3))
    assert {finding.code for finding in findings(told)} == {"history.gap", "history.chain", "history.fold"}


@pytest.mark.parametrize("column", sorted(STANDS - {"id", "owner_id", "merged_into"}))
def test_a_change_in_any_column_of_a_prospect_is_found(told: Workspace, column: str) -> None:
    """Also in those that the history only implies: the key of the address, the words to search in, the times."""
    with told.database.read() as tx:
        row = tx.conn.execute(select(*Prospect.__table__.columns).order_by(Prospect.id).limit(1)).one()
    with told.database.write() as tx:
        mine = update(Prospect).where(Prospect.id == row.id)
        value = getattr(row, column)
        blank = row.created_at if column == "mail_hold_until" else value
        tx.conn.execute(mine.values({column: other(blank if value is None else value)}))
    found = findings(told)
    assert found
    assert all(row.id in finding.sentence for finding in found)


def test_a_merge_that_no_history_tells_of_is_found(told: Workspace) -> None:
    with told.database.write() as tx:
        ana, boris = tx.conn.execute(select(Prospect.id).order_by(Prospect.id)).scalars()
        tx.conn.execute(update(Prospect).where(Prospect.id == ana).values(merged_into=boris))
    assert any("merged_into" in finding.sentence for finding in findings(told))


def test_an_owner_that_no_history_tells_of_is_found(told: Workspace) -> None:
    with told.database.write() as tx:
        rep = {"id": new_id(), "email": "iva@example.com", "at": "2026-11-10 08:00:00.000000+00:00"}
        tx.conn.execute(
            text("INSERT INTO rep (id, email, name, role, created_at) VALUES (:id, :email, '', 'rep', :at)"), rep
        )
        tx.conn.execute(update(Prospect).values(owner_id=rep["id"]))
    assert "owner_id" in findings(told)[0].sentence


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_history_without_its_prospect_is_found(told: Workspace) -> None:
    """Only where the foreign keys are off, as in any other program that opens the file."""
    with told.database.read() as tx:
        known = tx.conn.execute(select(Prospect.id).order_by(Prospect.id).limit(1)).scalar_one()
        raw = tx.conn.connection.driver_connection
        assert raw is not None
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("DELETE FROM prospect WHERE id = ?", (known,))
    raw.execute("PRAGMA foreign_keys = ON")
    assert [(each.code, known in each.sentence) for each in findings(told)] == [("history.lost", True)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET at = 'x026-11-10 08:00:00.000000' WHERE version = 1",
        "UPDATE history SET detail = '{' WHERE version = 1",
        "UPDATE prospect SET moved_at = '2026'",
        "UPDATE prospect SET moved_at = '2026-11'",
        "UPDATE prospect SET custom = ''",
    ],
)
def test_a_value_that_is_no_value_is_named_and_the_rest_still_judged(told: Workspace, statement: str) -> None:
    with told.database.write() as tx:
        boris = tx.conn.execute(select(Prospect.id).order_by(Prospect.id.desc()).limit(1)).scalar_one()
        joined = " AND " if "WHERE" in statement else " WHERE "
        place = "prospect_id = :boris" if "history" in statement else "id = :boris"
        tx.conn.execute(text(statement + joined + place), {"boris": boris})
        tx.conn.execute(update(History).where(History.prospect_id != boris, History.version == 1).values(reason="else"))
    found = findings(told)
    assert {finding.code for finding in found} == {"history.chain", "history.unreadable"}
    assert boris in next(finding.sentence for finding in found if finding.code == "history.unreadable")


def test_a_chain_made_anew_is_found_only_by_what_was_kept_elsewhere(told: Workspace) -> None:
    """Whoever may write to the database may make every digest anew: so the doctor is silent, and the export is not."""
    with told.database.read() as tx:
        kept = bundle.export(tx, len).digest
    with told.database.write() as tx:
        person = tx.conn.execute(select(Prospect.id).order_by(Prospect.id).limit(1)).scalar_one()
        link = ""
        for row in tx.conn.execute(
            select(*History.__table__.columns).where(History.prospect_id == person).order_by(History.version)
        ).all():
            told_anew = {**row._asdict(), "reason": "another"}
            link = told_anew["digest"] = digest(link, told_anew)
            mine = (History.prospect_id == person) & (History.version == row.version)
            tx.conn.execute(update(History).where(mine).values(reason="another", digest=link))
        tx.conn.execute(update(Prospect).where(Prospect.id == person).values(chain=link))
    assert not findings(told)
    with told.database.read() as tx:
        assert bundle.export(tx, len).digest != kept


def test_nothing_in_three_weeks_of_work_changes_a_row_of_history(ws: Workspace) -> None:
    """The whole demo, played by the doors of daily life, on a database that refuses to alter history."""
    with ws.database.write() as tx:
        for statement in REFUSED[tx.conn.dialect.name]:
            tx.conn.exec_driver_sql(statement)
    demo.fill(ws)
    assert not findings(ws)
    with ws.database.read() as tx:
        assert tx.conn.execute(select(func.count()).select_from(History)).scalar_one() > 50
    with pytest.raises(DBAPIError, match="history was altered"), ws.database.write() as tx:
        tx.conn.execute(update(History).values(actor="else"))
