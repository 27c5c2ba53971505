"""Health: what a monitor is told, by whom it may be asked, and what makes us unready."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from tests.conftest import Clock
from tests.web.fixtures import Api, Sender, body_of
from web import create_app
from workflow import ids
from workflow.actions.outreach import recover
from workflow.records.db import Database
from workflow.records.models import Mailbox, Touch
from workflow.workspace import Workspace


def numbers(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_process_says_that_it_lives_whatever_the_database_does(ws: Workspace, client: FlaskClient) -> None:
    with ws.database.write() as tx:
        tx.conn.exec_driver_sql("DROP TABLE alembic_version")
    answer = client.get("/healthz", headers={"Host": "10.0.0.7:8000"})
    assert (answer.status_code, body_of(answer)) == (200, {"status": "ok"})


def test_it_is_ready_without_queue_clock_and_workers_and_tells_of_them(client: FlaskClient) -> None:
    answer = client.get("/readyz", headers={"Host": "10.0.0.7:8000"})
    silent = {"alive": 0, "last_heard_seconds_ago": None}
    assert answer.status_code == 200
    assert body_of(answer) == {
        "ready": True,
        "database": "ok",
        "schema": "ok",
        "queue": {"state": "unknown", "due_lag_seconds": 0.0},
        "clock": silent,
        "workers": silent,
        "senders": silent,
    }


def test_it_tells_who_lives_and_since_when_the_others_are_silent(
    ws: Workspace, client: FlaskClient, clock: Clock
) -> None:
    recover.beat(ws, ids.new_id(), "worker", "old", {})
    clock.advance(seconds=60)
    recover.beat(ws, ids.new_id(), "clock", "here", {"hints_arrive": False})
    clock.advance(seconds=2)
    told = body_of(client.get("/readyz"))
    assert told["clock"] == {"alive": 1, "last_heard_seconds_ago": 2.0}
    assert told["workers"] == {"alive": 0, "last_heard_seconds_ago": 62.0}
    assert told["queue"]["state"] == "away"
    recover.beat(ws, ids.new_id(), "clock", "there", {"hints_arrive": True})
    assert body_of(client.get("/readyz"))["queue"]["state"] == "ok"


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "of another release"),
        ("DELETE FROM alembic_version", "of another release"),
        ("DROP TABLE alembic_version", "missing"),
    ],
)
def test_it_is_not_ready_on_another_schema(ws: Workspace, client: FlaskClient, statement: str, word: str) -> None:
    with ws.database.write() as tx:
        tx.conn.exec_driver_sql(statement)
    answer = client.get("/readyz")
    assert (answer.status_code, body_of(answer)) == (503, {"ready": False, "database": "ok", "schema": word})


def test_it_is_not_ready_without_a_database(ws: Workspace, tmp_path: Path) -> None:
    away = Database(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    lost = Workspace(ws.settings, away, ws.playbooks, ws.templates, ws.mailbox_id, b"k")
    client = create_app(lost).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, body_of(answer)) == (503, {"ready": False, "database": "away"})
    refused = client.get("/metrics")
    assert refused.status_code == 503
    assert "folder" not in refused.text
    away.close()


def test_metrics_count_what_is_there(ws: Workspace, client: FlaskClient, crm: Sender, clock: Clock) -> None:
    crm.tell("call.ended")
    crm.deliver(b"{")
    crm.tell("email.replied", "nobody@example.com")
    recover.beat(ws, ids.new_id(), "clock", "here", {"hints_arrive": True})
    with ws.database.write() as tx:
        tx.conn.execute(update(Mailbox).values(state="paused"))
    clock.advance(seconds=12)
    found = numbers(client.get("/metrics").text)
    assert found["onward_due_lag_seconds"] == pytest.approx(10)
    assert found["onward_touches[scheduled]"] == 2
    assert found["onward_uncertain"] == 0
    assert found["onward_inbox_waiting"] == 1
    assert found["onward_inbox_dead"] == 1
    assert found["onward_mailboxes_paused"] == 1
    assert found["onward_hints_arrive"] == 1
    assert (found["onward_crm_links"], found["onward_crm_lookups_failed"], found["onward_crm_writes_dead"]) == (0, 0, 0)
    assert found["onward_processes[clock]"] == 1
    assert found["onward_heartbeat_age_seconds[clock]"] == 12
    assert "onward_oldest_claim_seconds" not in found
    with ws.database.write() as tx:
        first = update(Touch).where(Touch.position == 0)
        tx.conn.execute(first.values(state="claimed", hint_at=clock.now))
        tx.conn.execute(update(Touch).where(Touch.position == 1).values(state="uncertain"))
    clock.advance(seconds=5)
    found = numbers(client.get("/metrics").text)
    assert found["onward_oldest_claim_seconds"] == 5
    assert found["onward_uncertain"] == found["onward_touches[uncertain]"] == 1


def test_metrics_are_for_this_machine_or_for_a_key(client: FlaskClient, api: Api) -> None:
    afar = {"REMOTE_ADDR": "203.0.113.9"}
    key = {"Authorization": f"Bearer {api.key}"}
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_overrides=afar).status_code == 401
    assert client.get("/metrics", environ_overrides=afar, headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get("/metrics", environ_overrides=afar, headers=key).status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert client.get("/metrics", headers={"Forwarded": "for=203.0.113.9"}).status_code == 401
