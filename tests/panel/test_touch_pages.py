"""What a rep does with emails and tasks from Today, a prospect's page and the page of uncertain emails."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import update

from tests.panel.scene import LOST, Scene, Visitor
from workflow.engine.reasons import because
from workflow.mail.transport import Outcome, Phase, Reason
from workflow.records.models import Mailbox, Touch

TOO_BIG = Outcome("permanent", Phase.REPLIED, 552, "5.3.4 too big", scope="message", reason=Reason.REFUSED)


def act_forms(text: str) -> list[tuple[str, str]]:
    """The acts that a page offers: what is done, and with which answer."""
    forms = re.findall(r'action="/touches/[^/"]+/([\w-]+)".*?</form>', text, re.DOTALL)
    answers = re.findall(r'name="as" value="(\w+)"', text)
    return [(what, answers.pop(0) if what == "resolve" else "") for what in forms]


def test_a_scheduled_email_can_be_skipped_or_sent_now(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    first, second = scene.touches(known)
    assert act_forms(iva.read(f"/prospects/{known}")) == [("skip", ""), ("send-now", ""), ("skip", "")]
    assert iva.post(f"/touches/{first.id}/skip", {"view": "prospect"}).location == f"/prospects/{known}"
    text = iva.read(f"/prospects/{known}")
    assert "It was skipped" in text
    assert scene.touches(known)[0].state == "skipped"
    answer = swift.post(f"/touches/{second.id}/send-now", {"view": "prospect"})
    assert "It leaves now" in answer.text
    assert scene.touches(known)[1].next_attempt_at == scene.clock.now
    assert len(scene.send_due().sent) == 1
    assert "Sent: " in swift.get(f"/prospects/{known}").text


def test_an_email_that_is_too_late_asks_for_a_word_on_the_page_of_its_prospect(scene: Scene) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    first = scene.touches(known)[0]
    why = because("late.ask", until="2026-11-11T09:00+00:00").pack()
    with scene.ws.database.write() as tx:
        tx.conn.execute(
            update(Touch).where(Touch.id == first.id).values(asks_since=tx.now, next_attempt_at=tx.now, reason=why)
        )
    iva = scene.visitor("iva")
    text = iva.read(f"/prospects/{known}")
    assert "Too late" in text
    assert "It should have left by tomorrow, 11:00: send it or skip it" in text
    assert "it does not leave by itself any more" in text
    assert "This email leaves by itself" not in text
    assert act_forms(text)[:2] == [("skip", ""), ("send-now", "")]
    assert scene.send_due().sent == []
    assert iva.post(f"/touches/{first.id}/send-now", {"view": "prospect"}).location == f"/prospects/{known}"
    assert len(scene.send_due().sent) == 1


def test_a_task_waits_on_today_until_it_is_done(scene: Scene) -> None:
    known = scene.prospect()
    scene.move(known, "qualify", "diagnose", "schedule_meeting")
    scene.tell(known, "meeting.no_show")
    scene.wait(hours=1)
    scene.send_due()
    scene.wait(days=2)
    iva = scene.visitor("iva")
    text = iva.read("/")
    assert "Call and offer a new time" in text
    assert "Next: due since yesterday" in text
    task = next(touch for touch in scene.touches(known) if touch.kind == "task")
    assert iva.post(f"/touches/{task.id}/done", {"view": "today"}).location == "/"
    assert "Nothing waits for you." in iva.read("/")
    assert next(touch for touch in scene.touches(known) if touch.kind == "task").state == "done"
    assert iva.post(f"/touches/{task.id}/done", {"view": "today"}).status_code == 409


@pytest.mark.parametrize(("answer", "state"), [("sent", "sent"), ("resend", "failed"), ("dropped", "failed")])
def test_an_uncertain_email_is_settled_by_a_person(scene: Scene, answer: str, state: str) -> None:
    known = scene.prospect()
    touch = scene.uncertain_email(known)
    iva = scene.visitor("iva")
    assert act_forms(iva.read("/uncertain")) == [("resolve", "sent"), ("resolve", "resend"), ("resolve", "dropped")]
    assert 'class="count alert">1' in iva.read("/")
    assert iva.post(f"/touches/{touch}/resolve", {"as": answer, "view": "uncertain"}).location == "/uncertain"
    assert "No email needs you" in iva.read("/uncertain")
    assert scene.touches(known)[0].state == state
    assert sum(each.generation == 2 for each in scene.touches(known)) == (answer == "resend")
    assert "Uncertain email settled" in iva.read(f"/prospects/{known}")
    scene.wait(minutes=1)
    again = iva.post(f"/touches/{touch}/resolve", {"as": answer, "view": "uncertain"})
    assert again.status_code == 409


def test_an_unknown_answer_settles_nothing(scene: Scene) -> None:
    known = scene.prospect()
    touch = scene.uncertain_email(known)
    iva = scene.visitor("iva")
    for odd in ("", "great", "SENT"):
        assert iva.post(f"/touches/{touch}/resolve", {"as": odd}).status_code == 422
    assert scene.touches(known)[0].state == "uncertain"


def test_whoever_comes_too_late_sees_the_page_as_it_is_now(scene: Scene) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    scene.wait(hours=25)
    scene.send_due()
    sent = scene.touches(known)[0]
    iva, swift = scene.visitor("iva"), scene.visitor("iva", htmx=True)
    for visitor in (iva, swift):
        for what in ("skip", "send-now", "done"):
            answer = visitor.post(f"/touches/{sent.id}/{what}", {"view": "prospect"})
            assert answer.status_code == 409
            assert "This could not be done any more. It is now: Sent." in unescape(answer.text)
            assert "Timeline" in answer.text


def test_a_paused_mailbox_is_said_everywhere_and_resumed_by_whoever_may(scene: Scene) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    why = because("pause.auth", answer="535 5.7.8 wrong password").pack()
    paused = {"state": "paused", "pause_reason": why, "paused_at": scene.clock.now}
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Mailbox).values(**paused))
    scene.wait(hours=25)
    iva, boyan = scene.visitor("iva"), scene.visitor("boyan")
    text = iva.read(f"/prospects/{known}")
    assert "Waits, because the mailbox is paused: the mail server refused the sign-in: 535 5.7.8 wrong password" in text
    first = scene.touches(known)[0]
    refused = iva.post(f"/touches/{first.id}/send-now", {"view": "prospect"})
    assert (refused.status_code, "The mailbox is paused. Resume it first." in refused.text) == (409, True)
    resume = f'action="/mailboxes/{scene.ws.mailbox_id}/resume"'
    for path in ("/", "/settings"):
        assert resume in iva.read(path)
        assert resume not in boyan.read(path)
        assert "535 5.7.8 wrong password" in boyan.read(path)
    assert iva.post(f"/mailboxes/{scene.ws.mailbox_id}/resume", {"view": "today"}).location == "/"
    assert resume not in iva.read("/")
    assert len(scene.send_due().sent) == 1
    for odd in ("x", "0" * 36):
        assert iva.post(f"/mailboxes/{odd}/resume").status_code == 404


def test_an_email_that_was_written_can_be_read_with_its_html_shut_in(scene: Scene) -> None:
    known = scene.prospect("<b>Ana</b> Petrova", email="ana@buyer.example")
    scene.tell(known, "call.ended", minutes=5)
    scene.wait(hours=25)
    scene.send_due()
    first, second = scene.touches(known)
    iva = scene.visitor("iva")
    page = iva.get(f"/touches/{first.id}")
    assert page.status_code == 200
    assert "A few questions after our call" in page.text
    assert "<b>Ana</b>" not in page.text
    assert re.findall(r"<iframe[^>]+>", page.text)[0].count(" sandbox ") == 1
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    html = iva.get(f"/touches/{first.id}/html")
    assert html.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "&lt;b&gt;Ana" in html.text
    for path in (f"/touches/{second.id}", f"/touches/{second.id}/html"):
        assert iva.get(path).status_code == 404


def test_today_is_honest_about_an_empty_day_and_a_failed_email(scene: Scene) -> None:
    assert "All clear" in scene.visitor("iva").read("/")
    known = scene.prospect()
    touch = scene.uncertain_email(known)
    iva = scene.visitor("iva")
    assert "1 email that needs you" in iva.read("/")
    iva.post(f"/touches/{touch}/resolve", {"as": "resend"})
    scene.wait(hours=1)
    scene.send_due([TOO_BIG])
    iva = scene.visitor("iva")
    assert "5.3.4 too big" in iva.read("/")
    (failed,) = (each for each in scene.touches(known) if each.state == "failed" and each.generation == 2)
    iva.post(f"/touches/{failed.id}/resolve", {"as": "dropped"})
    assert "needs you" not in iva.read("/"), "what somebody settled needs nobody"


def test_the_day_of_today_is_that_of_whoever_reads(scene: Scene, iva: Visitor) -> None:
    assert "Tuesday, 10 November" in iva.read("/")
    iva.post("/settings", {"time_zone": "Pacific/Auckland"})
    scene.wait(hours=4)
    late = scene.visitor("iva")
    assert "Wednesday, 11 November" in late.read("/")


def test_several_uncertain_emails_are_listed_oldest_first(scene: Scene) -> None:
    names = ["Ana One", "Boris Two", "Vera Three"]
    for name in names:
        scene.tell(scene.prospect(name), "call.ended", minutes=5)
        scene.wait(minutes=1)
    scene.wait(hours=25)
    for _ in names:
        scene.send_due([LOST])
        scene.wait(seconds=30)
    text = scene.visitor("iva").read("/uncertain")
    assert re.findall(r'class="name" href="/prospects/[^"]+">([^<]+)', text) == names
