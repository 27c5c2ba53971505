"""The ground the other tests stand on: fresh databases, an empty Redis, and a keeper that leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import redis
from sqlalchemy import text

from tests.conftest import Clock
from tests.support import ground
from tests.support.postgres import Cluster
from tests.support.redis import RedisServer
from tests.support.servers import ServerFailed
from workflow.records.db import Database

_RUN = """
import os, sys, time
from pathlib import Path
from tests.support import ground, redis
ground.prepare()
server = redis.shared("alone")
print(server.url, ground.folder(), flush=True)
if sys.argv[1] == "leave":
    ground.clear()
else:
    time.sleep(60)
"""


@pytest.mark.parametrize("turn", [1, 2])
def test_every_database_is_fresh(database: Database, turn: int) -> None:
    """What one test writes, the next does not find."""
    with database.write() as tx:
        assert not tx.conn.execute(text("SELECT count(*) FROM mailbox")).scalar_one(), f"turn {turn} found a mailbox"
        tx.conn.execute(text("CREATE TABLE left_over (n INTEGER)"))


def test_the_database_has_the_time_of_the_clock(database: Database, clock: Clock) -> None:
    """A test sets the time; the database does not know another."""
    clock.advance(days=2)
    with database.read() as tx:
        assert tx.now == clock.now


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_is_empty_at_the_start(redis_url: str, turn: int) -> None:
    """What one test queues, the next does not find."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0, f"turn {turn} found keys"
        client.set("left", "over")


def test_a_cluster_of_its_own_comes_back_after_a_kill() -> None:
    """A test may kill PostgreSQL: what was committed is there after the next start."""
    cluster = Cluster(ground.folder() / f"pg-{uuid4().hex[:6]}")
    cluster.start()
    try:
        cluster.make_template(lambda _url: None)
        name = cluster.create()
        cluster.kill()
        assert not cluster.answers()
        cluster.start()
        cluster.drop(name)
    finally:
        cluster.stop()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """The failure has the server's own words, not a silence of twenty seconds."""
    server = RedisServer(tmp_path / "nowhere")
    server.folder.mkdir()
    (server.folder / "r").mkdir()
    with pytest.raises(ServerFailed, match=r"bind|socket|unlink"):
        server.start()


@pytest.mark.parametrize("way", ["leave", "killed"])
def test_nothing_is_left_when_a_run_ends(way: str) -> None:
    """A run that ends or is killed takes its servers and its folder with it."""
    environ = {name: value for name, value in os.environ.items() if name not in (ground.FOLDER, ground.OWNER)}
    words = (sys.executable, "-c", _RUN, way)
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        url, place = run.stdout.readline().split()
        if way == "killed":
            run.kill()
        run.wait(15)
    deadline = time.monotonic() + 30
    while (Path(place).exists() or using(place)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(place).exists()
    assert not using(place)
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def using(place: str) -> list[psutil.Process]:
    """The processes that were told of this folder."""
    return [one for one in psutil.process_iter(["cmdline"]) if place in " ".join(one.info["cmdline"] or ())]
