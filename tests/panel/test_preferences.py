"""The page behind an email's last link: a pause, no more of this series, everything; what is undone, and by whom."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.panel.scene import CRM, Scene
from workflow.actions import prospects, sealing, wishes
from workflow.actions.outreach import acts
from workflow.errors import BadInput, Conflict
from workflow.mail import links, tokens
from workflow.mail.transport import Envelope
from workflow.records.models import Decided, Enrollment, Event, History, Suppression, Touch
from workflow.reports import doctor


@pytest.fixture
def outside(scene: Scene) -> FlaskClient:
    """Somebody outside: no session, no cookie jar."""
    client = scene.app.test_client(use_cookies=False)
    client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
    return client


def written(scene: Scene, name: str = "Ana Petrova") -> tuple[str, str]:
    """A prospect after a call who got the first of two emails, and the path of its last link."""
    known = scene.prospect(name)
    scene.tell(known, "call.ended", minutes=5)
    scene.wait(hours=25)
    (envelope,) = scene.send_due().sent
    return known, path_of(envelope)


def path_of(envelope: Envelope) -> str:
    """Where the link of an email leads."""
    head = str(message_from_bytes(envelope.content, policy=default)["List-Unsubscribe"])
    return str(urlsplit(re.findall(r"<(http[^>]+)>", head)[0]).path)


def everything(scene: Scene) -> list[object]:
    """All that a wish could have changed."""
    with scene.ws.database.read() as tx:
        counts = [select(func.count()).select_from(each) for each in (History, Suppression, Decided, Event)]
        told: list[object] = [tx.conn.execute(each).scalar_one() for each in counts]
        rows = select(Touch.id, Touch.state, Touch.reason, Touch.next_attempt_at).order_by(Touch.id)
        return [*told, tx.conn.execute(rows).all(), tx.conn.execute(select(Enrollment.id, Enrollment.state)).all()]


def kinds(scene: Scene, known: str) -> list[str]:
    """What a prospect's history tells after its first rows."""
    with scene.ws.database.read() as tx:
        found = select(History.kind).where(History.prospect_id == known).order_by(History.version)
        return [each for each in tx.conn.execute(found).scalars() if each.startswith(("email.", "address."))]


def test_a_pause_is_asked_for_seen_undone_and_not_outrun(scene: Scene, outside: FlaskClient) -> None:
    known, path = written(scene)
    before = everything(scene)
    for look in (outside.get, outside.head, outside.options):
        assert look(path).status_code == 200
    assert everything(scene) == before
    for _ in range(2):
        page = outside.post(path, data={"choice": "pause"})
        assert (page.status_code, "We write again after" in page.text) == (200, True)
    row = scene.row(known)
    assert row.mail_hold_why == "pause"
    assert timedelta(days=29) < row.mail_hold_until - scene.clock.now <= timedelta(days=30)
    second = scene.touches(known)[1]
    with pytest.raises(Conflict, match="administrator"):
        acts.send_now(scene.ws, second.id, CRM)
    scene.wait(seconds=(second.next_attempt_at - scene.clock.now).total_seconds() + 60)
    assert scene.send_due().sent == []
    assert '"pause"' in scene.touches(known)[1].reason
    assert "asked for a pause" in scene.visitor("boyan").read(f"/prospects/{known}")
    assert "Your pause has ended" in outside.post(path, data={"choice": "go-on"}).text
    assert scene.row(known).mail_hold_until is None
    scene.send_due()
    assert scene.touches(known)[1].state == "sent"
    assert kinds(scene, known) == ["email.paused", "email.paused.undone"]
    assert doctor.examine(scene.ws) == ()


def test_only_an_administrator_ends_a_pause_and_says_why(scene: Scene, outside: FlaskClient) -> None:
    known, path = written(scene)
    outside.post(path, data={"choice": "pause"})
    boyan, iva = scene.visitor("boyan"), scene.visitor("iva")
    assert "/pause/end" not in boyan.read(f"/prospects/{known}")
    assert boyan.post(f"/prospects/{known}/pause/end", {"reason": "a deal"}).status_code == 403
    assert f"/prospects/{known}/pause/end" in iva.read(f"/prospects/{known}")
    assert iva.post(f"/prospects/{known}/pause/end", {"reason": " "}).status_code == 422
    assert scene.row(known).mail_hold_why == "pause"
    assert iva.post(f"/prospects/{known}/pause/end", {"reason": "she rang us"}).status_code == 303
    assert scene.row(known).mail_hold_until is None
    assert "she rang us" in iva.read(f"/prospects/{known}")
    with pytest.raises(BadInput):
        wishes.end_pause(scene.ws, known, "", CRM)


def test_no_more_of_a_series_ends_it_and_is_undone_within_a_day(scene: Scene, outside: FlaskClient) -> None:
    known, path = written(scene)
    for _ in range(2):
        assert "No more emails of this kind" in outside.post(path, data={"choice": "decline"}).text
    assert [touch.state for touch in scene.touches(known)] == ["sent", "cancelled"]
    scene.tell(known, "call.ended", minutes=5)
    assert len(scene.touches(known)) == 2, "the series does not begin again"
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(func.count()).select_from(Suppression)).scalar_one() == 0
    assert outside.post(path, data={"choice": "want-again"}).status_code == 200
    assert [touch.state for touch in scene.touches(known)] == ["sent", "cancelled"], "a call came between"
    outside.post(path, data={"choice": "decline"})
    other, its_path = written(scene, "Boris Ivanov")
    outside.post(its_path, data={"choice": "decline"})
    outside.post(its_path, data={"choice": "want-again"})
    assert [touch.state for touch in scene.touches(other)] == ["sent", "scheduled"]
    waits = scene.touches(other)[1].next_attempt_at - scene.clock.now
    scene.wait(seconds=waits.total_seconds() + 60)
    assert len(scene.send_due().sent) == 1
    assert [touch.state for touch in scene.touches(other)] == ["sent", "sent"]
    assert kinds(scene, other) == ["email.declined", "email.declined.undone"]
    outside.post(its_path, data={"choice": "decline"})
    assert scene.row(other).declined == scene.row(known).declined
    assert doctor.examine(scene.ws) == ()


def test_links_live_for_years_and_after_keys_were_changed(scene: Scene, outside: FlaskClient) -> None:
    known, path = written(scene)
    old = f"/u/{tokens.sign('unsubscribe', known, scene.ws.key('links'))}"
    sealing.rotate(scene.ws)
    scene.wait(days=3000)
    for each in (old, path):
        assert "Unsubscribe" in outside.get(each).text
    assert "We write again after" in outside.post(old, data={"choice": "pause"}).text
    assert outside.post(old, data={"choice": "nonsense"}).status_code == 422
    assert "You are unsubscribed" in outside.post(path, data={"confirm": "1"}).text
    assert "You are unsubscribed" in outside.get(old).text
    bulgarian = outside.get(old + "?lang=bg").text
    assert "Отписани сте" in bulgarian


def test_no_link_that_is_wrong_tells_anything(scene: Scene, outside: FlaskClient) -> None:
    known, _ = written(scene)
    key = scene.ws.key("links")
    odd = [
        f"/u/{tokens.sign('unsubscribe', payload, key)}"
        for payload in (f"{known}.", f"{known}.x", f"x.{known}", f"{known}.{known}.", "", "self-test2")
    ]
    before = everything(scene)
    pages = {
        outside.post(path, data={"choice": choice}).text for path in odd[1:] for choice in ("pause", "decline", "")
    }
    assert len(pages) == 1
    assert everything(scene) == before
    prospect_of_nobody = links.sign(links.Link(known, known), key)
    assert outside.post(f"/u/{prospect_of_nobody}", data={"choice": "decline"}).status_code == 200
    assert everything(scene) == before


def test_mail_in_flight_that_a_rep_sent_early_is_kept_back_by_a_pause(scene: Scene) -> None:
    """Told through the engine's door, where the send protocol is watched step by step."""
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    first = scene.touches(known)[0]
    acts.send_now(scene.ws, first.id, CRM)
    prospects.tell(scene.ws, known, "email.paused", {}, CRM)
    assert scene.send_due().sent == []
    assert '"pause"' in scene.touches(known)[0].reason
