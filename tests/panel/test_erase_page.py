"""Erasing in the panel and by the API: administrators only, after a typed word, and the page says what is left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.panel.scene import CRM, Scene
from workflow.actions import erasing, merging, people, relations
from workflow.errors import Conflict
from workflow.records.models import Meeting
from workflow.reports import exporting


def test_an_administrator_erases_whoever_they_type(scene: Scene) -> None:
    known = scene.prospect()
    iva, boyan = scene.visitor("iva"), scene.visitor("boyan")
    page = f"/prospects/{known}/erase"
    assert (boyan.get(page).status_code, boyan.post(page, {"typed": "ana@buyer.example"}).status_code) == (403, 403)
    assert page not in boyan.read(f"/prospects/{known}")
    assert page in iva.read(f"/prospects/{known}")
    assert "Type ana@buyer.example to erase them" in iva.read(page)
    wrong = iva.post(page, {"typed": "ana"})
    assert (wrong.status_code, "Type it exactly" in wrong.text) == (422, True)
    assert iva.post(page, {"typed": " ANA@buyer.example"}).status_code == 303
    assert "ana@buyer.example" not in iva.read(f"/prospects/{known}")
    assert "still being searched for" in iva.read(page)
    erasing.advance(scene.ws)
    assert "Nothing of them is left" in iva.read(page)
    assert "Заличаване завинаги" in iva.read(f"{page}?lang=bg")
    other = scene.prospect(email="eva@buyer.example")
    for role, status in (("rep", 403), ("admin", 200)):
        secret = people.add_key(scene.ws, role, role)
        told = scene.app.test_client().delete(
            f"/api/v1/prospects/{other}", headers={"Authorization": f"Bearer {secret}"}
        )
        assert told.status_code == status, told.text
    assert told.json is not None
    assert (told.json["prospect"], told.json["search_is_over"]) == (other, False)


def test_whoever_was_erased_is_offered_nowhere(scene: Scene) -> None:
    """In no list, search, picker or export of the panel; what the API lists is blank; nothing is tied to them."""
    gone, other = scene.prospect(), scene.prospect("Eva Ivanova")
    relations.link(scene.ws, gone, other, "referral", CRM)
    scene.uncertain_email(gone)
    scene.tell(gone, "meeting.booked", uid="m-1", starts_at=scene.clock.now + timedelta(hours=3))
    scene.tell(gone, "meeting.booked", uid="m-2", starts_at=scene.clock.now + timedelta(days=1))
    scene.wait(hours=4)
    scene.tell(gone, "email.replied", detail="Yes")
    iva = scene.visitor("iva")
    lists = (
        "/", "/board", f"/board/{scene.row(gone).stage}", "/prospects", "/uncertain", "/meetings?who=team",
        "/meetings/new", "/palette?q=petrova", "/templates/people", "/sequences/after_call/course", "/prospects/export",
        f"/prospects/{other}", f"/prospects/{other}/merge?q=Example", f"/prospects/{other}/related?q=Example",
        "/uncertain?what=failed", "/meetings?show=past&who=team",
    )  # fmt: skip
    with scene.ws.database.read() as tx:
        meetings = tx.conn.execute(select(Meeting.id).where(Meeting.prospect_id == gone)).scalars().all()
    names = [gone, *meetings, *(touch.id for touch in scene.touches(gone))]

    def named(path: str) -> bool:
        page = iva.read(path)
        return any(name in page for name in names)

    seen = {path for path in lists if named(path)}
    assert seen >= {
        "/",
        "/board",
        "/prospects",
        "/uncertain",
        "/meetings?who=team",
        "/meetings/new",
        "/prospects/export",
    }, seen
    assert seen >= {"/palette?q=petrova", "/templates/people", "/sequences/after_call/course"}, seen
    merged, _linked = (f"/prospects/{other}{rest}?q=Example" for rest in ("/merge", "/related"))
    assert seen >= {merged, f"/prospects/{other}"}, seen
    erasing.erase(scene.ws, gone, CRM)
    erasing.advance(scene.ws)
    places = (*lists, f"/board/{scene.row(gone).stage}", "/palette?q=", "/palette?q=erased")
    assert [path for path in places if named(path)] == []
    for what in exporting.WHATS:
        header, rows = exporting.table(scene.ws, what)
        assert [row for row in rows if gone in row] == [], header
    secret = people.add_key(scene.ws, "all", "admin")
    told = scene.app.test_client().get("/api/v1/prospects", headers={"Authorization": f"Bearer {secret}"}).json
    assert told is not None
    (blank,) = (each for each in told["items"] if each["id"] == gone)
    assert {blank[name] for name in ("name", "email", "company", "phone")} == {""}
    for tie in (
        lambda: merging.merge(scene.ws, other, gone, CRM),
        lambda: relations.link(scene.ws, gone, other, "colleague", CRM),
    ):
        with pytest.raises(Conflict, match="erased"):
            tie()
