"""The list: filters in the address, columns that sort, filters that are kept, and one act for many rows."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from sqlalchemy import select

from tests.panel.scene import Scene, Visitor
from workflow import ids
from workflow.records.models import Enrollment


def named(text: str) -> list[str]:
    """Whom a list shows, in its order."""
    return re.findall(r'<a class="name" href="/prospects/[^"]+">([^<]+)<', unescape(text))


def test_filters_stand_in_the_address_and_columns_sort_page_by_page(scene: Scene, iva: Visitor) -> None:
    for number in range(52):
        scene.prospect(f"Person {number:02d}", company=f"Firm {99 - number}", email=f"p{number}@buyer.example")
    cyrillic = scene.prospect("Цветан Живков", owner="boyan", email="c@buyer.example")
    scene.move(cyrillic, "qualify")
    assert named(iva.read("/prospects?q=cvetan"))[-1:] == named(iva.read("/prospects?owner=" + scene.reps["boyan"]))
    assert named(iva.read("/prospects?owner=me")) == []
    assert len(named(iva.read("/prospects?owner=none&sort=name"))) == 50
    # What an address says wrongly asks for nothing, or for nobody.
    assert named(iva.read("/prospects?owner=nobody-we-know")) == []
    assert len(named(iva.read("/prospects?sort=chain&stage=none&after=~&persona=x"))) == 50
    first = iva.read("/prospects?sort=-name")
    assert named(first)[:2] == ["Цветан Живков", "Person 51"]
    behind = re.search(r'href="(/prospects\?[^"]*after=[^"]+)">Further', first)
    assert behind
    assert named(iva.read(behind[1])) == ["Person 02", "Person 01", "Person 00"]
    assert 'aria-sort="descending"' in first
    scene.wait(days=200)
    stalled = scene.visitor("iva").read("/board?stalled=1&q=tsvetan")
    assert len(re.findall('<article class="card"', stalled)) == 1
    assert "1 stalled" in stalled


def test_a_live_search_brings_its_part_of_the_page_only(scene: Scene, swift: Visitor) -> None:
    scene.prospect("Ana Petrova")
    answer = swift.get("/prospects?part=1&q=ана")
    # Into the places themselves, which the next search fills again.
    assert re.findall(r'hx-target="([^"]+)" hx-swap="([^"]+)"', answer.text) == [
        (place, "innerHTML") for place in ("#head", "#found", "#alerts")
    ]
    assert named(answer.text) == ["Ana Petrova"]
    assert 'id="q"' not in answer.text


def test_filters_are_kept_by_name_for_oneself(scene: Scene, iva: Visitor) -> None:
    assert iva.post("/prospects/filters", {"name": "Стари", "filter": "stalled=1&q=ана"}).status_code == 303
    assert "Стари" in iva.read("/prospects")
    assert "Стари" in iva.read("/board?q=x")
    assert iva.post("/prospects/filters", {"name": " ", "filter": "stalled=1"}).status_code == 422
    assert iva.post("/prospects/filters", {"name": "None", "filter": "colour=red"}).status_code == 422
    boyan = scene.visitor("boyan")
    assert "Стари" not in boyan.read("/prospects")
    found = re.search(r'action="(/prospects/filters/[^"]+/remove)"', iva.read("/prospects"))
    assert found
    boyan.post(found[1])
    assert "Стари" in iva.read("/prospects")
    iva.post(found[1])
    undo = re.search(r'<form method="post" action="/prospects/filters".*?</form>', iva.read("/prospects"), re.DOTALL)
    assert "Стари" not in iva.read("/prospects")
    assert undo
    iva.post("/prospects/filters", dict(re.findall(r'name="(name|filter|view)" value="([^"]*)"', unescape(undo[0]))))
    assert re.findall(r'href="/prospects\?([^"]+)">Стари<', unescape(iva.read("/prospects"))) == [
        "q=%D0%B0%D0%BD%D0%B0&stalled=1"
    ]
    # The order is kept with it, and the board, which has none, goes by the filter alone.
    iva.post("/prospects/filters", {"name": "A to Z", "filter": "stalled=1&sort=name"})
    assert '<a href="/board?stalled=1">A to Z</a>' in iva.read("/board")
    there = unescape(iva.read("/prospects?stalled=1&sort=name"))
    assert '<option value="name" selected>' in there
    (rename,) = re.findall(r'action="(/prospects/filters/[^"]+/rename)"', there)
    same = {"filter": "stalled=1&sort=name", "view": "prospects"}
    taken = iva.post(rename, {**same, "name": "Стари"})
    assert (taken.status_code, "Another filter has this name" in taken.text) == (422, True)
    assert boyan.post(rename, {**same, "name": "Mine"}).status_code == 404
    assert iva.post(rename, {**same, "name": "By name"}).location == "/prospects?stalled=1&sort=name"
    told = iva.read("/prospects?stalled=1&sort=name")
    assert ("The filter is called “By name” now" in told, ">A to Z</a>" in told) == (True, False)
    assert re.search(rf'action="{rename}".*?name="name" value="A to Z"', told, re.DOTALL), "its Undo"


def test_an_act_for_many_is_told_row_by_row_and_taken_back_where_it_can_be(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    ready, bare = scene.prospect("Ready One", owner="boyan"), scene.prospect("Bare One", owner="boyan")
    scene.good_call(ready)
    rows = [f"{each}:{scene.row(each).version}" for each in (ready, bare)]
    text = unescape(boyan.post("/prospects/bulk", {"act": "move", "move": "qualify", "row": rows}).text)
    assert "Done for 1 prospect" in text
    assert "1 stays as before." in text
    assert "Now in Qualified" in text
    assert (scene.row(ready).stage, scene.row(bare).stage) == ("qualified", "planned")
    # The list was older than the prospect: nothing is done to it.
    text = unescape(boyan.post("/prospects/bulk", {"act": "move", "move": "diagnose", "row": rows[:1]}).text)
    assert "Changed in the meantime" in text

    iva = scene.visitor("iva")
    rows = [f"{each}:{scene.row(each).version}" for each in (ready, bare)]
    text = iva.post("/prospects/bulk", {"act": "assign", "assign": scene.reps["mila"], "row": rows}).text
    assert {scene.row(each).owner_id for each in (ready, bare)} == {scene.reps["mila"]}
    undo = re.findall(r'name="row" value="([^"]+)"', text)
    assert "Undo for 2" in text
    assert "Done for 2" in iva.post("/prospects/bulk/undo", {"act": "assign", "row": undo}).text
    assert {scene.row(each).owner_id for each in (ready, bare)} == {scene.reps["boyan"]}
    assert (
        boyan.post("/prospects/bulk", {"act": "assign", "assign": scene.reps["mila"], "row": rows}).status_code == 403
    )


def test_sequences_begin_and_end_for_many_and_rows_are_exported(scene: Scene, iva: Visitor) -> None:
    both = [scene.prospect("Ana One"), scene.prospect("Boris Two")]
    rows = [f"{each}:{scene.row(each).version}" for each in both]
    key = next(iter(scene.ws.playbooks.current.sequences))
    text = iva.post("/prospects/bulk", {"act": "start", "sequence": key, "row": rows}).text
    assert "Done for 2" in text
    undo = re.findall(r'name="row" value="([^"]+)"', text)
    assert "Done for 2" in iva.post("/prospects/bulk/undo", {"act": "start", "row": undo}).text
    with scene.ws.database.read() as tx:
        assert set(tx.conn.execute(select(Enrollment.state)).scalars()) == {"stopped"}
    rows = [f"{each}:{scene.row(each).version}" for each in both]
    text = iva.post("/prospects/bulk", {"act": "stop", "sequence": key, "row": rows}).text
    assert text.count("Was not on this sequence") == 2
    sent = iva.post("/prospects/bulk", {"act": "export", "row": rows[:1]})
    file = iva.get(sent.location).text
    assert "Ana One" in file
    assert "Boris Two" not in file


def test_an_end_for_many_is_taken_back_as_it_was_and_nothing_leaves_twice(scene: Scene) -> None:
    both = [scene.prospect("Ana One"), scene.prospect("Boris Two")]
    for each in both:
        scene.tell(each, "call.ended", minutes=5)
    scene.wait(hours=25)
    first = len(scene.send_due().sent)
    scene.wait(minutes=1)
    assert (first, len(scene.send_due().sent)) == (1, 1)
    plan = {each: [(one.id, one.state) for one in scene.touches(each)] for each in both}
    iva = scene.visitor("iva")

    def stop() -> list[str]:
        rows = [f"{each}:{scene.row(each).version}" for each in both]
        told = iva.post("/prospects/bulk", {"act": "stop", "sequence": "after_call", "row": rows}).text
        return re.findall(r'name="row" value="([^"]+)"', told)

    undo = stop()
    assert {one.state for each in both for one in scene.touches(each)} == {"sent", "cancelled"}
    assert "Done for 2" in iva.post("/prospects/bulk/undo", {"act": "stop", "row": undo}).text
    assert {each: [(one.id, one.state) for one in scene.touches(each)] for each in both} == plan
    again = iva.post("/prospects/bulk/undo", {"act": "stop", "row": undo}).text
    assert again.count("This end can be taken back no more") == 2
    undo = stop()
    scene.tell(both[1], "email.replied")
    told = iva.post("/prospects/bulk/undo", {"act": "stop", "row": undo}).text
    assert ("Done for 1" in told, told.count("This end can be taken back no more")) == (True, 1)
    left = []
    for _ in range(24):
        scene.wait(hours=6)
        left += [each.recipient for each in scene.send_due().sent]
    assert left == ["ana@buyer.example"], "the one email that was still to come, once"
    assert {one.state for one in scene.touches(both[0])} == {"sent"}


def test_who_names_a_row_that_is_not_theirs_gets_nothing_done(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    own, other = scene.prospect("Own One", owner="boyan"), scene.prospect("Other One", owner="mila")
    scene.good_call(own)
    rows = [f"{own}:{scene.row(own).version}", f"{other}:1"]
    for more in (rows, [rows[0], f"{ids.new_id()}:1"]):
        assert boyan.post("/prospects/bulk", {"act": "move", "move": "qualify", "row": more}).status_code == 404
        assert boyan.post("/prospects/bulk/undo", {"act": "move", "row": more}).status_code == 404
    assert scene.row(own).stage == "planned"
    odds: tuple[dict[str, Any], ...] = ({"row": []}, {"row": ["x"]}, {"row": rows[:1], "act": "erase"})
    for odd in (*odds, {"row": rows[:1], "move": "fly"}):
        assert boyan.post("/prospects/bulk", {"act": "move", "move": "qualify", **odd}).status_code == 422
    exported = boyan.get(f"/prospects/export?format=csv&id={own}&id={other}").text
    assert "Own One" in exported
    assert "Other One" not in exported


def test_the_board_tells_what_is_barred_and_whether_anything_is_new(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    known = scene.prospect("Ana Petrova", owner="boyan")
    barred = boyan.get(f"/prospects/{known}/moves").get_json()
    assert "qualify" in barred
    scene.good_call(known)
    assert "qualify" not in boyan.get(f"/prospects/{known}/moves").get_json()
    assert boyan.get(f"/prospects/{scene.prospect('Far Away', owner='mila')}/moves").status_code == 404

    mark = boyan.get("/board/news").headers["ETag"]
    assert boyan.get("/board/news", If_None_Match=mark).status_code == 304
    scene.move(known, "qualify")
    news = boyan.get("/board/news", If_None_Match=mark)
    assert news.status_code == 204
    assert news.headers["ETag"] != mark
