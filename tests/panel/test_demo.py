"""The demo: pages with a story behind them, told by a rep who met the guards, and a CRM that can go on with it."""

from __future__ import annotations

from sqlalchemy import select

from tests.panel.scene import Scene
from workflow.actions import demo, facts, prospects
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.records.db import Tx
from workflow.records.models import Prospect
from workflow.reports import checklist, doctor

HERO = "elena.marinova@example.com"
SCORE = 50


def test_every_prospect_has_what_its_stage_asks_of_a_rep_and_the_printed_line_moves_one_on(scene: Scene) -> None:
    demo.fill(scene.ws)
    places = scene.ws.playbooks.current.stages
    with scene.ws.database.read() as tx:
        rows = tx.conn.execute(select(*Prospect.__table__.columns)).all()
        assert {row.stage for row in rows} == set(places)
        for row in rows:
            known = facts.standing(tx, row, "rep")
            found = checklist.discovery(scene.ws, tx, row.id, row.stage, known)
            place = places[row.stage].position
            assert (place >= 1) is (found.score >= SCORE), row.name
            assert place < 2 or ("ended" in known.calls and {"challenge", "cost_of_problem"} <= set(found.said)), (
                row.name
            )
            assert all(said.actor.startswith("rep:") for said in found.said.values())
            if row.email == HERO:
                assert found.ticked >= 9
    assert doctor.examine(scene.ws) == ()

    def book(tx: Tx) -> prospects.Result:
        hero = tx.conn.execute(select(Prospect.id).where(Prospect.email == HERO)).scalar_one()
        data = {"uid": "m", "starts_at": tx.now}
        told = Signal(kinds.BOOKED, tx.now, "source:crm", "event:1", data=data, sender=("standard", "crm"))
        return prospects.submit(scene.ws, tx, hero, told)

    result = scene.ws.database.transact(book)
    assert (result.decision.verdict, result.decision.stage) == ("applied", "meeting_scheduled")
