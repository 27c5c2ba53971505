"""What follows from received mail: stops, bars, notes; and nothing from what anybody could have forged."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from sqlalchemy import select

from tests.outreach.scene import LOST, Scene
from workflow.actions import breaker, received
from workflow.actions.outreach import acts
from workflow.actions.received import Letter, Taken
from workflow.records.models import Incoming, Message, Touch
from workflow.reports import doctor

BOX = "inbox@sales.example.com"


def take(scene: Scene, content: bytes) -> Taken:
    return scene.ws.database.transact(lambda tx: received.take(scene.ws, tx, scene.ws.mailbox_id, Letter(content)))


def answer(scene: Scene, text: str = "Sounds good, call me.", sender: str = "ana@sink.test", **headers: str) -> bytes:
    """A reply to the newest email that was sent."""
    mail = EmailMessage()
    mail["From"] = f"Ana Petrova <{sender}>"
    mail["To"] = "ivan@sales.example.com"
    mail["Subject"] = "Re: our talk"
    mail["Message-ID"] = "<answer-1@sink.test>"
    mail["In-Reply-To"] = message_id(scene)
    for name, value in headers.items():
        del mail[name.replace("_", "-")]
        if value:
            mail[name.replace("_", "-")] = value
    mail.set_content(text)
    # As it was written: folding at 78 signs would break the ids.
    return mail.as_bytes(policy=mail.policy.clone(max_line_length=998))


def message_id(scene: Scene) -> str:
    with scene.ws.database.read() as tx:
        return str(tx.conn.execute(select(Message.message_id).order_by(Message.created_at.desc())).scalars().first())


def report(scene: Scene, *, about: str | None = None, status: str = "5.1.1", action: str = "failed") -> bytes:
    """What a mail server reports of the newest email that was sent."""
    original = about if about is not None else message_id(scene)
    return (
        "From: MAILER-DAEMON@sink.test\r\nTo: ivan@sales.example.com\r\nSubject: Undelivered Mail\r\n"
        "Message-ID: <dsn-1@sink.test>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you.\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; sink.test\r\n\r\n"
        f"Final-Recipient: rfc822; ana@sink.test\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} User unknown\r\n\r\n"
        f"--B\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {original}\r\nSubject: hello\r\n\r\n--B--\r\n"
    ).encode()


@pytest.fixture
def wrote(scene: Scene) -> str:
    """A prospect with one email sent and another one waiting."""
    prospect_id = scene.called()
    scene.clock.advance(seconds=3)
    scene.claim()
    scene.send()
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    return prospect_id


def kept(scene: Scene) -> Incoming:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(Incoming)).one()  # type: ignore[return-value]


def test_a_reply_stops_the_sequence_and_is_shown_without_what_it_quotes(scene: Scene, wrote: str) -> None:
    text = "Sounds good.\n\nOn Mon, 2 Mar 2026 at 10:00, Ivan <ivan@sales.example.com> wrote:\n> Hello Ana\n"
    assert take(scene, answer(scene, text)) == Taken("reply", "applied", wrote)
    assert sorted(scene.states().values()) == ["cancelled", "sent"]
    row = kept(scene)
    assert row.visible == "Sounds good."
    assert "> Hello Ana" in row.quoted
    assert row.match["confidence"] == "sure"
    assert "email.replied" in scene.history(wrote)


def test_the_same_mail_is_taken_in_once(scene: Scene, wrote: str) -> None:
    first = take(scene, answer(scene))
    again = take(scene, answer(scene))
    assert (first.again, again.again) == (False, True)
    assert scene.history(wrote).count("email.replied") == 1


def test_a_hard_bounce_bars_the_address(scene: Scene, wrote: str) -> None:
    assert take(scene, report(scene)) == Taken("bounce", "applied", wrote)
    assert scene.suppressed() == ["ana@sink.test"]
    assert sorted(scene.states().values()) == ["sent", "skipped"]


@pytest.mark.parametrize(("status", "action"), [("4.2.2", "failed"), ("4.4.1", "delayed"), ("2.0.0", "delivered")])
def test_a_softer_report_stops_nothing(scene: Scene, wrote: str, status: str, action: str) -> None:
    take(scene, report(scene, status=status, action=action))
    assert scene.suppressed() == []
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert wrote


@pytest.mark.parametrize(
    "forged",
    ["<somebody@else.test>", "", "<touch-0190a0b0-0000-7000-8000-000000000000.0123456789abcdef@sales.example.com>"],
)
def test_a_bounce_that_proves_nothing_bars_nobody(scene: Scene, wrote: str, forged: str) -> None:
    """Anybody can write a report about anybody: only our own signed Message-ID counts."""
    assert take(scene, report(scene, about=forged)).outcome in ("ignored", "unmatched")
    assert scene.suppressed() == []
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert wrote


def test_a_mail_with_an_altered_proof_is_no_answer(scene: Scene, wrote: str) -> None:
    genuine = message_id(scene)
    head, _, tail = genuine.partition(".")
    altered = f"{head}.{'0' if tail[0] != '0' else '1'}{tail[1:]}"
    assert take(scene, answer(scene, sender="stranger@else.test", In_Reply_To=altered)).outcome == "unmatched"
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert wrote


def test_a_sender_who_gets_mail_just_now_is_known_by_the_address(scene: Scene, wrote: str) -> None:
    taken = take(scene, answer(scene, In_Reply_To=""))
    assert taken == Taken("reply", "applied", wrote)
    assert kept(scene).match["confidence"] == "low"


def test_a_stranger_is_kept_and_changes_nothing(scene: Scene, wrote: str) -> None:
    taken = take(scene, answer(scene, sender="stranger@else.test", In_Reply_To=""))
    assert taken == Taken("reply", "unmatched", None)
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert wrote


def test_an_automatic_reply_is_no_answer(scene: Scene, wrote: str) -> None:
    text = "I am out of office until 12 January 2027."
    taken = take(scene, answer(scene, text, Auto_Submitted="auto-replied", Subject="Automatic reply: our talk"))
    assert taken == Taken("auto_reply", "applied", wrote)
    assert sorted(scene.states().values()) == ["scheduled", "sent"]
    assert "email.auto_replied" in scene.history(wrote)
    assert "email.replied" not in scene.history(wrote)


def test_a_reply_that_asks_us_to_stop_bars_the_address(scene: Scene, wrote: str) -> None:
    take(scene, answer(scene, "Please unsubscribe me."))
    assert scene.suppressed() == ["ana@sink.test"]
    assert wrote


def test_the_mail_to_the_address_for_unsubscribing_bars_the_address(scene: Scene, wrote: str) -> None:
    with scene.ws.database.read() as tx:
        content = tx.conn.execute(select(Message.content)).scalars().first()
    assert content is not None
    subject = content.partition(b"subject=")[2].partition(b">")[0].decode().replace("%20", " ")
    mail = answer(scene, "", In_Reply_To="", Subject=subject, From="somebody.else@forwarded.test")
    assert take(scene, mail) == Taken("unsubscribe", "applied", wrote)
    assert scene.suppressed() == ["ana@sink.test"]


def test_an_answer_settles_an_email_of_which_nobody_knew(scene: Scene) -> None:
    scene.qualified()
    scene.claim()
    scene.send(LOST)
    assert scene.touch().state == "uncertain"
    take(scene, answer(scene))
    assert scene.touch().state == "sent"


@pytest.mark.parametrize(
    ("status", "action", "why", "barred"),
    [
        ("4.4.1", "delayed", "sent_relayed", []),
        ("2.0.0", "delivered", "sent_relayed", []),
        ("4.2.2", "failed", "sent_bounced", []),
        ("5.1.1", "failed", "sent_bounced", ["ana@sink.test"]),
    ],
)
def test_a_report_of_any_kind_shows_that_an_uncertain_email_left(
    scene: Scene, status: str, action: str, why: str, barred: list[str]
) -> None:
    """Whoever reports on it had it. A report that names no email of ours settles nothing."""
    scene.called()
    scene.clock.advance(seconds=3)
    scene.send(LOST)
    take(scene, report(scene, about="<somebody@else.test>", status=status, action=action))
    assert scene.touch("questions").state == "uncertain"
    assert take(scene, report(scene, status=status, action=action)).outcome == "applied"
    assert (scene.touch("questions").state, scene.why("questions")) == ("sent", why)
    assert scene.suppressed() == barred
    assert (scene.touch("next_call").next_attempt_at is None) == bool(barred)


def test_refusals_by_policy_that_come_back_pause_the_mailbox(scene: Scene) -> None:
    """The third email within a day, each counted once, by mail or by webhook; after a resume it counts from anew."""
    for number in range(7):
        scene.called(f"p{number}@sink.test")
    scene.clock.advance(seconds=3)
    scene.send()
    names = [touch.message_id for touch in scene.touches() if touch.state == "sent"]

    def back(number: int) -> str:
        content = report(scene, about=names[number], status="5.7.1")
        assert take(scene, content + str(number).encode()).outcome == "applied"
        assert take(scene, content + b"again").outcome == "applied"
        return str(scene.mailbox().state)

    assert [back(0), back(1)] == ["active", "active"]
    with scene.ws.database.write() as tx:
        hard = {"permanent": True, "detail": "550 5.1.1 no such user"}
        for data in (hard, {"permanent": False, "detail": "452 4.2.2 mailbox full"}, {"detail": ""}):
            breaker.came_back(tx, names[2], data)
    assert scene.mailbox().state == "active", "other bounces are not ours to mend"
    with scene.ws.database.write() as tx:
        breaker.came_back(tx, names[2], {"permanent": False, "detail": "550 5.7.26 unauthenticated mail"})
    assert scene.mailbox().state == "paused"
    reason = str(scene.mailbox().pause_reason)
    assert "5.7.26" in reason
    (remark,) = (each for each in doctor.remarks(scene.ws) if "paused" in each)
    assert "5.7.26 unauthenticated mail. Read the answer: mend the content, SPF, DKIM" in remark
    scene.clock.advance(minutes=1)
    acts.resume(scene.ws, scene.ws.mailbox_id)
    assert [back(number) for number in (3, 4, 5)] == ["active"] * 3, "what left before counts no more"
    assert scene.suppressed() == []


def test_what_cannot_be_applied_is_kept_and_says_so(scene: Scene, wrote: str) -> None:
    scene.change(Touch, {"prospect_id": wrote})
    taken = take(scene, b"\x00\xff\xfe" * 400)
    assert taken.outcome == "unmatched"
    assert take(scene, b"").outcome == "unmatched"
