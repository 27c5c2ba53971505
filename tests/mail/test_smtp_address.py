"""The mail server's address as ONWARD_SMTP_URL gives it: what each part means and what is refused."""

from __future__ import annotations

import pytest

from workflow.mail.smtp import SmtpServer

READ = [
    (
        "smtp://rep:secret@mail.example.com:2525?starttls=required",
        ("mail.example.com", 2525, "rep", "secret", "starttls"),
    ),
    ("smtp://rep:secret@mail.example.com", ("mail.example.com", 587, "rep", "secret", "starttls")),
    ("smtp://mail.example.com", ("mail.example.com", 25, "", "", "starttls")),
    ("smtps://rep:s%40%2F%3A@mail.example.com", ("mail.example.com", 465, "rep", "s@/:", "tls")),
    ("smtp://relay.example.com:25?starttls=never", ("relay.example.com", 25, "", "", "none")),
    ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, "", "", "none")),
    ("smtp://[::1]:1025", ("::1", 1025, "", "", "none")),
    ("smtp://rep:secret@localhost:1025", ("localhost", 1025, "rep", "secret", "none")),
    ("smtp://localhost:1025?starttls=required", ("localhost", 1025, "", "", "starttls")),
    ("  smtp://localhost:1025/  ", ("localhost", 1025, "", "", "none")),
]


@pytest.mark.parametrize(("url", "parts"), READ)
def test_it_reads_a_servers_address(url: str, parts: tuple[str, int, str, str, str]) -> None:
    server = SmtpServer.parse(url)
    assert (server.host, server.port, server.user, server.password, server.security) == parts


REFUSED = [
    ("http://mail.example.com", "must begin with smtp"),
    ("mail.example.com:25", "must begin with smtp"),
    ("smtp://", "names no host"),
    ("smtp://:587", "names no host"),
    ("smtp://mail.example.com:port", "cannot be read"),
    ("smtp://mail.example.com:99999", "cannot be read"),
    ("smtp://rep:pa/ss@mail.example.com", "cannot be read|after the port"),
    ("smtp://mail.example.com/inbox", "after the port"),
    ("smtp://:secret@mail.example.com", "a password and no user"),
    ("smtp://mail.example.com?tls=no", "'tls' is no option"),
    ("smtp://mail.example.com?starttls=maybe", "either required or never"),
    ("smtp://mail.example.com?starttls=", "either required or never"),
    ("smtp://mail.example.com?starttls=never&starttls=required", "either required or never"),
    ("smtps://mail.example.com?starttls=never", "private from the first byte"),
    ("smtp://rep:secret@mail.example.com?starttls=never", "travel unprotected"),
]


@pytest.mark.parametrize(("url", "sentence"), REFUSED)
def test_it_refuses_what_it_does_not_know_in_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        SmtpServer.parse(url)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "secret" not in text


def test_it_never_shows_the_password() -> None:
    assert "secret" not in repr(SmtpServer.parse("smtp://rep:secret@mail.example.com"))
