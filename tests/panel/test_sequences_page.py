"""Sequences: the list with results, the dated preview, two windows on one draft, and who may do what."""

from __future__ import annotations

import html
import re
from datetime import timedelta

from tests.panel.scene import Scene, Visitor

EDIT = "/sequences/after_meeting/edit"


def seen(page: str) -> str:
    """The text that the page was made from."""
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found, page
    return found[1]


def test_results_stand_at_their_sequence_and_step_and_dates_at_their_day(scene: Scene) -> None:
    known = scene.prospect("John Smith", email="j@example.com", time_zone="America/New_York", country="US")
    scene.tell(known, "call.ended", minutes=5)
    scene.clock.advance(days=2, hours=6)
    scene.send_due()
    scene.clock.advance(hours=1)
    scene.tell(known, "meeting.booked", uid="m1", starts_at=scene.clock.now + timedelta(days=3))
    iva = scene.visitor("iva")
    page = iva.read("/sequences")
    row = re.search(r'href="/sequences/after_call".*?</tr>', page, re.DOTALL)
    assert row
    assert re.findall(r'class="num" data-label="[^"]+">([^<]*)<', row[0]) == ["0", "1", "0%", "100%"]
    assert re.findall(r'<span title="([^"]+)">', row[0]) == ["Follow-up questions", "Schedule the next call"]
    page = iva.read("/sequences/after_call?day=2026-12-24&prospect=" + known)
    assert "Sent 1, answered 0, meetings 1" in page
    # Thursday and 24 hours is Christmas, then a weekend: the email leaves on Monday, when New York opens.
    assert "Begun Thu 24 Dec, 10:00, by the prospect's clock (New York)." in page
    assert re.findall(r'<time datetime="[^"]+">([^<]+)</time><b>', page) == ["Mon 28 Dec, 08:30", "Wed 30 Dec, 08:30"]
    assert "Waits for the next opening of the send window." in page
    assert "Начало: чт, 24 декември, 10:00" in iva.read(
        "/sequences/after_call?lang=bg&day=2026-12-24&prospect=" + known
    )
    assert iva.get("/sequences/nothing").status_code == 404


def test_two_windows_see_both_sides_and_a_publication_ends_the_draft(scene: Scene, iva: Visitor) -> None:
    old = seen(iva.read(EDIT))
    assert iva.post("/sequences/after_meeting/steps/1/down", {"seen": old, "was": "call_back"}).status_code == 303
    answer = iva.post("/sequences/after_meeting/steps/0/drop", {"seen": old, "was": "recap"})
    page = html.unescape(answer.text)
    assert answer.status_code == 409
    assert "<ins>+       - {key: decision, email: decision, after: 1wd, lateness: 2d}</ins>" in page
    assert "<del>-       - {key: recap, email: meeting_recap, after: 2h}</del>" in page
    again = {"seen": seen(page), "was": "recap"}
    assert iva.post("/sequences/after_meeting/steps/0/drop", again).status_code == 303
    # Whoever changed what is gone by now finds their words.
    typed = {"seen": old, "was": "recap", "key": "recap", "does": "email", "email": "decision", "after-n": "9"}
    page = html.unescape(iva.post("/sequences/after_meeting/steps/0", typed).text)
    assert "<ins>+       - {key: recap, email: decision, after: 9h}</ins>" in page
    assert "is gone from the draft" in page
    for act in ("double", "drop"):
        page = iva.read(EDIT)
        name = {"double": "decision", "drop": "decision_2"}[act]
        number = re.findall(r'id="step-(\w+)"', page).index(name)
        iva.post(f"/sequences/after_meeting/steps/{number}/{act}", {"seen": seen(page), "was": name})
    page = iva.read(EDIT)
    assert re.findall(r'id="step-(\w+)"', page) == ["decision", "call_back"]
    answer = iva.post("/playbook/draft/changes")
    page = html.unescape(answer.text)
    assert "step after_meeting.recap: removed" in page
    held = re.search(r'name="held" value="([^"]+)"', page)
    assert held
    assert iva.post("/settings/playbook/publish", {"held": held[1]}).status_code == 303
    with scene.ws.database.read() as tx:
        steps = scene.ws.playbooks.in_force(tx).sequences["after_meeting"].steps
    assert [each.key for each in steps] == ["decision", "call_back"]
    assert "is not in force yet" not in iva.read("/sequences")


def test_a_manager_drafts_an_administrator_publishes_and_a_rep_looks(scene: Scene, iva: Visitor) -> None:
    scene.add_rep("asen", "manager")
    asen, boyan = scene.visitor("asen"), scene.visitor("boyan")
    page = asen.read(EDIT)
    assert asen.post("/sequences/after_meeting/steps/1/up", {"seen": seen(page), "was": "call_back"}).status_code == 303
    assert "An administrator publishes it" in html.unescape(asen.post("/playbook/draft/changes").text)
    assert asen.post("/settings/playbook/publish", {"held": "eA=="}).status_code == 403
    assert f'name="of" value="{scene.reps["asen"]}"' in iva.read("/sequences")
    assert ">Publish<" in iva.post("/playbook/draft/changes", {"of": scene.reps["asen"]}).text
    assert asen.post("/playbook/draft/changes", {"of": scene.reps["iva"]}).status_code == 403
    # What somebody else brings into force meanwhile is taken over by one button, and can be taken back.
    step = {"was": "next_call", "key": "next_call", "does": "email", "email": "schedule_next_call", "after-n": "9"}
    iva.post("/sequences/after_call/steps/1", {"seen": seen(iva.read("/sequences/after_call/edit")), **step})
    held = re.search(r'name="held" value="([^"]+)"', iva.post("/playbook/draft/changes").text)
    assert held
    assert iva.post("/settings/playbook/publish", {"held": held[1]}).status_code == 303
    page = html.unescape(asen.read("/playbook/draft"))
    assert "<ins>+       - {key: next_call, email: schedule_next_call, after: 9h}</ins>" in page
    answer = asen.post("/playbook/draft/renew", {"seen": seen(page), "next": EDIT})
    assert answer.headers["Location"] == EDIT
    page = html.unescape(asen.read("/playbook/draft"))
    assert "Take it over into mine" not in page
    text = asen.get("/playbook/draft/file").text
    assert "after: 9h}" in text
    assert text.index("key: call_back") < text.index("key: recap")
    asen.post("/playbook/draft/back", {"seen": seen(page)})
    assert "Take it over into mine" in asen.read(EDIT)
    assert "New sequence" not in boyan.read("/sequences")
    assert "When it would come" in boyan.read("/sequences/after_meeting")
    for path in (EDIT, "/playbook/draft", "/playbook/draft/file"):
        assert boyan.get(path).status_code == 403
    assert (
        boyan.post("/sequences/after_meeting/steps/1/up", {"seen": seen(page), "was": "call_back"}).status_code == 403
    )
