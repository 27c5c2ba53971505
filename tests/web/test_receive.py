"""Deliveries through the front door: what is answered, and what is kept."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests.conftest import Clock
from tests.support.processes import signed
from tests.web.fixtures import Api, Sender, body_of
from workflow.actions import sources
from workflow.records.models import Delivery, Event, Prospect, Source
from workflow.workspace import Workspace

QUALIFY = {"type": "move.requested", "prospect": {"email": "ana@example.com"}, "data": {"trigger": "qualify"}}


def kept(ws: Workspace) -> list[Any]:
    with ws.database.read() as tx:
        return list(tx.conn.execute(select(*Delivery.__table__.columns).order_by(Delivery.id)))


def count(ws: Workspace, table: Any) -> int:
    with ws.database.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_it_moves_a_prospect_and_says_so(crm: Sender, ws: Workspace) -> None:
    answer = crm.deliver(QUALIFY | {"id": "evt_1"})
    (delivery,) = kept(ws)
    assert (answer.status_code, answer.mimetype) == (202, "application/json")
    assert body_of(answer) == {
        "delivery": delivery.id,
        "status": "accepted",
        "events": [{"id": "evt_1", "outcome": "applied", "stage": "qualified", "reason": None}],
    }


def test_a_delivery_that_comes_again_is_a_duplicate_and_changes_nothing(crm: Sender, ws: Workspace) -> None:
    first = body_of(crm.deliver(QUALIFY | {"id": "evt_1"}, delivery_id="msg_1"))
    crm.clock.advance(minutes=20)
    again = body_of(crm.deliver(QUALIFY | {"id": "evt_1"}, delivery_id="msg_1"))
    assert again["delivery"] == first["delivery"]
    assert again["status"] == "duplicate"
    assert [event["outcome"] for event in again["events"]] == ["duplicate"]
    assert [delivery.repeats for delivery in kept(ws)] == [1]


def test_an_event_that_comes_under_another_delivery_is_a_duplicate_event(crm: Sender) -> None:
    crm.deliver(QUALIFY | {"id": "evt_1"}, delivery_id="msg_1")
    again = body_of(crm.deliver(QUALIFY | {"id": "evt_1"}, delivery_id="msg_2"))
    assert again["status"] == "accepted"
    assert again["events"][0]["outcome"] == "duplicate"


def test_the_same_id_twice_in_a_list_is_applied_once(crm: Sender) -> None:
    events = [{"id": "evt_1", "type": "call.ended", "prospect": {"email": "ana@example.com"}}] * 2
    assert [each["outcome"] for each in body_of(crm.deliver(events))["events"]] == ["applied", "duplicate"]


def test_each_outcome_is_told_with_its_reason(crm: Sender) -> None:
    assert crm.tell("move.requested", data={"trigger": "qualify"})["outcome"] == "applied"
    ignored = crm.tell("move.requested", data={"trigger": "follow_up"})
    blocked = crm.tell("move.requested", data={"trigger": "close"})
    parked = crm.tell("email.replied", "unknown@example.com")
    failed = crm.tell("call.ended", data={"minutes": -1})
    stale = crm.tell("move.requested", data={"trigger": "diagnose"}, occurred_at="2026-11-09T10:00:00Z")
    unknown = crm.tell("weather.changed", "unknown@example.com")
    told = [(each["outcome"], each["reason"]) for each in (ignored, blocked, parked, failed, stale, unknown)]
    assert [outcome for outcome, _ in told] == ["ignored", "blocked", "parked", "failed", "stale", "ignored"]
    assert "outcome" in blocked["reason"]
    assert "data.minutes" in failed["reason"]
    assert all(reason for _, reason in told)


@pytest.mark.parametrize("body", [b"", b"{", b'{"n": NaN}', b'"text"', b"[" * 1000, b"\xff"])
def test_what_is_signed_but_unreadable_is_kept_as_a_dead_letter(crm: Sender, ws: Workspace, body: bytes) -> None:
    answer = crm.deliver(body)
    (delivery,) = kept(ws)
    assert answer.status_code == 202
    assert body_of(answer) == {"delivery": delivery.id, "status": "accepted", "events": []}
    assert (delivery.status, delivery.body) == ("dead", body)
    assert delivery.reason
    assert count(ws, Event) == 0


def test_a_compressed_body_with_a_good_signature_is_a_dead_letter(crm: Sender, ws: Workspace) -> None:
    answer = crm.deliver(b"\x1f\x8b", headers={"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"})
    assert answer.status_code == 202
    assert [delivery.status for delivery in kept(ws)] == ["dead"]


def test_more_events_than_allowed_are_a_dead_letter_and_an_empty_list_is_none(crm: Sender, ws: Workspace) -> None:
    event = {"type": "call.ended"}
    assert body_of(crm.deliver([event] * 101))["events"] == []
    assert body_of(crm.deliver([]))["events"] == []
    assert [delivery.status for delivery in kept(ws)] == ["dead", "accepted"]


def test_a_form_or_no_content_type_is_taken_for_what_it_is(crm: Sender) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert crm.deliver(QUALIFY, headers={"Content-Type": kind}).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,\x80\xff\xfe"},
        {"webhook-id": ""},
        {"webhook-id": "another"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "9" * 400},
    ],
)
def test_a_bad_signature_is_refused_and_nothing_is_kept(crm: Sender, ws: Workspace, headers: dict[str, str]) -> None:
    answer = crm.deliver(QUALIFY, headers=headers)
    assert answer.status_code == 401
    assert set(body_of(answer)) == {"error"}
    assert kept(ws) == []


@pytest.mark.parametrize("name", ["nobody", "CRM", "crm2", "a" * 200, "crm;x", "%D0%B0", "..", "%00"])
def test_an_unknown_source_is_refused_like_a_bad_signature(crm: Sender, client: FlaskClient, name: str) -> None:
    body = json.dumps(QUALIFY).encode()
    refused = crm.deliver(QUALIFY, headers={"webhook-signature": "v1,AAAA"})
    answer = client.post(f"/webhooks/{name}", data=body, headers=signed(crm.secret, body, None, crm.clock.now))
    assert (answer.status_code, answer.data) == (401, refused.data)


@pytest.mark.parametrize(
    "path", ["/webhooks/crm/", "/webhooks/crm/x", "/webhooks/../crm", "/webhooks//crm", "/webhooks/"]
)
def test_an_address_that_is_not_there_is_404_and_never_a_redirect(crm: Sender, path: str) -> None:
    answer = crm.client.post(path, data=b"{}")
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_hook_takes_posts_only(crm: Sender, method: str) -> None:
    answer = crm.client.open("/webhooks/crm", method=method, headers={"X-HTTP-Method-Override": "POST"})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


def test_a_captured_delivery_is_a_duplicate_at_first_and_stale_after_five_minutes(crm: Sender) -> None:
    body = json.dumps(QUALIFY).encode()
    headers = signed(crm.secret, body, "msg_1", crm.clock.now)
    outcomes = []
    for span in (0, 299, 302):
        crm.clock.advance(seconds=span)
        outcomes.append(crm.client.post("/webhooks/crm", data=body, headers=headers).status_code)
        crm.clock.advance(seconds=-span)
    assert outcomes == [202, 202, 401]


def test_it_takes_a_megabyte_and_not_a_byte_more(crm: Sender, ws: Workspace) -> None:
    assert crm.deliver(b" " * (1 << 20)).status_code == 202
    answer = crm.deliver(b" " * ((1 << 20) + 1))
    assert (answer.status_code, answer.mimetype) == (413, "application/json")
    assert len(kept(ws)) == 1


def test_a_body_without_a_length_is_counted_while_it_is_read(crm: Sender, ws: Workspace) -> None:
    for size, status in ((1 << 20, 202), (10 << 20, 413)):
        body = b" " * size
        stream = io.BytesIO(body)
        answer = crm.client.post(
            "/webhooks/crm",
            input_stream=stream,
            headers=signed(crm.secret, body, None, crm.clock.now),
            environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        )
        assert answer.status_code == status
        assert stream.tell() <= (1 << 20) + 1
    assert len(kept(ws)) == 1


def test_both_secrets_are_good_while_one_is_rotated_and_the_new_one_at_once(crm: Sender, ws: Workspace) -> None:
    assert crm.deliver(QUALIFY).status_code == 202
    old, new = crm.secret, sources.rotate(ws, "crm")
    for secret in (new, old):
        crm.secret = secret
        assert crm.deliver(QUALIFY).status_code == 202


def test_the_secret_of_another_source_is_not_good(crm: Sender, ws: Workspace) -> None:
    crm.secret = sources.add(ws, "standard", "other")
    assert crm.deliver(QUALIFY).status_code == 401


def test_a_source_that_is_switched_off_is_unknown(crm: Sender, ws: Workspace, clock: Clock) -> None:
    with ws.database.write() as tx:
        tx.conn.execute(update(Source).values(disabled_at=clock.now))
    assert crm.deliver(QUALIFY).status_code == 401


def test_nothing_stored_is_503_with_a_time_to_try_again_and_no_word_of_why(
    crm: Sender, ws: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    assert crm.deliver(QUALIFY).status_code == 202
    with ws.database.write() as tx:
        tx.conn.exec_driver_sql("ALTER TABLE delivery RENAME TO gone")
    answer = crm.deliver(QUALIFY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert set(body_of(answer)) == {"error"}
    assert "delivery" not in answer.text.lower()
    assert "gone" not in answer.text
    assert len([record for record in caplog.records if record.levelname in ("ERROR", "WARNING")]) == 1


def test_parts_of_a_list_stand_by_themselves(crm: Sender, ws: Workspace) -> None:
    events: list[Any] = [
        {"id": "1", "type": "prospect.upserted", "prospect": {"email": "a@example.com"}},
        "what",
        {"id": "3", "type": "prospect.upserted", "prospect": {"email": "b@"}},
        {"id": "4", "type": "prospect.upserted", "data": {"email": "c@example.com", "size": 5}},
    ]
    told = body_of(crm.deliver(events, delivery_id="msg_1"))["events"]
    assert [(each["id"], each["outcome"]) for each in told] == [
        ("1", "applied"), ("msg_1:1", "failed"), ("3", "failed"), ("4", "applied"),
    ]  # fmt: skip
    assert count(ws, Prospect) == 2


def test_names_are_stored_alike_by_both_databases(crm: Sender, api: Api) -> None:
    crm.tell("prospect.upserted", data={"name": "A\u0000n\u202ea 👩‍👧", "notes\u0000": "x\u0000y"})
    (found,) = api.get("/prospects?email=ana@example.com")["items"]
    assert (found["name"], found["custom"]) == ("Ana 👩‍👧", {"notes": "xy"})


def test_a_hidden_admin_field_is_only_a_custom_one(crm: Sender, api: Api) -> None:
    told = {"stage": "closed", "owner_id": "x", "version": 9, "is_admin": True, "id": "00000000"}
    crm.tell("prospect.upserted", data=told)
    (found,) = api.get("/prospects?email=ana@example.com")["items"]
    assert (found["stage"], found["version"], found["custom"]) == ("planned", 1, told)


def test_a_replay_reads_a_dead_letter_as_it_is_understood_today(crm: Sender, api: Api, ws: Workspace) -> None:
    crm.deliver(b"{", delivery_id="msg_1")
    (delivery,) = kept(ws)
    replayed = api.ask("POST", f"/deliveries/{delivery.id}/replay")
    assert body_of(replayed)["events"] == []
    with ws.database.write() as tx:
        tx.conn.execute(update(Delivery).values(body=json.dumps(QUALIFY).encode()))
    replayed = api.ask("POST", f"/deliveries/{delivery.id}/replay")
    assert [event["outcome"] for event in body_of(replayed)["events"]] == ["applied"]
    again = api.ask("POST", f"/deliveries/{delivery.id}/replay")
    assert body_of(again)["status"] == "accepted"
    assert count(ws, Prospect) == 1


def test_a_parked_event_is_applied_by_a_replay_once_its_prospect_is_known(crm: Sender, api: Api) -> None:
    assert crm.tell("email.replied", "late@example.com")["outcome"] == "parked"
    crm.tell("prospect.upserted", "late@example.com")
    first = api.get("/deliveries?outcome=parked")["items"][0]
    told = body_of(api.ask("POST", f"/deliveries/{first['id']}/replay"))
    assert [event["outcome"] for event in told["events"]] == ["applied"]


def test_a_slow_clock_of_the_sender_is_allowed_for(crm: Sender) -> None:
    at = crm.clock.now - timedelta(minutes=4)
    body = json.dumps(QUALIFY).encode()
    assert crm.client.post("/webhooks/crm", data=body, headers=signed(crm.secret, body, None, at)).status_code == 202
