"""T0: what the clock claims, how many at once, and what the limits of a mailbox hold back."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.outreach.conftest import Stage
from tests.outreach.scene import BUSY, GREYLISTED, LOST, REP, Scene, mailbox_limits
from workflow.actions.outreach import acts, claim
from workflow.actions.outreach.timings import Timings
from workflow.records.models import Mailbox


def test_nothing_is_claimed_before_it_is_due(scene: Scene) -> None:
    """The first email of a call is due two seconds after it."""
    scene.called()
    assert scene.claim() == ()
    scene.clock.advance(seconds=2)
    assert [each.touches for each in scene.claim()] == [1]
    assert scene.states() == {"questions": "claimed", "next_call": "scheduled"}


def test_a_claim_has_a_token_and_a_time_of_its_hint(scene: Scene) -> None:
    """Both are what later steps hold on to."""
    scene.qualified()
    scene.claim()
    touch = scene.touch()
    assert touch.token
    assert touch.hint_at == scene.clock.now
    assert touch.attempts == 0, "only a begin counts as an attempt"


def test_a_paused_mailbox_claims_nothing(scene: Scene) -> None:
    """Its mail stays scheduled, so that a stop still takes it back at once."""
    scene.qualified()
    scene.change(Mailbox, {"state": "paused"})
    assert scene.claim() == ()
    assert scene.touch().state == "scheduled"


def test_the_oldest_due_goes_first(stage: Stage) -> None:
    """With room for two of three, those due first are claimed."""
    scene = stage(limits=mailbox_limits(per_hour="2"))
    for name in ("first", "second", "third"):
        scene.qualified(f"{name}@sink.test")
        scene.clock.advance(seconds=1)
    scene.send()
    assert scene.recipients() == ["first@sink.test", "second@sink.test"]


def test_the_limit_of_an_hour_counts_a_rolling_hour(stage: Stage) -> None:
    """The fourth email leaves when the first is an hour old, not when the clock strikes."""
    scene = stage(limits=mailbox_limits(per_hour="3"))
    for number in range(5):
        scene.qualified(f"p{number}@sink.test")
    scene.clock.advance(minutes=50)
    scene.send()
    assert len(scene.sent) == 3
    scene.clock.advance(minutes=59, seconds=59)
    scene.send()
    assert len(scene.sent) == 3
    scene.clock.advance(seconds=2)
    scene.send()
    assert len(scene.sent) == 5


def test_the_limit_of_a_day_counts_a_rolling_day(stage: Stage) -> None:
    """The same for a day."""
    scene = stage(limits=mailbox_limits(per_day="2"))
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    scene.send()
    scene.clock.advance(hours=23, minutes=59)
    scene.send()
    assert len(scene.sent) == 2
    scene.clock.advance(minutes=2)
    scene.send()
    assert len(scene.sent) == 3


def test_what_is_claimed_but_not_sent_counts_against_the_limit(stage: Stage) -> None:
    """However long it takes to leave, the window is not overdrawn."""
    scene = stage(limits=mailbox_limits(per_hour="2"))
    for number in range(4):
        scene.qualified(f"p{number}@sink.test")
    assert [each.touches for each in scene.claim()] == [2]
    scene.clock.advance(hours=2)
    assert scene.claim() == (), "two are on their way still"


def test_an_uncertain_email_counts_against_the_limit(stage: Stage) -> None:
    """It may have left."""
    scene = stage(limits=mailbox_limits(per_hour="1"))
    scene.qualified("a@sink.test")
    scene.send(LOST)
    scene.qualified("b@sink.test")
    assert scene.claim() == ()


@pytest.mark.parametrize("as_", ["dropped", "resend"])
def test_an_email_that_may_have_left_counts_even_when_it_was_given_up(stage: Stage, as_: str) -> None:
    """A person's word about it does not take it back from the server."""
    scene = stage(limits=mailbox_limits(per_hour="1"))
    scene.qualified("a@sink.test")
    scene.send(LOST)
    acts.resolve(scene.ws, scene.touch().id, as_, REP)
    scene.qualified("b@sink.test")
    scene.send()
    assert len(scene.sent) == 1
    scene.clock.advance(hours=1)
    scene.send()
    assert len(scene.sent) == 2


def test_what_never_left_does_not_count(stage: Stage) -> None:
    """A greylisted email uses up nothing."""
    scene = stage(limits=mailbox_limits(per_hour="1"))
    scene.qualified("a@sink.test")
    scene.send(GREYLISTED)
    scene.qualified("b@sink.test")
    scene.send()
    assert scene.recipients() == ["b@sink.test"]


def test_the_gap_of_a_mailbox_lets_one_leave_at_a_time(stage: Stage) -> None:
    """Twenty seconds between two emails, counted from the commit mark of the first."""
    scene = stage(limits=mailbox_limits(min_gap="20s"))
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    scene.send()
    assert len(scene.sent) == 1
    scene.clock.advance(seconds=19)
    scene.send()
    assert len(scene.sent) == 1
    scene.clock.advance(seconds=1)
    scene.send()
    assert len(scene.sent) == 2


def test_send_now_passes_the_gap_of_the_mailbox_but_not_its_limit(stage: Stage) -> None:
    """A rep may be in a hurry; the provider's limit is not ours to break."""
    scene = stage(limits=mailbox_limits(min_gap="20s", per_hour="2"))
    for number in range(3):
        scene.qualified(f"p{number}@sink.test")
    scene.send()
    for touch in scene.touches():
        if touch.state == "scheduled":
            acts.send_now(scene.ws, touch.id, REP)
    scene.send()
    assert len(scene.sent) == 2
    scene.send()
    assert len(scene.sent) == 2, "the third would be over the limit of the hour"


def test_after_an_outage_mail_leaves_at_the_pace_of_the_limits(stage: Stage) -> None:
    """C10: a backlog of a night does not leave in a burst: in every rolling hour at most three, minutes apart."""
    scene = stage(limits=mailbox_limits(per_hour="3", min_gap="5m"))
    for number in range(8):
        scene.qualified(f"p{number}@sink.test")
    scene.clock.advance(hours=9)
    marks: list[datetime] = []
    while len(marks) < 8:
        before = len(scene.sent)
        scene.send()
        marks += [scene.clock.now] * (len(scene.sent) - before)
        scene.clock.advance(seconds=140)
    for number, mark in enumerate(marks):
        inside = [each for each in marks[: number + 1] if each > mark - timedelta(hours=1)]
        assert len(inside) <= 3
    assert all(later - earlier >= timedelta(minutes=5) for earlier, later in pairwise(marks))


def test_a_mailbox_that_backs_off_claims_one_email_to_try(scene: Scene) -> None:
    """After a failure of the server one goes ahead; the others follow when it got through."""
    for number in range(4):
        scene.qualified(f"p{number}@sink.test")
    scene.send(BUSY)
    assert scene.claim() == (), "five seconds to wait"
    scene.clock.advance(seconds=5)
    assert [each.touches for each in scene.claim()] == [1]
    scene.sender().drain(scene.ws.mailbox_id)
    assert len(scene.sent) == 1
    assert [each.touches for each in scene.claim()] == [3]


def test_a_claim_that_nobody_begins_is_hinted_again(scene: Scene) -> None:
    """A lost hint costs seconds, not the email."""
    timings = Timings()
    scene.qualified()
    scene.claim()
    assert claim.hint_again(scene.ws, timings.hint_again) == ()
    scene.clock.advance(seconds=6)
    assert [each.touches for each in claim.hint_again(scene.ws, timings.hint_again)] == [1]
    assert claim.hint_again(scene.ws, timings.hint_again) == (), "not at every tick"


def test_an_hour_of_limit_makes_no_email_too_late(stage: Stage) -> None:
    """What waits for its mailbox is moved, never skipped: here four emails at one a day."""
    scene = stage(limits=mailbox_limits(per_day="1"))
    for number in range(4):
        scene.qualified(f"p{number}@sink.test")
    for _ in range(4 * 25):
        scene.send()
        scene.clock.advance(minutes=59)
    assert len(scene.sent) == 4
    assert {touch.state for touch in scene.touches()} == {"sent"}


def test_a_pause_of_three_days_makes_no_email_too_late(scene: Scene) -> None:
    """The same for a paused mailbox."""
    scene.qualified()
    scene.change(Mailbox, {"state": "paused"})
    for _ in range(3 * 24 * 2):
        scene.clock.advance(minutes=30)
        claim.hold_open(scene.ws)
    acts.resume(scene.ws, scene.ws.mailbox_id)
    scene.send()
    assert len(scene.sent) == 1


def test_an_outage_of_six_days_is_not_held_open(scene: Scene) -> None:
    """While nothing runs the deadline passes: then the email is too late, whatever its mailbox says now."""
    scene.qualified()
    scene.change(Mailbox, {"state": "paused"})
    scene.clock.advance(days=6)
    claim.hold_open(scene.ws)
    acts.resume(scene.ws, scene.ws.mailbox_id)
    scene.send()
    assert scene.sent == []
    assert (scene.touch().state, scene.why()) == ("skipped", "too_late")
