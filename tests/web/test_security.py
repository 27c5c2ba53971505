"""Headers, hosts, sizes, and errors that tell nothing of our inside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.fixtures import Api, Sender, body_of
from web import create_app, errors, security
from workflow.errors import BadInput, Conflict, Forbidden, NotFound, OnwardError, StartError, Unavailable
from workflow.records.db import CommitUnknown
from workflow.workspace import Workspace

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    ),
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on which."""
    return sqlite_url


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/healthz", "/api/v1/prospects", "/api/v1/openapi.json"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Strict-Transport-Security" not in answer.headers
    assert "Server" not in answer.headers


def test_an_address_that_is_a_secret_is_not_passed_on(client: FlaskClient) -> None:
    for path in ("/u/token", "/b/token", "/sign-in/token"):
        answer = client.get(path)
        assert (answer.headers["Referrer-Policy"], answer.headers["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert "X-Robots-Tag" not in client.get("/sign-in").headers


def test_https_is_held_to_only_where_it_is_used(ws: Workspace) -> None:
    secure = replace(ws, settings=replace(ws.settings, base_url="https://onward.example.com"))
    client = create_app(secure).test_client()
    answer = client.get("/sign-in", headers={"Host": "onward.example.com"})
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_a_view_may_say_otherwise() -> None:
    own = security.policy(frame_src="'self'", img_src="'none'")
    assert "frame-src 'self'" in own
    assert "img-src 'none'" in own
    assert "data:" not in own


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("127.0.0.1:8000", True),
        ("127.0.0.1", True),
        ("localhost:9", True),
        ("LOCALHOST", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1:8000@evil.example", False),
        ("127.0.0.1:8000, evil.example", False),
        ("127.0.0.1:80000000", False),
        ("evil.example/127.0.0.1", False),
        ("", False),
        ("\x80", False),
    ],
)
def test_only_our_own_host_is_answered(client: FlaskClient, crm: Sender, host: str, *, good: bool) -> None:
    headers = {"Host": host, "X-Forwarded-Host": "127.0.0.1:8000"}
    for path in ("/sign-in", "/api/v1/openapi.json"):
        assert (client.get(path, headers=headers).status_code == 200) is good
    assert client.get("/healthz", headers=headers).status_code == 200
    assert crm.deliver({"type": "call.ended"}, headers={"Host": host}).status_code == 202


def test_behind_a_name_of_its_own_loopback_is_no_host(ws: Workspace) -> None:
    named = replace(ws, settings=replace(ws.settings, base_url="https://onward.example.com:8443"))
    client = create_app(named).test_client()
    hosts = ("onward.example.com", "onward.example.com:8443", "ONWARD.example.com.", "127.0.0.1", "localhost")
    assert [client.get("/sign-in", headers={"Host": host}).status_code for host in hosts] == [200, 200, 200, 400, 400]


def test_a_form_that_is_too_large_or_has_too_many_parts_is_413(client: FlaskClient) -> None:
    client.get("/sign-in")
    large = client.post("/sign-in", data={"email": "a" * (10 << 20)})
    many = client.post(
        "/sign-in", data={f"f{number}": "x" for number in range(1000)}, content_type="multipart/form-data"
    )
    assert (large.status_code, many.status_code) == (413, 413)


SECRET_TEXT = "table prospect at 10.0.0.7"
CASES: list[tuple[Exception, int]] = [
    (BadInput("Say it again."), 422),
    (NotFound(), 404),
    (Conflict("Too late."), 409),
    (Forbidden(), 403),
    (Unavailable(SECRET_TEXT), 503),
    (CommitUnknown(SECRET_TEXT), 503),
    (StartError(SECRET_TEXT), 500),
    (OnwardError(SECRET_TEXT), 500),
    (RuntimeError(SECRET_TEXT), 500),
    (KeyError(SECRET_TEXT), 500),
    (RecursionError(SECRET_TEXT), 500),
]


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("place", ["/api/v1/boom", "/webhooks/boom", "/boom"])
def test_each_error_has_one_answer_and_none_tells_of_our_inside(
    place: str, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("errors")
    errors.register(app)

    def boom() -> str:
        raise error

    app.add_url_rule(place, "boom", boom)
    answer = app.test_client().get(place)
    if place.startswith("/webhooks") and status == 500:
        status = 503
    kinds = {"/api/v1/boom": "application/problem+json", "/webhooks/boom": "application/json", "/boom": "text/html"}
    assert (answer.status_code, answer.mimetype) == (status, kinds[place])
    assert "10.0.0.7" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers.get("Retry-After") == ("30" if status == 503 else None)
    told = [record for record in caplog.records if record.name == "web.errors"]
    assert len(told) == (1 if status >= 500 else 0)
    if status == 500 and place.startswith("/api"):
        assert body_of(answer)["request_id"] in told[0].getMessage()


def test_a_page_for_an_error_escapes_what_it_says() -> None:
    app = Flask("errors")
    errors.register(app)

    def boom() -> str:
        raise BadInput("<script>alert(1)</script>")

    app.add_url_rule("/boom", "boom", boom)
    assert "<script>" not in app.test_client().get("/boom").text


def test_a_key_never_reaches_the_log(api: Api, crm: Sender, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    api.ask("GET", "/prospects")
    api.ask("GET", f"/prospects?key={api.key}")
    crm.deliver({"type": "call.ended"}, headers={"webhook-signature": "v1,AAAA"})
    crm.deliver({"type": "call.ended"})
    told = caplog.text
    assert api.key.rpartition("_")[2] not in told
    assert crm.secret not in told
