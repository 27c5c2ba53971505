"""Emails as bytes: read back by the standard library they say what was meant, and no value becomes a header."""

from __future__ import annotations

import email
import string
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.mail.address import Mailbox, parse_address, parse_mailbox
from workflow.mail.compose import Draft, clean, compose, new_message_id, touch_of

KEY = "k" * 40
TOUCH = "0192f0c1-2222-7000-8000-0123456789ab"
OTHER = "0192f0c1-2222-7000-8000-0123456789ac"
MESSAGE_ID = new_message_id(TOUCH, KEY, "ours.test")
DRAFT = Draft(
    sender=parse_mailbox("Onward <rep@ours.test>"),
    recipient=Mailbox("Ana Petrova", parse_address("ana@example.com")),
    subject="Questions after our call",
    text="Hello Ana,\n\nhere they are.\n",
    html="<p>Hello Ana,</p>\n<p>here they are.</p>\n",
    message_id=MESSAGE_ID,
    date=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    unsubscribe=("https://onward.example.com/u/abc", "mailto:rep@ours.test?subject=unsubscribe%20abc"),
)
NAMES = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
}


def read(content: bytes) -> EmailMessage:
    """The message as the standard library reads it; a defect anywhere fails the test."""
    message = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
        assert all(not value.defects for value in part.values())
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def person(message: EmailMessage, header: str) -> tuple[str, str]:
    """Name and address. Python reads a gap between two encoded words of a name as a space; RFC 2047 says it is none."""
    value = message[header]
    assert isinstance(value, AddressHeader)
    (address,) = value.addresses
    return address.display_name, address.addr_spec


def well_formed(content: bytes) -> None:
    """Every line ends by CRLF, is within 998 bytes, and headers stay within 78 where they can be folded."""
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\0" not in content


def test_it_carries_every_header_the_contract_names() -> None:
    message = read(compose(DRAFT))
    assert set(message.keys()) == NAMES
    assert person(message, "From") == ("Onward", "rep@ours.test")
    assert person(message, "To") == ("Ana Petrova", "ana@example.com")
    assert message["Subject"] == "Questions after our call"
    assert message["Date"].datetime == DRAFT.date
    assert message["Message-ID"] == MESSAGE_ID
    assert message["List-Unsubscribe"] == (
        "<https://onward.example.com/u/abc>, <mailto:rep@ours.test?subject=unsubscribe%20abc>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Content-Language"] == "en"


def test_it_has_a_text_and_an_html_part_in_this_order() -> None:
    message = read(compose(DRAFT))
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert body(message, "plain") == DRAFT.text
    assert body(message, "html") == DRAFT.html


def test_a_follow_up_carries_its_thread() -> None:
    first = "<touch-1@ours.test>"
    references = (first, *(f"<m-{number}@ours.test>" for number in range(40)))
    message = read(compose(replace(DRAFT, in_reply_to=first, references=references)))
    assert message["In-Reply-To"] == first
    kept = str(message["References"]).split()
    assert (kept[0], kept[-1], len(kept)) == (first, "<m-39@ours.test>", 21)


@pytest.mark.parametrize(
    "alien", ["", "no id", "<a b@c>", "<a@b>\r\nBcc: <x@y>", "<a@b> <c@d>", "<" + "a" * 2000 + "@b>"]
)
def test_a_reference_from_outside_that_is_none_is_left_out(alien: str) -> None:
    message = read(compose(replace(DRAFT, in_reply_to=alien, references=(alien,))))
    assert set(message.keys()) == NAMES


def test_the_same_draft_gives_the_same_bytes() -> None:
    assert compose(DRAFT) == compose(replace(DRAFT))


INJECTIONS = [
    "Ana\r\nBcc: all@victim.test",
    "Ana\nBcc: all@victim.test",
    "Ana\rBcc: all@victim.test",
    "Ana\r\n\r\n<script>",
    "Ana\x0bBcc: x",
    "Ana\x0cBcc: x",
    "Ana\x85Bcc: x",
    "Ana\u2028Bcc: x",
    "Ana\u2029Bcc: x",
    "Ana\x00Bcc: x",
    "=?utf-8?q?Ana=0D=0ABcc:_x?=",
    'Ana" <evil@victim.test>, "',
    "Ana <evil@victim.test>,",
    "Ana\\",
    "Ana (comment",
    "Ana; group:",
]


@pytest.mark.parametrize("value", INJECTIONS)
def test_no_name_and_no_subject_can_become_a_header(value: str) -> None:
    content = compose(replace(DRAFT, recipient=Mailbox(value, DRAFT.recipient.address), subject=value))
    well_formed(content)
    message = read(content)
    assert set(message.keys()) == NAMES
    assert person(message, "To") == (clean(value, 200), "ana@example.com")
    assert message["Subject"] == clean(value, 900)


@pytest.mark.parametrize(
    "sign", ["\u202e", "\u200b", "\u200d", "\u2066", "\ufeff", "\U000e0041", "\x1b", "\x7f", "\xad", "\ud800"]
)
def test_nothing_hidden_stays_in_a_header(sign: str) -> None:
    message = read(
        compose(replace(DRAFT, recipient=Mailbox(f"A{sign}na", DRAFT.recipient.address), subject=f"a{sign}b"))
    )
    assert person(message, "To")[0] == "Ana"
    assert message["Subject"] == "ab"


def test_long_values_are_cut_with_a_mark() -> None:
    content = compose(replace(DRAFT, recipient=Mailbox("Ж" * 10_000, DRAFT.recipient.address), subject="x" * 10_000))
    well_formed(content)
    message = read(content)
    assert person(message, "To")[0].replace(" ", "") == "Ж" * 199 + "…"
    assert message["Subject"] == "x" * 899 + "…"


def test_bulgarian_reads_as_bulgarian() -> None:
    subject = "Въпроси след разговора ни, Ана, и още нещо, за което не остана време да говорим подробно"
    text = "Здравейте, Ана,\n\n" + "ето въпросите, които останаха. " * 40 + "\n"
    content = compose(
        replace(
            DRAFT,
            subject=subject,
            text=text,
            html=f"<p>{text}</p>\n",
            language="bg",
            recipient=Mailbox("Ана Петрова", parse_address("ana@пример.бг")),
        )
    )
    message = read(content)
    assert message["Subject"] == subject
    assert person(message, "To") == ("Ана Петрова", "ana@xn--e1afmkfd.xn--90ae")
    assert body(message, "plain") == text
    lines = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert max(len(line) for line in lines if not line.startswith((b"Message-ID", b"Content-Type"))) <= 78


def test_a_long_name_is_broken_between_its_words() -> None:
    name = "Александра-Виктория Константинова"
    message = read(compose(replace(DRAFT, recipient=Mailbox(name, DRAFT.recipient.address))))
    assert " ".join(person(message, "To")[0].split()) == name


def test_an_emoji_is_never_cut_in_two() -> None:
    name = "👩🏽\u200d🚀" * 30
    message = read(compose(replace(DRAFT, recipient=Mailbox(name, DRAFT.recipient.address))))
    assert person(message, "To")[0].replace(" ", "") == clean(name, 200)


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=400)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
ASCII = st.text(string.printable, max_size=300)


@settings(max_examples=150, deadline=None)
@given(VALUES | ASCII, VALUES | ASCII, LINES | ASCII, LINES | ASCII)
def test_whatever_it_is_given_it_reads_back(name: str, subject: str, text: str, html: str) -> None:
    content = compose(
        replace(DRAFT, recipient=Mailbox(name, DRAFT.recipient.address), subject=subject, text=text, html=html)
    )
    well_formed(content)
    message = read(content)
    assert set(message.keys()) == NAMES
    assert person(message, "To")[0].replace(" ", "") == clean(name, 200).replace(" ", "")
    assert person(message, "To")[1] == "ana@example.com"
    assert message["Subject"] == clean(subject, 900)
    for kind, given_text in (("plain", text), ("html", html)):
        kept = "".join(sign for sign in given_text if sign not in "\x0b\x0c").replace("\r\n", "\n").replace("\r", "\n")
        assert body(message, kind) == (kept if kept.endswith("\n") else kept + "\n")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        compose(replace(DRAFT, date=datetime(2026, 11, 22, 10, 0)))  # noqa: DTZ001


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "https://x.test/>\r\nBcc: y", "https://x.test/ a", "ftp://x.test", ""]
)
def test_an_unsubscribe_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="unsubscribe"):
        compose(replace(DRAFT, unsubscribe=(uri,)))


def test_a_message_id_proves_which_touch_it_was() -> None:
    assert touch_of(MESSAGE_ID, KEY) == TOUCH
    assert touch_of(MESSAGE_ID.upper(), KEY) == TOUCH
    assert touch_of(MESSAGE_ID.strip("<>"), KEY) == TOUCH
    assert MESSAGE_ID.startswith(f"<touch-{TOUCH}.")
    assert MESSAGE_ID.endswith("@ours.test>")


@pytest.mark.parametrize(
    "forged",
    [
        MESSAGE_ID.replace(TOUCH, OTHER),
        MESSAGE_ID.replace("@ours", "0@ours"),
        f"<touch-{TOUCH}.0000000000000000@ours.test>",
        f"<touch-{TOUCH}@ours.test>",
        "<m-1@ours.test>",
        "",
        "я" * 3000,
    ],
)
def test_a_forged_message_id_names_no_touch(forged: str) -> None:
    assert touch_of(forged, KEY) is None


def test_a_message_id_of_another_installation_names_no_touch() -> None:
    assert touch_of(MESSAGE_ID, "another key") is None
