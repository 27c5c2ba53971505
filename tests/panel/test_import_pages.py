"""Importing, exporting and merging in the panel, page by page, as a person does it."""

from __future__ import annotations

import io

from tests.panel.scene import Scene, Visitor
from workflow import ids
from workflow.actions import importing_work

FILE = "Имейл;Име;Фирма;Бюджет\nnew@buyer.example;Нов;Фирма;1,50\nbad;X;;\nknown@buyer.example;Ana;;2,50\n"


def work(scene: Scene) -> None:
    """What a clock does meanwhile."""
    holder = ids.new_id()
    job_id = importing_work.claim(scene.ws, holder)
    assert job_id is not None
    importing_work.work(scene.ws, job_id, holder)


def test_a_file_is_looked_at_and_written_step_by_step(scene: Scene, iva: Visitor) -> None:
    scene.prospect("Ana", email="known@buyer.example")
    assert "Nothing was imported yet" in iva.get("/prospects/import").text
    refused = iva.post("/prospects/import", {"file": (io.BytesIO(b"email\n"), "a.csv")})
    assert (refused.status_code, "nothing below it" in refused.text) == (422, True)
    taken = iva.post("/prospects/import", {"file": (io.BytesIO(FILE.encode("cp1251")), "хора.csv")})
    page = iva.get(taken.location)
    assert "windows-1251" in page.text
    assert "new@buyer.example" in page.text
    columns = {"column0": "email", "column1": "name", "column2": "company", "column3": "number:own"}
    wrong = iva.post(f"{taken.location}/check", {**columns, "column1": "email"})
    assert (wrong.status_code, "Two columns go to" in wrong.text) == (422, True)
    assert iva.post(f"{taken.location}/check", {**columns, "double": "merge"}).status_code == 303
    assert "Looking at the file" in iva.get(taken.location).text
    work(scene)
    page = iva.get(taken.location)
    assert "No sequence begins" in page.text
    assert "no email address" in page.text
    assert iva.post(f"{taken.location}/run").status_code == 303
    work(scene)
    assert "Done" in iva.get(taken.location).text
    assert "new@buyer.example" not in iva.get("/prospects?q=Ana").text
    told = iva.get(f"{taken.location}/refused.csv")
    assert told.data.decode("utf-8-sig").splitlines()[1].startswith("3,Имейл,")
    shown = iva.get("/prospects/export?format=csv&q=new@").data.decode("utf-8-sig")
    assert "new@buyer.example" in shown
    assert "known@buyer.example" not in shown
    assert iva.get("/prospects/export?format=xlsx").data.startswith(b"PK")
    # A rep brings no files about everybody, and exports only what they see.
    mila = scene.visitor("mila")
    assert mila.get("/prospects/import").status_code == 403
    assert mila.get(f"{taken.location}/refused.csv").status_code == 403


def test_two_entries_become_one_fact_by_fact(scene: Scene, iva: Visitor) -> None:
    kept = scene.prospect("Ana Petrova", email="ana@buyer.example", company="Old")
    gone = scene.prospect("Ana Petrova", email="a.p@buyer.example", company="New", phone="+359888123456")
    assert gone in iva.get(f"/prospects/{kept}/merge").text
    side = iva.get(f"/prospects/{kept}/merge?with={gone}")
    assert "This cannot be undone" in side.text
    stale = iva.post(f"/prospects/{kept}/merge", {"other": gone, "version": "7"})
    assert stale.status_code == 409
    chosen = {"other": gone, "version": "1", "take-company": "other"}
    assert iva.post(f"/prospects/{kept}/merge", chosen).status_code == 303
    page = iva.get(f"/prospects/{gone}").text
    assert "+359888123456" in page
    assert "ana@buyer.example" in page
    assert gone not in iva.get("/prospects").text
