"""A public fuzzer reads the API's own document and calls every operation: what comes back is what the document says.

It checks status, schema, headers and content type of every answer, that wrong input is refused, that nothing opens
without a key, and never meets an error of ours. It runs apart (`make fuzz`), because it takes its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi import checks

from tests.web.fixtures import Api, Sender
from workflow.reports import doctor
from workflow.workspace import Workspace

# A schema cannot say that an address is taken, that a cursor is ours or that a playbook is sound: such a call fits it
# and is refused with 422 all the same.
BEYOND_SCHEMAS = [checks.positive_data_acceptance]
EXAMPLES = 20


@pytest.fixture
def local(app: Flask) -> Flask:
    """The application as this machine itself calls it: without a limit on calls."""
    inner: Any = app.wsgi_app

    def from_here(environ: dict[str, Any], answer: Callable[..., Any]) -> Iterable[bytes]:
        told: Iterable[bytes] = inner({**environ, "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"}, answer)
        return told

    app.wsgi_app = from_here  # type: ignore[assignment, method-assign]
    return app


def ids_of(api: Api, crm: Sender) -> dict[str, str]:
    """One record of each kind that there is, by the first word of its address."""
    crm.tell("meeting.booked", data={"uid": "m1", "starts_at": "2026-12-01T10:00:00Z"})
    crm.tell("call.ended", data={"minutes": 5})
    words = ("prospects", "meetings", "calls", "enrollments", "touches", "deliveries", "sources", "keys", "mailboxes")
    found = {word: api.get(f"/{word}")["items"] for word in words}
    return {word: rows[0]["id"] for word, rows in found.items() if rows}


def attack(app: Flask, api: Api, known: dict[str, str], examples: int) -> int:
    """Call every operation `examples` times, with ids of real records and with others; how many calls that were."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    own = {"Authorization": f"Bearer {api.key}"}
    calls = 0

    def try_one(operation: Any) -> None:
        @settings(
            max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck), derandomize=True,
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:
            nonlocal calls
            calls += 1
            real = known.get(case.path.split("/")[3])
            if real and calls % 2 and "id" in (case.path_parameters or {}):
                case.path_parameters["id"] = real
            case.call_and_validate(headers=own, excluded_checks=BEYOND_SCHEMAS)

        run()

    found: Any
    for found in schema.get_all_operations():
        try_one(found.ok())
    return calls


def test_deliveries_are_counted_also_where_a_word_or_a_prospect_is_asked_for(api: Api, crm: Sender) -> None:
    """The first thing that the fuzzer found."""
    crm.tell("meeting.held", "nobody@example.com")
    for query in ("why=x", "prospect=nobody@example.com", "why=known&prospect=crm-42"):
        assert api.ask("GET", f"/deliveries/counts?{query}").status_code == 200


@pytest.mark.fuzz
@pytest.mark.timeout(600)
def test_a_public_fuzzer_finds_nothing(local: Flask, api: Api, crm: Sender, ws: Workspace) -> None:
    assert attack(local, api, ids_of(api, crm), EXAMPLES) > 1000
    assert doctor.examine(ws) == ()
