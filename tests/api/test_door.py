"""What every call to the API must pass, and what one that does not is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests.conftest import Clock
from tests.web.fixtures import Api, body_of
from web import errors
from web.api import mount
from web.api.limits import Buckets
from web.api.mount import PREFIX, ROUTES
from workflow import rights
from workflow.actions import people
from workflow.records.models import IdempotentAnswer, Prospect
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"
ADDRESSES = [(route.method, route.path.replace("<id>", NOWHERE)) for route in ROUTES]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_no_route_opens_without_a_valid_key(ws: Workspace, api: Api, method: str, path: str) -> None:
    people.add_key(ws, "old", "admin")
    other = people.add_key(ws, "revoked", "admin")
    people.revoke_key(ws, "revoked")
    wrong = api.key[:-1] + ("A" if api.key[-1] != "A" else "B")
    headers: list[dict[str, str]] = [{"Authorization": f"Bearer {key}"} for key in ("", "x", other, wrong, api.key * 2)]
    headers += [{}, {"Authorization": api.key}, {"Authorization": f"Basic {api.key}"}, {"X-API-Key": api.key}]
    for header in headers:
        answer = api.client.open(PREFIX + path, method=method, headers=header, json={} if method != "GET" else None)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), header
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    answer = api.client.open(PREFIX + path, method=method, headers={"Authorization": f"bearer  {api.key}"}, json={})
    assert answer.status_code != 401


@pytest.mark.parametrize("role", people.ROLES)
def test_every_route_asks_for_its_right(ws: Workspace, api: Api, role: str) -> None:
    caller = Api(api.client, people.add_key(ws, f"a {role}", role))
    for route in ROUTES:
        answer = caller.ask(route.method, route.path.replace("<id>", NOWHERE), {} if route.method != "GET" else None)
        allowed = route.right is None or rights.may(role, route.right)
        assert (answer.status_code != 403) is allowed, (role, route.path)


def test_deliveries_and_mailboxes_are_not_for_every_key() -> None:
    asks = {(route.method, route.path): route.right for route in ROUTES}
    assert asks["POST", "/deliveries/<id>/replay"] == asks["GET", "/deliveries"] == "deliveries"
    assert asks["POST", "/mailboxes/<id>/resume"] == "resume_mailbox"


@pytest.mark.parametrize("query", ["api_key={key}", "key=x", "token=x", "access_token={key}", "q={key}", "KEY=x"])
def test_a_key_in_the_address_is_400(api: Api, query: str) -> None:
    answer = api.ask("GET", "/prospects?" + query.format(key=api.key))
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert api.key not in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"name": "a"}', "application/json; charset=utf-8", 201),
        (b'{"name": "a"}', "application/merge-patch+json", 201),
        (b'{"name": "a"}', "text/plain", 415),
        (b'{"name": "a"}', "", 415),
        (b"name=a", "application/x-www-form-urlencoded", 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"custom": {"n": ' + b"9" * 5000 + b"}}", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'"a"', "application/json", 422),
        (b" " * ((1 << 20) + 1), "application/json", 413),
    ],
)
def test_only_json_that_can_be_read_gets_in(api: Api, body: bytes, kind: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": kind}
    answer = api.client.post("/api/v1/prospects", data=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == ("application/json" if status == 201 else "application/problem+json")


def test_a_packed_body_is_refused(api: Api) -> None:
    assert api.ask("POST", "/prospects", {"name": "a"}, Content_Encoding="gzip").status_code == 415


def test_a_call_that_takes_no_body_refuses_one(api: Api) -> None:
    path = f"/touches/{NOWHERE}/skip"
    assert [api.ask("POST", path, body).status_code for body in (None, {}, {"why": "x"})] == [404, 404, 422]


@pytest.mark.parametrize(
    "path", ["", "/", "/nowhere", "/prospects/", "//prospects", "/prospects/x/y/z", "/openapi.yaml"]
)
def test_an_unknown_address_is_404_in_problem_details(api: Api, path: str) -> None:
    answer = api.ask("GET", path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_wrong_method_is_405_and_says_which_are_right(api: Api) -> None:
    answer = api.ask("DELETE", "/prospects")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_no_other_origin_is_let_in(api: Api) -> None:
    answer = api.ask("GET", "/prospects", Origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer.headers


# --- Idempotency-Key


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


# --- rate


def test_a_key_that_runs_wild_is_429_and_told_when_to_go_on(ws: Workspace, api: Api) -> None:
    app = Flask("limited")
    errors.register(app)
    mount.register(app, ws, Buckets(per_minute=3, clock=lambda: 0.0))
    client = app.test_client()

    def ask(address: str, **headers: str) -> TestResponse:
        own = {"Authorization": f"Bearer {api.key}", **headers}
        return client.get("/api/v1/playbook", headers=own, environ_overrides={"REMOTE_ADDR": address})

    assert [ask("203.0.113.9").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    answer = ask("203.0.113.9")
    assert (answer.headers["Retry-After"], answer.mimetype) == ("20", "application/problem+json")
    assert [ask(address).status_code for address in ("127.0.0.1", "::1", "127.0.0.1")] == [200] * 3
    assert ask("127.0.0.1", **{"X-Forwarded-For": "203.0.113.9"}).status_code == 429


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = Buckets(per_minute=60, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0.0
    now[0] += 0.5
    assert buckets.take("a") == pytest.approx(0.5)
    now[0] += 0.5
    assert buckets.take("a") == 0.0
    now[0] += 3600
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") > 0
