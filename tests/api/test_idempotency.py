"""`Idempotency-Key`: what is sent again is answered again, and done once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.conftest import Clock
from tests.web.fixtures import Api, body_of
from workflow.actions import people
from workflow.records.models import IdempotentAnswer, Prospect
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"


def names(api: Api) -> list[str]:
    return [each["name"] for each in api.get("/prospects")["items"]]


def test_the_same_call_under_one_key_is_done_once_and_answered_alike(api: Api) -> None:
    first = api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1")
    again = api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert names(api) == ["a"]


def test_another_body_or_address_under_the_same_key_is_422(api: Api) -> None:
    made = body_of(api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1"))
    assert api.ask("POST", "/prospects", {"name": "b"}, Idempotency_Key="k1").status_code == 422
    path = f"/prospects/{made['id']}/moves"
    assert api.ask("POST", path, {"trigger": "qualify"}, Idempotency_Key="k1").status_code == 422
    assert names(api) == ["a"]


def test_a_refusal_is_kept_as_well(api: Api) -> None:
    made = body_of(api.ask("POST", "/prospects", {"name": "a"}))
    path = f"/prospects/{made['id']}/moves"
    first = api.ask("POST", path, {"trigger": "diagnose"}, Idempotency_Key="k1")
    api.ask("POST", path, {"trigger": "qualify"})
    again = api.ask("POST", path, {"trigger": "diagnose"}, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (422, 422)
    assert (again.data, again.mimetype) == (first.data, "application/problem+json")
    missing = f"/prospects/{NOWHERE}/moves"
    told = [api.ask("POST", missing, {"trigger": "a"}, Idempotency_Key="k2") for _ in range(2)]
    assert [(each.status_code, each.mimetype) for each in told] == [(404, "application/problem+json")] * 2
    assert told[1].headers["Idempotent-Replayed"] == "true"


def test_what_did_not_pass_the_door_uses_no_key_up(api: Api) -> None:
    assert api.ask("POST", "/prospects", {"nme": "a"}, Idempotency_Key="k1").status_code == 422
    assert api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1").status_code == 201


def test_a_call_that_is_still_in_work_is_409_and_given_up_after_a_minute(api: Api, ws: Workspace, clock: Clock) -> None:
    api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1")
    with ws.database.write() as tx:
        tx.conn.execute(update(IdempotentAnswer).values(status=None, body=None))
    assert api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1").status_code == 409
    clock.advance(seconds=61)
    assert api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1").status_code == 201


def test_a_key_is_good_again_after_a_day(api: Api, clock: Clock) -> None:
    api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1")
    clock.advance(timedelta(hours=24))
    assert api.ask("POST", "/prospects", {"name": "b"}, Idempotency_Key="k1").status_code == 422
    clock.advance(seconds=1)
    assert api.ask("POST", "/prospects", {"name": "b"}, Idempotency_Key="k1").status_code == 201


def test_each_api_key_has_its_own(api: Api, ws: Workspace) -> None:
    other = Api(api.client, people.add_key(ws, "other", "rep"))
    for caller in (api, other):
        assert caller.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1").status_code == 201
    assert names(api) == ["a", "a"]


@pytest.mark.parametrize("name", ["", " ", "a b", "é", "x" * 201])
def test_an_odd_key_is_400(api: Api, name: str) -> None:
    assert api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key=name).status_code == 400
    assert names(api) == []


def test_trouble_of_ours_is_forgotten_so_that_it_may_be_tried_again(
    api: Api, ws: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with ws.database.write() as tx:
        tx.conn.exec_driver_sql("ALTER TABLE history RENAME TO gone")
    answer = api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1")
    assert answer.status_code in (500, 503)
    assert "gone" not in answer.text
    assert "history" not in answer.text
    with ws.database.read() as tx:
        assert tx.conn.execute(select(func.count()).select_from(IdempotentAnswer)).scalar_one() == 0
        assert tx.conn.execute(select(func.count()).select_from(Prospect)).scalar_one() == 0
    with ws.database.write() as tx:
        tx.conn.exec_driver_sql("ALTER TABLE gone RENAME TO history")
    assert api.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k1").status_code == 201
    assert len([record for record in caplog.records if record.levelname in ("ERROR", "WARNING")]) == 1
