"""One answer per mail, asked in a fixed order; complaints, requests to stop, answers to invitations, what is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from tests.support.letters import ORIGINAL, OURS, PAT, REPORTS, letter, prose_bounces
from workflow.engine import signals as kinds
from workflow.mail import tokens
from workflow.mail.compose import new_message_id
from workflow.mail.inbound import rules
from workflow.mail.inbound.classify import Classified, Kind, classify
from workflow.mail.inbound.matching import UNSUBSCRIBE, Ours, new_tag
from workflow.mail.inbound.signals import told
from workflow.mail.inbound.windows_zones import IANA_OF

WIRE = Path(__file__).parent / "wire"
SAMPLES = sorted(WIRE.glob("*.eml"))
KEY = "k" * 40
PROSPECT = "0192f0c1-3333-7000-8000-0123456789ab"
TAG = new_tag(UNSUBSCRIBE, PROSPECT, KEY)
TOKEN = tokens.sign("unsubscribe", PROSPECT, KEY)
KNOWN = Ours(message_keys=(KEY,), tag_keys=(KEY,), link_keys=(KEY,))


def read(content: bytes) -> Classified:
    return classify(content, ours=KNOWN)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_what_it_should_be(sample: Path) -> None:
    event = json.loads(sample.with_suffix(".meta.json").read_text())["expect"]["events"][0]
    found = classify(sample.read_bytes(), ours=Ours())
    assert (found.kind, found.dedupe_id) == (event["kind"], event["dedupe_id"])
    assert found.sent_at == datetime.fromisoformat(event["occurred_at"])
    values = [each.value for each in found.candidates]
    if event.get("original_message_id_in_mail", True):
        assert event["original_message_id"] in values
    if event["subject_email"] and sample.stem != "auto_ack_ticket_system":
        assert event["subject_email"] in values
    assert found.bounce == event.get("bounce_class")
    if "status" in event:
        assert [(each.status, each.address) for each in found.recipients] == [(event["status"], event["subject_email"])]
    if "stripped_text" in event:
        assert (found.reply.visible, found.opt_out) == (event["stripped_text"], "")
    if "partstat" in event:
        assert found.calendar is not None
        assert (found.calendar.answer.upper(), found.calendar.uid) == (event["partstat"], event["uid"])
        assert found.calendar.starts_at == datetime.fromisoformat(event["starts_at"])


def test_every_rule_says_why_in_both_languages() -> None:
    seen = {classify(path.read_bytes(), ours=Ours()).rule for path in SAMPLES}
    assert seen <= rules.codes()
    for code in rules.codes():
        assert rules.words(code, "en") != rules.words(code, "bg") != code


def complaint(kind: str = "abuse", extra: str = f"Original-Rcpt-To: <{PAT}>\n", to: str = PAT) -> bytes:
    return (
        f"From: fbl@provider.test\nTo: {OURS}\nSubject: FW: Acme\nMessage-ID: <c@provider.test>\nMIME-Version: 1.0\n"
        "Auto-Submitted: auto-generated\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nAn abuse report.\n--b\nContent-Type: message/feedback-report\n\n"
        f"Feedback-Type: {kind}\nUser-Agent: FBL/1.0\nVersion: 1\n{extra}\n--b\nContent-Type: text/rfc822-headers\n\n"
        f"From: {OURS}\nTo: {to}\nMessage-ID: {ORIGINAL}\n\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("content", "people"),
    [
        (complaint(), [PAT]),
        (complaint("fraud"), [PAT]),
        (complaint(extra=""), [PAT]),
        (complaint(extra="", to="redacted@redacted.invalid"), []),
        (
            f"From: staff@hotmail.test\nTo: {OURS}\nSubject: complaint about message\nMIME-Version: 1.0\n"
            f"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
            f"message/rfc822\n\nX-HmXmrOriginalRecipient: {PAT}\n"
            f"From: {OURS}\nMessage-ID: {ORIGINAL}\n\nHello\n--b--\n".encode(),
            [PAT],
        ),
    ],
)
def test_a_complaint_is_known_even_where_the_reader_is_hidden(content: bytes, people: list[str]) -> None:
    found = read(content)
    assert (found.kind, found.originals) == (Kind.COMPLAINT, (ORIGINAL,))
    assert [each.address for each in found.recipients] == people
    assert [each.kind for each in told(found, UTC)] == [kinds.COMPLAINED]


@pytest.mark.parametrize("link", ["<https://ours.test/u/{}>", "<mailto:dana@ours.test?subject=unsubscribe%20{}>"])
def test_a_complaint_that_hides_everything_else_is_matched_by_our_link_to_unsubscribe(link: str) -> None:
    bare = complaint(extra="", to="redacted@redacted.invalid").replace(f"Message-ID: {ORIGINAL}\n".encode(), b"")
    for token, named in ((TOKEN, [PROSPECT]), (tokens.sign("unsubscribe", PROSPECT, "x" * 40), [])):
        content = bare.replace(b"To: redacted", f"List-Unsubscribe: {link.format(token)}\nTo: redacted".encode())
        assert [each.prospect_id for each in read(content).candidates] == named


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_a_report_that_clears_us_or_speaks_of_signatures_is_no_complaint(kind: str) -> None:
    assert read(complaint(kind)).kind is Kind.AUTOMATIC


@pytest.mark.parametrize(
    ("to", "subject", "text", "headers"),
    [
        (f"unsubscribe+{TAG}@ours.test", "unsubscribe", "", {"Auto-Submitted": "auto-generated"}),
        (f"Unsubscribe+{TAG.upper()}@ours.test", "", "", {}),
        (f"dana+{TAG}@ours.test", "unsubscribe", "", {"Delivered-To": f"unsubscribe+{TAG}@ours.test"}),
        (OURS, f"unsubscribe {TOKEN}", "", {"Auto-Submitted": "auto-generated"}),
        (OURS, f"Unsubscribe {TOKEN}", "This message was created automatically.", {"Precedence": "bulk"}),
    ],
)
def test_mail_to_unsubscribe_is_that_and_names_the_prospect(
    to: str, subject: str, text: str, headers: dict[str, str]
) -> None:
    found = read(letter(text, to=to, subject=subject, headers=headers))
    assert found.kind is Kind.UNSUBSCRIBE
    assert (found.candidates[0].prospect_id, found.candidates[0].confidence) == (PROSPECT, "sure")
    assert [each.kind for each in told(found, UTC)] == [kinds.UNSUBSCRIBED]


@pytest.mark.parametrize(
    "subject", ["unsubscribe", "STOP", "Отписване", "Abmelden", "Désinscription", "Baja", "Отписаться"]
)
def test_a_subject_that_says_nothing_else_asks_to_stop(subject: str) -> None:
    found = read(letter("", subject=subject))
    assert (found.kind, found.rule, found.candidates[0].confidence) == (Kind.UNSUBSCRIBE, "unsubscribe.subject", "low")


def test_a_forged_token_names_nobody() -> None:
    found = read(letter("", subject=f"unsubscribe {tokens.sign('unsubscribe', PROSPECT, 'x' * 40)}"))
    assert (found.kind, {each.confidence for each in found.candidates}) == (Kind.UNSUBSCRIBE, {"low"})


@pytest.mark.parametrize("subject", ["Re: unsubscribe", "How do I unsubscribe my colleague?", "Stop by on Tuesday"])
def test_a_person_who_writes_about_it_is_read_as_a_reply(subject: str) -> None:
    assert read(letter("Please tell me how this works.", subject=subject)).kind is Kind.REPLY


ICS = (
    "BEGIN:VCALENDAR\nVERSION:2.0\n{method}BEGIN:VTIMEZONE\nTZID:Europe/Sofia\nBEGIN:STANDARD\nDTSTART:16010101T040000\n"
    "END:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nUID:meeting-42@ours\n "
    ".test\nDTSTART{time}\nORGANIZER:mailto:dana@ours.test\n"
    'ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:sam@prospect.test\nATTENDEE;CN="Moss, Pat";PARTSTAT={said};ROLE=REQ-PARTI\n'
    " CIPANT:MAILTO:Pat.Moss@prospect.test\nCOMMENT:See you\\, then.\nEND:VEVENT\nEND:VCALENDAR\n"
)


@pytest.mark.parametrize(
    ("method", "said", "answer"),
    [
        ("REPLY", "ACCEPTED", "accepted"),
        ("REPLY", "DECLINED", "declined"),
        ("REPLY", "TENTATIVE", "tentative"),
        ("COUNTER", "TENTATIVE", "counter"),
        ("CANCEL", "ACCEPTED", "cancelled"),
    ],
)
@pytest.mark.parametrize(
    "time",
    [
        ":20261125T140000Z",
        ";TZID=Europe/Sofia:20261125T160000",
        ";TZID=FLE Standard Time:20261125T160000",
        ';TZID="W. Europe Standard Time":20261125T150000',
        ";TZID=Central Standard Time (Mexico):20261125T080000",
    ],
)
@pytest.mark.parametrize("attached", [True, False])
def test_an_answer_to_an_invitation_is_read(method: str, said: str, answer: str, time: str, *, attached: bool) -> None:
    text = ICS.format(method=f"METHOD:{method}\n", said=said, time=time)
    kind = "application/ics; name=invite.ics" if attached else f"text/calendar; method={method}; charset=utf-8"
    content = (
        f"From: Pat <{PAT}>\nTo: {OURS}\nSubject: Accepted: Acme\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
        f"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nPat has "
        f"answered.\n--b\nContent-Type: {kind}\n\n"
        f"{text}\n--b--\n"
    )
    found = read(content.encode())
    assert (found.kind, found.calendar is not None) == (Kind.CALENDAR, True)
    assert found.calendar is not None
    assert (found.calendar.answer, found.calendar.uid) == (answer, "meeting-42@ours.test")
    assert found.calendar.attendee == "Pat.Moss@prospect.test"
    assert found.calendar.starts_at == datetime(2026, 11, 25, 14, 0, tzinfo=UTC)
    assert found.calendar.comment == "See you, then."


def test_every_windows_zone_leads_to_one_that_the_system_has() -> None:
    assert {name for name, zone in IANA_OF.items() if zone not in available_timezones()} == set()


def test_an_invitation_by_the_prospect_is_their_reply() -> None:
    text = ICS.format(method="METHOD:REQUEST\n", said="NEEDS-ACTION", time=":20261125T140000Z")
    assert read(letter(text, kind="text/calendar; method=REQUEST", subject="Call")).kind is Kind.REPLY


def test_a_mail_of_our_own_that_comes_back_is_nobody_s_answer() -> None:
    ours = new_message_id("0192f0c1-2222-7000-8000-0123456789ab", KEY, "ours.test")
    content = letter("Hello Pat").replace(b"<one@prospect.test>", ours.encode())
    found = read(content)
    assert (found.kind, told(found, UTC)) == (Kind.OWN, ())
    assert read(content.replace(b"-0123456789ab", b"-0123456789ac")).kind is Kind.REPLY


def test_the_same_mail_has_the_same_key_and_one_without_an_id_is_known_by_its_bytes() -> None:
    content = letter("Hello")
    assert read(content).dedupe_id == "email:<one@prospect.test>"
    bare = content.replace(b"Message-ID: <one@prospect.test>\r\n", b"")
    assert read(bare).dedupe_id == read(bare).dedupe_id != read(bare + b"!").dedupe_id
    assert read(bare).dedupe_id.startswith("email:sha256:")


def test_a_date_that_is_missing_impossible_or_ahead_gives_way_to_the_time_of_arrival() -> None:
    arrived = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
    for date in (
        "",
        "yesterday",
        "Thu, 99 Nov 2026 25:61:00 +9999",
        "Thu, 19 Nov 2099 10:15:30 +0200",
        "Mon, 1 Jan 1900 00:00:00 +0000",
    ):
        assert classify(letter("Hi", date=date), ours=Ours(), received_at=arrived).sent_at == arrived
    assert classify(letter("Hi"), ours=Ours(), received_at=arrived).sent_at == datetime(
        2026, 11, 19, 8, 15, 30, tzinfo=UTC
    )


def test_each_kind_tells_the_engine_what_it_knows() -> None:
    hard, soft = REPORTS["postfix"]("5.1.1", "550 5.1.1 no"), prose_bounces("552 mailbox full")["exim"]
    told_of = {verdict: told(read(content), UTC)[0] for verdict, content in (("hard", hard), ("soft", soft))}
    assert {
        verdict: (each.kind, each.data["permanent"], each.data["address"]) for verdict, each in told_of.items()
    } == {
        "hard": (kinds.BOUNCED, True, PAT),
        "soft": (kinds.BOUNCED, False, PAT),
    }
    assert told(read(REPORTS["postfix"]("4.4.1", "timed out", "delayed")), UTC) == ()
    both = told(read(letter("Please remove me from your list.")), UTC)
    assert [each.kind for each in both] == [kinds.REPLIED, kinds.UNSUBSCRIBED]
    away = told(read(letter("Out of office until 1 December.", headers={"Auto-Submitted": "auto-replied"})), UTC)
    assert [(each.kind, each.data["about"], each.data["returns_on"]) for each in away] == [
        ("email.auto_replied", "away", "2026-12-01")
    ]
