"""Settings > Playbook: bring a file, see what it would change, choose, publish, and follow it."""

from __future__ import annotations

import html
import io
import re

import pytest
from sqlalchemy import select

from tests.panel.scene import Scene, Visitor
from workflow import places
from workflow.actions import prospects, publishing
from workflow.actions.prospects import Who
from workflow.records.models import Touch
from workflow.reports import forecast

SHIPPED = places.shipped_playbook().read_text(encoding="utf-8")
NARROW = SHIPPED.replace('from: "08:30", to: "17:30"', 'from: "11:00", to: "11:30"')
RENAMED = re.sub(r"\bplanned\b", "fresh", SHIPPED)


def bring(visitor: Visitor, source: str | bytes) -> str:
    """Bring a file; the page that follows."""
    content = source.encode() if isinstance(source, str) else source
    return visitor.post("/settings/playbook/preview", {"file": (io.BytesIO(content), "mine.yaml")}).text


def held(page: str) -> str:
    """The draft that the page carries."""
    found = re.search(r'name="held" value="([^"]+)"', page)
    assert found, page
    return found[1]


def called(scene: Scene) -> str:
    """A prospect on a sequence."""
    known = scene.prospect("Ана Петрова", email="ana@example.com")
    prospects.tell(scene.ws, known, "call.ended", {}, Who("source:crm", "test"))
    return known


def test_it_lists_the_versions_and_leads_there_from_the_settings(iva: Visitor) -> None:
    assert 'href="/settings/playbook"' in iva.read("/settings")
    page = iva.read("/settings/playbook")
    assert "discovery" in page
    assert "Check and compare" in page
    at = re.findall(r'href="(/settings/playbook/versions/[0-9a-f]{64})"', page)[0]
    assert html.escape(SHIPPED.splitlines()[-1], quote=False).strip() in html.unescape(iva.read(at))
    assert iva.get(f"{at}.yaml").data.decode() == SHIPPED
    assert iva.get("/settings/playbook/versions/none").status_code == 404


def test_a_file_with_findings_shows_each_with_its_line(iva: Visitor) -> None:
    page = bring(iva, SHIPPED.replace("to: qualified", "to: qualifed", 1))
    assert "This file cannot be published" in page
    assert "qualifed" in page
    assert 'name="held"' not in page
    assert "cannot be published" in bring(iva, b"\xff\xfe")


def test_it_shows_what_changes_and_for_whom_and_moves_them_when_told(scene: Scene, iva: Visitor) -> None:
    known = called(scene)
    page = html.unescape(bring(iva, re.sub(r"      - {key: next_call,.*\n", "", NARROW)))
    assert "send window: 08:30–17:30 → 11:00–11:30" in page
    assert re.search(r"\d later", page)
    assert f'href="/prospects/{known}"' in page
    answer = iva.post("/settings/playbook/publish", {"held": held(page), "choice.after_call": "move"})
    assert answer.status_code == 303
    page = iva.read("/settings/playbook")
    assert "A publication is under way" in page
    assert "0 / 1" in page
    publishing.finish(scene.ws)
    page = iva.read("/settings/playbook")
    assert "under way" not in page
    assert page.index("in force") < page.index("Version 1</a>")
    newest = iva.read(re.findall(r'href="(/settings/playbook/versions/[0-9a-f]{64})"', page)[0])
    assert "What changed since version 1" in newest
    assert "send window: 08:30–17:30 → 11:00–11:30" in html.unescape(newest)
    assert "Went on by a new playbook" in iva.read(f"/prospects/{known}")
    # A step that the new one does not have is behind them: what comes is foretold without it, and its words are gone.
    assert "Follow-up questions" in iva.read(f"/sequences/after_call?prospect={known}")
    assert "<time datetime=" in iva.read(f"/sequences/after_call?prospect={known}")
    with scene.ws.database.read() as tx:
        gone = tx.conn.execute(select(Touch.id).where(Touch.step == "next_call")).scalar_one()
        coming = [each.step for each in forecast.forecast(scene.ws, tx, known).entries if each.kind == "mail"]
    assert coming == ["questions"]
    assert iva.get(f"/touches/{gone}/text").status_code == 404


def test_prospects_of_a_removed_stage_are_asked_for(scene: Scene, iva: Visitor) -> None:
    scene.prospect("Ана Петрова")
    page = bring(iva, RENAMED)
    assert 'name="map.planned"' in page
    answer = iva.post("/settings/playbook/publish", {"held": held(page)})
    assert answer.status_code == 409
    assert "“planned” (1)" in html.unescape(answer.text)
    assert iva.post("/settings/playbook/publish", {"held": held(page), "map.planned": "fresh"}).status_code == 303
    assert "Ана Петрова" in iva.read("/board?stage=fresh")


def test_it_speaks_bulgarian(scene: Scene, iva: Visitor) -> None:
    called(scene)
    iva.get("/settings/playbook?lang=bg")
    page = html.unescape(bring(iva, NARROW))
    assert "календар: часове за изпращане" in page
    assert "Преминават: продължават по новия" in page


def test_the_same_file_is_not_published_twice(iva: Visitor) -> None:
    assert "is in force already" in bring(iva, SHIPPED)


@pytest.mark.parametrize("held_", ["", "no base 64!", "////"])
def test_a_draft_that_did_not_arrive_whole_publishes_nothing(iva: Visitor, held_: str) -> None:
    answer = iva.post("/settings/playbook/publish", {"held": held_, "choice.after_call": "move"})
    assert 400 <= answer.status_code < 500
    assert "2" not in re.findall(r'<th scope="row">(\d+)', iva.read("/settings/playbook"))


def test_an_odd_choice_is_refused(iva: Visitor) -> None:
    page = bring(iva, NARROW)
    assert iva.post("/settings/playbook/publish", {"held": held(page), "choice.after_call": "drop"}).status_code == 422


def test_only_an_administrator_gets_there(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    assert 'href="/settings/playbook"' not in boyan.read("/settings")
    assert boyan.get("/settings/playbook").status_code == 403
    for path in ("preview", "publish"):
        assert boyan.post(f"/settings/playbook/{path}", {"held": ""}).status_code == 403
