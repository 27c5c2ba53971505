"""The mail catcher: what it has answered with 250 is on disk, whatever happens next."""

from __future__ import annotations

import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.process import ground
from workers import notes
from workers.catcher import Store
from workflow.settings import noted_address

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder whose name has a space and letters beyond ASCII."""
    folder = tmp_path / "Данни на Onward"
    folder.mkdir()
    return folder


def port(data_dir: Path) -> int:
    """The port in the note, once there is one that answers."""

    def look() -> int:
        url = noted_address(data_dir, notes.CATCHER)
        number = urlsplit(url).port if url else 0
        try:
            smtplib.SMTP("127.0.0.1", number or 0, timeout=5).quit()
        except OSError:
            return 0
        return number or 0

    return ground.wait_for(look, what="the catcher")


def mail(number: int) -> EmailMessage:
    """A small mail with a line that begins with a dot."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "onward@example.com"
    message["To"] = f"ana+{number}@example.com"
    message["Subject"] = f"Здравейте {number}"
    message["Message-ID"] = f"<touch-{number}@example.com>"
    message.set_content("Първи ред\n.точка\n")
    return message


def kept(data_dir: Path) -> list[Path]:
    """The kept mail, oldest first."""
    return sorted((data_dir / "mail").glob("*.eml"))


def test_it_keeps_a_mail_as_it_came(data_dir: Path) -> None:
    """One file, the envelope on top, the rest byte for byte."""
    with ground.running(data_dir, "catcher", "--data-dir", str(data_dir)):
        with smtplib.SMTP("127.0.0.1", port(data_dir), timeout=5) as client:
            client.send_message(mail(1), from_addr="bounce@example.com", to_addrs=["ana+1@example.com"])
        (file,) = kept(data_dir)
        read = message_from_bytes(file.read_bytes(), policy=policy.default)
        assert read["Return-Path"] == "<bounce@example.com>"
        assert read["Delivered-To"] == "ana+1@example.com"
        assert read["Subject"] == "Здравейте 1"
        assert read.get_content().splitlines() == ["Първи ред", ".точка"]
        assert file.read_bytes().endswith(mail(1).as_bytes())


def test_it_keeps_every_mail_it_answered_over_kill_9(data_dir: Path) -> None:
    """Killed between two answers, again and again, it loses none that it took."""
    answered = 0
    for _ in range(3):
        with ground.running(data_dir, "catcher", "--data-dir", str(data_dir)) as process:
            client = smtplib.SMTP("127.0.0.1", port(data_dir), timeout=5)
            for _ in range(20):
                client.send_message(mail(answered))
                answered += 1
            ground.kill(process.pid)
            process.wait()
            client.close()
            subjects = {message_from_bytes(file.read_bytes())["Message-ID"] for file in kept(data_dir)}
            assert subjects == {f"<touch-{number}@example.com>" for number in range(answered)}


def test_it_comes_back_on_the_same_port(data_dir: Path) -> None:
    """Workers that hold the address go on with it after a restart."""
    ports = []
    for _ in range(2):
        with ground.running(data_dir, "catcher", "--data-dir", str(data_dir)):
            ports.append(port(data_dir))
    assert ports[0] == ports[1]


def test_two_installations_have_two_ports(data_dir: Path, tmp_path: Path) -> None:
    """A copied folder, with the note of the original in it, gets a port of its own."""
    other = tmp_path / "other"
    other.mkdir()
    with (
        ground.running(data_dir, "catcher", "--data-dir", str(data_dir)),
        ground.running(other, "catcher", "--data-dir", str(other)),
    ):
        assert port(data_dir) != port(other)


def test_it_takes_a_mail_for_an_address_beyond_ascii(data_dir: Path) -> None:
    """SMTPUTF8 is offered and kept."""
    with ground.running(data_dir, "catcher", "--data-dir", str(data_dir)):
        with smtplib.SMTP("127.0.0.1", port(data_dir), timeout=5) as client:
            client.ehlo()
            client.sendmail("onward@example.com", ["мария@example.com"], b"Subject: x\r\n\r\nx\r\n", ["SMTPUTF8"])
        assert b"Delivered-To: \xd0\xbc" in kept(data_dir)[0].read_bytes()


def test_it_keeps_the_newest(tmp_path: Path) -> None:
    """The oldest go when there are too many; half-written ones of an earlier life go at once."""
    (tmp_path / "torn.part").write_bytes(b"half a mail")
    store = Store(tmp_path, kept=3)
    files = [store.keep(b"mail %d" % number) for number in range(5)]
    assert sorted(tmp_path.iterdir()) == files[2:]
    later = Store(tmp_path, kept=3).keep(b"mail 5")
    assert sorted(tmp_path.iterdir()) == [*files[3:], later]


def test_a_full_disk_is_answered_as_come_again(data_dir: Path) -> None:
    """What cannot be kept is not taken."""
    with ground.running(data_dir, "catcher", "--data-dir", str(data_dir)):
        number = port(data_dir)
        (data_dir / "mail").rmdir()
        with smtplib.SMTP("127.0.0.1", number, timeout=5) as client:
            client.ehlo()
            client.mail("onward@example.com")
            client.rcpt("ana@example.com")
            assert client.data(b"Subject: x\r\n\r\nx\r\n")[0] == 452
