"""Merging by the API: the answer is the one that goes on, and the old id leads there."""

from __future__ import annotations

from tests.web.fixtures import Api, body_of


def test_two_prospects_become_one_and_the_old_id_leads_there(api: Api) -> None:
    kept = body_of(api.ask("POST", "/prospects", {"email": "ana@buyer.example", "company": "Old"}))["id"]
    gone = body_of(api.ask("POST", "/prospects", {"email": "a.p@buyer.example", "company": "New", "phone": "+359888"}))
    path, other = f"/prospects/{kept}/merge", gone["id"]
    for body, status in (
        ({}, 422), ({"other": kept}, 422), ({"other": other, "take": ["stage"]}, 422),
        ({"other": "01a20398-81c2-78da-b81b-3d2631c1f7b7"}, 404), ({"other": other, "version": 9}, 409),
    ):  # fmt: skip
        assert api.ask("POST", path, body).status_code in (status, 400 if status == 422 else status), body
    told = body_of(api.ask("POST", path, {"other": other, "take": ["company"], "version": 1}))
    assert (told["id"], told["company"], told["phone"], told["version"]) == (kept, "New", "+359888", 2)
    assert api.get(f"/prospects/{other}")["id"] == kept
    assert [row["kind"] for row in api.get(f"/prospects/{other}/history")["items"]] == ["created", "merged.away"]
    assert [row["id"] for row in api.get("/prospects")["items"]] == [kept]
    assert api.ask("POST", path, {"other": other}).status_code in (409, 422)
    changed = body_of(api.ask("PATCH", f"/prospects/{other}", {"title": "COO"}))
    assert (changed["id"], changed["title"]) == (kept, "COO")
