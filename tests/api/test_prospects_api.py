"""The API about prospects, through the front door."""

from __future__ import annotations

from tests.web.fixtures import Api, body_of


def test_it_makes_reads_changes_and_moves_a_prospect(api: Api) -> None:
    answer = api.ask("POST", "/prospects", {"email": "Ana@Example.com", "name": "Ана", "custom": {"size": 12}})
    made = body_of(answer)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/prospects/{made['id']}"
    assert made["stage"] == "planned"
    assert made["custom"] == {"size": 12}
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
