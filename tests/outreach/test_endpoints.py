"""Endpoints over real HTTP: signed with every valid secret, at least once, in order; notices, tests and the guard."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.outreach.scene import REP, Scene
from tests.support.receiver import Came, Receiver, Told
from workers.clock import Clock
from workers.jobs import Hands
from workers.queue import Queue
from workflow.actions import endpoints, news, notices, outbox, people, sealing, secret_forms
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.transport import FakeTransport
from workflow.probe import SILENT, Probe
from workflow.records.outbox import Endpoint, Outgoing, Target
from workflow.reports import endpoints as report
from workflow.reports.paging import Asked


def lab(scene: Scene) -> Scene:
    """The same scene in a lab, where an endpoint may be on this host."""
    settings = replace(scene.ws.settings, private_endpoints=True, smtp_url="smtp://127.0.0.1:9")
    return replace(scene, ws=replace(scene.ws, settings=settings))


def signed_by(came: Came, secret: str) -> bool:
    """As a receiver checks it (docs/endpoints.md)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode() + came.body
    mark = "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return mark in came.headers["webhook-signature"].split()


def hands(scene: Scene, probe: Probe | None = None) -> Hands:
    return Hands(scene.ws, scene.spool, scene.timings, probe=probe or SILENT)


class Dies:
    """A worker that is killed between the answer and the record, once."""

    def __init__(self) -> None:
        self.left = 1

    def at(self, point: str) -> None:
        if point == "outbox.answered" and self.left:
            self.left -= 1
            raise KeyboardInterrupt


def test_events_come_signed_in_order_and_again_under_the_same_id_after_a_crash(scene: Scene) -> None:
    scene = lab(scene)
    with Receiver(Told(200), Told(500, "boom")) as receiver:
        made = endpoints.add(scene.ws, "crm", receiver.url, REP, events=["prospect.created", "prospect.moved"])
        scene.qualified()
        with pytest.raises(KeyboardInterrupt):
            hands(scene, Dies()).drain(made.id)
        assert outbox.due(scene.ws) == ()
        scene.clock.advance(seconds=61)
        assert list(outbox.due(scene.ws)) == [made.id]
        hands(scene).drain(made.id)
        later = endpoints.rotate(scene.ws, made.id)
        assert sealing.rotate(scene.ws) >= 1
        scene.clock.advance(seconds=10)
        hands(scene).drain(made.id)
    told = [json.loads(came.body) for came in receiver.came]
    assert [each["type"] for each in told] == ["prospect.created"] * 3 + ["prospect.moved"]
    assert len({came.headers["webhook-id"] for came in receiver.came[:3]}) == 1
    assert [came.headers["onward-sequence"] for came in receiver.came] == ["1", "1", "1", "2"]
    assert all(came.headers["webhook-id"] == each["id"] for came, each in zip(receiver.came, told, strict=True))
    assert all(signed_by(came, made.secret) for came in receiver.came)
    assert signed_by(receiver.came[3], later)
    assert not signed_by(receiver.came[0], later)
    with scene.ws.database.read() as tx:
        row = report.one(tx, made.id)
        assert (row.waiting, row.dead, row.failures) == (0, 0, 0)
        first, second = report.deliveries(tx, made.id, Asked("created_at", None, 10)).rows
        assert (first.attempts, first.code, second.attempts) == (2, 200, 1)
        assert [each.answer for each in report.delivery(tx, made.id, first.id)[1]] == ["taken", "boom"]
        sealed = tx.conn.execute(select(Endpoint.secrets)).scalar_one()
    assert made.secret not in sealed


def test_the_clock_hints_at_whom_there_is_something_to_tell(scene: Scene, redis_url: str) -> None:
    made = endpoints.add(scene.ws, "crm", "https://hooks.example.com/", REP)
    queue = Queue(redis_url)
    clock = Clock(scene.ws, queue, scene.spool, scene.timings)
    clock.tick()
    assert queue.waiting() == 0
    scene.prospect()
    Clock(scene.ws, queue, scene.spool, scene.timings).tick()
    assert queue.waiting() == 1
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Target.hint_at).where(Target.id == made.id)).scalar_one() == scene.clock.now
    queue.close()


def test_one_that_is_gone_is_switched_off_and_the_administrators_hear_of_it(scene: Scene) -> None:
    scene = lab(scene)
    people.add_rep(scene.ws, "boss@example.com", "admin")
    with Receiver(Told(410)) as receiver:
        made = endpoints.add(scene.ws, "crm", receiver.url, REP)
        scene.prospect("one@sink.test")
        scene.prospect("two@sink.test")
        assert outbox.drain(scene.ws, made.id, hands(scene).couriers()).switched_off
        scene.prospect("three@sink.test")
        mail = FakeTransport()
        assert notices.endpoint_off(scene.ws, made.id, lambda: mail) == 1
        assert b"crm" in mail.sent[0].content
        with pytest.raises(Conflict):
            outbox.replay_dead(scene.ws, made.id)
        endpoints.resume(scene.ws, made.id)
        assert outbox.replay_dead(scene.ws, made.id) == 2
        hands(scene).drain(made.id)
    assert [came.headers["onward-sequence"] for came in receiver.came] == ["1", "1", "2"]


def test_a_test_goes_past_all_that_waits_and_counts_for_nothing(scene: Scene) -> None:
    scene = lab(scene)
    with Receiver(Told(302, "", {"Location": "https://elsewhere.example.com/"})) as receiver:
        made = endpoints.add(scene.ws, "crm", receiver.url, REP)
        scene.prospect()
        endpoints.pause(scene.ws, made.id, "Ana")
        refused, taken = endpoints.try_out(scene.ws, made.id), endpoints.try_out(scene.ws, made.id)
    assert (refused.outcome, refused.code) == ("again", 302)
    assert (taken.outcome, taken.code, taken.text) == ("done", 200, "taken")
    assert json.loads(receiver.came[0].body)["type"] == "endpoint.test"
    assert signed_by(receiver.came[1], made.secret)
    with scene.ws.database.read() as tx:
        assert [row.type for row in tx.conn.execute(select(Outgoing.type))] == ["prospect.created"]
        assert report.one(tx, made.id).state == "paused"


def test_a_name_is_free_again_once_its_endpoint_is_removed_and_private_places_are_refused(scene: Scene) -> None:
    ws = scene.ws
    made = endpoints.add(ws, "crm", "https://hooks.example.com/", REP)
    with pytest.raises(Conflict):
        endpoints.add(ws, "crm", "https://other.example.com/", REP)
    endpoints.remove(ws, made.id, "Ana")
    again = endpoints.add(ws, "crm", "https://other.example.com/", REP, events=["task.done"])
    assert again.id != made.id
    for url in ("http://hooks.example.com/", "https://127.0.0.1/", "https://localhost/"):
        with pytest.raises(BadInput):
            endpoints.add(ws, "bad", url, REP)
    with pytest.raises(BadInput):
        endpoints.add(ws, "bad", "https://hooks.example.com/", REP, events=["prospect.eaten"])
    for gone in (made.id, "nobody"):
        with pytest.raises(NotFound):
            endpoints.rotate(ws, gone)
    scene.prospect()
    with ws.database.read() as tx:
        assert tx.conn.execute(select(Outgoing.id)).all() == []
        assert tx.conn.execute(select(Target.sequence)).scalars().all() == [0, 0]


def test_the_verification_of_the_docs_takes_what_is_sent_and_nothing_else(scene: Scene) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "endpoints.md").read_text(encoding="utf-8")
    told: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], told)  # noqa: S102 - our own page
    assert all(f"`{each}`" in page for each in news.TYPES)
    with Receiver() as receiver:
        made = endpoints.add(lab(scene).ws, "crm", receiver.url, REP)
        endpoints.try_out(lab(scene).ws, made.id)
    (came,) = receiver.came
    now, verify = time.time(), told["verify"]
    assert verify(came.headers, came.body, made.secret, now)
    assert not verify(came.headers, came.body + b" ", made.secret, now)
    assert not verify(came.headers, came.body, secret_forms.fresh("standard"), now)
    assert not verify(came.headers, came.body, made.secret, now + 400)
