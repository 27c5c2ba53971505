"""T2: the commit mark before the final dot, and everything that may have happened since the email was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.outreach.flaky import Flaky, Trouble
from tests.outreach.scene import REP, Scene
from workflow.actions.outreach import acts
from workflow.actions.outreach.timings import Timings
from workflow.records.models import Heartbeat, Mailbox, Touch


@dataclass(slots=True)
class Meanwhile:
    """A probe that does something once at one point, as another process might just then."""

    point: str
    act: Callable[[], object]
    done: bool = False

    def at(self, point: str) -> None:
        if point == self.point and not self.done:
            self.done = True
            self.act()


def drain(scene: Scene, point: str, act: Callable[[], object]) -> None:
    """Claim, and send with `act` happening at `point`."""
    scene.claim()
    scene.sender(probe=Meanwhile(point, act)).drain(scene.ws.mailbox_id)


def test_the_mark_notes_when_and_at_which_version(scene: Scene) -> None:
    """It is what limits and the order of stops are told by."""
    prospect_id = scene.qualified()
    scene.send()
    touch = scene.touch()
    assert touch.committed_at == scene.clock.now
    assert touch.committed_version == scene.prospect_row(prospect_id).version


STOPS = [
    ("email.replied", {}, "cancelled", "stop.reply"),
    ("email.unsubscribed", {}, "skipped", "stop.unsubscribe"),
    ("email.complained", {}, "skipped", "stop.complaint"),
    ("email.bounced", {"permanent": True}, "skipped", "stop.bounce"),
]


@pytest.mark.parametrize(("kind", "data", "state", "reason"), STOPS, ids=[row[0] for row in STOPS])
def test_a_stop_between_begin_and_mark_keeps_the_email_back(
    scene: Scene, kind: str, data: dict[str, bool], state: str, reason: str
) -> None:
    """F45: the body is out already, and still nothing is delivered without the dot."""
    prospect_id = scene.qualified()
    drain(scene, "mark.before", lambda: scene.tell(prospect_id, kind, **data))
    assert (scene.sent, scene.touch().state, scene.why()) == ([], state, reason)
    assert scene.touch().committed_at is None


def test_a_stop_before_the_claim_takes_the_email_back(scene: Scene) -> None:
    """F45, first phase."""
    prospect_id = scene.qualified()
    scene.tell(prospect_id, "email.replied")
    scene.send()
    assert (scene.sent, scene.touch().state) == ([], "cancelled")


def test_a_stop_between_claim_and_begin_takes_the_email_back(scene: Scene) -> None:
    """F45, second phase."""
    prospect_id = scene.qualified()
    scene.claim()
    scene.tell(prospect_id, "email.replied")
    scene.sender().drain(scene.ws.mailbox_id)
    assert (scene.sent, scene.touch().state) == ([], "cancelled")


def test_a_stop_after_the_mark_comes_too_late_for_this_email_only(scene: Scene) -> None:
    """F45, last phase: it leaves and is recorded as sent; what would have followed does not."""
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    drain(scene, "mark.committed", lambda: scene.tell(prospect_id, "email.replied"))
    assert scene.states() == {"questions": "sent", "next_call": "cancelled"}
    assert len(scene.sent) == 1
    stop = scene.prospect_row(prospect_id).version
    assert scene.touch("questions").committed_version < stop


def test_an_absence_between_begin_and_mark_lets_the_email_wait(scene: Scene) -> None:
    """It waits, as if it had been known before: no attempt is used up. What a rep sends ahead of its time leaves."""
    prospect_id = scene.qualified()

    def leave() -> None:
        day = (scene.clock.now + timedelta(days=9)).date().isoformat()
        scene.tell(prospect_id, "email.auto_replied", about="away", returns_on=day)

    drain(scene, "mark.before", leave)
    assert (scene.sent, scene.touch().state, scene.touch().attempts) == ([], "scheduled", 0)
    scene.send()
    assert (scene.sent, scene.why()) == ([], "away")
    acts.send_now(scene.ws, scene.touch().id, REP)
    drain(scene, "mark.before", leave)
    assert (len(scene.sent), scene.touch().state) == (1, "sent")


def test_a_close_between_begin_and_mark_keeps_the_email_back(scene: Scene) -> None:
    """The rep closes the prospect while the body is on its way."""
    prospect_id = scene.qualified()
    drain(scene, "mark.before", lambda: scene.move(prospect_id, "close", outcome="lost"))
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "cancelled", "stop.close")


def test_a_skip_between_begin_and_mark_keeps_the_email_back(scene: Scene) -> None:
    """A rep may take it back until the very end."""
    scene.qualified()
    drain(scene, "mark.before", lambda: acts.skip(scene.ws, scene.touch().id, REP))
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "skipped", "skipped_by")


def test_an_address_barred_by_another_way_keeps_the_email_back(scene: Scene) -> None:
    """The address bounced for somebody else; this touch itself was told nothing."""
    scene.qualified()
    drain(scene, "mark.before", lambda: scene.bar("ana@sink.test"))
    assert scene.sent == []
    scene.send()
    assert (scene.sent, scene.touch().state, scene.why()) == ([], "skipped", "suppressed")


def test_an_address_edited_while_the_email_is_out_gets_a_fresh_email(scene: Scene) -> None:
    """Nothing goes to the old address; the new one gets an email written for it."""
    prospect_id = scene.qualified("old@sink.test")
    drain(scene, "mark.before", lambda: scene.edit(prospect_id, email="new@sink.test"))
    assert scene.sent == []
    assert scene.touch().state == "scheduled"
    scene.send()
    assert scene.recipients() == ["new@sink.test"]
    assert scene.touch().attempts == 1, "the one that was taken back was no attempt"


def test_a_mailbox_paused_while_the_email_is_out_keeps_it_back(scene: Scene) -> None:
    """It waits for the mailbox then."""
    scene.qualified()
    drain(scene, "mark.before", lambda: scene.change(Mailbox, {"state": "paused"}))
    assert (scene.sent, scene.touch().state) == ([], "scheduled")
    acts.resume(scene.ws, scene.ws.mailbox_id)
    scene.send()
    assert len(scene.sent) == 1


def test_a_sender_whose_lease_ran_out_sends_nothing(scene: Scene) -> None:
    """It was frozen too long for anybody to believe that it still works."""
    scene.qualified()
    drain(scene, "mark.before", lambda: scene.clock.advance(seconds=301))
    assert scene.sent == []


def test_a_sender_taken_for_dead_sends_nothing(scene: Scene) -> None:
    """F47: another hand has the email by then, and only that one sends it."""
    scene.qualified()

    def taken_over() -> None:
        scene.clock.advance(seconds=25)
        assert scene.reap() == 1
        scene.send()

    drain(scene, "mark.before", taken_over)
    assert scene.touch().state == "sent"
    assert len(scene.sent) == 1


def test_a_sender_that_froze_after_its_mark_does_not_send_the_dot(scene: Scene) -> None:
    """F48: it was taken for dead, and a person may have settled the email: nothing leaves, and it is asked anew."""
    scene.timings = replace(Timings(), dead_after=timedelta(0))
    prospect_id = scene.qualified()

    def taken_for_dead() -> None:
        scene.clock.advance(seconds=1)
        assert scene.reap() == 1
        assert scene.touch().state == "uncertain"

    drain(scene, "mark.committed", taken_for_dead)
    assert (scene.sent, scene.touch().state, scene.touch().committed_at) == ([], "scheduled", None)
    scene.timings = Timings()
    scene.tell(prospect_id, "email.replied")
    assert scene.touch().state == "cancelled"


@pytest.mark.parametrize("as_", ["resend", "dropped"])
def test_a_frozen_sender_does_not_undo_what_a_person_decided(scene: Scene, as_: str) -> None:
    """The touch was settled while its sender slept: waking up changes nothing of that."""
    scene.timings = replace(Timings(), dead_after=timedelta(0))
    scene.qualified()

    def settled() -> None:
        scene.clock.advance(seconds=1)
        scene.reap()
        acts.resolve(scene.ws, scene.touch().id, as_, REP)

    drain(scene, "mark.committed", settled)
    assert scene.sent == []
    assert scene.touches()[0].state == "failed"


@pytest.mark.parametrize("trouble", ["lost_commit", "unanswered_commit", "away"])
def test_a_mark_that_is_not_answered_sends_nothing_and_the_email_goes_on(scene: Scene, trouble: Trouble) -> None:
    """A failed commit may have happened (P1 of PostgreSQL): without the dot that is no harm, and it is tried again."""
    scene.qualified()
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    sender = scene.sender(ws=replace(scene.ws, database=flaky))
    flaky.troubles = [None, trouble]  # begin goes well, the mark does not
    sender.drain(scene.ws.mailbox_id)
    assert (scene.sent, scene.touch().state, scene.touch().attempts) == ([], "scheduled", 0)
    scene.send()
    assert (len(scene.sent), scene.touch().state) == (1, "sent")


def test_a_mark_unanswered_by_a_database_that_stays_away_ends_uncertain(scene: Scene) -> None:
    """Nobody can read the row then; its sender leaves, and the reaper shows the email instead of guessing."""
    scene.qualified()
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    sender = scene.sender(ws=replace(scene.ws, database=flaky))
    flaky.troubles = [None, "unanswered_commit", *["away"] * 5]  # type: ignore[list-item]
    sender.drain(scene.ws.mailbox_id)
    assert scene.touch().state == "committing"
    scene.change(Heartbeat, {"beat_at": scene.ago(seconds=60)})
    scene.reap()
    assert (scene.sent, scene.touch().state) == ([], "uncertain")


def test_an_error_of_ours_at_the_mark_is_counted_and_nothing_leaves(scene: Scene) -> None:
    """The connection is closed without the dot, and the touch is blamed like one that cannot be prepared."""
    scene.qualified()
    scene.claim()

    def fail() -> None:
        message = "a fault of ours"
        raise RuntimeError(message)

    sender = scene.sender(probe=Meanwhile("mark.before", fail))
    with pytest.raises(RuntimeError):
        sender.drain(scene.ws.mailbox_id)
    sender.blame()
    touch = scene.touch()
    assert (scene.sent, touch.state, touch.begin_errors) == ([], "scheduled", 1)


def test_an_error_of_ours_after_the_mark_is_not_put_back(scene: Scene) -> None:
    """From the mark on only an answer, or a person, says what became of it."""
    scene.qualified()
    scene.claim()

    def fail() -> None:
        message = "a fault of ours"
        raise RuntimeError(message)

    sender = scene.sender(probe=Meanwhile("answered", fail))
    with pytest.raises(RuntimeError):
        sender.drain(scene.ws.mailbox_id)
    sender.blame()
    assert scene.touch().state == "committing"
    scene.change(Touch, {"holder": None})
    scene.reap()
    assert scene.touch().state == "uncertain"
