"""Whatever is signed is answered 202 and kept; whatever is not signed is answered 401. Never anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.conftest import Clock
from tests.support.processes import signed
from tests.web.fixtures import Sender, body_of
from tests.web.vendors import Sent, arrive, vendors
from web.webhooks.adapter import parcel
from web.webhooks.kinds import ADAPTERS
from web.webhooks.letters import inbound
from workflow.engine.signals import FIELDS, KINDS
from workflow.records.models import Source
from workflow.reports import doctor
from workflow.workspace import Workspace

OUTCOMES = {"applied", "duplicate", "ignored", "blocked", "stale", "parked", "failed", "pending"}
NAMES = (
    *FIELDS, "ref", "custom", "trigger", "outcome", "reason", "minutes", "notes", "answers", "uid", "starts_at",
    "ends_at", "place", "address", "message_id", "detail", "permanent", "value",
)  # fmt: skip
LIKELY = st.sampled_from(
    [
        "ana@example.com", "qualify", "close", "won", "bg", "Europe/Sofia", "BG", "2026-11-10T07:00:00Z", "m-1", 12,
        1794297000, True, "", "\u0000", "\ud800", "\u202e", "a@b", "x" * 500, -1, 1e30, 2**63 - 1, [], {}, {"a": "b"},
    ]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
ANYTHING = st.recursive(
    SCALARS | LIKELY, lambda child: st.lists(child, max_size=4) | st.dictionaries(st.text(), child, max_size=4)
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": LIKELY | st.text(max_size=300),
        "type": st.sampled_from(sorted(KINDS)) | ANYTHING,
        "occurred_at": LIKELY | ANYTHING,
        "prospect": st.dictionaries(st.sampled_from(NAMES) | st.text(), LIKELY | ANYTHING, max_size=6) | ANYTHING,
        "data": st.dictionaries(st.sampled_from(NAMES) | st.text(), LIKELY | ANYTHING, max_size=6) | ANYTHING,
        "extra": ANYTHING,
    },
)
# One database for all examples of a test: what was kept before must not matter.
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@relaxed
@given(body=st.lists(EVENTS | ANYTHING, max_size=5) | EVENTS | ANYTHING)
def test_any_json_is_accepted_and_leaves_the_records_sound(crm: Sender, ws: Workspace, body: Any) -> None:
    answer = crm.deliver(json.dumps(body).encode())
    assert answer.status_code == 202, answer.text
    assert {event["outcome"] for event in body_of(answer)["events"]} <= OUTCOMES
    assert doctor.examine(ws) == ()


@relaxed
@given(body=st.binary(max_size=400))
def test_any_bytes_are_accepted(crm: Sender, body: bytes) -> None:
    answer = crm.deliver(body)
    assert answer.status_code == 202, answer.text


@relaxed
@given(
    header=st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
    value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=400),
)
def test_any_header_that_was_not_signed_is_refused(crm: Sender, header: str, value: str) -> None:
    body = b'{"type":"call.ended"}'
    headers = signed(crm.secret, body, "msg_1", crm.clock.now)
    if headers[header] == value:
        return
    answer = crm.client.post("/webhooks/crm", data=body, headers={**headers, header: value})
    assert answer.status_code == 401, answer.text


@relaxed
@given(
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Content-Encoding", "User-Agent", "Accept-Language", "Cookie", "Host"]),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60),
    )
)
def test_any_other_header_changes_nothing_of_that(crm: Sender, headers: dict[str, str]) -> None:
    answer = crm.deliver({"type": "call.ended", "prospect": {"email": "ana@example.com"}}, headers=headers)
    assert answer.status_code == 202, answer.text


# The words that some adapter looks for, so that a random body gets further than its first brace.
WORDS = (
    "event", "eventName", "type", "Type", "payload", "data", "meta", "current", "previous", "record", "object_type",
    "action", "module", "operation", "ids", "affected_values", "token", "signature", "event-data", "Message",
    "properties",
    "triggerEvent", "attendees", "RecordType", "Headers", "ID", "Email", "objectId", "subscriptionType", "occurredAt",
    "propertyName", "propertyValue", "id", "status", "stage", "contacts", "emails", "timestamp", "uid", "ticket_id",
    "message", "doctype", "name", "modified", "scheduled_event", "uri", "old_invitee", "rescheduleUid", "startTime",
    "tracking", "createdAt", "reason", "duration", "bounce", "mail", "content", "prospect", "entity", "person_id",
)  # fmt: skip
LIKELIER = LIKELY | st.sampled_from(
    ["deal", "person", "invitee.created", "BOOKING_CREATED", "Bounce", "failed", "bounce", "opportunity",
     "activity.call",
     "completed", "call", "customer_message", "Deals", "insert", "update", "Received", "Notification", "dealstage",
     "https://api.calendly.com/scheduled_events/A/invitees/B", "2026-11-10 07:00:00", "1794297000.5", "{$macro}"]
)  # fmt: skip
BODIES = st.recursive(
    SCALARS | LIKELIER,
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.sampled_from(WORDS), child, max_size=8),
    max_leaves=25,
)
HEADERS = sorted({name for adapter in ADAPTERS.values() for name in adapter.reads if name[0] != ":"})
PRINTABLE = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=80)


@pytest.fixture(scope="module")
def everyone() -> list[str]:
    """Each way in which a vendor signs."""
    return sorted(vendors())


@settings(relaxed, max_examples=250)
@given(data=st.data())
def test_no_vendor_s_word_is_answered_with_an_error(
    ws: Workspace, crm: Sender, clock: Clock, everyone: list[str], data: st.DataObject
) -> None:
    vendor = vendors()[data.draw(st.sampled_from(everyone))]
    name = f"s-{vendor.kind}-{vendor.sign.__name__.replace('_', '-').lower()}"
    if (vendor.kind, name) not in _arrived(ws):
        arrive(ws, crm.client, clock, vendor, name)
    body = data.draw(st.binary(max_size=300) | BODIES.map(lambda each: json.dumps(each).encode()))
    headers = data.draw(st.dictionaries(st.sampled_from(["Content-Type", *HEADERS]), PRINTABLE, max_size=2))
    sent = vendor.sign(Sent(f"/webhooks/{name}", body, {}), vendor.secret, clock.now)
    tail = data.draw(st.sampled_from(["", "", "", "/x", "/Lead.create", "/%00", "/a/b", "?a=b&a=c"]))
    for told in ({}, headers):
        answer = crm.client.post(sent.path + tail, data=sent.body, headers={**sent.headers, **told})
        assert answer.status_code in (200, 202, 401, 404), answer.text


def _arrived(ws: Workspace) -> set[tuple[str, str]]:
    with ws.database.read() as tx:
        return {(row.kind, row.name) for row in tx.conn.execute(select(Source.kind, Source.name))}


@settings(relaxed, max_examples=100)
@given(body=st.binary(max_size=200), content_type=PRINTABLE | st.sampled_from(["multipart/form-data; boundary=x"]))
def test_any_form_is_read_or_refused(crm: Sender, body: bytes, content_type: str) -> None:
    for kind in ("mailgun", "sendgrid"):
        headers = {"content-type": content_type}
        found = parcel(ADAPTERS[kind], headers, b"--x\r\nContent-Disposition: form-data; name=email\r\n\r\n" + body)
        assert found.unreadable or found.events is not None
        assert not ADAPTERS["mailgun"].verify(headers, body, ("secret",), crm.clock.now)


@settings(relaxed, max_examples=300)
@given(content=st.binary(max_size=500) | st.lists(st.sampled_from(
    [b"From: ", b"ana@example.com", b"=?utf-8?b?", b"?=", b"\r\n", b"Date: ", b"Message-ID: <", b">", b"\xff",
     b"References:"]
)).map(b"".join))  # fmt: skip
def test_any_received_mail_is_an_event(content: bytes) -> None:
    (event,) = inbound(content)
    assert event.type.startswith("email.")


def test_a_zero_byte_in_an_address_reaches_no_row(ws: Workspace, crm: Sender, clock: Clock) -> None:
    """PostgreSQL refuses it in a text, and SQLite does not."""
    vendor = next(each for each in vendors().values() if each.kind == "espocrm")
    arrive(ws, crm.client, clock, vendor, "espo")
    for body in ([{"id": "1"}], [{"id": "2", "deleted": True}], [{"id": "3", "lastName": "Petrova"}]):
        sent = vendor.sign(Sent("/webhooks/espo", json.dumps(body).encode(), {}), vendor.secret, clock.now)
        answer = crm.client.post(sent.path + "/Lead%00.cre%00ate", data=sent.body, headers=sent.headers)
        assert answer.status_code == 202, answer.text
        assert answer.json is not None
        assert answer.json["events"][0]["outcome"] != "failed"


NUMBERS_THAT_ARE_NONE = "²"  # a digit for `isdigit`, and no number for `int`


@pytest.mark.parametrize(
    ("kind", "headers", "body"),
    [
        (
            "pipedrive",
            {},
            {"meta": {"entity": "activity", "action": "change"},
             "data": {"type": "call", "done": True, "duration": f"{NUMBERS_THAT_ARE_NONE}:30"}},
        ),
        ("liveagent", {}, {"event": "call_ended", "call_id": "c-1", "duration": NUMBERS_THAT_ARE_NONE}),
        (
            "ses",
            {},
            {"Type": "Notification", "MessageId": "m-1", "Message": json.dumps(
                {"eventType": "Subscription", "mail": {"destination": 5},
                 "subscription": {"newTopicPreferences": {"unsubscribeAll": True}}})},
        ),
        *(
            (
                "sendgrid",
                {"content-type": "application/x-www-form-urlencoded"},
                f'from=ana@example.com&headers=From: ana@example.com&text=Yes&charsets={{"text":"{charset}"}}',
            )
            for charset in ("undefined", "idna", "rot13", "a\\u0000b")
        ),
    ],
)  # fmt: skip
def test_an_odd_fact_of_a_vendor_costs_no_delivery(kind: str, headers: dict[str, str], body: object) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    assert parcel(ADAPTERS[kind], headers, content.encode()).events
