"""Own texts of emails and links between prospects by the API, with who may see whom."""

from __future__ import annotations

from tests.web.fixtures import Api, body_of


def test_one_email_is_written_by_hand_and_two_prospects_are_linked(api: Api) -> None:
    ana = body_of(api.ask("POST", "/prospects", {"email": "ana@buyer.example", "name": "Ana"}))["id"]
    boyan = body_of(api.ask("POST", "/prospects", {"email": "boyan@buyer.example", "name": "Boyan"}))["id"]
    api.ask("POST", f"/prospects/{ana}/moves", {"trigger": "qualify"})
    touch = next(each for each in api.get(f"/prospects/{ana}/touches")["items"] if each["kind"] == "email")["id"]
    path = f"/touches/{touch}/text"
    shown = api.get(path)
    assert (shown["own"], shown["version"], shown["problem"]) == (False, 0, None)
    written = body_of(api.ask("PUT", path, {"subject": "Hi {{ name }}", "text": "Only you.\n", "version": 0}))
    assert (written["own"], written["version"], written["actor"]) == (True, 1, "api:tests")
    for body, status in (
        ({"subject": "Hi", "text": "Other\n", "version": 0}, 409),
        ({"subject": "Hi", "text": "{{ nobody }}", "version": 1}, 422),
        ({"subject": "Hi", "text": "x" * 20_001, "version": 1}, 422),
    ):
        assert api.ask("PUT", path, body).status_code == status
    assert body_of(api.ask("DELETE", path))["own"] is False
    assert api.ask("DELETE", path).status_code == 409

    links = f"/prospects/{ana}/relations"
    told = body_of(api.ask("POST", links, {"other": boyan, "kind": "referral"}))["items"]
    assert [(each["prospect"], each["kind"], each["side"]) for each in told] == [(boyan, "referral", "from")]
    assert api.get(f"/prospects/{boyan}/relations")["items"][0]["side"] == "to"
    assert api.ask("POST", links, {"other": ana, "kind": "referral"}).status_code == 422
    assert api.ask("POST", links, {"other": boyan, "kind": "friend"}).status_code == 422
    assert api.ask("POST", links, {"other": touch, "kind": "group"}).status_code == 404
    assert body_of(api.ask("DELETE", f"{links}/{boyan}"))["items"] == []
    assert api.ask("DELETE", f"{links}/{boyan}").status_code == 404
