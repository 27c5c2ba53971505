"""A failed email is tried again or given up, and whatever a person decided about an email can be taken back in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.outreach.scene import GREYLISTED, LOST, NO_SUCH_USER, REP, SENT, TOO_BIG, Scene
from workflow.actions.outreach import acts, again, recover
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.transport import Outcome
from workflow.reports import doctor


def asked(scene: Scene, *script: Outcome) -> str:
    """An email after a call that ended so, with another one behind it; gives the id of the first."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(*script)
    return str(scene.touch("questions").id)


def sound(scene: Scene) -> None:
    assert [each.sentence for each in doctor.examine(scene.ws)] == []


def test_a_failed_email_is_tried_again_and_its_sequence_goes_on(scene: Scene) -> None:
    """Under a name of its own, with all attempts before it; what was cancelled for it waits behind it again."""
    old = asked(scene, TOO_BIG)
    assert scene.states() == {"questions": "failed", "next_call": "cancelled"}
    new = again.settle(scene.ws, old, "resend", REP)
    assert scene.states() == {"questions": "scheduled", "next_call": "scheduled"}
    assert (scene.touch("questions").id, scene.why("next_call")) == (new, "after")
    assert scene.enrollment("after_call").state == "active"
    assert (scene.touch("questions").attempts, scene.touch("questions").forced) == (0, False)
    sound(scene)
    for word in ("resend", "dropped"):
        with pytest.raises(Conflict, match="settled this email already"):
            again.settle(scene.ws, old, word, REP)
    scene.send(GREYLISTED)
    assert (scene.touch("questions").state, scene.touch("questions").attempts) == ("scheduled", 1)
    scene.clock.advance(minutes=10)
    scene.send(SENT)
    scene.clock.advance(seconds=5)
    scene.send(SENT)
    assert scene.states() == {"questions": "sent", "next_call": "sent"}
    assert [touch.state for touch in scene.touches() if touch.step == "questions"] == ["failed", "sent"]
    assert len({touch.message_id for touch in scene.touches()}) == 3
    assert "touch.again" in scene.history(scene.touch("questions").prospect_id)
    sound(scene)


def test_tried_again_it_waits_for_whoever_is_away(scene: Scene) -> None:
    old = asked(scene, TOO_BIG)
    prospect_id = scene.touch("questions").prospect_id
    back = (scene.clock.now + timedelta(days=9)).date().isoformat()
    scene.tell(prospect_id, "email.auto_replied", about="away", returns_on=back)
    again.settle(scene.ws, old, "resend", REP)
    scene.send(SENT)
    assert (scene.sent, scene.why("questions")) == ([], "away")


def test_what_cannot_be_tried_again_says_why_and_stays(scene: Scene) -> None:
    """A barred address, a sequence that was stopped or runs anew, a word that means nothing here."""
    barred = asked(scene, NO_SUCH_USER)
    with pytest.raises(Conflict, match="gets no more email"):
        again.settle(scene.ws, barred, "resend", REP)
    scene.called("boris@sink.test")
    scene.clock.advance(seconds=2)
    scene.send(TOO_BIG)
    failed = scene.touch("questions")
    with pytest.raises(BadInput, match="try it again, or drop it"):
        again.settle(scene.ws, failed.id, "sent", REP)
    with pytest.raises(BadInput, match="must be one of"):
        again.settle(scene.ws, failed.id, "maybe", REP)
    with pytest.raises(NotFound):
        again.settle(scene.ws, failed.prospect_id, "resend", REP)
    scene.tell(failed.prospect_id, "call.ended")
    with pytest.raises(Conflict, match="started anew"):
        again.settle(scene.ws, failed.id, "resend", REP)
    assert scene.touches()[0].state == "failed"
    with pytest.raises(Conflict, match="Nobody has decided"):
        again.undo(scene.ws, failed.id, REP)


@pytest.mark.parametrize("as_", ["resend", "dropped"])
def test_a_decision_about_a_failed_email_is_taken_back(scene: Scene, as_: str) -> None:
    old = asked(scene, TOO_BIG)
    before = scene.why("questions")
    again.settle(scene.ws, old, as_, REP)
    scene.begin() if as_ == "resend" else None
    again.undo(scene.ws, old, REP)
    first = next(touch for touch in scene.touches() if touch.id == old)
    assert (first.state, before in str(first.reason)) == ("failed", True)
    assert {touch.state for touch in scene.touches() if touch.id != old} == {"cancelled"}
    assert scene.enrollment("after_call").state == "failed"
    assert again.settle(scene.ws, old, "resend", REP) != old, "and decided anew"
    scene.send(SENT)
    with pytest.raises(Conflict, match="taken back no more"):
        again.undo(scene.ws, old, REP)
    sound(scene)


@pytest.mark.parametrize("as_", ["sent", "resend", "dropped"])
def test_a_decision_about_an_uncertain_email_is_taken_back_before_it_has_followed(scene: Scene, as_: str) -> None:
    old = asked(scene, LOST)
    again.settle(scene.ws, old, as_, REP)
    scene.claim()
    again.undo(scene.ws, old, REP)
    first = next(touch for touch in scene.touches() if touch.id == old)
    assert (first.state, first.sent_at, first.ended_at) == ("uncertain", None, None)
    assert (scene.touch("next_call").state, scene.touch("next_call").next_attempt_at) == ("scheduled", None)
    assert (scene.why("next_call"), scene.enrollment("after_call").state) == ("behind_uncertain", "active")
    sound(scene)
    again.settle(scene.ws, old, as_, REP)
    scene.clock.advance(seconds=5)
    scene.send(SENT)
    if as_ != "dropped":
        why = {"sent": "the next step has begun", "resend": "once more already"}[as_]
        with pytest.raises(Conflict, match=f"taken back no more: .*{why}"):
            again.undo(scene.ws, old, REP)
    assert len(scene.sent) == 1 + (as_ != "dropped"), "the server had taken the first one"


def test_an_email_in_a_sender_s_hands_is_taken_back_before_its_mark(scene: Scene) -> None:
    """The body is out, the dot is not."""
    old = asked(scene, TOO_BIG)
    again.settle(scene.ws, old, "resend", REP)
    sender = scene.sender()
    begun = scene.begin(sender)
    again.undo(scene.ws, old, REP)
    sender.send(begun)
    assert scene.sent == []
    assert {touch.state for touch in scene.touches()} == {"failed", "cancelled"}
    assert recover.reap(scene.ws, scene.timings) == 0


def test_a_skipped_step_waits_again_until_the_one_behind_it_has_left(scene: Scene) -> None:
    """By the door through which it went: at its old hour, with the next one behind it, even when all had ended."""
    scene.called()
    first, behind = scene.touch("questions"), scene.touch("next_call")
    acts.skip(scene.ws, behind.id, REP)
    again.undo(scene.ws, behind.id, REP)
    assert (scene.touch("next_call").state, scene.touch("next_call").next_attempt_at) == ("scheduled", None)
    acts.skip(scene.ws, first.id, REP)
    acts.skip(scene.ws, behind.id, REP)
    assert scene.enrollment("after_call").state == "completed"
    again.undo(scene.ws, behind.id, REP)
    again.undo(scene.ws, first.id, REP)
    assert (scene.enrollment("after_call").state, scene.touch("questions").next_attempt_at) == ("active", first.due_at)
    assert (scene.touch("next_call").next_attempt_at, scene.why("next_call")) == (None, "after")
    sound(scene)
    with pytest.raises(Conflict, match="Nobody has decided"):
        again.undo(scene.ws, first.id, REP)
    acts.skip(scene.ws, first.id, REP)
    scene.clock.advance(hours=1)
    scene.send(SENT)
    assert scene.states() == {"questions": "skipped", "next_call": "sent"}
    with pytest.raises(Conflict, match="taken back no more"):
        again.undo(scene.ws, first.id, REP)
    sound(scene)
