"""Mail that a service passes on is understood as mail that was read from a mailbox is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from web.webhooks.letters import REPORT, inbound, received
from workflow.engine import signals as kinds

WIRE = Path(__file__).parents[1] / "mail" / "wire"


def mail(name: str) -> bytes:
    return (WIRE / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("arf_abuse_full", kinds.COMPLAINED),
        ("dsn_postfix_hard_unknown_user", kinds.BOUNCED),
        ("dsn_gmail_unknown", kinds.BOUNCED),
        ("dsn_postfix_delayed_warning", REPORT),
        ("auto_ack_ticket_system", kinds.AUTO_REPLIED),
        ("list_unsubscribe_mailto", kinds.UNSUBSCRIBED),
    ],
)
def test_each_kind_of_mail_becomes_its_event(name: str, kind: str) -> None:
    assert [each.type for each in inbound(mail(name))] == [kind]


def test_only_a_lasting_bounce_is_permanent() -> None:
    [hard] = inbound(mail("dsn_postfix_hard_unknown_user"))
    [full] = inbound(mail("dsn_exchange_mailbox_full"))
    assert (hard.data["permanent"], full.data["permanent"]) == (True, False)
    assert hard.data["message_id"].startswith("<")


def test_a_report_that_names_no_email_says_nothing() -> None:
    """Anybody can write one about anybody."""
    bare = mail("dsn_postfix_hard_unknown_user").replace(b"Message-ID:", b"X-Lost:").replace(b"Message-Id:", b"X-Lost:")
    assert [each.type for each in inbound(bare)] == [REPORT]


def test_a_reply_that_asks_to_stop_is_two_events_under_two_names() -> None:
    written = (
        b"From: ana@example.com\r\nIn-Reply-To: <m1@example.com>\r\nSubject: Re: hi\r\n\r\nPlease unsubscribe me.\r\n"
    )
    told = received(written, "delivery-1")
    assert [(each.type, each.event_id) for each in told] == [
        (kinds.REPLIED, "delivery-1"),
        (kinds.UNSUBSCRIBED, "delivery-1#1"),
    ]
    assert {each.data["message_id"] for each in told} == {"<m1@example.com>"}


def test_the_time_is_the_one_the_mail_says() -> None:
    [event] = inbound(b"From: ana@example.com\r\nDate: Mon, 2 Mar 2026 10:00:00 +0200\r\n\r\nHi\r\n")
    assert event.occurred_at == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_an_absence_names_its_day() -> None:
    [event] = inbound(
        b"From: ana@example.com\r\nDate: Mon, 2 Mar 2026 10:00:00 +0200\r\nSubject: Out of office\r\n"
        b"Auto-Submitted: auto-replied\r\nIn-Reply-To: <m1@example.com>\r\n\r\nI am away until 12 March 2026.\r\n"
    )
    assert (event.type, event.data["about"], event.data["returns_on"]) == (kinds.AUTO_REPLIED, "away", "2026-03-12")
    assert event.data["message_id"] == "<m1@example.com>"
