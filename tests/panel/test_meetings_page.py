"""Meetings in the panel: booked at a time that suits, moved, marked with what it sends shown first, and taken back."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote

from sqlalchemy import select

from tests.panel.scene import Scene, Visitor
from tests.support import icalendar
from workflow.records.db import Record
from workflow.records.models import Enrollment, Meeting, Touch


def meeting(scene: Scene, prospect: str) -> Record:
    """The one meeting of a prospect."""
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(*Meeting.__table__.columns).where(Meeting.prospect_id == prospect)).one()


def waiting(scene: Scene, prospect: str) -> list[str]:
    """The steps of emails and tasks that wait."""
    with scene.ws.database.read() as tx:
        found = select(Touch.step).where(Touch.prospect_id == prospect, Touch.state == "scheduled")
        return sorted(tx.conn.execute(found).scalars())


def version(page: str) -> str:
    """The version of the prospect that a page was made of."""
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_a_meeting_is_booked_at_an_offered_time_moved_and_known_to_a_calendar(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect(owner="iva", time_zone="America/New_York", country="US", phone="+1 212 555 0100")
    address = f"/prospects/{known}/meetings/new"
    page = iva.read(address)
    offers = re.findall(rf'href="{address}\?at=([^&"]+)', page)
    assert len(set(offers)) >= 3
    chosen = iva.read(f"{address}?at={offers[0]}&place=https%3A%2F%2Fmeet.example%2Fx")
    assert "Confirmation of the meeting" in chosen[chosen.index('id="effects"') :]
    at = re.search(r'name="at" value="([^"]+)"', chosen)
    assert at is not None
    fields = {"at": at[1], "minutes": "30", "place": "https://meet.example/x", "version": version(chosen)}
    answer = iva.post(address, fields)
    booked = meeting(scene, known)
    assert answer.location == f"/meetings/{booked.id}"
    assert booked.ends_at - booked.starts_at == timedelta(minutes=30)
    assert "confirmation" in waiting(scene, known)
    page = iva.read("/meetings")
    assert "Ana Petrova" in page
    assert "in New York" in page
    assert "30 minutes" in page
    first = iva.get(f"/meetings/{booked.id}/meeting.ics")
    assert first.content_type == "text/calendar; charset=utf-8; method=PUBLISH"
    before = icalendar.events(first.data)[0]
    assert (before.begins, before.title) == (booked.starts_at, "Meeting: Ana Petrova, Example OOD")
    # The form of somebody who was slower shows both sides, and loses nothing.
    stale = iva.post(f"/meetings/{booked.id}/move", {**fields, "version": "1", "place": "+359 888 1"})
    assert stale.status_code == 409
    assert 'value="+359 888 1"' in unescape(stale.text)
    later = booked.starts_at + timedelta(days=1)
    page = iva.read(f"/meetings/{booked.id}/move?at={quote(later.isoformat())}")
    told = {"at": later.isoformat(), "minutes": "30", "place": booked.place, "version": version(page)}
    answer = iva.post(f"/meetings/{booked.id}/move", told)
    moved = meeting(scene, known)
    assert (answer.status_code, moved.id, moved.starts_at) == (303, booked.id, later)
    second = iva.get(f"/meetings/{booked.id}/meeting.ics").text
    assert "SEQUENCE:1\r\n" in second
    assert icalendar.events(second.encode())[0].uid == before.uid
    page = iva.read(f"/meetings/{booked.id}?what=cancelled")
    iva.post(f"/meetings/{booked.id}/mark", {"what": "cancelled", "version": version(page), "reason": "Budget is gone"})
    gone = iva.get(f"/meetings/{booked.id}/meeting.ics").text
    assert "METHOD:CANCEL\r\n" in gone
    assert "SEQUENCE:2\r\n" in gone
    assert "Budget is gone" in iva.read("/meetings?show=past")


def test_a_mark_shows_what_it_sends_and_is_taken_back_without_an_email(scene: Scene) -> None:
    known = scene.prospect(owner="iva")
    scene.tell(known, "meeting.booked", uid="m-1", starts_at=scene.clock.now + timedelta(hours=30))
    scene.clock.advance(hours=31)
    iva = scene.visitor("iva")
    assert "Did they take place?" in iva.read("/meetings")
    booked = meeting(scene, known)
    page = iva.read(f"/meetings/{booked.id}?what=no_show")
    assert "Missed meeting" in page[page.index('id="effects"') :]
    before = waiting(scene, known)
    answer = iva.post(f"/meetings/{booked.id}/mark", {"what": "no_show", "version": version(page)})
    assert answer.status_code == 303
    assert "missed" in waiting(scene, known)
    page = iva.read(f"/meetings/{booked.id}")
    assert "Take it back" in page
    again = iva.post(f"/meetings/{booked.id}/mark", {"what": "held", "version": version(page)})
    assert again.status_code == 409
    iva.post(f"/meetings/{booked.id}/undo", {"version": version(page)})
    assert meeting(scene, known).state == "booked"
    assert "missed" not in waiting(scene, known)
    assert "confirmation" not in set(waiting(scene, known)) - set(before)
    with scene.ws.database.read() as tx:
        begun = tx.conn.execute(select(Enrollment.sequence).where(Enrollment.state == "active")).scalars().all()
    assert "no_show" not in begun
    # What the meeting lets the prospect do is offered on its page, and only that.
    boyan, theirs = scene.visitor("boyan"), scene.prospect("Eva Ilieva", owner="boyan")
    scene.good_call(theirs)
    scene.move(theirs, "qualify")
    scene.move(theirs, "diagnose")
    scene.tell(theirs, "meeting.booked", uid="m-2", starts_at=scene.clock.now + timedelta(hours=2))
    page = boyan.read(f"/meetings/{meeting(scene, theirs).id}")
    assert re.findall(r'name="trigger" value="(\w+)"', page) == ["schedule_meeting"]
    boyan.post(f"/prospects/{theirs}/moves", {"trigger": "schedule_meeting", "version": version(page)})
    told = {"what": "held", "version": str(scene.row(theirs).version)}
    boyan.post(f"/meetings/{meeting(scene, theirs).id}/mark", told)
    page = boyan.read(f"/meetings/{meeting(scene, theirs).id}")
    assert re.findall(r'name="trigger" value="(\w+)"', page) == ["follow_up"]


def test_a_time_of_one_s_own_is_warned_of_and_a_past_one_books_no_mail_in_advance(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect(owner="iva", country="BG", time_zone="Europe/Sofia")
    page = iva.read(f"/prospects/{known}/meetings/new?day=2020-01-01&time=03:00")
    assert "This time has passed" in page
    assert "A day off where the prospect is." in page
    odd = iva.get(f"/prospects/{known}/meetings/new?day=2026-13-45&time=xx")
    assert "Give the day and the time of the meeting." in unescape(odd.text)
    answer = iva.post(
        f"/prospects/{known}/meetings/new", {"day": "", "time": "", "minutes": "abc", "place": "Vitosha 1"}
    )
    assert answer.status_code == 422
    assert "Vitosha 1" in answer.text
    assert "Ana Petrova" in iva.read("/meetings/new?q=petrova")
    assert "Nobody fits" in iva.read("/meetings/new?q=zzz")
    assert "No meeting ahead" in iva.read("/meetings?who=team&week=2026-11-23")
    assert iva.get("/meetings/00000000-0000-7000-8000-000000000000").status_code == 404


def test_a_rep_sees_and_marks_no_meeting_of_another(scene: Scene) -> None:
    known = scene.prospect(owner="iva")
    scene.tell(known, "meeting.booked", uid="m-1", starts_at=scene.clock.now + timedelta(hours=30))
    booked = meeting(scene, known)
    boyan = scene.visitor("boyan")
    assert "Ana Petrova" not in boyan.read("/meetings?who=team")
    for path in ("", "/move", "/meeting.ics"):
        assert boyan.get(f"/meetings/{booked.id}{path}").status_code == 404
    boyan.read("/meetings")
    for path, fields in (("mark", {"what": "cancelled"}), ("undo", {}), ("move", {"at": "2030-01-01T10:00:00+00:00"})):
        assert boyan.post(f"/meetings/{booked.id}/{path}", fields).status_code == 404
    assert meeting(scene, known).state == "booked"
