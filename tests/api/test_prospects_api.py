"""The API about prospects, through the front door."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.fixtures import Api, Sender, body_of
from workflow.actions import people
from workflow.workspace import Workspace


def make(api: Api, **fields: Any) -> Any:
    answer = api.ask("POST", "/prospects", fields)
    assert answer.status_code == 201, answer.text
    return body_of(answer)


def refusal(api: Api, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    answer = api.ask(method, path, body, **headers)
    assert answer.mimetype == "application/problem+json", answer.text
    told = body_of(answer)
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    return answer.status_code, told


def test_it_makes_reads_changes_and_moves_a_prospect(api: Api) -> None:
    answer = api.ask("POST", "/prospects", {"email": "Ana@Example.com", "name": "Ана", "custom": {"size": 12}})
    made = body_of(answer)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/prospects/{made['id']}"
    assert made["stage"] == "planned"
    assert made["custom"] == {"size": 12}
    assert made["entered_stage_at"].endswith("Z")
    assert api.get(f"/prospects/{made['id']}") == made
    changed = body_of(
        api.ask("PATCH", f"/prospects/{made['id']}", {"title": "COO", "name": None, "custom": {"a": "b"}})
    )
    assert (changed["title"], changed["name"], changed["version"]) == ("COO", "", 2)
    assert changed["custom"] == {"size": 12, "a": "b"}
    moved = body_of(api.ask("POST", f"/prospects/{made['id']}/moves", {"trigger": "qualify", "version": 2}))
    assert (moved["stage"], moved["version"]) == ("qualified", 3)
    history = api.get(f"/prospects/{made['id']}/history")["items"]
    assert [row["version"] for row in history] == [1, 2, 3]
    assert (history[2]["kind"], history[2]["from"], history[2]["to"]) == ("moved", "planned", "qualified")
    assert history[2]["actor"] == "api:tests"
    assert history[2]["cause"].startswith("request:")


def test_a_move_takes_what_its_transition_needs_and_keeps_the_reason(api: Api) -> None:
    made = make(api, name="Ana")
    api.ask("POST", f"/prospects/{made['id']}/moves", {"trigger": "qualify"})
    answer = api.ask(
        "POST", f"/prospects/{made['id']}/moves", {"trigger": "close", "outcome": "lost", "reason": "no\u0000 budget"}
    )
    closed = body_of(answer)
    assert (closed["stage"], closed["outcome"], closed["outcome_reason"]) == ("closed", "lost", "no budget")
    assert api.get(f"/prospects/{made['id']}/history")["items"][-1]["reason"] == "no budget"


def test_a_blocked_and_an_impossible_move_are_422_with_reasons_in_both_languages(api: Api) -> None:
    made = make(api, name="Ana")
    path = f"/prospects/{made['id']}/moves"
    status, told = refusal(api, "POST", path, {"trigger": "diagnose"})
    assert (status, told["outcome"], told["reasons"][0]["code"]) == (422, "ignored", "no_transition")
    status, told = refusal(api, "POST", path, {"trigger": "jump"}, Accept_Language="bg-BG,en;q=0.5")
    assert (status, told["reasons"][0]["code"]) == (422, "unknown_trigger")
    assert told["detail"] == told["reasons"][0]["bg"] != told["reasons"][0]["en"]
    api.ask("POST", path, {"trigger": "qualify"})
    status, told = refusal(api, "POST", path, {"trigger": "close"})
    assert (status, told["outcome"], told["stage"], told["reasons"][0]["code"]) == (
        422, "blocked", "qualified", "need.field",
    )  # fmt: skip
    assert api.get(f"/prospects/{made['id']}")["version"] == 2


def test_a_stale_version_is_409(api: Api) -> None:
    made = make(api, name="Ana")
    assert refusal(api, "POST", f"/prospects/{made['id']}/moves", {"trigger": "qualify", "version": 7})[0] == 409
    assert refusal(api, "PATCH", f"/prospects/{made['id']}", {"name": "B", "version": 7})[0] == 409
    assert api.get(f"/prospects/{made['id']}")["version"] == 1


def test_an_address_that_is_taken_is_409(api: Api) -> None:
    make(api, email="ana@example.com")
    other = make(api, email="bob@example.com")
    assert refusal(api, "POST", "/prospects", {"email": "ANA@example.com"})[0] == 409
    assert refusal(api, "PATCH", f"/prospects/{other['id']}", {"email": "ana@example.com"})[0] == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": ""}, "email"),
        ({"phone": "1"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@example.com", "stage": "closed"}, "stage"),
        ({"email": "a@example.com", "id": "1", "version": 3, "is_admin": True}, "is_admin"),
        ({"name": 5}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "x" * 401}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "a", "language": "Bulgarian language"}, "language"),
        ({"name": "a", "time_zone": "Sofia"}, "time_zone"),
        ({"name": "a", "country": "BGR"}, "country"),
        ({"name": "a", "custom": []}, "custom"),
        ({"name": "a", "custom": {str(n): n for n in range(201)}}, "custom"),
        ({"name": "a", "owner": "nobody@example.com"}, "owner"),
        ({"name": "a", "owner": None}, "owner"),
    ],
)
def test_a_wrong_or_unknown_field_is_422_and_named(api: Api, body: Any, field: str) -> None:
    status, told = refusal(api, "POST", "/prospects", body)
    assert status == 422
    assert field in [each["field"].split(".")[0] for each in told["errors"]]
    assert api.get("/prospects")["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "trigger"),
        ({"trigger": ""}, "trigger"),
        ({"trigger": 5}, "trigger"),
        ({"trigger": "qualify", "version": "1"}, "version"),
        ({"trigger": "qualify", "version": True}, "version"),
        ({"trigger": "qualify", "version": 0}, "version"),
        ({"trigger": "qualify", "outcome": 5}, "outcome"),
        ({"trigger": "qualify", "note": "x" * 2001}, "note"),
    ],
)
def test_a_wrong_move_is_422_and_named(api: Api, body: Any, field: str) -> None:
    made = make(api, name="Ana")
    status, told = refusal(api, "POST", f"/prospects/{made['id']}/moves", body)
    assert (status, [each["field"] for each in told["errors"]]) == (422, [field])


@pytest.mark.parametrize("name", ["00000000-0000-7000-8000-000000000000", "1", "ANA", "' OR 1=1", "%00", "a" * 5000])
def test_an_id_that_names_nothing_is_404(api: Api, name: str) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/history"),
        ("GET", "/touches"),
        ("PATCH", ""),
        ("POST", "/moves"),
    ):
        body = {"name": "x"} if method == "PATCH" else {"trigger": "qualify"} if method == "POST" else None
        assert refusal(api, method, f"/prospects/{name}{path}", body)[0] == 404


def test_the_list_is_narrowed_by_each_filter(api: Api, crm: Sender, ws: Workspace) -> None:
    people.add_rep(ws, "Rep@Example.com", "rep", "a long enough password")
    crm.tell("move.requested", prospect={"email": "ana@example.com", "ref": "crm-42"}, data={"trigger": "qualify"})
    make(api, email="bob@example.com", name="Боб Петров", company="100%_Real", owner="rep@example.com")
    make(api, name="Cveta", phone="+359 888")

    def found(query: str) -> list[str]:
        return [each["email"] or each["name"] for each in api.get(f"/prospects?{query}")["items"]]

    assert found("") == ["Cveta", "bob@example.com", "ana@example.com"]
    assert found("ref=crm-42") == ["ana@example.com"]
    assert found("ref=crm-4") == []
    assert found("email=ANA@EXAMPLE.COM") == ["ana@example.com"]
    assert found("email=nonsense") == []
    assert found("stage=qualified") == ["ana@example.com"]
    assert found("stage=nowhere") == []
    assert found("owner=REP@example.com") == ["bob@example.com"]
    assert found("owner=else@example.com") == []
    assert found("q=петров боб") == ["bob@example.com"]
    assert found("q=100%25_") == ["bob@example.com"]
    assert found("q=%25") == ["bob@example.com"]
    assert found("q=888&stage=planned") == ["Cveta"]
    assert api.get("/prospects?ref=crm-42")["items"][0]["ref"] == "crm-42"
    assert api.get("/prospects?ref=crm-42")["items"][0]["refs"] == ["crm-42"]
    assert api.get("/prospects?q=боб")["items"][0]["owner"] == "rep@example.com"
    assert api.get("/prospects?q=cveta")["items"][0]["ref"] is None


def test_pages_follow_each_other_without_a_gap_while_new_ones_come(api: Api) -> None:
    names = [make(api, name=f"n{number}")["name"] for number in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"/prospects?limit=3&cursor={cursor}")
        seen += [each["name"] for each in page["items"]]
        make(api, name="later")
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert seen == names[::-1]


def test_history_has_pages(api: Api) -> None:
    made = make(api, name="a")
    for number in range(4):
        api.ask("PATCH", f"/prospects/{made['id']}", {"title": f"t{number}"})
    first = api.get(f"/prospects/{made['id']}/history?limit=3")
    second = api.get(f"/prospects/{made['id']}/history?limit=3&cursor={first['next_cursor']}")
    assert [row["version"] for row in first["items"] + second["items"]] == [1, 2, 3, 4, 5]
    assert second["next_cursor"] is None
    latest = api.get(f"/prospects/{made['id']}/history?limit=3&sort=-version")
    rest = api.get(f"/prospects/{made['id']}/history?limit=3&sort=-version&cursor={latest['next_cursor']}")
    assert [row["version"] for row in latest["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert api.ask("GET", f"/prospects/{made['id']}/history?sort=actor").status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x", "cursor=%00", "cursor=WyJ4Il0", "cursor=W10", "cursor=e30", "cursor=WzFd", "cursor=" + "W" * 401,
        "cursor=W" * 2, "limit=0", "limit=201", "limit=x", "limit=1e2", "limit=", "offset=5", "stage[]=x",
        "cursor=WyIyMDI2LTExLTEwVDA4OjAwOjAwIiwgIjAwMDAwMDAwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMCJd",
    ],
)  # fmt: skip
def test_a_wrong_query_is_422(api: Api, query: str) -> None:
    assert refusal(api, "GET", f"/prospects?{query}")[0] == 422


def test_only_a_manager_s_key_hands_a_prospect_over(api: Api, ws: Workspace) -> None:
    people.add_rep(ws, "rep@example.com", "rep", "a long enough password")
    made = make(api, name="Ana")
    by_rep = Api(api.client, people.add_key(ws, "small", "rep"))
    assert refusal(by_rep, "PATCH", f"/prospects/{made['id']}", {"owner": "rep@example.com"})[0] == 403
    assert body_of(by_rep.ask("PATCH", f"/prospects/{made['id']}", {"title": "COO"}))["title"] == "COO"
    manager = Api(api.client, people.add_key(ws, "middle", "manager"))
    handed = body_of(manager.ask("PATCH", f"/prospects/{made['id']}", {"owner": "rep@example.com"}))
    assert handed["owner"] == "rep@example.com"


def test_a_suppressed_address_is_told(api: Api, crm: Sender) -> None:
    crm.tell("prospect.upserted")
    assert api.get("/prospects")["items"][0]["suppressed"] is False
    crm.tell("email.unsubscribed")
    assert api.get("/prospects")["items"][0]["suppressed"] is True
