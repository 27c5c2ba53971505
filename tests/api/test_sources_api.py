"""The API about how a source's vendor is asked by its own API: a token goes in and never comes out."""

from __future__ import annotations

import pytest

from tests.web.fixtures import Api, Sender, body_of
from workflow.actions import sources
from workflow.workspace import Workspace


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_goes_in_and_what_is_written_is_kept(api: Api) -> None:
    made = body_of(api.ask("POST", "/sources", {"kind": "hubspot", "name": "deals", "secret": "a-client-secret"}))
    at = f"/sources/{made['id']}"
    assert api.ask("GET", f"{at}/crm").status_code == 404
    kept = api.ask("PUT", f"{at}/token", {"api_token": "pat-eu1-secret"})
    assert kept.status_code == 200
    shown = api.ask("GET", f"{at}/crm")
    assert "pat-eu1-secret" not in kept.text + shown.text
    assert (body_of(shown)["has_token"], body_of(shown)["poll_minutes"], body_of(shown)["writes"]) == (True, 15, {})
    changed = body_of(api.ask("PATCH", f"{at}/crm", {"poll_minutes": 5, "writes": {"qualified": " 12 ", "closed": ""}}))
    assert (changed["poll_minutes"], changed["writes"], changed["unwritten"]) == (5, {"qualified": "12"}, 0)
    for odd in ({"poll_minutes": 0}, {"writes": {"nowhere": "1"}}):
        assert api.ask("PATCH", f"{at}/crm", odd).status_code == 422
    assert api.ask("POST", f"{at}/reconcile").status_code == 200
    assert api.ask("PUT", f"{at}/token", {"api_token": ""}).status_code == 200
    assert body_of(api.ask("GET", f"{at}/crm"))["has_token"] is False
    other = body_of(api.ask("POST", "/sources", {"kind": "close", "name": "other"}))
    assert api.ask("PUT", f"/sources/{other['id']}/token", {"api_token": "x"}).status_code == 422


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_source_is_paused_resumed_and_gone_once_removed(ws: Workspace, api: Api, crm: Sender) -> None:
    (source,) = api.get("/sources")["items"]
    at, event = f"/sources/{source['id']}", {"type": "prospect.upserted", "prospect": {"email": "ana@example.com"}}
    paused = api.ask("POST", f"{at}/pause")
    assert (paused.status_code, body_of(paused)["disabled_at"] is not None) == (200, True)
    assert crm.deliver({"id": "evt_1"} | event).status_code == 401
    assert body_of(api.ask("POST", f"{at}/resume"))["disabled_at"] is None
    assert crm.deliver({"id": "evt_1"} | event).status_code == 202
    assert api.ask("POST", f"/sources/{source['id'][:-4]}0000/pause").status_code == 404
    sources.remove(ws, source["id"])
    assert api.get("/sources")["items"] == []
    assert api.ask("GET", at).status_code == 404
