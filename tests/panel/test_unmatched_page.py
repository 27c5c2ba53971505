"""Received mail that matched nobody: a person says whom it is about, or puts it aside; each message once."""

from __future__ import annotations

from sqlalchemy import select, update

from tests.panel.scene import Scene, Visitor
from tests.panel.test_received_mail import take
from workflow.records.models import Incoming, Mailbox, Suppression

EVIL = "<script>alert(1)</script>"
LETTER = f"From: Ana <ana@private.example>\r\nSubject: {EVIL}\r\n\r\nI write from home: {EVIL}\r\n".encode()
BOUNCE = (
    b"From: MAILER-DAEMON@x.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n"
    b"user unknown: ana@buyer.example\r\n550 5.1.1\r\n"
)


def row(scene: Scene, known: str) -> Incoming:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(Incoming).where(Incoming.id == known)).one()  # type: ignore[return-value]


def test_an_assigned_reply_stops_the_sequence_as_if_it_had_matched(scene: Scene, iva: Visitor) -> None:
    prospect = scene.prospect(owner="boyan")
    scene.tell(prospect, "call.ended", minutes=12)
    known = take(scene, LETTER)
    page = iva.get("/unmatched").text
    assert "I write from home" in page
    assert EVIL not in page
    nobody = iva.post(f"/unmatched/{known}/assign", {"email": "nobody@x.example"})
    assert (nobody.status_code, f'id="e-{known}"' in nobody.text) == (422, True)
    assert iva.post(f"/unmatched/{known}/assign", {"email": "Ana@buyer.example"}).status_code == 303
    assert (row(scene, known).outcome, row(scene, known).prospect_id) == ("applied", prospect)
    assert {touch.state for touch in scene.touches(prospect)} == {"cancelled"}
    timeline = iva.read(f"/prospects/{prospect}")
    assert "A person assigned it. Confidence: likely." in timeline
    assert "I write from home" not in iva.read("/unmatched")
    # Whoever comes second changes nothing.
    again = iva.post(f"/unmatched/{known}/aside")
    assert (again.status_code, "Somebody has dealt with this message already." in again.text) == (409, True)
    assert row(scene, known).outcome == "applied"


def test_an_assigned_bounce_bars_nobody(scene: Scene, iva: Visitor) -> None:
    prospect = scene.prospect()
    known = take(scene, BOUNCE)
    assert row(scene, known).outcome == "unmatched"
    iva.get("/unmatched")
    assert iva.post(f"/unmatched/{known}/assign", {"email": "ana@buyer.example"}).status_code == 303
    assert (row(scene, known).outcome, row(scene, known).prospect_id) == ("ignored", prospect)
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Suppression.email_key)).all() == []


def test_a_message_is_put_aside(scene: Scene, swift: Visitor) -> None:
    known = take(scene, LETTER)
    assert "The message was put aside" in swift.post(f"/unmatched/{known}/aside").text
    assert (row(scene, known).outcome, row(scene, known).prospect_id) == ("ignored", None)


def test_what_lies_in_the_mailbox_of_a_rep_is_for_that_rep(scene: Scene, iva: Visitor) -> None:
    known = take(scene, LETTER)
    mila, boyan = scene.visitor("mila"), scene.visitor("boyan")
    assert "private.example" not in boyan.read("/unmatched")
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Mailbox).values(rep_id=scene.reps["mila"]))
    assert "private.example" in mila.read("/unmatched")
    for other in (iva, boyan):
        assert "private.example" not in other.read("/unmatched")
        for act in ("assign", "aside"):
            assert other.post(f"/unmatched/{known}/{act}", {"email": "x@y.example"}).status_code == 404
    for odd in ("x", "0" * 36):
        assert mila.post(f"/unmatched/{odd}/aside").status_code == 404
