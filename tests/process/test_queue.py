"""The queue: a hint starts one function, and nothing else that stands in Redis starts anything."""

from __future__ import annotations

import json
import os
import pickle
import signal
import statistics
import time
import zlib
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import redis

from tests.process import ground
from workers import embedded, processes
from workers.queue import Queue
from workflow.errors import StartError
from workflow.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.embedded import Embedded

BUSY = "01890000-0000-7000-8000-00000000000f"
QUIET = "01890000-0000-7000-8000-000000000001"


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder with a Redis that runs and is noted."""
    folder = tmp_path / "Данни на Onward"
    folder.mkdir()
    server = embedded.embedded(folder)
    launch(server)
    embedded.note(server)
    yield folder
    ground.sweep(folder)
    server.socket.unlink(missing_ok=True)


@pytest.fixture
def client(data_dir: Path) -> Iterator[redis.Redis]:
    """Somebody who can write to Redis."""
    with redis.Redis.from_url(embedded.embedded(data_dir).url) as one:
        yield one


def launch(server: Embedded) -> processes.Mark:
    """Start a Redis and wait for its answer."""
    processes.spawn(server.command(log=server.data_dir / "redis.log"), lambda _: None)
    mark = ground.wait_for(server.find)
    assert mark is not None
    return mark


def end(server: Embedded) -> None:
    """Kill the Redis that this test started."""
    mark = server.find()
    assert mark is not None
    ground.kill(mark.pid)
    os.waitpid(mark.pid, 0)


def drained(data_dir: Path) -> list[list[str]]:
    """The jobs so far: when, which mailbox, in which process, of which worker."""
    return [line.split() for line in ground.lines(data_dir / "drained")]


def ready(data_dir: Path, queue: Queue) -> None:
    """Wait until the workers take hints."""
    mailbox = new_id()[:-1] + "0"
    assert queue.hint(mailbox)
    ground.wait_for(lambda: mailbox in {line[1] for line in drained(data_dir)}, what="a job")


def test_a_hint_starts_the_job_within_150_ms(data_dir: Path) -> None:
    """From the call to the first line of the job, in a process of its own that was told of the fork."""
    queue = Queue(embedded.embedded(data_dir).url)
    with ground.running(data_dir, "worker", "-n", "1"):
        ready(data_dir, queue)
        waits = []
        for number in range(20):
            begun = time.time()
            assert queue.hint(QUIET)
            ground.wait_for(lambda wanted=number + 2: len(drained(data_dir)) == wanted)  # type: ignore[misc]
            waits.append(float(drained(data_dir)[-1][0]) - begun)
        # The quickest half: a busy machine may hold up any single one.
        assert statistics.median_low(sorted(waits)[:10]) < 0.15
        assert len({line[2] for line in drained(data_dir)}) == 21
        assert set(ground.lines(data_dir / "forked")) == {line[2] for line in drained(data_dir)}


def forgeries() -> list[tuple[str, dict[str, bytes]]]:
    """Jobs that somebody with access to Redis might leave."""

    def packed(content: object) -> bytes:
        return zlib.compress(json.dumps(content).encode())

    trace = "touch forged"
    good = packed(["workers.jobs.drain", None, [QUIET], {}])
    return [
        ("a system call, JSON", {"data": packed(["os.system", None, [trace], {}])}),
        ("a system call, pickle", {"data": zlib.compress(pickle.dumps(("os.system", None, (trace,), {})))}),
        ("pickle as it is", {"data": pickle.dumps(("os.system", None, (trace,), {}))}),
        ("an instance", {"data": packed(["workers.jobs.drain", "os", [QUIET], {}])}),
        ("an argument that is no id", {"data": packed(["workers.jobs.drain", None, ["../../etc"], {}])}),
        ("two arguments", {"data": packed(["workers.jobs.drain", None, [QUIET, QUIET], {}])}),
        ("a keyword", {"data": packed(["workers.jobs.drain", None, [QUIET], {"x": 1}])}),
        ("deep nesting", {"data": zlib.compress(b"[" * 900)}),
        ("a bomb", {"data": zlib.compress(b" " * 50_000_000)}),
        ("nothing", {"data": b""}),
        ("no data", {"status": b"queued"}),
        (
            "a hint with strangers in its pockets",
            {
                "data": good,
                "status": b"no such status",
                "timeout": b"never",
                "result_ttl": b"x",
                "created_at": b"yesterday",
                "success_callback_name": b"os.abort",
                "failure_callback_name": b"os.abort",
                "retries_left": b"99",
                "webhooks": b'[{"url": "http://127.0.0.1:9/", "job_status": "finished"}]',
                "dependency_ids": b"[",
            },
        ),
    ]


def test_a_forged_job_is_refused_and_the_worker_lives(data_dir: Path, client: redis.Redis) -> None:
    """Neither JSON nor pickle, neither callbacks nor odd records make a worker do or say anything else."""
    queue = Queue(embedded.embedded(data_dir).url)
    with ground.running(data_dir, "worker", "-n", "1"):
        ready(data_dir, queue)
        for _, fields in forgeries():
            job = str(uuid4())
            client.hset(f"rq:job:{job}", mapping=fields)  # type: ignore[arg-type]
            client.rpush("rq:queue:sends", job)
        for odd in (b"\xff\xfe", b"../../x", b"", b"a" * 10_000):
            client.rpush("rq:queue:sends", odd)
        ready(data_dir, queue)
        # The one good hint among them ran, and then the last one: by the same worker all the time.
        assert [line[1] for line in drained(data_dir)].count(QUIET) == 1
        assert len(drained(data_dir)) == 3
        assert len({line[3] for line in drained(data_dir)}) == 1
        assert not list(data_dir.rglob("forged"))
        ground.wait_for(lambda: not client.keys("rq:job:*"), what="the forged records to be gone")
        assert "Traceback" not in ground.said(data_dir)


def test_redis_cannot_steer_a_worker(data_dir: Path, client: redis.Redis) -> None:
    """Neither the suspension of RQ nor its commands over a channel have an effect."""
    queue = Queue(embedded.embedded(data_dir).url)
    with ground.running(data_dir, "worker", "-n", "1"):
        ready(data_dir, queue)
        client.set("rq:suspended", 1)
        name = next(iter(client.smembers("rq:workers"))).decode().removeprefix("rq:worker:")  # type: ignore[union-attr]
        assert client.publish(f"rq:pubsub:{name}", json.dumps({"command": "shutdown"})) == 0
        ready(data_dir, queue)


def test_a_worker_outlives_an_outage_of_redis(data_dir: Path) -> None:
    """Redis killed and started anew: hints fail meanwhile without an exception, and work goes on within seconds."""
    server = embedded.embedded(data_dir)
    queue = Queue(server.url)
    with ground.running(data_dir, "worker", "-n", "1"):
        ready(data_dir, queue)
        end(server)
        assert queue.hint(QUIET) is False
        assert queue.ping() is False
        time.sleep(2.5)
        launch(server)
        assert queue.ping() is True
        ready(data_dir, queue)
        said = ground.said(data_dir)
        assert "Traceback" not in said
        assert str(server.socket) not in said
        assert said.count("\n") <= 8


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(data_dir: Path) -> None:
    """Started first, it says so once and works when Redis comes."""
    server = embedded.embedded(data_dir)
    end(server)
    queue = Queue(server.url)
    with ground.running(data_dir, "worker", "-n", "1"):
        ground.wait_for(lambda: "waiting for Redis" in ground.said(data_dir))
        launch(server)
        ready(data_dir, queue)
        assert ground.said(data_dir).count("waiting for Redis") == 1


def test_a_hanging_redis_holds_up_a_hint_for_a_second_at_most(data_dir: Path) -> None:
    """The clock has other work than to wait for a queue."""
    server = embedded.embedded(data_dir)
    queue = Queue(server.url)
    assert queue.hint(QUIET)
    pid = server.find().pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert queue.hint(QUIET) is False
        assert queue.ping() is False
        assert time.monotonic() - begun < 2.0
    finally:
        os.kill(pid, signal.SIGCONT)
    ground.wait_for(lambda: queue.hint(QUIET))


def test_hints_are_many_records(data_dir: Path, client: redis.Redis) -> None:
    """Two hints for one mailbox are two jobs, and no record stays behind when they are done."""
    queue = Queue(embedded.embedded(data_dir).url)
    assert queue.hint(QUIET)
    assert queue.hint(QUIET)
    assert len(set(client.lrange("rq:queue:sends", 0, -1))) == 2
    with ground.running(data_dir, "worker", "-n", "2"):
        ground.wait_for(lambda: len(drained(data_dir)) == 2)
        ground.wait_for(lambda: not client.keys("rq:job:*"), what="the records to be gone")


def test_a_job_that_hangs_holds_up_no_other(data_dir: Path) -> None:
    """The only worker is busy for good: a helper takes what waits, stops with the rest, and finishes what it holds."""
    queue = Queue(embedded.embedded(data_dir).url)
    with ground.running(data_dir, "worker", "-n", "1") as worker:
        assert queue.hint(BUSY)
        ground.wait_for(lambda: [line[1] for line in drained(data_dir)] == [BUSY], what="the job that hangs")
        assert queue.hint(QUIET)
        assert queue.hint(BUSY)
        ground.wait_for(lambda: len(drained(data_dir)) == 3, 20.0, what="a helper to take the rest")
        assert len({line[3] for line in drained(data_dir)}) == 2
        assert queue.next() == ""
        worker.terminate()
        worker.wait(10)
    assert sorted(ground.lines(data_dir / "finished")) == sorted([BUSY, BUSY, QUIET])


def test_a_stop_lets_the_mail_in_hand_be_finished(data_dir: Path) -> None:
    """On SIGTERM the running job is told, ends by itself, and the worker leaves with it."""
    queue = Queue(embedded.embedded(data_dir).url)
    with ground.running(data_dir, "worker", "-n", "1") as process:
        assert queue.hint(BUSY)
        ground.wait_for(lambda: drained(data_dir))
        process.terminate()
        assert process.wait(8) == 0
        assert ground.lines(data_dir / "finished") == [BUSY]


@pytest.mark.parametrize("victim", ["worker", "parent"])
def test_no_job_outlives_its_worker(data_dir: Path, victim: str) -> None:
    """Kill -9 of a worker, or of the parent of all, takes the running job along: nobody would know what it sends."""
    queue = Queue(embedded.embedded(data_dir).url)
    with ground.running(data_dir, "worker", "-n", "1") as process:
        assert queue.hint(BUSY)
        ground.wait_for(lambda: drained(data_dir))
        horse, worker = (int(word) for word in drained(data_dir)[0][2:])
        ground.kill(worker if victim == "worker" else process.pid)
        ground.wait_for(lambda: not ground.alive(horse), seconds=3)
        if victim == "worker":
            ready(data_dir, queue)
        else:
            process.wait()
            ground.wait_for(lambda: not ground.alive(worker), seconds=3)


def test_the_parent_reports_its_workers(data_dir: Path) -> None:
    """Idle workers are alive too: the parent says so from the start."""
    with ground.running(data_dir, "worker", "-n", "3"):
        assert ground.wait_for(lambda: ground.lines(data_dir / "beats"))[0] == "worker-1 worker-2 worker-3"


@pytest.mark.parametrize("url", ["redis://host:port/", "http://127.0.0.1/", "redis://127.0.0.1/?socket_timeout=x"])
def test_an_address_that_cannot_be_read_is_one_sentence(url: str) -> None:
    """The sentence names the variable and does not repeat what may hold a password."""
    with pytest.raises(StartError, match=r"^ONWARD_REDIS_URL cannot be read") as caught:
        Queue(url)
    assert "host:port" not in caught.value.message


def test_only_ids_are_hinted(data_dir: Path) -> None:
    """A caller that passes something else has a fault, and is told."""
    with pytest.raises(ValueError, match="id of a mailbox"):
        Queue(embedded.embedded(data_dir).url).hint("mailbox 1")
