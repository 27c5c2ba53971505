"""Emails before a meeting: of no use after it, and never with the time it had before it moved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.outreach.conftest import Stage
from tests.outreach.scene import GREYLISTED, Scene, mailbox_limits
from tests.outreach.test_mark import drain
from workflow.actions.outreach import acts
from workflow.records.models import Mailbox

REMINDERS = """  reminders:
    start: {when: meeting.booked}
    stop: [close, meeting.cancelled]
    steps:
      - {key: reminder, email: call_confirmation, before: meeting, lead: 1h}
  nudge:
"""


@pytest.fixture
def booked(stage: Stage) -> tuple[Scene, str]:
    """A meeting in three hours, with one reminder an hour before; the id of the prospect."""
    scene = stage(replaced={"  nudge:\n": REMINDERS}, limits=mailbox_limits(prospect_gap="4h"))
    prospect_id = scene.prospect()
    scene.tell(prospect_id, "meeting.booked", uid="m-1", starts_at=scene.clock.now + timedelta(hours=3))
    return scene, prospect_id


def test_a_reminder_leaves_an_hour_before(booked: tuple[Scene, str]) -> None:
    """Not when it was booked."""
    scene, _ = booked
    scene.send()
    assert scene.sent == []
    scene.clock.advance(hours=2)
    scene.send()
    assert len(scene.sent) == 1


def test_a_reminder_held_up_over_its_meeting_is_skipped(booked: tuple[Scene, str]) -> None:
    """A pause moves every other deadline, not this one."""
    scene, _ = booked
    scene.change(Mailbox, {"state": "paused"})
    for _ in range(8):
        scene.clock.advance(minutes=30)
        scene.claim()
    acts.resume(scene.ws, scene.ws.mailbox_id)
    scene.send()
    assert (scene.sent, scene.touch("reminder").state, scene.why("reminder")) == ([], "skipped", "too_late")


def test_a_reminder_deferred_over_its_meeting_is_skipped(booked: tuple[Scene, str]) -> None:
    """The two days of retries are for emails that keep."""
    scene, _ = booked
    scene.clock.advance(hours=2)
    scene.send(GREYLISTED)
    scene.clock.advance(hours=2)
    scene.send()
    assert (scene.sent, scene.touch("reminder").state) == ([], "skipped")


def test_a_moved_meeting_moves_its_reminder(booked: tuple[Scene, str]) -> None:
    """To an hour before the new time."""
    scene, prospect_id = booked
    later = scene.clock.now + timedelta(days=1)
    scene.tell(prospect_id, "meeting.rescheduled", uid="m-1", starts_at=later)
    touch = scene.touch("reminder")
    assert (touch.due_at, touch.not_after) == (later - timedelta(hours=1), later)


@pytest.mark.parametrize("point", ["begin.committed", "mark.before"])
def test_a_meeting_moved_while_its_reminder_is_on_its_way_takes_it_back(booked: tuple[Scene, str], point: str) -> None:
    """Written with the old time, it must not arrive."""
    scene, prospect_id = booked
    scene.clock.advance(hours=2)
    later = scene.clock.now + timedelta(days=1)
    drain(scene, point, lambda: scene.tell(prospect_id, "meeting.rescheduled", uid="m-1", starts_at=later))
    assert (scene.sent, scene.touch("reminder").state) == ([], "scheduled")
    scene.clock.now = later - timedelta(hours=1)
    scene.send()
    assert len(scene.sent) == 1


def test_a_cancelled_meeting_takes_its_reminder_back(booked: tuple[Scene, str]) -> None:
    """Up to the very end."""
    scene, prospect_id = booked
    scene.clock.advance(hours=2)
    drain(scene, "mark.before", lambda: scene.tell(prospect_id, "meeting.cancelled", uid="m-1"))
    assert (scene.sent, scene.touch("reminder").state) == ([], "cancelled")
