"""`onward explain` and the part of `onward doctor` that asks again, from outside."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.cli.test_commands import FAST, onward, refused
from workflow.actions import prospects
from workflow.actions.prospects import Who
from workflow.records.models import Touch
from workflow.settings import load
from workflow.workspace import Workspace, open_workspace

ANA = "ana@buyer.example"


@pytest.fixture
def env(place: Path) -> dict[str, str]:
    """An installation on the fast playbook with one prospect after a call."""
    given = {"ONWARD_DATA_DIR": str(place / "data"), "ONWARD_PLAYBOOK": str(FAST)}
    assert onward("db", "upgrade", env=given).returncode == 0
    ws = opened(given)
    known = prospects.create(ws, {"email": ANA, "time_zone": "Europe/Berlin"}, {}, Who("rep:x", "test")).prospect_id
    prospects.tell(ws, known, "call.ended", {}, Who("source:crm", "test"))
    ws.database.close()
    return given


def opened(env: dict[str, str]) -> Workspace:
    return open_workspace(load(env))


def touches(env: dict[str, str]) -> list[str]:
    ws = opened(env)
    with ws.database.read() as tx:
        found = list(tx.conn.execute(select(Touch.id).order_by(Touch.position)).scalars())
    ws.database.close()
    return found


def said(answer: subprocess.CompletedProcess[str]) -> str:
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return answer.stdout


def test_it_explains_a_touch_in_both_languages_and_as_json(env: dict[str, str]) -> None:
    first, _second = touches(env)
    told = said(onward("explain", first, env=env))
    heading, planned, *_rest = told.splitlines()
    assert heading.startswith("after_call/questions, scheduled, line ")
    assert "fast, version 1 (" in heading
    assert "The sequence began. This step comes 2 seconds after" in planned
    assert "for the prospect" in planned
    assert "Поредицата започна." in said(onward("explain", first, "--language", "bg", env=env))
    kept = json.loads(said(onward("explain", first, "--json", "--zone", "Asia/Tokyo", env=env)))
    assert kept["touch"] == first
    assert kept["zones"] == {"viewer": "Asia/Tokyo", "prospect": "Europe/Berlin"}
    assert kept["items"][0]["notes"][0]["code"] == "planned.first"


def test_it_explains_what_is_not_there(env: dict[str, str]) -> None:
    told = said(onward("explain", ANA, env=env))
    assert [line.split(",")[0] for line in told.splitlines() if not line.startswith(" ") and line] == [
        "after_call", "welcome", "nudge",
    ]  # fmt: skip
    told = said(onward("explain", ANA, "nudge/recap", env=env))
    assert "It begins when the prospect enters the stage “Followed up” (line 48 of the playbook)." in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody@buyer.example"], "There is no prospect “nobody@buyer.example”"),
        (["crm:42"], "There is no prospect “crm:42”"),
        ([ANA, "nudg"], "did you mean `nudge`?"),
        ([ANA, "nudge/recab"], "did you mean `recap`?"),
        ([ANA, "--zone", "Sofia"], "“Sofia” is no time zone"),
        ([], "Missing argument"),
    ],
)
def test_what_it_does_not_know_is_one_sentence(env: dict[str, str], words: list[str], sentence: str) -> None:
    assert sentence in refused(onward("explain", *words, env=env))


def test_doctor_asks_again_and_names_the_row_that_was_altered(env: dict[str, str]) -> None:
    answer = onward("doctor", "--seed", "7", env=env)
    assert answer.returncode == 0, answer.stdout
    assert "Decisions were asked again with --seed 7." in answer.stderr
    first, _second = touches(env)
    ws = opened(env)
    with ws.database.write() as tx:
        told = tx.conn.execute(select(Touch.trail).where(Touch.id == first)).scalar_one()
        assert told is not None
        altered = (
            told.replace("Europe/Berlin", "Europe/Sofia").replace('"whose"', '"whom"').replace('"due":"20', '"due":"19')
        )
        tx.conn.execute(update(Touch).where(Touch.id == first).values(trail=altered))
    ws.database.close()
    answer = onward("doctor", env=env)
    assert answer.returncode == 1
    assert answer.stdout.startswith(f"touch.replay: Line 1 (planned) of the trail of touch {first}")
