"""What a rep may do with a touch, in which states, and what the history says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.outreach.conftest import Stage
from tests.outreach.scene import GREYLISTED, LOST, REP, Scene
from workflow.actions.outreach import acts, recover
from workflow.actions.prospects import Who
from workflow.errors import BadInput, Conflict, NotFound
from workflow.records.models import Mailbox
from workflow.workspace import Workspace

Act = Callable[[Workspace, str, Who], object]
ACTS: list[Act] = [acts.skip, acts.send_now, acts.done]
NOBODY = "01a00000-0000-7000-8000-000000000000"


def resolve_sent(ws: Workspace, touch_id: str, who: Who) -> None:
    """The act `resolve` with one of its words."""
    acts.resolve(ws, touch_id, "sent", who)


@pytest.mark.parametrize("act", [*ACTS, resolve_sent])
def test_a_touch_that_is_not_there_is_not_found(scene: Scene, act: Act) -> None:
    """404 outside."""
    with pytest.raises(NotFound):
        act(scene.ws, NOBODY, REP)


@pytest.mark.parametrize("act", [*ACTS, resolve_sent])
def test_a_sent_email_is_past_every_act(scene: Scene, act: Act) -> None:
    """409 outside."""
    scene.qualified()
    scene.send()
    before = scene.touch()
    with pytest.raises(Conflict):
        act(scene.ws, before.id, REP)
    assert scene.touch() == before


def test_an_email_between_mark_and_answer_cannot_be_skipped(scene: Scene) -> None:
    """It may have arrived."""
    scene.qualified()
    sender = scene.sender()
    begun = scene.begin(sender)
    with scene.ws.database.write() as tx:
        assert sender.mark(tx, begun)
    with pytest.raises(Conflict):
        acts.skip(scene.ws, begun.touch_id, REP)


def test_a_skipped_email_lets_the_next_one_count_from_now(scene: Scene) -> None:
    """And the history tells who did it."""
    prospect_id = scene.called()
    acts.skip(scene.ws, scene.touch("questions").id, REP)
    assert scene.states() == {"questions": "skipped", "next_call": "scheduled"}
    assert scene.touch("next_call").next_attempt_at == scene.clock.now + timedelta(seconds=4)
    assert scene.history(prospect_id)[-1] == "touch.skipped"


def test_skipping_a_step_that_waits_does_not_hurry_the_ones_behind_it(stage: Stage) -> None:
    """The third still waits for the first, which has not left yet."""
    step = "      - {key: next_call, email: schedule_next_call, after: 4s, thread: same}"
    scene = stage(replaced={step: step + "\n      - {key: third, email: decision, after: 1s}"})
    scene.called()
    acts.skip(scene.ws, scene.touch("next_call").id, REP)
    assert scene.touch("third").next_attempt_at is None
    scene.clock.advance(seconds=2)
    scene.send()
    assert scene.touch("third").next_attempt_at == scene.clock.now + timedelta(seconds=1)


def test_a_task_done_early_does_not_release_what_waits_for_an_email(stage: Stage) -> None:
    """A task that nothing waits for, in front of two emails: marking it done frees neither out of turn."""
    first = "      - {key: questions, email: follow_up_questions, after: 2s}"
    scene = stage(replaced={first: "      - {key: note, task: {en: Note, bg: Бележка}, after: 1s}\n" + first})
    scene.called()
    assert scene.touch("questions").next_attempt_at is not None
    acts.done(scene.ws, scene.touch("note").id, REP)
    assert scene.touch("next_call").next_attempt_at is None


def test_skipping_the_last_open_step_completes_the_sequence(scene: Scene) -> None:
    """Nothing waits any more."""
    scene.called()
    for step in ("next_call", "questions"):
        acts.skip(scene.ws, scene.touch(step).id, REP)
    assert scene.enrollment("after_call").state == "completed"


def test_send_now_makes_a_waiting_email_due(scene: Scene) -> None:
    """An hour early; the history tells who did it."""
    prospect_id = scene.called()
    acts.send_now(scene.ws, scene.touch("questions").id, REP)
    scene.send()
    assert len(scene.sent) == 1
    assert scene.history(prospect_id)[-1] == "touch.sent_now"


def test_send_now_makes_a_waiting_retry_due(scene: Scene) -> None:
    """As the contract says."""
    scene.qualified()
    scene.send(GREYLISTED)
    acts.send_now(scene.ws, scene.touch().id, REP)
    scene.send()
    assert len(scene.sent) == 1


def test_send_now_gives_a_late_email_another_day(scene: Scene) -> None:
    """Whoever presses the button wants it to leave."""
    scene.qualified()
    scene.clock.advance(days=3)
    acts.send_now(scene.ws, scene.touch().id, REP)
    scene.send()
    assert len(scene.sent) == 1


def test_send_now_does_not_pass_a_paused_mailbox(scene: Scene) -> None:
    """409: resume it first."""
    scene.qualified()
    scene.change(Mailbox, {"state": "paused"})
    with pytest.raises(Conflict, match="paused"):
        acts.send_now(scene.ws, scene.touch().id, REP)


def test_send_now_does_not_pass_a_stop(scene: Scene) -> None:
    """A cancelled email stays cancelled."""
    prospect_id = scene.qualified()
    scene.tell(prospect_id, "email.replied")
    with pytest.raises(Conflict, match="cancelled"):
        acts.send_now(scene.ws, scene.touch().id, REP)


def test_a_task_is_done_and_not_sent(scene: Scene) -> None:
    """And an email is sent and not done."""
    prospect_id = scene.prospect()
    for trigger in ("qualify", "diagnose", "schedule_meeting", "follow_up"):
        scene.move(prospect_id, trigger)
    task, email = scene.touch("call_back"), scene.touch("recap")
    with pytest.raises(Conflict):
        acts.send_now(scene.ws, task.id, REP)
    with pytest.raises(Conflict):
        acts.done(scene.ws, email.id, REP)
    acts.done(scene.ws, task.id, REP)
    assert scene.touch("call_back").state == "done"
    with pytest.raises(Conflict):
        acts.done(scene.ws, task.id, REP)


def test_resolved_as_sent_the_next_step_goes_on(scene: Scene) -> None:
    """From now; the moment it left is that of its mark."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    scene.clock.advance(minutes=30)
    acts.resolve(scene.ws, scene.touch("questions").id, "sent", REP)
    touch = scene.touch("questions")
    assert (touch.state, touch.sent_at) == ("sent", touch.committed_at)
    assert scene.touch("next_call").next_attempt_at == scene.clock.now + timedelta(seconds=4)


def test_resolved_as_resend_it_leaves_once_more_under_a_new_name(scene: Scene) -> None:
    """A new generation with its own Message-ID; the old one stays behind as given up."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    old = scene.touch("questions")
    goes_on = acts.resolve(scene.ws, old.id, "resend", REP)
    scene.send()
    new = scene.touch("questions")
    assert (new.id, new.generation, new.state) == (goes_on, 2, "sent")
    assert new.message_id != old.message_id
    assert [touch.state for touch in scene.touches() if touch.step == "questions"] == ["failed", "sent"]
    assert scene.touch("next_call").next_attempt_at is not None


def test_resolved_as_dropped_the_sequence_ends(scene: Scene) -> None:
    """As behind any email that failed for good."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    acts.resolve(scene.ws, scene.touch("questions").id, "dropped", REP)
    assert scene.states() == {"questions": "failed", "next_call": "cancelled"}
    assert scene.enrollment("after_call").state == "failed"


def test_only_the_three_words_resolve(scene: Scene) -> None:
    """422 outside."""
    scene.qualified()
    scene.send(LOST)
    with pytest.raises(BadInput, match="sent, resend, dropped"):
        acts.resolve(scene.ws, scene.touch().id, "maybe", REP)


def test_an_email_is_resolved_once(scene: Scene) -> None:
    """The second word comes too late."""
    scene.qualified()
    scene.send(LOST)
    acts.resolve(scene.ws, scene.touch().id, "sent", REP)
    with pytest.raises(Conflict, match="is sent"):
        acts.resolve(scene.ws, scene.touch().id, "resend", REP)


def test_an_email_of_a_stopped_sequence_is_not_sent_again(scene: Scene) -> None:
    """The prospect answered meanwhile: 409 with that reason, and the email stays uncertain."""
    prospect_id = scene.qualified()
    scene.send(LOST)
    scene.tell(prospect_id, "email.replied")
    with pytest.raises(Conflict, match="stopped"):
        acts.resolve(scene.ws, scene.touch().id, "resend", REP)
    assert scene.touch().state == "uncertain"


def test_an_email_of_a_completed_sequence_can_be_sent_again_and_be_stopped(scene: Scene) -> None:
    """After its day the sequence was complete; a resend takes it up again, so that a reply still stops it."""
    prospect_id = scene.qualified()
    scene.send(LOST)
    scene.clock.advance(hours=25)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    assert scene.enrollment("welcome").state == "completed"
    acts.resolve(scene.ws, scene.touch().id, "resend", REP)
    assert scene.enrollment("welcome").state == "active"
    scene.tell(prospect_id, "email.replied")
    scene.send()
    assert len(scene.sent) == 1
    assert scene.touch().state == "cancelled"


def test_an_email_of_a_sequence_that_runs_anew_is_not_sent_again(scene: Scene) -> None:
    """Two runs of one sequence at once would write twice."""
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    scene.clock.advance(hours=25)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    acts.skip(scene.ws, scene.touch("next_call").id, REP)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    assert scene.enrollment("after_call").state == "completed"
    old = scene.touch("questions").id
    scene.tell(prospect_id, "call.ended")
    assert scene.enrollment("after_call").state == "active"
    with pytest.raises(Conflict, match="anew"):
        acts.resolve(scene.ws, old, "resend", REP)


def test_a_mailbox_that_is_not_there_cannot_be_resumed(scene: Scene) -> None:
    """404 outside."""
    with pytest.raises(NotFound):
        acts.resume(scene.ws, NOBODY)
