"""What is peculiar to one vendor at the door: signed addresses, secrets in addresses, hostile XML, bare ids."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.conftest import Clock
from tests.web.cases import case
from tests.web.fixtures import Sender, body_of
from tests.web.vendors import (
    BASE,
    Sent,
    arrive,
    mailgun_form,
    mailgun_marks,
    multipart,
    sns,
    vendors,
)
from tests.web.vendors import amazon as amazon_key
from tests.web.words_crm import record, soap
from web.webhooks import soap as reader
from web.webhooks.kinds import ADAPTERS
from workflow.actions import inbox, sources
from workflow.records.models import Delivery, Event, Prospect
from workflow.workspace import Workspace

ALL = vendors()
CHANGE = {"eventId": 1, "portalId": 3, "subscriptionType": "deal.propertyChange", "objectId": 9001,
          "propertyName": "dealstage", "occurredAt": 1794297000000}  # fmt: skip


def prospects(ws: Workspace) -> list[Any]:
    with ws.database.read() as tx:
        return list(tx.conn.execute(select(Prospect.email, Prospect.stage).order_by(Prospect.id)))


@pytest.mark.parametrize("name", ["hubspot-2", "hubspot-3"])
def test_the_address_that_is_signed_is_ours_whatever_the_host_says(
    ws: Workspace, client: FlaskClient, clock: Clock, name: str
) -> None:
    post = arrive(ws, client, clock, ALL[name])
    assert post.send([CHANGE], Host="evil.example.com", X_Forwarded_Host="evil.example.com").status_code == 202
    sent = ALL[name].sign(Sent("/webhooks/crm", b"[]"), ALL[name].secret, clock.now)
    assert client.post("/webhooks/crm?a=b", data=b"[]", headers=sent.headers).status_code == 401


@pytest.mark.parametrize("query", ["?b=2&a=1", "?a=1&b=2", "?q=%D0%B0", "?u=ana%40example.com", "?u=a%2Fb%3Ac&x=%20y"])
@pytest.mark.parametrize("name", ["hubspot-2", "hubspot-3"])
def test_a_query_is_signed_as_it_stands(
    ws: Workspace, client: FlaskClient, clock: Clock, name: str, query: str
) -> None:
    arrive(ws, client, clock, ALL[name])
    sent = ALL[name].sign(Sent(f"/webhooks/crm/flow{query}", b"[]"), ALL[name].secret, clock.now)
    assert client.post(sent.path, data=sent.body, headers=sent.headers).status_code == 202
    other = "?" + "&".join(reversed(query[1:].split("&"))) + "&z=1"
    assert client.post(f"/webhooks/crm/flow{other}", data=sent.body, headers=sent.headers).status_code == 401


def test_an_older_signature_beside_a_stale_new_one_does_not_count(
    ws: Workspace, client: FlaskClient, clock: Clock
) -> None:
    post = arrive(ws, client, clock, ALL["hubspot-3"])
    assert post.send([CHANGE], late=301).status_code == 401
    assert post.send([CHANGE]).status_code == 202


def test_ids_wait_until_their_deal_is_known(ws: Workspace, client: FlaskClient, clock: Clock) -> None:
    post = arrive(ws, client, clock, ALL["hubspot-3"], "hub")
    moved = {**CHANGE, "propertyValue": "qualifiedtobuy"}
    assert [event["outcome"] for event in post.tell([moved])] == ["parked"]
    made = {**CHANGE, "eventId": 2, "subscriptionType": "deal.creation", "occurredAt": 1794296000000}
    assert [event["outcome"] for event in post.tell([made])] == ["applied"]
    inbox.sweep(ws)
    assert [row.stage for row in prospects(ws)] == ["qualified"]
    again = post.tell([{**moved, "attemptNumber": 3}])
    assert [event["outcome"] for event in again] == ["duplicate"]


def test_a_person_brings_the_deals_that_came_before(ws: Workspace, client: FlaskClient, clock: Clock) -> None:
    post = arrive(ws, client, clock, ALL["pipedrive"])
    meta = {"entity": "deal", "action": "change", "timestamp": "2026-11-10T07:00:00Z"}

    def told(data: Any, previous: Any, **more: Any) -> list[dict[str, Any]]:
        return post.tell({"data": data, "previous": previous, "meta": {**meta, "id": str(uuid4()), **more}})

    for trigger in ("won", "3"):
        deal = {"id": 77, "person_id": 12, "stage_id": 3, "status": "won" if trigger == "won" else "open"}
        before = {"status": "open"} if trigger == "won" else {"stage_id": 2}
        assert [each["outcome"] for each in told(deal, before)] == ["parked"]
    person = {"id": 12, "name": "Ана", "emails": [{"value": "ana@example.com", "primary": True}]}
    assert [each["outcome"] for each in told(person, None, entity="person", action="create")] == ["applied"]
    inbox.sweep(ws)
    with ws.database.read() as tx:
        outcomes = tx.conn.execute(select(Event.type, Event.outcome).order_by(Event.id)).all()
    assert {tuple(row) for row in outcomes} >= {("deal.stage", "ignored"), ("deal.status", "ignored")}
    assert [row.email for row in prospects(ws)] == ["ana@example.com"]


@pytest.mark.parametrize("way", ["path", "deeper", "query", "basic", "bearer", "x-api-key", "x-webhook-secret"])
def test_a_secret_that_is_shown_may_stand_wherever_the_vendor_can_put_it(
    ws: Workspace, client: FlaskClient, clock: Clock, way: str
) -> None:
    arrive(ws, client, clock, ALL["salesforce"])
    for secret, status in (("another secret", 401), (ALL["salesforce"].secret, 200)):
        path, headers, basic = "/webhooks/crm", {}, None
        if way in ("path", "deeper"):
            path += "/" + ("deeper/" if way == "deeper" else "") + secret.replace(" ", "%20")
        elif way == "query":
            path += "?other=1&secret=" + secret.replace(" ", "+")
        elif way == "basic":
            basic = ("anybody", secret)
        else:
            headers = {"Authorization": f"Bearer {secret}"} if way == "bearer" else {way: secret}
        assert client.post(path, data=b"{}", headers=headers, auth=basic).status_code == status


def test_a_wrong_secret_in_a_header_outweighs_a_right_one_in_the_address(
    ws: Workspace, client: FlaskClient, clock: Clock
) -> None:
    arrive(ws, client, clock, ALL["salesforce"])
    path = sources.address(ws, "salesforce", "crm", ALL["salesforce"].secret).removeprefix(BASE)
    assert client.post(path, data=b"{}").status_code == 200
    assert client.post(path, data=b"{}", headers={"X-Api-Key": "wrong"}).status_code == 401


def test_an_organization_that_the_secret_names_must_be_the_sender(ws: Workspace, client: FlaskClient) -> None:
    secret = "00D5g00000EXAMPLEAQ:a token of ours"
    sources.add(ws, "salesforce", "sf", secret)
    path = sources.address(ws, "salesforce", "sf", secret).removeprefix(BASE)
    assert path == "/webhooks/sf/a%20token%20of%20ours"
    deal = record("Opportunity", "<sf:Id>0065g00000XyZ01</sf:Id>")
    for organization, status in (("00D5g00000EXAMP", 200), ("00D5g00000EXAMPLEAQ", 200), ("00D5g00000OTHERXXX", 401)):
        body = soap(deal, head=f"<OrganizationId>{organization}</OrganizationId>")
        assert client.post(path, data=body).status_code == status, organization


XML = [
    b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
    b"<a>" * 50,
    b"<a>" * 100_000,
    b"<a></b>",
    b"<a>&nothing;</a>",
    b"<a>\xff</a>",
    b'<?xml version="1.0" encoding="nothing"?><a/>',
    b"<html><body>Sign in</body></html>",
]


@pytest.mark.parametrize("body", XML, ids=range(len(XML)))
def test_hostile_xml_is_a_dead_letter_with_an_ack(
    ws: Workspace, client: FlaskClient, clock: Clock, body: bytes
) -> None:
    post = arrive(ws, client, clock, ALL["salesforce"])
    answer = post.send(body)
    assert answer.status_code == 200
    assert b"<Ack>true</Ack>" in answer.data or not body.startswith(b"<")
    with ws.database.read() as tx:
        assert tx.conn.execute(select(Delivery.status)).scalar_one() == "dead"


def test_a_message_of_a_hundred_records_is_read_and_one_of_more_is_kept() -> None:
    deal = "<sf:Id>0065g00000XyZ01</sf:Id><sf:StageName>Won</sf:StageName>"
    for count in (100, 101):
        body = soap("".join(record("Opportunity", deal, number) for number in range(count)))
        assert len(reader.read(body).notifications) == count
    found = case("salesforce", "x", soap(record("Opportunity", deal)))
    assert ADAPTERS["salesforce"].read("k", {}, found.body)[0].data == {"value": "Won"}


def test_a_token_is_good_for_one_body_only(crm: Sender, ws: Workspace, client: FlaskClient, clock: Clock) -> None:
    crm.tell("move.requested", data={"trigger": "qualify"})
    arrive(ws, client, clock, ALL["mailgun"], "mail")
    marks = mailgun_marks(ALL["mailgun"].secret, clock.now)
    told = {"event": "opened", "id": "1", "recipient": "ana@example.com"}
    forged = {"event": "unsubscribed", "id": "2", "recipient": "ana@example.com"}
    first = client.post("/webhooks/mail", json={"signature": marks, "event-data": told})
    second = client.post("/webhooks/mail", json={"signature": marks, "event-data": forged})
    assert [body_of(each)["status"] for each in (first, second)] == ["accepted", "duplicate"]
    # A subaccount's event is signed by the account above it as well, whose key is the only one that most people have.
    above = mailgun_marks(ALL["mailgun"].secret, clock.now)
    below = {**above, "signature": "0" * 64, "parent-signature": above["signature"]}
    third = client.post("/webhooks/mail", json={"signature": below, "event-data": forged})
    assert (third.status_code, body_of(third)["status"]) == (200, "accepted")
    assert client.post("/webhooks/mail", json={"signature": {**below, "parent-signature": "0" * 64}}).status_code == 401


def test_a_mail_is_one_event_by_whichever_way_it_comes(
    crm: Sender, ws: Workspace, client: FlaskClient, clock: Clock
) -> None:
    crm.tell("move.requested", data={"trigger": "qualify"})
    vendor = ALL["mailgun"]
    arrive(ws, client, clock, vendor, "mail")
    fields = {"from": "Ана <ana@example.com>", "subject": "Отг", "Message-Id": "<m1@example.com>", "body-plain": "Да"}
    outcomes = []
    for _ in range(2):
        body, kind = mailgun_form(fields, vendor.secret, clock.now)
        answer = client.post("/webhooks/mail", data=body, headers={"Content-Type": kind})
        outcomes += [event["outcome"] for event in body_of(answer)["events"]]
    mime = "From: ana@example.com\r\nMessage-ID: <m1@example.com>\r\n\r\nДа".encode()
    marks = {name: value.encode() for name, value in mailgun_marks(vendor.secret, clock.now).items()}
    body, kind = multipart({"body-mime": mime, **marks})
    answer = client.post("/webhooks/mail", data=body, headers={"Content-Type": kind})
    outcomes += [event["outcome"] for event in body_of(answer)["events"]]
    assert outcomes == ["applied", "duplicate", "duplicate"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_signatures_of_a_topic_verify(ws: Workspace, client: FlaskClient, clock: Clock, version: str) -> None:
    arrive(ws, client, clock, ALL["ses"])
    assert (
        client.post("/webhooks/crm", data=sns("x", clock.now, version=version, parts={"Subject": "Тема"})).status_code
        == 200
    )
    assert client.post("/webhooks/crm", data=sns("x", clock.now, version="3")).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://x.sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/a.pem",
        "https://s3.amazonaws.com/a.pem",
        "",
    ],
)
def test_a_certificate_from_anywhere_else_is_not_looked_at(
    ws: Workspace, client: FlaskClient, clock: Clock, url: str
) -> None:
    arrive(ws, client, clock, ALL["ses"])
    assert client.post("/webhooks/crm", data=sns("x", clock.now, parts={"SigningCertURL": url})).status_code == 401


def test_only_the_topic_that_the_secret_names_may_tell(ws: Workspace, client: FlaskClient, clock: Clock) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:mail"
    sources.add(ws, "ses", "mail", f"{topic},{amazon_key(0)[1]}")
    assert client.post("/webhooks/mail", data=sns("x", clock.now)).status_code == 200
    assert client.post("/webhooks/mail", data=sns("y", clock.now, parts={"TopicArn": topic + "2"})).status_code == 401


def test_each_webhook_of_espocrm_may_have_a_key_of_its_own(ws: Workspace, client: FlaskClient, clock: Clock) -> None:
    sources.add(ws, "espocrm", "espo", "first-key, second-key")
    for key, status in (("first-key", 202), ("second-key", 202), ("third-key", 401)):
        body = json.dumps([{"id": key}]).encode()
        sent = ALL["espocrm"].sign(Sent("/webhooks/espo/Lead.create", body), key, clock.now)
        assert client.post(sent.path, data=sent.body, headers=sent.headers).status_code == status


def test_two_messages_that_tell_nothing_apart_are_two_a_minute_later(
    ws: Workspace, client: FlaskClient, clock: Clock
) -> None:
    post = arrive(ws, client, clock, ALL["liveagent"], "agent")
    body = {"ticket_id": "t1", "code": "ABC", "event": "customer_message"}
    told = []
    for wait in (0, 20, 60):
        clock.advance(seconds=wait)
        told.append(body_of(post.send(body))["status"])
    assert told == ["accepted", "duplicate", "accepted"]


def test_an_address_with_more_behind_it_is_for_those_who_need_it(
    crm: Sender, ws: Workspace, client: FlaskClient, clock: Clock
) -> None:
    assert crm.deliver([]).status_code == 202
    arrive(ws, client, clock, ALL["calcom"], "cal")
    assert client.post("/webhooks/cal/x", data=b"{}").status_code == 404
    assert client.post("/webhooks/crm/x", data=b"{}").status_code == 404
    assert client.get("/webhooks/crm/x").status_code == 405


def test_every_kind_that_can_be_added_can_deliver() -> None:
    assert set(ADAPTERS) == set(sources.KINDS)


@pytest.mark.parametrize("secret", ["тайна от осем знака", "très secret é", "a+b c&d=e/f%20"])
def test_a_secret_in_any_script_is_the_same_wherever_it_stands(ws: Workspace, client: FlaskClient, secret: str) -> None:
    sources.add(ws, "salesforce", "sf", secret)
    path = sources.address(ws, "salesforce", "sf", secret).removeprefix(BASE)
    basic = "Basic " + base64.b64encode(f"user:{secret}".encode()).decode()
    assert client.post(path, data=b"{}").status_code == 200
    assert client.post(f"/webhooks/sf?key={quote(secret, safe='')}", data=b"{}").status_code == 200
    assert client.post("/webhooks/sf", data=b"{}", headers={"Authorization": basic}).status_code == 200
    header = secret.encode().decode("latin-1")
    assert client.post("/webhooks/sf", data=b"{}", headers={"X-Api-Key": header}).status_code == 200
