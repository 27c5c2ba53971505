"""What the clock does for the dead, the frozen and the waiting: reaper, spool, evidence, and the step behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.outreach.conftest import Stage
from tests.outreach.flaky import Flaky, Trouble
from tests.outreach.scene import LOST, NO_SUCH_USER, REP, SENT, Scene
from tests.outreach.test_begin import broken_version
from workflow.actions import evidence
from workflow.actions.outreach import acts, recover
from workflow.actions.outreach.settle import Begun
from workflow.mail.transport import Envelope, Outcome
from workflow.records.models import Enrollment, Heartbeat


class Frozen:
    """A transport that hands the email over, then lets the world go on before it tells the answer."""

    def __init__(self, outcome: Outcome, meanwhile: Callable[[], object]) -> None:
        self.outcome = outcome
        self.meanwhile = meanwhile

    def send(self, envelope: Envelope, before_dot: Callable[[], bool]) -> Outcome:
        assert before_dot()
        self.meanwhile()
        return self.outcome

    def close(self) -> None:
        pass


def die(scene: Scene) -> None:
    """Let every sender fall silent."""
    scene.change(Heartbeat, {"beat_at": scene.ago(seconds=21)})


def test_what_the_dead_had_only_written_is_taken_up_again(scene: Scene) -> None:
    """Before its commit mark nothing has left."""
    scene.qualified()
    scene.begin()
    assert scene.reap() == 0, "its sender lives"
    die(scene)
    assert scene.reap() == 1
    assert (scene.touch().state, scene.why()) == ("scheduled", "recovered")
    scene.send()
    assert len(scene.sent) == 1


def test_a_sender_without_any_heartbeat_is_dead(scene: Scene) -> None:
    """It said farewell, or never came to say that it lives."""
    scene.qualified()
    sender = scene.sender()
    scene.begin(sender)
    recover.farewell(scene.ws, sender.holder)
    assert scene.reap() == 1
    assert scene.touch().state == "scheduled"


def test_a_living_sender_that_holds_on_too_long_is_overruled(scene: Scene) -> None:
    """The lease is the upper bound for the living."""
    scene.qualified()
    sender = scene.sender()
    scene.begin(sender)
    scene.clock.advance(seconds=301)
    recover.beat(scene.ws, sender.holder, "sender", "x", {})
    assert scene.reap() == 1


def test_what_the_dead_had_marked_is_uncertain(scene: Scene) -> None:
    """From the mark on nobody knows; the step behind it waits."""
    scene.called()
    scene.clock.advance(seconds=2)
    sender = scene.sender()
    begun = scene.begin(sender)
    with scene.ws.database.write() as tx:
        assert sender.mark(tx, begun)
    die(scene)
    scene.reap()
    assert scene.states() == {"questions": "uncertain", "next_call": "scheduled"}
    assert (scene.why("questions"), scene.why("next_call")) == ("uncertain.crash", "behind_uncertain")
    scene.send()
    assert scene.sent == []


def test_a_frozen_sender_that_wakes_knows_better(scene: Scene) -> None:
    """F48: it was taken for dead while the server answered: uncertain becomes sent, and the next step goes on."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.claim()

    def taken_for_dead() -> None:
        die(scene)
        scene.reap()
        assert scene.touch("questions").state == "uncertain"

    scene.sender(transport=Frozen(SENT, taken_for_dead)).drain(scene.ws.mailbox_id)
    assert scene.states() == {"questions": "sent", "next_call": "scheduled"}
    assert scene.touch("next_call").next_attempt_at == scene.clock.now + timedelta(seconds=4)


def test_a_frozen_sender_that_wakes_with_a_refusal_knows_better(scene: Scene) -> None:
    """A certain no is worth as much as a certain yes."""
    scene.qualified()
    scene.claim()

    def taken_for_dead() -> None:
        die(scene)
        scene.reap()

    scene.sender(transport=Frozen(NO_SUCH_USER, taken_for_dead)).drain(scene.ws.mailbox_id)
    assert scene.touch().state == "failed"
    assert scene.suppressed() == ["ana@sink.test"]


def test_a_frozen_sender_does_not_undo_a_resend(scene: Scene) -> None:
    """A person has sent it once more meanwhile: the old one stays given up."""
    scene.qualified()
    scene.claim()

    def resent() -> None:
        die(scene)
        scene.reap()
        acts.resolve(scene.ws, scene.touch().id, "resend", REP)

    scene.sender(transport=Frozen(SENT, resent)).drain(scene.ws.mailbox_id)
    assert [touch.state for touch in scene.touches()] == ["failed", "scheduled"]


def test_the_step_behind_an_uncertain_email_goes_on_after_a_day(scene: Scene) -> None:
    """It stays uncertain; only what waits behind it is released, counting from then."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    scene.clock.advance(hours=23, minutes=59)
    assert recover.release_behind_uncertain(scene.ws, scene.timings) == 0
    scene.clock.advance(minutes=2)
    assert recover.release_behind_uncertain(scene.ws, scene.timings) == 1
    assert scene.states() == {"questions": "uncertain", "next_call": "scheduled"}
    assert recover.release_behind_uncertain(scene.ws, scene.timings) == 0, "once"
    scene.send()
    assert len(scene.sent) == 2


def test_an_uncertain_last_email_completes_its_sequence_after_a_day(scene: Scene) -> None:
    """Else the sequence could never start anew for this prospect."""
    scene.qualified()
    scene.send(LOST)
    assert scene.enrollment("welcome").state == "active"
    scene.clock.advance(hours=24, seconds=1)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    assert (scene.enrollment("welcome").state, scene.touch().state) == ("completed", "uncertain")
    assert recover.release_behind_uncertain(scene.ws, scene.timings) == 0


def test_two_uncertain_emails_complete_their_sequence_when_the_second_is_a_day_old(scene: Scene) -> None:
    """Neither holds the other for ever."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    scene.clock.advance(hours=25)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    scene.send(LOST)
    assert scene.states() == {"questions": "uncertain", "next_call": "uncertain"}
    recover.release_behind_uncertain(scene.ws, scene.timings)
    assert scene.enrollment("after_call").state == "active"
    scene.clock.advance(hours=25)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    assert scene.enrollment("after_call").state == "completed"


def test_a_release_that_a_person_overtook_does_nothing(scene: Scene) -> None:
    """Asked again under the lock: the email is to be sent once more, and what waits behind it waits on."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    scene.clock.advance(hours=25)
    found = scene.touch("questions")
    acts.resolve(scene.ws, found.id, "resend", REP)
    with scene.ws.database.write() as tx:
        recover._release(scene.ws, tx, found=found, timings=scene.timings)
    assert scene.touch("next_call").next_attempt_at is None


def test_an_email_settled_after_its_day_does_not_release_the_step_after_next(stage: Stage) -> None:
    """Three steps: the second was released after a day; that the first arrived must not free the third as well."""
    step = "      - {key: next_call, email: schedule_next_call, after: 4s, thread: same}"
    third = "\n      - {key: third, email: decision, after: 1s}"
    scene = stage(replaced={step: step + third})
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    scene.clock.advance(hours=25)
    recover.release_behind_uncertain(scene.ws, scene.timings)
    assert scene.touch("next_call").next_attempt_at is not None
    acts.resolve(scene.ws, scene.touch("questions").id, "sent", REP)
    assert scene.touch("third").next_attempt_at is None
    scene.send()
    assert scene.touch("third").next_attempt_at is not None


def test_a_reply_shows_that_an_uncertain_email_arrived(scene: Scene) -> None:
    """Evidence settles it before a person has to."""
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    message_id = scene.touch("questions").message_id
    scene.tell(prospect_id, "email.replied", message_id=message_id)
    with scene.ws.database.write() as tx:
        evidence.confirm(scene.ws, tx, message_id)
    touch = scene.touch("questions")
    assert (touch.state, scene.why("questions")) == ("sent", "sent_confirmed")
    assert touch.sent_at == touch.committed_at


def test_evidence_for_a_settled_email_changes_nothing(scene: Scene) -> None:
    """A person dropped it: it stays dropped."""
    scene.qualified()
    scene.send(LOST)
    touch = scene.touch()
    acts.resolve(scene.ws, touch.id, "dropped", REP)
    with scene.ws.database.write() as tx:
        evidence.confirm(scene.ws, tx, touch.message_id)
    assert scene.touch().state == "failed"


# --- the database away after the dot


AFTER_THE_DOT: list[list[Trouble]] = [["away"] * 5, ["lost_commit"] * 5, ["unanswered_commit", "away", "away"]]


@pytest.mark.parametrize("troubles", AFTER_THE_DOT, ids=["away", "lost", "unanswered"])
def test_an_answer_that_cannot_be_recorded_waits_on_disk(scene: Scene, troubles: list[Trouble]) -> None:
    """F20: the spool brings it in, and no email becomes uncertain for it."""
    scene.called()
    scene.clock.advance(seconds=2)
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    sender = scene.sender(ws=replace(scene.ws, database=flaky))
    flaky.troubles = [None, None, *troubles]
    begun = sender.begin(scene.ws.mailbox_id)
    assert isinstance(begun, Begun)
    sender.send(begun)
    assert len(list(scene.spool.waiting())) == 1
    assert recover.import_spool(scene.ws, scene.spool) == 1
    assert scene.states() == {"questions": "sent", "next_call": "scheduled"}
    assert scene.touch("next_call").next_attempt_at is not None
    assert list(scene.spool.waiting()) == []
    assert len(scene.sent) == 1


def test_a_database_that_returns_in_time_is_told_directly(scene: Scene) -> None:
    """Seconds are waited out; the spool then says the same once more, to no effect."""
    scene.qualified()
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    sender = scene.sender(ws=replace(scene.ws, database=flaky))
    flaky.troubles = [None, None, "away", "away"]
    begun = sender.begin(scene.ws.mailbox_id)
    assert isinstance(begun, Begun)
    sender.send(begun)
    assert scene.touch().state == "sent"
    version = scene.prospect_row(scene.touch().prospect_id).version
    assert recover.import_spool(scene.ws, scene.spool) == 1
    assert scene.touch().state == "sent"
    assert scene.prospect_row(scene.touch().prospect_id).version == version


@pytest.mark.parametrize("outcome", [SENT, NO_SUCH_USER], ids=["sent", "refused"])
def test_the_spool_settles_what_the_reaper_had_shown_as_uncertain(scene: Scene, outcome: Outcome) -> None:
    """It comes late, and is right all the same."""
    scene.qualified()
    scene.claim()
    flaky = Flaky.over(scene.ws.database)
    sender = scene.sender(ws=replace(scene.ws, database=flaky), transport=Frozen(outcome, lambda: None))
    flaky.troubles = [None, None, *["away"] * 5]  # type: ignore[list-item]
    begun = sender.begin(scene.ws.mailbox_id)
    assert isinstance(begun, Begun)
    sender.send(begun)
    die(scene)
    scene.reap()
    assert scene.touch().state == "uncertain"
    recover.import_spool(scene.ws, scene.spool)
    assert scene.touch().state == ("sent" if outcome is SENT else "failed")


def test_a_torn_spool_file_is_passed_over(scene: Scene) -> None:
    """F69: half a line is no outcome; the whole ones are brought in."""
    scene.qualified()
    sender = scene.sender()
    begun = scene.begin(sender)
    with scene.ws.database.write() as tx:
        assert sender.mark(tx, begun)
    scene.spool.append(begun.touch_id, begun.token, SENT)
    folder = scene.ws.settings.data_dir / "spool"
    whole = next(folder.glob("*.json"))
    (folder / "0.json").write_text(whole.read_text(encoding="utf-8")[:40], encoding="utf-8")
    (folder / "1.json").write_text("[]", encoding="utf-8")
    (folder / "2.json.part").write_text(whole.read_text(encoding="utf-8"), encoding="utf-8")
    assert recover.import_spool(scene.ws, scene.spool) == 1
    assert scene.touch().state == "sent"


def test_a_spooled_outcome_of_nothing_known_is_let_go(scene: Scene) -> None:
    """Of a touch that is no more, or of another token."""
    scene.qualified()
    begun = scene.begin()
    scene.spool.append("01a00000-0000-7000-8000-000000000000", begun.token, SENT)
    scene.spool.append(begun.touch_id, "another token", SENT)
    assert recover.import_spool(scene.ws, scene.spool) == 2
    assert scene.touch().state == "sending"


def test_a_spooled_outcome_that_cannot_be_recorded_does_not_hold_up_the_next(scene: Scene) -> None:
    """It stays in the spool; its email is shown as uncertain meanwhile."""
    hands = []
    for name in ("bad", "good"):
        scene.qualified(f"{name}@sink.test")
        sender = scene.sender()
        begun = scene.begin(sender)
        with scene.ws.database.write() as tx:
            assert sender.mark(tx, begun)
        scene.spool.append(begun.touch_id, begun.token, SENT)
        hands.append(begun)
    bad = scene.touches()[0]
    scene.change(Enrollment, {"playbook_digest": broken_version(scene)}, id=bad.enrollment_id)
    assert recover.import_spool(scene.ws, scene.spool) == 1
    assert [touch.state for touch in scene.touches()] == ["committing", "sent"]
    assert len(list(scene.spool.waiting())) == 1


def test_the_spool_is_readable_by_a_person(scene: Scene, place: Path) -> None:
    """One line of JSON that names the touch and what the server said."""
    scene.spool.append("touch", "token", SENT)
    kept = json.loads(next((place / "spool").glob("*.json")).read_text(encoding="utf-8"))
    assert (kept["touch"], kept["outcome"]["code"]) == ("touch", 250)
