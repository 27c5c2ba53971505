"""The text of one single email: written by hand before it leaves, bounded like every template, and taken back again."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from sqlalchemy import select

from tests.outreach.conftest import Stage
from tests.outreach.scene import LOST, REP, Scene
from workflow.actions import own_texts, preview
from workflow.actions.outreach import acts
from workflow.actions.own_texts import Words
from workflow.actions.texts import FaultyText
from workflow.engine import trail
from workflow.errors import Conflict, NotFound
from workflow.records.models import Message
from workflow.reports import doctor, explain
from workflow.reports.forecast import forecast

MINE = "Hello {{ first_name }},\n\nas you asked: <5 pages> & https://example.com/plan.\n\n- one\n- two\n"


def words(scene: Scene, touch_id: str) -> Words:
    with scene.ws.database.read() as tx:
        return own_texts.read(scene.ws, tx, touch_id)


def opened(content: bytes) -> tuple[EmailMessage, str, str]:
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return message, str(plain.get_content()).replace("\r\n", "\n"), str(html.get_content())


def told(scene: Scene, touch_id: str, language: str = "en") -> str:
    with scene.ws.database.read() as tx:
        notes = explain.of_touch(scene.ws, tx, touch_id).as_json(language)["items"][0]["notes"]
    return "\n".join(note["text"] for note in notes)


def test_one_email_leaves_as_it_was_written_by_hand_and_the_others_do_not(scene: Scene) -> None:
    ana = scene.called("ana@sink.test", name="Ana Petrova")
    boyan = scene.called("boyan@sink.test", name="Boyan", language="bg")
    mine, his = scene.touch("questions", ana), scene.touch("questions", boyan)
    before = words(scene, mine.id)
    assert (before.version, before.is_own, before.language, before.thread) == (0, False, "en", "")
    assert "unsubscribe" not in before.text.lower()
    # What one began with is no text of one's own: the template still holds.
    assert own_texts.save(scene.ws, mine.id, before.subject, before.text, REP, version=0) == 0
    assert own_texts.save(scene.ws, mine.id, "For {{ name }}", MINE, REP, version=0) == 1
    assert own_texts.save(scene.ws, mine.id, "For {{ name }}", MINE, REP, version=1) == 1
    bulgarian = "Здравейте, {{ first_name }}!\n\nПиша само на вас. {{ unsubscribe_url }}\n"
    assert own_texts.save(scene.ws, his.id, "Само за вас", bulgarian, REP, version=0) == 1
    with scene.ws.database.read() as tx:
        life = forecast(scene.ws, tx, ana, writer=preview.for_prospect(scene.ws, tx, ana))
        foretold = [entry for entry in life.entries if entry.subject == "For Ana Petrova"]
    assert len(foretold) == 1
    scene.clock.advance(seconds=3)
    scene.send()
    message, text, html = opened(scene.messages()[0].content)
    assert message["Subject"] == "For Ana Petrova"
    assert text.startswith("Hello Ana,\n\nas you asked: <5 pages> & https://example.com/plan.\n\n- one\n- two\n\n")
    link = str(message["List-Unsubscribe"]).partition(">")[0].strip("<")
    assert f"Would you rather not get emails from me? {link}" in text
    assert '&lt;5 pages&gt; &amp; <a href="https://example.com/plan"' in html
    assert html.count("<li") == 2
    assert f'href="{link}"' in html
    _, in_bulgarian, _ = opened(scene.messages()[1].content)
    assert "Здравейте, Boyan!" in in_bulgarian
    assert in_bulgarian.count("/u/") == 1
    assert "Written by hand for this one email (version 1)" in told(scene, mine.id)
    assert "Написан само за този имейл (версия 1)" in told(scene, his.id, "bg")
    assert "by hand by" in told(scene, mine.id)
    assert scene.history(ana).count("touch.reworded") == 1
    # The next email of the same thread is its template's, and answers the one that was written by hand.
    scene.clock.advance(seconds=5)
    scene.send()
    after = scene.touch("next_call", ana)
    with scene.ws.database.read() as tx:
        row = tx.conn.execute(select(Message).where(Message.touch_id == after.id)).one()
    reply, _, _ = opened(row.content)
    assert (reply["Subject"], reply["In-Reply-To"]) == ("Re: For Ana Petrova", message["Message-ID"])
    assert (row.own_version, row.template_version) == (None, 0)
    assert "as it came with the product" in told(scene, after.id)
    assert doctor.examine(scene.ws) == ()


def test_words_that_could_not_be_sent_are_refused_and_two_who_write_at_once_notice(scene: Scene) -> None:
    known = scene.called(name="Ana")
    touch = scene.touch("questions", known)
    for subject, text, line in (
        ("Hi", "one\n{{ nobody }}\n", 2),
        ("Hi", "{% for x in name %}x{% endfor %}", 1),
        ("Hi", "{{ answers.goal }}", 1),
        ("", "Hello", 0),
        ("Hi", "{{ name", 1),
        ("Hi", "{{ ''.__class__ }}", 1),
    ):
        with pytest.raises(FaultyText) as error:
            own_texts.save(scene.ws, touch.id, subject, text, REP, version=0)
        assert error.value.problems[0].line == line
    assert words(scene, touch.id).version == 0
    assert own_texts.save(scene.ws, touch.id, "Hi", "First\n", REP, version=0) == 1
    with pytest.raises(Conflict, match="changed the text"):
        own_texts.save(scene.ws, touch.id, "Hi", "Second\n", REP, version=0)
    own_texts.drop(scene.ws, touch.id, REP, version=1)
    with pytest.raises(Conflict, match="of its own"):
        own_texts.drop(scene.ws, touch.id, REP, version=2)
    again = words(scene, touch.id)
    assert (again.version, again.is_own) == (2, False)
    with pytest.raises(NotFound):
        own_texts.save(scene.ws, "0" * 36, "Hi", "x", REP, version=0)
    scene.clock.advance(seconds=3)
    scene.send()
    assert scene.messages()[0].own_version is None
    with pytest.raises(Conflict, match="changed no more"):
        own_texts.save(scene.ws, touch.id, "Hi", "Late\n", REP, version=2)
    assert [line.kind for line in trail.read(scene.touch("questions").trail)].count("reworded") == 2


def test_an_email_in_doubt_that_is_sent_again_keeps_its_own_text(stage: Stage) -> None:
    scene = stage()
    known = scene.called(name="Ana")
    touch = scene.touch("questions", known)
    own_texts.save(scene.ws, touch.id, "Mine", "Only for you.\n", REP, version=0)
    scene.clock.advance(seconds=3)
    scene.send(LOST)
    again = acts.resolve(scene.ws, touch.id, "resend", REP)
    assert words(scene, again).is_own
    scene.send()
    assert [row.subject for row in scene.messages()] == ["Mine", "Mine"]
