"""The OpenAPI document: it says what the server does, and what the server does is in it."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from tests.web.fixtures import Api, Sender, body_of
from web.api.mount import PREFIX, ROUTES
from workflow import rights
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on which."""
    return sqlite_url


@pytest.fixture
def told(client: FlaskClient) -> Any:
    return body_of(client.get("/api/v1/openapi.json"))


def test_it_is_open_and_describes_every_route(told: Any) -> None:
    assert told["openapi"] == "3.1.0"
    assert {(method.upper(), path) for path, ways in told["paths"].items() for method in ways} == {
        (route.method, PREFIX + re.sub(r"<(\w+)>", r"{\1}", route.path)) for route in ROUTES
    }


def test_its_references_all_lead_somewhere(told: Any) -> None:
    named = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(told)))
    assert named == set(told["components"]["schemas"])


def test_every_operation_has_a_name_of_its_own_and_words(told: Any) -> None:
    operations = [operation for ways in told["paths"].values() for operation in ways.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] and operation["description"] for operation in operations)


def test_it_lists_the_fields_of_a_history_row_by_their_names_on_the_wire(told: Any) -> None:
    fields = set(told["components"]["schemas"]["Change"]["properties"])
    assert {"version", "at", "kind", "actor", "cause", "from", "to", "reason"} <= fields


def test_answers_have_the_fields_it_promises(told: Any, api: Api, crm: Sender, ws: Workspace) -> None:
    crm.tell("call.ended")
    prospect = api.get("/prospects")["items"][0]
    found = {
        "Prospect": prospect,
        "Change": api.get(f"/prospects/{prospect['id']}/history")["items"][0],
        "Touch": api.get(f"/prospects/{prospect['id']}/touches")["items"][0],
        "Delivery": api.get("/deliveries")["items"][0],
        "Event": api.get("/deliveries")["items"][0]["events"][0],
        "Mailbox": api.get("/mailboxes")["items"][0],
        "Playbook": api.get("/playbook"),
        "Transition": api.get("/playbook")["transitions"][0],
    }
    assert ws.mailbox_id == found["Mailbox"]["id"]
    for name, answer in found.items():
        schema = told["components"]["schemas"][name]
        assert set(answer) == set(schema["properties"]) == set(schema["required"]), name


def test_every_example_fits_its_own_schema(told: Any) -> None:
    schemas = told["components"]["schemas"]
    for name, schema in schemas.items():
        rules = {"$ref": f"#/components/schemas/{name}", "components": told["components"]}
        for example in schema.get("examples", []):
            jsonschema.Draft202012Validator(rules, format_checker=jsonschema.FormatChecker()).validate(example)
    for route in ROUTES:
        if route.body.__name__ in schemas:
            route.body.model_validate_json(json.dumps(schemas[route.body.__name__]["examples"][0]))


def test_every_operation_names_its_scope_and_every_area_is_known(told: Any) -> None:
    for route in ROUTES:
        operation = told["paths"][PREFIX + re.sub(r"<(\w+)>", r"{\1}", route.path)][route.method.lower()]
        scopes = operation.get("security", [{"key": []}])[0]["key"]
        assert operation["tags"] == [route.area]
        assert (not route.needs_scope) or (len(scopes) == 1 and scopes[0] in rights.SCOPES), route.path
    assert [tag["name"] for tag in told["tags"]] == list(rights.AREAS)


def test_it_documents_every_status_a_route_gives(told: Any, api: Api) -> None:
    bodies: list[object] = [None, {}, {"nonsense": 1}, [], {"trigger": "qualify", "as": "sent"}]
    for number, route in enumerate(ROUTES):
        path = route.path.replace("<id>", NOWHERE)
        known = told["paths"][PREFIX + re.sub(r"<(\w+)>", r"{\1}", route.path)][route.method.lower()]["responses"]
        for body in bodies if route.method != "GET" else [None]:
            for headers in ({}, {"Idempotency_Key": f"k{number}"}, {"Idempotency_Key": ""}):
                answer = api.ask(route.method, path, body, **headers)
                assert str(answer.status_code) in known, (route.method, path, answer.status_code, body)
        assert "401" in known
        assert str(api.ask(route.method, path + "?nonsense=1").status_code) in known, path
