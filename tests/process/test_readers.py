"""The threads that read mailboxes, against a real IMAP server: news within seconds, once, by one reader at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.conftest import Clock
from tests.outreach.scene import LOST, SENT, Scene, opened
from tests.support import ground
from tests.support.imapd import ImapServerProcess
from workers.readers import Readers, Rhythm
from workflow.actions import mailboxes, reading
from workflow.actions.outreach.spool import Spool
from workflow.engine import reasons
from workflow.mail.imap import ImapMailbox, ImapServer
from workflow.records.db import Database
from workflow.records.models import Incoming, Reading

QUICK = Rhythm(news_s=2.0, lease_s=0.3, pauses_s=(0.2,), mended_s=0.2)


@pytest.fixture
def server(place: Path) -> Iterator[ImapServerProcess]:
    """The IMAP server of the rep's mailbox."""
    with ImapServerProcess(place) as running:
        yield running


@pytest.fixture
def scene(database: Database, clock: Clock, place: Path) -> Scene:
    """An installation whose own mailbox can be read."""
    ws = opened(place, database, folder=ground.folder() / "emails")
    settings = replace(ws.settings, smtp_url="smtp://localhost:25")
    return Scene(replace(ws, settings=settings), clock, Spool(place / "spool"))


@pytest.fixture
def readers(scene: Scene, server: ImapServerProcess) -> Iterator[Readers]:
    """One process that reads."""
    mailboxes.change(scene.ws, "default", {"imap_url": server.url})
    found = Readers(scene.ws, QUICK)
    yield found
    found.stop(30.0)


def letter(number: int) -> bytes:
    return f"From: ana@sink.test\r\nMessage-ID: <m{number}@sink.test>\r\nSubject: {number}\r\n\r\nHi\r\n".encode()


def subjects(scene: Scene) -> list[str]:
    with scene.ws.database.read() as tx:
        return list(tx.conn.execute(select(Incoming.subject).order_by(Incoming.received_at, Incoming.id)).scalars())


def place_of(scene: Scene) -> Reading | None:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(Reading)).one_or_none()  # type: ignore[return-value]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def reads(scene: Scene) -> bool:
    place = place_of(scene)
    return place is not None and place.read_at is not None and place.problem is None


def test_news_is_taken_in_and_what_lay_there_before_is_not(
    scene: Scene, readers: Readers, server: ImapServerProcess
) -> None:
    readers.look()
    until(lambda: reads(scene))
    assert subjects(scene) == []
    server.put(letter(1), letter(2))
    until(lambda: subjects(scene) == ["1", "2"])
    readers.look()
    server.put(letter(3))
    until(lambda: subjects(scene) == ["1", "2", "3"])


def test_two_processes_take_each_message_in_once(scene: Scene, readers: Readers, server: ImapServerProcess) -> None:
    others = Readers(scene.ws, QUICK)
    readers.look()
    others.look()
    until(lambda: reads(scene))
    server.put(*(letter(number) for number in range(5)))
    until(lambda: len(subjects(scene)) == 5)
    others.stop(30.0)
    assert sorted(subjects(scene)) == ["0", "1", "2", "3", "4"]


def test_a_server_that_was_away_is_read_on_and_a_restored_one_not_twice(
    scene: Scene, readers: Readers, server: ImapServerProcess
) -> None:
    """A restored server counts anew: its messages have other ids and the same bytes."""
    readers.look()
    until(lambda: reads(scene))
    server.put(letter(1))
    until(lambda: subjects(scene) == ["1"])
    server.stop()
    until(lambda: (place := place_of(scene)) is not None and "away" in (place.problem or ""))
    server.start()
    server.put(letter(1), letter(2))
    until(lambda: "2" in subjects(scene))
    assert subjects(scene).count("1") == 1


def test_a_refused_password_is_told_and_mended_by_a_person(
    scene: Scene, readers: Readers, server: ImapServerProcess
) -> None:
    """Who answered meanwhile is heard: the first look goes back to the first email that left."""
    server.put(letter(1))
    mailboxes.change(scene.ws, "default", {"imap_url": server.url.replace("demopass", "wrong")})
    readers.look()
    until(lambda: (place := place_of(scene)) is not None and "refuses the sign-in" in (place.problem or ""))
    scene.called("ana@sink.test")
    scene.clock.advance(seconds=3)
    scene.claim()
    scene.send(SENT)
    server.put(letter(2))
    mailboxes.change(scene.ws, "default", {"imap_url": server.url})
    readers.look()
    until(lambda: "2" in subjects(scene))
    assert {row.state for row in scene.touches()} == {"sent", "cancelled"}, "nothing more leaves after an answer"


def test_whoever_lost_the_lease_takes_nothing_in(scene: Scene, readers: Readers, server: ImapServerProcess) -> None:
    """Frozen for minutes, it comes back to find the mailbox in other hands."""
    assert readers
    slow = reading.Reader(scene.ws, scene.ws.mailbox_id, "0190a0b0-0000-7000-8000-000000000001")
    other = reading.Reader(scene.ws, scene.ws.mailbox_id, "0190a0b0-0000-7000-8000-000000000002")
    box = ImapMailbox(ImapServer.parse(server.url))
    assert slow.hold()
    assert not other.hold()
    slow.read(box)
    server.put(letter(1))
    scene.clock.advance(seconds=reading.LEASE.total_seconds() + 1)
    assert other.hold()
    assert slow.read(box) == 0
    assert other.read(box) == 1
    assert subjects(scene) == ["1"]
    box.close()


def test_an_uncertain_email_in_the_folder_of_sent_mail_was_sent(
    scene: Scene, readers: Readers, server: ImapServerProcess
) -> None:
    """Only what is found proves something: the other one stays uncertain."""
    for address in ("ana@sink.test", "boris@sink.test"):
        scene.called(address)
    scene.clock.advance(seconds=3)
    scene.claim()
    scene.send(LOST, LOST)
    there, missing = (row for row in scene.touches() if row.state == "uncertain")
    server.put(f"Message-ID: {there.message_id}\r\nSubject: kept\r\n\r\nHi\r\n".encode(), folder="Sent")
    readers.look()
    until(lambda: state_of(scene, there.id) == ("sent", "sent_found"))
    until(lambda: reads(scene))
    assert state_of(scene, missing.id)[0] == "uncertain"
    # And the inbox is open again, for whoever writes next.
    server.put(letter(1))
    until(lambda: subjects(scene) == ["1"])


def state_of(scene: Scene, touch_id: str) -> tuple[str, str]:
    row = next(each for each in scene.touches() if each.id == touch_id)
    reason = reasons.unpack(row.reason)
    return row.state, reason.code if reason else ""
