"""Any order and any repetition of a history ends in the same state, with no mail beside that of the right order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.outreach.scene import Scene, columns
from workflow.actions import inbox, sources
from workflow.actions.parcels import Incoming, Parcel
from workflow.actions.sources import OpenSource
from workflow.engine.signals import FIELDS
from workflow.records.models import (
    Answer,
    Call,
    Delivery,
    Enrollment,
    Event,
    ExternalRef,
    Meeting,
    Prospect,
    Suppression,
    Touch,
)

ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
# The graph of fast.yaml: which triggers lead on from each stage, and where to.
WAYS = {
    "planned": {"qualify": "qualified", "disqualify": "closed"},
    "qualified": {"diagnose": "diagnosed", "close": "closed", "disqualify": "closed"},
    "diagnosed": {"schedule_meeting": "meeting_scheduled", "close": "closed", "disqualify": "closed"},
    "meeting_scheduled": {
        "cancel_meeting": "diagnosed",
        "no_show": "diagnosed",
        "follow_up": "followed_up",
        "close": "closed",
    },
    "followed_up": {"close": "closed"},
    "closed": {"reopen": "qualified"},
}
# What else may happen; m-1 and m-2 are two meetings.
OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("prospect.upserted", {"name": True}),
    ("prospect.upserted", {"company": True, "custom": True}),
    ("prospect.upserted", {"time_zone": True}),
    ("answers.recorded", {"question": "pain"}),
    ("answers.recorded", {"question": "budget"}),
    ("call.ended", {"minutes": 12}),
    ("email.replied", {}),
    ("email.auto_replied", {"about": "away", "returns_on": "2026-11-20"}),
    ("email.bounced", {"permanent": False}),
    ("email.unsubscribed", {}),
    ("meeting.booked", {"uid": "m-1", "starts": 3}),
    ("meeting.rescheduled", {"uid": "m-1", "starts": 5}),
    ("meeting.cancelled", {"uid": "m-1"}),
    ("meeting.booked", {"uid": "m-2", "starts": 4}),
)
ZONES = ("Europe/Sofia", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
_NAMES = count()


@dataclass(frozen=True)
class Story:
    """A history in its right order, an order in which it arrives, and which of its events come twice."""

    events: tuple[tuple[str, dict[str, Any]], ...]
    order: tuple[int, ...]
    again: frozenset[int]
    together: bool


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A prospect is introduced; then moves that are possible, and other things between them."""
    stage = "planned"
    events: list[tuple[str, dict[str, Any]]] = [("prospect.upserted", {"name": True})]
    for _ in range(draw(st.integers(2, 6))):
        if draw(st.booleans()):
            trigger = draw(st.sampled_from(sorted(WAYS[stage])))
            stage = WAYS[stage][trigger]
            outcome = {"outcome": draw(st.sampled_from(("won", "lost")))} if trigger == "close" else {}
            events.append(("move.requested", {"trigger": trigger, **outcome}))
        else:
            events.append(draw(st.sampled_from(OTHERS)))
    order = tuple(draw(st.permutations(range(len(events)))))
    again = frozenset(draw(st.lists(st.integers(0, len(events) - 1), max_size=3)))
    return Story(tuple(events), order, again, draw(st.booleans()))


def incoming(name: str, number: int, kind: str, told: dict[str, Any], first: datetime) -> Incoming:
    """The event of a story as a source brings it: a minute after the one before."""
    fields = {"email": f"{name}@sink.test"}
    for field in ("name", "company"):
        if told.get(field):
            fields[field] = f"{field} {number}"
    if told.get("time_zone"):
        fields["time_zone"] = ZONES[number % len(ZONES)]
    data = {key: value for key, value in told.items() if key not in ("name", "company", "time_zone", "custom")}
    if "question" in data:
        data = {"answers": {data["question"]: f"answer {number}"}}
    if "starts" in data:
        data["starts_at"] = first + timedelta(days=data.pop("starts"), hours=number)
    custom = {"plan": f"plan {number}"} if told.get("custom") else {}
    at = first + timedelta(minutes=number)
    return Incoming(f"{name}-{number}", kind, at, name, fields, custom, data)


def live(scene: Scene, crm: OpenSource, story: Story, order: tuple[int, ...], again: frozenset[int]) -> str:
    """Let a story arrive in this order, each event for itself or all in one delivery; gives the prospect's ref."""
    name = f"p{next(_NAMES)}"
    first = scene.clock.now - timedelta(hours=2)
    events = [incoming(name, number, kind, told, first) for number, (kind, told) in enumerate(story.events)]
    turns = [number for number in order for _ in range(2 if number in again else 1)]
    if story.together:
        inbox.receive(scene.ws, crm, Parcel(f"{name}-all", {}, b"{}", [events[number] for number in turns]))
    else:
        for turn, number in enumerate(turns):
            inbox.receive(scene.ws, crm, Parcel(f"{name}-{turn}", {}, b"{}", [events[number]]))
    while inbox.sweep(scene.ws):
        pass
    return name


def stands(scene: Scene, ref: str) -> dict[str, Any]:
    """Where the prospect stands, without ids and without when we heard of it."""
    with scene.ws.database.read() as tx:
        who = select(ExternalRef.prospect_id).where(ExternalRef.ref == ref).scalar_subquery()
        row = tx.conn.execute(select(*columns(Prospect)).where(Prospect.id == who)).one()
        mine = row.id
        meetings = select(Meeting.uid, Meeting.state, Meeting.starts_at).where(Meeting.prospect_id == mine)
        answers = select(Answer.question, Answer.text).where(Answer.prospect_id == mine)
        state = {name: getattr(row, name) for name in FIELDS if name != "email"}
        return state | {
            "stage": row.stage,
            "outcome": row.outcome,
            "custom": row.custom,
            # The hour is that of the zone which was known when the mailbox spoke.
            "away": row.mail_hold_until is not None,
            "barred": tx.conn.execute(select(func.count()).where(Suppression.email_key == row.email_key)).scalar_one(),
            "meetings": {
                uid: (state, starts if state == "booked" else None) for uid, state, starts in tx.conn.execute(meetings)
            },
            "answers": {row.question: row.text for row in tx.conn.execute(answers)},
            "calls": tx.conn.execute(select(func.count()).where(Call.prospect_id == mine)).scalar_one(),
        }


def will_leave(scene: Scene, ref: str) -> Counter[tuple[str, str]]:
    """The emails that are still to leave."""
    with scene.ws.database.read() as tx:
        found = (
            select(Enrollment.sequence, Touch.step)
            .join(Enrollment, Enrollment.id == Touch.enrollment_id)
            .join(ExternalRef, ExternalRef.prospect_id == Touch.prospect_id)
            .where(ExternalRef.ref == ref, Touch.state == "scheduled", Touch.kind == "email")
        )
        return Counter((row.sequence, row.step) for row in tx.conn.execute(found))


@pytest.fixture
def crm(scene: Scene) -> OpenSource:
    """A source of webhooks."""
    sources.add(scene.ws, "standard", "crm")
    with scene.ws.database.read() as tx:
        return sources.known(scene.ws, tx, "crm")


@ONLY_SQLITE
def test_every_order_of_arrival_ends_in_the_same_place(scene: Scene, crm: OpenSource) -> None:
    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(stories())
    def holds(story: Story) -> None:
        right = tuple(range(len(story.events)))
        first = live(scene, crm, replace(story, together=False), right, frozenset())
        before = stands(scene, first)
        for order, again in ((story.order, story.again), (right[::-1], frozenset()), (right, story.again)):
            other = live(scene, crm, story, order, again)
            after = stands(scene, other)
            assert after == before
            assert will_leave(scene, other) <= will_leave(scene, first)

    holds()
    with scene.ws.database.read() as tx:
        kept = tx.conn.execute(select(Event.outcome).where(Event.outcome.in_(("failed", "pending", "parked"))))
        assert kept.all() == []
        assert tx.conn.execute(select(func.count()).select_from(Delivery)).scalar_one() > 0
