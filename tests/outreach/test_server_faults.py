"""What becomes of an email, its prospect and its mailbox for each fault of a real mail server: F29 to F42.

The conversation itself is tried in tests/mail; here the whole way, from the claim to the row and the server's own log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.outreach.scene import Scene
from tests.support.smtpd import Behaviour, SmtpSink
from workflow.mail.smtp import SmtpServer, SmtpTransport, Timeouts
from workflow.records.models import Mailbox

QUICK = Timeouts(connect=20.0, command=1.0, body=1.0, dot=1.0)
PATIENT = Timeouts(connect=20.0, command=20.0, body=20.0, dot=20.0)
ENDLESS = ("drip", "hang_after_dot", "hang_at_data")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a server answers does not depend on the database."""
    return sqlite_url


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    with SmtpSink(tmp_path) as running:
        yield running


@dataclass(frozen=True, slots=True)
class After:
    """How it stands after one attempt; `copies` is what the server says that it took."""

    state: str
    why: str
    copies: int = 0
    attempts: int = 1
    mailbox: str = "active"
    barred: bool = False


FAULTS = {
    # F30 to F32: what a server answers about one email
    "f451": After("scheduled", "retry"),
    "f450": After("scheduled", "retry"),
    "f550": After("failed", "refused", barred=True),
    "f554dot": After("failed", "refused"),
    "f552dot": After("failed", "refused"),
    # F34, F36: it stops before the dot; the server is at fault, and no attempt is used up
    "drip": After("scheduled", "backoff", attempts=0),
    "drop_at_data": After("scheduled", "backoff", attempts=0),
    # F35: an email that fits into the buffers of the system was all out, and nobody knows who has read it
    "hang_at_data": After("uncertain", "uncertain"),
    # F37 to F39: it stops after the dot; nobody knows
    "drop_after_dot": After("uncertain", "uncertain", copies=1),
    "lose_after_dot": After("uncertain", "uncertain", copies=0),
    "hang_after_dot": After("uncertain", "uncertain", copies=1),
    # F40: it answered, whatever comes then
    "drop_after_250": After("sent", "sent", copies=1),
    "badquit": After("sent", "sent", copies=1),
    # F42: what it says is no answer
    "garbage": After("scheduled", "backoff", attempts=0),
    "huge": After("scheduled", "backoff", attempts=0),
    "lines_dot": After("sent", "sent", copies=1),
    "garbage_dot": After("uncertain", "uncertain", copies=1),
    "mixed_dot": After("uncertain", "uncertain", copies=1),
}


def attempt(scene: Scene, sink: SmtpSink, timeouts: Timeouts = PATIENT) -> None:
    """Claim what is due and drain it, over the wire."""
    transport = SmtpTransport(SmtpServer.parse(sink.url), timeouts)
    scene.claim()
    scene.sender(transport=transport).drain(scene.ws.mailbox_id)
    transport.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_on_the_whole_way(scene: Scene, sink: SmtpSink, fault: str) -> None:
    """The email ends as the table says, and another one behind it is never the worse for it."""
    expected = FAULTS[fault]
    email = f"{fault}@sink.test"
    scene.qualified(email)
    attempt(scene, sink, QUICK if fault in ENDLESS else PATIENT)
    touch = scene.touch()
    copies = len(sink.truth_rows())
    seen = After(
        touch.state, scene.why(), copies, touch.attempts, scene.mailbox().state, barred=scene.suppressed() == [email]
    )
    assert seen == expected
    scene.clock.advance(hours=1)
    scene.qualified("ana@sink.test")
    # Whoever was at fault is tried again later than ana is due: it does not stand in her way.
    scene.clock.advance(seconds=1)
    attempt(scene, sink, QUICK if fault in ENDLESS else PATIENT)
    scene.clock.advance(hours=1)
    attempt(scene, sink, QUICK if fault in ENDLESS else PATIENT)
    names = [row["message_id"] for row in sink.truth_rows()]
    assert len(names) == len(set(names)), "no email arrives twice"
    assert sum(row["rcpt"] == "ana@sink.test" for row in sink.truth_rows()) == 1
    if expected.state == "uncertain":
        assert (scene.touches()[0].state, len(names)) == ("uncertain", copies + 1)


def test_a_busy_server_burns_no_attempts_and_a_greylist_takes_one_copy(scene: Scene, sink: SmtpSink) -> None:
    """F29, F30: two minutes of 421 at the door cost one step of the mailbox each; then the third try delivers."""
    sink.behaviour.banner421 = 2
    for number in range(3):
        scene.qualified(f"greylist+{number}@sink.test")
    for _ in range(2):
        attempt(scene, sink)
        assert {(touch.state, touch.attempts) for touch in scene.touches()} == {("scheduled", 0)}
        scene.clock.advance(minutes=1)
    assert scene.mailbox().backoff_step == 2
    # After a back-off one email at a time shows whether the server is back.
    for _ in range(9):
        attempt(scene, sink)
        scene.clock.advance(minutes=20)
    assert {(touch.state, touch.attempts) for touch in scene.touches()} == {("sent", 3)}
    assert len(sink.truth_rows()) == 3


def test_three_refusals_after_the_dot_and_a_wrong_password_pause_the_mailbox(
    scene: Scene, sink: SmtpSink, tmp_path: Path
) -> None:
    """F32, F33: nobody is barred, and what waits has used up no attempt."""
    for number in range(4):
        scene.qualified(f"f554dot+{number}@sink.test")
    attempt(scene, sink)
    assert sorted(touch.state for touch in scene.touches()) == ["failed", "failed", "failed", "scheduled"]
    assert (scene.mailbox().state, scene.suppressed(), sink.truth_rows()) == ("paused", [], [])
    scene.change(Mailbox, {"state": "active", "policy_refusals": 0})
    with SmtpSink(tmp_path / "other", behaviour=Behaviour(user="rep", password="right")) as strict:
        transport = SmtpTransport(SmtpServer("localhost", strict.port, "rep", "wrong", "none"), PATIENT)
        scene.claim()
        scene.sender(transport=transport).drain(scene.ws.mailbox_id)
        transport.close()
    waiting = next(touch for touch in scene.touches() if touch.state == "scheduled")
    assert (scene.mailbox().state, "pause.auth" in str(scene.mailbox().pause_reason)) == ("paused", True)
    assert waiting.attempts == 0
