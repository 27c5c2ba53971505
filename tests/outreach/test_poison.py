"""An event that cannot be applied holds up its own prospect for a while, and nobody else; then a person takes it up."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from tests.outreach.scene import Scene, columns
from workflow.actions import inbox, sources, turns
from workflow.actions.parcels import Incoming, Parcel
from workflow.actions.sources import OpenSource
from workflow.records.db import Record
from workflow.records.models import Event

_NUMBERS = count()


@pytest.fixture
def crm(scene: Scene) -> OpenSource:
    """A source of webhooks."""
    sources.add(scene.ws, "standard", "crm")
    with scene.ws.database.read() as tx:
        return sources.known(scene.ws, tx, "crm")


def brings(scene: Scene, crm: OpenSource, name: str, kind: str, ref: str, **data: Any) -> str:
    """Let one event arrive; gives what became of it."""
    one = Incoming(name, kind, scene.clock.now, ref, {"email": f"{ref}@sink.test"}, data=data)
    return inbox.receive(scene.ws, crm, Parcel(f"msg-{next(_NUMBERS)}", {}, b"{}", [one])).events[0].outcome


def told(scene: Scene, name: str) -> Record:
    """The event of that name as it stands."""
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(*columns(Event)).where(Event.event_id == name)).one()


def test_one_event_that_fails_holds_up_its_prospect_only_and_not_for_long(scene: Scene, crm: OpenSource) -> None:
    for ref in ("ana", "boris"):
        brings(scene, crm, f"{ref} comes", "prospect.upserted", ref)
    # No adapter lets such a time through: it stands for what we got wrong ourselves.
    assert brings(scene, crm, "poison", "meeting.booked", "ana", uid="m-1", starts_at="soon") == "failed"
    assert brings(scene, crm, "behind", "call.ended", "ana", minutes=5) == "pending"
    assert brings(scene, crm, "stop", "email.replied", "ana") == "applied"
    assert brings(scene, crm, "other", "call.ended", "boris", minutes=5) == "applied"
    assert "held_up" in told(scene, "behind").reason

    scene.clock.advance(minutes=14)
    inbox.sweep(scene.ws)
    assert (told(scene, "poison").outcome, told(scene, "behind").outcome) == ("failed", "pending")
    scene.clock.advance(minutes=1, seconds=1)
    inbox.sweep(scene.ws)
    assert told(scene, "behind").outcome == "applied"

    waits = []
    while (at := told(scene, "poison").next_attempt_at) is not None:
        waits.append(at)
        scene.clock.now = at
        inbox.sweep(scene.ws)
    dead = told(scene, "poison")
    assert (dead.outcome, dead.attempts, dead.failing_since) == ("failed", 1 + len(turns.RETRY), None)
    assert waits[-1] - waits[-2] == timedelta(hours=1)
    assert "event_given_up" in dead.reason

    mended = Incoming(
        "poison", "meeting.booked", scene.clock.now, "ana",
        data={"uid": "m-1", "starts_at": scene.clock.now + timedelta(days=1)},
    )  # fmt: skip
    receipt = inbox.replay(scene.ws, dead.delivery_id, lambda *_: Parcel("", {}, b"{}", [mended]), "rep:tester")
    assert [each.outcome for each in receipt.events] == ["applied"]


def test_events_behind_one_that_fails_keep_their_order(scene: Scene, crm: OpenSource) -> None:
    brings(scene, crm, "comes", "prospect.upserted", "ana")
    brings(scene, crm, "poison", "meeting.booked", "ana", uid="m-1", starts_at="soon")
    for name, trigger in (("first", "qualify"), ("second", "diagnose")):
        assert brings(scene, crm, name, "move.requested", "ana", trigger=trigger) == "pending"
        scene.clock.advance(seconds=1)
    scene.clock.advance(minutes=16)
    while inbox.sweep(scene.ws):
        pass
    assert [told(scene, name).outcome for name in ("first", "second")] == ["applied", "applied"]
    assert told(scene, "second").stage == "diagnosed"
