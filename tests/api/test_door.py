"""What every call to the API must pass, and what one that does not is told."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.fixtures import Api
from web import errors
from web.api import mount
from web.api.limits import Buckets
from web.api.mount import PREFIX, ROUTES
from workflow import rights
from workflow.actions import people
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"
ADDRESSES = [(route.method, route.path.replace("<id>", NOWHERE)) for route in ROUTES]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on which."""
    return sqlite_url


def test_no_route_opens_without_a_valid_key(ws: Workspace, api: Api) -> None:
    people.add_key(ws, "old", "admin")
    other = people.add_key(ws, "revoked", "admin")
    people.revoke_key(ws, "revoked")
    wrong = api.key[:-1] + ("A" if api.key[-1] != "A" else "B")
    headers: list[dict[str, str]] = [{"Authorization": f"Bearer {key}"} for key in ("", "x", other, wrong, api.key * 2)]
    headers += [{}, {"Authorization": api.key}, {"Authorization": f"Basic {api.key}"}, {"X-API-Key": api.key}]
    for method, path in ADDRESSES:
        body: dict[str, object] | None = {} if method != "GET" else None
        for header in headers:
            answer = api.client.open(PREFIX + path, method=method, headers=header, json=body)
            assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), (path, header)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        answer = api.client.open(PREFIX + path, method=method, headers={"Authorization": f"bearer  {api.key}"}, json={})
        assert answer.status_code != 401, path


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
