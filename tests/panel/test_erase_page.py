"""Erasing in the panel and by the API: administrators only, after a typed word, and the page says what is left."""

from __future__ import annotations

from tests.panel.scene import Scene
from workflow.actions import erasing, people


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
