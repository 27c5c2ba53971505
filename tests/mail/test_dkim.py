"""Signing for a domain, judged by a verifier that is not ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import BadInput
from workflow.mail.address import Mailbox, parse_address
from workflow.mail.compose import Draft, compose
from workflow.mail.dkim import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def pem(key: PrivateKeyTypes, password: bytes | None = None) -> str:
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()


RSA = Signer.read("example.com", "s1", pem(generate_private_key(65537, 2048)))
ED25519 = Signer.read("example.com", "s2", pem(Ed25519PrivateKey.generate()))


def letter(subject: str = "Среща във вторник", text: str = "Здравейте,\n\n благодаря.  \n\n\n") -> bytes:
    return compose(
        Draft(
            sender=Mailbox("Мария Иванова", parse_address("maria@example.com")),
            recipient=Mailbox("Ana", parse_address("ana@example.org")),
            subject=subject,
            text=text,
            html=f"<p>{text}</p>",
            message_id="<touch-1@example.com>",
            date=AT,
            language="bg",
            unsubscribe=("https://example.com/u/x", "mailto:maria@example.com?subject=unsubscribe"),
            references=tuple(f"<m{number}@example.com>" for number in range(9)),
        )
    )


def verifies(signer: Signer, message: bytes) -> bool:
    def published(name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG001 - the shape of the library's port
        known = f"{signer.selector}._domainkey.{signer.domain}."
        return signer.record.encode() if name.decode() == known else None

    return bool(dkim.verify(message, dnsfunc=published))


@pytest.mark.parametrize("signer", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_a_signed_letter_verifies_and_keeps_its_bytes(signer: Signer) -> None:
    signed = signer.sign(letter(), AT)
    assert signed.endswith(letter())
    assert verifies(signer, signed)
    assert max(map(len, signed.removesuffix(letter()).split(b"\r\n"))) <= 78


@pytest.mark.parametrize("signer", [RSA, ED25519], ids=["rsa", "ed25519"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"To: Ana", b"To: Eva"),
        (b"/u/x", b"/u/y"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Clicks"),
        (b"Message-ID: <touch-1", b"Message-ID: <touch-2"),
        (b"base64\r\n\r\n0", b"base64\r\n\r\n1"),
    ],
)
def test_a_changed_header_or_body_does_not(signer: Signer, old: bytes, new: bytes) -> None:
    signed = signer.sign(letter(), AT)
    assert old in signed
    assert not verifies(signer, signed.replace(old, new, 1))


@pytest.mark.parametrize("added", [b"From: chief@example.com", b"Subject: Pay now", b"Reply-To: thief@example.net"])
def test_a_header_added_on_the_way_breaks_the_signature(added: bytes) -> None:
    signed = RSA.sign(letter(), AT)
    first, _, rest = signed.partition(b"\r\nFrom:")
    assert not verifies(RSA, first + b"\r\n" + added + b"\r\nFrom:" + rest)


def test_both_headers_of_the_link_to_unsubscribe_are_signed() -> None:
    """RFC 8058, section 4: the signature must cover them."""
    head = RSA.sign(letter(), AT).partition(b"From:")[0].replace(b"\r\n ", b"")
    signed = head.partition(b"h=")[2].partition(b";")[0].split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(signed)


def test_white_space_that_servers_change_does_not_matter() -> None:
    signed = RSA.sign(letter(), AT)
    assert verifies(RSA, signed.replace(b"Subject: ", b"Subject:   ", 1) + b"\r\n\r\n")


@settings(max_examples=60, deadline=None)
@given(subject=st.text(max_size=300), text=st.text(max_size=3000))
def test_whatever_is_written_verifies(subject: str, text: str) -> None:
    for signer in (RSA, ED25519):
        assert verifies(signer, signer.sign(letter(subject, text), AT))


@pytest.mark.parametrize("body", [b"", b"\r\n", b"one\r\n\r\n\r\n", b" a \t b \r\n\t\r\n", b"no end of line"])
def test_bodies_at_the_edges_verify(body: bytes) -> None:
    signed = RSA.sign(b"From: a@example.com\r\nSubject: x\r\n\r\n" + body, AT)
    assert verifies(RSA, signed)


def test_two_signatures_stand_side_by_side() -> None:
    """RFC 8463, section 3: who cannot read Ed25519 yet reads the other one."""
    both = RSA.sign(ED25519.sign(letter(), AT), AT)
    assert verifies(RSA, both)


@pytest.mark.parametrize(
    ("domain", "selector", "key", "told"),
    [
        ("example.com", "s1", "nonsense", "PEM"),
        ("example.com", "s1", pem(Ed25519PrivateKey.generate(), b"word"), "without a password"),
        ("example.com", "s1", pem(generate_ec_key(SECP256R1())), "RSA or Ed25519"),
        ("example.com; x=1", "s1", pem(Ed25519PrivateKey.generate()), "domain"),
        ("example.com", "s 1", pem(Ed25519PrivateKey.generate()), "selector"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_in_one_sentence(domain: str, selector: str, key: str, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        Signer.read(domain, selector, key)
    assert told in refused.value.message
    assert "PRIVATE" not in refused.value.message


def test_the_key_is_never_shown() -> None:
    assert "_key" not in repr(RSA)
