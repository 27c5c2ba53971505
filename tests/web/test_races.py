"""Many at once: of what comes twice at the same moment, one wins and the other is told so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.support.processes import signed
from tests.web.fixtures import Api, Sender, body_of
from workflow.records.models import Event, History, Prospect
from workflow.reports import doctor
from workflow.workspace import Workspace

T = TypeVar("T")
HANDS = 6


def at_once(work: Callable[[int], T]) -> list[T]:
    """What `work` gave in each of several threads that began together."""
    ready = Barrier(HANDS)

    def begin(number: int) -> T:
        ready.wait()
        return work(number)

    with ThreadPoolExecutor(HANDS) as pool:
        return list(pool.map(begin, range(HANDS)))


def count(ws: Workspace, table: Any, *which: Any) -> int:
    with ws.database.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(table).where(*which)).scalar_one()


@pytest.fixture
def post(app: Flask, crm: Sender) -> Callable[[object, str], Any]:
    """Posts a delivery on a client of its own, again while the database asks for that, as a sender would."""

    def send(body: object, delivery_id: str) -> Any:
        content = json.dumps(body).encode()
        headers = {**signed(crm.secret, content, delivery_id, crm.clock.now), "Host": "127.0.0.1"}
        for _ in range(5):
            answer = app.test_client().post("/webhooks/crm", data=content, headers=headers)
            if answer.status_code != 503:
                break
        assert answer.status_code == 202, answer.text
        return body_of(answer)

    return send


def test_of_one_delivery_many_times_at_once_one_is_accepted(ws: Workspace, post: Callable[[object, str], Any]) -> None:
    event = {"id": "e", "type": "call.ended", "prospect": {"email": "ana@example.com"}}
    told = at_once(lambda _: post(event, "msg_1"))
    assert Counter(each["status"] for each in told) == {"accepted": 1, "duplicate": HANDS - 1}
    assert len({each["delivery"] for each in told}) == 1
    assert count(ws, History, History.kind == "call.ended") == 1
    assert doctor.examine(ws) == ()


def test_of_one_event_in_many_deliveries_at_once_one_is_applied(
    ws: Workspace, post: Callable[[object, str], Any]
) -> None:
    event = {"id": "e", "type": "call.ended", "prospect": {"email": "ana@example.com"}}
    told = at_once(lambda number: post(event, f"msg_{number}"))
    outcomes = Counter(each["events"][0]["outcome"] for each in told)
    assert outcomes == {"applied": 1, "duplicate": HANDS - 1}
    assert count(ws, History, History.kind == "call.ended") == 1
    assert count(ws, Event, Event.outcome == "applied") == 1
    assert doctor.examine(ws) == ()


def test_one_prospect_told_of_at_once_is_made_once(ws: Workspace, post: Callable[[object, str], Any]) -> None:
    def tell(number: int) -> Any:
        who = {"email": "ana@example.com", "ref": "crm-1"}
        return post({"id": f"e{number}", "type": "call.ended", "prospect": who}, f"msg_{number}")

    outcomes = Counter(each["events"][0]["outcome"] for each in at_once(tell))
    assert count(ws, Prospect) == 1
    # Who lost the race to make the prospect is tried again by the clock; nothing is lost and nothing is doubled.
    assert outcomes["applied"] + outcomes["failed"] == HANDS
    assert count(ws, History, History.kind == "call.ended") == outcomes["applied"] >= 1
    assert doctor.examine(ws) == ()


def test_one_call_many_times_at_once_under_one_key_is_done_once(app: Flask, api: Api, ws: Workspace) -> None:
    def call(_number: int) -> int:
        mine = Api(app.test_client(), api.key)
        return mine.ask("POST", "/prospects", {"name": "a"}, Idempotency_Key="k", Host="127.0.0.1").status_code

    assert set(at_once(call)) <= {201, 409}
    assert count(ws, Prospect) == 1


def test_of_moves_from_one_version_at_once_one_wins(app: Flask, api: Api, ws: Workspace) -> None:
    made = body_of(api.ask("POST", "/prospects", {"name": "a"}))

    def move(_number: int) -> int:
        mine = Api(app.test_client(), api.key)
        path = f"/prospects/{made['id']}/moves"
        return mine.ask("POST", path, {"trigger": "qualify", "version": 1}, Host="127.0.0.1").status_code

    assert Counter(at_once(move)) == {200: 1, 409: HANDS - 1}
    assert doctor.examine(ws) == ()
