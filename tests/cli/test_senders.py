"""`onward source`: two lines on standard output, the steps at the vendor beside it, in the terminal's language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.cli.test_commands import onward, refused
from workflow.actions.secret_forms import KINDS
from workflow.commands.steps import THEIRS, steps

CYRILLIC = re.compile("[а-яА-Я]")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_steps_in_both_languages(kind: str) -> None:
    english, bulgarian = (steps(kind, "crm", language) for language in ("en", "bg"))
    assert len(english) == len(bulgarian) >= 3
    assert not any(CYRILLIC.search(line) for line in english)
    assert all(CYRILLIC.search(line) for line in bulgarian)
    assert not any("{name}" in line for line in (*english, *bulgarian))
    assert (any("rotate crm" in line for line in english)) == (kind in THEIRS | {"espocrm"})


def test_two_lines_stand_on_standard_output(made: str) -> None:
    for kind in ("hubspot", "salesforce", "ses", "close"):
        answer = onward("source", "add", kind, kind, "--data-dir", made)
        address, secret = answer.stdout.splitlines()
        assert answer.returncode == 0
        assert address == f"http://127.0.0.1:8000/webhooks/{kind}" + (
            f"/{secret}" if kind in ("salesforce", "ses") else ""
        )
        assert "1. " in answer.stderr
        assert secret not in answer.stderr


@pytest.mark.parametrize(
    ("words", "env", "bulgarian"),
    [
        ((), {"LANG": "bg_BG.UTF-8"}, True),
        ((), {"LANG": "bg_BG.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        (("--language", "en"), {"LANG": "bg_BG.UTF-8"}, False),
        (("--language", "bg"), {"LANG": "C.UTF-8"}, True),
    ],
)
def test_the_language_is_that_of_the_terminal(
    made: str, words: tuple[str, ...], env: dict[str, str], *, bulgarian: bool
) -> None:
    answer = onward("source", "add", "calcom", "cal", "--data-dir", made, *words, env=env)
    assert bool(CYRILLIC.search(answer.stderr)) is bulgarian


def test_a_secret_comes_from_a_file_and_is_put_on_one_line(made: str, place: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    file = place / "key.pem"
    file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    address, secret = onward(
        "source", "add", "sendgrid", "sg", "--secret", f"@{file}", "--data-dir", made
    ).stdout.splitlines()
    assert address.endswith("/webhooks/sg")
    assert secret in "".join(file.read_text().split())
    assert "cannot be read" in refused(onward("source", "add", "ses", "x", "--secret", "@/nowhere", "--data-dir", made))


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("standard", "short"), ("close", "not hexadecimal at all"), ("zoho", "x" * 51), ("hubspot", "short"),
        ("sendgrid", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"), ("ses", "arn:aws:sns:eu-west-1:123456789012:mail"),
        ("ses", "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"), ("github", "two\nlines of it"),
    ],
)  # fmt: skip
def test_a_secret_of_the_wrong_form_is_refused_with_the_right_one(made: str, kind: str, secret: str) -> None:
    assert refused(onward("source", "add", kind, "crm", "--secret", secret, "--data-dir", made))


def test_an_unknown_kind_names_those_there_are(made: str) -> None:
    told = refused(onward("source", "add", "salesfarce", "crm", "--data-dir", made))
    assert all(kind in told for kind in KINDS)


def test_a_new_secret_in_an_address_brings_a_new_address(made: str) -> None:
    onward("source", "add", "salesforce", "sf", "--data-dir", made)
    answer = onward("source", "rotate", "sf", "--data-dir", made)
    (secret,) = answer.stdout.splitlines()
    assert f"/webhooks/sf/{secret}" in answer.stderr


def test_nothing_is_confirmed_without_an_offer(made: str) -> None:
    onward("source", "add", "ses", "mail", "--data-dir", made)
    assert "offered" in refused(onward("source", "confirm", "mail", "--data-dir", made))
    onward("source", "add", "github", "gh", "--data-dir", made)
    assert "github" in refused(onward("source", "confirm", "gh", "--data-dir", made))
