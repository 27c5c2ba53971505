"""What counts as an email address, and when two are the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import BadInput
from workflow.mail.address import key_of, parse_address, parse_mailbox

ACCEPTED = [
    ("ana@example.com", "ana@example.com", "ana@example.com"),
    ("  ana@example.com\n", "ana@example.com", "ana@example.com"),
    ("Ana.Petrova+crm@Example.COM", "Ana.Petrova+crm@example.com", "ana.petrova+crm@example.com"),
    ("ana@sales.example.test", "ana@sales.example.test", "ana@sales.example.test"),
    ("иван@пример.бг", "иван@xn--e1afmkfd.xn--90ae", "иван@xn--e1afmkfd.xn--90ae"),
    ("ana@XN--E1AFMKFD.xn--90ae", "ana@xn--e1afmkfd.xn--90ae", "ana@xn--e1afmkfd.xn--90ae"),
    ("o'neil_{x}@example.com", "o'neil_{x}@example.com", "o'neil_{x}@example.com"),
    ("a@b.co", "a@b.co", "a@b.co"),
    ("f451x3+42@sink.test", "f451x3+42@sink.test", "f451x3+42@sink.test"),
    ("a" * 64 + "@example.com", "a" * 64 + "@example.com", "a" * 64 + "@example.com"),
]


@pytest.mark.parametrize(("text", "address", "key"), ACCEPTED)
def test_it_accepts_an_address_people_have(text: str, address: str, key: str) -> None:
    parsed = parse_address(text)
    assert (parsed.text, parsed.key) == (address, key)


REFUSED = [
    ("", "There is no address"),
    ("   ", "There is no address"),
    ("ana", "needs a name, one @"),
    ("@example.com", "needs a name, one @"),
    ("ana@", "needs a name, one @"),
    ("a@b@example.com", "before the @"),
    ("ana petrova@example.com", "before the @"),
    ("ana..p@example.com", "before the @"),
    (".ana@example.com", "before the @"),
    ("ana.@example.com", "before the @"),
    ('"ana"@example.com', "before the @"),
    ("ana(home)@example.com", "before the @"),
    ("Ana <ana@example.com", "before the @"),
    ("ana\r\nBcc: x@example.com", "before the @"),
    ("ana\x00@example.com", "before the @"),
    ("an\u202ea@example.com", "before the @"),
    ("an\u200ba@example.com", "before the @"),
    ("ana@[127.0.0.1]", "by number"),
    ("ana@127.0.0.1", "by number"),
    ("ana@localhost", "no dot"),
    ("ana@example.com.", "domain"),
    ("ana@example..com", "domain"),
    ("ana@-example.com", "domain"),
    ("ana@exam ple.com", "domain"),
    ("ana@exam_ple.com", "domain"),
    ("ana@example.com\r\nBcc: x", "domain"),
    ("ana@" + "a" * 64 + ".com", "domain"),
    ("ana@xn--\u0430.com", "domain"),
    ("ana@xn--zzzzzz99999.com", "domain"),
    ("ana@\u2028.com", "domain"),
    ("a" * 65 + "@example.com", "longer than 64 bytes"),
    ("я" * 33 + "@example.com", "longer than 64 bytes"),
    ("ana@" + "a." * 130 + "com", "longer than 254 bytes"),
    ("ana@" + "я." * 60 + "бг", "not a possible one"),
    ("a" * 50_000 + "@" + "b" * 50_000, "longer than 254 bytes"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[repr(row[0][:30]) for row in REFUSED])
def test_it_refuses_what_is_none_in_one_short_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        parse_address(text)
    said = caught.value.message
    assert said.isprintable()
    assert said.endswith(".")
    assert len(said) < 200
    assert caught.value.field == "email"


def test_only_our_own_sender_may_live_on_localhost() -> None:
    assert parse_address("onward@localhost", local_host=True).text == "onward@localhost"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("Onward <onward@localhost>", "Onward", "onward@localhost"),
        ('"Petrova, Ana" <ana@example.com>', "Petrova, Ana", "ana@example.com"),
        ("<ana@example.com>", "", "ana@example.com"),
        ("ana@example.com", "", "ana@example.com"),
    ],
)
def test_a_mailbox_has_a_name_beside_its_address(text: str, name: str, address: str) -> None:
    mailbox = parse_mailbox(text, local_host=True)
    assert (mailbox.name, mailbox.address.text) == (name, address)


def test_only_a_local_part_beyond_ascii_needs_a_special_server() -> None:
    assert parse_address("иван@example.com").needs_utf8
    assert not parse_address("ivan@пример.бг").needs_utf8


NEAR = st.text("aяЯß.@+-xn\u202e İſ", max_size=20)


@settings(deadline=None)
@given(st.text(max_size=300) | st.builds("{}@{}.{}".format, NEAR, NEAR, NEAR))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    key = key_of(text)
    if key is None:
        with pytest.raises(BadInput) as caught:
            parse_address(text)
        assert caught.value.message.isprintable()
    else:
        assert parse_address(parse_address(text).text).key == key
        assert parse_address(key).key == key
