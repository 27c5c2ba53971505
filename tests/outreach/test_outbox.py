"""The outbox: what is told, to whom, in which order, how often it is tried, and that telling nobody costs nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from tests.outreach.scene import REP, Scene
from workflow import ids
from workflow.actions import news, outbox, prospects
from workflow.actions.outbox import Answer, FakeCourier
from workflow.actions.outreach import acts
from workflow.engine.signals import Signal
from workflow.errors import Conflict, NotFound
from workflow.records.db import Record, Tx
from workflow.records.models import Fact
from workflow.records.outbox import ROUTES, Attempt, Endpoint, Outgoing, Target
from workflow.reports import doctor
from workflow.reports import outbox as numbers

NOT_NOW = Answer("again", 503, "busy")


def target(scene: Scene, *events: str, name: str = "crm") -> str:
    def work(tx: Tx) -> str:
        target_id = outbox.add_target(tx, "endpoint")
        row = {"id": target_id, "name": name, "url": "https://hooks.example.com/", "events": list(events)}
        tx.conn.execute(insert(Endpoint), {**row, "secrets": "", "created_by": "rep:tester", "created_at": tx.now})
        outbox.retell(tx)
        return target_id

    return scene.ws.database.transact(work)


def waiting(scene: Scene, target_id: str, state: str = "waiting") -> list[Record]:
    with scene.ws.database.read() as tx:
        found = select(*Outgoing.__table__.columns).where(Outgoing.target_id == target_id, Outgoing.state == state)
        return list(tx.conn.execute(found.order_by(Outgoing.sequence)).all())


def state_of(scene: Scene, target_id: str) -> Record:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(*Target.__table__.columns).where(Target.id == target_id)).one()


def drain(scene: Scene, target_id: str, *answers: Answer) -> FakeCourier:
    courier = FakeCourier(*answers)
    outbox.drain(scene.ws, target_id, {"endpoint": courier})
    return courier


def test_a_life_is_told_in_order_each_event_with_the_prospect_as_it_then_was(scene: Scene) -> None:
    everything, moves = target(scene), target(scene, "prospect.moved", name="moves")
    ana = scene.qualified(name="Ana")
    scene.claim()
    scene.send()
    scene.tell(ana, "email.replied", message_id="", address="ana@sink.test")
    told = [json.loads(parcel.payload) for parcel in drain(scene, everything).taken]
    assert [each["type"] for each in told] == [
        "prospect.created", "prospect.moved", "enrollment.started", "email.sent", "enrollment.completed",
        "email.replied",
    ]  # fmt: skip
    created, moved = told[:2]
    assert created["prospect"]["stage"] == "planned"
    assert moved["prospect"] | {"refs": []} == moved["prospect"]
    assert (moved["prospect"]["stage"], moved["prospect"]["version"]) == ("qualified", 2)
    assert moved["data"] == {"trigger": "qualify", "from": "planned", "to": "qualified"}
    assert moved["actor"] == REP.actor
    assert told[3]["data"]["step"]
    assert told[3]["data"]["message_id"].startswith("<")
    (only,) = drain(scene, moves).taken
    assert (only.event_id, only.sequence, only.payload) == (
        moved["id"],
        1,
        json.dumps(moved, ensure_ascii=False, separators=(",", ":")),
    )
    assert [row.sequence for row in waiting(scene, everything, "done")] == [1, 2, 3, 4, 5, 6]
    assert not outbox.due(scene.ws)


def test_what_was_not_committed_is_not_told(scene: Scene) -> None:
    only = target(scene)
    ana = scene.prospect()
    drain(scene, only)

    def _call_and_fail(tx: Tx) -> None:
        with tx.attempt():
            prospects.submit(scene.ws, tx, ana, Signal("call.ended", tx.now, "rep:tester", "test"))
            raise NotFound

    def fails_in_part(tx: Tx) -> None:
        with pytest.raises(NotFound):
            _call_and_fail(tx)
        prospects.submit(
            scene.ws, tx, ana, Signal("answers.recorded", tx.now, "rep:t", "t", data={"answers": {"a": "b"}})
        )

    scene.ws.database.transact(fails_in_part)
    with pytest.raises(NotFound):
        prospects.move(scene.ws, ids.new_id(), "qualify", {}, REP)
    assert [row.type for row in waiting(scene, only)] == ["answers.recorded"]
    assert state_of(scene, only).sequence == 2


def test_one_failure_holds_up_all_that_follow_and_none_overtakes(scene: Scene) -> None:
    only = target(scene, "prospect.created")
    for number in range(3):
        scene.prospect(f"p{number}@sink.test")
    first = drain(scene, only, NOT_NOW)
    assert [parcel.sequence for parcel in first.taken] == [1]
    assert drain(scene, only).taken == []
    assert not outbox.due(scene.ws)
    scene.clock.advance(seconds=7)
    assert outbox.due(scene.ws) == [only]
    assert not outbox.due(scene.ws)
    second = drain(scene, only, Answer("again", 429, "", retry_after_s=600))
    assert second.taken[0].event_id == first.taken[0].event_id
    scene.clock.advance(seconds=599)
    assert drain(scene, only).taken == []
    scene.clock.advance(seconds=2)
    assert [parcel.sequence for parcel in drain(scene, only, Answer("done", 200), Answer("never", 404)).taken] == [
        1,
        2,
        3,
    ]
    assert [
        row.state
        for row in sorted(waiting(scene, only, "done") + waiting(scene, only, "dead"), key=lambda row: row.sequence)
    ] == ["done", "dead", "done"]
    with scene.ws.database.read() as tx:
        assert len(tx.conn.execute(select(Attempt.id)).all()) == 5
    assert state_of(scene, only).failing_since is None


def test_after_three_days_it_is_given_up_after_five_the_target_and_both_can_be_taken_back(scene: Scene) -> None:
    only = target(scene, "prospect.created")
    scene.prospect("old@sink.test")
    tries, begun = 0, scene.clock.now
    while waiting(scene, only):
        tries += len(drain(scene, only, NOT_NOW).taken)
        scene.clock.advance(hours=1) if tries > 5 else scene.clock.advance(seconds=60)
    assert timedelta(days=3) <= scene.clock.now - begun < timedelta(days=4)
    assert 12 <= tries <= 18
    scene.prospect("young@sink.test")
    scene.clock.advance(days=2)
    drain(scene, only, NOT_NOW)
    off = state_of(scene, only)
    assert (off.state, json.loads(off.why)[0]) == ("disabled", "endpoint.failing")
    scene.prospect("untold@sink.test")
    assert [row.sequence for row in waiting(scene, only, "dead")] == [1, 2]
    with pytest.raises(Conflict):
        outbox.replay_dead(scene.ws, only)
    scene.ws.database.transact(lambda tx: outbox.resume(tx, only))
    assert outbox.replay_dead(scene.ws, only) == 2
    scene.prospect("later@sink.test")
    assert [parcel.sequence for parcel in drain(scene, only).taken] == [1, 2, 3]


def test_it_is_told_again_under_its_id_when_whoever_told_it_died_before_writing_it_down(scene: Scene) -> None:
    only = target(scene, "prospect.created")
    scene.prospect()
    dead, heir = ids.new_id(), ids.new_id()
    first = outbox.take(scene.ws, only, dead)
    assert outbox.take(scene.ws, only, heir) is None
    scene.clock.advance(seconds=61)
    again = outbox.take(scene.ws, only, heir)
    assert first is not None
    assert first == again
    outbox.record(scene.ws, first, Answer("done", 200))
    assert outbox.take(scene.ws, only, heir) is None


def test_a_task_is_told_once_when_it_is_due_and_once_when_it_is_done(scene: Scene) -> None:
    only = target(scene, "task.due", "task.done")
    ana = scene.prospect()
    for trigger in ("qualify", "diagnose", "schedule_meeting", "follow_up"):
        scene.move(ana, trigger)
    scene.clock.advance(hours=2)
    scene.claim()
    scene.send()
    task = scene.touch("call_back")
    assert news.tell_due_tasks(scene.ws) == 0
    scene.clock.now = task.next_attempt_at + timedelta(seconds=1)
    assert [news.tell_due_tasks(scene.ws) for _ in range(3)] == [1, 0, 0]
    acts.done(scene.ws, task.id, REP)
    due, done = [json.loads(parcel.payload) for parcel in drain(scene, only).taken]
    assert (due["type"], due["data"]["touch"], due["data"]["step"]) == ("task.due", task.id, "call_back")
    assert (done["type"], done["data"]["touch"], done["actor"]) == ("task.done", task.id, REP.actor)


def test_what_was_delivered_is_forgotten_after_a_month(scene: Scene) -> None:
    only = target(scene, "prospect.created")
    scene.prospect("a@sink.test")
    scene.prospect("b@sink.test")
    drain(scene, only, Answer("done", 200), Answer("never", 404))
    scene.clock.advance(days=31)
    assert [outbox.forget(scene.ws), outbox.forget(scene.ws)] == [1, 0]
    assert [row.sequence for row in waiting(scene, only, "dead")] == [2]


def test_where_nobody_listens_no_statement_is_run_for_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    drive = Tx.drive

    def listened(tx: Tx, sql: str, *values: Any, **more: Any) -> Any:
        seen.append(sql)
        return drive(tx, sql, *values, **more)

    monkeypatch.setattr(Tx, "drive", listened)
    ana = scene.called()
    scene.clock.advance(seconds=3)
    scene.claim()
    scene.send()
    scene.tell(ana, "email.replied", address="ana@sink.test")
    own = [sql for sql in seen if "outbox" in sql and "'playbook'" not in sql and "enrollment" not in sql]
    assert own == []
    assert not [sql for sql in seen if "outbox_target" in sql]


def test_doctor_finds_a_gap_a_sleeper_and_a_wrong_list_and_nothing_else(scene: Scene) -> None:
    only = target(scene, "prospect.created")
    for number in range(3):
        scene.prospect(f"p{number}@sink.test")

    def codes() -> list[str]:
        return sorted(each.code for each in doctor.examine(scene.ws) if each.code.startswith("outbox"))

    assert codes() == []
    drain(scene, only, NOT_NOW)
    assert [each for each in doctor.remarks(scene.ws) if "has taken nothing" in each]
    scene.clock.advance(seconds=7)
    drain(scene, only, Answer("done", 200), Answer("never", 404))
    assert codes() == []
    with scene.ws.database.read() as tx:
        found = numbers.look(tx)
    assert (found.waiting, found.dead, found.switched_off, found.failing) == (0, 1, 0, 0)
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Outgoing).where(Outgoing.sequence == 1).values(state="waiting"))
        tx.conn.execute(delete(Attempt))
        tx.conn.execute(delete(Outgoing).where(Outgoing.sequence == 2))
        tx.conn.execute(update(Fact).where(Fact.name == ROUTES).values(value="[]"))
    assert codes() == ["outbox.asleep", "outbox.gap", "outbox.routes"]
