"""Whatever is signed is answered 202 and kept; whatever is not signed is answered 401. Never anything else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.processes import signed
from tests.web.fixtures import Sender, body_of
from workflow.engine.signals import FIELDS, KINDS
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
