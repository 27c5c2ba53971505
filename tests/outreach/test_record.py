"""T3: how each ending of an attempt is written down, and what it means for the email, its mailbox and its prospect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.outreach.conftest import Stage
from tests.outreach.scene import (
    BAD_SENDER,
    BUSY,
    GREYLISTED,
    LATER_AFTER_DOT,
    LOST,
    NO_LOGIN,
    NO_SUCH_USER,
    NO_UTF8,
    POLICY,
    TOO_BIG,
    Scene,
    mailbox_limits,
)
from workflow.actions.outreach import acts
from workflow.engine import reasons
from workflow.mail.transport import Outcome
from workflow.records.models import Touch


def test_sent_is_written_with_the_answer_of_the_server(scene: Scene) -> None:
    """Code and words stay with the touch, and the next step counts from here."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    touch = scene.touch("questions")
    assert (touch.state, touch.smtp_code, touch.smtp_text) == ("sent", 250, "2.0.0 Ok")
    assert touch.sent_at == scene.clock.now
    assert scene.touch("next_call").next_attempt_at == scene.clock.now + timedelta(seconds=4)


def test_the_last_email_completes_its_sequence(scene: Scene) -> None:
    """So that the sequence may start anew."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    assert scene.enrollment("after_call").state == "active"
    scene.clock.advance(seconds=4)
    scene.send()
    assert scene.enrollment("after_call").state == "completed"


def test_a_greylisted_email_is_tried_again_at_growing_intervals(scene: Scene) -> None:
    """6, 15, 30, 60, 120, 240 minutes, each up to a fifth longer, so that a thousand do not return at once."""
    scene.qualified()
    for attempt, minutes in enumerate((6, 15, 30, 60, 120, 240, 240), start=1):
        scene.send(GREYLISTED)
        touch = scene.touch()
        assert (touch.state, touch.attempts) == ("scheduled", attempt)
        wait = touch.next_attempt_at - scene.clock.now
        assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes * 1.2)
        scene.clock.now = touch.next_attempt_at - timedelta(seconds=1)
        assert scene.claim() == ()
        scene.clock.advance(seconds=1)
    scene.send()
    assert len(scene.sent) == 1


def test_a_retry_says_why_it_waits(scene: Scene) -> None:
    """In the words of the server."""
    scene.qualified()
    scene.send(GREYLISTED)
    words = reasons.words(scene.touch().reason, "en") or ""
    assert "451 4.7.1 greylisted" in words
    assert scene.touch().smtp_code == 451


def test_after_two_days_of_later_an_email_is_given_up(scene: Scene) -> None:
    """Its sequence ends with it."""
    scene.qualified()
    for _ in range(40):
        scene.send(GREYLISTED)
        touch = scene.touch()
        if touch.state != "scheduled":
            break
        scene.clock.now = touch.next_attempt_at
    assert (scene.touch().state, scene.why()) == ("failed", "exhausted")
    assert scene.clock.now - scene.touch().due_at <= timedelta(hours=48)
    assert scene.enrollment("welcome").state == "failed"


def test_later_after_the_dot_is_certain_and_tried_again(scene: Scene) -> None:
    """A 451 after the dot says that the server did not take it."""
    scene.qualified()
    scene.send(LATER_AFTER_DOT)
    touch = scene.touch()
    assert (touch.state, touch.committed_at) == ("scheduled", None)


def test_a_busy_server_holds_up_the_mailbox_not_the_email(scene: Scene) -> None:
    """5 s, 15 s, 60 s, then doubling to half an hour; the emails use up no attempt."""
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    for seconds in (5, 15, 60, 120, 240, 480, 960, 1800, 1800):
        scene.send(BUSY)
        assert scene.mailbox().backoff_until == scene.clock.now + timedelta(seconds=seconds)
        assert scene.claim() == ()
        scene.clock.advance(seconds=seconds)
    assert {touch.attempts for touch in scene.touches()} == {0}
    scene.send()
    scene.send()
    assert len(scene.sent) == 3
    assert (scene.mailbox().backoff_step, scene.mailbox().backoff_until) == (0, None), "reset by the first success"


def test_several_hands_that_fail_at_once_are_one_failure(scene: Scene) -> None:
    """The step of the back-off counts outages, not hands."""
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    scene.claim()
    hands = [scene.sender(BUSY) for _ in range(3)]
    begun = [scene.begin(hand) for hand in hands]
    for hand, each in zip(hands, begun, strict=True):
        hand.send(each)
    assert scene.mailbox().backoff_step == 1


def test_a_busy_server_gives_up_the_claims_on_the_rest(scene: Scene) -> None:
    """They are taken back at once when a stop comes, and show why they wait."""
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    scene.send(BUSY)
    assert {touch.state for touch in scene.touches()} == {"scheduled"}
    words = [reasons.words(touch.reason, "en") or "" for touch in scene.touches()]
    assert all("421 4.3.2 too busy" in each for each in words)


def test_one_recipient_that_is_always_busy_does_not_hold_up_the_others(scene: Scene) -> None:
    """A 421 to one address only: it goes to the end of the line, and the next success clears the mailbox."""
    bad = scene.qualified("bad@sink.test")
    scene.clock.advance(seconds=1)
    scene.qualified("good@sink.test")
    scene.clock.advance(seconds=1)
    scene.send(BUSY)
    scene.clock.advance(seconds=5)
    scene.send()
    assert scene.recipients() == ["good@sink.test"]
    assert scene.touch("hello", bad).state == "scheduled"


def test_an_address_that_does_not_exist_stops_everything_to_it(scene: Scene) -> None:
    """550 5.1.1: the email failed, the address is barred, the prospect's other sequences are skipped."""
    prospect_id = scene.called("gone@sink.test")
    scene.move(prospect_id, "qualify")
    scene.send(NO_SUCH_USER)
    assert scene.suppressed() == ["gone@sink.test"]
    assert (scene.touch("hello").state, scene.touch("hello").smtp_code) == ("failed", 550)
    assert (scene.touch("questions").state, scene.why("questions")) == ("skipped", "stop.bounce")
    assert "email.bounced" in scene.history(prospect_id)
    assert scene.enrollment("welcome").state == "failed"
    assert scene.enrollment("after_call").state == "stopped"


def test_a_later_sequence_writes_nothing_to_a_barred_address(scene: Scene) -> None:
    """Its emails are skipped from the start, and say why."""
    prospect_id = scene.qualified("gone@sink.test")
    scene.send(NO_SUCH_USER)
    scene.tell(prospect_id, "call.ended")
    assert {touch.state for touch in scene.touches() if touch.sequence == "after_call"} == {"skipped"}
    assert scene.why("questions") == "suppressed"


def test_a_refusal_by_policy_fails_the_email_and_keeps_the_prospect(scene: Scene) -> None:
    """554 5.7.1 blames us, not the address."""
    scene.qualified()
    scene.send(POLICY)
    assert (scene.touch().state, scene.touch().smtp_code) == ("failed", 554)
    assert scene.suppressed() == []
    assert scene.mailbox().state == "active"


def test_three_refusals_by_policy_pause_the_mailbox(scene: Scene) -> None:
    """Before the provider closes the account; nobody's address is barred for it."""
    for number in range(5):
        scene.qualified(f"p{number}@sink.test")
    scene.send(POLICY, POLICY, POLICY)
    assert scene.mailbox().state == "paused"
    assert sorted(touch.state for touch in scene.touches()) == ["failed"] * 3 + ["scheduled"] * 2
    assert scene.suppressed() == []
    assert scene.sent == []


def test_a_success_between_refusals_begins_the_count_anew(scene: Scene) -> None:
    """Three in a row, not three in a lifetime."""
    for number in range(5):
        scene.qualified(f"p{number}@sink.test")
    scene.send(POLICY, POLICY)
    assert scene.mailbox().state == "active"
    assert scene.mailbox().policy_refusals == 0


def test_a_refused_email_does_not_count_against_the_limit(stage: Stage) -> None:
    """The server said no: nothing left."""
    scene = stage(limits=mailbox_limits(per_hour="1"))
    scene.qualified("a@sink.test")
    scene.send(TOO_BIG)
    assert scene.touches()[0].committed_at is None
    scene.qualified("b@sink.test")
    scene.send()
    assert scene.recipients() == ["b@sink.test"]


@pytest.mark.parametrize("outcome", [NO_LOGIN, BAD_SENDER], ids=["535", "sender"])
def test_a_refused_login_pauses_the_mailbox_at_once(scene: Scene, outcome: Outcome) -> None:
    """Our own fault: the emails wait, and none uses up an attempt."""
    for number in range(2):
        scene.qualified(f"p{number}@sink.test")
    scene.send(outcome)
    assert scene.mailbox().state == "paused"
    assert "5" in (reasons.words(scene.mailbox().pause_reason, "en") or "")
    assert {(touch.state, touch.attempts) for touch in scene.touches()} == {("scheduled", 0)}
    assert scene.claim() == ()
    acts.resume(scene.ws, scene.ws.mailbox_id)
    scene.send()
    assert len(scene.sent) == 2


def test_an_address_the_server_cannot_carry_is_skipped(scene: Scene) -> None:
    """No bounce and no failure: another way must be found to reach this person."""
    scene.qualified("иван@sink.test")
    scene.send(NO_UTF8)
    assert (scene.touch().state, scene.why()) == ("skipped", "unsupported_address")
    assert scene.suppressed() == []
    assert scene.enrollment("welcome").state == "completed"


def test_an_unanswered_dot_is_uncertain_and_never_sent_again(scene: Scene) -> None:
    """Whether it arrived nobody knows: the step behind it waits, and says for what."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    assert scene.states() == {"questions": "uncertain", "next_call": "scheduled"}
    assert (scene.why("questions"), scene.why("next_call")) == ("uncertain", "behind_uncertain")
    scene.clock.advance(hours=12)
    scene.send()
    assert len(scene.sent) == 1


def test_too_many_uncertain_emails_pause_the_mailbox(stage: Stage) -> None:
    """Three in ten minutes, as this playbook says: something is wrong with the server, and a person should look."""
    scene = stage(limits=mailbox_limits(pause_after_uncertain="3"))
    for number in range(6):
        scene.qualified(f"p{number}@sink.test")
    scene.send(LOST, LOST, LOST)
    assert scene.mailbox().state == "paused"
    assert sorted(touch.state for touch in scene.touches()) == ["scheduled"] * 3 + ["uncertain"] * 3


def test_uncertain_emails_far_apart_pause_nothing(stage: Stage) -> None:
    """The same three in half an hour."""
    scene = stage(limits=mailbox_limits(pause_after_uncertain="3"))
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
        scene.send(LOST)
        scene.clock.advance(minutes=11)
    assert scene.mailbox().state == "active"


def test_a_resumed_mailbox_counts_uncertain_emails_from_anew(stage: Stage) -> None:
    """Else the next one would pause it again at once."""
    scene = stage(limits=mailbox_limits(pause_after_uncertain="2"))
    for number in range(4):
        scene.qualified(f"p{number}@sink.test")
    scene.send(LOST, LOST)
    assert scene.mailbox().state == "paused"
    scene.clock.advance(seconds=1)
    acts.resume(scene.ws, scene.ws.mailbox_id)
    scene.clock.advance(seconds=1)
    scene.send(LOST)
    assert scene.mailbox().state == "active"


def test_an_answer_for_another_token_changes_nothing(scene: Scene) -> None:
    """Whoever lost the row has no say any more."""
    scene.qualified()
    sender = scene.sender()
    begun = scene.begin(sender)
    scene.change(Touch, {"token": "another"})
    sender.send(begun)
    assert scene.sent == []
    assert scene.touch().state == "sending"
