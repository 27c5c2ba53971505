"""Texts that are edited while mail goes out: the newest holds at once, says which it was, and cannot be broken."""

from __future__ import annotations

import re
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from tests.outreach.conftest import Stage
from tests.outreach.scene import Scene
from tests.support.smtpd import SmtpSink
from workflow.actions import mailboxes, people, texts
from workflow.actions.preview import for_prospect
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.templates import Text
from workflow.reports import texts as reports
from workflow.reports import variants
from workflow.reports.forecast import forecast
from workflow.reports.variants import Result

MINE = Text(
    "Mine for {{ company|default('you') }}",
    "Edited. {{ unsubscribe_url }}\n",
    '<p><a href="{{ unsubscribe_url }}">x</a></p>',
)


def version(text: Text, number: int) -> Text:
    """The same words, written over version `number`."""
    return Text(text.subject, text.text, text.html, number)


def parts(content: bytes) -> tuple[str, str]:
    """Text and HTML of an email as it left."""
    message = BytesParser(policy=policy.default).parsebytes(content)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(plain.get_content()), str(html.get_content())


def test_the_next_email_is_written_from_the_text_that_was_saved_last(scene: Scene) -> None:
    scene.qualified()
    scene.send()
    assert texts.save(scene.ws, "call_confirmation", "en", MINE, "rep:iva") == 1
    scene.qualified("boyan@sink.test")
    scene.send()
    # Another process saved the third: nothing tells this one but the row.
    assert texts.save(scene.ws, "call_confirmation", "en", version(MINE, 1), "rep:iva") == 1
    assert texts.save(scene.ws, "call_confirmation", "en", Text("Third", MINE.text, MINE.html, 1), "rep:iva") == 2
    scene.qualified("mila@sink.test")
    scene.qualified("bg@sink.test", language="bg")
    scene.send()
    rows = scene.messages()
    assert [row.subject for row in rows] == [
        "call_confirmation for you",
        "Mine for you",
        "Third",
        "call_confirmation for you",
    ]
    told = [(row.template, row.language, row.template_version) for row in rows]
    assert told == [("call_confirmation", *each) for each in (("en", 0), ("en", 1), ("en", 2), ("bg", 0))]


def test_a_language_that_exists_only_here_and_one_that_was_edited_alone(scene: Scene) -> None:
    with scene.ws.database.read() as tx:
        assert scene.ws.templates.of(tx, "fresh").names() == scene.ws.templates.folder.names()
    with pytest.raises(BadInput, match="English first"):
        texts.save(scene.ws, "fresh", "bg", MINE, "rep:iva")
    assert texts.save(scene.ws, "fresh", "en", MINE, "rep:iva") == 1
    assert texts.save(scene.ws, "fresh", "bg", Text("Мой", MINE.text, MINE.html), "rep:iva") == 1
    with scene.ws.database.read() as tx:
        templates = scene.ws.templates.all(tx)
        assert templates.languages("fresh") == ("bg", "en")
        assert templates.render("fresh", "bg", {"unsubscribe_url": "https://x.example"}).subject == "Мой"
        assert reports.source(scene.ws, tx, "decision", "bg").version == 0
        assert {each.name for each in reports.listed(scene.ws, tx)} >= {"fresh", "decision"}
    assert "fresh" in scene.ws.templates.catalogue(scene.ws.database)


def test_what_could_not_be_sent_is_not_saved_and_of_two_authors_one_hears_of_the_other(scene: Scene) -> None:
    faulty = Text("{{ nobody }}", "No way out.\n\n{{ compny }}", "<p><b>Open</p>")
    with pytest.raises(texts.FaultyText) as caught:
        texts.save(scene.ws, "decision", "en", faulty, "rep:iva")
    assert [(each.place.part, each.line) for each in caught.value.problems] == [("body.html", 1)]
    faulty = Text(faulty.subject, faulty.text, MINE.html)
    with pytest.raises(texts.FaultyText) as caught:
        texts.save(scene.ws, "decision", "en", faulty, "rep:iva")
    found = [(each.place.part, each.line, each.variable) for each in caught.value.problems]
    assert found == [("subject.txt", 1, "nobody"), ("body.txt", 3, "compny"), ("body.txt", 0, "unsubscribe_url")]
    for name, language, error in (("De cision", "en", BadInput), ("decision", "xx", NotFound)):
        with pytest.raises(error):
            texts.save(scene.ws, name, language, MINE, "rep:iva")
    texts.save(scene.ws, "decision", "en", MINE, "rep:iva")
    with pytest.raises(Conflict):
        texts.save(scene.ws, "decision", "en", MINE, "rep:boyan")
    with scene.ws.database.read() as tx:
        assert [(row.version, row.actor) for row in reports.history(tx, "decision", "en")] == [(1, "rep:iva")]
        assert reports.kept(scene.ws, tx, "decision", "en", 0).subject.startswith("decision for")
        with pytest.raises(NotFound):
            reports.kept(scene.ws, tx, "decision", "en", 2)


STEP = "- {key: hello, email: call_confirmation, after: 0s}"
TWO = "- {key: hello, variants: {plain: {email: call_confirmation}, short: {email: meeting_recap}}, after: 0s}"
THREAD = "{key: next_call, email: schedule_next_call, after: 4s, thread: same}"


def test_each_email_remembers_its_variant_and_answers_count_for_the_last_one(stage: Stage) -> None:
    scene = stage(replaced={STEP: TWO})
    people_ = [scene.qualified(f"p{number}@sink.test") for number in range(24)]
    scene.send()
    chosen = {row.prospect_id: row.variant for row in scene.touches()}
    assert set(chosen.values()) == {"plain", "short"}
    names = {"plain": "call_confirmation", "short": "meeting_recap"}
    assert sorted(row.template for row in scene.messages()) == sorted(names[each] for each in chosen.values())
    scene.clock.advance(minutes=1)
    for each in people_[:6]:
        scene.tell(each, "email.replied")
        scene.tell(each, "email.replied")
    # A call begins other emails, which the answer after them is then counted for.
    scene.tell(people_[7], "call.ended")
    scene.clock.advance(seconds=3)
    scene.send()
    scene.clock.advance(seconds=1)
    scene.tell(people_[7], "email.replied")
    with scene.ws.database.read() as tx:
        found = variants.by_variant(tx)
        counted = variants.by_template(tx)
    assert {each.verdict for each in found} == {"few"}
    assert sum(each.sent for each in found) == 24
    assert {each.variant: each.replied for each in found} == {
        name: sum(chosen[each] == name for each in people_[:6]) for name in names
    }
    assert counted["follow_up_questions"] == (1, 1)


@pytest.mark.parametrize(
    ("numbers", "verdicts"),
    [
        (((29, 9), (100, 0)), ["few", "few"]),
        (((100, 2), (100, 2)), ["few", "few"]),
        (((100, 10), (100, 14)), ["even", "even"]),
        (((100, 10), (100, 25)), ["", "ahead"]),
        (((100, 10), (100, 25), (100, 24)), ["even", "even", "even"]),
        (((50, 0), (50, 50)), ["", "ahead"]),
    ],
)
def test_a_verdict_needs_enough_emails_and_more_than_chance(
    numbers: tuple[tuple[int, int], ...], verdicts: list[str]
) -> None:
    made = [Result("s", "t", str(place), "x", *each) for place, each in enumerate(numbers)]
    assert [each.verdict for each in variants.judged(made)] == verdicts


def words_to_come(scene: Scene, known: str) -> list[str]:
    """The texts of the emails that will come."""
    with scene.ws.database.read() as tx:
        life = forecast(scene.ws, tx, known, writer=for_prospect(scene.ws, tx, known))
    return [plain(each.text) for each in life.entries if each.kind == "mail"]


def plain(text: str) -> str:
    return re.sub(r"https?:\S+", "LINK", text.replace("\r\n", "\n")).rstrip()


def test_a_follow_up_quotes_the_one_before_it_only_where_asked(stage: Stage) -> None:
    for quote in (True, False):
        scene = stage(replaced={THREAD: THREAD.replace("same", "same, quote: true")} if quote else {})
        known, foretold = scene.called(f"{quote}@sink.test".lower()), []
        for seconds in (3, 5):
            foretold.append(words_to_come(scene, known))
            scene.clock.advance(seconds=seconds)
            scene.send()
        text, html = parts(scene.sent[-1].content)
        assert ("Ivan Rep wrote:\n\n> Hello." in text.replace("\r\n", "\n")) is quote
        assert ("<blockquote" in html) is quote
        # The link to unsubscribe of the earlier one is not repeated.
        assert text.count("/u/") == 1
        # Foretold with both still to come, and with the first one sent: but for the seconds a worker takes.
        left = [plain(parts(each.content)[0]) for each in scene.sent[-2:]]
        assert foretold == [left, left[1:]]


def test_a_trial_goes_to_oneself_marked_and_not_without_end(scene: Scene, place: Path) -> None:
    iva = people.add_rep(scene.ws, "iva@example.com", "manager", name="Iva")
    with pytest.raises(BadInput, match="no mail server"):
        texts.try_it(scene.ws, ("decision", "en", MINE), None, iva)
    known = scene.prospect(company="Пример ООД")
    with SmtpSink(place / "sink") as sink:
        mailboxes.change(scene.ws, "default", {"smtp_url": sink.url})
        outcome = texts.try_it(scene.ws, ("decision", "en", MINE), known, iva)
        assert outcome.kind == "sent"
        with pytest.raises(texts.FaultyText):
            texts.try_it(scene.ws, ("decision", "en", Text("", "", "")), known, iva)
        for _ in range(texts.MOST_TRIALS - 2):
            texts.try_it(scene.ws, ("decision", "bg", MINE), None, iva)
        with pytest.raises(BadInput, match="wait a little"):
            texts.try_it(scene.ws, ("decision", "bg", MINE), None, iva)
        scene.clock.now += timedelta(hours=2)
        texts.try_it(scene.ws, ("decision", "bg", MINE), None, iva)
    first = sink.taken[0]
    message = BytesParser(policy=policy.default).parsebytes(first.content)
    assert (message["To"], message["Subject"]) == ("iva@example.com", "[Trial] Mine for Пример ООД")
    assert "List-Unsubscribe" not in message
    assert "No prospect got it." in parts(first.content)[0]
    assert "No prospect got it." in parts(first.content)[1]
    assert scene.messages() == []
