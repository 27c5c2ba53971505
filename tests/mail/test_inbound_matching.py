"""Which mail of ours something answers: signed ids and tags are sure, forged ones are nothing, people are a hint."""

from __future__ import annotations

from base64 import b64encode
from email.message import EmailMessage
from email.policy import SMTP
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.letters import ORIGINAL, OURS, PAT, REPORTS, letter
from workflow.mail.address import parse_address
from workflow.mail.compose import new_message_id
from workflow.mail.inbound.classify import classify
from workflow.mail.inbound.matching import BOUNCE, REPLY, Ours, new_tag, read_tag, tagged

KEY, OLD = "k" * 40, "o" * 40
TOUCH = "0192f0c1-2222-7000-8000-0123456789ab"
OTHER = "0192f0c1-2222-7000-8000-0123456789ac"
KNOWN = Ours(message_keys=(KEY, OLD), tag_keys=(KEY, OLD), link_keys=(KEY,), addresses=frozenset({OURS}))


def found(headers: dict[str, str], **changes: str) -> list[tuple[str, str, str | None]]:
    content = letter("Yes.", headers=headers, **changes)
    return [(each.by, each.confidence, each.touch_id) for each in classify(content, ours=KNOWN).candidates]


@pytest.mark.parametrize("key", [KEY, OLD])
@pytest.mark.parametrize(
    "spelled", [str, str.upper, lambda each: each.strip("<>"), lambda each: f"{each} (from my phone)"]
)
def test_a_signed_id_that_is_answered_is_sure(key: str, spelled: object) -> None:
    assert callable(spelled)
    value = spelled(new_message_id(TOUCH, key, "ours.test"))
    assert found({"In-Reply-To": value})[0] == ("message_id", "sure", TOUCH)
    assert found({"References": value})[0] == ("message_id", "sure", TOUCH)


def test_an_id_that_was_folded_as_an_encoded_word_is_read() -> None:
    """As Python's own mailer writes a long one, in one word or in two."""
    answered = new_message_id(TOUCH, KEY, "outreach.sales.ours.test")
    mail = EmailMessage()
    mail["In-Reply-To"] = answered
    folded = mail.as_bytes(policy=SMTP).partition(b"\r\n\r\n")[0].decode().partition(":")[2]
    assert "=?utf-8?q?" in folded
    half = len(answered) // 2
    halves = (b64encode(each.encode()).decode() for each in (answered[:half], answered[half:]))
    split = "\r\n ".join(f"=?utf-8?b?{each}?=" for each in halves)
    for value in (folded, split):
        content = f"From: {PAT}\r\nIn-Reply-To: {value}\r\n\r\nYes.\r\n".encode()
        assert classify(content, ours=KNOWN).candidates[0].touch_id == TOUCH


def test_the_mail_that_is_answered_comes_before_those_it_answered() -> None:
    first, second = (new_message_id(each, KEY, "ours.test") for each in (TOUCH, OTHER))
    assert [each[2] for each in found({"References": f"{first} {second}"})[:2]] == [OTHER, TOUCH]
    assert [each[2] for each in found({"In-Reply-To": first, "References": f"{first} {second}"})[:2]] == [TOUCH, OTHER]


def test_a_forged_id_counts_for_nothing() -> None:
    forged = new_message_id(TOUCH, "x" * 40, "ours.test")
    assert found({"In-Reply-To": forged, "References": forged}) == [("sender", "low", None)]


def test_an_id_that_a_provider_put_in_place_of_ours_is_likely_in_an_answer_and_low_in_a_report() -> None:
    assert found({"In-Reply-To": "<0100018f@provider.test>"})[0] == ("unsigned_id", "likely", None)
    report = REPORTS["postfix"]("5.1.1", "550 no such user").replace(ORIGINAL.encode(), b"<0100018f@provider.test>")
    assert [(each.by, each.confidence) for each in classify(report, ours=KNOWN).candidates] == [
        ("unsigned_id", "low"),
        ("recipient", "low"),
    ]


@pytest.mark.parametrize("server", REPORTS)
def test_only_a_report_on_a_mail_we_signed_is_sure(server: str) -> None:
    true, forged = new_message_id(TOUCH, KEY, "ours.test"), new_message_id(TOUCH, "x" * 40, "ours.test")
    for value, sure in ((true, [TOUCH]), (forged, [])):
        content = REPORTS[server]("5.1.1", "550 no such user").replace(ORIGINAL.encode(), value.encode())
        candidates = classify(content, ours=KNOWN).candidates
        assert [each.touch_id for each in candidates if each.confidence == "sure"] == sure
        assert [each.value for each in candidates if each.by == "recipient"] == [PAT]


@pytest.mark.parametrize("purpose", [REPLY, BOUNCE])
@pytest.mark.parametrize("header", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"])
@pytest.mark.parametrize("fold", [str, str.upper])
def test_a_tag_in_the_address_is_sure_in_any_case(purpose: str, header: str, fold: object) -> None:
    assert callable(fold)
    address = tagged(parse_address(OURS), new_tag(purpose, TOUCH, KEY))
    assert address is not None
    to = fold(address.text)
    assert found({} if header == "To" else {header: to}, to=to if header == "To" else OURS)[0] == (
        "token",
        "sure",
        TOUCH,
    )


def test_a_tag_is_bound_to_its_purpose_and_its_key() -> None:
    tag = new_tag(REPLY, TOUCH, KEY)
    assert read_tag(REPLY, tag, KEY) == TOUCH
    assert read_tag(BOUNCE, tag, KEY) is None
    assert read_tag(REPLY, tag, OLD) is None
    assert found({}, to=f"dana+{new_tag(REPLY, TOUCH, 'x' * 40)}@ours.test") == [("sender", "low", None)]


@settings(deadline=None)
@given(st.uuids(), st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=39, max_size=39), st.integers(0, 38))
def test_no_other_tag_reads_as_one_of_ours(uuid: UUID, noise: str, place: int) -> None:
    tag = new_tag(REPLY, str(uuid), KEY)
    assert read_tag(REPLY, tag.upper(), KEY) == str(uuid)
    assert read_tag(REPLY, noise, KEY) is None
    changed = tag[:place] + ("a" if tag[place] != "a" else "b") + tag[place + 1 :]
    assert read_tag(REPLY, changed, KEY) is None


def test_a_tag_that_would_make_the_address_too_long_is_not_put_in() -> None:
    tag = new_tag(REPLY, TOUCH, KEY)
    address = tagged(parse_address("a" * 24 + "@ours.test"), tag)
    assert address is not None
    assert len(address.local) == 64
    assert parse_address(address.text) == address
    assert tagged(parse_address("a" * 25 + "@ours.test"), tag) is None


@pytest.mark.parametrize(
    ("sender", "key"),
    [
        (f'"Moss, Pat <evil@else.test>" <{PAT}>', PAT),
        (f"{PAT} (Pat Moss)", PAT),
        ("=?utf-8?b?0J/QsNGC?= <Pat.Moss@PROSPECT.test>", PAT),
        (f"=?utf-8?q?evil=40else.test=2C?= <{PAT}>", PAT),
        (f"'{PAT}' via Sales <{PAT}>", PAT),
    ],
)
def test_the_sender_is_the_address_and_not_what_a_name_pretends(sender: str, key: str) -> None:
    candidates = classify(letter("Yes.", sender=sender), ours=KNOWN).candidates
    assert [(each.by, each.value) for each in candidates] == [("sender", key)]


def test_our_own_address_is_no_prospect() -> None:
    assert found({}, sender=OURS) == []
