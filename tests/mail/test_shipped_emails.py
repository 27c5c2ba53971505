"""The emails and the playbook that ship: each can be sent on the first day, in both languages, to a bare address."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email import policy
from html.parser import HTMLParser

import pytest

from workflow import places
from workflow.mail.address import Mailbox, parse_address, parse_mailbox
from workflow.mail.compose import Draft, compose, new_message_id
from workflow.mail.templates import VALUES, Templates
from workflow.playbook import check, loader

ROOT = places.templates_dir() / "email"
NAMES = Templates(ROOT).names()
LANGUAGES = ("en", "bg")
UNSUBSCRIBE = "https://onward.example.com/u/abc"
BARE: dict[str, object] = dict.fromkeys(VALUES, "") | {
    "email": "ana@example.com",
    "answers": {},
    "unsubscribe_url": UNSUBSCRIBE,
}
FULL: dict[str, object] = {
    "name": "Ana Petrova",
    "first_name": "Ana",
    "company": "Example OOD",
    "title": "COO",
    "email": "ana@example.com",
    "language": "en",
    "rep_name": "Boris Ivanov",
    "rep_email": "boris@ours.test",
    "sender_name": "Onward",
    "meeting_starts": "Monday, 23 November 2026, 08:45",
    "meeting_place": "https://meet.example.com/x",
    "meeting_zone": "Eastern European Standard Time",
    "answers": {"goal": "twice as many leads", "obstacles": "time", "deadline": "March", "solution": "a spreadsheet"},
    "unsubscribe_url": UNSUBSCRIBE,
    "booking_url": "https://onward.example.com/b/boris",
    "stage_title": "Diagnosed",
}
LATIN = re.compile(r"[A-Za-z]{3,}")


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(ROOT)


class Words(HTMLParser):
    """The words a reader sees, and the addresses behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name == "href"]
        self._depth += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._depth:
            self.text.append(data)


def words_of(html: str) -> Words:
    reader = Words()
    reader.feed(html)
    return reader


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_an_email_has_no_problem_the_playbook_check_would_name(templates: Templates, name: str) -> None:
    assert templates.problems(name) == []
    assert set(templates.languages(name)) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("values", [BARE, FULL], ids=["bare", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_an_email_reads_well_for_anybody(
    templates: Templates, name: str, values: dict[str, object], language: str
) -> None:
    rendered = templates.render(name, language, values)
    assert rendered.language == language
    assert 5 < len(rendered.subject) < 100
    for text in (rendered.subject, rendered.text, flat("".join(words_of(rendered.html).text))):
        assert "  " not in text
        assert " ," not in text
        assert " ." not in text.replace(" ...", "")
        assert "()" not in text
        assert "„“" not in text
        assert "“”" not in text
        assert "None" not in text
        assert "{" not in text
    assert "\n\n\n" not in rendered.text
    assert not [line for line in rendered.text.split("\n") if line.strip() in ("-", ",", ":")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_an_email_ends_with_the_way_out(templates: Templates, name: str, language: str) -> None:
    rendered = templates.render(name, language, FULL)
    assert rendered.text.rstrip().endswith(UNSUBSCRIBE)
    assert words_of(rendered.html).links[-1] == UNSUBSCRIBE


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("values", [BARE, FULL], ids=["bare", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_both_parts_say_the_same(templates: Templates, name: str, values: dict[str, object], language: str) -> None:
    rendered = templates.render(name, language, values)
    seen = words_of(rendered.html)
    said = flat(" ".join(seen.text))
    for paragraph in rendered.text.strip().split("\n\n")[:-1]:
        for line in (flat(each.removeprefix("- ")) for each in paragraph.split("\n")):
            assert line.replace(" ", "") in said.replace(" ", "") or line in seen.links, line


@pytest.mark.parametrize("name", NAMES)
def test_a_bulgarian_email_is_bulgarian(templates: Templates, name: str) -> None:
    rendered = templates.render(name, "bg", BARE)
    own = rendered.text.replace(UNSUBSCRIBE, "")
    assert not LATIN.search(own)
    assert not LATIN.search(rendered.subject)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_an_email_survives_the_way_through_its_bytes(templates: Templates, name: str, language: str) -> None:
    rendered = templates.render(name, language, FULL)
    draft = Draft(
        sender=parse_mailbox("Onward <onward@localhost>", local_host=True),
        recipient=Mailbox("Ана Петрова", parse_address("ana@example.com")),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=new_message_id("0192f0c1-2222-7000-8000-0123456789ab", "key", "localhost"),
        date=datetime(2026, 11, 22, tzinfo=UTC),
        language=rendered.language,
        unsubscribe=(UNSUBSCRIBE,),
    )
    message = email.message_from_bytes(compose(draft), policy=policy.default)
    assert message["Subject"] == rendered.subject
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert text == rendered.text
    assert html.rstrip("\n") == rendered.html.rstrip("\n")


def test_the_shipped_playbook_is_sound_and_every_email_of_it_is_there() -> None:
    playbook = loader.read(places.shipped_playbook())
    assert check.check(playbook, frozenset(NAMES)) == ()
    named = {step.email for sequence in playbook.sequences.values() for step in sequence.steps if step.email}
    assert named <= set(NAMES)
    assert {"follow_up_questions", "schedule_next_call", "call_confirmation", "meeting_recap", "decision"} <= set(NAMES)


def test_the_shipped_playbook_writes_twice_after_a_call_in_one_thread() -> None:
    steps = loader.read(places.shipped_playbook()).sequences["after_call"].steps
    hours = [step.after.span.total_seconds() / 3600 for step in steps]
    assert (hours, [step.same_thread for step in steps]) == ([24, 48], [False, True])


def test_what_is_about_a_meeting_waits_for_no_window() -> None:
    playbook = loader.read(places.shipped_playbook())
    assert all(step.any_hour for step in playbook.sequences["meeting_confirmation"].steps)
    others = [key for key in playbook.sequences if key != "meeting_confirmation"]
    assert not any(step.any_hour for key in others for step in playbook.sequences[key].steps)


def test_a_reply_does_not_cost_anybody_the_reminder_of_a_meeting() -> None:
    stop = loader.read(places.shipped_playbook()).sequences["meeting_confirmation"].stop
    assert "reply" not in stop
    assert {"bounce", "complaint", "unsubscribe", "meeting.cancelled"} <= stop
