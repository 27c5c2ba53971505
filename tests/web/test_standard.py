"""The adapter of Standard Webhooks by itself: published vectors, what must not verify, and what an event may say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.processes import signed
from web.strict import Unreadable
from web.webhooks.adapter import parcel
from web.webhooks.kinds import ADAPTERS, read_again
from workflow.actions.parcels import Incoming

STANDARD = ADAPTERS["standard"]
# From the tests of the Standard Webhooks libraries (test_sign_function in Python, Go, JavaScript and Ruby).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def verifies(headers: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), **off: float) -> bool:
    return STANDARD.verify(headers, body, secrets, NOW + timedelta(**off))


def test_the_published_vector_verifies() -> None:
    assert verifies(HEADERS)
    assert STANDARD.key(HEADERS, BODY) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_same_under_the_older_names_of_its_headers_verifies() -> None:
    body = (
        b'{"type":"deal.stage_changed","timestamp":"2026-11-20T09:15:21.724Z",'
        b'"data":{"id":"deal_8","stage":"won","email":"pat.moss@prospect.example.com"}}'
    )
    headers = {
        "svix-id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        "svix-timestamp": "1795166130",
        "svix-signature": "v1,gPU9n0SbTZw3wPhl9dSGiBUPEpilUtRwe/DRFO9w7f4=",
    }
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    now = datetime.fromtimestamp(1795166130, UTC)
    standard = {name.replace("svix", "webhook"): value for name, value in headers.items()}
    assert STANDARD.verify(headers, body, (secret,), now)
    assert STANDARD.verify(standard, body, (secret,), now)
    (event,) = parcel(STANDARD, headers, body).events
    assert event.type == "deal.stage_changed"
    assert event.occurred_at == datetime(2026, 11, 20, 9, 15, 21, 724000, tzinfo=UTC)
    assert event.event_id == "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W:0"


def test_no_flipped_bit_of_the_body_verifies() -> None:
    for place in range(len(BODY)):
        assert not verifies(HEADERS, BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :])


def test_no_altered_sign_of_a_header_verifies() -> None:
    for name, value in HEADERS.items():
        for place, sign in enumerate(value):
            other = "B" if sign == "A" else "A"
            assert not verifies({**HEADERS, name: value[:place] + other + value[place + 1 :]})


def test_a_body_written_anew_does_not_verify() -> None:
    assert not verifies(HEADERS, b'{"test":2432232314}')


def test_another_source_s_secret_does_not_verify() -> None:
    assert not verifies(HEADERS, secrets=(OTHER,))
    assert not verifies(HEADERS, secrets=())


def test_both_secrets_verify_while_a_key_is_rotated() -> None:
    assert verifies(HEADERS, secrets=(OTHER, SECRET))
    assert verifies(HEADERS, secrets=(SECRET, OTHER))


@pytest.mark.parametrize(
    ("signature", "good"),
    [
        ("v1,AAAA {good}", True),
        ("{good} v1,AAAA", True),
        ("v1a,AAAA {good}", True),
        ("  {good}  ", True),
        ("", False),
        ("v1", False),
        ("v1,", False),
        ("{bare}", False),
        ("v0,{bare}", False),
        ("V1,{bare}", False),
        ("v1,{upper}", False),
        ("v1,{unpadded}", False),
        ("v1,{hex}", False),
        ("v1,бял", False),
        ("v1,\x80\xff", False),
        ("v1, {bare}", False),
        ("\ud800", False),
        ("v1," * 3000, False),
    ],
)
def test_a_signature_verifies_by_any_good_entry_of_its_list(signature: str, *, good: bool) -> None:
    bare = HEADERS["webhook-signature"].removeprefix("v1,")
    forms = {
        "good": f"v1,{bare}",
        "bare": bare,
        "upper": bare.upper(),
        "unpadded": bare.rstrip("="),
        "hex": base64.b64decode(bare).hex(),
    }
    told = signature
    for name, form in forms.items():
        told = told.replace(f"{{{name}}}", form)
    assert verifies({**HEADERS, "webhook-signature": told}) is good


@pytest.mark.parametrize(("off", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_are_allowed_both_ways(off: int, *, good: bool) -> None:
    assert verifies(HEADERS, seconds=off) is good


@pytest.mark.parametrize(
    "stamp", ["", "0", "-1614265330", "1614265330.0", " 1614265330", "16142653300000", "٣", "9" * 400, "1e9", "now"]
)
def test_an_odd_timestamp_does_not_verify(stamp: str) -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = f"{HEADERS['webhook-id']}.{stamp}.".encode() + BODY
    mark = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert not verifies({**HEADERS, "webhook-timestamp": stamp, "webhook-signature": f"v1,{mark}"})


@pytest.mark.parametrize("missing", [*HEADERS, "all"])
def test_a_missing_header_does_not_verify(missing: str) -> None:
    headers = {} if missing == "all" else {name: value for name, value in HEADERS.items() if name != missing}
    assert not verifies(headers)


def test_an_id_beyond_ascii_is_signed_as_the_bytes_that_came() -> None:
    own = {name.lower(): value for name, value in signed(SECRET, BODY, "съобщение", NOW).items()}
    own["webhook-id"] = "съобщение".encode().decode("latin-1")
    assert STANDARD.verify(own, BODY, (SECRET,), NOW)
    assert STANDARD.key(own, BODY).startswith("sha256:")
    assert not verifies({**HEADERS, "webhook-id": "съобщение"})


def test_a_long_id_is_kept_by_its_hash() -> None:
    first, second = ({"webhook-id": "m" * 300 + end} for end in "ab")
    assert STANDARD.key(first, b"") != STANDARD.key(second, b"")
    assert len(STANDARD.key(first, b"")) < 100


# --- what an event says


def told(item: Any) -> Incoming:
    return STANDARD.read("msg_1", {}, as_json(item))[0]


def as_json(value: Any) -> bytes:

    return json.dumps(value).encode()


def event(kind: str, data: Any = None, prospect: Any = None, **more: Any) -> Any:
    return {"id": "evt_1", "type": kind, "data": data, "prospect": prospect} | more


def test_it_reads_every_field_of_a_prospect_and_keeps_the_rest_under_custom() -> None:
    found = told(
        event(
            "move.requested",
            {"trigger": " qualify\u0000 ", "reason": "a\r\nb"},
            {
                "ref": "crm-42",
                "email": " Ana@EXAMPLE.com ",
                "name": "Ана\u202e Петрова",
                "company": "",
                "phone": "+359888123456",
                "language": "bg-BG",
                "time_zone": "Europe/Sofia",
                "country": "bg",
                "city": "Русе",
                "custom": {"size": 12},
            },
            occurred_at="2026-11-22T12:00:00+02:00",
        )
    )
    assert found == Incoming(
        "evt_1",
        "move.requested",
        datetime(2026, 11, 22, 10, tzinfo=UTC),
        "crm-42",
        {
            "email": "Ana@example.com",
            "name": "Ана Петрова",
            "phone": "+359888123456",
            "language": "bg",
            "time_zone": "Europe/Sofia",
            "country": "BG",
        },
        {"city": "Русе", "size": 12},
        {"trigger": "qualify", "reason": "a\nb"},
    )


def test_data_of_an_upsert_are_the_prospect_s_and_win() -> None:
    found = told(event("prospect.upserted", {"name": "New", "ref": "7", "tier": "A"}, {"name": "Old", "title": "COO"}))
    assert (found.fields, found.custom, found.ref) == ({"name": "New", "title": "COO"}, {"tier": "A"}, "7")
    assert found.data == {}


@pytest.mark.parametrize(
    ("name", "value"), [("language", "Bulgarian?"), ("time_zone", "Sofia time"), ("country", "Bulgaria")]
)
def test_a_fact_that_only_chooses_a_calendar_costs_no_event(name: str, value: str) -> None:
    found = told(event("email.unsubscribed", {}, {"email": "ana@example.com", name: value}))
    assert (found.problem, found.fields, found.custom) == (None, {"email": "ana@example.com"}, {name: value})


def test_meetings_are_told_in_times() -> None:
    found = told(
        event("meeting.booked", {"uid": "m", "starts_at": 1795341600, "ends_at": "2026-11-22T11:00:00.1234567Z"})
    )
    assert found.data["starts_at"] == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert found.data["ends_at"] == datetime(2026, 11, 22, 11, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "hour"), [(1795341600, 10), (1795341600000, 10), (1795341600.5, 10), ("2026-11-22 10:00:00+00:00", 10)]
)
def test_times_may_be_seconds_or_milliseconds(when: Any, hour: int) -> None:
    found = told(event("call.ended", occurred_at=when))
    assert found.occurred_at is not None
    assert (found.occurred_at.day, found.occurred_at.hour) == (22, hour)


def test_an_absence_names_a_day() -> None:
    told = {"type": "email.auto_replied", "prospect": {"email": "ana@example.com"}}
    for day, problem in (("2026-12-01", None), ("next week", "“data.returns_on” must be a day, such as 2026-12-01.")):
        body = json.dumps({**told, "data": {"about": "away", "returns_on": day}}).encode()
        (event,) = parcel(STANDARD, HEADERS, body).events
        assert event.problem == problem
        assert event.data == ({} if problem else {"about": "away", "returns_on": day})


def test_an_unknown_type_passes_through_with_its_data() -> None:
    found = told(event("deal.stage", {"value": "3", "deep": [{"text": "a\u0000b"}]}))
    assert (found.type, found.problem) == ("deal.stage", None)
    assert found.data == {"value": "3", "deep": [{"text": "ab"}]}
    assert told(event("deal.stage", [1, 2])).problem is None


def test_an_event_without_an_id_is_named_by_its_delivery_and_place() -> None:
    found = STANDARD.read("msg_9", {}, as_json([{"type": "call.ended"}, {"type": "call.ended", "id": ""}]))
    assert [each.event_id for each in found] == ["msg_9:0", "msg_9:1"]


@pytest.mark.parametrize(
    ("item", "names"),
    [
        (5, "object"),
        (None, "object"),
        ([], "object"),
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": 7}, "type"),
        ({"type": "call.ended", "id": 7}, "id"),
        ({"type": "call.ended", "id": "x" * 201}, "id"),
        ({"type": "t" * 101}, "type"),
        (event("call.ended", "minutes"), "data"),
        (event("call.ended", {}, "ana@example.com"), "prospect"),
        (event("call.ended", {"minutes": "12"}), "data.minutes"),
        (event("call.ended", {"minutes": True}), "data.minutes"),
        (event("call.ended", {"minutes": -1}), "data.minutes"),
        (event("call.ended", {"minutes": 1441}), "data.minutes"),
        (event("call.ended", {"notes": ["a"]}), "data.notes"),
        (event("call.ended", {}, {"email": "nobody"}), "prospect.email"),
        (event("call.ended", {}, {"email": ["ana@example.com"]}), "prospect.email"),
        (event("call.ended", {}, {"name": 5}), "prospect.name"),
        (event("call.ended", {}, {"ref": 42}), "prospect.ref"),
        (event("call.ended", {}, {"language": 5}), "prospect.language"),
        (event("call.ended", {}, {"name": "\ud800"}), "prospect.name"),
        (event("call.ended", {}, {"city": "\ud800"}), "prospect.city"),
        (event("call.ended", {"notes": "\ud800"}), "data"),
        (event("call.ended", {"\udc00": 1}), "data"),
        (event("call.ended", {str(n): 1 for n in range(201)}), "data"),
        (event("call.ended", {}, {str(n): 1 for n in range(201)}), "prospect"),
        (event("call.ended", occurred_at="2026-11-22T10:00:00"), "occurred_at"),
        (event("call.ended", occurred_at="2026-11-22"), "occurred_at"),
        (event("call.ended", occurred_at="soon"), "occurred_at"),
        (event("call.ended", occurred_at=True), "occurred_at"),
        (event("call.ended", occurred_at={"at": 1}), "occurred_at"),
        (event("call.ended", occurred_at=12), "occurred_at"),
        (event("call.ended", occurred_at="1970-01-01T00:00:00Z"), "occurred_at"),
        (event("call.ended", occurred_at="0001-01-01T00:00:00+14:00"), "occurred_at"),
        (event("call.ended", occurred_at="9999-12-31T23:59:59-14:00"), "occurred_at"),
        (event("move.requested", {}), "data.trigger"),
        (event("move.requested", {"trigger": 5}), "data.trigger"),
        (event("move.requested", {"trigger": "\u0000"}), "data.trigger"),
        (event("move.requested", {"trigger": "close", "outcome": 1}), "data.outcome"),
        (event("answers.recorded", {}), "data.answers"),
        (event("answers.recorded", {"answers": ["a"]}), "data.answers"),
        (event("answers.recorded", {"answers": {"pain": 5}}), "data.answers.pain"),
        (event("meeting.booked", {"starts_at": "10:00"}), "data.starts_at"),
        (event("meeting.booked", {"starts_at": 1795341600, "ends_at": 1795341599}), "data.ends_at"),
        (event("email.bounced", {"permanent": "yes"}), "data.permanent"),
        (event("email.bounced", {"address": "a@b@c"}), "data.address"),
    ],
)
def test_an_event_that_is_wrong_by_itself_says_which_field(item: Any, names: str) -> None:
    wrong, fine = STANDARD.read("msg_1", {}, as_json([item, event("call.ended")]))
    assert names in (wrong.problem or "")
    assert fine.problem is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b'{"type":',
        b"[" * 100_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"type":"a","data":' + b"[" * 64 + b"]" * 64 + b"}",
        b'{"n":NaN}',
        b'{"n":Infinity}',
        b'{"n":-Infinity}',
        b'{"n":1e400}',
        b'{"n":' + b"9" * 5000 + b"}",
        b'{"n":9223372036854775808}',
        b'{"n":-9223372036854775809}',
        b'"text"',
        b"5",
        b"null",
        b"true",
        b"\xff\xfe{\x00}\x00",
        "{„type“: 1}".encode("cp1251"),
        b"{'type': 'a'}",
        b'{"type":"a"} {"type":"b"}',
        b'{"type":"a\x00"}',
        b"[" + b"{}," * 100 + b"{}]",
        b"payload=%7B%7D",
    ],
)
def test_what_cannot_be_read_says_so_in_a_sentence(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        STANDARD.read("msg_1", {}, body)
    assert caught.value.message.endswith(".")
    found = parcel(STANDARD, HEADERS, body)
    assert (found.unreadable, found.events, found.body) == (caught.value.message, (), body)


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + b'{"type":"call.ended"}',
        b'{"type":"call.ended","n":9223372036854775807}',
        b'{"type":"call.ended","data":{"a":' + b"[" * 62 + b"]" * 62 + b"}}",
        b'{"type":"call.ended","data":{"notes":"' + b"[{" * 1000 + b'"}}',
        b'[{"type":"call.ended"}' + b',{"type":"call.ended"}' * 99 + b"]",
    ],
)
def test_what_is_only_unusual_is_read(body: bytes) -> None:
    found = STANDARD.read("msg_1", {}, body)
    assert {each.type for each in found} == {"call.ended"}
    assert {each.problem for each in found} == {None}


def test_an_empty_list_has_no_events() -> None:
    assert STANDARD.read("msg_1", {}, b"[]") == ()


@pytest.mark.parametrize(
    ("header", "value", "readable"),
    [
        ("content-encoding", "gzip", False),
        ("content-encoding", "br", False),
        ("content-encoding", "identity", True),
        ("content-type", "application/json; charset=cp1251", False),
        ("content-type", 'application/json; charset="UTF-8"', True),
        ("content-type", "text/plain", True),
        ("content-type", "application/x-www-form-urlencoded", True),
    ],
)
def test_a_packed_or_foreign_body_becomes_a_dead_letter(header: str, value: str, *, readable: bool) -> None:
    found = parcel(STANDARD, {**HEADERS, header: value}, '{"type":"call.ended","id":"Ана"}'.encode())
    assert (found.unreadable is None) is readable
    plain = parcel(STANDARD, {**HEADERS, header: value}, b'{"type":"call.ended"}')
    assert (plain.unreadable is None) is (readable or header == "content-type")  # ASCII is the same in each of them


def test_no_signature_is_kept_and_what_is_kept_can_be_read_again() -> None:
    found = parcel(STANDARD, HEADERS, b'{"type":"call.ended"}')
    assert set(found.headers) == {"webhook-id", "webhook-timestamp"}
    assert read_again("standard", found.body, found.headers) == found
