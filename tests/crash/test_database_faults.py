"""PostgreSQL killed at the worst moments: between the dot and the record, at the mark, and under a working clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from psycopg import connect

from tests.crash.conftest import new_folder
from tests.crash.rig import Rig, rigged
from tests.support.postgres import Cluster

pytestmark = pytest.mark.kills

BACK_S = 30.0


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[Rig, Cluster]]:
    """A rig on a PostgreSQL server of its own, which may be killed."""
    with ExitStack() as stack:
        cluster = Cluster(new_folder(stack) / "pg")
        cluster.start()
        stack.callback(cluster.stop)
        cluster._execute("CREATE DATABASE onward")
        rig = stack.enter_context(rigged(new_folder(stack), cluster.url("onward")))
        rig.start_all()
        yield rig, cluster


def test_an_answer_that_the_database_cannot_take_waits_in_the_spool(own: tuple[Rig, Cluster]) -> None:
    """F20: the server has said 250 and PostgreSQL is gone: the email ends as sent, with no uncertain one."""
    rig, cluster = own
    rig.revive()
    rig.arm("answered", "hold")
    touch_id = rig.email_due()
    rig.fired("answered")
    cluster.kill()
    rig.go("answered")
    spool = rig.house.data_dir / "spool"
    rig.wait_for(lambda: list(spool.glob("*.json")), what="the outcome in the spool")
    cluster.start()
    rig.wait_until(touch_id, "sent", seconds=BACK_S)
    rig.wait_for(lambda: not list(spool.glob("*.json")), BACK_S, "the spool to be brought in")
    assert rig.copies(touch_id) == 1
    rig.check()


def test_a_database_gone_at_the_mark_keeps_the_email_back(own: tuple[Rig, Cluster]) -> None:
    """F19: the body is out, the mark cannot be set: no dot, and the email leaves once the database is back."""
    rig, cluster = own
    rig.revive()
    rig.arm("mark.before", "hold")
    touch_id = rig.email_due()
    rig.fired("mark.before")
    taken = rig.sink.truth_rows()
    cluster.kill()
    before = rig.sink.left
    rig.go("mark.before")
    rig.wait_for(lambda: rig.sink.left > before, what="the connection to be closed")
    assert rig.sink.truth_rows() == taken
    cluster.start()
    rig.wait_until(touch_id, "sent", seconds=BACK_S)
    assert rig.copies(touch_id) == 1
    rig.check()


def test_restarts_under_load_lose_and_double_nothing(own: tuple[Rig, Cluster]) -> None:
    """F18: three times killed without a shutdown while emails leave; what is not known is shown, not guessed."""
    rig, cluster = own
    rig.revive()
    touch_ids = rig.emails_due("slow20", 60)
    for turn in range(3):
        left = sum(1 for touch_id in touch_ids if rig.touch(touch_id).state == "sent")
        assert left < len(touch_ids), f"nothing was under way any more at kill {turn + 1}"
        cluster.kill()
        cluster.start()
    states = [rig.wait_until(touch_id, "sent", "uncertain", seconds=BACK_S).state for touch_id in touch_ids]
    assert states.count("sent") >= len(states) - 12, "no more than the hands there were at each kill"
    rig.check()


def test_sessions_ended_at_random_are_only_retried(own: tuple[Rig, Cluster]) -> None:
    """F21: an administrator ends every session, again and again."""
    rig, cluster = own
    rig.revive()
    touch_ids = rig.emails_due("slow20", 30)
    with connect(f"host={cluster.folder} user=onward dbname=postgres", autocommit=True) as admin:
        for _ in range(10):
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'onward' AND pid <> %s",
                (admin.info.backend_pid,),
            )
            time.sleep(0.15)
    for touch_id in touch_ids:
        rig.wait_until(touch_id, "sent", "uncertain", seconds=BACK_S)
    rig.check()
