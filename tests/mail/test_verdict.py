"""What answers mean that no scripted server gives: the words of real ones, with and without enhanced codes."""

from __future__ import annotations

import pytest

from workflow.mail.transport import Envelope, FakeTransport, Outcome, Phase
from workflow.mail.verdict import on_reply
from workflow.mail.wire import Reply

ANSWERS = [
    # phase, the server's words, kind, scope, reason
    (Phase.RCPT, "550 5.1.1 The email account that you tried to reach does not exist", "permanent", "recipient"),
    (Phase.RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "permanent", "recipient"),
    (Phase.RCPT, "550 5.4.1 Recipient address rejected: Access denied", "permanent", "recipient"),
    (Phase.RCPT, "550 5.2.1 The email account is disabled", "permanent", "recipient"),
    (Phase.RCPT, "556 5.1.10 Domain has null MX", "permanent", "recipient"),
    (Phase.RCPT, "550 Unrouteable address", "permanent", "recipient"),
    (Phase.RCPT, "550 relay not permitted", "permanent", "mailbox"),
    (Phase.RCPT, "550 Administrative prohibition: listed on a blocklist", "permanent", "mailbox"),
    (Phase.RCPT, "550 5.7.1 Relaying denied", "permanent", "mailbox"),
    (Phase.RCPT, "554 5.7.1 <ana@example.com>: Relay access denied", "permanent", "mailbox"),
    (Phase.RCPT, "550 5.1.8 Sender domain does not resolve", "permanent", "mailbox"),
    (Phase.RCPT, "530 5.7.0 Must issue a STARTTLS command first", "permanent", "mailbox"),
    (Phase.RCPT, "552 5.2.2 Mailbox full", "permanent", "message"),
    (Phase.RCPT, "503 5.5.1 Error: need MAIL command", "transient", "host"),
    (Phase.RCPT, "452 4.5.3 Too many recipients", "transient", "recipient"),
    (Phase.MAIL, "552 5.3.4 Message size exceeds fixed limit", "permanent", "message"),
    (Phase.MAIL, "530 5.7.0 Authentication required", "permanent", "mailbox"),
    (Phase.MAIL, "450 4.1.8 Sender address rejected: Domain not found", "transient", "host"),
    (Phase.AUTH, "454 4.7.0 Temporary authentication failure", "transient", "host"),
    (Phase.AUTH, "534 5.7.9 Application-specific password required", "permanent", "mailbox"),
    (Phase.REPLIED, "550 5.7.26 This mail is unauthenticated", "permanent", "mailbox"),
    (Phase.REPLIED, "554 rejected", "permanent", "mailbox"),
    (Phase.REPLIED, "550 High probability of spam", "permanent", "mailbox"),
    (Phase.REPLIED, "550 5.1.1 no such user", "permanent", "recipient"),
    (Phase.REPLIED, "550 something about the message", "permanent", "message"),
    (Phase.REPLIED, "554 5.6.0 Message content is malformed", "permanent", "message"),
    (Phase.REPLIED, "552 5.2.3 Message length exceeds limit", "permanent", "message"),
    (Phase.REPLIED, "451 4.7.650 The mail server has been temporarily rate limited", "transient", "message"),
    (Phase.REPLIED, "354 go on", "uncertain", "message"),
    (Phase.REPLIED, "250 2.0.0 Ok", "sent", "message"),
]


def reply(words: str) -> Reply:
    return Reply(int(words[:3]), (words[4:],))


@pytest.mark.parametrize(("phase", "words", "kind", "scope"), ANSWERS, ids=[row[1][:40] for row in ANSWERS])
def test_it_blames_the_right_one(phase: Phase, words: str, kind: str, scope: str) -> None:
    outcome = on_reply(phase, reply(words))
    assert (outcome.kind, outcome.scope) == (kind, scope)
    assert outcome.hard_bounce == (kind == "permanent" and scope == "recipient")


@pytest.mark.parametrize(
    ("words", "queue_id"),
    [
        ("250 2.0.0 Ok: queued as 4F2ABC9", "4F2ABC9"),
        ("250 OK id=1tCxyz-0001Ab-2C", "1tCxyz-0001Ab-2C"),
        ("250 2.6.0 <m@x> [InternalId=1] Queued mail for delivery", ""),
        ("250 2.0.0 OK 1700 abc - gsmtp", ""),
    ],
)
def test_it_keeps_the_servers_name_for_the_mail(words: str, queue_id: str) -> None:
    assert on_reply(Phase.REPLIED, reply(words)).queue_id == queue_id


def test_an_enhanced_code_of_another_class_counts_for_nothing() -> None:
    assert Reply(550, ("2.1.1 contradicts itself",)).enhanced is None
    assert Reply(550, ("5.1.1",)).enhanced == (1, 1)


def test_the_fake_transport_plays_its_script_and_then_takes_everything() -> None:
    fake = FakeTransport([Outcome("transient", Phase.RCPT, 451), Outcome("uncertain", Phase.DOT)])
    asked: list[str] = []

    def before_dot() -> bool:
        asked.append("?")
        return True

    mails = [Envelope("a@b.test", f"{number}@c.test", b"") for number in range(3)]
    assert [fake.send(mail, before_dot).kind for mail in mails] == ["transient", "uncertain", "sent"]
    assert (fake.tried, fake.sent) == (mails, mails[1:])
    assert len(asked) == 2, "a mail refused at RCPT never comes to the question"


def test_the_fake_transport_delivers_nothing_after_a_no() -> None:
    fake = FakeTransport()
    assert fake.send(Envelope("a@b.test", "c@d.test", b""), lambda: False).kind == "withdrawn"
    fake.close()
    assert (fake.sent, fake.closed) == ([], True)
