"""Who may reach what: every route of the map, asked by the owner, by a colleague and by keys with narrower scopes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.conftest import Clock
from tests.web.fixtures import Api, Sender, body_of
from web.api.mount import PREFIX, ROUTES
from web.api.openapi import document
from workflow import rights
from workflow.actions import people
from workflow.errors import BadInput
from workflow.records.models import History, IdempotentAnswer
from workflow.workspace import Workspace

WORDS = ("meetings", "calls", "enrollments", "touches")
BODIES = document(ROUTES, PREFIX)["components"]["schemas"]


@dataclass(slots=True)
class Cast:
    """Boyan with a prospect of his own, Mila beside him, and the ids of what belongs to that prospect."""

    boyan: Api
    mila: Api
    ids: dict[str, str]


@pytest.fixture
def cast(ws: Workspace, api: Api, crm: Sender) -> Cast:
    keys = {}
    for name in ("boyan", "mila"):
        rep = people.add_rep(ws, f"{name}@sales.example.com", "rep")
        keys[name] = Api(api.client, people.add_key(ws, name, "rep", rep=rep))
    crm.tell("meeting.booked", data={"uid": "m1", "starts_at": "2026-12-01T10:00:00Z"})
    crm.tell("call.ended", data={"minutes": 5})
    (prospect,) = api.get("/prospects")["items"]
    owner = {"owner": "boyan@sales.example.com"}
    assert api.ask("PATCH", f"/prospects/{prospect['id']}", owner).status_code == 200
    ids = {word: api.get(f"/{word}")["items"][0]["id"] for word in WORDS}
    return Cast(keys["boyan"], keys["mila"], {**ids, "prospects": prospect["id"]})


def changes(ws: Workspace) -> int:
    with ws.database.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(History)).scalar_one()


def example(route: Any) -> object:
    """A body that the document gives as an example; none for a route that takes none."""
    found = BODIES.get(route.body.__name__)
    return found["examples"][0] if found and route.method != "GET" else None


def test_what_belongs_to_a_colleague_is_not_found_on_any_route(ws: Workspace, cast: Cast) -> None:
    before, asked = changes(ws), 0
    for route in ROUTES:
        if route.word not in cast.ids or "<id>" not in route.path or route.path.count("<") > 1:
            continue
        path = route.path.replace("<id>", cast.ids[route.word])
        for body in (example(route), {} if route.method != "GET" else None):
            answer = cast.mila.ask(route.method, path, body)
            wanted = 403 if route.right is not None and not rights.may("rep", route.right) else 404
            assert answer.status_code == wanted, (route.method, route.path, answer.text)
        asked += 1
        if route.method == "GET":
            assert cast.boyan.ask("GET", path).status_code in (200, 403), route.path
    assert asked > 20
    assert changes(ws) == before
    for route in ROUTES:
        if route.method == "GET" and "<" not in route.path and route.right is None:
            text = cast.mila.ask("GET", route.path).text
            assert not any(known in text for known in cast.ids.values()), route.path
    assert cast.boyan.get("/prospects")["items"][0]["id"] == cast.ids["prospects"]
    assert [len(cast.boyan.get(f"/{word}")["items"]) > 0 for word in WORDS] == [True] * len(WORDS)


@pytest.mark.parametrize("area", ["prospects", "people"])
def test_a_scope_opens_its_area_and_no_other(ws: Workspace, api: Api, area: str) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"
    reads = Api(api.client, people.add_key(ws, "reads", "admin", scopes=[f"{area}:read"]))
    writes = Api(api.client, people.add_key(ws, "writes", "admin", scopes=[f"{area}:write"]))
    for route in ROUTES:
        path = route.path.replace("<id>", nowhere).replace("<key>", "x")
        body = {"nonsense": 1} if route.method != "GET" else None
        for caller, may in ((reads, not route.writes), (writes, True)):
            wanted = not route.needs_scope or (route.area == area and may)
            assert (caller.ask(route.method, path, body).status_code != 403) is wanted, (route.method, route.path)
    told = reads.get("/me")
    assert (told["scopes"], told["areas"][area]) == ([f"{area}:read"], "read")
    with pytest.raises(BadInput, match="no scope"):
        people.add_key(ws, "odd", "rep", scopes=["everything"])


def test_a_key_ends_with_its_day_and_with_its_rep(ws: Workspace, api: Api, clock: Clock) -> None:
    made = api.ask("POST", "/keys", {"name": "month", "role": "manager", "days": 30}, Idempotency_Key="k")
    again = api.ask("POST", "/keys", {"name": "month", "role": "manager", "days": 30}, Idempotency_Key="k")
    told = body_of(made)
    # Told once: whoever repeats the call learns that it was made, and nothing in the database holds the key.
    assert body_of(again) == {**told, "key": None}
    assert made.headers["Location"] == again.headers["Location"] == f"/api/v1/keys/{told['id']}"
    with ws.database.read() as tx:
        assert told["key"] not in str(tx.conn.execute(select(IdempotentAnswer.body)).all())
    month = Api(api.client, told["key"])
    assert month.get("/me")["role"] == "manager"
    assert month.ask("GET", "/keys").status_code == 403
    clock.advance(timedelta(days=30))
    assert month.ask("GET", "/me").status_code == 401
    rep = body_of(api.ask("POST", "/reps", {"email": "ema@sales.example.com"}))
    assert "/sign-in/" in rep["sign_in_url"]
    own = Api(api.client, people.add_key(ws, "own", "admin", rep=rep["id"]))
    assert own.get("/me")["role"] == "rep"
    assert api.ask("PATCH", f"/reps/{rep['id']}", {"disabled": True}).status_code == 200
    assert own.ask("GET", "/me").status_code == 401
    narrow = Api(api.client, people.add_key(ws, "narrow", "admin", scopes=["people:write"]))
    assert narrow.ask("POST", "/keys", {"name": "more", "role": "admin"}).status_code == 403


def test_a_record_that_changed_since_it_was_read_is_not_written_over(api: Api, crm: Sender) -> None:
    crm.tell("call.ended")
    at = f"/prospects/{api.get('/prospects')['items'][0]['id']}"
    read = api.ask("GET", at)
    tag = read.headers["ETag"]
    assert api.ask("GET", at, If_None_Match=tag).status_code == 304
    changed = api.ask("PATCH", at, {"name": "Ana"}, If_Match=tag)
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)
    for method, path, body in (("PATCH", at, {"name": "Eva"}), ("POST", f"{at}/calls", {"minutes": 3})):
        stale = api.ask(method, path, body, If_Match=tag)
        assert (stale.status_code, stale.mimetype) == (412, "application/problem+json")
    assert api.get(at)["name"] == "Ana"
    assert api.ask("PATCH", at, {"name": "Eva"}, If_Match="*").status_code == 200
    assert api.ask("PATCH", at, {"name": "Ida"}, If_Match=f'W/"x", {changed.headers["ETag"]}').status_code == 412


def test_calls_are_told_how_many_are_left(api: Api) -> None:
    answer = api.client.get(
        "/api/v1/me", headers={"Authorization": f"Bearer {api.key}"}, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert answer.headers["RateLimit-Policy"] == '"key";q=600;w=60'
    assert answer.headers["RateLimit"].startswith('"key";r=599;t=')


def test_sequences_are_begun_ended_and_held_by_hand(api: Api, crm: Sender) -> None:
    crm.tell("prospect.upserted")
    at = f"/prospects/{api.get('/prospects')['items'][0]['id']}"
    key = next(each["key"] for each in api.get("/sequences")["items"] if each["in_force"])
    begun = api.ask("POST", f"{at}/enrollments", {"sequence": key})
    assert begun.status_code == 200, begun.text
    twice = api.ask("POST", f"{at}/enrollments", {"sequence": key})
    assert (twice.status_code, api.ask("POST", f"{at}/enrollments", {"sequence": "x"}).status_code) == (409, 422)
    assert api.ask("POST", f"{at}/pause", {"until": "2020-01-01T00:00:00Z"}).status_code == 422
    assert api.ask("POST", f"{at}/resume").status_code == 409
    until = {"until": "2026-12-24T00:00:00Z"}
    assert api.ask("POST", f"{at}/pause", until).status_code == 200
    assert api.ask("POST", f"{at}/resume").status_code == 200
    ended = body_of(api.ask("POST", f"/enrollments/{body_of(begun)['id']}/stop"))
    assert (ended["state"], ended["reason"]) == ("stopped", "Stopped by api:tests.")
    assert api.ask("POST", f"/enrollments/{ended['id']}/stop").status_code == 409
    kinds = [row["kind"] for row in api.get("/audit?sort=at")["items"]]
    assert [kind for kind in kinds if "sequence." in kind or "email." in kind] == [
        "sequence.started", "email.held_back", "email.released", "sequence.ended",
    ]  # fmt: skip
    result = next(each for each in api.get("/sequences")["items"] if each["key"] == key)
    assert result["enrollments"] == {"stopped": 1}


def test_meetings_are_booked_moved_and_ended_and_the_way_ahead_is_told(api: Api, crm: Sender) -> None:
    crm.tell("prospect.upserted")
    at = f"/prospects/{api.get('/prospects')['items'][0]['id']}"
    booked = body_of(api.ask("POST", f"{at}/meetings", {"starts_at": "2026-12-01T10:00:00Z", "place": "Sofia"}))
    moved = api.ask("POST", f"/meetings/{booked['id']}/reschedule", {"starts_at": "2026-12-02T10:00:00+02:00"})
    assert body_of(moved)["starts_at"] == "2026-12-02T08:00:00Z"
    stale = {"reason": "ill", "version": 1}
    assert api.ask("POST", f"/meetings/{booked['id']}/cancel", stale).status_code == 409
    fresh = {"reason": "ill", "version": api.get(at)["version"]}
    assert body_of(api.ask("POST", f"/meetings/{booked['id']}/cancel", fresh))["state"] == "cancelled"
    assert [each["id"] for each in api.get("/meetings?state=cancelled")["items"]] == [booked["id"]]
    offers = api.get(f"/meetings/slots?prospect={at.rsplit('/', 1)[1]}&minutes=45&limit=200")
    first = offers["items"][0]
    assert [each["recommended"] for each in offers["items"]] == sorted(
        (each["recommended"] for each in offers["items"]), reverse=True
    )
    assert {each["code"] for each in first["reasons"]} >= {"slot.soonest", "slot.free"}
    assert all(each["bg"] and each["en"] for each in first["reasons"])
    assert first["ends_at"][14:16] == {"0": "45", "3": "15"}[first["starts_at"][14]]
    assert api.ask("GET", "/meetings/slots?prospect=" + "0" * 8 + "-0000-7000-8000-" + "0" * 12).status_code == 404
    assert api.ask("GET", "/meetings/slots").status_code == 422
    other = body_of(api.ask("POST", f"{at}/meetings", {"starts_at": "2026-11-20T10:00:00Z"}))
    assert body_of(api.ask("POST", f"/meetings/{other['id']}/held"))["state"] == "held", "there is nothing to say"
    life = body_of(api.ask("POST", "/simulations", {"events": "call ends on day 1", "days": 30}))
    assert any(entry["kind"] == "mail" for entry in life["entries"])
    assert api.get(f"{at}/forecast?days=30")["ending"] in ("quiet", "waiting", "horizon", "closed")


def test_every_order_of_every_list_gives_each_row_once_whatever_the_page(api: Api, crm: Sender) -> None:
    for number in range(3):
        email = f"p{number}@example.com"
        crm.tell("call.ended", email)
        crm.tell("meeting.booked", email, data={"uid": f"m{number}", "starts_at": f"2026-12-0{number + 1}T10:00:00Z"})
    for word in ("prospects", "meetings", "calls", "enrollments", "touches", "events", "audit"):
        operation = document(ROUTES, PREFIX)["paths"][f"{PREFIX}/{word}"]["get"]
        sorts = next(each["schema"]["enum"] for each in operation["parameters"] if each.get("name") == "sort")
        for sort in sorts:
            whole = [json.dumps(row) for row in api.get(f"/{word}?sort={sort}")["items"]]
            assert pages(api, f"/{word}?sort={sort}") == whole, (word, sort)
            assert len(set(whole)) == len(whole) >= 3
        assert api.ask("GET", f"/{word}?sort=secret").status_code == 422
        other = api.get(f"/{word}?sort={sorts[0]}&limit=1")["next_cursor"]
        assert api.ask("GET", f"/{word}?sort={sorts[1]}&cursor={other}").status_code == 422


def test_every_list_is_read_page_by_page_also_a_short_one(api: Api) -> None:
    lists = [route for route in ROUTES if "next_cursor" in route.answer.model_fields and route.method == "GET"]
    assert [route.path for route in lists if not {"limit", "cursor"} <= set(route.query.model_fields)] == []
    for word in ("sequences", "templates", "mailboxes", "endpoints", "playbook/versions", "deliveries/replays"):
        whole = [json.dumps(row) for row in api.get(f"/{word}")["items"]]
        assert pages(api, f"/{word}?", limit=1) == whole, word
        assert api.ask("GET", f"/{word}?limit=0").status_code == 422
        assert api.ask("GET", f"/{word}?cursor=x").status_code == 422
    assert len(api.get("/templates")["items"]) > 1


def pages(api: Api, address: str, limit: int = 2) -> list[str]:
    """Every row of a list, so many at a time."""
    rows: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{address}&limit={limit}&cursor={cursor}")
        rows += [json.dumps(row) for row in page["items"]]
        cursor = page["next_cursor"]
    return rows
