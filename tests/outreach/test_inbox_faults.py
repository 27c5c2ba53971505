"""The inbox under repeats, races and faults: stored once, applied once, and nothing waits behind one bad event."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.event import listen

from tests.outreach.flaky import Flaky
from tests.outreach.scene import LOST, Scene, columns
from workflow.actions import inbox, sources
from workflow.actions.parcels import Incoming, Parcel, Receipt
from workflow.actions.sources import OpenSource
from workflow.errors import OnwardError, Unavailable
from workflow.records.db import CommitUnknown, Database, Record
from workflow.records.models import Delivery, Event, History, Prospect
from workflow.workspace import Workspace

_NUMBERS = count()


class Killed(BaseException):
    """The end of a process, as far as it can be played in one."""


class Stop:
    """A probe that ends the process at one point."""

    def __init__(self, point: str) -> None:
        self.point = point

    def at(self, point: str) -> None:
        if point == self.point:
            raise Killed


@pytest.fixture
def crm(scene: Scene) -> OpenSource:
    """A source of webhooks."""
    sources.add(scene.ws, "standard", "crm")
    with scene.ws.database.read() as tx:
        source = sources.open_source(scene.ws, tx, "crm")
    assert source is not None
    return source


def event(kind: str = "call.ended", *, event_id: str | None = None, ref: str = "r-1", **data: Any) -> Incoming:
    fields = {"email": f"{ref}@sink.test"}
    return Incoming(event_id or f"evt-{next(_NUMBERS)}", kind, ref=ref, fields=fields, data=data)


def parcel(*events: Incoming, key: str | None = None) -> Parcel:
    return Parcel(key or f"msg-{next(_NUMBERS)}", {}, b"{}", events)


def rows(scene: Scene, table: Any) -> list[Record]:
    with scene.ws.database.read() as tx:
        return list(tx.conn.execute(select(*columns(table))).all())


def outcomes(receipt: Receipt) -> list[str]:
    return [each.outcome for each in receipt.events]


def test_a_repeated_delivery_is_a_recorded_no_op(scene: Scene, crm: OpenSource) -> None:
    """P2: the second changes nothing but the count of repeats."""
    same = parcel(event())
    first = inbox.receive(scene.ws, crm, same)
    second = inbox.receive(scene.ws, crm, same)
    assert (first.status, second.status, second.delivery_id) == ("accepted", "duplicate", first.delivery_id)
    assert outcomes(second) == ["duplicate"]
    assert [row.repeats for row in rows(scene, Delivery)] == [1]
    assert len(rows(scene, History)) == 2


def test_the_same_event_in_another_delivery_is_applied_once(scene: Scene, crm: OpenSource) -> None:
    """A vendor that sends an event again under a new delivery id."""
    inbox.receive(scene.ws, crm, parcel(event(event_id="evt-a")))
    again = inbox.receive(scene.ws, crm, parcel(event(event_id="evt-a")))
    assert (again.status, outcomes(again)) == ("accepted", ["duplicate"])
    assert len(rows(scene, History)) == 2


def test_ten_at_once_are_one(scene: Scene, crm: OpenSource) -> None:
    """F43: the same delivery ten times at the same moment."""
    same = parcel(event())
    with ThreadPoolExecutor(10) as crowd:
        receipts = list(crowd.map(lambda _: inbox.receive(scene.ws, crm, same), range(10)))
    assert sorted(receipt.status for receipt in receipts) == ["accepted"] + ["duplicate"] * 9
    assert len({receipt.delivery_id for receipt in receipts}) == 1
    assert len(rows(scene, History)) == 2


def test_two_events_that_introduce_one_prospect_at_once_both_count(scene: Scene, crm: OpenSource) -> None:
    """Neither fails because the other was a moment faster."""
    for turn in range(10):
        ready = threading.Barrier(2)

        def bring(kind: str, ref: str = f"new-{turn}", ready: threading.Barrier = ready) -> list[str]:
            ready.wait()
            return outcomes(inbox.receive(scene.ws, crm, parcel(event(kind, ref=ref, trigger="qualify"))))

        with ThreadPoolExecutor(2) as both:
            assert list(both.map(bring, ("call.ended", "move.requested"))) == [["applied"], ["applied"]]
    assert len(rows(scene, Prospect)) == 10


def test_batches_that_cross_do_not_stop_each_other(scene: Scene, crm: OpenSource) -> None:
    """Two batches about the same prospects in opposite order: the database undoes one, and it is done again."""
    names = [f"r-{number}" for number in range(6)]
    inbox.receive(scene.ws, crm, parcel(*(event("prospect.upserted", ref=name) for name in names)))

    def bring(order: list[str]) -> list[str]:
        told = [event("answers.recorded", ref=name, answers={"budget": "10"}) for name in order]
        return outcomes(inbox.receive(scene.ws, crm, parcel(*told)))

    with ThreadPoolExecutor(4) as crowd:
        got = list(crowd.map(bring, [names, names[::-1]] * 4))
    # To see that two wait for each other takes a second, and what is late then is left to the sweep.
    assert {outcome for told in got for outcome in told} <= {"applied", "pending"}
    inbox.sweep(scene.ws)
    assert {row.outcome for row in rows(scene, Event)} == {"applied"}


@pytest.mark.parametrize("point", ["delivery.kept"])
def test_a_delivery_killed_before_its_commit_was_never_there(scene: Scene, crm: OpenSource, point: str) -> None:
    """F7: the vendor's retry is the first."""
    same = parcel(event())
    with pytest.raises(Killed):
        inbox.receive(scene.ws, crm, same, Stop(point))
    assert rows(scene, Delivery) == []
    assert outcomes(inbox.receive(scene.ws, crm, same)) == ["applied"]


def test_a_delivery_killed_after_its_commit_is_a_duplicate_at_the_retry(scene: Scene, crm: OpenSource) -> None:
    """F6: stored and applied, only not answered."""
    same = parcel(event())
    with pytest.raises(Killed):
        inbox.receive(scene.ws, crm, same, Stop("delivery.committed"))
    assert inbox.receive(scene.ws, crm, same).status == "duplicate"
    assert len(rows(scene, History)) == 2


def test_a_commit_that_was_not_answered_is_told_and_the_retry_is_a_duplicate(scene: Scene, crm: OpenSource) -> None:
    """The sender hears that nothing is certain, and brings it again."""
    same = parcel(event())
    flaky = Flaky.over(scene.ws.database)
    ws = replace(scene.ws, database=flaky)
    flaky.troubles = ["unanswered_commit"]
    with pytest.raises(CommitUnknown):
        inbox.receive(ws, crm, same)
    assert inbox.receive(ws, crm, same).status == "duplicate"


def test_what_is_wrong_with_one_event_does_not_touch_the_others(scene: Scene, crm: OpenSource) -> None:
    """Each has its own savepoint, and says in its outcome what was wrong."""
    bad = Incoming("evt-bad", "call.ended", problem="The field minutes must be a number.")
    receipt = inbox.receive(scene.ws, crm, parcel(event(ref="a"), bad, event(ref="b")))
    assert outcomes(receipt) == ["applied", "failed", "applied"]
    assert "minutes" in (receipt.events[1].reason or "")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_locked_prospect_is_no_fault_of_the_event(scene: Scene, crm: OpenSource) -> None:
    """F22: somebody holds the row: nothing is stored, so that the sender tries again; it is not put aside as failed."""
    inbox.receive(scene.ws, crm, parcel(event("prospect.upserted")))
    with impatient(scene) as ws, held(scene), pytest.raises(Unavailable):
        inbox.receive(ws, crm, parcel(event()))
    assert len(rows(scene, Delivery)) == 1
    assert outcomes(inbox.receive(scene.ws, crm, parcel(event()))) == ["applied"]


def test_a_parked_event_is_applied_when_its_prospect_comes(scene: Scene, crm: OpenSource) -> None:
    """A reply that overtook its prospect: it counts as soon as it can."""
    early = inbox.receive(scene.ws, crm, parcel(event("email.replied", ref="late", address="late@sink.test")))
    assert outcomes(early) == ["parked"]
    inbox.receive(scene.ws, crm, parcel(event("prospect.upserted", ref="late")))
    assert inbox.sweep(scene.ws) == 1
    assert [row.outcome for row in rows(scene, Event)] == ["applied", "applied"]
    assert inbox.sweep(scene.ws) == 0


def test_a_parked_event_with_odd_words_does_not_stop_the_sweep(scene: Scene, crm: OpenSource) -> None:
    """Times mean something in a meeting only; elsewhere they are a vendor's own words."""
    odd = event("email.replied", ref="odd", starts_at="soon", ends_at="later")
    assert outcomes(inbox.receive(scene.ws, crm, parcel(odd))) == ["parked"]
    inbox.receive(scene.ws, crm, parcel(event("prospect.upserted", ref="odd")))
    inbox.sweep(scene.ws)
    assert {row.outcome for row in rows(scene, Event)} == {"applied"}


def test_a_parked_event_gives_up_after_a_week(scene: Scene, crm: OpenSource) -> None:
    """It stays visible as failed, and can be replayed."""
    inbox.receive(scene.ws, crm, parcel(event("email.replied", ref="never")))
    for _ in range(7 * 24 + 2):
        scene.clock.advance(hours=1)
        inbox.sweep(scene.ws)
    (row,) = rows(scene, Event)
    assert (row.outcome, row.next_attempt_at) == ("failed", None)


def test_two_clocks_sweep_an_event_once(scene: Scene, crm: OpenSource) -> None:
    """F8: side by side, each waiting event is applied by one of them."""
    for number in range(10):
        inbox.receive(scene.ws, crm, parcel(event("email.replied", ref=f"p{number}")))
    for number in range(10):
        inbox.receive(scene.ws, crm, parcel(event("prospect.upserted", ref=f"p{number}")))
    with ThreadPoolExecutor(4) as clocks:
        list(clocks.map(lambda _: inbox.sweep(scene.ws), range(4)))
    with scene.ws.database.read() as tx:
        replies = tx.conn.execute(
            select(func.count()).select_from(History).where(History.kind == "email.replied")
        ).scalar_one()
    assert replies == 10


def test_what_did_not_fit_the_time_is_applied_by_the_sweep(
    scene: Scene, crm: OpenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor is answered in time; the rest is pending, not lost."""
    monkeypatch.setattr(inbox, "BUDGET_S", -1.0)
    receipt = inbox.receive(scene.ws, crm, parcel(event(ref="a"), event(ref="b")))
    # The first one always: a delivery of one event is applied at once, however long it had to wait for its turn.
    assert outcomes(receipt) == ["applied", "pending"]
    assert inbox.sweep(scene.ws) == 1
    assert {row.outcome for row in rows(scene, Event)} == {"applied"}


def test_a_replay_applies_nothing_twice(scene: Scene, crm: OpenSource) -> None:
    """F64: each event keeps its key."""
    receipt = inbox.receive(scene.ws, crm, parcel(event("call.ended", ref="a"), event("email.replied", ref="nobody")))
    before = len(rows(scene, History))
    for _ in range(3):
        told = inbox.replay(scene.ws, receipt.delivery_id, lambda *_: parcel(), "rep:tester")
        assert outcomes(told) == ["applied", "parked"]
    assert len(rows(scene, History)) == before


def test_a_dead_letter_is_applied_once_it_can_be_read(scene: Scene, crm: OpenSource) -> None:
    """A replay after the adapter was mended."""
    dead = Parcel("msg-dead", {}, b"?", unreadable="The body is no JSON.")
    receipt = inbox.receive(scene.ws, crm, dead)
    assert receipt.events == ()
    with pytest.raises(OnwardError):
        inbox.replay(scene.ws, "01a00000-0000-7000-8000-000000000000", lambda *_: dead, "rep:tester")
    told = inbox.replay(scene.ws, receipt.delivery_id, lambda *_: parcel(event()), "rep:tester")
    assert outcomes(told) == ["applied"]


def test_a_reply_that_names_an_email_settles_it(scene: Scene, crm: OpenSource) -> None:
    """From whatever address: by the Message-ID the prospect is found, and the uncertain email has arrived."""
    scene.called("ana@sink.test")
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    told = {"message_id": scene.touch("questions").message_id, "address": "assistant@sink.test"}
    reply = Incoming("evt-reply", "email.replied", data=told)
    assert outcomes(inbox.receive(scene.ws, crm, parcel(reply))) == ["applied"]
    assert scene.states() == {"questions": "sent", "next_call": "cancelled"}


@contextmanager
def held(scene: Scene) -> Iterator[None]:
    """Every prospect locked by another transaction."""
    with scene.ws.database.write() as tx:
        tx.conn.execute(select(Prospect.id).with_for_update()).all()
        yield


@contextmanager
def impatient(scene: Scene) -> Iterator[Workspace]:
    """The same installation over a database that waits for a lock a tenth of a second only."""

    def hurry(connection: Any, _record: object) -> None:
        connection.execute("SET lock_timeout = 100")
        connection.commit()

    database = Database(scene.ws.database.url, clock=scene.clock)
    listen(database._engine, "connect", hurry)
    yield replace(scene.ws, database=database)
    database.close()
