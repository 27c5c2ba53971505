"""Today: the one next thing with its opening, answers and bounces, what is put off, the plan of the day, the goals."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tests.panel.scene import Scene, Visitor
from tests.panel.test_received_mail import letter, take
from workflow.records.db import Record


def due_task(scene: Scene, name: str = "Ana Petrova", **facts: str) -> tuple[str, Record]:
    """A prospect of Boyan's who missed a meeting, and the task of calling them, due since yesterday."""
    known = scene.prospect(name, owner="boyan", **facts)
    scene.move(known, "qualify", "diagnose", "schedule_meeting")
    scene.tell(known, "meeting.no_show")
    scene.wait(hours=1)
    scene.send_due()
    scene.wait(days=2)
    (task,) = (touch for touch in scene.touches(known) if touch.kind == "task")
    return known, task


def row_of(text: str, key: str) -> bool:
    return f'id="{key}"' in text


def test_the_next_thing_opens_in_the_language_of_the_prospect(scene: Scene) -> None:
    known, _task = due_task(scene, "Елена Маринова", language="bg", email="elena@buyer.example")
    boyan = scene.visitor("boyan")
    text = boyan.read("/")
    assert '<span class="voice-tag" lang="en">Open with</span>Благодаря, че отделихте време.' in text
    assert "0 of 12 on the checklist" in re.sub(r"<[^>]+>|\s+", " ", text).replace("  ", " ")
    scene.tell(known, "call.ended", minutes=5, notes="Not now.")
    text = boyan.read("/?lang=bg")
    assert '<span class="voice-tag" lang="bg">Попитайте</span>' in text
    assert "Благодаря, че отделихте време." not in text, "they have spoken before"


def test_what_is_put_off_comes_back_at_the_start_of_its_day_and_touches_nothing_else(scene: Scene) -> None:
    known, task = due_task(scene)
    # Half past ten in the evening of the twelfth in Sofia: "in 3 days" is by the rep's own date.
    scene.wait(hours=11, minutes=30)
    boyan, iva = scene.visitor("boyan"), scene.visitor("iva")
    thing = {"what": "task", "about": task.id, "version": "0"}
    assert "Off the list until the start of" in boyan.read(f"/snooze?what=task&about={task.id}")
    for odd in ({"for": "date", "day": "soon"}, {"for": "date", "day": "2026-11-12"}, {"for": "done"}):
        refused = boyan.post("/snooze", {**thing, **odd})
        assert refused.status_code == 422
        assert 'aria-invalid="true"' in refused.text
    moved = boyan.post("/snooze", {**thing, "for": "3", "after": "top"})
    assert moved.location == "/?after=top#top"
    text = boyan.read("/")
    assert not row_of(text, f"task-{task.id}")
    assert "Snoozed until Sun 15 Nov: Ana Petrova" in text
    assert "Next: Sun 15 Nov, 00:00." in text
    assert row_of(iva.read("/"), f"task-{task.id}"), "another person's list is their own"
    assert [each for each in scene.touches(known) if each.id == task.id] == [task], "the task is as it was"
    undo = re.search(r'action="(/snoozes/[^"]+/undo)"', text)
    assert undo is not None
    assert iva.post(undo[1]).status_code == 303
    assert not row_of(boyan.read("/"), f"task-{task.id}"), "nobody takes back what is another's"
    midnight = datetime(2026, 11, 14, 22, tzinfo=UTC)
    scene.clock.advance(midnight - scene.clock.now - timedelta(minutes=1))
    assert not row_of(scene.visitor("boyan").read("/"), f"task-{task.id}")
    scene.wait(minutes=1)
    boyan = scene.visitor("boyan")
    assert row_of(boyan.read("/"), f"task-{task.id}")
    boyan.post("/snooze", {**thing, "for": "monday"})
    assert not row_of(boyan.read("/"), f"task-{task.id}")
    boyan.post(undo[1].replace(undo[1].split("/")[2], _snooze(boyan)))
    assert row_of(boyan.read("/"), f"task-{task.id}")


def _snooze(visitor: Visitor) -> str:
    found = re.search(r'action="/snoozes/([^"/]+)/undo"', visitor.read("/"))
    assert found is not None
    return found[1]


def test_answers_and_bounces_wait_on_today_until_a_person_acts(scene: Scene) -> None:
    known = scene.prospect(owner="boyan")
    scene.tell(known, "call.ended", minutes=12)
    scene.clock.advance(hours=25)
    scene.send_due()
    scene.clock.advance(minutes=5)
    take(scene, letter(scene, "Two slots next week, mornings only."))
    boyan = scene.visitor("boyan")
    text = boyan.read("/")
    assert "1 email that needs you" in text
    assert '<q class="voice">Two slots next week, mornings only.</q>' in text
    fields = dict(
        re.findall(r'name="(what|about|version|for|after)" value="([^"]*)"', text.partition('action="/snooze"')[2])
    )
    boyan.post("/snooze", {**fields, "for": "done"})
    assert "Two slots" not in boyan.read("/")
    boyan.post(f"/snoozes/{_put_aside(scene)}/undo")
    assert "Two slots" in boyan.read("/")
    boyan.post(f"/prospects/{known}/call", {"notes": "Done.", "minutes": "5", "version": str(scene.row(known).version)})
    assert "Two slots" not in boyan.read("/"), "whoever called has read it"
    other = scene.prospect("Lidia Haas", owner="boyan")
    scene.tell(other, "email.bounced", address="lidia@buyer.example", permanent=True)
    text = boyan.read("/")
    assert "Bounced just now" in text
    assert "Nothing more leaves to this address." in text
    assert "Lidia" not in scene.visitor("mila").read("/")


def test_an_email_in_doubt_is_settled_where_it_stands_and_that_is_taken_back(scene: Scene) -> None:
    _known, task = due_task(scene)
    doubted = scene.uncertain_email(scene.prospect("Lidia Haas", owner="boyan"))
    swift = scene.visitor("boyan", htmx=True)
    text = swift.read("/")
    assert "No answer of the mail server waits on this machine" in text
    row = text.partition(f'<li id="email-{doubted}">')[2].partition("</li>")[0] or text
    assert re.findall(r'name="as" value="(\w+)"', row) == ["sent", "resend", "dropped"]
    fields = {"view": "today", "what": "email", "after": f"task-{task.id}"}
    told = swift.post(f"/touches/{doubted}/resolve", {**fields, "as": "sent"}).text
    assert not row_of(told, f"email-{doubted}")
    back = dict(re.findall(r'name="(view|after)" value="([^"]*)"', told.partition(f"/touches/{doubted}/undo")[2]))
    assert back["after"] == f"email-{doubted}", "an Undo leads back to the row that it brings back"
    undone = swift.post(f"/touches/{doubted}/undo", {"view": "today", "after": back["after"]}).text
    assert re.search(rf'id="email-{doubted}".*?data-focus', undone, re.DOTALL)
    assert scene.visitor("boyan").post(f"/touches/{doubted}/resolve", {**fields, "as": "dropped"}).location == "/"
    over = swift.post(f"/touches/{doubted}/resolve", {**fields, "as": "resend"})
    assert (over.status_code, row_of(over.text, f"email-{doubted}")) == (409, False)


def _put_aside(scene: Scene) -> str:
    with scene.ws.database.read() as tx:
        return str(tx.conn.exec_driver_sql("SELECT id FROM snooze").scalar_one())


def test_a_week_is_counted_against_the_goals_of_the_rep(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    refused = boyan.post("/goals", {"calls": "many", "meetings": "3", "wins": "1000"})
    assert refused.status_code == 422
    assert 'value="many" aria-invalid="true" aria-describedby="gb-calls" autofocus>' in refused.text
    assert refused.text.count("autofocus") == 1
    assert (
        boyan.post("/goals", {"calls": "25", "meetings": "5", "wins": "", "after": "goals"}).location
        == "/?after=goals#goals"
    )
    known = scene.prospect(owner="boyan")
    boyan.post(f"/prospects/{known}/call", {"notes": "Hi.", "minutes": "5", "version": str(scene.row(known).version)})
    for uid, kind in (("a", "meeting.booked"), ("b", "meeting.booked"), ("b", "meeting.cancelled")):
        scene.tell(known, kind, uid=uid, starts_at=datetime(2026, 11, 10, 14, tzinfo=UTC), place="Video")
    scene.move(known, "qualify", "diagnose", "schedule_meeting", "follow_up")
    scene.move(known, "close", outcome="won")
    text = boyan.read("/")
    assert "<b>1</b> of 25" in text
    assert '<progress value="1" max="5" aria-labelledby="goal-meetings"></progress>' in text
    assert "<b>1</b></span>" in text, "a win without a goal is counted, and has no bar"
    assert "<b>Meeting: Ana Petrova</b>" in text
    assert "6 h free" in text
    assert "<b>0</b></span>" in scene.visitor("mila").read("/")
    scene.wait(days=6)
    assert "<b>0</b> of 25" in scene.visitor("boyan").read("/"), "a new week begins on Monday"


def test_the_focus_goes_to_the_row_that_follows(scene: Scene) -> None:
    _first, task = due_task(scene)
    known, other = due_task(scene, "Boris Iliev")
    swift = scene.visitor("boyan", htmx=True)
    text = swift.read("/")
    assert "data-focus" not in text, "only an act moves the focus"
    after = re.search(rf'/snooze\?what=task&amp;about={task.id}&amp;version=0&amp;after=([^"&]+)"', swift.get("/").text)
    assert after is not None
    assert after[1] == f"task-{other.id}"
    asked = swift.get(f"/snooze?what=task&about={task.id}&after={after[1]}")
    assert f'hx-target="#snz-task-{task.id}"' in asked.text
    shown = swift.post("/snooze", {"what": "task", "about": task.id, "for": "1", "after": after[1]}).text
    assert f'<a href="/prospects/{known}" data-focus>' in shown
    assert 'hx-target="#toast"' in shown
    swift.post(f"/touches/{other.id}/done", {"view": "today", "after": ""})
    assert 'tabindex="-1" data-focus' in swift.get("/?after=gone").text
