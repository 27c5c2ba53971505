"""Settings > Webhooks out: add, test, watch and replay in both languages; a secret once, and administrators only."""

from __future__ import annotations

import re

from tests.panel.scene import Scene, Visitor
from workflow.actions import endpoints, outbox
from workflow.actions.outbox import Answer, FakeCourier
from workflow.actions.prospects import Who

AT = "/settings/endpoints"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


def test_an_endpoint_is_added_watched_and_removed(scene: Scene, iva: Visitor) -> None:
    assert "No endpoint yet" in iva.read(AT)
    refused = iva.post(AT, {"name": "crm", "url": "http://127.0.0.1/"})
    assert (refused.status_code, "https://" in refused.text, 'value="http://127.0.0.1/"' in refused.text) == (
        422,
        True,
        True,
    )
    made = iva.post(AT, {"name": "crm", "url": "https://hooks.example.com/in", "events": ["prospect.created"]})
    (secret,) = SECRET.findall(made.text)
    at = f"{AT}/{endpoints.id_of(scene.ws, 'crm')}"
    assert SECRET.search(iva.read(at)) is None
    assert iva.post(AT, {"name": "crm", "url": "https://hooks.example.com/"}).status_code == 409
    assert SECRET.findall(iva.post(f"{at}/rotate").text) != [secret]
    for name in ("Ana Petrova", "Boris <b>"):
        scene.prospect(name)
    outbox.drain(scene.ws, at.rpartition("/")[2], {"endpoint": FakeCourier(Answer("never", 404, "<no>"))})
    page = iva.read(at)
    assert (page.count(">taken</span>"), page.count(">given up</span>")) == (1, 1)
    (dead,) = re.findall(rf'href="({at}/events/[0-9a-f-]+)"', iva.read(f"{at}?only=dead"))
    event = iva.get(dead).text
    assert "&lt;no&gt;" in event
    assert "Ana Petrova" in event
    assert iva.post(f"{dead}/replay").status_code == 303
    assert "waiting" in iva.read(dead)
    assert iva.post(f"{at}/pause").status_code == 303
    iva.get("/?lang=bg")
    assert "спрян от " in iva.read(at)
    assert "Напишете публичен адрес" in iva.post(at, {"url": "ftp://x"}).text
    assert iva.post(f"{at}/remove", {"name": "another"}).status_code == 422
    assert iva.post(f"{at}/remove", {"name": "crm"}).status_code == 303
    assert iva.get(at).status_code == 404


def test_one_that_was_switched_off_is_told_on_the_first_page(scene: Scene, iva: Visitor) -> None:
    made = endpoints.add(scene.ws, "crm", "https://hooks.example.com/", Who("cli", "test"))
    scene.prospect("Ana")
    assert "switched off" not in iva.read("/")
    outbox.drain(scene.ws, made.id, {"endpoint": FakeCourier(Answer("gone", 410))})
    assert "Webhooks to crm are switched off" in iva.read("/")
    assert "nobody listens there any more" in iva.read(f"{AT}/{made.id}")
    assert iva.post(f"{AT}/{made.id}/resume").status_code == 303
    assert "switched off" not in iva.read("/")
    assert iva.post(f"{AT}/{made.id}/replay").status_code == 303


def test_only_administrators_see_where_what_is_known_goes(scene: Scene) -> None:
    made = endpoints.add(scene.ws, "crm", "https://hooks.example.com/", Who("cli", "test"))
    mila = scene.visitor("mila")
    assert "/settings/endpoints" not in mila.read("/settings")
    for path in (AT, f"{AT}/{made.id}"):
        assert mila.get(path).status_code == 403
    for act in ("", "/rotate", "/test", "/pause", "/resume", "/remove", "/replay"):
        assert mila.post(f"{AT}/{made.id}{act}").status_code == 403
