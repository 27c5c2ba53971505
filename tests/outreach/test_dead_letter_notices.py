"""The notice that webhooks were given up: to administrators, in their language, at most once an hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

from sqlalchemy import insert, update

from tests.outreach.scene import REP, Scene
from workers.clock import Clock
from workers.queue import Queue
from workflow.actions import endpoints, notices, outbox, people, sources
from workflow.actions.outbox import Answer, FakeCourier
from workflow.ids import new_id
from workflow.mail.transport import FakeTransport
from workflow.records.models import Delivery, Event, Rep


def test_given_up_webhooks_are_told_of_once_an_hour_and_only_when_there_are_more(scene: Scene, redis_url: str) -> None:
    scene = replace(scene, ws=replace(scene.ws, settings=replace(scene.ws.settings, smtp_url="smtp://127.0.0.1:9")))
    ws, mail, queue = scene.ws, FakeTransport(), Queue(redis_url)
    people.add_rep(ws, "boss@example.com", "admin")
    people.add_rep(ws, "rep@example.com", "rep")
    with ws.database.write() as tx:
        tx.conn.execute(update(Rep).where(Rep.email == "boss@example.com").values(language="bg"))
    sources.add(ws, "standard", "crm")
    source_id = sources.id_of(ws, "crm")
    made = endpoints.add(ws, "erp", "https://hooks.example.com/", REP, events=["prospect.created"])

    def told() -> int:
        return notices.dead_letters(ws, lambda: mail)

    _dead(scene, source_id, "1")
    _given_up(scene, source_id, "2", again=True)
    Clock(ws, queue, scene.spool, scene.timings).tick()
    assert queue.waiting() == 1, "the clock wakes a worker"
    assert told() == 1
    letter = message_from_bytes(mail.sent[0].content, policy=default)
    text = letter.get_content().replace("\r\n", "\n")
    assert (letter["To"], letter["Subject"]) == ("boss@example.com", "Уебхукове чакат човек")
    assert "не могат да се прочетат: 1\n" in text
    assert "последния опит: 0\n" in text, "it is tried again by itself"

    _given_up(scene, source_id, "3")
    assert told() == 0, "less than an hour has passed"
    scene.clock.advance(minutes=61)
    assert (told(), told()) == (1, 0)
    scene.clock.advance(minutes=61)
    assert told() == 0, "nothing was added"

    # An event out that its receiver will never take; one that is gone altogether is told of by its own notice.
    scene.prospect()
    outbox.drain(ws, made.id, {"endpoint": FakeCourier(Answer("never", 400))})
    assert told() == 1
    assert "адрес, които бяха изоставени: 1" in message_from_bytes(mail.sent[2].content, policy=default).get_content()
    scene.clock.advance(minutes=61)
    outbox.replay_dead(ws, made.id)
    assert not notices.is_due(ws)
    outbox.drain(ws, made.id, {"endpoint": FakeCourier(Answer("never", 400))})
    assert told() == 1, "as many as before, but not the same"
    queue.close()


def _dead(scene: Scene, source_id: str, key: str, status: str = "dead") -> str:
    row = {"id": new_id(), "source_id": source_id, "dedupe_key": key, "status": status, "repeats": 0, "body": b"?"}
    with scene.ws.database.write() as tx:
        tx.conn.execute(insert(Delivery), {**row, "received_at": tx.now, "headers": {}})
    return str(row["id"])


def _given_up(scene: Scene, source_id: str, key: str, *, again: bool = False) -> None:
    row = {"id": new_id(), "delivery_id": _dead(scene, source_id, key, "accepted"), "position": 0, "attempts": 9}
    row |= {"source_id": source_id, "event_key": key, "event_id": key, "type": "x", "outcome": "failed", "payload": {}}
    with scene.ws.database.write() as tx:
        tx.conn.execute(insert(Event), {**row, "next_attempt_at": tx.now + timedelta(days=1) if again else None})
