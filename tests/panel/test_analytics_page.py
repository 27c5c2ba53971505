"""Analytics: every section adds up to the histories behind it, page and file agree, of too few nothing is said."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from html import unescape

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from tests.panel.scene import Scene, Visitor
from web.panel.figures import of_times
from workflow.actions import prospects
from workflow.actions.prospects import Who
from workflow.records.db import Record, Tx
from workflow.records.models import History, Prospect
from workflow.records.stays import Stay
from workflow.reports import answered, doctor, endings, funnel, pace
from workflow.reports.asked import TEAM, Asked
from workflow.reports.scope import Viewer

WAYS = (
    (),
    ("qualify",),
    ("qualify", "disqualify"),
    ("disqualify",),
    ("qualify", "diagnose", "close"),
    ("qualify", "diagnose"),
    ("qualify", "close", "reopen"),
)
SAID = {"disqualify": {"reason": "no_budget"}, "close": {"outcome": "won"}}
SECTIONS = ("funnel", "times", "velocity", "sequences", "sources", "competitors", "reasons", "reps")


def lived(scene: Scene) -> list[str]:
    """Prospects of a quarter of a year, who went different ways at different speeds; one more entered long ago."""
    drawn = random.Random(5)
    scene.prospect("Long Ago", email="old@buyer.example", competitor="Salesmate")
    scene.wait(days=100)
    known = []
    for number in range(24):
        one = scene.prospect(f"P {number}", email=f"p{number}@buyer.example", owner=drawn.choice(("boyan", "mila")))
        for trigger in drawn.choice(WAYS):
            scene.wait(hours=drawn.choice((0, 1, 30, 75)))
            scene.move(one, trigger, **SAID.get(trigger, {}))
        known.append(one)
    who = Who("command:test", "test")
    for one, named in zip(known, ("Salesmate, in-house  sheet", "salesmate", "Salesmate"), strict=False):
        prospects.edit(scene.ws, one, {}, {"competitor": named}, who)
    prospects.edit(scene.ws, known[3], {"language": "bg"}, {}, who, owner_id=scene.reps["iva"])
    scene.tell(known[0], "email.replied")
    scene.tell(known[1], "meeting.booked", uid="m1", starts_at=datetime(2027, 6, 1, 9, tzinfo=UTC))
    return known


def stays_of(rows: Sequence[Record]) -> dict[str, list[int]]:
    """Whole hours in each stage, folded from histories."""
    found: dict[str, list[int]] = defaultdict(list)
    before: Record | None = None
    for row in rows:
        if row.to_stage is None:
            continue
        if before is not None and before.prospect_id == row.prospect_id and row.occurred_at > before.occurred_at:
            found[before.to_stage].append(int((row.occurred_at - before.occurred_at).total_seconds() // 3600))
        before = row
    return {stage: sorted(hours) for stage, hours in found.items()}


def histories(tx: Tx, of: Sequence[str]) -> list[Record]:
    rows = select(History).where(History.prospect_id.in_(of)).order_by(History.prospect_id, History.version)
    return list(tx.conn.execute(rows.with_only_columns(*History.__table__.columns)))


def test_every_section_adds_up_to_the_histories(scene: Scene) -> None:
    known = lived(scene)
    boss, asked = Viewer(scene.reps["iva"], "admin"), Asked()
    with scene.ws.database.read() as tx:
        rows = histories(tx, known)
        closed = {row.id: row.outcome for row in tx.conn.execute(select(Prospect.id, Prospect.outcome)) if row.outcome}
        groups = funnel.cohort(scene.ws, tx, boss, asked)
        found = funnel.funnel(scene.ws.playbooks.in_force(tx), groups)
        times = pace.time_in_stage(scene.ws, tx, boss, asked)
        speed = pace.velocity(tx, boss, asked)
        rivals = endings.competitors(scene.ws, tx, boss, asked)
        why = endings.reasons(scene.ws, tx, boss, asked)
        kept = tx.conn.execute(select(Stay.owner_id, Prospect.owner_id).join(Prospect)).all()
    came = {row.prospect_id: set[str]() for row in rows}
    for row in rows:
        came[row.prospect_id].add(row.to_stage or "")
    won = {each for each, outcome in closed.items() if outcome == "won"}
    assert [each.came for each in found.stages[:3]] == [
        24,
        sum(not {"qualified", "diagnosed"}.isdisjoint(each) for each in came.values()),
        sum("diagnosed" in each for each in came.values()),
    ]
    assert (found.entered, found.won) == (24, len(won))
    for each in found.stages:
        assert each.came == each.further + each.stayed + each.ended + each.won
    assert sum(each.ended for each in found.stages) == len(closed) - len(won) == sum(each.count for each in why)
    taken = stays_of(rows)
    assert {each.stage.key: each.count for each in times if each.count} == {
        stage: len(hours) for stage, hours in taken.items() if stage != "closed"
    }
    planned = next(each for each in times if each.stage.key == "planned")
    assert planned.median == taken["planned"][(len(taken["planned"]) - 1) // 2]
    assert (speed.won, speed.ended) == (len(won), len(closed) - len(won))
    assert [(each.name, each.named) for each in rivals] == [("Salesmate", 3), ("in-house sheet", 1)]
    assert all(mine == theirs for mine, theirs in kept)
    for rows_of in (funnel.by_source(groups), funnel.by_rep(groups, boss, asked)):
        assert sum(each.entered for each in rows_of) == 24
        assert [sum(each.replied for each in rows_of), sum(each.met for each in rows_of)] == [1, 1]
    codes = ("history", "stay")
    assert not [finding for finding in doctor.examine(scene.ws) if finding.code.startswith(codes)]
    _is_found_when_altered(scene)

    _sees_own_and_totals(scene, known)


def _is_found_when_altered(scene: Scene) -> None:
    """The doctor names whose stays are wrong: one altered, one gone, one that no history tells of."""
    with scene.ws.database.read() as tx:
        first, second, third = tx.conn.execute(select(*Stay.__table__.columns).order_by(Stay.hours.desc())).all()[:3]
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Stay).where(_is(first)).values(hours=first.hours + 1))
        tx.conn.execute(delete(Stay).where(_is(second)))
        tx.conn.execute(insert(Stay).values(**{**third._asdict(), "version": 1000}))
    found = [finding for finding in doctor.examine(scene.ws) if finding.code == "stay.fold"]
    for row in (first, second, third):
        assert any(row.prospect_id in finding.sentence for finding in found)
    with scene.ws.database.write() as tx:
        tx.conn.execute(delete(Stay).where(Stay.version == 1000))
        tx.conn.execute(update(Stay).where(_is(first)).values(hours=first.hours))
        tx.conn.execute(insert(Stay).values(**second._asdict()))
    assert not [finding for finding in doctor.examine(scene.ws) if finding.code == "stay.fold"]


def _is(row: Record) -> ColumnElement[bool]:
    return and_(Stay.prospect_id == row.prospect_id, Stay.version == row.version)


def _sees_own_and_totals(scene: Scene, known: list[str]) -> None:
    """A rep sees their own, and of the team only totals."""
    boyan, asked = Viewer(scene.reps["boyan"], "rep"), Asked(owner=TEAM)
    with scene.ws.database.read() as tx:
        owners = {row.id: row.owner_id for row in tx.conn.execute(select(Prospect.id, Prospect.owner_id))}
        own = sum(owners[each] == boyan.rep_id for each in known)
        groups = funnel.cohort(scene.ws, tx, boyan, asked)
        told = funnel.by_rep(groups, boyan, asked)
        mine = funnel.cohort(scene.ws, tx, boyan, Asked())
        others = funnel.cohort(scene.ws, tx, boyan, Asked(owner=scene.reps["mila"]))
        bulgarian = funnel.cohort(scene.ws, tx, Viewer(scene.reps["iva"], "admin"), Asked(language="bg"))
    assert {each.key: each.entered for each in told} == {boyan.rep_id: own, funnel.REST: 24 - own}
    assert sum(each.count for each in mine) == own
    assert others == ()
    assert sum(each.count for each in bulgarian) == 1
    page = scene.visitor("boyan")
    assert "Mila" not in page.read("/analytics?owner=team")
    assert "All others" in page.read("/analytics/reps?owner=team")


def test_part_and_file_say_the_same(scene: Scene) -> None:
    who = Who("command:test", "test")
    for name in ("Ana", "Boris"):
        one = scene.prospect(name)
        prospects.edit(scene.ws, one, {}, {"competitor": "=1+1"}, who)
        scene.wait(hours=5)
        scene.move(one, "disqualify", reason="no_budget")
    iva = scene.visitor("iva")
    assert "Nobody entered in this period" in iva.read("/analytics?owner=none&language=bg")
    assert "2 prospects entered" in iva.read("/analytics")
    part = scene.visitor("iva", htmx=True)
    for section in SECTIONS:
        asked = "days=365&source=source:crm"
        shown = unescape(part.get(f"/analytics/{section}?{asked}&part=1").text)
        file = iva.get(f"/analytics/{section}.csv?{asked}")
        rows = list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))
        assert file.mimetype == "text/csv"
        assert len(rows) > 1 or section == "sequences"
        # A page writes days, shares and large numbers as people do, a file as a spreadsheet reads them.
        assert all(cell.lstrip("'") in shown for row in rows[1:] for cell in row[:1] if "-" not in cell)
    assert re.search(r"^2026-11-\d\d,0,2\r?$", iva.get("/analytics/velocity.csv").text, re.MULTILINE)
    assert ",2,0,0,0,0,2,0.0" in iva.get("/analytics/sources.csv").text
    assert "'=1+1" in iva.get("/analytics/competitors.csv").text
    other = scene.prospect("Vera")
    scene.move(other, "disqualify", reason="няма  Бюджет")
    told = iva.get("/analytics/reasons.csv?lang=bg").text
    assert "Няма бюджет,3" in told, told
    assert "Няма бюджет" in iva.read("/analytics/reasons?lang=bg")
    assert [iva.get(f"/analytics/nonsense{end}").status_code for end in ("", ".csv")] == [404, 404]


def test_news_count_for_the_last_email_before_them(scene: Scene) -> None:
    ana = scene.prospect()
    scene.good_call(ana)
    for _ in range(3):
        scene.wait(days=3)
        scene.send_due()
    scene.tell(ana, "email.replied")
    boss = Viewer(scene.reps["iva"], "admin")
    with scene.ws.database.read() as tx:
        found = answered.results(tx, boss, Asked())
        owned = answered.results(tx, boss, Asked(owner="me"))
    sent = [each for each in scene.touches(ana) if each.state == "sent"]
    assert sum(each.sent for each in found) == len(sent) >= 1
    last = max(sent, key=lambda each: each.committed_at)
    assert [each.step for each in found if each.replied] == [last.step]
    assert owned == ()


def test_of_too_few_nothing_is_said(scene: Scene, iva: Visitor) -> None:
    scene.prospect("Ana Petrova")
    assert len(re.findall("Too few yet", iva.read("/analytics?days=30"))) == 3
    with scene.ws.database.read() as tx:
        first, second = list(scene.ws.playbooks.in_force(tx).stages.values())[:2]
    with scene.app.test_request_context("/?lang=en"):
        alone = of_times((pace.Stayed(first, 12, 48, 72), pace.Stayed(second, 8, None, None))).finding
        both = of_times((pace.Stayed(first, 12, 48, 72), pace.Stayed(second, 10, 24, 30))).finding
    assert "takes longest" not in alone
    assert "takes longest" in both
