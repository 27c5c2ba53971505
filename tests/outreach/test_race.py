"""Many hands and clocks at once, as threads on one database: nothing is claimed, sent or passed twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.outreach.conftest import Stage
from tests.outreach.scene import BUSY, GREYLISTED, LATER_AFTER_DOT, LOST, REP, SENT, Scene, mailbox_limits
from workflow.actions.outreach import acts, claim, recover
from workflow.errors import Conflict
from workflow.mail.transport import FakeTransport
from workflow.records.models import History

ENDED = ("sent", "uncertain")


def together(*works: Callable[[], object]) -> list[object]:
    """Do all of it at the same moment, each in a thread of its own; an error in one fails the test."""
    ready = threading.Barrier(len(works))

    def start(work: Callable[[], object]) -> object:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as crowd:
        return list(crowd.map(start, works))


def test_two_clocks_claim_disjointly(stage: Stage) -> None:
    """F10: what one has claimed the other has not, and together they keep the limit of the mailbox."""
    scene = stage(limits=mailbox_limits(per_hour="40"))
    for number in range(60):
        scene.qualified(f"p{number}@sink.test")
    claimed: list[int] = []

    def tick() -> None:
        for _ in range(5):
            claimed.extend(each.touches for each in claim.claim_due(scene.ws))

    together(*[tick] * 4)
    assert sum(claimed) == 40
    assert Counter(touch.state for touch in scene.touches()) == {"claimed": 40, "scheduled": 20}


def test_eight_hands_send_nothing_twice(scene: Scene) -> None:
    """F11: one mailbox, eight hands, two clocks, a reaper, and a server that answers in every way there is."""
    people = 40
    for number in range(people):
        scene.called(f"p{number}@sink.test")
    scene.clock.advance(seconds=10)
    script = [SENT, GREYLISTED, LOST, SENT, LATER_AFTER_DOT, SENT, BUSY, SENT]
    done = threading.Event()

    def send(turn: int) -> Callable[[], None]:
        def work() -> None:
            sender = scene.sender(*script[turn:], *script[:turn])
            while not done.is_set():
                sender.drain(scene.ws.mailbox_id)
                done.wait(0.02)

        return work

    def tick() -> None:
        for _ in range(60):
            claim.claim_due(scene.ws)
            recover.reap(scene.ws, scene.timings)
            # The server says that it is busy now and then: then the mailbox waits 5 s.
            scene.clock.advance(seconds=2)
            if sum(touch.step == "questions" and touch.state in ENDED for touch in scene.touches()) == people:
                break
            done.wait(0.02)
        done.set()

    together(*[send(turn) for turn in range(8)], tick)
    copies = Counter(envelope.recipient for envelope in scene.sent)
    marked = Counter(touch.recipient for touch in scene.touches() if touch.state in ("sent", "uncertain"))
    assert copies == marked
    assert sum(copies.values()) > people / 2


@pytest.mark.parametrize("kind", ["email.unsubscribed", "email.replied"])
def test_a_stop_in_the_crowd_is_never_overtaken(scene: Scene, kind: str) -> None:
    """F46: told by the version of the prospect, no email passes its mark once the stop is recorded."""
    people = [scene.qualified(f"p{number}@sink.test") for number in range(40)]
    scene.claim()

    def stop() -> None:
        for prospect_id in people:
            scene.tell(prospect_id, kind)

    def send() -> None:
        scene.sender(transport=FakeTransport(sent=scene.sent)).drain(scene.ws.mailbox_id)

    together(stop, send, send, send)
    with scene.ws.database.read() as tx:
        rows = tx.conn.execute(select(History.prospect_id, History.version).where(History.kind == kind)).all()
    stops = {row.prospect_id: row.version for row in rows}
    assert len(stops) == len(people)
    for touch in scene.touches():
        if touch.committed_at is None:
            assert touch.state in ("cancelled", "skipped")
        else:
            assert touch.committed_version < stops[touch.prospect_id]
            assert touch.state == "sent"
    assert len(scene.sent) == sum(touch.state == "sent" for touch in scene.touches())


def test_an_absence_in_the_crowd_is_never_overtaken(scene: Scene) -> None:
    """Whatever had not passed its mark when the absence was recorded waits, also what was on its way by then."""
    people = [scene.qualified(f"p{number}@sink.test") for number in range(30)]
    scene.claim()
    back = (scene.clock.now + timedelta(days=9)).date().isoformat()

    def leave() -> None:
        for prospect_id in people:
            scene.tell(prospect_id, "email.auto_replied", about="away", returns_on=back)

    def send() -> None:
        scene.sender(transport=FakeTransport(sent=scene.sent)).drain(scene.ws.mailbox_id)

    together(leave, send, send)
    scene.claim()
    send()
    told = select(History.prospect_id, History.version).where(History.kind == "email.auto_replied")
    with scene.ws.database.read() as tx:
        absences = {row.prospect_id: row.version for row in tx.conn.execute(told)}
    for touch in scene.touches():
        if touch.committed_at is None:
            assert touch.state == "scheduled"
            assert touch.next_attempt_at > scene.clock.now
        else:
            assert touch.committed_version < absences[touch.prospect_id]
    assert len(scene.sent) == sum(touch.state == "sent" for touch in scene.touches())


def test_two_reapers_free_a_touch_once(scene: Scene) -> None:
    """Side by side each row is taken in one transaction, from the state in which it was found."""
    for number in range(12):
        scene.qualified(f"p{number}@sink.test")
    scene.claim()
    for _ in range(4):
        scene.sender(beats=False).begin(scene.ws.mailbox_id)
    together(*[scene.reap] * 4)
    assert Counter(touch.state for touch in scene.touches()) == {"claimed": 8, "scheduled": 4}


def test_a_skip_and_a_send_at_once_end_in_one_of_the_two(scene: Scene) -> None:
    """Whoever is first: skipped and not sent, or sent and not skipped."""
    touch_ids = []
    for number in range(20):
        prospect_id = scene.qualified(f"p{number}@sink.test")
        touch_ids.append(scene.touch("hello", prospect_id).id)
    scene.claim()
    skipped = []

    def skip() -> None:
        for touch_id in touch_ids:
            try:
                acts.skip(scene.ws, touch_id, REP)
            except Conflict:
                continue
            skipped.append(touch_id)

    together(skip, lambda: scene.sender().drain(scene.ws.mailbox_id))
    states = {touch.id: touch.state for touch in scene.touches()}
    assert {touch_id for touch_id, state in states.items() if state == "skipped"} == set(skipped)
    assert len(scene.sent) == len(touch_ids) - len(skipped)
