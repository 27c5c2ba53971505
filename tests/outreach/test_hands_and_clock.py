"""The loops around the protocol: a work-horse that drains, a clock that ticks, and what neither may stumble over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from sqlalchemy import select

from tests.outreach.flaky import Flaky
from tests.outreach.scene import Scene
from tests.outreach.test_begin import broken_version
from tests.support.smtpd import SmtpSink
from workers import jobs
from workers.clock import Clock
from workers.jobs import Hands
from workers.queue import QUEUE, Queue
from workflow.actions.outreach import claim
from workflow.errors import StartError
from workflow.records.models import Enrollment, Heartbeat
from workflow.settings import Settings


@pytest.fixture
def hands(scene: Scene, smtp_sink: SmtpSink) -> Hands:
    """What a worker opens before it forks, over a real mail server."""
    return Hands(
        replace(scene.ws, settings=replace(scene.ws.settings, smtp_url=smtp_sink.url)), scene.spool, scene.timings
    )


@pytest.fixture
def queue(redis_url: str) -> Iterator[Queue]:
    """The real queue."""
    queue = Queue(redis_url)
    yield queue
    queue.close()


def beats(scene: Scene) -> list[str]:
    with scene.ws.database.read() as tx:
        return list(tx.conn.execute(select(Heartbeat.role)).scalars())


def test_a_horse_drains_a_mailbox_over_one_connection(scene: Scene, hands: Hands, smtp_sink: SmtpSink) -> None:
    """And says farewell, so that nobody waits for it."""
    for number in range(5):
        scene.qualified(f"ok+{number}@sink.test")
    scene.claim()
    hands.drain(scene.ws.mailbox_id)
    assert len(smtp_sink.truth_rows()) == 5
    assert smtp_sink.connections == 1
    assert beats(scene) == []


def test_a_horse_whose_database_is_away_leaves_quietly(scene: Scene, hands: Hands, smtp_sink: SmtpSink) -> None:
    """At its first beat, or in the middle: the rows are freed by the reaper."""
    scene.qualified()
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    troubled = replace(hands, ws=replace(hands.ws, database=flaky))
    for troubles in (["away"], [None, "away"], [None, "lost_commit"], [None, "unanswered_commit", "away"]):
        flaky.troubles = troubles  # type: ignore[assignment]
        troubled.drain(scene.ws.mailbox_id)
    assert smtp_sink.truth_rows() == []
    assert scene.touch().begin_errors == 0, "the trouble was not the email's"
    scene.reap()
    scene.change(Heartbeat, {"beat_at": scene.ago(seconds=60)}) if beats(scene) else None
    scene.reap()
    scene.claim()
    hands.drain(scene.ws.mailbox_id)
    assert scene.touch().state == "sent"


def test_one_bad_email_costs_the_others_nothing(scene: Scene, hands: Hands, smtp_sink: SmtpSink) -> None:
    """It is blamed three times in as many drains, and put aside."""
    scene.qualified("ok+bad@sink.test")
    scene.change(Enrollment, {"playbook_digest": broken_version(scene)})
    for number in range(3):
        scene.qualified(f"ok+{number}@sink.test")
    for _ in range(3):
        scene.claim()
        hands.drain(scene.ws.mailbox_id)
        scene.clock.advance(seconds=20)
    assert len(smtp_sink.truth_rows()) == 3
    assert sorted(touch.state for touch in scene.touches()) == ["failed", "sent", "sent", "sent"]


def test_a_sender_without_a_usable_address_does_not_start(scene: Scene) -> None:
    """Else every email would fail for good, one after another."""
    settings = replace(scene.ws.settings, smtp_url="smtp://localhost:25", mail_from="Onward <sales@exa mple>")
    assert isinstance(settings, Settings)
    with pytest.raises(StartError, match="ONWARD_MAIL_FROM"):
        jobs.hands(settings)


def test_the_parent_of_workers_brings_in_the_spool_of_its_host(scene: Scene, hands: Hands) -> None:
    """Where no clock runs."""
    scene.qualified()
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    sender = scene.sender(ws=replace(scene.ws, database=flaky))
    flaky.troubles = [None, None, *["away"] * 5]  # type: ignore[list-item]
    sender.drain(scene.ws.mailbox_id)
    assert scene.touch().state == "committing"
    hands.beat(["worker-1"])
    assert scene.touch().state == "sent"
    assert beats(scene).count("worker") == 1


def test_a_beat_that_cannot_be_written_stops_nobody(scene: Scene, hands: Hands) -> None:
    """The parent goes on watching its workers."""
    flaky = Flaky.over(scene.ws.database)
    flaky.troubles = ["away", "unanswered_commit"]
    troubled = replace(hands, ws=replace(hands.ws, database=flaky))
    for _ in range(3):
        troubled.beat(["worker-1"])
    assert "worker" in beats(scene)


def test_a_tick_claims_and_hints(scene: Scene, queue: Queue, redis_url: str) -> None:
    """One hint for each fifty emails, and at most as many as may send at once."""
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    clock = Clock(scene.ws, queue, scene.spool, scene.timings)
    clock.tick()
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(f"rq:queue:{QUEUE}") == 1
    assert {touch.state for touch in scene.touches()} == {"claimed"}


def test_while_hints_do_not_arrive_nothing_more_is_claimed(scene: Scene, place: Path) -> None:
    """What is scheduled can still be stopped and shown; claimed it would only wait in another state."""
    gone = Queue(f"unix://{place}/nobody-here")
    clock = Clock(scene.ws, gone, scene.spool, scene.timings)
    scene.qualified("first@sink.test")
    clock.tick()
    scene.qualified("second@sink.test")
    clock.tick()
    assert [touch.state for touch in scene.touches()] == ["claimed", "scheduled"]
    gone.close()


def test_a_chore_that_fails_does_not_starve_the_others(
    scene: Scene, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is set first: at the next tick the rest is done, and mail is claimed."""
    scene.qualified()

    def broken(*_: object) -> int:
        message = "a fault of ours"
        raise RuntimeError(message)

    monkeypatch.setattr("workflow.actions.inbox.sweep", broken)
    clock = Clock(scene.ws, queue, scene.spool, scene.timings)
    with pytest.raises(RuntimeError):
        clock.tick()
    clock.tick()
    assert scene.touch().state == "claimed"


def test_a_clock_outlives_a_database_that_goes_and_comes(scene: Scene, queue: Queue) -> None:
    """It waits, tells it once, and goes on; at its end it says farewell."""
    flaky = Flaky.over(scene.ws.database)
    flaky.troubles = ["away", "unanswered_commit", "away"]
    scene.qualified()
    clock = Clock(replace(scene.ws, database=flaky), queue, scene.spool, scene.timings)
    stopped = threading.Event()
    thread = threading.Thread(target=clock.run, args=(stopped,))
    thread.start()
    try:
        wait_for(lambda: scene.touch().state == "claimed")
    finally:
        stopped.set()
        thread.join(10)
    assert not thread.is_alive()
    assert beats(scene) == []


def test_a_version_that_cannot_be_read_does_not_close_the_deadline_of_others(scene: Scene) -> None:
    """Only its own emails get too late."""
    scene.qualified("bad@sink.test")
    scene.change(Enrollment, {"playbook_digest": broken_version(scene)})
    scene.qualified("good@sink.test")
    scene.clock.advance(hours=23, minutes=30)
    assert claim.hold_open(scene.ws) == 1


def wait_for(look: Callable[[], bool]) -> None:
    ready = threading.Event()
    for _ in range(1000):
        if look():
            return
        ready.wait(0.01)
    raise AssertionError
