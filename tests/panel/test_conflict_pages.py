"""Two who change the same settings: nothing of either is lost, and whoever comes second decides."""

from __future__ import annotations

import base64
import io
import re
from html import unescape

from sqlalchemy import select

from tests.panel.scene import Scene, Visitor
from workflow.actions import endpoints, mailboxes, people, publishing, sources
from workflow.actions.prospects import Who
from workflow.places import shipped_playbook
from workflow.records.models import Mailbox, Rep
from workflow.reports import endpoints as reports

_FIELD = re.compile(
    r'<(?:input type="hidden"|textarea hidden) name="([a-z_]+)"(?: value="([^"]*)"| [^>]*>\n?([^<]*)</textarea>)'
)


def seen_on(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def mine_of(page: str) -> dict[str, str]:
    """What the button “Keep mine” sends."""
    form = page[page.index("Yours, not saved yet") :]
    return {name: unescape(value or text) for name, value, text in _FIELD.findall(form) if name != "csrf_token"}


def test_a_person_changed_meanwhile_shows_both_sides_and_mine_is_kept_by_a_button(scene: Scene, iva: Visitor) -> None:
    path = f"/settings/users/{scene.reps['mila']}"
    fields = {"name": "Мила Петрова", "role": "rep", "language": "bg", "time_zone": "", "seen": seen_on(iva.read(path))}
    people.prefer(scene.ws.acting("command"), scene.reps["mila"], {"name": "Mila Ivanova"})
    answer = iva.post(path, fields)
    assert answer.status_code == 409
    assert "The command line saved this" in answer.text
    assert "<del>Mila Ivanova</del>" in answer.text
    assert "<ins>Мила Петрова</ins>" in answer.text
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Rep.name).where(Rep.id == scene.reps["mila"])).scalar_one() == "Mila Ivanova"
    assert iva.post(path, mine_of(answer.text)).status_code == 303
    # What is refused leaves nothing half done, and so is nobody's change but one's own when it is sent once more.
    odd = {**fields, "role": "manager", "time_zone": "Mars/Base", "seen": seen_on(iva.read(path))}
    refused = iva.post(path, odd)
    assert refused.status_code == 422
    with scene.ws.database.read() as tx:
        row = tx.conn.execute(select(Rep.name, Rep.language, Rep.role).where(Rep.id == scene.reps["mila"])).one()
    assert tuple(row) == ("Мила Петрова", "bg", "rep")
    assert iva.post(path, {**odd, "time_zone": "Europe/Sofia", "seen": seen_on(refused.text)}).status_code == 303


def test_a_mailbox_changed_meanwhile_does_so_too_and_shows_no_secret(scene: Scene, iva: Visitor) -> None:
    ws, secret = scene.ws, "sesame"
    made = mailboxes.add(ws, "sales", "Sales <sales@example.com>", {"smtp_url": f"smtp://s:{secret}@mx.example.com"})
    path = f"/settings/mailboxes/{made}"
    seen = seen_on(iva.read(path))
    mailboxes.change(ws, "sales", {"signature_en": "Theirs"})
    typed = {"sender": "Sales <sales@example.com>", "signature_en": "Mine,\r\nin two lines", "seen": seen}
    answer = iva.post(path, {**typed, "imap_url": f"imaps://s:{secret}@mx.example.com"})
    assert answer.status_code == 409
    assert "Theirs" in answer.text
    assert secret not in answer.text
    assert "Passwords and keys are not kept here" in answer.text
    assert iva.post(path, {**mine_of(answer.text), "signature_en": "Mine"}).status_code == 303
    with ws.database.read() as tx:
        assert (
            tx.conn.execute(select(Mailbox.settings).where(Mailbox.id == made)).scalar_one()["signature_en"] == "Mine"
        )
    assert iva.post(path, {**typed, "seen": ""}).status_code == 303, "a form without a mark is taken as it is"


def test_an_endpoint_and_the_secrets_of_a_source_changed_meanwhile_are_not_overwritten(
    scene: Scene, iva: Visitor
) -> None:
    ws = scene.ws.acting("command")
    made = endpoints.add(ws, "erp", "https://erp.example.com/hooks", Who("command", "test"), events=["prospect.moved"])
    path = f"/settings/endpoints/{made.id}"
    mine = {"url": "https://erp.example.com/mine", "seen": seen_on(iva.read(path))}
    odd = iva.post(path, {**mine, "url": "gopher://x", "events": "call.ended"}).text
    assert re.search('value="call.ended" checked', odd), "what was ticked stays"
    endpoints.change(ws, made.id, url="https://erp.example.com/theirs")
    answer = iva.post(path, {**mine, "events": "prospect.moved"})
    assert answer.status_code == 409
    assert "<del>https://erp.example.com/theirs</del>" in answer.text
    assert "<ins>https://erp.example.com/mine</ins>" in answer.text
    assert iva.post(path, mine_of(answer.text)).status_code == 303
    with ws.database.read() as tx:
        kept = reports.one(tx, made.id)
    assert (kept.url, list(kept.events)) == (mine["url"], ["prospect.moved"])

    sources.add(ws, "hubspot", "deals", "their own secret")
    with ws.database.read() as tx:
        path = f"/settings/sources/{sources.known(ws, tx, 'deals').id}"
    page = iva.read(path)
    marks = {name: seen_on(page[page.index(f'hx-post="{path}/{name}"') :]) for name in ("rotate", "token")}
    assert iva.post(f"{path}/rotate", {"secret": "iva's secret", "seen": marks["rotate"]}).status_code == 200
    late = iva.post(f"{path}/rotate", {"secret": "another one", "seen": marks["rotate"]})
    assert late.status_code == 409
    assert "gave another one today" in late.text
    assert "another one" not in late.text.replace("gave another one today", "")
    assert iva.post(f"{path}/token", {"api_token": "theirs", "seen": marks["token"]}).status_code == 303
    assert iva.post(f"{path}/token", {"api_token": "", "seen": marks["token"]}).status_code == 409
    # Whoever has looked at it may do so.
    fresh = seen_on(iva.read(path).partition(f'hx-post="{path}/token"')[2])
    assert iva.post(f"{path}/token", {"api_token": "", "seen": fresh}).status_code == 303


def test_a_playbook_published_meanwhile_is_compared_with_before_mine_goes_over_it(scene: Scene, iva: Visitor) -> None:
    shipped = shipped_playbook().read_text(encoding="utf-8")
    mine, theirs = (shipped.replace("per_day: 200", f"per_day: {number}") for number in (50, 60))
    held = base64.b64encode(mine.encode()).decode()
    seen = seen_on(iva.post("/settings/playbook/preview", {"file": (io.BytesIO(mine.encode()), "mine.yaml")}).text)
    publishing.publish(scene.ws, publishing.draft(theirs), Who("command", "test"))
    refused = iva.post("/settings/playbook/publish", {"held": held, "seen": seen})
    assert refused.status_code == 409
    assert "Another playbook came into force" in refused.text
    again = iva.post("/settings/playbook/publish", {"held": held, "seen": seen_on(refused.text)})
    assert again.status_code == 303
    with scene.ws.database.read() as tx:
        assert scene.ws.playbooks.in_force(tx).limits.mailbox.per_day == 50
