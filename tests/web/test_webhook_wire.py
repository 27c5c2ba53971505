"""Deliveries of every vendor as they are on the wire: taken, each event named and dated, and refused when altered.

The bodies and headers are invented after the vendors' pages; `vectors.json` holds what vendors published themselves.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.conftest import Clock
from web import create_app
from web.webhooks import hubspot
from web.webhooks.adapter import parcel
from web.webhooks.kinds import ADAPTERS, read_again
from workflow.actions import sources
from workflow.records.models import Delivery, Event
from workflow.workspace import Workspace

WIRE = Path(__file__).parent / "wire"
VECTORS = json.loads((WIRE / "vectors.json").read_text())
BASE = "https://hooks.example.com"
# Where our name for an event is another than the collection's, and why.
OURS = {
    "espocrm/lead_create": ["espocrm:lead_create:64f1aaaa000000044:"],  # not the webhook's id
    "github/generic_hmac_sha256": ["github:72d3162e-cc78-11e3-81ab-4c9367dc0958"],
    "hubspot/workflow_webhook_v2": ["hubspot-workflow:9fa89fec300ab16d51c0b1da62937daf"],
    "liveagent/rule_message_added_minimal": ["minute:"],  # nothing in it tells one message from the next
    "liveagent/rule_message_added_seen_in_the_wild": ["liveagent:a1b2c3d4:message_added:"],
    "mailgun/inbound_route_urlencoded": ["email:<CAPat0001@mail.prospect.example.com>"],
    "n8n/http_request_node_header_auth": ["github:231-0"],
    "n8n/http_request_node_hmac": ["github:231-0"],
    "postmark/inbound_reply": ["email:<CAPat0001@mail.prospect.example.com>"],  # the same mail by any way is one event
    "ses/inbound_received_base64": ["email:<CAPat0001@mail.prospect.example.com>"],
    "standard/standard_deal_stage_changed": ["msg_2KWPBgLlAfxdpx2AI54pPJ85f4W:0"],
    "standard/svix_headers": ["msg_2KWPBgLlAfxdpx2AI54pPJ85f4W:0"],
}  # fmt: skip
TYPES = {
    "calcom/booking_cancelled": ["meeting.cancelled"],
    "calcom/booking_created": ["meeting.booked"],
    "calendly/invitee_canceled": ["meeting.cancelled"],
    "calendly/invitee_created": ["meeting.booked"],
    "close/opportunity_updated_won": ["deal.stage Won", "deal.status won"],
    "espocrm/lead_create": ["prospect.upserted", "lead.status New"],
    "frappe/crm_deal_on_update": ["deal.stage Won"],
    "github/generic_hmac_sha256": ["deal.moved won"],
    "hubspot/deal_stage_and_contact_creation_batch": [
        "deal.stage presentationscheduled", "contact.creation", "deal.stage closedwon"
    ],
    "hubspot/generic_object_propertyChange": ["deal.stage closedlost"],
    "hubspot/workflow_webhook_v2": ["deal.stage closedwon"],
    "liveagent/rule_call_started": ["incoming_call_started"],
    "liveagent/rule_message_added_minimal": ["email.replied"],
    "liveagent/rule_message_added_seen_in_the_wild": ["email.replied"],
    "liveagent/rule_ticket_status_changed": ["ticket.status R"],
    "mailgun/complained": ["email.complained"],
    "mailgun/failed_permanent": ["email.bounced True"],
    "mailgun/inbound_route_urlencoded": ["email.replied"],
    "mailgun/unsubscribed": ["email.unsubscribed"],
    "n8n/http_request_node_header_auth": ["prospect.stage_changed meeting_booked"],
    "n8n/http_request_node_hmac": ["prospect.stage_changed meeting_booked"],
    "pipedrive/v1_deal_updated": ["deal.stage 5", "deal.status won"],
    "pipedrive/v2_deal_change_stage_won": ["deal.stage 5", "deal.status won"],
    "pipedrive/v2_person_create": ["prospect.upserted"],
    "postmark/bounce_hard": ["email.bounced True"],
    "postmark/bounce_soft_transient": ["email.bounced False"],
    "postmark/inbound_reply": ["email.replied"],
    "postmark/spam_complaint": ["email.complained"],
    "salesforce/flow_http_callout": ["deal.stage Closed Won"],
    "salesforce/outbound_message_opportunity": ["deal.stage Closed Won", "deal.stage Qualification"],
    "sendgrid/events_batch": [
        "email.bounced True", "email.bounced False", "email.bounced True", "email.deferred", "email.complained",
        "email.unsubscribed", "email.unsubscribed",
    ],
    "sendgrid/inbound_parse_default": ["email.replied"],
    "ses/bounce_permanent_v2": ["email.bounced True"],
    "ses/complaint_configset_event": ["email.complained"],
    "ses/inbound_received_base64": ["email.replied"],
    "standard/standard_deal_stage_changed": ["deal.stage_changed"],
    "standard/svix_headers": ["deal.stage_changed"],
    "twenty/opportunity_updated": ["deal.stage CUSTOMER"],
    "zoho/deals_update": ["deal.stage Closed Won", "deal.stage Qualification"],
}  # fmt: skip


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database: what is told here is told before any is asked."""
    return sqlite_url


@dataclass(frozen=True)
class Wire:
    """One request as a vendor sends it."""

    kind: str
    name: str
    body: bytes
    headers: dict[str, str]
    url: str
    auth: dict[str, Any]
    now: datetime
    expected: list[dict[str, Any]]
    status: int

    @property
    def secret(self) -> str:
        """What `source add` is given for it."""
        if certificate := self.auth.get("certificate_file"):
            return (WIRE / self.kind / str(certificate).split()[0]).read_text()
        names = ("secret", "password", "path_secret", "public_key_b64_der")
        return str(next((self.auth[name] for name in names if self.auth.get(name)), "no-secret-provided"))


def load(meta: Path) -> Wire:
    told = json.loads(meta.read_text())
    request = told["request"]
    return Wire(
        kind="github" if meta.parent.name == "n8n" else meta.parent.name,
        name=f"{meta.parent.name}/{told['event']}",
        body=(meta.parent / request["body_file"]).read_bytes(),
        headers=request["headers"],
        url=request["url"],
        auth=told["auth"],
        now=datetime.fromtimestamp(told["frozen_clock"]["epoch_s"], UTC),
        expected=told["expect"]["events"],
        status=told["expect"]["http_status"],
    )


ALL = [load(meta) for meta in sorted(WIRE.glob("*/*.meta.json"))]
GOOD = [wire for wire in ALL if wire.status != 401]
NAMES = [wire.name for wire in GOOD]


@dataclass
class Door:
    """An installation that vendors know by the address they signed."""

    ws: Workspace
    client: FlaskClient
    clock: Clock

    def open(self, wire: Wire, secret: str | None = None) -> str:
        """Make the source of a request, of another secret perhaps; gives the path to send it to."""
        self.clock.now = wire.now
        sources.add(self.ws, wire.kind, wire.kind, secret or wire.secret)
        return self.path(wire)

    def path(self, wire: Wire) -> str:
        """Where the vendor sends it: to the address that `source add` prints, or to one with a word behind it."""
        path = sources.address(self.ws, wire.kind, wire.kind, wire.secret).removeprefix(BASE)
        if wire.kind == "salesforce" and "X-Api-Key" in wire.headers:
            path = "/webhooks/salesforce"
        return path + next((f"/{word}" for word in ("workflow", "lead_create") if wire.url.endswith(f"/{word}")), "")

    def post(self, path: str, wire: Wire, body: bytes | None = None) -> TestResponse:
        return self.client.post(path, data=wire.body if body is None else body, headers=wire.headers)

    def events(self) -> list[Any]:
        with self.ws.database.read() as tx:
            columns = (Event.event_id, Event.occurred_at, Event.type, Event.outcome)
            return list(tx.conn.execute(select(*columns).order_by(Event.delivery_id, Event.position)))

    def deliveries(self) -> list[Any]:
        with self.ws.database.read() as tx:
            return list(tx.conn.execute(select(Delivery.status, Delivery.headers, Delivery.body).order_by(Delivery.id)))


@pytest.fixture
def door(ws: Workspace, clock: Clock) -> Door:
    known = replace(ws, settings=replace(ws.settings, base_url=BASE))
    return Door(known, create_app(known, clock=clock).test_client(), clock)


@pytest.mark.parametrize("wire", GOOD, ids=NAMES)
def test_it_is_taken_once_and_kept_without_what_proved_it(door: Door, wire: Wire) -> None:
    path = door.open(wire)
    answer = door.post(path, wire)
    assert answer.status_code == ADAPTERS[wire.kind].success, answer.text
    rows = door.events()
    found = {row.event_id: row for row in rows}
    wanted = OURS.get(wire.name) or [expected["dedupe_id"] for expected in wire.expected]
    for name, expected in zip(wanted, wire.expected, strict=True):
        row = next((row for event_id, row in found.items() if event_id.startswith(name)), None)
        assert row is not None, (name, list(found))
        if str(expected.get("occurred_at", "")).endswith("Z"):
            assert abs(row.occurred_at - datetime.fromisoformat(expected["occurred_at"])) < timedelta(milliseconds=1)
    assert door.post(path, wire).status_code == ADAPTERS[wire.kind].success
    assert door.events() == rows
    (kept,) = door.deliveries()
    assert kept.body == wire.body
    assert not any("signature" in name or "auth" in name or "key" in name or "hash" in name for name in kept.headers)
    again = parcel(ADAPTERS[wire.kind], kept.headers, kept.body)
    assert [each.event_id for each in again.events] == [row.event_id for row in rows]


@pytest.mark.parametrize("wire", GOOD, ids=NAMES)
def test_it_means_what_it_should(wire: Wire) -> None:
    headers = {name.lower(): value for name, value in wire.headers.items()} | {":event": "lead_create"}
    found = read_again(wire.kind, wire.body, headers)
    told = [
        " ".join([each.type, str(each.data.get("value", each.data.get("permanent", "")))]).strip()
        for each in found.events
    ]
    assert told == TYPES[wire.name]


@pytest.mark.parametrize("wire", GOOD, ids=NAMES)
def test_another_secret_refuses_it(door: Door, wire: Wire) -> None:
    other = {
        "standard": "whsec_" + base64.b64encode(bytes(range(32))).decode(),
        "close": "00" * 32,
        "sendgrid": VECTORS["sendgrid_ecdsa"]["public_key"],
        "ses": "another-token",
    }.get(wire.kind, "another secret")
    answer = door.post(door.open(wire, other), wire)
    assert (answer.status_code, door.deliveries()) == (401, [])


@pytest.mark.parametrize("wire", GOOD, ids=NAMES)
def test_it_stays_good_while_its_secret_is_changed(door: Door, wire: Wire) -> None:
    path = door.open(wire)
    sources.rotate(door.ws, wire.kind)
    assert door.post(path, wire).status_code == ADAPTERS[wire.kind].success
    sources.rotate(door.ws, wire.kind)
    door.clock.advance(seconds=1)
    assert (
        create_app(door.ws, clock=door.clock).test_client().post(path, data=wire.body, headers=wire.headers).status_code
        == 401
    )


SIGNED = [
    wire
    for wire in GOOD
    if wire.kind not in ("pipedrive", "postmark", "liveagent", "salesforce", "mailgun", "zoho")
    and wire.name not in ("sendgrid/inbound_parse_default", "n8n/http_request_node_header_auth")
]


@pytest.mark.parametrize("wire", SIGNED, ids=[wire.name for wire in SIGNED])
def test_no_flipped_byte_of_a_signed_body_is_taken(door: Door, wire: Wire) -> None:
    path = door.open(wire)
    for place in range(0, len(wire.body), max(1, len(wire.body) // 25)):
        altered = wire.body[:place] + bytes([wire.body[place] ^ 1]) + wire.body[place + 1 :]
        if wire.kind == "ses" and _same_message(altered, wire.body):
            # Amazon signs the values of some fields, and neither the blanks between them nor the other fields.
            continue
        assert door.post(path, wire, altered).status_code == 401, place


def _same_message(one: bytes, other: bytes) -> bool:
    try:
        told = [json.loads(each) for each in (one, other)]
    except ValueError:
        return False
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    return [told[0].get(name) for name in names] == [told[1].get(name) for name in names]


def test_a_booking_tool_without_a_secret_is_refused(door: Door) -> None:
    (wire,) = [wire for wire in ALL if wire.name == "calcom/booking_created_without_secret"]
    assert door.post(door.open(wire, "calcom-secret-test"), wire).status_code == 401


def test_salesforce_hears_its_own_word_for_yes(door: Door) -> None:
    (wire,) = [wire for wire in GOOD if wire.name == "salesforce/outbound_message_opportunity"]
    path = door.open(wire)
    for _ in range(2):
        answer = door.post(path, wire)
        assert (answer.status_code, answer.mimetype) == (200, "text/xml")
        assert answer.data.strip() == (WIRE / "salesforce" / "ack.xml").read_bytes().strip()


def test_the_vectors_that_vendors_published_verify() -> None:
    first, get, post = (VECTORS[name] for name in ("hubspot_v1", "hubspot_v2_get", "hubspot_v2_post"))
    assert hubspot.version_1(first["secret"], first["body"].encode()) == first["signature"]
    for told in (get, post):
        made = hubspot.version_2(told["secret"], told["method"], told["url"], told["body"].encode())
        assert made == told["signature"]
    headers = {"x-hubspot-signature": first["signature"], "x-hubspot-signature-version": "v1"}
    now = datetime.fromtimestamp(1600112502, UTC)
    assert ADAPTERS["hubspot"].verify(headers, first["body"].encode(), (first["secret"],), now)
    headers = {"x-hubspot-signature": post["signature"], "x-hubspot-signature-version": "v2", ":url": post["url"]}
    assert ADAPTERS["hubspot"].verify(headers, post["body"].encode(), (post["secret"],), now)
    told = VECTORS["sendgrid_ecdsa"]
    headers = {
        "x-twilio-email-event-webhook-signature": told["signature"],
        "x-twilio-email-event-webhook-timestamp": told["timestamp"],
    }
    assert ADAPTERS["sendgrid"].verify(headers, told["body"].encode(), (told["public_key"],), now)
    assert not ADAPTERS["sendgrid"].verify(headers, told["body"].strip().encode(), (told["public_key"],), now)
    told = VECTORS["github_sha256"]
    headers = {"x-hub-signature-256": told["signature"]}
    assert ADAPTERS["github"].verify(headers, told["body"].encode(), (told["secret"],), now)
    told = VECTORS["standard_webhooks_v1"]
    headers = {
        "webhook-id": told["id"],
        "webhook-timestamp": str(told["timestamp"]),
        "webhook-signature": told["signature"],
    }
    at = datetime.fromtimestamp(told["timestamp"], UTC)
    assert ADAPTERS["standard"].verify(headers, told["body"].encode(), (told["secret"],), at)
