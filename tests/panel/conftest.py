"""The fixtures of the panel's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Clock
from tests.panel.scene import Scene, Visitor
from web import create_app
from workflow.records.db import Database
from workflow.settings import Settings
from workflow.workspace import open_workspace


@pytest.fixture
def scene(database: Database, place: Path, clock: Clock) -> Scene:
    """An installation with the shipped playbook and the fixed cast, on SQLite and again on PostgreSQL."""
    settings = Settings(
        data_dir=place,
        database_url=database.url,
        redis_url=None,
        smtp_url=None,
        playbook=None,
        base_url="http://127.0.0.1:8000",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="a key for tests, long enough to be one",
    )
    ws = open_workspace(settings, database=database)
    made = Scene(ws, create_app(ws, clock=clock), clock)
    for name, role in (("iva", "admin"), ("boyan", "rep"), ("mila", "rep")):
        made.add_rep(name, role)
    return made


@pytest.fixture
def iva(scene: Scene) -> Visitor:
    """The administrator's browser, which loads whole pages."""
    return scene.visitor("iva")


@pytest.fixture
def swift(scene: Scene) -> Visitor:
    """The administrator's browser with htmx."""
    return scene.visitor("iva", htmx=True)
