"""An installation without processes: a database, the fast playbook, and the application over both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import Clock
from tests.support.processes import signed
from web import create_app
from workflow.actions import people, sources
from workflow.records.db import Database
from workflow.settings import Settings
from workflow.workspace import Workspace, open_workspace

FAST = Path(__file__).resolve().parents[1] / "playbook" / "fast.yaml"


@dataclass(slots=True)
class Sender:
    """A CRM that delivers signed webhooks to the source `crm`."""

    client: FlaskClient
    clock: Clock
    secret: str

    def deliver(
        self, body: bytes | object, *, delivery_id: str | None = None, headers: dict[str, str] | None = None
    ) -> TestResponse:
        """Deliver a body (bytes as they are, anything else as JSON) with a good signature."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        own = signed(self.secret, content, delivery_id, self.clock.now)
        return self.client.post("/webhooks/crm", data=content, headers={**own, **(headers or {})})

    def tell(self, kind: str, email: str = "ana@example.com", **more: Any) -> dict[str, Any]:
        """Deliver one event about the prospect with this address; what the answer says of it."""
        event = {"id": f"evt_{uuid4().hex}", "type": kind, "prospect": {"email": email}} | more
        answer = self.deliver(event)
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = body_of(answer)["events"][0]
        return told


@dataclass(slots=True)
class Api:
    """A program that uses the API with one key."""

    client: FlaskClient
    key: str

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> TestResponse:
        """One request below /api/v1; `Idempotency_Key="…"` and the like become headers."""
        own = {"Authorization": f"Bearer {self.key}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers=own)

    def get(self, path: str) -> Any:
        """What is at `path`."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return body_of(answer)


@pytest.fixture
def ws(database: Database, tmp_path: Path) -> Workspace:
    """An opened installation with the fast playbook, on SQLite and again on PostgreSQL."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database.url,
        redis_url=None,
        smtp_url="smtp://127.0.0.1:1",
        playbook=FAST,
        base_url="http://127.0.0.1:8000",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="a key for tests, long enough to be one",
    )
    return open_workspace(settings, database=database)


@pytest.fixture
def app(ws: Workspace, clock: Clock) -> Flask:
    """The application over `ws`, by the time of `clock`."""
    return create_app(ws, clock=clock)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A browser or a program that asks the application."""
    with app.test_client() as opened:
        opened.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
        yield opened


@pytest.fixture
def crm(ws: Workspace, client: FlaskClient, clock: Clock) -> Sender:
    """A CRM whose source exists."""
    return Sender(client, clock, sources.add(ws, "standard", "crm"))


@pytest.fixture
def api(ws: Workspace, client: FlaskClient) -> Api:
    """A program with an administrator's key."""
    return Api(client, people.add_key(ws, "tests", "admin"))


def body_of(answer: TestResponse) -> Any:
    """The body of an answer, read as JSON."""
    return json.loads(answer.data)
