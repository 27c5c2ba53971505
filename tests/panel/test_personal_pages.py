"""What a rep does for one person: the next best action, one fact in its place, one email's own text, and links."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

from sqlalchemy import select

from tests.panel.scene import Scene, Visitor
from workflow.records.models import Touch


def advised(text: str) -> str:
    found = re.search(r'<section class="nba" .*?</section>', text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def waiting(scene: Scene, known: str) -> str:
    with scene.ws.database.read() as tx:
        found = select(Touch.id).where(Touch.prospect_id == known, Touch.kind == "email", Touch.state == "scheduled")
        return str(tx.conn.execute(found.order_by(Touch.due_at)).scalars().first())


def test_the_next_best_action_comes_with_its_reason_and_its_button(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    page = f"/prospects/{known}"
    assert "On to: Qualified" in advised(iva.read(page))
    scene.move(known, "qualify")
    scene.tell(known, "meeting.booked", uid="m1", starts_at=datetime(2026, 11, 10, 8, 20, tzinfo=UTC))
    text = advised(iva.read(page))
    assert "Prepare the meeting" in text
    assert "You meet today, 10:20." in text
    assert "Подгответе срещата" in advised(iva.read(f"{page}?lang=bg"))
    iva.get(f"{page}?lang=en")
    scene.wait(minutes=20)
    assert "Did the meeting take place?" in advised(iva.read(page))
    scene.tell(known, "meeting.held", uid="m1")
    scene.tell(known, "email.replied", detail="Let us talk.")
    assert "Answer the reply" in advised(iva.read(page))
    scene.tell(known, "call.ended", minutes=5)
    assert "Answer the reply" not in advised(iva.read(page))
    assert 'id="start-call"' in iva.read(page)


def test_one_fact_is_changed_where_it_stands_and_the_slower_one_sees_both(
    scene: Scene, iva: Visitor, swift: Visitor
) -> None:
    known = scene.prospect()
    at = f"/prospects/{known}/facts/phone"
    assert 'name="value"' in iva.read(at)
    assert re.findall(r'hx-target="([^"]+)"', swift.get(at).text)[0] == "#fact-phone"
    assert iva.post(at, {"value": "+359 2 123", "was": "", "version": "1"}).status_code == 303
    # Another fact changed meanwhile: no conflict, both are kept.
    title = f"/prospects/{known}/facts/title"
    assert iva.post(title, {"value": "COO", "was": "", "version": "1"}).status_code == 303
    # The same one did: both sides, and each can be kept.
    answer = iva.post(at, {"value": "+359 2 999", "was": "", "version": "1"})
    text = unescape(answer.text)
    assert answer.status_code == 409
    assert "Now: +359 2 123" in text
    assert 'value="+359 2 999"' in text
    assert "Take theirs" in text
    assert swift.post(at, {"value": "+359 2 999", "was": "", "version": "1"}).status_code == 409
    assert iva.post(at, {"value": "+359 2 999", "was": "+359 2 123", "version": "3"}).status_code == 303
    row = scene.row(known)
    assert (row.phone, row.title) == ("+359 2 999", "COO")
    for name, value in (
        ("email", "nonsense"),
        ("time_zone", "Nowhere/City"),
        ("country", "Bulgaria"),
        ("language", "x"),
    ):
        odd = iva.post(f"/prospects/{known}/facts/{name}", {"value": value, "was": "", "version": "4"})
        assert odd.status_code == 422, name
        assert f'value="{value}"' in odd.text or name in ("language", "country")
    assert iva.get(f"/prospects/{known}/facts/stage").status_code == 404
    assert scene.row(known).version == row.version


def test_one_email_is_rewritten_before_it_leaves(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect(owner="iva")
    scene.move(known, "qualify")
    scene.tell(known, "call.ended", minutes=5)
    touch = waiting(scene, known)
    at = f"/touches/{touch}/text"
    assert "Now it follows its template" in iva.read(at)
    typed = {"subject": "For {{ first_name }}", "text": "Only you, {{ company }}.\n", "version": "0"}
    assert "Only you, " in unescape(swift.post(f"{at}/preview", typed).text)
    drawn = iva.post(f"{at}/html", typed)
    assert "<p" in drawn.text
    assert "Only you, " in unescape(drawn.text)
    assert drawn.headers["Content-Security-Policy"].startswith("sandbox;")
    wrong = iva.post(at, typed | {"text": "{{ nobody }}"})
    assert wrong.status_code == 422
    assert "nobody" in wrong.text
    assert iva.post(at, typed).status_code == 303
    text = iva.read(f"/prospects/{known}")
    assert "Own text" in text
    assert "Text written for one email" in text
    clash = iva.post(at, typed | {"text": "Mine instead\n"})
    assert clash.status_code == 409
    assert "Only you" in clash.text
    assert "Mine instead" in clash.text
    assert "Написан от" in iva.read(f"{at}?lang=bg")
    iva.get("/settings?lang=en")
    assert scene.visitor("mila").get(at).status_code == 404
    assert iva.post(f"{at}/drop", {"version": "1"}).status_code == 303
    assert "Now it follows its template" in iva.read(at)


def test_the_competitors_that_a_prospect_names_are_a_fact_in_its_place(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    at = f"/prospects/{known}/facts/competitor"
    assert "Competitors" in iva.read(f"/prospects/{known}")
    assert iva.post(at, {"value": "Salesmate, a sheet", "was": "", "version": "1"}).status_code == 303
    assert iva.read(f"/prospects/{known}").count("Salesmate, a sheet") >= 1
    assert "Salesmate" in iva.read("/analytics/competitors")
    assert iva.post(at, {"value": "X", "was": "", "version": "1"}).status_code == 409
    assert iva.post(at, {"value": "", "was": "Salesmate, a sheet", "version": "2"}).status_code == 303
    assert scene.row(known).competitor == ""
    assert "Конкуренти" in iva.read(f"/prospects/{known}?lang=bg")


def test_two_prospects_are_linked_from_either_page_and_a_referral_is_added_from_here(
    scene: Scene, iva: Visitor
) -> None:
    ana, boyan = scene.prospect("Ana Petrova"), scene.prospect("Boyan Ivanov")
    assert "Boyan Ivanov" in iva.read(f"/prospects/{ana}/related?q=boyan")
    assert iva.post(f"/prospects/{ana}/related", {"other": boyan, "as": "referrer"}).status_code == 303
    assert "Gave the referral" in iva.read(f"/prospects/{ana}")
    assert "Was referred from here" in iva.read(f"/prospects/{boyan}")
    assert iva.post(f"/prospects/{boyan}/related/remove", {"other": ana}).status_code == 303
    assert iva.post(f"/prospects/{boyan}/related/remove", {"other": ana}).status_code == 409
    assert "Was referred from here" in iva.read(f"/prospects/new?from={ana}")
    added = iva.post("/prospects", {"name": "Mila Nova", "from": ana, "as": "referred"})
    assert added.status_code == 303
    assert "Mila Nova" in iva.read(f"/prospects/{ana}")
    assert "Gave the referral" in iva.read(str(added.location))
    assert iva.post("/prospects", {"name": "Half Made", "from": ana, "as": "nonsense"}).status_code >= 400
    assert "Half Made" not in iva.read("/prospects")
