"""The API about what was learnt: answers and calls in, checklist, score and moves out. Keys meet the guards too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock
from tests.panel.scene import GOOD_CALL
from tests.web.fixtures import Api, body_of
from web import create_app
from workflow.actions import people
from workflow.records.db import Database
from workflow.settings import Settings
from workflow.workspace import Workspace, open_workspace


@pytest.fixture
def ws(database: Database, tmp_path: Path) -> Workspace:
    """An installation with the shipped playbook, whose guards have something to say."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database.url,
        redis_url=None,
        smtp_url="smtp://127.0.0.1:1",
        playbook=None,
        base_url="http://127.0.0.1:8000",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="a key for tests, long enough to be one",
    )
    return open_workspace(settings, database=database)


@pytest.fixture
def rep(ws: Workspace, clock: Clock) -> Api:
    """A program with a rep's key."""
    client = create_app(ws, clock=clock).test_client()
    client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
    return Api(client, people.add_key(ws, "rep's own", "rep"))


def post(api: Api, path: str, body: object, status: int = 200) -> Any:
    """What a POST is answered."""
    answer = api.ask("POST", path, body)
    assert answer.status_code == status, answer.text
    return body_of(answer)


def made(api: Api) -> str:
    """A prospect."""
    return str(post(api, "/prospects", {"name": "Ana", "email": "ana@buyer.example"}, 201)["id"])


def test_a_rep_s_key_meets_the_guards_one_by_one(rep: Api) -> None:
    path = f"/prospects/{made(rep)}"
    refused = post(rep, f"{path}/moves", {"trigger": "qualify"}, 422)
    assert refused["outcome"] == "blocked"
    before = rep.get(f"{path}/checklist")
    assert (before["score"], before["ticked"], len(before["items"])) == (0, 0, 12)
    (qualify, _disqualify) = before["moves"]
    assert (qualify["trigger"], qualify["open"]) == ("qualify", False)
    assert [reason["code"] for reason in qualify["missing"]] == ["need.score"]
    answered = post(rep, f"{path}/answers", {"answers": GOOD_CALL, "version": before["version"]})
    assert answered["version"] == before["version"] + 1
    assert post(rep, f"{path}/moves", {"trigger": "qualify"})["stage"] == "qualified"
    (diagnose, *_) = rep.get(f"{path}/checklist")["moves"]
    assert [reason["code"] for reason in diagnose["missing"]] == ["need.call.ended"]
    post(rep, f"{path}/calls", {"minutes": 25, "notes": "They lose orders."})
    after = rep.get(f"{path}/checklist")
    assert {"qualify", "diagnose", "tools"}.isdisjoint(after["missing"])
    assert after["moves"][0] == {"trigger": "diagnose", "to": "diagnosed", "open": True, "missing": []}
    assert after["answers"]["challenge"]["text"] == "Lost orders"
    assert after["answers"]["challenge"]["actor"] == "api:rep's own"
    assert post(rep, f"{path}/moves", {"trigger": "diagnose"})["stage"] == "diagnosed"
    assert len(rep.get(f"{path}/touches")["items"]) == 2


def test_an_administrator_s_key_may_go_on_and_still_sees_what_is_missing(api: Api) -> None:
    path = f"/prospects/{made(api)}"
    (qualify, _disqualify) = api.get(f"{path}/checklist")["moves"]
    assert qualify["open"]
    assert qualify["missing"][0]["bg"].startswith("Оценката")
    assert post(api, f"{path}/moves", {"trigger": "qualify"})["stage"] == "qualified"


def test_a_stale_version_and_odd_bodies_change_nothing(api: Api) -> None:
    path = f"/prospects/{made(api)}"
    for place, body, status in (
        ("answers", {"answers": {"goal": "x"}, "version": 7}, 409),
        ("calls", {"minutes": 3, "version": 7}, 409),
        ("answers", {}, 422), ("answers", {"answers": {}}, 422), ("answers", {"answers": {"goal": 3}}, 422),
        ("answers", {"answers": {"": "x"}}, 422), ("answers", {"answers": {"goal": "x" * 20_001}}, 422),
        ("answers", {"answers": {"goal": "x"}, "who": "me"}, 422), ("calls", {"minutes": -1}, 422),
        ("calls", {"minutes": "25"}, 422), ("calls", {"minutes": 1e9}, 422), ("calls", {"notes": None}, 422),
    ):  # fmt: skip
        assert api.ask("POST", f"{path}/{place}", body).status_code == status, body
    assert api.get(path)["version"] == 1
    nobody = "/prospects/00000000-0000-7000-8000-000000000000"
    assert api.ask("GET", f"{nobody}/checklist").status_code == 404
    assert api.ask("POST", f"{nobody}/calls", {}).status_code == 404


def test_the_newest_answer_stands_and_an_empty_one_takes_it_back(api: Api) -> None:
    path = f"/prospects/{made(api)}"
    post(api, f"{path}/answers", {"answers": {"fit": "full", "goal": "Half\u0000 the returns", "size": "12"}})
    told = api.get(f"{path}/checklist")
    assert told["score"] == 25
    assert {key: each["text"] for key, each in told["answers"].items()} == {
        "fit": "full", "goal": "Half the returns", "size": "12",
    }  # fmt: skip
    post(api, f"{path}/answers", {"answers": {"fit": "partly", "goal": " "}})
    told = api.get(f"{path}/checklist")
    assert (told["score"], set(told["answers"])) == (15, {"fit", "size"})
