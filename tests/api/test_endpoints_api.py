"""The API about webhooks out: from adding an endpoint to replaying what it missed; a secret is told once."""

from __future__ import annotations

from tests.web.fixtures import Api, body_of
from workflow.actions import outbox
from workflow.actions.outbox import Answer, FakeCourier
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"


def test_an_endpoint_lives_from_its_secret_to_its_removal(api: Api, ws: Workspace) -> None:
    wanted = {"name": "crm", "url": "https://hooks.example.com/in", "events": ["prospect.created"]}
    made = body_of(api.ask("POST", "/endpoints", wanted))
    assert made["secret"].startswith("whsec_")
    at = f"/endpoints/{made['id']}"
    assert api.ask("POST", "/endpoints", wanted).status_code == 409
    rotated = body_of(api.ask("POST", f"{at}/rotate"))
    assert rotated["secret"] not in ("", made["secret"])
    assert made["secret"] not in api.ask("GET", at).text
    for email in ("a@example.com", "b@example.com"):
        assert api.ask("POST", "/prospects", {"email": email}).status_code == 201
    paused = body_of(api.ask("POST", f"{at}/pause"))
    assert (paused["state"], paused["waiting"], "paused by" in paused["why"]) == ("paused", 2, True)
    assert body_of(api.ask("POST", f"{at}/resume"))["state"] == "active"
    assert api.ask("PATCH", at, {"url": "http://127.0.0.1/"}).status_code == 422
    assert body_of(api.ask("PATCH", at, {"events": ["prospect.created", "task.due"]}))["url"] == wanted["url"]
    outbox.drain(ws, made["id"], {"endpoint": FakeCourier(Answer("never", 404, "no"), Answer("done", 200))})
    shown = body_of(api.ask("GET", at))
    assert (shown["waiting"], shown["dead"], shown["taken_at"] is not None) == (0, 1, True)
    first = body_of(api.ask("GET", f"{at}/deliveries?limit=1"))
    second = body_of(api.ask("GET", f"{at}/deliveries?limit=1&cursor={first['next_cursor']}"))
    assert [page["items"][0]["payload"]["prospect"]["email"] for page in (first, second)] == [
        "b@example.com", "a@example.com",
    ]  # fmt: skip
    assert body_of(api.ask("POST", f"{at}/replay"))["replayed"] == 1
    which = second["items"][0]["id"]
    assert body_of(api.ask("POST", f"{at}/replay", {"delivery": which}))["replayed"] == 1
    assert api.ask("POST", f"{at}/replay", {"delivery": NOWHERE}).status_code == 404
    assert api.ask("POST", f"{at}/remove").status_code == 200
    assert body_of(api.ask("GET", "/endpoints"))["items"] == []
    for act in ("rotate", "test", "pause", "resume", "remove"):
        assert api.ask("POST", f"{at}/{act}").status_code == 404


def test_what_cannot_be_is_refused_at_its_field(api: Api) -> None:
    good = {"name": "crm", "url": "https://hooks.example.com/"}
    for odd in ({"url": "https://127.0.0.1/"}, {"url": "http://example.com/"}, {"name": "A B"}, {"events": ["x"]}):
        answer = api.ask("POST", "/endpoints", {**good, **odd})
        assert (answer.status_code, next(iter(odd)) in answer.text) == (422, True), odd
