"""Reading a mailbox over a real IMAP server: in order, once, marked by nothing, and calm when the server goes away."""

from __future__ import annotations

import imaplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.mail.test_smtp_tls import certificate
from tests.support.imapd import ImapServerProcess
from workflow.errors import BadInput, Unavailable
from workflow.mail.imap import LARGEST, ImapMailbox, ImapServer


@pytest.fixture
def server(place: Path) -> Iterator[ImapServerProcess]:
    """The server, without TLS, on this machine."""
    with ImapServerProcess(place) as running:
        yield running


def opened(server: ImapServerProcess) -> ImapMailbox:
    return ImapMailbox(ImapServer.parse(server.url), timeout_s=20.0)


def letter(number: int) -> bytes:
    return f"From: ana@example.com\r\nMessage-ID: <m{number}@example.com>\r\nSubject: {number}\r\n\r\nHi\r\n".encode()


def test_new_messages_come_in_order_and_as_they_are(server: ImapServerProcess) -> None:
    box = opened(server)
    newest = box.newest()
    server.put(*(letter(number) for number in range(3)))
    found = list(box.after(newest))
    assert [each.content for each in found] == [letter(number) for number in range(3)]
    assert [each.uid for each in found] == sorted({each.uid for each in found})
    assert list(box.after(found[-1].uid)) == []
    box.close()


def test_reading_marks_nothing_as_read(server: ImapServerProcess) -> None:
    server.put(letter(1))
    box = opened(server)
    assert list(box.after(0))
    box.close()
    client = imaplib.IMAP4("localhost", server.port)
    client.login("demouser", "demopass")
    client.select()
    _, flags = client.fetch("5", "(FLAGS)")
    assert b"\\Seen" not in (flags[0] or b"")
    client.logout()


def test_waiting_ends_when_something_arrives(server: ImapServerProcess) -> None:
    with closing(opened(server)) as box:
        timer = threading.Timer(0.3, lambda: server.put(letter(1)))
        timer.start()
        begun = time.monotonic()
        box.wait(30.0)
        assert time.monotonic() - begun < 20.0
        timer.join()
        assert len(list(box.after(0))) == 5


def test_a_folder_made_anew_has_another_validity(server: ImapServerProcess) -> None:
    box = opened(server)
    before = box.validity
    assert before > 0
    box.close()
    server.stop()
    server.start()
    again = opened(server)
    assert again.validity not in (0, before)
    again.close()


def test_a_sent_email_is_found_by_its_message_id(server: ImapServerProcess) -> None:
    server.put(letter(7), folder="Sent")
    box = opened(server)
    assert box.holds("<m7@example.com>")
    assert not box.holds("<m8@example.com>")
    assert not box.holds('<m7"@example.com> OR ALL')
    # And the folder that is read stays the one that is read.
    server.put(letter(9))
    assert list(box.after(0))[-1].content == letter(9)
    box.close()


def test_a_server_that_goes_away_is_unavailable(server: ImapServerProcess) -> None:
    box = opened(server)
    server.stop()
    for act in (box.newest, lambda: list(box.after(0)), lambda: box.wait(1.0), lambda: box.holds("<x@y>")):
        with pytest.raises(Unavailable):
            act()
    box.close()
    with pytest.raises(Unavailable):
        opened(server)


def test_a_wrong_password_and_an_unknown_folder_are_for_a_person_to_mend(server: ImapServerProcess) -> None:
    for url in (server.url.replace("demopass", "wrong"), f"{server.url}&folder=Nowhere"):
        with pytest.raises(BadInput) as refused:
            ImapMailbox(ImapServer.parse(url))
        assert "wrong" not in refused.value.message


def test_private_means_a_certificate_that_holds(place: Path) -> None:
    trust = certificate(place)
    with ImapServerProcess(place, certificate=place / "localhost.pem") as server:
        box = ImapMailbox(ImapServer.parse(server.url), tls=trust.client)
        assert box.newest() >= 0
        box.close()
        with pytest.raises(Unavailable, match="certificate"):
            ImapMailbox(ImapServer.parse(server.url))


@pytest.mark.parametrize("greeting", [b"", b"nonsense\r\n", b"* BYE away\r\n", b"\x00\xff\r\n" * 50])
def test_a_server_that_talks_nonsense_is_unavailable(greeting: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        talk, _ = listener.accept()
        talk.sendall(greeting)
        talk.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(Unavailable):
        ImapMailbox(ImapServer.parse(f"imap://u:p@127.0.0.1:{listener.getsockname()[1]}"), timeout_s=5.0)
    thread.join()
    listener.close()


def test_of_a_huge_message_only_the_beginning_is_read(server: ImapServerProcess) -> None:
    server.put(letter(1) + b"x" * 70 + b"\r\n" * 10 + (b"y" * 76 + b"\r\n") * (LARGEST // 78 + 1))
    box = opened(server)
    [found] = [each for each in box.after(0) if not each.whole]
    assert found.content.startswith(letter(1))
    assert len(found.content) <= 256 * 1024
    box.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://u:p@host", "imap://host", "imap://u:p@mail.example.com?starttls=never", "imaps://u:p@host?starttls=never",
        "imaps://u:p@host?colour=red", "imaps://u:p@host/INBOX", "imaps://u:p@host:99999", "imaps://u:p@host?folder=",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refused:
        ImapServer.parse(url)
    assert "p@" not in str(refused.value) or "user:password@host" in str(refused.value)


def test_the_usual_ports_and_folders_need_no_words() -> None:
    assert ImapServer.parse("imaps://u:p@mail.example.com").port == 993
    plain = ImapServer.parse(
        "imap://u%40x:p%2F@mail.example.com?sent=%D0%98%D0%B7%D0%BF%D1%80%D0%B0%D1%82%D0%B5%D0%BD%D0%B8"
    )
    assert (plain.port, plain.security, plain.user, plain.password) == (143, "starttls", "u@x", "p/")
    assert plain.sent == "Изпратени"
    assert "p/" not in repr(plain)
