"""Guards over real records: what is on record opens a move, on SQLite and on PostgreSQL; and variants as they leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import Clock
from workflow.actions import facts, people, prospects
from workflow.actions.prospects import Result, Who
from workflow.engine import signals as kinds
from workflow.records.db import Database
from workflow.records.models import Enrollment
from workflow.settings import Settings
from workflow.workspace import Workspace, open_workspace

PLAYBOOK = """\
name: guarded
stages: {open: {title: {en: Open}}, end: {title: {en: End}, final: true}}
transitions:
  - {trigger: answers, from: open, to: open, needs: [{answers: goal}, {score_at_least: 100}]}
  - {trigger: meeting, from: open, to: open, needs: [{meeting: held}]}
  - {trigger: call, from: open, to: open, needs: [{call: ended}, {call: timed}, {call: noted}]}
  - {trigger: sequence, from: open, to: open, needs: [{sequence: after}]}
  - {trigger: role, from: open, to: open, needs: [{role: manager}]}
  - {trigger: close, from: open, to: end}
sequences:
  after: {start: {when: call.ended}, stop: reply, again: 2d, steps: [{key: a, task: {en: A}}]}
  once: {start: {when: meeting.held}, stop: reply, again: never, steps: [{key: a, task: {en: A}}]}
questions: {goal: {text: {en: Goal}}}
qualification: {criteria: {fit: {title: {en: Fit}, weight: 1, options: {good: {title: {en: Good}, points: 1}}}}}
"""
CRM = Who("source:crm", "test")


@pytest.fixture
def ws(database: Database, tmp_path: Path) -> Workspace:
    """An installation with the playbook above."""
    path = tmp_path / "playbook.yaml"
    path.write_text(PLAYBOOK, encoding="utf-8")
    settings = Settings(
        data_dir=tmp_path,
        database_url=database.url,
        redis_url=None,
        smtp_url="smtp://127.0.0.1:1",
        playbook=path,
        base_url="http://127.0.0.1:8000",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="a key for tests, long enough to be one",
    )
    return open_workspace(settings, database=database)


@pytest.fixture
def ana(ws: Workspace) -> str:
    """A prospect."""
    return prospects.create(ws, {"email": "ana@example.com"}, {}, CRM).prospect_id


def moved(ws: Workspace, prospect_id: str, trigger: str, who: Who = CRM) -> list[str]:
    """The codes of what is missing; nothing when the move was taken."""
    result = prospects.move(ws, prospect_id, trigger, {}, who)
    assert result.decision.verdict == ("blocked" if result.decision.reasons else "applied")
    return [reason.code for reason in result.decision.reasons]


def told(ws: Workspace, prospect_id: str, kind: str, **data: Any) -> Result:
    """Tell of an event."""
    return prospects.tell(ws, prospect_id, kind, data, CRM)


def test_answers_on_record_open_a_move(ws: Workspace, ana: str) -> None:
    assert moved(ws, ana, "answers") == ["need.answers", "need.score"]
    told(ws, ana, kinds.ANSWERS, answers={"goal": "Sleep", "fit": "Good"})
    assert moved(ws, ana, "answers") == []


def test_a_meeting_on_record_opens_a_move(ws: Workspace, ana: str, clock: Clock) -> None:
    told(ws, ana, kinds.BOOKED, uid="m1", starts_at=clock.now + timedelta(days=1))
    assert moved(ws, ana, "meeting") == ["need.meeting.held"]
    told(ws, ana, kinds.HELD, uid="m1")
    assert moved(ws, ana, "meeting") == []


def test_calls_on_record_open_a_move_once_together_they_tell_enough(ws: Workspace, ana: str) -> None:
    assert moved(ws, ana, "call") == ["need.call.ended", "need.call.timed", "need.call.noted"]
    told(ws, ana, kinds.CALL_ENDED, minutes=0)
    assert moved(ws, ana, "call") == ["need.call.noted"]
    told(ws, ana, kinds.CALL_ENDED, notes="Good talk")
    assert moved(ws, ana, "call") == []


def test_a_sequence_that_was_begun_opens_a_move_after_its_end(ws: Workspace, ana: str) -> None:
    assert moved(ws, ana, "sequence") == ["need.sequence"]
    told(ws, ana, kinds.CALL_ENDED)
    told(ws, ana, kinds.REPLIED)
    assert moved(ws, ana, "sequence") == []


def test_the_role_is_that_of_the_person_or_the_key(ws: Workspace, ana: str) -> None:
    """A source has none, and neither has a key or a person that is gone."""
    boss = people.add_rep(ws, "boss@example.com", "admin")
    rep = people.add_rep(ws, "rep@example.com", "rep")
    people.add_key(ws, "tool", "manager")
    for actor, missing in (
        ("source:crm", True), ("system", True), ("rep:nobody", True), ("api:nobody", True), (f"rep:{rep}", True),
        (f"rep:{boss}", False), ("api:tool", False),
    ):  # fmt: skip
        assert moved(ws, ana, "role", Who(actor, "test")) == (["need.role"] if missing else []), actor


def begun(ws: Workspace, prospect_id: str) -> list[str]:
    """The sequences that began, in order."""
    with ws.database.read() as tx:
        rows = select(Enrollment.sequence).where(Enrollment.prospect_id == prospect_id).order_by(Enrollment.started_at)
        return list(tx.conn.execute(rows).scalars())


def test_a_sequence_begins_anew_only_when_its_rule_allows(ws: Workspace, ana: str, clock: Clock) -> None:
    for days in (0, 1, 1):
        clock.now += timedelta(days=days)
        told(ws, ana, kinds.CALL_ENDED)
        told(ws, ana, kinds.REPLIED)
    assert begun(ws, ana) == ["after", "after"]
    for uid in ("m1", "m2"):
        told(ws, ana, kinds.HELD, uid=uid)
        told(ws, ana, kinds.REPLIED)
    assert begun(ws, ana) == ["after", "after", "once"]


def test_facts_are_read_for_a_page_too(ws: Workspace, ana: str) -> None:
    """All kinds at once, or none."""
    told(ws, ana, kinds.CALL_ENDED, minutes=5)
    told(ws, ana, kinds.ANSWERS, answers={"goal": "Sleep"})
    with ws.database.read() as tx:
        everything = frozenset({"answers", "meetings", "calls", "sequences"})
        known = facts.facts(tx, ana, {"name": "Ana"}, everything)  # type: ignore[arg-type]
        nothing = facts.facts(tx, ana, {"name": "Ana"}, frozenset())
    assert (known.answers, sorted(known.calls), list(known.begun)) == ({"goal": "Sleep"}, ["ended", "timed"], ["after"])
    assert nothing == replace(known, answers={}, calls=frozenset(), begun=frozenset())
