"""Why an email is as it is and why one does not exist, on real parts: sent, held, moved, late, stopped, never begun."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update

from tests.conftest import Clock
from tests.outreach.conftest import Stage
from tests.outreach.scene import GREYLISTED, LOST, NO_SUCH_USER, REP, Scene, mailbox_limits, opened
from workflow.actions import facts
from workflow.actions.outreach import acts
from workflow.engine import trail
from workflow.engine.telling import Note, sentences
from workflow.errors import BadInput, NotFound
from workflow.records.db import Database
from workflow.records.models import Decided, Enrollment, Touch
from workflow.reports import doctor, explain, missing
from workflow.reports.explain import Explanation

OFFICE = '{from: "09:00", to: "17:30"}'
NEW_YORK = ZoneInfo("America/New_York")


def of_touch(scene: Scene, step: str = "hello", zone: ZoneInfo | None = None) -> Explanation:
    with scene.ws.database.read() as tx:
        return explain.of_touch(scene.ws, tx, scene.touch(step).id, zone)


def of_prospect(scene: Scene, prospect_id: str, sequence: str = "", step: str = "") -> Explanation:
    with scene.ws.database.read() as tx:
        return missing.of_prospect(scene.ws, tx, prospect_id, facts.facts, sequence=sequence, step=step)


def notes(told: Explanation) -> list[Note]:
    return [note for item in told.items for note in item.notes]


def codes(told: Explanation) -> list[str]:
    return [part.code for note in notes(told) for part in note.parts]


def text(told: Explanation, language: str = "en") -> str:
    return "\n".join(sentences(note, language, told.clocks) for note in notes(told))


# --- why it is as it is


def test_an_email_that_left_says_rule_inputs_clock_result_and_version(scene: Scene) -> None:
    scene.called(time_zone="Europe/Berlin", country="DE")
    scene.clock.advance(seconds=2)
    scene.send()
    told = of_touch(scene, "questions")
    (item,) = told.items
    assert (item.sequence, item.step, item.state) == ("after_call", "questions", "sent")
    assert scene.ws.settings.playbook is not None
    assert "key: questions" in scene.ws.settings.playbook.read_text().splitlines()[item.line - 1]
    assert item.version == (1, scene.ws.playbooks.current.digest[:12])
    assert codes(told) == ["planned.first", "until", "begun", "written.shipped", "sent.code"]
    planned, begun, written, sent = notes(told)
    assert (written.gave["template"], written.gave["template_version"]) == ("follow_up_questions", 0)
    assert planned.given["zone"] == "Europe/Berlin"
    assert planned.given["whose"] == "prospect"
    assert planned.given["country"] == "DE"
    assert planned.gave["due"] - planned.given["anchor"] == timedelta(seconds=2)
    assert planned.version == begun.version == item.version
    assert [note.at for note in (planned, begun, sent)] == sorted(note.at for note in (planned, begun, sent) if note.at)
    assert "10:00:02 (09:00:02 for the prospect)" in text(told)
    assert "2 секунди след" in text(told, "bg")


def test_times_are_told_by_the_viewers_clock(scene: Scene) -> None:
    scene.called(time_zone="Asia/Tokyo")
    told = of_touch(scene, "questions", NEW_YORK)
    assert "Tue 10 Nov 2026, 03:00:02 (17:00:02 for the prospect)" in text(told)
    first = told.as_json("en")["items"][0]["notes"][0]
    assert first["at"] == "2026-11-10T08:00:00Z"
    assert first["at_prospect"] == "2026-11-10T17:00:00+09:00"
    assert first["at_viewer"] == "2026-11-10T03:00:00-05:00"
    json.dumps(told.as_json("bg"))


def test_an_email_held_by_the_window_says_which_window_and_whose_clock(stage: Stage) -> None:
    scene = stage(window=OFFICE)
    scene.qualified(time_zone="Europe/Sofia", country="BG")
    scene.clock.advance(hours=8)
    scene.send()
    told = of_touch(scene)
    assert codes(told) == ["planned.at_once", "place.country", "until", "held.window", "place.country",
                           "stands.due"]  # fmt: skip
    assert "the send window (09:00–17:30) was closed. Asked again at its opening, Wed 11 Nov 2026, 09:00." in text(told)
    assert "Europe/Sofia (the prospect's own zone), with the holidays of BG" in text(told)
    scene.clock.now = scene.touch().next_attempt_at
    scene.send()
    assert scene.touch().state == "sent"
    assert codes(of_touch(scene))[-4:] == ["begun.window", "place.country", "written.shipped", "sent.code"]


def test_an_email_held_by_an_absence_says_so_and_blames_no_window(stage: Stage) -> None:
    scene = stage()
    prospect_id = scene.qualified()
    back = (scene.clock.now + timedelta(days=9)).date().isoformat()
    scene.tell(prospect_id, "email.auto_replied", about="away", returns_on=back)
    scene.clock.advance(seconds=5)
    scene.send()
    told = of_touch(scene)
    assert "held.away" in codes(told)
    assert "Held: the prospect is out of the office until Thu 19 Nov 2026" in text(told)


def test_a_plan_that_the_window_moved_says_from_where(stage: Stage, clock: Clock) -> None:
    scene = stage(window=OFFICE)
    clock.advance(hours=9)
    scene.called()
    told = of_touch(scene, "questions")
    assert codes(told)[:2] == ["planned.first", "moved_by_window"]
    assert "would have been Tue 10 Nov 2026, 19:00:02; the send window (09:00–17:30)" in text(told)
    assert "the playbook's zone, for those of prospect and rep are unknown" in text(told)


def test_an_email_held_by_the_gap_says_which_email_was_before_it(stage: Stage) -> None:
    scene = stage(limits=mailbox_limits(prospect_gap="4h"))
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    scene.clock.advance(seconds=4)
    scene.send()
    told = of_touch(scene, "next_call")
    assert codes(told) == ["planned.after", "until", "released", "until", "held.gap", "stands.due"]
    assert "4 hours lie between two" in text(told)
    held = notes(told)[2]
    assert held.given["last"] == scene.touch("questions").committed_at
    assert held.gave["next"] == held.given["last"] + timedelta(hours=4)
    scene.clock.advance(hours=4)
    scene.send()
    assert scene.touch("next_call", prospect_id).state == "sent"
    assert codes(of_touch(scene, "next_call"))[-4:] == ["begun", "begun.gap", "written.shipped", "sent.code"]


def test_an_email_that_waited_for_a_limit_says_how_much_had_left(stage: Stage) -> None:
    scene = stage(limits=mailbox_limits(per_hour="1"))
    scene.qualified("first@sink.test")
    scene.send()
    late = scene.qualified("late@sink.test")
    scene.send()
    waits = explained(scene, late)
    assert codes(waits) == ["planned.at_once", "until", "stands.held"]
    assert "does not leave now: Waits for the mailbox's limit of emails." in text(waits)
    scene.clock.advance(hours=1, seconds=1)
    scene.send()
    told = explained(scene, late)
    assert codes(told) == ["planned.at_once", "until", "limit.hour", "begun", "written.shipped", "sent.code"]
    assert (
        "1 hour 1 second later: its mailbox had sent 1 emails in the hour before, and the playbook allows 1."
        in text(told)
    )


def explained(scene: Scene, prospect_id: str) -> Explanation:
    """Why the newest touch of a prospect is as it is."""
    with scene.ws.database.read() as tx:
        return explain.of_touch(scene.ws, tx, scene.touches(prospect_id)[-1].id)


def test_an_email_that_was_too_late_says_until_when_it_was_good(scene: Scene) -> None:
    scene.qualified()
    scene.clock.advance(days=2)
    scene.send()
    assert scene.touch().state == "skipped"
    told = of_touch(scene)
    assert codes(told) == ["planned.at_once", "until", "late"]
    assert "it should have left by Wed 11 Nov 2026, 10:00, and its turn came later" in text(told)


def test_an_email_stopped_by_a_reply_says_who_told_of_it(scene: Scene) -> None:
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    scene.tell(prospect_id, "email.replied")
    told = of_touch(scene, "next_call")
    assert codes(told)[-3:] == ["stopped", "stopped.by", "stands.ended"]
    assert "The sequence was stopped: The prospect replied. That was told by crm: the prospect replied." in text(told)
    row = scene.enrollment("after_call")
    assert (row.started_version, row.ended_version) == (2, 3)


def test_a_retry_an_uncertain_email_and_a_resend_are_told(scene: Scene) -> None:
    scene.qualified()
    scene.send(GREYLISTED)
    scene.clock.now = scene.touch().next_attempt_at
    scene.send(LOST)
    told = of_touch(scene)
    assert [code for code in codes(told) if code != "limit.other"] == [
        "planned.at_once", "until", "begun", "waits", "begun", "written.shipped", "because",
    ]  # fmt: skip
    assert "greylisted" in text(told)
    assert "nobody knows whether it arrived" in text(told)
    touch_id = scene.touch().id
    acts.resolve(scene.ws, touch_id, "resend", REP)
    assert "Sent again at the wish of somebody who has left." in text(of_touch(scene))
    scene.send()
    assert codes(of_touch(scene)) == ["because", "begun", "begun.forced", "written.shipped", "sent.code"]


def test_an_email_sent_ahead_of_its_time_and_one_refused_say_so(stage: Stage) -> None:
    scene = stage(window=OFFICE)
    scene.clock.advance(hours=9)
    scene.qualified()
    acts.send_now(scene.ws, scene.touch().id, REP)
    scene.send(NO_SUCH_USER)
    told = of_touch(scene)
    assert codes(told)[-5:] == ["because", "begun", "begun.forced", "written.shipped", "because"]
    assert "ahead of its time" in text(told)
    assert "Refused by the mail server: 550" in text(told)


def test_a_step_before_a_meeting_moves_with_it_and_says_so(stage: Stage) -> None:
    meets = (
        "  meets:\n    start: {when: meeting.booked}\n    stop: [meeting.cancelled]\n    steps:\n"
        "      - {key: soon, email: call_confirmation, before: meeting, lead: 2h}\n  welcome:\n"
    )
    scene = stage(replaced={"  welcome:\n": meets})
    known = scene.prospect()
    starts = scene.clock.now + timedelta(days=2)
    scene.tell(known, "meeting.booked", uid="m1", starts_at=starts)
    scene.tell(known, "meeting.rescheduled", uid="m1", starts_at=starts + timedelta(days=1))
    told = of_touch(scene, "soon")
    assert codes(told) == ["planned.meeting", "until", "anchored", "until", "stands.due"]
    assert "The meeting is Fri 13 Nov 2026, 10:00 now. This step comes 2 hours before it" in text(told)
    assert doctor.examine(scene.ws) == ()


def test_a_restart_changes_no_explanation(scene: Scene, place: Path, emails: Path, database: Database) -> None:
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    before = [text(of_touch(scene, step)) for step in ("questions", "next_call")]
    again = Database(database.url, clock=scene.clock)
    try:
        woken = Scene(opened(place, again, folder=emails), scene.clock, scene.spool)
        assert [text(of_touch(woken, step)) for step in ("questions", "next_call")] == before
    finally:
        again.close()


def test_a_touch_from_before_the_trail_is_told_as_far_as_it_is_known(scene: Scene) -> None:
    scene.called()
    scene.change(Touch, {"trail": None})
    with scene.ws.database.write() as tx:
        tx.conn.execute(delete(Decided))
    scene.change(Enrollment, {"started_version": None})
    assert codes(of_touch(scene, "questions")) == ["not_kept", "because", "stands.due"]
    scene.clock.advance(seconds=2)
    scene.send()
    assert codes(of_touch(scene, "questions")) == ["not_kept", "begun", "written.shipped", "sent.code"]
    assert codes(of_touch(scene, "next_call")) == ["not_kept", "released", "until", "stands.due"]
    assert doctor.examine(scene.ws) == ()


# --- why it does not exist


def test_a_sequence_that_never_began_says_what_starts_it_and_what_is_missing_on_the_way(scene: Scene) -> None:
    known = scene.prospect()
    told = of_prospect(scene, known, "nudge", "recap")
    assert codes(told) == ["starts.stage", "no_start.stage", "way", "way.ready", "may_begin"]
    assert "enters the stage “Followed up”" in text(told)
    assert "qualify → diagnose → schedule_meeting → follow_up" in text(told)
    assert "„Проследен“" in text(told, "bg")
    scene.move(known, "disqualify")
    assert "way: reopen" in text(of_prospect(scene, known, "nudge")).replace("The way there", "way")


def test_the_way_names_what_the_next_move_lacks(stage: Stage) -> None:
    needs = "{trigger: qualify, from: planned, to: qualified, needs: [{field: budget}, {call: ended}]}"
    scene = stage(replaced={"{trigger: qualify, from: planned, to: qualified}": needs})
    known = scene.prospect()
    told = of_prospect(scene, known, "welcome")
    assert "way.missing" in codes(told)
    assert "“budget” must be given first. A call must be recorded first." in text(told)
    scene.tell(known, "call.ended")
    assert "“budget” must be given first." in text(of_prospect(scene, known, "welcome"))
    assert "A call must be recorded" not in text(of_prospect(scene, known, "welcome"))


def test_a_sequence_that_runs_or_ended_says_how_each_step_stands(scene: Scene) -> None:
    known = scene.called()
    told = of_prospect(scene, known, "after_call", "next_call")
    assert told.items[0].state == "scheduled"
    by_id = of_touch(scene, "next_call")
    assert set(codes(told)) == {"began.by", "running", *codes(by_id)}, "by its name it says as much as by its id"
    assert "waits for step “questions”" in text(told)
    scene.tell(known, "email.replied")
    told = of_prospect(scene, known, "after_call", "next_call")
    assert set(codes(of_touch(scene, "next_call"))) <= set(codes(told))
    assert codes(told).count("stopped") == 1
    assert told.items[0].state == "cancelled"
    scene.tell(known, "email.declined", sequence="after_call")
    told = of_prospect(scene, known, "after_call", "next_call")
    assert codes(told)[-1] == "would_be_withheld", "who wants no more of it does not get it anew"
    assert "That was told by crm: the prospect replied." in text(told)


def test_a_start_that_was_withheld_says_why(stage: Stage) -> None:
    scene = stage(replaced={"start: {when: call.ended}": "start: {when: call.ended}\n    again: never"})
    known = scene.called()
    scene.tell(known, "email.replied")
    scene.clock.advance(minutes=5)
    scene.tell(known, "call.ended")
    told = of_prospect(scene, known, "after_call")
    assert codes(told)[-1] == "would_be_withheld"
    assert "withheld" in codes(told)
    assert "it was withheld: The sequence began once already, and its playbook does not repeat it." in text(told)
    assert doctor.examine(scene.ws) == ()


def test_a_start_while_it_ran_says_so(scene: Scene) -> None:
    known = scene.called()
    scene.clock.advance(seconds=1)
    scene.tell(known, "call.ended")
    scene.clock.advance(seconds=1)
    scene.tell(known, "email.replied")
    assert "was_active" in codes(of_prospect(scene, known, "after_call"))


def test_a_start_under_another_version_names_the_version(
    scene: Scene, place: Path, emails: Path, database: Database
) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    scene.tell(known, "email.replied")
    later = "  fresh:\n    start: {when: stage.entered, stage: qualified}\n    stop: [reply]\n    steps:\n"
    later += "      - {key: news, email: call_confirmation}\n  welcome:\n"
    newer = Scene(opened(place, database, folder=emails, replaced={"  welcome:\n": later}), scene.clock, scene.spool)
    told = of_prospect(newer, known, "fresh", "news")
    assert codes(told) == ["other_version", "starts.stage", "may_begin"]
    assert f"under version 1 of the playbook ({scene.ws.playbooks.current.digest[:12]})" in text(told)


def test_a_step_that_the_followed_version_lacks_is_named(
    scene: Scene, place: Path, emails: Path, database: Database
) -> None:
    known = scene.called()
    more = "thread: same}\n      - {key: third, email: decision}\n  welcome:"
    newer = Scene(
        opened(place, database, folder=emails, replaced={"thread: same}\n  welcome:": more}), scene.clock, scene.spool
    )
    told = of_prospect(newer, known, "after_call", "third")
    assert "no_step.newer" in codes(told)
    assert "has no step “third”; the playbook in force has it, at line" in text(told)
    note = next(note for note in notes(told) if note.code == "no_step.newer")
    assert note.version == (1, scene.ws.playbooks.current.digest[:12])


def test_all_sequences_are_told_of_when_none_is_named(scene: Scene) -> None:
    told = of_prospect(scene, scene.called())
    assert [item.sequence for item in told.items] == ["after_call", "welcome", "nudge"]


def test_a_name_that_nobody_knows_is_refused_with_the_nearest(scene: Scene) -> None:
    known = scene.prospect()
    with pytest.raises(BadInput, match="did you mean `welcome`"):
        of_prospect(scene, known, "welcom")
    with pytest.raises(BadInput, match="did you mean `recap`"):
        of_prospect(scene, known, "nudge", "recab")
    with scene.ws.database.read() as tx:
        assert missing.find(tx, "Ana@sink.test") == missing.find(tx, known) == known
        for nobody in ("no@sink.test", "crm:1", "", "x", "00000000-0000-7000-8000-000000000000"):
            with pytest.raises(NotFound):
                missing.find(tx, nobody)
        with pytest.raises(NotFound):
            explain.of_touch(scene.ws, tx, "x")


# --- what is kept, and that it is asked again


def test_a_basis_keeps_no_word_about_the_person(scene: Scene) -> None:
    known = scene.called(name="Ana Petrova", company="Dunav", phone="+359888", title="COO", country="BG")
    scene.tell(known, "call.ended", minutes=3, notes="Very secret notes")
    scene.tell(known, "email.replied", address="ana@sink.test", detail="Leave me alone")
    with scene.ws.database.read() as tx:
        kept = tx.conn.execute(select(Decided.basis, Decided.answer)).all()
    assert kept
    for secret in ("Ana", "Dunav", "359888", "COO", "secret", "alone", "ana@sink.test"):
        assert not any(secret in row.basis + row.answer for row in kept)
    assert '"country":"BG"' in kept[0].basis


def test_what_moves_nothing_keeps_no_basis(scene: Scene) -> None:
    known = scene.prospect()
    scene.edit(known, company="Dunav")
    scene.tell(known, "email.replied")
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Decided.version)).all() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"trigger":"qualify"', '"trigger":"reopen"'),
        ('"stage":"planned"', '"stage":"closed"'),
        ("2026-11-10T08", "2026-11-10T09"),
        ("move.requested", "email.replied"),
        ('{"now"', '{"then"'),
    ],
)
def test_doctor_finds_a_decision_whose_question_was_altered(scene: Scene, old: str, new: str) -> None:
    scene.qualified()
    assert doctor.examine(scene.ws) == ()
    _alter(scene, Decided.basis, old, new)
    (finding,) = doctor.examine(scene.ws)
    assert finding.code == "decision.replay"


@pytest.mark.parametrize(("old", "new"), [('"due"', '"after"'), ("T08:00:00Z", "T08:00:01Z"), ("hello", "bye")])
def test_doctor_finds_a_decision_whose_answer_was_altered(scene: Scene, old: str, new: str) -> None:
    scene.qualified()
    _alter(scene, Decided.answer, old, new)
    assert [finding.code for finding in doctor.examine(scene.ws)] == ["decision.replay"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"due":"2026-11-10T08:00:02Z"', '"due":"2026-11-10T08:00:03Z"'),
        ("Europe/Sofia", "America/New_York"),
        ('"zone"', '"zon"'),
        ('["due",{}]', '["gap",{}]'),
        ('"k":"begun"', '"k":"held"'),
        ('"not_after":"2026-11-11', '"not_after":"2026-11-09'),
        ('{"k"', "{k"),
        ('"v":"', '"v":"0'),
    ],
)
def test_doctor_and_explain_find_a_trail_that_was_altered(stage: Stage, old: str, new: str) -> None:
    # A window that is closed in New York.
    scene = stage(window=OFFICE)
    scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    assert doctor.examine(scene.ws) == ()
    _alter(scene, Touch.trail, old, new, Touch.step == "questions")
    found = {finding.code for finding in doctor.examine(scene.ws)}
    assert found == {"touch.replay"}
    assert {"differs", "unreadable", "lost_step"} & set(codes(of_touch(scene, "questions")))


def test_the_sample_reaches_behind_the_newest(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one of each at random out of twenty, some seed finds an old row, and each seed finds the same again."""
    for number in range(20):
        scene.qualified(f"p{number}@sink.test")
        scene.clock.advance(minutes=1)
    oldest = scene.touches()[0].id
    _alter(scene, Touch.trail, '"due":"2026-11-10T08:00:00Z"', '"due":"2026-11-10T08:00:01Z"', Touch.id == oldest)
    monkeypatch.setattr("workflow.reports.replay.NEWEST", 5)
    monkeypatch.setattr("workflow.reports.replay.AT_RANDOM", 0)
    assert doctor.examine(scene.ws, seed=1) == ()
    monkeypatch.setattr("workflow.reports.replay.AT_RANDOM", 3)
    found = [seed for seed in range(60) if doctor.examine(scene.ws, seed=seed)]
    assert 0 < len(found) < 60
    assert all(doctor.examine(scene.ws, seed=seed) for seed in found)


def test_a_retry_is_asked_again_with_the_spread_that_it_had(scene: Scene) -> None:
    scene.qualified()
    scene.send(GREYLISTED)
    (line,) = [line for line in trail.read(scene.touch().trail) if line.kind == "retried"]
    assert 1.0 <= line.given["spread"] <= 1.2
    assert doctor.examine(scene.ws) == ()
    _alter(scene, Touch.trail, f'"spread":{line.given["spread"]}', '"spread":1.3')
    assert [finding.code for finding in doctor.examine(scene.ws)] == ["touch.replay"]


def _alter(scene: Scene, column: object, old: str, new: str, where: object = True) -> None:  # noqa: FBT002
    """Change a text behind the product's back."""
    table = column.class_  # type: ignore[attr-defined]
    keys = list(table.__table__.primary_key.columns)
    with scene.ws.database.write() as tx:
        rows = tx.conn.execute(select(*keys, column.label("told")).where(where)).all()  # type: ignore[attr-defined,arg-type]
        assert any(old in row.told for row in rows), (old, [row.told for row in rows])
        for row in rows:
            known = [key == getattr(row, key.name) for key in keys]
            tx.conn.execute(update(table).where(*known).values({column: row.told.replace(old, new)}))


def test_the_clock_of_the_tests_is_where_the_sentences_say(clock: Clock) -> None:
    assert clock.now.astimezone(ZoneInfo("Europe/Sofia")) == datetime(2026, 11, 10, 10, tzinfo=ZoneInfo("Europe/Sofia"))
