"""T1: what is asked again before an email is written, and what becomes of one that may not leave, or not now."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from tests.outreach.conftest import Stage
from tests.outreach.scene import GREYLISTED, REP, Scene, mailbox_limits
from workflow.actions.outreach import acts
from workflow.actions.outreach.settle import Begun
from workflow.engine.reasons import Reason
from workflow.errors import OnwardError
from workflow.records.models import Enrollment, Mailbox, PlaybookVersion, Prospect

HOURS = '{from: "08:30", to: "17:30"}'


def test_it_keeps_the_bytes_before_they_leave(scene: Scene) -> None:
    """What a server may have is on record, under the Message-ID of the touch."""
    scene.qualified()
    begun = scene.begin()
    touch = scene.touch()
    assert (touch.state, touch.attempts, touch.recipient) == ("sending", 1, "ana@sink.test")
    assert touch.lease_until == scene.clock.now + timedelta(seconds=300)
    (kept,) = scene.messages()
    assert kept.content == begun.envelope.content
    assert kept.message_id == touch.message_id
    assert touch.message_id.encode() in begun.envelope.content


def test_every_attempt_has_the_same_message_id(scene: Scene) -> None:
    """So that a copy of an earlier attempt can be recognised."""
    scene.qualified()
    scene.send(GREYLISTED)
    first = scene.touch().message_id
    scene.clock.advance(minutes=10)
    scene.send()
    assert scene.touch().message_id == first
    assert first.encode() in scene.sent[0].content


def test_the_email_says_what_is_true_at_its_last_attempt(scene: Scene) -> None:
    """A company renamed between two attempts is written as it is called now."""
    prospect_id = scene.qualified(company="Old OOD")
    scene.send(GREYLISTED)
    scene.edit(prospect_id, company="New AD")
    scene.clock.advance(minutes=10)
    scene.send()
    assert b"New AD" in scene.sent[0].content
    assert b"Old OOD" not in scene.sent[0].content


def test_a_suppressed_address_is_skipped(scene: Scene) -> None:
    """Barred between claim and begin."""
    scene.qualified()
    scene.claim()
    scene.bar("ana@sink.test")
    scene.sender().drain(scene.ws.mailbox_id)
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "skipped", "suppressed")


def test_a_prospect_without_an_address_is_skipped(scene: Scene) -> None:
    """Removed between claim and begin."""
    prospect_id = scene.qualified()
    scene.claim()
    scene.edit(prospect_id, email="")
    scene.sender().drain(scene.ws.mailbox_id)
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "skipped", "no_address")


def test_an_ended_sequence_is_not_written_for(scene: Scene) -> None:
    """Should an enrollment ever end without its touches, the touch is cancelled here."""
    scene.qualified()
    scene.claim()
    scene.change(Enrollment, {"state": "stopped"})
    scene.sender().drain(scene.ws.mailbox_id)
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "cancelled", "sequence_ended")


def test_a_day_late_is_not_too_late(scene: Scene) -> None:
    """Nothing is too late within 24 h: an outage of a night costs no follow-up."""
    scene.qualified()
    scene.clock.advance(hours=23, minutes=59)
    scene.send()
    assert len(scene.sent) == 1


def test_after_an_outage_of_two_days_an_email_is_skipped(scene: Scene) -> None:
    """Late mail is not sent blindly; the step behind it goes on from here."""
    prospect_id = scene.called()
    scene.clock.advance(days=2)
    scene.send()
    assert scene.sent == []
    assert (scene.touch("questions").state, scene.why("questions")) == ("skipped", "too_late")
    next_call = scene.touch("next_call", prospect_id)
    assert next_call.next_attempt_at == scene.clock.now + timedelta(seconds=4)


def test_a_retry_may_come_up_to_two_days_late(scene: Scene) -> None:
    """A server that says later is given 48 hours."""
    scene.qualified()
    scene.send(GREYLISTED)
    scene.clock.advance(hours=40)
    scene.send()
    assert len(scene.sent) == 1


def test_outside_the_window_it_waits_for_the_opening(stage: Stage) -> None:
    """Claimed at ten, begun after hours: it leaves the next morning at half past eight of the prospect's clock."""
    scene = stage(window=HOURS)
    scene.qualified()
    scene.claim()
    scene.clock.advance(hours=8)  # 18:00 in Sofia
    scene.sender().drain(scene.ws.mailbox_id)
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "scheduled", "window")
    assert scene.touch().next_attempt_at == datetime.fromisoformat("2026-11-11T08:30+02:00")


def test_the_window_is_that_of_the_prospect(stage: Stage) -> None:
    """Ten in Sofia is three at night in New York."""
    scene = stage(window=HOURS)
    scene.qualified(time_zone="America/New_York")
    assert scene.claim() == ()
    scene.clock.advance(hours=5, minutes=30)  # 08:30 in New York
    scene.send()
    assert len(scene.sent) == 1


def test_a_weekend_makes_no_email_too_late(stage: Stage) -> None:
    """Held up on Friday evening it leaves on Monday, 63 hours later, and is not skipped for it."""
    scene = stage(window=HOURS)
    scene.clock.now = datetime.fromisoformat("2026-11-13T17:29+02:00")  # a Friday
    scene.qualified()
    scene.claim()
    scene.clock.advance(minutes=5)
    scene.sender().drain(scene.ws.mailbox_id)
    assert scene.why() == "window"
    scene.clock.now = datetime.fromisoformat("2026-11-16T08:31+02:00")
    scene.send()
    assert len(scene.sent) == 1


def test_the_gap_of_a_prospect_keeps_two_emails_apart(stage: Stage) -> None:
    """Two sequences at once: the second email waits four hours after the first."""
    scene = stage(limits=mailbox_limits(prospect_gap="4h"))
    prospect_id = scene.called()
    scene.move(prospect_id, "qualify")
    scene.clock.advance(seconds=2)
    scene.send()
    assert len(scene.sent) == 1
    waiting = [touch for touch in scene.touches() if touch.next_attempt_at and touch.state == "scheduled"]
    assert [touch.next_attempt_at for touch in waiting] == [scene.clock.now + timedelta(hours=4)]
    scene.clock.advance(hours=4)
    scene.send()
    assert len(scene.sent) == 2


def test_two_hands_at_once_keep_the_gap_as_well(stage: Stage) -> None:
    """An email that is on its way just now counts as leaving now."""
    scene = stage(limits=mailbox_limits(prospect_gap="4h"))
    prospect_id = scene.called()
    scene.move(prospect_id, "qualify")
    scene.clock.advance(seconds=2)
    scene.claim()
    first, second = scene.sender(), scene.sender()
    begun = first.begin(scene.ws.mailbox_id)
    assert isinstance(begun, Begun)
    other = second.begin(scene.ws.mailbox_id)
    assert isinstance(other, Reason)
    assert other.code == "gap"
    first.send(begun)
    assert len(scene.sent) == 1


def test_send_now_passes_window_and_gap(stage: Stage) -> None:
    """At a rep's wish it leaves at night and right behind another one."""
    scene = stage(window=HOURS, limits=mailbox_limits(prospect_gap="4h"))
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    scene.clock.advance(hours=9)
    acts.send_now(scene.ws, scene.touch("next_call", prospect_id).id, REP)
    scene.send()
    assert len(scene.sent) == 2


def test_a_mailbox_paused_after_the_claim_begins_nothing(scene: Scene) -> None:
    """The claim stands or is given back; nothing leaves."""
    scene.qualified()
    scene.claim()
    scene.change(Mailbox, {"state": "paused"})
    scene.sender().drain(scene.ws.mailbox_id)
    assert scene.sent == []
    assert scene.touch().attempts == 0


def test_no_more_hands_than_the_limit_of_concurrency(stage: Stage) -> None:
    """One hanging server must not take every worker; here two at once are allowed."""
    scene = stage(limits=mailbox_limits(concurrency="2"))
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    scene.claim()
    hands = [scene.sender() for _ in range(3)]
    begun = [hand.begin(scene.ws.mailbox_id) for hand in hands]
    assert [each is not None for each in begun] == [True, True, False]


def test_an_email_that_cannot_be_written_fails_with_its_reason(stage: Stage) -> None:
    """Its sequence ends with it, and the next email is not held up."""
    scene = stage(replaced={"email: call_confirmation": "email: no_such_email"})
    scene.qualified("a@sink.test")
    scene.called("b@sink.test")
    scene.clock.advance(seconds=2)
    scene.send()
    assert (scene.touch("hello").state, scene.why("hello")) == ("failed", "render")
    assert scene.enrollment("welcome").state == "failed"
    assert scene.recipients() == ["b@sink.test"]


def test_an_address_that_cannot_be_read_fails_with_its_reason(scene: Scene) -> None:
    """Whatever door it came through."""
    scene.qualified()
    scene.change(Prospect, {"email": "not an address"})
    scene.send()
    assert (scene.touch().state, scene.why()) == ("failed", "render")


def test_a_touch_that_breaks_begin_three_times_is_put_aside(scene: Scene) -> None:
    """Poison: an error of ours in one email must not stop the others, nor try for ever."""
    scene.qualified("bad@sink.test")
    scene.change(Enrollment, {"playbook_digest": broken_version(scene)})
    scene.clock.advance(seconds=1)
    scene.qualified("good@sink.test")
    for _ in range(3):
        scene.claim()
        sender = scene.sender()
        with pytest.raises(OnwardError):
            sender.drain(scene.ws.mailbox_id)
        sender.blame()
        scene.clock.advance(seconds=20)
    scene.send()
    assert scene.recipients() == ["good@sink.test"]
    bad = scene.touches()[0]
    assert (bad.state, bad.begin_errors, bad.attempts) == ("failed", 3, 0)


def test_a_blamed_touch_that_another_hand_took_up_is_left_alone(scene: Scene) -> None:
    """What is on its way must not be put back: that would send it twice."""
    scene.qualified()
    scene.claim()
    clumsy, able = scene.sender(), scene.sender()
    clumsy.preparing = scene.touch().id
    begun = able.begin(scene.ws.mailbox_id)
    assert isinstance(begun, Begun)
    clumsy.blame()
    assert (scene.touch().state, scene.touch().begin_errors) == ("sending", 0)
    able.send(begun)
    assert scene.touch().state == "sent"


def broken_version(scene: Scene) -> str:
    """A playbook version that this release cannot read; gives its digest."""
    row = {"digest": "0" * 64, "name": "old", "number": 99, "source": "not: [a playbook"}
    with scene.ws.database.write() as tx:
        tx.conn.execute(insert(PlaybookVersion), {**row, "published_at": tx.now})
    return "0" * 64
