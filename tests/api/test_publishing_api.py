"""Publishing by a program: check a draft, see what it would change, publish it, and follow how far it has come."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.fixtures import FAST, Api, Sender, body_of
from workflow.actions import people, publishing
from workflow.workspace import Workspace

SOURCE = FAST.read_text(encoding="utf-8")
LATER = SOURCE.replace("after: 4s", "after: 2h")
RENAMED = SOURCE.replace("planned", "fresh")


def publish(api: Api, source: str, **more: Any) -> Any:
    """Publish, and what the answer says."""
    answer = api.ask("POST", "/playbook/publish", {"source": source, **more})
    assert answer.status_code == 200, answer.text
    return body_of(answer)


def test_a_draft_is_checked_line_by_line(api: Api) -> None:
    told = body_of(api.ask("POST", "/playbook/check", {"source": SOURCE.replace("to: qualified}", "to: qualifed}", 1)}))
    assert [(each["code"], "qualified" in each["sentence"]) for each in told["findings"]] == [("unknown_stage", True)]
    assert body_of(api.ask("POST", "/playbook/check", {"source": SOURCE})) == {"findings": []}


def test_a_dry_run_tells_what_would_change_and_changes_nothing(api: Api, crm: Sender) -> None:
    crm.tell("call.ended")
    told = publish(api, LATER, dry_run=True)
    assert [each["words"] for each in told["differences"]] == ["step after_call.next_call: waits: 4s → 2h"]
    assert told["touches"] == {"unaffected": 1, "earlier": 0, "later": 1, "gained": 0, "lost": 0}
    assert told["groups"][0]["examples"][0]["fate"] == "later"
    assert told["publication"] is None
    assert [each["in_force"] for each in api.get("/playbook/versions")["items"]] == [False]


def test_what_is_published_holds_at_once_and_those_in_flight_follow(api: Api, crm: Sender, ws: Workspace) -> None:
    crm.tell("call.ended")
    made = publish(api, LATER, all="move")["publication"]
    assert (made["total"], made["is_done"]) == (1, False)
    assert api.ask("POST", "/playbook/publish", {"source": SOURCE}).status_code == 409
    publishing.finish(ws)
    assert api.get(f"/playbook/publications/{made['id']}")["moved"] == 1
    versions = api.get("/playbook/versions")["items"]
    assert [(each["number"], each["in_force"], each["in_flight"], each["by"]) for each in versions] == [
        (2, True, 1, "api:tests"),
        (1, False, 0, "system"),
    ]
    assert api.get("/playbook")["digest"] == versions[0]["digest"]
    assert api.ask("POST", "/playbook/publish", {"source": LATER}).status_code == 409


def test_a_removed_stage_needs_a_mapping(api: Api, crm: Sender) -> None:
    crm.tell("prospect.upserted")
    answer = api.ask("POST", "/playbook/publish", {"source": RENAMED})
    assert answer.status_code == 422
    assert "“planned” (1)" in body_of(answer)["detail"]
    assert publish(api, RENAMED, dry_run=True)["stranded"] == {"planned": 1}
    publish(api, RENAMED, map={"planned": "fresh"})
    assert api.get("/prospects")["items"][0]["stage"] == "fresh"


def test_a_draft_with_findings_is_refused_with_them(api: Api) -> None:
    answer = api.ask("POST", "/playbook/publish", {"source": "name: ["})
    assert answer.status_code == 422
    assert body_of(answer)["findings"][0]["line"] == 1


@pytest.mark.parametrize("more", [{"all": "drop"}, {"groups": {"after_call": "leave"}}, {"maps": {}}, {"source": 7}])
def test_odd_wishes_are_refused_by_name(api: Api, more: dict[str, Any]) -> None:
    assert api.ask("POST", "/playbook/publish", {"source": LATER, **more}).status_code == 422


def test_only_an_administrator_publishes(client: FlaskClient, ws: Workspace) -> None:
    manager = Api(client, people.add_key(ws, "manager", "manager"))
    for path in ("check", "publish"):
        assert manager.ask("POST", f"/playbook/{path}", {"source": SOURCE}).status_code == 403
    assert manager.get("/playbook/versions")["items"][0]["name"] == "fast"
