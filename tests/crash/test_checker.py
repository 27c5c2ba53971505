"""The checker is worth nothing unless it sees each kind of breach: here every one is brought about on purpose.

First a good history, told in this process: calls, moves, emails sent, uncertain, stopped, barred. The checker finds
nothing wrong with it. Then one thing is made wrong at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from tests.conftest import Clock
from tests.outreach.scene import LOST, NO_SUCH_USER, Scene, columns, mailbox_limits, opened
from tests.support import checker, ground
from tests.support.checker import Accepted, Breach, Witness, examine
from workflow import ids
from workflow.actions import inbox, sources
from workflow.actions.outreach.spool import Spool
from workflow.actions.parcels import Incoming, Parcel
from workflow.records.base import Base
from workflow.records.db import Database
from workflow.records.models import Delivery, Event, History, Prospect, Touch


@dataclass(slots=True)
class Story:
    """A good history, and what was seen of it from outside."""

    scene: Scene
    witness: Witness

    def breaches(self) -> tuple[Breach, ...]:
        return examine(self.scene.ws.database, self.scene.ws.playbooks.current, self.witness)

    def change(self, table: type[Base], values: dict[str, Any], *where: Any) -> None:
        with self.scene.ws.database.write() as tx:
            assert tx.conn.execute(update(table).where(*where).values(**values)).rowcount > 0

    def remove(self, table: type[Base], *where: Any) -> None:
        with self.scene.ws.database.write() as tx:
            assert tx.conn.execute(delete(table).where(*where)).rowcount > 0

    def truth(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.witness = replace(self.witness, truth=rows)

    def touch(self, state: str) -> Any:
        return next(row for row in self.scene.touches() if row.state == state and row.kind == "email")


@pytest.fixture
def story(database: Database, clock: Clock, place: Path) -> Story:
    """Four prospects by webhook: one runs through, one replies behind an uncertain email, one does not exist.

    Of the fourth the reply comes first and the call that it answers after it: nothing begins any more.
    """
    clock.now = datetime.now(UTC) - timedelta(hours=2)
    ws = opened(place, database, folder=ground.folder() / "emails", limits=mailbox_limits(per_hour="4"))
    scene = Scene(ws, clock, Spool(place / "spool"))
    sources.add(ws, "standard", "crm")
    with ws.database.read() as tx:
        source = sources.open_source(ws, tx, "crm")
    assert source is not None
    accepted = []
    for number, (name, kind, event_id, ago) in enumerate(
        [
            ("ana", "call.ended", "evt-0", 0),
            ("boris", "call.ended", "evt-1", 0),
            ("gone", "call.ended", "evt-2", 0),
            ("ana", "call.ended", "evt-0", 0),
            ("dora", "email.replied", "evt-3", 0),
            ("dora", "call.ended", "evt-4", 60),
        ]
    ):
        happened = clock.now - timedelta(seconds=ago)
        event = Incoming(event_id, kind, happened, ref=name, fields={"email": f"{name}@sink.test"}, introduces=True)
        body = f"body {number}".encode()
        inbox.receive(ws, source, Parcel(f"msg-{number}", {}, body, (event,)))
        accepted.append(Accepted(f"msg-{number}", body, (event.event_id,)))
    clock.advance(seconds=2)
    for outcomes in ((), (LOST,), (NO_SUCH_USER,)):
        scene.claim()
        sender = scene.sender(*outcomes)
        begun = sender.begin(ws.mailbox_id)
        sender.send(begun)  # type: ignore[arg-type]
        clock.advance(seconds=1)
    boris = next(row for row in scene.touches() if row.state == "uncertain").prospect_id
    scene.tell(boris, "email.replied")
    clock.advance(seconds=10)
    scene.send()
    truth = [
        {"ts": clock.now.timestamp() + number, "message_id": _message_id(envelope.content), "rcpt": envelope.recipient}
        for number, envelope in enumerate(scene.sent)
    ]
    expected = [(f"{name}@sink.test", "after_call") for name in ("ana", "boris", "gone", "dora")]
    return Story(scene, Witness(truth, accepted, expected))


def test_a_good_history_has_no_breach(story: Story) -> None:
    """Else every other test here would prove nothing."""
    states = sorted(touch.state for touch in story.scene.touches())
    assert states == ["cancelled", "cancelled", "failed", "sent", "sent", "uncertain"]
    assert story.breaches() == ()


def _message_id(content: bytes) -> str:
    lines = content.split(b"\r\n\r\n")[0].decode().replace("\r\n ", " ").split("\r\n")
    return next(line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("message-id:"))


def _delivery_lost(story: Story) -> None:
    story.witness = replace(story.witness, accepted=[*story.witness.accepted, Accepted("msg-9", b"x", ())])


def _body_altered(story: Story) -> None:
    story.change(Delivery, {"body": b"another"}, Delivery.dedupe_key == "msg-0")


def _event_lost(story: Story) -> None:
    story.witness = replace(story.witness, accepted=[*story.witness.accepted[:1], Accepted("msg-1", b"body 1", ("e",))])


def _event_left_pending(story: Story) -> None:
    story.change(Event, {"outcome": "pending"}, Event.event_id == "evt-1")


def _event_applied_twice(story: Story) -> None:
    """A handler that ran twice on one event: the same change once more, the chain in order."""
    with story.scene.ws.database.read() as tx:
        event = tx.conn.execute(select(Event.id).where(Event.event_key == "evt-0")).scalar_one()
    _append_history(story, "call.ended", cause=f"event:{event}")


def _duplicate_applied(story: Story) -> None:
    """The second delivery of an event moved the prospect again."""
    with story.scene.ws.database.read() as tx:
        event = tx.conn.execute(select(Event.id).where(Event.outcome == "duplicate")).scalar_one()
    _append_history(story, "call.ended", cause=f"event:{event}")


def _sent_twice(story: Story) -> None:
    story.truth([*story.witness.truth, dict(story.witness.truth[0])])


def _sent_by_nobody(story: Story) -> None:
    story.truth([*story.witness.truth, {"ts": time.time(), "message_id": "<stranger@x>", "rcpt": "a@b.test"}])


def _sent_and_not_left(story: Story) -> None:
    story.truth(list(story.witness.truth[1:]))


def _left_and_to_be_sent_again(story: Story) -> None:
    """What an expired lease does to a protocol without a mark."""
    touch = story.touch("uncertain")
    later = story.scene.clock.now + timedelta(hours=1)
    story.change(Touch, {"state": "scheduled", "next_attempt_at": later, "committed_at": None}, Touch.id == touch.id)


def _stuck_in_claimed(story: Story) -> None:
    touch = story.touch("cancelled")
    story.change(Touch, {"state": "claimed"}, Touch.id == touch.id)


def _due_and_forgotten(story: Story) -> None:
    touch = story.touch("cancelled")
    past = story.scene.clock.now - timedelta(minutes=5)
    story.change(Touch, {"state": "scheduled", "next_attempt_at": past}, Touch.id == touch.id)


def _waits_for_nothing(story: Story) -> None:
    ana = story.touch("sent").prospect_id
    touch = next(row for row in story.scene.touches(ana) if row.step == "next_call")
    story.truth([row for row in story.witness.truth if row["message_id"] != touch.message_id])
    gone = {"state": "scheduled", "next_attempt_at": None, "committed_at": None, "message_id": None}
    story.change(Touch, gone, Touch.id == touch.id)


def _touch_missing(story: Story) -> None:
    touch = story.touch("cancelled")
    story.remove(Touch, Touch.id == touch.id)


def _never_enrolled(story: Story) -> None:
    story.witness = replace(story.witness, expected=[("ana@sink.test", "welcome")])


def _not_enrolled_though_no_stop_came_first(story: Story) -> None:
    dora = Prospect.email == "dora@sink.test"
    past = story.scene.clock.now - timedelta(days=1)
    story.change(
        History,
        {"occurred_at": past},
        History.prospect_id == select(Prospect.id).where(dora).scalar_subquery(),
        History.kind == "email.replied",
    )


def _marked_after_a_stop(story: Story) -> None:
    touch = story.touch("uncertain")
    story.change(Touch, {"committed_version": 99}, Touch.id == touch.id)


def _history_with_a_gap(story: Story) -> None:
    story.remove(History, History.version == 1, History.prospect_id == story.touch("sent").prospect_id)


def _history_altered(story: Story) -> None:
    story.change(History, {"actor": "somebody else"}, History.version == 2)


def _row_changed_without_history(story: Story) -> None:
    story.change(Prospect, {"company": "Changed OOD"}, Prospect.email == "ana@sink.test")


def _without_actor(story: Story) -> None:
    _append_history(story, "edited", cause="")


def _sent_too_late(story: Story) -> None:
    touch = story.touch("sent")
    story.change(Touch, {"not_after": touch.committed_at - timedelta(hours=1)}, Touch.id == touch.id)


def _sent_to_a_barred_address(story: Story) -> None:
    touch = story.touch("failed")
    story.change(
        Touch,
        {"committed_at": story.scene.clock.now, "committed_version": 99, "state": "failed"},
        Touch.id == touch.id,
    )


def _sent_to_an_address_barred_elsewhere(story: Story) -> None:
    touch = story.touch("sent")
    later = story.scene.clock.now + timedelta(hours=1)
    story.scene.bar("ana@sink.test")
    story.change(Touch, {"committed_at": later, "not_after": later}, Touch.id == touch.id)


def _limit_overdrawn(story: Story) -> None:
    """Five marks in an hour where four are allowed."""
    touch = story.touch("sent")
    base = {name.key: getattr(touch, name.key) for name in columns(Touch)}
    with story.scene.ws.database.write() as tx:
        for number in range(3):
            row = {"id": ids.new_id(), "generation": 10 + number, "message_id": f"<m{number}@x>", "state": "failed"}
            tx.conn.execute(insert(Touch), {**base, **row})


def _limit_overdrawn_at_the_server(story: Story) -> None:
    """More mails at the server than marks here: whatever counts by marks alone would miss it."""
    first = story.witness.truth[0]
    more = [{**first, "message_id": f"<extra{number}@x>"} for number in range(4)]
    story.truth([*story.witness.truth, *more])


SEEDED: list[tuple[str, Callable[[Story], None]]] = [
    ("C1", _delivery_lost),
    ("C1", _body_altered),
    ("C2", _event_lost),
    ("C2", _event_left_pending),
    ("C2", _event_applied_twice),
    ("C2", _duplicate_applied),
    ("C3", _sent_twice),
    ("C3", _sent_by_nobody),
    ("C4", _sent_and_not_left),
    ("C4", _left_and_to_be_sent_again),
    ("C4", _stuck_in_claimed),
    ("C4", _due_and_forgotten),
    ("C4", _waits_for_nothing),
    ("C4", _touch_missing),
    ("C4", _never_enrolled),
    ("C4", _not_enrolled_though_no_stop_came_first),
    ("C5", _marked_after_a_stop),
    ("C6", _history_with_a_gap),
    ("C6", _history_altered),
    ("C6", _row_changed_without_history),
    ("C6", _without_actor),
    ("C8", _sent_too_late),
    ("C9", _sent_to_a_barred_address),
    ("C9", _sent_to_an_address_barred_elsewhere),
    ("C10", _limit_overdrawn),
    ("C10", _limit_overdrawn_at_the_server),
]


@pytest.mark.parametrize(("formula", "seed"), SEEDED, ids=[seed.__name__.strip("_") for _, seed in SEEDED])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_checker_sees_a_breach(story: Story, formula: str, seed: Callable[[Story], None]) -> None:
    """Each seeded fault is named by the formula it breaks."""
    seed(story)
    assert formula in {breach.formula for breach in story.breaches()}


def _append_history(story: Story, kind: str, *, cause: str) -> None:
    """One more row for ana, with the chain in order, so that only what is meant is wrong."""
    with story.scene.ws.database.write() as tx:
        person = tx.conn.execute(select(*columns(Prospect)).where(Prospect.email == "ana@sink.test")).one()
        row = {
            "prospect_id": person.id,
            "version": person.version + 1,
            "at": tx.now,
            "occurred_at": tx.now,
            "kind": kind,
            "actor": "source:crm",
            "cause": cause,
            "from_stage": None,
            "to_stage": None,
            "reason": None,
            "changes": {},
            "detail": {},
            "digest": "",
        }
        tx.conn.execute(insert(History), row)
        added = (History.prospect_id == person.id) & (History.version == person.version + 1)
        kept = tx.conn.execute(select(*columns(History)).where(added)).one()
        link = checker._link(person.chain, kept)
        tx.conn.execute(update(History).where(added).values(digest=link))
        tx.conn.execute(update(Prospect).where(Prospect.id == person.id).values(version=person.version + 1, chain=link))
