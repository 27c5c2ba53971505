"""A prospect's page: the list and its search, adding one, the way through the stages, facts and what has happened."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from tests.panel.scene import Scene, Visitor


def steps(text: str) -> list[str]:
    """The stepper in words, one line for each stage."""
    found = re.search(r'<ol class="steps".*?</ol>', text, re.DOTALL)
    assert found
    items = re.findall(r"<li.*?</li>", found[0], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in items]


def test_it_shows_the_days_spent_in_each_stage(scene: Scene) -> None:
    known = scene.prospect()
    scene.wait(days=4)
    scene.move(known, "qualify")
    scene.wait(days=11)
    scene.move(known, "diagnose")
    scene.wait(days=1)
    text = scene.visitor("iva").read(f"/prospects/{known}")
    assert steps(text) == [
        "Planned Tue 10 Nov, 4 days", "Qualified Sat 14 Nov, 11 days", "Diagnosed since Wed 25 Nov, 1 day",
        "Meeting scheduled 1 thing is missing", "Followed up", "Closed",
    ]  # fmt: skip
    assert 'aria-current="step"><b>Diagnosed' in text


def test_moves_are_buttons_and_a_refusal_stands_on_the_page(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect()
    scene.move(known, "qualify")
    ways = iva.read(f"/prospects/{known}").split('id="moves-here"')[1].partition("</div>")[0]
    assert re.findall(r'name="trigger" value="(\w+)"', ways) == ["diagnose", "close", "disqualify"]
    move = f"/prospects/{known}/moves"
    for visitor in (iva, swift):
        answer = visitor.post(move, {"trigger": "close", "version": "2", "view": "prospect"})
        assert answer.status_code == 422
        assert 'id="guard-' in answer.text
    assert iva.post(move, {"trigger": "diagnose", "version": "2", "view": "prospect"}).location == f"/prospects/{known}"
    answer = swift.post(move, {"trigger": "schedule_meeting", "version": "3", "view": "prospect"})
    assert (answer.status_code, scene.row(known).stage) == (200, "meeting_scheduled")
    assert "moved to Meeting scheduled" in answer.text
    assert swift.post(move, {"trigger": "close", "version": "3", "view": "prospect"}).status_code == 409


def test_the_timeline_tells_everything_newest_first(scene: Scene) -> None:
    known = scene.prospect()
    scene.wait(minutes=1)
    scene.move(known, "qualify")
    scene.wait(minutes=1)
    scene.tell(known, "call.ended", minutes=14, notes="Returns cost 3,400 a month.")
    scene.wait(hours=25)
    scene.send_due()
    scene.wait(minutes=5)
    scene.tell(known, "email.replied", detail="Let us talk on Monday.")
    scene.wait(minutes=5)
    scene.tell(known, "answers.recorded", answers={"budget": "12,000"})
    text = scene.visitor("iva").read(f"/prospects/{known}")
    heads = [unescape(head) for head in re.findall(r'<div class="t"><b>(.*?)</b>', text)]
    assert heads == [
        "Answers recorded", "Replied", "“After the call” has stopped", "Sent: A few questions after our call",
        "Call, 14 min", "Planned to Qualified", "Prospect added",
    ]  # fmt: skip
    for words in ("Returns cost 3,400 a month.", "Let us talk on Monday.", "The source crm", "The prospect replied."):
        assert words in text


def test_thirty_entries_are_shown_and_then_older_ones(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    for number in range(35):
        scene.wait(seconds=10)
        scene.tell(known, "answers.recorded", answers={"note": f"answer {number:02}"})
    text = iva.read(f"/prospects/{known}")
    assert text.count('<div class="t">') == 30
    assert "answer 05" in text
    assert "answer 04" not in text
    older = iva.read(re.findall(r'href="(/prospects/[^"]+entries=60)', text)[0])
    assert older.count('<div class="t">') == 36
    for odd in ("0", "-5", "x", "9" * 30):
        assert iva.get(f"/prospects/{known}?entries={odd}").status_code == 200


def test_times_are_by_the_clock_of_whoever_reads_and_the_prospects_own_beside_it(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect(time_zone="America/New_York")
    scene.tell(known, "call.ended", minutes=5)
    text = iva.read(f"/prospects/{known}")
    assert "03:00, New York" in text
    due = scene.touches(known)[0].next_attempt_at
    assert due == datetime(2026, 11, 11, 13, 30, tzinfo=UTC)
    assert "Tomorrow, 15:30 (08:30 in New York)" in " ".join(text.split())


def test_it_finds_prospects_by_every_word_of_a_search(scene: Scene, iva: Visitor) -> None:
    ana = scene.prospect("Ана Петрова", email="ana@buyer.example", company="Дунав Стийл", phone="+359 888 1")
    other = scene.prospect("Петър Илиев", email="p.iliev@other.example")
    for words in ("петрова", "ДУНАВ ана", "ana@buyer", "888"):
        text = iva.read(f"/prospects?q={words}")
        assert ana in text, words
        assert other not in text, words
    for words in ("nobody", "%", "_", "\\", "'", "a" * 5000):
        text = iva.read(f"/prospects?q={words}")
        assert ana not in text, words
        assert "Nobody fits" in text, words
    scene.move(other, "qualify")
    assert other in iva.read("/prospects?stage=qualified")
    assert ana not in iva.read("/prospects?stage=qualified")


def test_the_list_goes_on_page_by_page_without_a_gap(scene: Scene, iva: Visitor) -> None:
    everybody = {scene.prospect(f"P{number} Person") for number in range(53)}
    first = iva.read("/prospects")
    (older,) = re.findall(r'href="(/prospects\?after=[^"]+)"', first)
    seen = [re.findall(r'class="name" href="/prospects/([^"]+)"', text) for text in (first, iva.read(older))]
    assert [len(part) for part in seen] == [50, 3]
    assert {known for part in seen for known in part} == everybody
    for odd in ("x", "2026-01-01~x", "~", "2026-01-01T00:00:00~" + "0" * 36):
        assert iva.get(f"/prospects?after={odd}").status_code == 200


def test_it_adds_a_prospect_and_opens_its_page(scene: Scene, iva: Visitor) -> None:
    typed = {"name": " Ana\u202e  Petrova ", "email": "Ana@Buyer.Example", "country": "bg", "language": "bg"}
    answer = iva.post("/prospects", typed | {"owner": scene.reps["boyan"]})
    assert answer.status_code == 303
    row = scene.row(answer.location.rpartition("/")[2])
    assert (row.name, row.email, row.country, row.language) == ("Ana Petrova", "Ana@Buyer.Example", "BG", "bg")
    assert (row.owner_id, row.stage) == (scene.reps["boyan"], "planned")
    assert "Ana Petrova was added" in iva.read(answer.location)


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"email": "no address"}, "email", "This is no email address."),
        ({"email": "a@b\r\nBcc: x@y.example"}, "email", "This is no email address."),
        ({"name": "A", "time_zone": "Mars/Olympus"}, "time_zone", "There is no such time zone."),
        ({"name": "A", "country": "Bulgaria"}, "country", "Write the two letters of the country"),
        ({"name": "A", "language": "xx"}, "language", "Choose one of the languages."),
        ({}, "email", "Give at least an email address"),
    ],
)
def test_what_is_odd_is_said_at_its_field_and_nothing_typed_is_lost(
    iva: Visitor, swift: Visitor, typed: dict[str, str], field: str, said: str
) -> None:
    for visitor in (iva, swift):
        answer = visitor.post("/prospects", {"title": "COO <b>", **typed})
        text = unescape(answer.text)
        assert answer.status_code == 422
        assert f'href="#f-{field}"' in text
        assert said in text
        assert 'value="COO <b>"' in text


def test_an_address_belongs_to_one_prospect(scene: Scene, iva: Visitor) -> None:
    scene.prospect("Ana Petrova")
    other = scene.prospect("Boris Ivanov")
    for path in ("/prospects", f"/prospects/{other}/edit"):
        answer = iva.post(path, {"name": "Boris", "email": "ANA@buyer.example"})
        assert answer.status_code == 422, path
        assert "This address belongs to another prospect." in answer.text
    # Whoever adds is told while typing who it may be already, in either script, and only of those they may see.
    boyan = scene.visitor("boyan")
    scene.prospect("Иван Петров", owner="iva", phone="+359 888 123 456")
    for told in ("email=ana@buyer.example", "name=ана петр", "name=ivan", "phone=0888 123456", "name=zz", "name=an"):
        names = re.findall(
            r'class="name" href="/prospects/[^"]+"[^>]*>([^<]+)<', iva.read(f"/prospects/new/known?{told}")
        )
        wanted = {"phone=0888 123456": ["Иван Петров"], "name=ivan": ["Иван Петров", "Boris Ivanov"]}
        assert names == wanted.get(told, [] if told in ("name=zz", "name=an") else ["Ana Petrova"]), told
    assert "Perhaps known already" in iva.post("/prospects", {"email": "ANA@buyer.example"}).text
    assert "Иван" not in boyan.read("/prospects/new/known?name=ivan")


def test_facts_are_changed_in_place(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect()
    page = swift.get(f"/prospects/{known}/edit")
    assert re.findall(r'hx-target="([^"]+)"', page.text) == ["#facts", "#alerts"]
    assert 'value="ana@buyer.example"' in page.text
    typed = {"name": "Ana Ivanova", "phone": "+359 2 123", "version": "1"}
    assert "Saved" in swift.post(f"/prospects/{known}/edit", typed).text
    row = scene.row(known)
    assert (row.name, row.phone, row.email, row.version) == ("Ana Ivanova", "+359 2 123", "ana@buyer.example", 2)
    assert iva.post(f"/prospects/{known}/edit", typed | {"version": "2"}).status_code == 303
    assert "Nothing was changed" in iva.read(f"/prospects/{known}")
    assert scene.row(known).version == 2


def test_whoever_edits_what_somebody_else_changed_sees_both(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    boyan = scene.visitor("boyan")
    boyan.post(f"/prospects/{known}/edit", {"name": "Ana Boyanova", "version": "1"})
    answer = iva.post(f"/prospects/{known}/edit", {"name": "Ana Ivanova", "version": "1"})
    text = unescape(answer.text)
    assert answer.status_code == 409
    assert 'value="Ana Ivanova"' in text
    assert "Now: Ana Boyanova" in text
    assert "Boyan, today, 10:00: Facts changed." in text
    assert 'name="version" value="2"' in text
    assert iva.post(f"/prospects/{known}/edit", {"name": "Ana Ivanova", "version": "2"}).status_code == 303
    assert scene.row(known).name == "Ana Ivanova"


def test_a_call_that_is_written_down_starts_the_emails_after_it(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    assert iva.post(f"/prospects/{known}/call", {"minutes": "14", "notes": "Three depots."}).status_code == 303
    assert [touch.state for touch in scene.touches(known)] == ["scheduled", "scheduled"]
    text = iva.read(f"/prospects/{known}")
    for words in ("Call, 14 min", "Three depots.", "Iva", "step 1 of 2", "Waits for step “Follow-up questions”."):
        assert words in text
    for odd in ("-1", "x", "9999999"):
        refused = iva.post(f"/prospects/{known}/call", {"minutes": odd, "notes": "Nothing is lost"})
        assert refused.status_code == 422
        assert "such as 25" in refused.text
        assert ">Nothing is lost</textarea>" in refused.text
    assert iva.post(f"/prospects/{known}/call", {"minutes": "", "notes": "n"}).status_code == 303


def test_the_timeline_is_narrowed_to_one_kind_and_says_so_when_there_is_none(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    scene.wait(minutes=1)
    scene.tell(known, "call.ended", minutes=14, notes="Returns cost 3,400 a month.")
    scene.wait(minutes=1)
    scene.move(known, "qualify")
    kinds = {kind: iva.read(f"/prospects/{known}?show={kind}") for kind in ("", "calls", "emails", "changes", "odd")}
    told = {kind: ("Call, 14 min" in text, "Planned to Qualified" in text) for kind, text in kinds.items()}
    assert told == {
        "": (True, True), "calls": (True, False), "emails": (False, False), "changes": (False, True),
        "odd": (True, True),
    }  # fmt: skip
    assert "Nothing of this kind yet" in kinds["emails"]
    assert 'show=calls" aria-current="true"' in kinds["calls"]


def test_one_click_lets_the_mail_of_a_prospect_wait_and_another_lets_it_go_on(
    scene: Scene, iva: Visitor, swift: Visitor
) -> None:
    known = scene.prospect()
    assert "Pause mail" in iva.read(f"/prospects/{known}")
    assert iva.post(f"/prospects/{known}/mail/pause", {"for": "month"}).location == f"/prospects/{known}"
    held = scene.row(known)
    assert (held.mail_hold_why, (held.mail_hold_until - scene.clock.now).days) == ("held", 30)
    text = iva.read(f"/prospects/{known}")
    assert "Mail waits by hand until" in text
    assert "Pause mail" not in text
    answer = swift.post(f"/prospects/{known}/mail/resume", {})
    assert (answer.status_code, scene.row(known).mail_hold_until) == (200, None)
    assert "Pause mail" in answer.text
