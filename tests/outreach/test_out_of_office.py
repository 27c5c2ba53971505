"""Mail that waits for whoever is away, from the automatic reply to the email that leaves; and colleagues who answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from tests.outreach.scene import Scene
from tests.outreach.test_received import answer, take, wrote
from workflow.engine import signals as kinds
from workflow.records.models import Prospect, Touch
from workflow.reports import doctor, replay

__all__ = ("wrote",)
AUTOMATIC = {"Auto_Submitted": "auto-replied", "Subject": "Automatic reply: our talk"}


def away(scene: Scene, text: str, **headers: str) -> None:
    assert take(scene, answer(scene, text, **{**AUTOMATIC, **headers})).outcome == "applied"


def held(scene: Scene, prospect_id: str) -> tuple[datetime | None, str | None]:
    with scene.ws.database.read() as tx:
        which = Prospect.id == prospect_id
        row = tx.conn.execute(select(Prospect.mail_hold_until, Prospect.mail_hold_why).where(which)).one()
    return row.mail_hold_until, row.mail_hold_why


def in_order(scene: Scene) -> None:
    """Every decision comes out as it did, and every prospect is what its history adds up to."""
    with scene.ws.database.read() as tx:
        assert [sentence for _, sentence in replay.everything(scene.ws, tx)] == []
    assert [each.code for each in doctor.examine(scene.ws)] == []


def next_time(scene: Scene) -> datetime:
    """When the email that waits is asked again, once it has been asked."""
    scene.clock.advance(hours=1)
    scene.claim()
    scene.send()
    (at,) = [row.next_attempt_at for row in scene.touches() if row.state == "scheduled"]
    assert isinstance(at, datetime)
    return at


def test_mail_waits_until_the_day_of_return(scene: Scene, wrote: str) -> None:
    day = (scene.clock.now + timedelta(days=9)).date()
    away(scene, f"I am out of office until {day.day} {day:%B %Y}.")
    starts = datetime(day.year, day.month, day.day, tzinfo=UTC)
    until, why = held(scene, wrote)
    assert why == kinds.AWAY
    assert until is not None
    assert abs(until - starts) <= timedelta(hours=14)
    assert next_time(scene) >= until
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert scene.why("next_call") == "away"
    in_order(scene)
    scene.clock.now = next_time(scene)
    scene.claim()
    scene.send()
    assert sorted(scene.states().values()) == ["sent", "sent"]
    in_order(scene)


def test_without_a_day_the_playbook_says_how_long(scene: Scene, wrote: str) -> None:
    away(scene, "I am out of the office and will answer when I am back.")
    until, _ = held(scene, wrote)
    assert until is not None
    assert timedelta(days=2) < until - scene.clock.now < timedelta(days=6)
    in_order(scene)


def test_whoever_has_left_gets_no_more_where_the_playbook_says_so(scene: Scene, wrote: str) -> None:
    away(scene, "Ana Petrova no longer works for our company. Please contact info@sink.test.")
    assert held(scene, wrote) == (None, None)
    assert scene.suppressed() == []
    assert "email.auto_replied" in scene.history(wrote)


def test_an_acknowledgement_lets_mail_go_on(scene: Scene, wrote: str) -> None:
    away(scene, "We have received your request. Your ticket number is 12345.", Subject="Your request was received")
    assert held(scene, wrote) == (None, None)
    scene.clock.advance(hours=1)
    scene.claim()
    scene.send()
    assert sorted(scene.states().values()) == ["sent", "sent"]


def test_a_colleague_s_reply_is_not_the_prospect_s(scene: Scene, wrote: str) -> None:
    """The playbook of these tests stops for `reply` alone."""
    day = (scene.clock.now + timedelta(days=9)).date()
    away(scene, f"I am out of office until {day.day} {day:%B %Y}.")
    colleague = answer(scene, sender="boris@sink.test", Message_ID="<answer-2@sink.test>")
    assert take(scene, colleague).outcome == "applied"
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert held(scene, wrote)[1] == kinds.AWAY
    assert take(scene, answer(scene, Message_ID="<answer-3@sink.test>")).outcome == "applied"
    assert sorted(scene.states().values()) == ["cancelled", "sent"]
    assert held(scene, wrote) == (None, None)
    in_order(scene)


def test_whoever_is_moved_by_hand_is_written_to_again(scene: Scene, wrote: str) -> None:
    away(scene, f"I am out of office until 1 {scene.clock.now + timedelta(days=60):%B %Y}.")
    at = next_time(scene)
    assert at > scene.clock.now + timedelta(days=20)
    scene.move(wrote, "qualify")
    assert held(scene, wrote) == (None, None)
    scene.claim()
    scene.send()
    assert [row.state for row in scene.touches(wrote) if row.step == "next_call"] == ["sent"]
    in_order(scene)


def test_a_pause_that_they_asked_for_is_neither_shortened_nor_ended(scene: Scene, wrote: str) -> None:
    until = scene.clock.now + timedelta(days=30)
    scene.change(Prospect, {"mail_hold_until": until, "mail_hold_why": kinds.PAUSE}, id=wrote)
    day = (scene.clock.now + timedelta(days=9)).date()
    away(scene, f"I am out of office until {day.day} {day:%B %Y}.")
    scene.tell(wrote, kinds.CALL_ENDED)
    assert held(scene, wrote) == (until, kinds.PAUSE)
    assert next_time(scene) >= until
    assert scene.why("next_call") == "pause"


def test_what_somebody_sends_now_leaves_all_the_same(scene: Scene, wrote: str) -> None:
    away(scene, "I am out of the office.")
    next_time(scene)
    scene.ws.database.transact(
        lambda tx: tx.conn.execute(
            update(Touch).where(Touch.state == "scheduled").values(forced=True, next_attempt_at=tx.now)
        )
    )
    scene.claim()
    scene.send()
    assert sorted(scene.states().values()) == ["sent", "sent"]
    assert wrote


def test_an_answer_to_an_invitation_is_a_line_of_history(scene: Scene, wrote: str) -> None:
    told = scene.tell(wrote, kinds.ANSWERED, uid="m1", answer="declined", comment="Next week is better.")
    assert told.decision.verdict == "applied"
    assert "meeting.answered" in scene.history(wrote)
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
