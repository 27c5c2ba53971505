"""Bounces as the world's mail servers write them: whom they are about, how final they are, which mail it was."""

from __future__ import annotations

import pytest

from tests.support.letters import ORIGINAL, OURS, PAT, REPORTS, letter, prose, prose_bounces, report
from workflow.mail.inbound.classify import Classified, Kind, classify
from workflow.mail.inbound.matching import Ours
from workflow.mail.inbound.verdicts import judge

REFUSALS = [
    ("5.1.1", f"550 5.1.1 <{PAT}>: Recipient address rejected: User unknown in virtual mailbox table", "hard"),
    ("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist.", "hard"),
    ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "hard"),
    ("5.1.2", "550 5.1.2 Bad destination system address", "hard"),
    ("5.1.6", "551 5.1.6 Mailbox has moved", "hard"),
    ("5.1.0", "550 5.1.0 Address rejected.", "hard"),
    ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled", "hard"),
    ("5.0.0", "550 No such user here", "hard"),
    ("5.0.0", "550 5.1.1 sorry, no mailbox here by that name", "hard"),
    ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable", "hard"),
    ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "hard"),
    (
        "5.4.4",
        "Host or domain name not found. Name service error for name=prospect.test type=A: Host not found",
        "hard",
    ),
    ("5.4.310", "550 5.4.310 DNS domain prospect.test does not exist", "hard"),
    ("5.0.0", "550 Потребителят не съществува", "hard"),
    ("5.2.2", "552 5.2.2 mailbox full", "soft"),
    ("5.0.0", "552 5.2.2 Over quota", "soft"),
    ("5.0.0", "554 Mailbox quota exceeded", "soft"),
    ("5.1.1", "550 5.1.1 mailbox is full", "soft"),
    ("4.4.7", "400 4.4.7 Message delayed: delivery time expired", "soft"),
    ("5.4.7", "550 5.4.7 Delivery expired (message too old)", "soft"),
    ("4.4.1", "connect to mx.prospect.test[192.0.2.44]:25: Connection timed out", "soft"),
    ("5.4.1", "connect to mx.prospect.test[192.0.2.44]:25: Connection refused", "soft"),
    ("5.4.6", "554 5.4.6 Hop count exceeded - possible mail loop", "soft"),
    ("5.7.1", "550 5.7.1 Message rejected due to content", "policy"),
    ("5.7.1", f"554 5.7.1 <{PAT}>: Recipient address rejected: blocked", "policy"),
    ("5.7.26", "550 5.7.26 Unauthenticated email is not accepted due to domain's DMARC policy", "policy"),
    ("5.7.606", "550 5.7.606 Access denied, banned sending IP", "policy"),
    ("5.0.0", "554 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org", "policy"),
    ("5.1.1", "550 5.7.1 Unable to relay", "policy"),
    ("5.1.8", "550 5.1.8 Sender address rejected: Domain not found", "policy"),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed maximum message size", "policy"),
    ("5.6.0", "550 5.6.0 Lone CR or LF in body", "policy"),
]


def read(content: bytes) -> Classified:
    return classify(content, ours=Ours())


@pytest.mark.parametrize("server", REPORTS)
@pytest.mark.parametrize(("status", "said", "verdict"), REFUSALS)
def test_a_report_of_a_failure_tells_the_address_how_final_it_is_and_the_mail(
    server: str, status: str, said: str, verdict: str
) -> None:
    found = read(REPORTS[server](status, said))
    assert (found.kind, found.bounce, found.rule) == (Kind.BOUNCE, verdict, "report.failed")
    assert [(each.address, each.status, each.action) for each in found.recipients] == [(PAT, status, "failed")]
    assert found.originals[0] == ORIGINAL
    assert found.evidence.startswith(status)


@pytest.mark.parametrize("server", REPORTS)
def test_a_report_of_a_delay_or_of_a_delivery_is_no_bounce(server: str) -> None:
    late = read(REPORTS[server]("4.4.1", "Connection timed out", "delayed"))
    assert (late.kind, late.bounce, late.recipients[0].address) == (Kind.DEFERRED, None, PAT)
    for action in ("delivered", "relayed", "expanded"):
        assert read(REPORTS[server]("2.0.0", "250 2.0.0 OK", action)).kind is Kind.DELIVERED


PROSE = [
    ("550 5.1.1 User unknown", "hard"),
    ("Sorry, no mailbox here by that name. (#5.1.1)", "hard"),
    ("550 Requested action not taken: mailbox unavailable", "hard"),
    ("550 no such user", "hard"),
    (
        "The e-mail account does not exist at the organization this message was sent to. <mx.prospect.test #5.1.1>",
        "hard",
    ),
    ("552 Mailbox is full", "soft"),
    ("Mailbox quota exceeded (#5.2.2)", "soft"),
    ("retry timeout exceeded", "soft"),
    ("550 5.7.1 rejected as spam", "policy"),
    ("554 Your IP is listed on a blacklist", "policy"),
]


@pytest.mark.parametrize("server", prose_bounces(""))
@pytest.mark.parametrize(("said", "verdict"), PROSE)
def test_a_bounce_in_prose_is_one_too(server: str, said: str, verdict: str) -> None:
    content = prose_bounces(said)[server]
    found = read(content)
    assert (found.kind, found.rule) == (Kind.BOUNCE, "bounce.prose"), found
    assert [each.address for each in found.recipients] == [PAT]
    assert found.bounce == verdict
    if ORIGINAL.encode() in content:
        assert found.originals == (ORIGINAL,)


@pytest.mark.parametrize(
    "content",
    [
        prose(
            "Mail Delivery System <Mailer-Daemon@exim.test>",
            "Warning: message 1tCxyz-0001 delayed 24 hours",
            "This message was created automatically by mail delivery software.\nA message that you sent has not yet "
            "been "
            f"delivered to one or more of its recipients after more than 24 hours on the queue.\n\n  {PAT}\n\nNo "
            f"action is "
            "required on your part. Delivery attempts will continue for some time.",
        ),
        prose(
            "Mail Delivery Subsystem <MAILER-DAEMON@sm.test>",
            "Warning: could not send message for past 4 hours",
            f"    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n"
            f"The original message was received at Thu\n\n<{PAT}>\nDeferred: Connection timed out\nWill keep trying "
            f"until "
            "message is 5 days old",
        ),
    ],
)
def test_a_warning_in_prose_is_a_delay(content: bytes) -> None:
    found = read(content)
    assert (found.kind, found.rule, found.bounce) == (Kind.DEFERRED, "bounce.delayed", None)
    assert [each.address for each in found.recipients] == [PAT]


def test_a_failure_after_a_delay_is_a_failure() -> None:
    text = f"Your message could not be delivered; I have given up.\n\n<{PAT}>\nretry timeout exceeded"
    found = read(prose("MAILER-DAEMON@mx.test", "Mail delivery failed: delayed too long, returned to sender", text))
    assert (found.kind, found.bounce) == (Kind.BOUNCE, "soft")


def test_our_own_address_in_a_bounce_is_no_recipient() -> None:
    text = f"The message of\n{OURS}\ncould not be delivered to\n{PAT}\n550 no such user"
    found = read(prose("MAILER-DAEMON@mx.test", "Undelivered", text))
    assert [(each.address, each.verdict) for each in found.recipients] == [(PAT, "hard")]


def test_a_report_on_several_people_judges_each() -> None:
    fields = (
        "Reporting-MTA: dns; mx.test\n\n"
        "Final-Recipient: rfc822; a@one.test\nAction: failed\nStatus: 5.2.2\n\n"
        "Final-Recipient: rfc822; b@two.test\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such "
        "user\n\n"
        "Original-Recipient: rfc822;c@three.test\nFinal-Recipient: rfc822; c@elsewhere.test\nAction: "
        "delayed\nStatus: 4.0.0\n"
    )
    found = read(report("MAILER-DAEMON@mx.test", "Undelivered", "See below.", fields))
    told = [(each.address, each.action, each.verdict) for each in found.recipients]
    assert told == [
        ("a@one.test", "failed", "soft"),
        ("b@two.test", "failed", "hard"),
        ("c@three.test", "delayed", None),
    ]
    assert found.bounce == "hard"


def test_a_report_without_status_or_action_is_read_by_what_the_server_said() -> None:
    fields = f"Reporting-MTA: dns; mx.test\n\nFinal-Recipient: rfc822; {PAT}\nDiagnostic-Code: smtp; 550 5.1.1 User "
    "unknown\n"
    found = read(report("MAILER-DAEMON@mx.test", "Undelivered", "See below.", fields))
    assert (found.kind, found.bounce, found.recipients[0].status) == (Kind.BOUNCE, "hard", "5.1.1")


def test_a_report_for_an_address_beyond_ascii_is_read() -> None:
    fields = "Reporting-MTA: dns; mx.test\n\nFinal-Recipient: utf-8; иван@пример.test\nAction: failed\nStatus: 5.1.1\n"
    content = report("MAILER-DAEMON@mx.test", "Undelivered", "See below.", fields)
    found = read(content.replace(b"message/delivery-status", b"message/global-delivery-status"))
    assert [each.address for each in found.recipients] == ["иван@пример.test"]


@pytest.mark.parametrize(
    ("sender", "subject", "text"),
    [
        (f"Pat Moss <{PAT}>", "Re: Acme pilot", "Our mail bounced: 550 5.1.1 user unknown. Can you send it again?"),
        (f"Pat Moss <{PAT}>", "Undeliverable: Acme pilot", "I got this back. What is wrong with your address?"),
        (
            "Postmaster <postmaster@prospect.test>",
            "Re: Acme pilot",
            "I run the mail here. Please call me about the pilot.",
        ),
        (
            f"Pat Moss <{PAT}>",
            "Returned mail",
            "> could not be delivered to the following recipients\n\nTry my other address.",
        ),
    ],
)
def test_a_person_who_writes_about_a_bounce_is_no_bounce(sender: str, subject: str, text: str) -> None:
    headers = {"Return-Path": f"<{PAT}>", "In-Reply-To": ORIGINAL}
    assert read(letter(text, sender=sender, subject=subject, headers=headers)).kind is Kind.REPLY


def test_a_report_forwarded_by_a_person_as_a_file_is_their_reply() -> None:
    inside = REPORTS["postfix"]("5.1.1", "550 5.1.1 User unknown").decode()
    content = (
        f"From: {PAT}\nTo: {OURS}\nSubject: Fwd: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
        f"boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nI got this from you?\n--b\nContent-Type: message/rfc822\n\n{inside}\n--b--\n"
    )
    found = read(content.encode())
    assert (found.kind, found.reply.visible) == (Kind.REPLY, "I got this from you?")


@pytest.mark.parametrize(
    ("status", "said", "verdict"),
    [
        ("", "", "soft"),
        ("", "something odd happened", "soft"),
        ("5.9.9", "something odd", "soft"),
        ("", "450 4.1.1 user unknown", "soft"),
        ("", "450 user unknown", "soft"),
        ("", "Exim 4.94.2 says: 550 unrouteable address", "hard"),
        ("", "host mx[5.1.1.1] said: 552 over quota", "soft"),
    ],
)
def test_no_address_is_given_up_in_doubt(status: str, said: str, verdict: str) -> None:
    assert judge(status, said)[0] == verdict
