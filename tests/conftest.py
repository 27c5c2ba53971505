"""Fixtures on real parts: both databases, Redis, an SMTP server that takes mail, and a clock that is told.

A database is a copy of a prepared one, so that each test begins with the schema and no rows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.support import addresses, ground, postgres, redis
from tests.support.processes import Installation, installed
from tests.support.smtpd import SmtpSink
from workflow.records import schema
from workflow.records.db import Database


class Clock:
    """A clock that is told the time. Callable as the clock port of `Database`."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self, _connection: object = None) -> datetime:
        """The time it was told."""
        return self.now

    def advance(self, span: timedelta | None = None, **parts: float) -> datetime:
        """Go forward by a span, or by `seconds=`, `hours=`, `days=`; returns the new time."""
        self.now += span or timedelta(**parts)
        return self.now


def pytest_configure() -> None:
    """Make the ground of the run and forget the settings of whoever runs it."""
    # How fast a thing is belongs to bench/: a busy machine must fail no test.
    settings.register_profile("onward", deadline=None)
    settings.load_profile("onward")
    addresses.compile_once()
    ground.prepare()
    for name in [name for name in os.environ if name.startswith("ONWARD_")]:
        del os.environ[name]


def pytest_unconfigure() -> None:
    """Stop every server of the run."""
    ground.clear()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the browser tests unread unless they are asked for: their library is not in every environment."""
    asked = "browser" in config.option.markexpr.replace("not browser", "")
    return None if asked or collection_path.name != "browser" else True


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at Tuesday, 10 November 2026, 10:00 in Sofia, a working hour."""
    return Clock(datetime(2026, 11, 10, 8, 0, tzinfo=UTC))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for this test with a path short enough for unix sockets, in memory where it can be."""
    folder = ground.folder() / uuid4().hex[:12]
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def sqlite_url(place: Path) -> str:
    """A fresh SQLite database with the schema."""
    template = ground.folder() / "template.db"
    ground.once("sqlite", lambda: _fill(f"sqlite:///{template}"))
    shutil.copyfile(template, place / "onward.db")
    return f"sqlite:///{place / 'onward.db'}"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL database with the schema."""
    cluster = postgres.shared(_fill)
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with the schema: the test runs on SQLite and again on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """A fresh database, opened, whose transactions happen at the time of `clock`."""
    opened = Database(database_url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> redis.RedisServer:
    """A running Redis, empty, shared by the tests of this process: not to be stopped."""
    server = redis.shared(getattr(request.config, "workerinput", {}).get("workerid", "main"))
    server.flush()
    return server


@pytest.fixture
def redis_url(redis_server: redis.RedisServer) -> str:
    """The address of an empty Redis."""
    return redis_server.url


@pytest.fixture
def smtp_sink(place: Path) -> Iterator[SmtpSink]:
    """An SMTP server that takes mail, and misbehaves as the recipient's address asks."""
    folder = place / "smtp"
    folder.mkdir()
    with SmtpSink(folder) as sink:
        yield sink


@pytest.fixture
def installation(place: Path, database_url: str, smtp_sink: SmtpSink) -> Iterator[Installation]:
    """An installation on real parts, not yet started (`installation.up()`): on SQLite, and again on PostgreSQL.

    `@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)` keeps a test to one of the two.
    """
    with installed(place, database_url=database_url, smtp=smtp_sink) as made:
        yield made


def _fill(url: str) -> None:
    database = Database(url)
    schema.upgrade(database)
    database.close()
