"""What is foretold of a real prospect: in the words that will leave, by the right mailbox, and changing nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from tests.engine.production import unlinked
from tests.outreach.scene import FAST, LOST, NO_LOGIN, Scene, mailbox_limits
from workflow.actions import facts, mailboxes, people, prospects
from workflow.actions.outreach import acts
from workflow.actions.preview import for_prospect
from workflow.actions.prospects import Who
from workflow.commands import installation, simulation
from workflow.engine import script, sequences
from workflow.engine.life import Happening, Life
from workflow.errors import BadInput, NotFound, OnwardError
from workflow.records.models import Decided, History, Message, Touch
from workflow.reports import forecast
from workflow.settings import load
from workflow.workspace import open_workspace

ADMIN = Who("rep:admin", "test")


def foretold(scene: Scene, prospect_id: str, *events: Happening) -> Life:
    """What is to come, in words."""
    with scene.ws.database.read() as tx:
        writer = for_prospect(scene.ws, tx, prospect_id)
        return forecast.forecast(scene.ws, tx, prospect_id, events, writer=writer)


def rows(scene: Scene) -> list[int]:
    with scene.ws.database.read() as tx:
        tables = (Touch, History, Message, Decided)
        return [tx.conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def brief(life: Life) -> list[str]:
    return [f"{entry.kind} {entry.sequence}.{entry.step}" for entry in life.entries]


def test_it_tells_what_will_leave_and_changes_nothing(scene: Scene) -> None:
    prospect_id, before = scene.called(), rows(scene)
    life = foretold(scene, prospect_id)
    assert rows(scene) == before
    mails = [entry for entry in life.entries if entry.kind == "mail"]
    assert [(entry.at - scene.clock.now, entry.step) for entry in mails] == [
        (timedelta(seconds=2), "questions"),
        (timedelta(seconds=6), "next_call"),
    ]
    assert mails[1].subject == f"Re: {mails[0].subject}"
    assert life.ending == "quiet"
    scene.clock.advance(seconds=2)
    scene.send()
    assert brief(foretold(scene, prospect_id)) == ["mail after_call.next_call", "completed after_call."]


def test_it_tells_what_would_follow_from_events(scene: Scene) -> None:
    """Written as in a story; a meeting that is booked already ends when it does."""
    prospect_id = scene.called()
    starts = scene.clock.now + timedelta(days=3)
    scene.tell(prospect_id, "meeting.booked", uid="m", starts_at=starts, ends_at=starts + timedelta(minutes=30))
    playbook = scene.ws.playbooks.current
    where = sequences.whereabouts(playbook, None, None, None)
    with scene.ws.database.read() as tx:
        known = forecast.known(scene.ws, tx, prospect_id)
    told = script.read("moves qualify\ndoes not show", playbook, begins=scene.clock.now, where=where, known=known)
    assert told[1].at == starts + timedelta(minutes=30)
    life = foretold(scene, prospect_id, *told)
    assert "mail welcome.hello" in brief(life)
    assert [entry.said for entry in life.entries if entry.kind == "meeting"] == ["no_show"]


def test_its_words_are_those_that_leave(scene: Scene) -> None:
    """Signed by the rep, from the rep's own mailbox, with the signature of that mailbox."""
    rep_id = people.add_rep(scene.ws, "maria@example.com", "rep", password="a long password", name="Maria Ivanova")
    told = {"smtp_url": "smtp://127.0.0.1:9?starttls=never", "signature_en": "Maria, at your service"}
    own = mailboxes.add(scene.ws, "maria", "Maria from Example <maria@example.com>", told, rep="maria@example.com")
    prospect_id = scene.prospect(name="Ana Petrova", company="Dunav")
    prospects.edit(scene.ws, prospect_id, {}, {}, ADMIN, owner_id=rep_id)
    scene.tell(prospect_id, "answers.recorded", answers={"pain": "Wrong pallets leave"})
    scene.tell(prospect_id, "call.ended")
    (first, _) = [entry for entry in foretold(scene, prospect_id).entries if entry.kind == "mail"]
    scene.clock.advance(seconds=2)
    scene.claim()
    sender = scene.sender()
    sender.outlet = mailboxes.way(scene.ws, own).outlet
    sender.drain(own)
    message = message_from_bytes(scene.sent[0].content, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    assert (first.subject, unlinked(first.text)) == (message["subject"], unlinked(body.get_content()))
    assert "Maria, at your service" in first.text


def test_each_mailbox_keeps_a_gap_of_its_own(stage: Callable[..., Scene]) -> None:
    """What was planned leaves by the old mailbox, what begins now by that of the rep."""
    scene = stage(limits=mailbox_limits(min_gap="1h"))
    prospect_id = scene.called()
    rep_id = people.add_rep(scene.ws, "maria@example.com", "rep", password="a long password", name="Maria")
    told = {"smtp_url": "smtp://127.0.0.1:9?starttls=never"}
    mailboxes.add(scene.ws, "maria", "maria@example.com", told, rep="maria@example.com")
    prospects.edit(scene.ws, prospect_id, {}, {}, ADMIN, owner_id=rep_id)
    scene.move(prospect_id, "qualify")
    mails = [entry for entry in foretold(scene, prospect_id).entries if entry.kind == "mail"]
    assert [(entry.step, entry.at - scene.clock.now) for entry in mails] == [
        ("hello", timedelta()),
        ("questions", timedelta(seconds=2)),
        ("next_call", timedelta(hours=1, seconds=2)),
    ]


def test_a_paused_mailbox_lets_nothing_leave_and_says_why(scene: Scene) -> None:
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send(NO_LOGIN)
    life = foretold(scene, prospect_id)
    (held,) = life.entries
    assert (held.kind, held.step, life.ending) == ("held", "questions", "waiting")
    assert held.reasons[0].words("en").startswith("Waits, because the mailbox is paused: the mail server refused the")
    assert held.reasons[0].words("bg").startswith("Изчаква, защото пощенската кутия е спряна: пощенският сървър")


def test_behind_an_uncertain_email_it_waits_for_a_day(scene: Scene) -> None:
    prospect_id = scene.called()
    scene.clock.advance(seconds=2)
    scene.send(LOST)
    life = foretold(scene, prospect_id)
    (mail,) = [entry for entry in life.entries if entry.kind == "mail"]
    assert mail.at - scene.clock.now == timedelta(hours=24, seconds=4)
    assert [touch.state for touch in life.touches] == ["uncertain", "sent"]


def test_a_task_of_an_ended_sequence_can_still_be_done(scene: Scene) -> None:
    """Nothing waits for it, so that its sequence is over; it is still there."""
    prospect_id = scene.prospect()
    for trigger in ("qualify", "diagnose", "schedule_meeting", "follow_up"):
        scene.move(prospect_id, trigger)
    scene.clock.advance(seconds=1)
    scene.send()
    acts.skip(scene.ws, scene.touch("decision").id, ADMIN)
    assert scene.enrollment("nudge").state == "completed"
    life = foretold(scene, prospect_id)
    assert [(touch.step, touch.ended_at) for touch in life.touches] == [("call_back", None)]


def test_blank_notes_of_a_call_are_none(scene: Scene) -> None:
    """For a guard that asks when they come, and for one that asks later."""
    prospect_id = scene.prospect()
    for notes, words in ((" \n ", {"ended"}), ("They hesitate.", {"ended", "noted"})):
        scene.tell(prospect_id, "call.ended", notes=notes)
        with scene.ws.database.read() as tx:
            assert facts.calls(tx, prospect_id) == forecast.known(scene.ws, tx, prospect_id).view.calls == words


def test_who_is_not_there_is_not_foretold(scene: Scene) -> None:
    with (
        scene.ws.database.read() as tx,
        pytest.raises(NotFound, match=r"No prospect has the id or the address “a@b\.c”"),
    ):
        forecast.find(tx, "a@b.c")
    with scene.ws.database.read() as tx, pytest.raises(NotFound):
        forecast.known(scene.ws, tx, "0190a000-0000-7000-8000-000000000000")


def simulated(place: Path, *words: str) -> Result:
    environ = {"ONWARD_PLAYBOOK": str(FAST)}
    return CliRunner().invoke(
        simulation.simulate, [*words, "--data-dir", str(place)], env=environ, catch_exceptions=False
    )  # fmt: skip


def test_the_command_goes_on_with_a_prospect_of_the_installation(place: Path) -> None:
    """By id or by address; what describes an imagined one is refused in a sentence."""
    made = CliRunner().invoke(installation.db, ["upgrade", "--data-dir", str(place)], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    ws = open_workspace(load({**os.environ, "ONWARD_PLAYBOOK": str(FAST)}, data_dir=place))
    prospect_id = prospects.create(ws, {"email": "ana@example.com", "name": "Ana"}, {}, ADMIN).prospect_id
    prospects.tell(ws, prospect_id, "call.ended", {}, ADMIN)
    ws.database.close()
    by_address = json.loads(simulated(place, "--prospect", "Ana@Example.com", "--format", "json").stdout)
    by_id = json.loads(simulated(place, "--prospect", prospect_id, "--format", "json").stdout)
    for told in (by_address, by_id):
        assert [each["step"] for each in told["entries"] if each["kind"] == "mail"] == ["questions", "next_call"]
    stopped = simulated(place, "--prospect", prospect_id, "--event", "replies", "--words", "bg").stdout
    assert "СТОП на поредицата after_call" in stopped
    with pytest.raises(BadInput, match="--zone describes an imagined prospect: leave it out with --prospect"):
        simulated(place, "--prospect", prospect_id, "--zone", "Europe/Sofia")
    with pytest.raises(OnwardError, match="No prospect has the id or the address “nobody”"):
        simulated(place, "--prospect", "nobody")
