"""Analytics: the funnel adds up to the histories it is read from, and says nothing of too few."""

from __future__ import annotations

import random
import re

from sqlalchemy import select

from tests.panel.scene import Scene, Visitor
from workflow.records.models import History
from workflow.reports.asked import Asked
from workflow.reports.funnel import cohort, funnel
from workflow.reports.scope import Viewer

WAYS = ((), ("qualify",), ("qualify", "disqualify"), ("disqualify",))


def test_the_funnel_adds_up_to_the_histories(scene: Scene) -> None:
    drawn = random.Random(5)
    old = scene.prospect("Long Ago", email="old@buyer.example")
    scene.wait(days=100)
    known = []
    for number in range(24):
        one = scene.prospect(f"P {number}", email=f"p{number}@buyer.example")
        for trigger in drawn.choice(WAYS):
            scene.move(one, trigger, **({"reason": "no budget"} if trigger == "disqualify" else {}))
        known.append(one)
    manager = Viewer(scene.reps["iva"], "admin")
    with scene.ws.database.read() as tx:
        found = funnel(scene.ws.playbooks.in_force(tx), cohort(scene.ws, tx, manager, Asked()))
        rows = tx.conn.execute(
            select(History.prospect_id, History.to_stage).where(History.prospect_id.in_(known))
        ).all()
    qualified = {row.prospect_id for row in rows if row.to_stage == "qualified"}
    closed = {row.prospect_id for row in rows if row.to_stage == "closed"}
    first, second = found.stages[:2]
    assert old not in known
    assert (found.entered, first.came, second.came) == (24, 24, len(qualified))
    assert (first.ended, second.ended) == (len(closed - qualified), len(closed & qualified))
    assert first.ended
    assert second.ended
    for each in found.stages:
        assert each.came == each.further + each.stayed + each.ended + each.won
    iva = scene.visitor("iva")
    page = iva.read("/analytics")
    assert "of 24 went on" in page
    table = iva.get("/analytics/funnel.csv").text
    assert re.search(rf"24.{len(qualified)}.{first.stayed}.{first.ended}.0", table)
    assert "Nobody entered" in iva.read("/analytics?days=nonsense&owner=me")


def test_of_too_few_nothing_is_said(scene: Scene, iva: Visitor) -> None:
    scene.prospect("Ana Petrova")
    assert "Too few yet" in iva.read("/analytics?days=30")
