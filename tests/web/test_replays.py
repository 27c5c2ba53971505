"""Replays by a filter and their rehearsal, through the API: what was seen beforehand is what is done, and only once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import Clock
from tests.web.fixtures import FAST, Api, Sender, body_of
from workflow.actions import publishing, replays
from workflow.actions.parcels import Parcel
from workflow.actions.prospects import Who
from workflow.actions.publishing import Choices
from workflow.records.base import Base
from workflow.records.models import Delivery
from workflow.wanted import Wanted
from workflow.workspace import Workspace

DEAL = "deal.renamed"
"""A word of the CRM that fast.yaml knows nothing of, until the draft does."""
DRAFT = FAST.read_text(encoding="utf-8") + f"  - {{source: crm, when: {{kind: {DEAL}, value: hot}}, do: qualify}}\n"


def everything(ws: Workspace) -> dict[str, list[Any]]:
    """Every row of every table."""
    with ws.database.read() as tx:
        return {
            table.name: sorted(str(tuple(row)) for row in tx.conn.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }


def brought(crm: Sender) -> None:
    """Two whose deal is hot, one whose deal is cold, one reply of nobody we know, and a letter nobody can read."""
    for name, value in (("ana", "hot"), ("boris", "hot"), ("vera", "cold")):
        crm.tell("prospect.upserted", email=f"{name}@example.com")
        crm.tell(DEAL, email=f"{name}@example.com", data={"value": value})
    crm.tell("email.replied", email="nobody@example.com")
    crm.deliver(b"{never json")


def ended(api: Api, begun: dict[str, Any]) -> dict[str, Any]:
    """A replay at its end: one that takes longer than whoever asked waits goes on beside the requests."""
    while begun["state"] == "running":
        time.sleep(0.02)
        begun = next(each for each in api.get("/deliveries/replays")["items"] if each["id"] == begun["id"])
    return begun


def test_a_dry_run_tells_what_a_draft_would_change_and_writes_nothing(api: Api, crm: Sender, ws: Workspace) -> None:
    brought(crm)
    before = everything(ws)
    told = body_of(api.ask("POST", "/deliveries/dry-run", {"source": "crm", "playbook": DRAFT}))
    after = everything(ws)
    # The key notes when it was used.
    assert {name for name in before if before[name] != after[name]} <= {"api_key"}
    assert (told["deliveries"], told["prospects"], told["mails"]) == (8, 2, 2)
    changed = {(each["before"], each["after"]): each["number"] for each in told["outcomes"]}
    assert changed["ignored", "applied"] == 2
    assert changed["applied", "applied"] == 3
    assert {(each["before"], each["after"], each["number"]) for each in told["moves"]} == {("planned", "qualified", 2)}
    assert [mail["step"] for each in told["examples"] for mail in each["mail"]] == ["hello", "hello"]

    calm = body_of(api.ask("POST", "/deliveries/dry-run", {"source": "crm"}))
    assert (calm["prospects"], calm["mails"]) == (0, 0)


def test_what_an_edited_mapping_understands_is_replayed_once(
    api: Api, crm: Sender, ws: Workspace, clock: Clock
) -> None:
    brought(crm)
    publishing.publish(ws, publishing.draft(DRAFT), Who("rep:tester", "test"), choices=Choices("keep", {}), mapping={})
    clock.advance(minutes=1)
    told = ended(api, body_of(api.ask("POST", "/deliveries/replays", {"outcome": "ignored"})))
    assert (told["state"], told["total"], told["done"]) == ("done", 3, 3)
    assert told["outcomes"] == {"applied": 2, "ignored": 1}
    assert {each["stage"] for each in api.get("/prospects?stage=qualified")["items"]} == {"qualified"}
    assert len(api.get("/prospects?stage=qualified")["items"]) == 2
    sent = api.get("/prospects?stage=qualified")["items"][0]["id"]
    touches = len(api.get(f"/prospects/{sent}/touches")["items"])
    again = ended(api, body_of(api.ask("POST", "/deliveries/replays", {"source": "crm"})))
    assert again["outcomes"].get("applied") == 5
    assert len(api.get(f"/prospects/{sent}/touches")["items"]) == touches == 1
    assert [each["state"] for each in api.get("/deliveries/replays")["items"]] == ["done", "done"]


def test_a_replay_survives_its_process_and_can_be_stopped(crm: Sender, ws: Workspace, clock: Clock) -> None:
    brought(crm)
    begun = replays.begin(ws, Wanted(source="crm"), "rep:tester")

    def read(kind: str, *_: object) -> Parcel:
        raise LookupError(kind)

    first = replays.carry_on(ws, begun.id, read, budget_s=-1)
    assert (first.done, first.state, first.outcomes) == (1, "running", {"failed": 1})
    assert replays.forsaken(ws) == []
    clock.advance(minutes=1)
    assert replays.forsaken(ws) == [begun.id]
    stopped = replays.stop(ws, begun.id)
    assert replays.carry_on(ws, begun.id, read, budget_s=5) == stopped
    assert stopped.done == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_deliveries_are_found_by_what_is_known_of_them(api: Api, crm: Sender, clock: Clock) -> None:
    brought(crm)
    clock.advance(hours=1)
    crm.tell("prospect.upserted", email="late@example.com")

    def number(query: str) -> int:
        return len(api.get(f"/deliveries?{query}")["items"])

    assert number("outcome=ignored") == 3
    assert number("prospect=ana@example.com") == 2
    assert number("prospect=nobody@example.com") == 1
    assert number("why=no+JSON") == number("status=dead") == 1
    assert number("why=няма+такъв+клиент") == number("why=No+such+prospect") == 1
    assert number("since=2026-11-10T08:30:00Z") == 1
    assert number("until=2026-11-10T08:30:00Z&source=crm") == 8
    assert number("source=other") == 0
    counts = {each["fate"]: each["number"] for each in api.get("/deliveries/counts")["items"]}
    assert counts == {"dead": 1, "parked": 1, "ignored": 3}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_secret_of_a_body_is_shown_and_none_is_lost(api: Api, crm: Sender, ws: Workspace) -> None:
    body = {
        "type": "deal.changed",
        "prospect": {"email": "ana@example.com", "name": "Ana"},
        "data": {"token": "tok-SECRET1", "hook": {"Authorization": "Bearer SECRET22"}, "url": "https://x/?sig=SECRET3"},
        "headers": [{"name": "X-Api-Key", "value": "SECRET4"}],
        "inner": json.dumps({"password": "SECRET5", "plan": "gold"}),
    }
    delivery = body_of(crm.deliver(body))["delivery"]
    shown = api.get(f"/deliveries/{delivery}")["body"]
    assert "SECRET" not in shown
    assert "gold" in shown
    assert "Ana" in shown
    with ws.database.read() as tx:
        kept = tx.conn.execute(select(Delivery.body).where(Delivery.id == delivery)).scalar_one()
    assert kept == json.dumps(body).encode()
