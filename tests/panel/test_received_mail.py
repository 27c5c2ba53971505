"""Received mail in the timeline and the API: safe to look at, folded, explained; the raw message for few eyes."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import select

from tests.panel.scene import Scene
from workflow.actions import people, received
from workflow.actions.received import Letter
from workflow.records.models import Incoming, Message

EVIL = "<script>alert(1)</script>"


def letter(
    scene: Scene, text: str, *, sender: str = "ana@buyer.example", subject: str = f"Re: our talk {EVIL}"
) -> bytes:
    """An answer to the newest email."""
    with scene.ws.database.read() as tx:
        about = tx.conn.execute(select(Message.message_id).order_by(Message.created_at.desc())).scalars().first()
    return (
        f"From: Ana {EVIL} <{sender}>\r\nTo: ivan@sales.example.com\r\nSubject: {subject}\r\n"
        f"Message-ID: <answer@buyer.example>\r\nIn-Reply-To: {about}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    ).encode()


def take(scene: Scene, content: bytes) -> str:
    scene.ws.database.transact(lambda tx: received.take(scene.ws, tx, scene.ws.mailbox_id, Letter(content)))
    with scene.ws.database.read() as tx:
        return str(tx.conn.execute(select(Incoming.id).order_by(Incoming.id.desc())).scalars().first())


@pytest.fixture
def wrote(scene: Scene) -> str:
    """A prospect of Boyan's to whom an email was sent."""
    known = scene.prospect(owner="boyan")
    scene.tell(known, "call.ended", minutes=12)
    scene.clock.advance(hours=25)
    scene.send_due()
    scene.clock.advance(minutes=5)
    return known


def test_a_reply_is_told_once_with_its_quotation_folded_and_why_in_words(scene: Scene, wrote: str) -> None:
    text = f"Sounds good.\r\nSecond line {EVIL}\r\n\r\n"
    text += "On Mon, 2 Mar 2026 at 10:00, Ivan <i@x.example> wrote:\r\n> Hello Ana\r\n"
    take(scene, letter(scene, text))
    page = scene.visitor("boyan").get(f"/prospects/{wrote}").text
    assert EVIL not in page
    heads = [unescape(head) for head in re.findall(r'<div class="t"><b>(.*?)</b>', page)]
    assert heads[:2] == [f"Replied: Re: our talk {EVIL}", "“After the call” has stopped"]
    shown = unescape(page)
    assert shown.count("Sounds good.\nSecond line") == 1
    quoted = re.search(r"<summary>Quoted text</summary>(.*?)</details>", shown, re.DOTALL)
    assert quoted is not None
    assert "> Hello Ana" in quoted[1]
    assert "Nothing shows that a program wrote it: a person did." in shown
    assert "It names the id of our email, signed by us. Confidence: sure." in shown
    bulgarian = unescape(scene.visitor("boyan").get(f"/prospects/{wrote}?lang=bg").text)
    assert "Цитиран текст" in bulgarian
    assert "Увереност: сигурно." in bulgarian


def test_the_raw_message_is_kept_from_all_but_administrators_and_whoever_looks_after(scene: Scene, wrote: str) -> None:
    content = letter(scene, f"{EVIL}\r\n")
    path = f"/received/{take(scene, content)}.eml"
    scene.reps["nina"] = people.add_rep(scene.ws, "nina2@example.com", "manager", name="Nina")
    for name, status in (("iva", 200), ("boyan", 200), ("mila", 404), ("nina", 403)):
        answer = scene.visitor(name).get(path)
        assert answer.status_code == status, name
        if status == 200:
            assert answer.data == content
            assert answer.mimetype == "text/plain"
            assert answer.headers["Content-Disposition"].startswith("attachment;")
    link = f'href="{path}"'
    assert link in scene.visitor("boyan").get(f"/prospects/{wrote}").text
    assert link not in scene.visitor("nina").get(f"/prospects/{wrote}").text
    for odd in ("x", "0" * 36):
        assert scene.visitor("iva").get(f"/received/{odd}.eml").status_code == 404


def test_mail_that_matched_nobody_is_for_administrators_alone(scene: Scene) -> None:
    content = b"From: x@y.example\r\nSubject: Hello\r\n\r\nWho are you?"
    path = f"/received/{take(scene, content)}.eml"
    assert scene.visitor("iva").get(path).status_code == 200
    assert scene.visitor("boyan").get(path).status_code == 404


def test_the_api_lists_received_mail_in_pages(scene: Scene, wrote: str) -> None:
    for number in range(3):
        scene.clock.advance(seconds=5)
        take(scene, letter(scene, f"Answer {number}", subject=f"Re: {number}"))
    key = {"Authorization": f"Bearer {people.add_key(scene.ws, 'crm', 'manager')}", "Accept-Language": "bg"}
    client, at = scene.app.test_client(), f"/api/v1/prospects/{wrote}/mail"
    first = client.get(f"{at}?limit=2", headers=key, base_url="http://127.0.0.1:8000").get_json()
    rest = client.get(f"{at}?cursor={first['next_cursor']}", headers=key, base_url="http://127.0.0.1:8000").get_json()
    assert [each["text"] for each in first["items"] + rest["items"]] == ["Answer 0", "Answer 1", "Answer 2"]
    assert rest["next_cursor"] is None
    one = first["items"][0]
    assert (one["kind"], one["rule"], one["confidence"], one["outcome"]) == ("reply", "reply.person", "sure", "applied")
    assert one["why"].endswith("писал е човек.")
