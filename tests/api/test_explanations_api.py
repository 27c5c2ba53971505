"""The API that says why: of an email or task, and of the sequences of a prospect."""

from __future__ import annotations

from typing import Any

from tests.web.fixtures import Api, Sender, body_of

NOWHERE = "00000000-0000-7000-8000-000000000000"


def called(crm: Sender, api: Api) -> str:
    """A prospect who was called: two emails lie ahead."""
    assert crm.tell("call.ended")["outcome"] == "applied"
    prospect_id: str = api.get("/prospects")["items"][0]["id"]
    return prospect_id


def explained(api: Api, address: str, **headers: str) -> Any:
    return body_of(api.ask("GET", f"{address}", **headers))


def test_a_touch_tells_rule_inputs_clocks_result_and_version(api: Api, crm: Sender) -> None:
    known = called(crm, api)
    touch = api.get(f"/prospects/{known}/touches")["items"][1]
    told = explained(api, f"/touches/{touch['id']}/explanation?zone=America/New_York")
    assert (told["prospect"], told["touch"]) == (known, touch["id"])
    assert told["zones"] == {"viewer": "America/New_York", "prospect": "Europe/Sofia"}
    (item,) = told["items"]
    assert (item["sequence"], item["step"], item["state"]) == ("after_call", "next_call", "scheduled")
    assert item["line"] > 0
    assert item["playbook"]["number"] == 1
    assert len(item["playbook"]["digest"]) == 12
    planned, stands = item["notes"]
    assert planned["code"] == "planned.after"
    assert planned["inputs"]["zone"] == "Europe/Sofia"
    assert planned["result"]["due"] == touch["due_at"]
    assert planned["at_viewer"].startswith("2026-11-10T03:00:00")
    assert planned["playbook"] == {**item["playbook"], "name": None}
    assert "4 seconds after the end of step “questions”" in planned["text"]
    assert "waits for step “questions”, which is scheduled" in stands["text"]
    told = explained(api, f"/touches/{touch['id']}/explanation", Accept_Language="bg")
    assert "4 секунди след края на стъпка „questions“" in told["items"][0]["notes"][0]["text"]


def test_a_prospect_tells_why_a_sequence_is_not_there(api: Api, crm: Sender) -> None:
    known = called(crm, api)
    told = explained(api, f"/prospects/{known}/explanation")
    assert [item["sequence"] for item in told["items"]] == ["after_call", "welcome", "nudge"]
    assert told["touch"] is None
    told = explained(api, f"/prospects/{known}/explanation?sequence=nudge&step=recap")
    (item,) = told["items"]
    assert item["step"] == "recap"
    assert [note["code"] for note in item["notes"]] == ["starts.stage", "no_start.stage", "may_begin"]
    assert "qualify → diagnose → schedule_meeting → follow_up" in item["notes"][1]["text"]


def test_what_is_not_there_is_404_and_what_is_wrong_is_422(api: Api, crm: Sender) -> None:
    known = called(crm, api)
    for address in (f"/touches/{NOWHERE}/explanation", f"/prospects/{NOWHERE}/explanation"):
        assert api.ask("GET", address).status_code == 404
    for query, field in (("sequence=nudg", "sequence"), ("step=recap", "sequence"), ("zone=Sofia", "zone"),
                         ("sequence=nudge&step=x", "step")):  # fmt: skip
        answer = api.ask("GET", f"/prospects/{known}/explanation?{query}")
        assert answer.status_code == 422
        assert body_of(answer)["errors"][0]["field"] == field
