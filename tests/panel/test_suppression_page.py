"""Settings > Suppression and the API of the list: who may add, look and remove, and what taking one in says."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from sqlalchemy import select

from tests.panel.scene import Scene
from workflow.actions import people
from workflow.records.models import Suppression
from workflow.records.suppressions import SuppressionLog

PAGE = "/settings/suppression"


def barred(scene: Scene) -> list[str]:
    """Every barred address."""
    with scene.ws.database.read() as tx:
        return list(tx.conn.execute(select(Suppression.email_key).order_by(Suppression.email_key)).scalars())


def test_the_list_is_kept_in_the_panel(scene: Scene) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    iva, boyan = scene.visitor("iva"), scene.visitor("boyan")
    assert boyan.get(PAGE).status_code == 403
    assert boyan.post(PAGE, {"key": "x@y.test", "reason": "no"}).status_code == 403
    assert "Nobody is on the list" in iva.read(PAGE)
    refused = iva.post(PAGE, {"key": "nonsense", "reason": "a rival"})
    assert (refused.status_code, "a domain such as" in refused.text) == (422, True)
    assert iva.post(PAGE, {"key": "@buyer.example", "reason": "a rival"}).status_code == 303
    assert [touch.state for touch in scene.touches(known)] == ["skipped", "skipped"]
    listed = iva.read(PAGE)
    assert "@buyer.example" in listed
    assert "a rival" in listed
    assert "by its domain" in iva.read(f"{PAGE}?q=ana")
    assert "gets no emails" in boyan.read(f"/prospects/{known}")
    sent = {"why": "the old system", "lines": "a@b.test\nfoo\n<b>@x", "file": (BytesIO(b"email\nc@d.test"), "old.csv")}
    taken = iva.client.post(f"{PAGE}/import", data={**sent, "csrf_token": iva.csrf}).text
    assert "Added: 2, on the list before: 0, left out: 3." in taken
    assert "Line 2 has no address: foo" in taken
    assert iva.post(f"{PAGE}/import", {"why": "", "lines": ""}).status_code == 422
    assert boyan.post(f"{PAGE}/remove", {"key": "a@b.test", "reason": "x"}).status_code == 403
    assert iva.post(f"{PAGE}/remove", {"key": "a@b.test", "reason": ""}).status_code == 422
    assert iva.post(f"{PAGE}/remove", {"key": "a@b.test", "reason": "a friend"}).status_code == 303
    assert iva.post(f"{PAGE}/remove", {"key": "a@b.test", "reason": "a friend"}).status_code == 422
    assert barred(scene) == ["ana@buyer.example", "c@d.test"]
    with scene.ws.database.read() as tx:
        row = tx.conn.execute(select(*SuppressionLog.__table__.columns).where(SuppressionLog.act == "removed")).one()
    assert (row.key, row.note, row.actor) == ("a@b.test", "a friend", f"rep:{scene.reps['iva']}")
    # A domain in Cyrillic is told, sought and sorted as people write it.
    scene.clock.advance(seconds=60)
    assert iva.post(PAGE, {"key": "ана@пример.бг", "reason": "asked"}).status_code == 303
    page = iva.read(f"{PAGE}?sort=-at")
    assert "Nobody writes to ана@пример.бг any more" in page
    names = re.findall(r'name mono">([^<]+)<', page)
    assert names == ["ана@пример.бг", "c@d.test", "@buyer.example"]
    assert re.findall(r'name mono">([^<]+)<', iva.read(f"{PAGE}?q=пример")) == names[:1]
    assert re.findall(r'name mono">([^<]+)<', iva.read(f"{PAGE}?sort=-at&after=c@d.test")) == names[2:]
    assert "Забранени адреси" in iva.read(f"{PAGE}?lang=bg")


def test_the_list_is_kept_over_the_api(scene: Scene) -> None:
    keys = {role: people.add_key(scene.ws, role, role) for role in ("rep", "manager", "admin")}
    client = scene.app.test_client(use_cookies=False)
    client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"

    def call(role: str, method: str, path: str = "", **sent: object) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {keys[role]}"}
        answer = client.open(f"/api/v1/suppressions{path}", method=method, headers=headers, json=sent or None)
        return answer.status_code, answer.json

    assert call("rep", "GET")[0] == call("rep", "POST", key="a@b.test", reason="x")[0] == 403
    status, told = call("manager", "POST", key="Ana@B.test", reason="asked by phone")
    assert (status, told["key"], told["kind"], told["cause"]) == (200, "ana@b.test", "address", "suppressed.listed")
    assert (told["reason"], told["source"], told["actor"]) == ("asked by phone", "api", "api:manager")
    assert call("manager", "POST", key="@b.test", reason="all of them")[1]["kind"] == "domain"
    assert call("manager", "POST", key="b.test", reason="all of them")[0] == 422
    assert call("manager", "POST", key="c@d.test")[0] == 422
    items = call("manager", "GET")[1]
    assert [each["key"] for each in items["items"]] == ["@b.test", "ana@b.test"]
    page = call("manager", "GET", "?limit=1")[1]
    assert [each["key"] for each in page["items"]] == ["@b.test"]
    rest = call("manager", "GET", f"?limit=1&cursor={page['next_cursor']}")[1]
    assert ([each["key"] for each in rest["items"]], rest["next_cursor"]) == (["ana@b.test"], None)
    page = call("manager", "GET", "?sort=-key&limit=1")[1]
    rest = call("manager", "GET", f"?sort=-key&limit=1&cursor={page['next_cursor']}")[1]
    assert [each["key"] for each in page["items"] + rest["items"]] == ["ana@b.test", "@b.test"]
    assert call("manager", "DELETE", "/ana@b.test?reason=x")[0] == 403
    assert call("admin", "DELETE", "/ana@b.test")[0] == 422
    assert call("admin", "DELETE", "/ana@b.test?reason=x")[0] == 409
    assert call("admin", "DELETE", "/@b.test?reason=they+came+back")[0] == 200
    assert call("admin", "DELETE", "/ana@b.test?reason=she+too")[0] == 200
    assert call("admin", "DELETE", "/ana@b.test?reason=she+too")[0] == 404
    assert barred(scene) == []
