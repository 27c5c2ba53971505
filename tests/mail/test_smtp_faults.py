"""What becomes of a mail when the server misbehaves at each point of the conversation, on a real socket."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.smtpd import Behaviour, SmtpSink
from workflow.mail.smtp import Envelope, Outcome, SmtpServer, SmtpTransport, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENT = Timeouts(connect=20.0, command=20.0, body=20.0, dot=20.0)
SHORT = Timeouts(connect=20.0, command=1.0, body=1.0, dot=1.0)
ENDLESS = frozenset({"drip", "drip_dot", "drip_250", "hang_after_dot", "hang_at_data"})
"""Scripts that end only by our own deadline; for all others a loaded machine has time enough."""
CONTENT = b"Message-ID: <m-1@test>\r\nSubject: hello\r\n\r\nHello.\r\n"


def yes() -> bool:
    """Nothing speaks against sending."""
    return True


class Passed:
    """A probe that notes the points it passes."""

    def __init__(self) -> None:
        self.points: list[str] = []

    def at(self, point: str) -> None:
        self.points.append(point)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    """A server that takes everything, unless the address says otherwise."""
    with SmtpSink(tmp_path) as running:
        yield running


def transport(sink: SmtpSink, timeouts: Timeouts = PATIENT) -> SmtpTransport:
    return SmtpTransport(SmtpServer.parse(sink.url), timeouts)


def send(
    sink: SmtpSink,
    local: str,
    *,
    before_dot: Callable[[], bool] = yes,
    content: bytes = CONTENT,
    sender: str = "rep@ours.test",
) -> Outcome:
    client = transport(sink, SHORT if local in ENDLESS else PATIENT)
    try:
        return client.send(Envelope(sender, f"{local}@sink.test", content), before_dot)
    finally:
        client.close()


REFUSALS = [
    # what the server does, kind, phase, scope, reason, code
    ("f421", "transient", "rcpt", "host", "busy", 421),
    ("f451", "transient", "rcpt", "recipient", "deferred", 451),
    ("f450", "transient", "rcpt", "recipient", "deferred", 450),
    ("f452", "transient", "rcpt", "recipient", "deferred", 452),
    ("f550", "permanent", "rcpt", "recipient", "no_such_address", 550),
    ("f553", "permanent", "rcpt", "recipient", "no_such_address", 553),
    ("f554", "permanent", "rcpt", "mailbox", "policy", 554),
    ("f451data", "transient", "data", "message", "deferred", 451),
    ("f421data", "transient", "data", "host", "busy", 421),
    ("f554data", "permanent", "data", "mailbox", "policy", 554),
    ("f451dot", "transient", "replied", "message", "deferred", 451),
    ("f421dot", "transient", "replied", "host", "busy", 421),
    ("f552dot", "permanent", "replied", "message", "refused", 552),
    ("f554dot", "permanent", "replied", "mailbox", "policy", 554),
    ("drop_at_data", "transient", "data", "host", "dropped", None),
    ("drop_mid_body", "transient", "body", "host", "dropped", None),
    ("drip", "transient", "rcpt", "host", "timeout", 250),
    ("garbage", "transient", "rcpt", "host", "garbled", None),
    ("huge", "transient", "rcpt", "host", "garbled", None),
    ("lose_after_dot", "uncertain", "dot", "message", "dropped", None),
]


@pytest.mark.parametrize(
    ("local", "kind", "phase", "scope", "reason", "code"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_mail_the_server_did_not_take_says_why_and_what_must_wait(
    sink: SmtpSink, local: str, kind: str, phase: str, scope: str, reason: str, code: int | None
) -> None:
    # A body that does not fit into the buffers of the system, so that the server is gone before it is all out.
    content = CONTENT + (b"x" * 70 + b"\r\n") * 200_000 if local == "drop_mid_body" else CONTENT
    outcome = send(sink, local, content=content)
    seen = (outcome.kind, str(outcome.phase), outcome.scope, outcome.reason, outcome.code)
    assert seen == (kind, phase, scope, reason, code)
    assert sink.taken == []
    assert sink.truth_rows() == []


TAKEN = [
    # what the server does with a message it has, kind, reason
    ("ana", "sent", ""),
    ("drop_after_250", "sent", ""),
    ("badquit", "sent", ""),
    ("lines_dot", "sent", ""),
    ("huge_dot", "sent", ""),
    ("half_dot", "sent", ""),
    ("drip_250", "sent", ""),
    ("drop_after_dot", "uncertain", "dropped"),
    ("hang_after_dot", "uncertain", "timeout"),
    ("drip_dot", "uncertain", "timeout"),
    ("garbage_dot", "uncertain", "garbled"),
    ("mixed_dot", "uncertain", "garbled"),
    ("cut_dot", "uncertain", "dropped"),
]


@pytest.mark.parametrize(("local", "kind", "reason"), TAKEN, ids=[row[0] for row in TAKEN])
def test_a_mail_the_server_took_is_sent_or_uncertain_but_never_tried_again(
    sink: SmtpSink, local: str, kind: str, reason: str
) -> None:
    outcome = send(sink, local)
    assert (outcome.kind, outcome.reason) == (kind, reason)
    assert [row["message_id"] for row in sink.truth_rows()] == ["<m-1@test>"]
    assert len(outcome.text) <= 500


def test_a_server_that_never_reads_the_body_is_left_at_the_deadline(sink: SmtpSink) -> None:
    content = CONTENT + (b"x" * 70 + b"\r\n") * 200_000
    outcome = send(sink, "hang_at_data", content=content)
    assert (outcome.kind, outcome.phase, outcome.reason) == ("transient", "body", "timeout")


@pytest.mark.parametrize("local", ["drip", "drip_dot", "hang_after_dot"])
def test_a_dripping_server_cannot_stretch_a_deadline(sink: SmtpSink, local: str) -> None:
    begun = time.monotonic()
    send(sink, local)
    assert time.monotonic() - begun < 5.0


def test_a_greylist_takes_the_third_try_and_one_copy(sink: SmtpSink) -> None:
    client = transport(sink)
    outcomes = [client.send(Envelope("rep@ours.test", "greylist@sink.test", CONTENT), yes) for _ in range(3)]
    client.close()
    assert [outcome.kind for outcome in outcomes] == ["transient", "transient", "sent"]
    assert len(sink.taken) == 1
    assert sink.connections == 1, "a refused recipient does not cost the connection"


def test_a_counted_fault_ends(sink: SmtpSink) -> None:
    assert [send(sink, "f451x2+7").kind for _ in range(3)] == ["transient", "transient", "sent"]


def test_a_busy_server_at_the_door_is_a_fault_of_the_host(sink: SmtpSink) -> None:
    sink.behaviour.banner421 = 1
    refused, taken = send(sink, "ana"), send(sink, "ana")
    assert (refused.kind, refused.phase, refused.scope, refused.code) == ("transient", "connect", "host", 421)
    assert taken.kind == "sent"


def test_a_server_that_wants_nobody_is_a_fault_of_the_host(sink: SmtpSink) -> None:
    sink.behaviour.banner = "554 5.7.1 your address is on a list"
    outcome = send(sink, "ana")
    assert (outcome.kind, outcome.phase, outcome.scope) == ("transient", "connect", "host")


def test_a_busy_server_at_mail_is_a_fault_of_the_host(sink: SmtpSink) -> None:
    outcome = send(sink, "ana", sender="f421mail@ours.test")
    assert (outcome.kind, outcome.phase, outcome.scope) == ("transient", "mail", "host")


def test_a_refused_sender_is_a_fault_of_the_mailbox(sink: SmtpSink) -> None:
    outcome = send(sink, "ana", sender="f550mail@ours.test")
    assert (outcome.kind, outcome.phase, outcome.scope, outcome.reason) == ("permanent", "mail", "mailbox", "sender")


def test_nobody_listening_is_transient() -> None:
    client = SmtpTransport(SmtpServer("localhost", 1, security="none"), PATIENT)
    outcome = client.send(Envelope("rep@ours.test", "ana@sink.test", CONTENT), yes)
    assert (outcome.kind, outcome.phase, outcome.reason) == ("transient", "connect", "unreachable")


def test_an_unknown_host_is_transient() -> None:
    client = SmtpTransport(SmtpServer("mail.invalid", 25, security="none"), PATIENT)
    outcome = client.send(Envelope("rep@ours.test", "ana@sink.test", CONTENT), yes)
    assert (outcome.kind, outcome.scope, outcome.reason) == ("transient", "host", "unreachable")


def test_a_wrong_password_is_a_fault_of_the_mailbox(tmp_path: Path) -> None:
    with SmtpSink(tmp_path, behaviour=Behaviour(user="rep", password="right")) as sink:
        server = SmtpServer("localhost", sink.port, "rep", "wrong", "none")
        client = SmtpTransport(server, PATIENT)
        outcome = client.send(Envelope("rep@ours.test", "ana@sink.test", CONTENT), yes)
        client.close()
    assert (outcome.kind, outcome.phase, outcome.scope, outcome.reason) == ("permanent", "auth", "mailbox", "login")


@pytest.mark.parametrize("ways", ["PLAIN LOGIN", "LOGIN"])
def test_it_signs_in_with_a_password_of_any_alphabet(tmp_path: Path, ways: str) -> None:
    behaviour = Behaviour(user="rep", password="парола", ways=ways)
    with SmtpSink(tmp_path, behaviour=behaviour) as sink:
        assert send(sink, "ana").kind == "sent"
    assert sink.commands["AUTH"] == 1


def test_a_server_without_a_way_to_sign_in_is_a_fault_of_the_mailbox(tmp_path: Path) -> None:
    behaviour = Behaviour(user="rep", password="right", ways="GSSAPI")
    with SmtpSink(tmp_path, behaviour=behaviour) as sink:
        outcome = send(sink, "ana")
    assert (outcome.kind, outcome.phase, outcome.scope) == ("permanent", "auth", "mailbox")


def test_many_mails_share_one_connection(sink: SmtpSink) -> None:
    client = transport(sink)
    for number in range(5):
        assert client.send(Envelope("rep@ours.test", f"ana+{number}@sink.test", CONTENT), yes).kind == "sent"
    client.close()
    assert (sink.connections, sink.commands["EHLO"], sink.commands["QUIT"]) == (1, 1, 1)


@pytest.mark.parametrize("fault", ["drop_after_250", "idle_close"])
def test_a_kept_connection_that_died_is_replaced_without_a_word(sink: SmtpSink, fault: str) -> None:
    sink.behaviour.idle_close = fault == "idle_close"
    client = transport(sink)
    first = client.send(Envelope("rep@ours.test", f"{fault}@sink.test", CONTENT), yes)
    sink.wait_until_left()
    second = client.send(Envelope("rep@ours.test", "ana@sink.test", CONTENT), yes)
    client.close()
    assert (first.kind, second.kind, sink.connections) == ("sent", "sent", 2)
    assert len(sink.taken) == 2


def test_a_kept_connection_that_dies_on_the_next_command_is_replaced_without_a_word(sink: SmtpSink) -> None:
    client = transport(sink)
    for _ in range(20):
        assert client.send(Envelope("rep@ours.test", "drop_after_250@sink.test", CONTENT), yes).kind == "sent"
    client.close()
    assert len(sink.taken) == 20


@pytest.mark.parametrize("answer", ["500 5.5.1 what", "421 4.3.2 no more", "nonsense"])
def test_a_kept_connection_that_cannot_be_reset_is_replaced_without_a_word(sink: SmtpSink, answer: str) -> None:
    sink.behaviour.rset_answer = answer
    client = transport(sink)
    outcomes = [client.send(Envelope("rep@ours.test", f"{local}@sink.test", CONTENT), yes) for local in ("f550", "ana")]
    client.close()
    assert [outcome.kind for outcome in outcomes] == ["permanent", "sent"]
    assert sink.connections == 2


def test_a_fresh_connection_that_fails_is_not_tried_twice(sink: SmtpSink) -> None:
    sink.behaviour.banner421 = -1
    send(sink, "ana")
    assert sink.connections == 1


def test_a_no_before_the_dot_delivers_nothing_and_says_withdrawn(sink: SmtpSink) -> None:
    outcome = send(sink, "ana", before_dot=lambda: False)
    assert (outcome.kind, outcome.phase) == ("withdrawn", "body")
    assert send(sink, "boris").kind == "sent"
    assert [row["rcpt"] for row in sink.truth_rows()] == ["boris@sink.test"]


def test_an_exception_before_the_dot_passes_through_and_delivers_nothing(sink: SmtpSink) -> None:
    def lost_database() -> bool:
        message = "the commit raised, its result is unknown"
        raise RuntimeError(message)

    client = transport(sink)
    with pytest.raises(RuntimeError, match="its result is unknown"):
        client.send(Envelope("rep@ours.test", "ana@sink.test", CONTENT), lost_database)
    assert client.send(Envelope("rep@ours.test", "boris@sink.test", CONTENT), yes).kind == "sent"
    client.close()
    assert [row["rcpt"] for row in sink.truth_rows()] == ["boris@sink.test"]


def test_a_server_that_gives_up_while_we_ask_has_nothing_for_certain(sink: SmtpSink) -> None:
    def slow_database() -> bool:
        sink.wait_until_left()
        return True

    outcome = send(sink, "close_before_dot", before_dot=slow_database)
    assert (outcome.kind, outcome.phase, outcome.scope, outcome.code) == ("transient", "body", "host", 421)
    assert sink.truth_rows() == []


def test_the_question_comes_after_the_body_and_before_the_dot(sink: SmtpSink) -> None:
    taken: list[int] = []

    def look() -> bool:
        time.sleep(0.1)
        taken.append(len(sink.taken))
        return True

    assert send(sink, "ana", before_dot=look).kind == "sent"
    assert taken == [0]


def test_the_question_is_not_asked_when_the_mail_does_not_get_that_far(sink: SmtpSink) -> None:
    def never() -> bool:
        message = "asked too early"
        raise AssertionError(message)

    for local in ("f550", "f451", "drop_at_data", "f554data", "garbage"):
        assert send(sink, local, before_dot=never).kind in ("transient", "permanent")


def test_the_probe_passes_every_point_in_order(sink: SmtpSink) -> None:
    probe = Passed()
    client = SmtpTransport(SmtpServer.parse(sink.url), PATIENT, probe)
    client.send(Envelope("rep@ours.test", "ana@sink.test", CONTENT), yes)
    client.close()
    points = ["smtp.connected", "smtp.mail", "smtp.rcpt", "smtp.body", "smtp.dot", "smtp.replied"]
    assert probe.points == points


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        (b"A: b\r\n\r\n.\r\n..\r\n.x\r\n", b"A: b\r\n\r\n.\r\n..\r\n.x\r\n"),
        (b"A: b\n\nbare\rfeeds\n.\n", b"A: b\r\n\r\nbare\r\nfeeds\r\n.\r\n"),
        (b"A: b\r\n\r\nno end", b"A: b\r\n\r\nno end\r\n"),
        (b"A: b\r\n\r\nsmuggle\n.\nMAIL FROM:<x@y>\r\n", b"A: b\r\n\r\nsmuggle\r\n.\r\nMAIL FROM:<x@y>\r\n"),
    ],
)
def test_dots_and_line_ends_arrive_as_they_were_meant(sink: SmtpSink, written: bytes, arrives: bytes) -> None:
    assert send(sink, "ana", content=written).kind == "sent"
    assert [message.content for message in sink.taken] == [arrives]


def test_a_local_part_beyond_ascii_goes_only_to_a_server_that_can_carry_it(tmp_path: Path) -> None:
    with SmtpSink(tmp_path) as sink:
        assert send(sink, "иван").kind == "sent"
        sink.behaviour.utf8 = False
        outcome = send(sink, "иван")
    assert (outcome.kind, outcome.scope, outcome.reason) == ("permanent", "message", "unsupported_address")
    assert not outcome.hard_bounce
    assert [message.rcpt for message in sink.taken] == ["иван@sink.test"]


@pytest.mark.parametrize("recipient", ["a@b\r\nRCPT TO:<c@d>", "a b@c.test", "a@b>c", "no-at-sign", "a@\x00b"])
def test_an_address_cannot_carry_a_command(sink: SmtpSink, recipient: str) -> None:
    with pytest.raises(ValueError, match="Not an address"):
        transport(sink).send(Envelope("rep@ours.test", recipient, CONTENT), yes)
    assert sink.connections == 0
