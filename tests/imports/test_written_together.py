"""What an import writes by the batch is what every other door writes one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.conftest import Clock
from tests.outreach.scene import REP, Scene, opened
from tests.support import ground
from workflow.actions import importing, importing_work, prospects, sources, suppressions
from workflow.actions.outreach.spool import Spool
from workflow.engine.signals import UPSERTED, Signal
from workflow.ids import new_id
from workflow.records.base import Base
from workflow.records.db import Database, Tx
from workflow.records.models import Delivery, Event, ExternalRef, History, Prospect, Suppression
from workflow.reports import doctor, finding

PEOPLE = tuple(
    {"email": f"%{number}@{host}", "name": f"Иван {number}", "company": "Фирма ООД", "ref": f"%{number}", "x": "y"}
    for number, host in enumerate(("one.test", "sink.test", "sub.barred.test", "sink.test"))
)
AGAIN = {"email": "%3@sink.test", "name": "Other", "company": "Фирма ООД", "ref": "", "x": "z"}
# Where a prospect came from is told by who wrote it: here a file, there a rep.
OF_ITS_OWN = {"id", "prospect_id", "chain", "digest", "cause", "origin"}


@pytest.fixture
def scene(database: Database, clock: Clock, place: Path) -> Scene:
    return Scene(opened(place, database, folder=ground.folder() / "emails"), clock, Spool(place / "spool"))


def test_a_batch_writes_the_very_rows_that_single_prospects_get(scene: Scene, place: Path) -> None:
    ws = scene.ws
    sources.add(ws, "standard", "crm")
    source_id = sources.id_of(ws, "crm")
    suppressions.add(ws, "@barred.test", "a competitor", REP, "test")
    _park(scene, source_id, "a1@sink.test")
    _import(scene, place, source_id)
    with ws.database.write() as tx:
        for told in (*PEOPLE, AGAIN):
            _one_by_one(scene, tx, source_id, {name: value.replace("%", "b") for name, value in told.items()})
    with ws.database.read() as tx:
        for table, number in ((Prospect, 4), (History, 5), (ExternalRef, 4), (Suppression, 1)):
            batch, single = _told(tx, table, "a"), _told(tx, table, "b")
            assert (len(batch), batch) == (number, single), table
        looked_for = {"a0@one": 1, "ivan 1": 2, "firma": 8, "b2@sub": 1, "other": 2, "a3@": 1}
        for word, number in looked_for.items():
            found = select(Prospect.id).where(*finding.found_by(tx, word))
            assert len(tx.conn.execute(found).all()) == number, word
        assert tx.conn.execute(select(Event.next_attempt_at)).scalar_one() is not None, "the event that waited is awake"
    assert doctor.examine(ws) == ()


def _import(scene: Scene, place: Path, source_id: str) -> None:
    ws, file = scene.ws, place / "people.csv"
    rows = [";".join(told.values()).replace("%", "a") for told in (*PEOPLE, AGAIN)]
    file.write_text("\n".join(("email;name;company;ref;x", *rows)))
    job_id = importing.receive(ws, file, "people.csv", REP, {})
    with ws.database.read() as tx:
        read = importing.job(tx, job_id).options
    columns = ("email", "name", "company", "ref", "custom.x")
    importing.choose(ws, job_id, replace(read, columns=columns, source_id=source_id, double="update"))
    importing.check(ws, job_id, "me")
    importing_work.work(ws, job_id, "me")
    importing.start(ws, job_id, "me")
    importing_work.work(ws, job_id, "me")
    with ws.database.read() as tx:
        assert importing.job(tx, job_id).counts == {"made": 4, "barred": 1, "changed": 1}


def _one_by_one(scene: Scene, tx: Tx, source_id: str, told: dict[str, str]) -> None:
    fields = {name: told[name] for name in ("email", "name", "company")}
    known = prospects.by_email(tx, fields["email"])
    who = {"fields": fields, "custom": {"x": told["x"]}}
    signal = Signal(UPSERTED, tx.now, REP.actor, REP.cause, quiet=True, **who)  # type: ignore[arg-type]
    made = prospects.submit(scene.ws, tx, known, signal)
    if told["ref"]:
        prospects.remember_ref(tx, source_id, told["ref"], made.prospect_id)


def _told(tx: Tx, table: type[Base], letter: str) -> list[str]:
    """What the rows say of the people of one letter, in their order, without what each has of its own."""
    owners = {row.id: row.email[0] for row in tx.conn.execute(select(Prospect.id, Prospect.email))}
    found = []
    for row in tx.conn.execute(select(*table.__table__.columns)).mappings():
        key = row.get("prospect_id") or row.get("id")
        if (owners[key] if key else row["email_key"][0]) == letter:
            said = {name: value for name, value in row.items() if name not in OF_ITS_OWN}
            # Not behind a hyphen: there it is a sign of an id.
            found.append(re.sub(rf"(?<![\w-]){letter}(?=\d)", "%", str(said)))
    return sorted(found)


def _park(scene: Scene, source_id: str, email: str) -> None:
    with scene.ws.database.write() as tx:
        delivery, event = new_id(), new_id()
        given = {"source_id": source_id, "attempts": 0, "position": 0, "type": "x", "outcome": "parked"}
        tx.conn.execute(
            insert(Delivery).values(
                id=delivery, source_id=source_id, dedupe_key="1", received_at=tx.now, status="accepted", repeats=0,
                headers={}, body=b"{}",
            )
        )  # fmt: skip
        tx.conn.execute(
            insert(Event).values(
                id=event, delivery_id=delivery, event_key="1", event_id="1", waits_email=email, payload={}, **given
            )
        )
