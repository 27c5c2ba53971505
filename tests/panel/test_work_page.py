"""The list of what needs a person: what is known about each email, acts for many equal ones, and the way back."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import update

from tests.panel.scene import LOST, Scene, Visitor
from tests.panel.test_received_mail import take
from workflow.engine.reasons import because
from workflow.mail.transport import Outcome, Phase, Reason
from workflow.records.models import Mailbox

TOO_BIG = Outcome("permanent", Phase.REPLIED, 552, "5.3.4 too big", scope="message", reason=Reason.REFUSED)
GONE = Outcome("permanent", Phase.RCPT, 550, "5.1.1 no user", scope="recipient", reason=Reason.NO_SUCH_ADDRESS)
NAMES = ("Ana One", "Boris Two", "Vera Three")


def mailed(scene: Scene, outcomes: list[Outcome], *, owner: str | None = None) -> list[str]:
    """Prospects whose first emails after a call ended so."""
    known = [scene.prospect(name, owner=owner) for name, _ in zip(NAMES, outcomes, strict=False)]
    for each in known:
        scene.tell(each, "call.ended", minutes=5)
    scene.wait(hours=25)
    for outcome in outcomes:
        scene.send_due([outcome])
        scene.wait(minutes=1)
    return known


def confirm(visitor: Visitor, path: str) -> dict[str, str]:
    """The fields of the question that is asked before many are settled."""
    page = visitor.read(path)
    form = re.findall(r'<form class="guard.*?</form>', page, re.DOTALL)[0]
    return dict(re.findall(r'name="(what|mailbox|as|before)" value="([^"]*)"', form))


def test_each_email_is_shown_with_what_is_known_about_it(scene: Scene) -> None:
    known = scene.prospect()
    scene.uncertain_email(known)
    page = scene.visitor("iva").read("/uncertain")
    for sign in (
        "No answer of the mail server waits on this machine's disk.",
        "Its mailbox is not read, so nobody looked into its folder of sent mail.",
        "Nothing came from the prospect since, and no report names this email.",
        "Left alone it counts as arrived from then on",
    ):
        assert sign in page
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Mailbox).values(settings={"inbox": "imap.example.com"}))
    scene.wait(minutes=1)
    scene.tell(known, "email.auto_replied", about="other")
    scene.wait(hours=25)
    page = scene.visitor("iva").read("/uncertain?lang=bg")
    assert "Папката с изпратени имейли не е проверявана оттогава." in page
    assert "Оттогава има съобщение от клиента, което не посочва този имейл." in page
    assert "Оттогава се смята за получен" in page


def test_a_failed_email_is_tried_again_or_dropped_and_that_is_taken_back(scene: Scene) -> None:
    (known,) = mailed(scene, [TOO_BIG])
    iva, swift = scene.visitor("iva"), scene.visitor("iva", htmx=True)
    failed = scene.touches(known)[0].id
    page = iva.read("/uncertain")
    assert "Refused by the mail server: 552 5.3.4 too big" in page
    assert 'class="count alert">1' in page
    for word, kind in (("dropped", "Failed email given up"), ("resend", "Failed email tried again")):
        told = swift.post(f"/touches/{failed}/resolve", {"as": word, "view": "uncertain"})
        assert "No email needs you" in told.text
        assert f'action="/touches/{failed}/undo"' in told.text
        undone = swift.post(f"/touches/{failed}/undo", {"view": "uncertain"})
        assert "552 5.3.4 too big" in undone.text
        assert kind in iva.read(f"/prospects/{known}")
    assert iva.post(f"/touches/{failed}/resolve", {"as": "sent"}).status_code == 422
    assert iva.post(f"/touches/{failed}/resolve", {"as": "resend", "view": "uncertain"}).location == "/uncertain"
    twice = iva.post(f"/touches/{failed}/resolve", {"as": "resend", "view": "uncertain"})
    assert (twice.status_code, "Somebody has settled this email already" in twice.text) == (409, True)
    assert len(scene.send_due().sent) == 1
    late = iva.post(f"/touches/{failed}/undo", {"view": "uncertain"})
    assert (late.status_code, "tried to send this email once more already" in late.text) == (409, True)


def test_all_equal_emails_are_settled_at_once_but_for_those_that_came_since(scene: Scene) -> None:
    known = mailed(scene, [TOO_BIG, GONE, TOO_BIG])
    iva = scene.visitor("iva")
    assert "Try all 2 again…" in iva.read("/uncertain?what=failed")
    asked = confirm(iva, "/uncertain?what=failed&all=resend")
    assert "Try all 2 again?" in iva.read("/uncertain?what=failed&all=resend")
    late = scene.prospect("Zoya Four")
    scene.tell(late, "call.ended", minutes=5)
    scene.wait(hours=25)
    scene.send_due([TOO_BIG])
    iva = scene.visitor("iva")
    assert iva.post("/uncertain/all", asked).location == "/uncertain"
    page = iva.read("/uncertain")
    assert "2 emails are settled" in page
    assert "Zoya Four" in page
    assert [sum(touch.generation == 2 for touch in scene.touches(each)) for each in known] == [1, 0, 1]
    for odd in ({"as": "sent"}, {"what": "late"}, {"before": "x"}, {"before": "2026-01-01"}):
        assert iva.post("/uncertain/all", {**asked, **odd}).status_code == 422
    assert iva.get("/uncertain?what=failed&all=resend&mailbox=x").status_code == 200
    assert "/uncertain/all" not in iva.read("/uncertain?what=failed&all=sent")


def test_what_may_have_arrived_is_sent_again_one_by_one_only(scene: Scene) -> None:
    known = mailed(scene, [LOST, LOST])
    iva = scene.visitor("iva")
    page = iva.read("/uncertain?what=uncertain")
    assert "All 2 arrived…" in page
    assert "Try all" not in page
    asked = confirm(iva, "/uncertain?what=uncertain&all=sent")
    assert iva.post("/uncertain/all", {**asked, "as": "resend"}).status_code == 422
    assert iva.post("/uncertain/all", asked).location == "/uncertain"
    assert [scene.touches(each)[0].state for each in known] == ["sent", "sent"]


def test_a_rep_settles_their_own_and_a_manager_all(scene: Scene) -> None:
    known = mailed(scene, [TOO_BIG, LOST], owner="mila")
    iva, boyan, mila = scene.visitor("iva"), scene.visitor("boyan"), scene.visitor("mila")
    assert "No email needs you" in boyan.read("/uncertain")
    assert 'class="count alert"' not in boyan.read("/")
    for visitor in (iva, mila):
        page = visitor.read("/uncertain")
        assert all(name in page for name in NAMES[:2])
    asked = {"what": "failed", "as": "dropped", "before": scene.clock.now.isoformat()}
    assert boyan.post("/uncertain/all", asked).location == "/uncertain"
    assert scene.touches(known[0])[0].reason.startswith('["refused"'), "it is not Boyan's"
    for word in ("resolve", "undo"):
        assert boyan.post(f"/touches/{scene.touches(known[0])[0].id}/{word}", {"as": "dropped"}).status_code == 404


def test_mailboxes_that_stopped_and_unmatched_mail_stand_in_the_list(scene: Scene, iva: Visitor) -> None:
    take(scene, b"From: Ana <ana@private.example>\r\nSubject: hello\r\n\r\nhello\r\n")
    why = because("pause.auth", answer="535 no").pack()
    with scene.ws.database.write() as tx:
        values = {"state": "paused", "pause_reason": why, "paused_at": scene.clock.now}
        tx.conn.execute(update(Mailbox).values(**values))
    page = iva.read("/uncertain")
    assert "the mail server refused the sign-in: 535 no" in page
    assert "Correct the password or the permission of this mailbox, test it, then resume." in page
    assert '<span class="num">1</span>' in page
    assert 'class="count alert">2' in page
    resumed = iva.post(f"/mailboxes/{scene.ws.mailbox_id}/resume", {"view": "uncertain"})
    assert resumed.location == "/uncertain"
    assert "535" not in iva.read("/uncertain")
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Mailbox).values(state="paused", pause_reason=because("pause.by", by="Iva").pack()))
    assert "sends nothing" not in iva.read("/uncertain"), "whoever paused it knows"


def test_mail_that_waits_for_somebody_goes_on_by_a_click(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect()
    back = (scene.clock.now + timedelta(days=9)).date().isoformat()
    scene.tell(known, "email.auto_replied", about="away", returns_on=back)
    page = iva.read(f"/prospects/{known}")
    assert "Out of office until" in page
    assert "Resume mail now" in page
    answer = swift.post(f"/prospects/{known}/mail/resume")
    assert "Mail goes on" in answer.text
    assert "Resume mail now" not in answer.text
    assert scene.row(known).mail_hold_until is None
    again = iva.post(f"/prospects/{known}/mail/resume")
    assert (again.status_code, "does not wait any more" in again.text) == (409, True)
    scene.tell(known, "email.paused")
    assert "Resume mail now" not in iva.read(f"/prospects/{known}")
    assert iva.post(f"/prospects/{known}/mail/resume").status_code == 403
