"""What each vendor says, in more of its ways than one: batches, Cyrillic, missing parts, tests, unknown words."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from tests.conftest import Clock
from tests.web.cases import Case
from tests.web.vendors import Post, Sent, arrive, vendors
from tests.web.words_crm import CASES as CRM
from tests.web.words_mail import CASES as MAIL
from web.webhooks.adapter import parcel
from web.webhooks.kinds import ADAPTERS
from workflow.actions.parcels import Incoming
from workflow.reports import doctor
from workflow.workspace import Workspace

ALL = (*CRM, *MAIL)
KINDS = sorted(ADAPTERS)


def line(event: Incoming) -> str:
    """An event as tests/web/cases.py writes one."""
    if event.problem:
        return f"{event.type} !"
    value = event.data.get("value", event.data.get("permanent", ""))
    name = event.fields.get("name")
    parts = [
        event.type,
        str(value),
        f"@{event.ref}" if event.ref else "",
        event.fields.get("email") or str(event.data.get("address") or ""),
        f"|{name}" if name else "",
    ]
    return " ".join(part for part in parts if part)


@pytest.mark.parametrize("case", ALL, ids=[f"{case.kind}, {case.name}" for case in ALL])
def test_it_is_understood(case: Case) -> None:
    headers = {name.lower(): value for name, value in case.headers.items()}
    found = parcel(ADAPTERS[case.kind], headers, case.body)
    assert found.unreadable is None
    assert [line(event).strip() for event in found.events] == [wanted.strip() for wanted in case.events]
    assert len({event.event_id for event in found.events}) == len(found.events) or case.name == "our own events"


def test_a_meeting_ended_or_was_missed_when_it_was_and_not_when_it_was_booked() -> None:
    row = {"uid": "u1", "createdAt": "2026-11-01T07:00:00Z", "endTime": "2026-11-10T10:30:00Z"}
    body = json.dumps({"triggerEvent": "MEETING_ENDED", **row}).encode()
    (event,) = parcel(ADAPTERS["calcom"], {}, body).events
    assert event.occurred_at == datetime(2026, 11, 10, 10, 30, tzinfo=UTC)
    missed = {"created_at": "2026-11-01T07:00:00Z", "no_show": {"created_at": "2026-11-10T10:40:00.123456Z"}}
    body = json.dumps({"event": "invitee_no_show.created", "payload": missed}).encode()
    (event,) = parcel(ADAPTERS["calendly"], {}, body).events
    assert event.occurred_at == datetime(2026, 11, 10, 10, 40, 0, 123456, tzinfo=UTC)


def test_every_kind_has_enough_of_them() -> None:
    for kind in KINDS:
        assert sum(case.kind == kind for case in ALL) >= 6, kind


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_them_in_any_order_leave_the_records_sound(
    ws: Workspace, client: FlaskClient, clock: Clock, kind: str
) -> None:
    vendor = next(each for each in vendors().values() if each.kind == kind)
    if kind in ("mailgun", "ses"):
        # Their signature is a part of the body: what they say is signed in tests/web/test_webhook_proof.py.
        return
    post: Post = arrive(ws, client, clock, vendor)
    cases = [case for case in ALL if case.kind == kind] * 2
    random.Random(kind).shuffle(cases)
    for case in cases:
        headers = {name: value for name, value in case.headers.items() if not name.startswith(":")}
        tail = "".join(f"/{value}" for name, value in case.headers.items() if name == ":event")
        sent = vendor.sign(Sent(f"/webhooks/crm{tail}", case.body, headers), vendor.secret, clock.now)
        answer = post.client.post(sent.path, data=sent.body, headers=sent.headers)
        assert answer.status_code == ADAPTERS[kind].success, (case.name, answer.text)
    assert doctor.examine(ws) == ()
