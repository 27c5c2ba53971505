"""The API about a rep's day: what is put off comes back, belongs to the rep of the key, and goals are counted."""

from __future__ import annotations

from tests.conftest import Clock
from tests.web.fixtures import Api, Sender, body_of
from workflow.actions import people
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"


def test_a_rep_puts_things_off_and_sets_goals_by_the_api(api: Api, ws: Workspace, crm: Sender, clock: Clock) -> None:
    reps = [people.add_rep(ws, f"{name}@example.com", "rep") for name in ("maria", "boyan")]
    maria, boyan = (Api(api.client, people.add_key(ws, rep, "rep", rep=rep)) for rep in reps)
    for number in range(3):
        crm.tell("call.ended", f"p{number}@example.com")
    known = [each["id"] for each in api.get("/prospects?sort=created_at")["items"]]
    day = (clock.now.date()).replace(day=clock.now.day + 3)
    told = [
        body_of(maria.ask("POST", "/snoozes", {"what": "prospect", "about": each, "until": day.isoformat()}))
        for each in known
    ]
    assert told[0]["until"] == f"{day.replace(day=day.day - 1).isoformat()}T22:00:00Z", "midnight in Sofia"
    aside = body_of(maria.ask("POST", "/snoozes", {"what": "answer", "about": known[0], "version": 1}))
    assert aside["until"] is None
    again = maria.ask("POST", "/snoozes", {"what": "prospect", "about": known[0], "until": day.isoformat()})
    assert body_of(again)["id"] == told[0]["id"], "the same thing is put off once"
    first = maria.get("/snoozes?limit=2")
    rest = maria.get(f"/snoozes?limit=2&cursor={first['next_cursor']}")
    assert [each["about"] for each in (*first["items"], *rest["items"])] == known
    for sort in ("-until", "-made_at"):
        first = maria.get(f"/snoozes?limit=2&sort={sort}")
        rest = maria.get(f"/snoozes?limit=2&sort={sort}&cursor={first['next_cursor']}")
        assert [each["about"] for each in (*first["items"], *rest["items"])] == known[::-1]
    assert boyan.get("/snoozes")["items"] == []
    assert boyan.ask("DELETE", f"/snoozes/{told[0]['id']}").status_code == 404
    assert maria.ask("DELETE", f"/snoozes/{told[0]['id']}").status_code == 200
    assert maria.ask("DELETE", f"/snoozes/{told[0]['id']}").status_code == 404
    odd = (
        ({"what": "prospect", "about": NOWHERE, "until": day.isoformat()}, 404),
        ({"what": "answer", "about": known[0], "version": 99}, 404),
        ({"what": "prospect", "about": "me", "until": day.isoformat()}, 422),
        ({"what": "prospect", "about": known[0]}, 422),
        ({"what": "prospect", "about": known[0], "until": clock.now.date().isoformat()}, 422),
        ({"what": "prospect", "about": known[0], "until": "2099-01-01"}, 422),
        ({"what": "mail", "about": known[0], "until": day.isoformat()}, 422),
    )
    for body, status in odd:
        assert maria.ask("POST", "/snoozes", body).status_code == status, body
    body_of(maria.ask("PUT", "/goals", {"calls": 25, "wins": 2}))
    week = body_of(maria.ask("PUT", "/goals", {"wins": 0}))
    assert (week["calls"], week["wins"]) == ({"reached": 0, "wanted": 25}, {"reached": 0, "wanted": 0})
    assert maria.get("/goals") == week
    assert maria.ask("PUT", "/goals", {"calls": 1000}).status_code == 422
    for path in ("/snoozes", "/goals"):
        assert api.ask("GET", path).status_code == 422, "a key that is nobody's has no day"
