"""Publishing a playbook: what is in force when, whom it moves, and that nothing leaves twice for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import Clock
from tests.outreach.conftest import Stage
from tests.outreach.scene import FAST, GREYLISTED, LOST, Scene
from workflow.actions import effect as effects
from workflow.actions import publishing
from workflow.actions.outreach import acts
from workflow.actions.prospects import Who
from workflow.actions.publishing import Choices
from workflow.engine import reasons
from workflow.errors import BadInput, Conflict, PlaybookError
from workflow.records.models import Enrollment, History, Publication
from workflow.reports import doctor, explain
from workflow.reports import publishing as reports

IVA = Who("rep:iva", "test")
MOVE = Choices("move")
NEXT = "- {key: next_call, email: schedule_next_call, after: 4s, thread: same}"

GONE = (("- {key: questions, email: follow_up_questions, after: 2s}\n      ", ""), (", thread: same", ""))


def changed(*pairs: tuple[str, str]) -> publishing.Draft:
    """fast.yaml with other words in it."""
    source = FAST.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return publishing.draft(source)


def publish(
    scene: Scene, *pairs: tuple[str, str], choices: Choices = MOVE, mapping: Mapping[str, str] | None = None
) -> str:
    """Publish fast.yaml with other words in it and let everybody follow it."""
    made = publishing.publish(scene.ws, changed(*pairs), IVA, choices=choices, mapping=mapping)
    publishing.finish(scene.ws)
    return made


def shown(scene: Scene, *pairs: tuple[str, str]) -> effects.Effect:
    """What publishing that would change."""
    return effects.effect(scene.ws, changed(*pairs).sound())


def in_force(scene: Scene) -> str:
    """The digest of the playbook in force."""
    with scene.ws.database.read() as tx:
        return scene.ws.playbooks.in_force(tx).digest


def rows(scene: Scene, table: Any) -> list[Any]:
    """Every row of a table."""
    with scene.ws.database.read() as tx:
        return list(tx.conn.execute(select(*table.__table__.columns)).all())


def explained(scene: Scene, step: str) -> list[str]:
    """The codes of what is told of a touch, in order of time."""
    with scene.ws.database.read() as tx:
        told = explain.of_touch(scene.ws, tx, scene.touch(step).id)
    return [part.code for note in told.items[0].notes for part in note.parts]


def clean(scene: Scene) -> None:
    """The doctor finds nothing."""
    assert doctor.examine(scene.ws) == ()


def test_what_is_published_holds_for_the_next_decision_of_a_process_that_was_there_before(scene: Scene) -> None:
    ana = scene.qualified()
    publish(scene, ("trigger: diagnose", "trigger: clarify"), ("do: diagnose", "do: clarify"))
    assert scene.move(ana, "diagnose").decision.verdict == "ignored"
    assert scene.move(ana, "clarify").decision.verdict == "applied"
    clean(scene)


def test_those_in_flight_stay_on_theirs_unless_they_are_moved(scene: Scene, clock: Clock) -> None:
    ana = scene.called()
    publish(scene, (NEXT, NEXT.replace("4s", "400s")), choices=Choices())
    scene.called("boyan@sink.test")
    clock.advance(seconds=2)
    scene.send()
    clock.advance(seconds=4)
    scene.send()
    assert scene.recipients() == ["ana@sink.test", "boyan@sink.test", "ana@sink.test"]
    assert scene.touch("next_call", ana).state == "sent"
    clean(scene)


def test_a_step_that_waits_is_timed_by_the_version_it_moves_to(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send()
    sent_at = scene.touch("questions").ended_at
    told = shown(scene, (NEXT, NEXT.replace("4s", "400s"))).groups["after_call"]
    assert (told.enrollments, told.touches["later"], told.touches["unaffected"]) == (1, 1, 0)
    publish(scene, (NEXT, NEXT.replace("4s", "400s")))
    assert scene.touch("next_call").due_at == sent_at + timedelta(seconds=400)
    assert explained(scene, "next_call")[-2] == "followed"
    clock.advance(seconds=5)
    scene.send()
    assert len(scene.sent) == 1
    clock.advance(seconds=395)
    scene.send()
    assert len(scene.sent) == 2
    assert scene.history(scene.touch("next_call").prospect_id)[-1] == "sequence.moved"
    clean(scene)


def test_a_step_is_never_due_before_the_move(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send()
    publish(scene, (NEXT, NEXT.replace("4s", "10d")))
    clock.advance(days=5)
    publish(scene, (NEXT, NEXT.replace("4s", "1d")))
    assert scene.touch("next_call").due_at == clock.now
    scene.send()
    assert scene.states()["next_call"] == "sent"
    clean(scene)


def test_a_step_that_is_gone_is_taken_back_and_what_waited_for_it_goes_on(scene: Scene, clock: Clock) -> None:
    scene.called()
    told = shown(scene, *GONE).groups["after_call"].touches
    assert (told["lost"], told["earlier"]) == (1, 1)
    publish(scene, *GONE)
    assert scene.states() == {"questions": "cancelled", "next_call": "scheduled"}
    assert scene.why("questions") == "published.lost"
    assert scene.touch("next_call").next_attempt_at == clock.now + timedelta(seconds=4)
    clock.advance(seconds=4)
    scene.send()
    assert scene.enrollment("after_call").state == "completed"
    assert len(scene.sent) == 1
    clean(scene)


def test_a_new_step_joins_behind_what_has_left_and_not_before_it(scene: Scene, clock: Clock) -> None:
    first = "- {key: before, email: decision, after: 1s}\n      - {key: questions"
    between = "- {key: between, email: meeting_recap, after: 3s}\n      " + NEXT
    scene.called()
    clock.advance(seconds=2)
    scene.send()
    sent_at = clock.now
    publish(scene, ("- {key: questions", first), (NEXT, between))
    touches = {row.step: row for row in scene.touches()}
    assert set(touches) == {"questions", "between", "next_call"}
    assert explained(scene, "between")[0] == "joined"
    assert touches["between"].next_attempt_at == sent_at + timedelta(seconds=3)
    assert touches["next_call"].next_attempt_at is None
    for _ in range(3):
        clock.advance(seconds=4)
        scene.send()
    assert [row.state for row in scene.touches()] == ["sent"] * 3
    assert scene.enrollment("after_call").state == "completed"
    clean(scene)


def test_an_email_that_left_is_not_sent_again_under_another_key(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send()
    publish(scene, ("{key: questions,", "{key: asking,"))
    assert scene.states() == {"questions": "sent", "asking": "skipped", "next_call": "scheduled"}
    publish(scene, ("{key: questions,", "{key: asking,"), ("4s", "5s"))
    clock.advance(seconds=5)
    scene.send()
    assert len(scene.sent) == 2
    clean(scene)


def test_a_step_in_a_senders_hands_stays_as_it_is(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    sender = scene.sender()
    begun = scene.begin(sender)
    publish(scene, ("after: 2s}", "after: 2d}"), ("4s", "9s"))
    assert scene.touch("questions").state == "sending"
    sender.send(begun)
    assert scene.touch("next_call").next_attempt_at == clock.now + timedelta(seconds=9)
    clock.advance(seconds=9)
    scene.send()
    assert len(scene.sent) == 2
    clean(scene)


def test_an_uncertain_email_of_a_step_that_is_gone_keeps_its_enrollment_where_it_is(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send(LOST)
    assert shown(scene, *GONE).groups["after_call"].staying == 1
    made = publish(scene, *GONE)
    with scene.ws.database.read() as tx:
        assert publishing.progress(tx, made).stayed == 1
    assert scene.states() == {"questions": "uncertain", "next_call": "scheduled"}
    assert scene.enrollment("after_call").playbook_digest != in_force(scene)
    clean(scene)


def test_a_sequence_may_be_stopped_and_one_that_is_gone_is_when_it_moves(scene: Scene) -> None:
    scene.called()
    publish(scene, ("4s", "5s"), choices=Choices("keep", {"after_call": "stop"}))
    assert set(scene.states().values()) == {"cancelled"}
    assert scene.enrollment("after_call").state == "stopped"
    scene.called("boyan@sink.test")
    assert shown(scene, ("  after_call:", "  another:")).groups["after_call"].gone
    publish(scene, ("  after_call:", "  another:"))
    codes = {reason.code for row in rows(scene, Enrollment) if (reason := reasons.unpack(row.reason))}
    assert codes == {"published.stopped", "published.gone"}
    clean(scene)


def test_prospects_of_a_removed_stage_are_led_to_another_without_beginning_anything(scene: Scene) -> None:
    ana = scene.prospect()
    entered = scene.prospect_row(ana).entered_stage_at
    renamed = [("planned", "fresh"), ("qualify, from: fresh", "qualify, from: fresh")]
    with pytest.raises(BadInput, match=r"“planned” \(1\)"):
        publish(scene, *renamed)
    assert rows(scene, Publication) == []
    made = publish(scene, *renamed, mapping={"planned": "fresh"})
    assert scene.prospect_row(ana).stage == "fresh"
    assert scene.prospect_row(ana).entered_stage_at == entered
    history = [row for row in rows(scene, History) if row.prospect_id == ana]
    assert (history[-1].kind, history[-1].actor, history[-1].cause) == ("moved", "rep:iva", f"publication:{made}")
    assert scene.touches() == []
    assert scene.move(ana, "qualify").decision.verdict == "applied"
    clean(scene)


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"planned": "nowhere"}, "no stage “nowhere”"),
        ({"planned": "closed"}, "only one of the two is final"),
        ({"planned": "fresh", "qualified": "fresh"}, "is in the new playbook"),
        ({"planned": "fresh", "plan": "fresh"}, "did you mean `planned`"),
    ],
)
def test_a_mapping_that_leads_nowhere_is_refused(scene: Scene, mapping: dict[str, str], told: str) -> None:
    scene.prospect()
    with pytest.raises(BadInput, match=told):
        publish(scene, ("planned", "fresh"), mapping=mapping)


def test_what_has_findings_or_holds_already_is_not_published(scene: Scene) -> None:
    with pytest.raises(PlaybookError):
        publish(scene, ("to: qualified}", "to: qualifed}"))
    publish(scene, ("4s", "5s"))
    with pytest.raises(Conflict, match="in force already"):
        publish(scene, ("4s", "5s"))
    with pytest.raises(BadInput, match="did you mean `after_call`"):
        publish(scene, ("4s", "6s"), choices=Choices("keep", {"after_cal": "move"}))


def test_one_publication_waits_for_the_other(scene: Scene) -> None:
    scene.called()
    publishing.publish(scene.ws, changed(("4s", "5s")), IVA, choices=MOVE)
    with pytest.raises(Conflict, match="still moving"):
        publishing.publish(scene.ws, changed(("4s", "6s")), IVA, choices=MOVE)
    publishing.finish(scene.ws)
    publish(scene, ("4s", "6s"))
    with scene.ws.database.read() as tx:
        known = reports.versions(tx)
    assert [(each.number, each.in_force, each.in_flight) for each in known] == [
        (3, True, 1),
        (2, False, 0),
        (1, False, 0),
    ]


def test_an_older_version_may_come_back(scene: Scene) -> None:
    scene.called()
    publish(scene, ("4s", "5s"))
    publish(scene)
    assert scene.touch("next_call").due_at == scene.clock.now + timedelta(seconds=6)
    with scene.ws.database.read() as tx:
        assert [each.in_force for each in reports.versions(tx)] == [False, True]
    clean(scene)


def test_nothing_is_shown_as_changed_where_nothing_changes(scene: Scene) -> None:
    scene.called()
    scene.qualified("boyan@sink.test")
    told = shown(scene, ("title: {en: Planned", "title: {en: Plan"))
    assert told.touches() == {"unaffected": 3, "earlier": 0, "later": 0, "gained": 0, "lost": 0}
    made = publish(scene, ("title: {en: Planned", "title: {en: Plan"))
    with scene.ws.database.read() as tx:
        assert publishing.progress(tx, made).moved == 2
    assert "sequence.moved" not in [row.kind for row in rows(scene, History)]


def test_an_enrollment_of_which_nothing_is_left_is_complete(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send()
    publish(scene, ("      " + NEXT + "\n", ""))
    assert scene.states() == {"questions": "sent", "next_call": "cancelled"}
    assert scene.enrollment("after_call").state == "completed"
    clean(scene)


def test_an_email_that_is_tried_again_keeps_its_time(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send(GREYLISTED)
    before = scene.touch("questions")
    publish(scene, ("after: 2s}", "after: 2d}"))
    assert scene.touch("questions") == before
    clock.now = before.next_attempt_at
    scene.send()
    assert scene.touch("questions").state == "sent"
    clean(scene)


def test_a_step_that_became_a_task_is_made_anew(scene: Scene, clock: Clock) -> None:
    scene.called()
    clock.advance(seconds=2)
    scene.send()
    publish(scene, (NEXT, "- {key: next_call, task: {en: Call, bg: Обадете се}, after: 4s}"))
    email, task = [row for row in scene.touches() if row.step == "next_call"]
    assert (email.kind, email.state, task.kind, task.state, task.generation) == (
        "email",
        "cancelled",
        "task",
        "scheduled",
        2,
    )
    clean(scene)


REMINDERS = """  reminders:
    start: {when: meeting.booked}
    stop: [close, meeting.cancelled]
    steps:
      - {key: day, email: decision, before: meeting, lead: 1d}
      - {key: hour, email: meeting_recap, before: meeting, lead: 1h}
signals:"""


def test_reminders_of_a_meeting_are_timed_by_their_new_lead(stage: Stage, clock: Clock) -> None:
    scene = stage(replaced={"signals:": REMINDERS})
    starts_at = clock.now + timedelta(days=3)
    scene.tell(scene.prospect(), "meeting.booked", uid="one", starts_at=starts_at)
    earlier = REMINDERS.replace("before: meeting, lead: 1h", "before: meeting, lead: 3h").replace(
        "      - {key: hour",
        "      - {key: half, email: call_confirmation, before: meeting, lead: 12h}\n      - {key: hour",
    )
    publish(scene, ("signals:", earlier))
    due = {row.step: (row.due_at, row.not_after, row.position) for row in scene.touches()}
    assert due == {
        step: (starts_at - timedelta(hours=hours), starts_at, position)
        for position, (step, hours) in enumerate({"day": 24, "half": 12, "hour": 3}.items())
    }
    clock.advance(days=3)
    scene.tell(
        rows(scene, Enrollment)[0].prospect_id,
        "meeting.rescheduled",
        uid="one",
        starts_at=starts_at + timedelta(days=2),
    )
    assert scene.touch("half").due_at == starts_at + timedelta(hours=36)
    clean(scene)


def test_a_step_that_was_left_out_while_it_waited_moves_nothing_that_follows(stage: Stage, clock: Clock) -> None:
    last = "\n      - {key: last, email: decision, after: 20s}"
    scene = stage(replaced={NEXT: NEXT + last})
    scene.called()
    clock.advance(seconds=1)
    acts.skip(scene.ws, scene.touch("next_call").id, IVA)
    clock.advance(seconds=3)
    scene.send()
    sent_at = clock.now
    publish(scene, (NEXT, NEXT + last.replace("20s", "30s")))
    assert scene.touch("last").next_attempt_at == sent_at + timedelta(seconds=30)
    clean(scene)
