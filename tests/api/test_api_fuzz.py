"""Whatever is sent to the API is answered with one of the statuses it documents, and never with 5xx."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.fixtures import Api, Sender
from web.api.mount import ROUTES
from workflow.reports import doctor
from workflow.workspace import Workspace

NAMES = st.sampled_from(
    ["email", "name", "custom", "owner", "version", "trigger", "outcome", "reason", "as", "language", "country", "x"]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
LIKELY = st.sampled_from(["ana@example.com", "qualify", "close", "won", "bg", "\u0000", "\ud800", 1, 2, "sent", {}, []])
ANYTHING = st.recursive(
    SCALARS | LIKELY, lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(), child, max_size=3)
)
BODIES = st.dictionaries(NAMES | st.text(max_size=5), LIKELY | ANYTHING, max_size=5) | ANYTHING
PLACES = st.sampled_from([(route.method, route.path) for route in ROUTES])
WRITTEN = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@relaxed
@given(place=PLACES, body=BODIES, query=st.dictionaries(WRITTEN, WRITTEN, max_size=2), name=WRITTEN)
def test_any_call_is_answered_by_a_status_that_is_documented(
    api: Api, crm: Sender, ws: Workspace, place: tuple[str, str], body: Any, query: dict[str, str], name: str
) -> None:
    found = api.get("/prospects?email=ana@example.com")["items"]
    if not found:
        crm.tell("call.ended", "ana@example.com")
        found = api.get("/prospects?email=ana@example.com")["items"]
    touch = api.get(f"/prospects/{found[0]['id']}/touches")["items"][0]["id"]
    method, path = place
    for row_id in (found[0]["id"], touch, quote(name, safe="")):
        answer = api.client.open(
            f"/api/v1{path.replace('<id>', row_id)}",
            method=method,
            query_string=query,
            data=json.dumps(body).encode() if method != "GET" else None,
            headers={"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"},
        )
        assert answer.status_code in (200, 201, 400, 404, 405, 409, 422), answer.text
    assert doctor.examine(ws) == ()


@relaxed
@given(body=st.binary(max_size=200), header=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_any_bytes_and_any_headers_are_refused_with_a_sentence(api: Api, body: bytes, header: str) -> None:
    for name in ("Authorization", "Content-Type", "Accept-Language", "Idempotency-Key", "If-Match", "Cookie"):
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json", name: header}
        answer = api.client.post("/api/v1/prospects", data=body, headers=headers)
        assert answer.status_code in (201, 400, 401, 415, 422), answer.text
