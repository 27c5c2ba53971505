"""Caught mail, deliveries, settings and errors: each with something to see, with nothing, and with odd input."""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path

import pytest

from tests.panel.scene import PASSWORD, Scene, Visitor
from tests.web.fixtures import FAST, Sender
from workflow.actions import sources

PLAIN = (
    b"Return-Path: <onward@localhost>\r\nFrom: Onward <onward@localhost>\r\nTo: Ana <ana@buyer.example>\r\n"
    b"Subject: =?utf-8?b?0JfQtNGA0LDQstC10LnRgtC1?= <script>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xd0\x97\xd0\xb4\xd1\x80\xd0\xb0\xd0\xb2\xd0\xb5\xd0\xb9"
    b"\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p style='color:red'>Hi <script>alert(1)</script></p>"
    b"\r\n--b--\r\n"
)


def keep_mail(folder: Path, number: int, content: bytes = PLAIN) -> str:
    """A mail as the local catcher keeps it."""
    folder.mkdir(exist_ok=True)
    name = f"20261110T0800{number:02}.000000Z-0000000{number % 10}"
    (folder / f"{name}.eml").write_bytes(content)
    return name


def test_caught_mail_is_listed_newest_first_and_read(scene: Scene, iva: Visitor) -> None:
    assert "Nothing was sent yet" in iva.read("/mail")
    names = [keep_mail(scene.ws.settings.mail_dir, number) for number in range(3)]
    (scene.ws.settings.mail_dir / "torn.part").write_bytes(b"x")
    text = iva.read("/mail")
    assert re.findall(r'href="/mail/([^"]+)"', text) == names[::-1]
    assert "Здравейте" in text
    page = iva.get(f"/mail/{names[0]}")
    assert "Здравей" in page.text
    assert "<script>alert" not in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    html = iva.get(f"/mail/{names[0]}/html")
    assert html.headers["Content-Security-Policy"].startswith("sandbox;")
    assert "script-src" not in html.headers["Content-Security-Policy"]
    assert "<p style='color:red'>" in html.text


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00\xff\xfe", b"no headers at all", b"Content-Type: multipart/mixed\r\n\r\n--",
        b"Subject: \xff\r\n\r\nx",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff", b"To: " + b"a" * 100_000 + b"\r\n\r\n",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Date: never\r\nTo: \x00@\r\nFrom: <<>>\r\nContent-Type: ;;;\r\n\r\nx",
    ],
)  # fmt: skip
def test_whatever_is_in_a_mail_can_be_looked_at(scene: Scene, iva: Visitor, content: bytes) -> None:
    name = keep_mail(scene.ws.settings.mail_dir, 1, content)
    for path in ("/mail", f"/mail/{name}", f"/mail/{name}/html"):
        assert iva.get(path).status_code == 200, path


def test_deliveries_are_shown_with_what_became_of_them_and_replayed(scene: Scene, iva: Visitor) -> None:
    assert "Nothing came yet" in iva.read("/deliveries")
    crm = Sender(scene.app.test_client(), scene.clock, sources.add(scene.ws, "standard", "crm"))
    crm.tell("prospect.upserted", data={"name": "Ana"})
    crm.tell("call.ended", "boris@example.com", data={"minutes": 5, "notes": "<script>"})
    crm.tell("answers.recorded", "later@example.com", data={"answers": {"budget": "5"}})
    crm.deliver(b"{torn")
    text = iva.read("/deliveries")
    assert re.search(r'href="/deliveries\?only=parked"[^>]*>Waits for its prospect <span class="num">1<', text)
    assert [" ".join(tag.split()) for tag in re.findall(r'<span class="tag [^"]*">([^<]+)', text)] == [
        "Waits for its prospect", "Applied", "Applied",
    ]  # fmt: skip
    assert "Cannot be read" in text
    assert 'class="count alert">1' in text
    parked = re.findall(r'class="name" href="/deliveries/([^"]+)"', iva.read("/deliveries?only=parked"))
    dead = re.findall(r'class="name" href="/deliveries/([^"]+)"', iva.read("/deliveries?only=dead"))
    assert (len(parked), len(dead)) == (1, 1)
    assert "None of this kind" in iva.read("/deliveries?only=failed")
    page = iva.read(f"/deliveries/{parked[0]}")
    assert '"budget": "5"' in page
    assert "webhook-signature" not in page
    scene.prospect("Late Person", email="later@example.com")
    assert iva.post(f"/deliveries/{parked[0]}/replay").status_code == 303
    assert "Tried again: 1 event stands applied" in iva.read(f"/deliveries/{parked[0]}")
    iva.htmx = True
    assert "it still cannot be read" in iva.post(f"/deliveries/{dead[0]}/replay").text
    assert iva.post("/deliveries/x/replay").status_code == 404
    iva.htmx = False
    gone = sources.id_of(scene.ws, "crm")
    sources.remove(scene.ws, gone)
    sources.add(scene.ws, "standard", "crm")
    for path in ("/deliveries", f"/deliveries?source=removed-{gone}"):
        text = iva.read(path)
        assert text.count("crm (removed source)") == 4
        assert re.search(rf'Removed sources"><option value="removed-{gone}"[^>]*>crm</option></optgroup>', text)
    assert "Delivery from crm" in iva.read(f"/deliveries/{parked[0]}")


def test_many_deliveries_are_rehearsed_and_replayed_and_their_list_is_fresh(scene: Scene, iva: Visitor) -> None:
    crm = Sender(scene.app.test_client(), scene.clock, sources.add(scene.ws, "standard", "crm"))
    for name in ("ana", "boris"):
        crm.tell("prospect.upserted", f"{name}@example.com", data={"name": name})
        crm.tell("deal.renamed", f"{name}@example.com", data={"value": "hot"})
    ignored = iva.read("/deliveries?only=ignored&source=crm")
    mark = re.search(r"mark=([0-9a-f]{16})", ignored)
    assert mark is not None
    assert iva.get(f"/deliveries/news?only=ignored&source=crm&mark={mark[1]}").status_code == 204
    crm.tell("deal.renamed", "vera@example.com", data={"value": "hot"})
    assert iva.get(f"/deliveries/news?only=ignored&source=crm&mark={mark[1]}").status_code == 200

    draft = FAST.read_text(encoding="utf-8")
    draft += "  - {source: crm, when: {kind: deal.renamed, value: hot}, do: qualify}\n"
    file = (io.BytesIO(draft.encode()), "draft.yaml")
    told = iva.post("/deliveries/dry-run", {"only": "ignored", "file": file}).text
    assert "2 emails would be planned" in told
    assert "boris" in told
    assert "Nothing would change" in iva.post("/deliveries/dry-run", {"only": "ignored"}).text
    assert iva.post("/deliveries/replay", {}).status_code == 422
    answer = iva.post("/deliveries/replay", {"only": "ignored"})
    assert answer.status_code == 303
    page = iva.read(answer.headers["Location"])
    assert "3 / 3" in page
    assert "No effect here" in page


def test_a_source_is_added_rotated_paused_and_removed(scene: Scene, iva: Visitor) -> None:
    assert "No source yet" in iva.read("/settings/sources")
    page = iva.post("/settings/sources", {"kind": "hubspot", "name": "deals", "secret": "its-client-secret"}).text
    assert "its-client-secret" in page
    assert "/webhooks/deals" in page
    assert "client secret" in page
    assert iva.post("/settings/sources", {"kind": "hubspot", "name": "deals"}).status_code == 409
    assert iva.post("/settings/sources", {"kind": "hubspot", "name": "No Name"}).status_code == 422
    address = re.findall(r'href="(/settings/sources/[^"]+)"', iva.read("/settings/sources"))[0]
    page = iva.read(address)
    assert "its-client-secret" not in page
    assert "API token" in page
    assert "a-new-secret" in iva.post(f"{address}/rotate", {"secret": "a-new-secret"}).text
    assert iva.post(f"{address}/token", {"api_token": "pat-1"}).status_code == 303
    assert "Kept." in iva.read(address)
    assert "HubSpot by its API" in iva.read(address)
    assert iva.post(f"{address}/reconcile").status_code == 303
    wrong = iva.post(f"{address}/writes", {"poll_minutes": "0", "to-qualified": "qualifiedtobuy"})
    assert (wrong.status_code, "1 to 1,440 minutes" in wrong.text) == (422, True)
    assert iva.post(f"{address}/writes", {"poll_minutes": "5", "to-qualified": "qualifiedtobuy"}).status_code == 303
    assert 'value="qualifiedtobuy"' in iva.read(address)
    seen = re.findall(r'name="seen" value="([^"]+)"', iva.read(address))[-1]
    assert iva.post(f"{address}/writes", {"poll_minutes": "7", "to-qualified": "b", "seen": seen}).status_code == 303
    slower = iva.post(f"{address}/writes", {"poll_minutes": "9", "to-qualified": "c", "seen": seen})
    assert (slower.status_code, f'action="{address}/writes"' in slower.text) == (409, True)
    assert 'value="b"' in iva.read(address), "the slower one changed nothing"
    with scene.ws.database.read() as tx:
        source = sources.known(scene.ws, tx, "deals")
        assert source.secrets == ("a-new-secret", "its-client-secret")
        assert sources.token(scene.ws, tx, source.id) == "pat-1"
    iva.post(f"{address}/pause")
    assert "Resume" in iva.read(address)
    with scene.ws.database.read() as tx:
        assert sources.open_source(scene.ws, tx, "deals") is None
    # htmx is sent on as well: the word of what was done stands on the page that follows, not on a later one.
    iva.htmx = True
    assert iva.post(f"{address}/resume").headers["HX-Redirect"] == address
    iva.htmx = False
    assert "The source is taken from again" in iva.read(address)
    assert iva.post(f"{address}/remove", {"name": "other"}).status_code == 422
    assert iva.post(f"{address}/remove", {"name": "deals"}).status_code == 303
    assert iva.get(address).status_code == 404
    assert "removed-" not in iva.read("/settings")
    assert "Removed sources" not in iva.read("/deliveries"), "one that brought nothing leaves no trace here"
    assert sources.add(scene.ws, "standard", "deals")


def test_settings_are_kept_and_odd_ones_are_said(iva: Visitor) -> None:
    good = {"name": "Iva P", "language": "bg", "theme": "dark", "time_zone": "Europe/Berlin"}
    assert iva.post("/settings", good).status_code == 303
    text = iva.read("/settings")
    assert '<html lang="bg" data-theme="dark">' in text
    assert 'value="Europe/Berlin"' in text
    assert "Запазено" in text
    for name, value in (("language", "xx"), ("theme", "pink"), ("time_zone", "Mars/Olympus")):
        answer = iva.post("/settings", {name: value})
        assert answer.status_code == 422
        assert f'id="e-{name}"' in answer.text
    # What stood beside the odd one is not lost.
    for more in ({}, {"view": "appearance"}):
        odd = iva.post("/settings", {"time_zone": "Mars/Olympus", "theme": "light", **more}).text
        assert 'value="Mars/Olympus"' in odd
        assert '<option value="light" selected>' in odd
    iva.htmx = True
    answer = iva.post("/settings", {"language": ""})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/settings")
    assert iva.post("/settings/theme", {"theme": "light"}).status_code == 204
    iva.htmx = False
    assert 'data-theme="light"' in iva.read("/")
    assert iva.post("/settings/theme", {"theme": "dark", "next": "//evil"}).location == "/"


def test_a_password_is_changed_by_whoever_knows_the_old_one(scene: Scene) -> None:
    scene.give_passwords()
    here, there = scene.visitor("mila"), scene.visitor("mila")
    wrong = here.post("/settings/password", {"current": "a guess", "password": "a much longer one"})
    assert (wrong.status_code, "This is not your password." in wrong.text) == (422, True)
    short = here.post("/settings/password", {"current": PASSWORD, "password": "short"})
    assert (short.status_code, "at least 8" in short.text) == (422, True)
    assert here.post("/settings/password", {"current": "x" * 100_000, "password": "y"}).status_code == 422
    assert here.post("/settings/password", {"current": PASSWORD, "password": "a much longer one"}).status_code == 303
    assert "The password was changed" in here.read("/settings")
    assert there.get("/").status_code == 303
    assert scene.visitor().sign_in("mila@example.com", "a much longer one").status_code == 303


def test_whoever_has_no_password_sets_a_first_one_without_an_old_one(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    assert 'name="current"' not in boyan.read("/settings")
    assert boyan.post("/settings/password", {"password": "a first long one"}).status_code == 303
    assert 'name="current"' in boyan.read("/settings")


def test_sources_are_listed_for_administrators_without_their_secrets(scene: Scene, iva: Visitor) -> None:
    assert "No source yet" in iva.read("/settings")
    secret = sources.add(scene.ws, "standard", "crm")
    text = iva.read("/settings")
    assert "http://127.0.0.1:8000/webhooks/crm" in text
    assert secret not in text
    assert "/webhooks/crm" not in scene.visitor("boyan").read("/settings")


def test_an_error_is_a_page_for_a_browser_and_a_line_for_htmx(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    page = iva.get("/nowhere?lang=bg")
    assert page.status_code == 404
    assert "Не е намерено" in page.text
    assert 'class="nav"' in page.text
    line = swift.get("/nowhere")
    assert line.status_code == 404
    assert line.text.startswith('<hx-partial hx-target="#alerts"')
    stranger = scene.visitor()
    outside = unescape(stranger.get("/nowhere").text)
    assert "Not found" in outside
    assert 'class="nav"' not in outside
    assert iva.client.put("/board").status_code == 405


def test_an_error_of_our_own_tells_nothing_of_what_lies_behind_it(scene: Scene, iva: Visitor) -> None:
    with scene.ws.database.write() as tx:
        tx.conn.exec_driver_sql("ALTER TABLE delivery RENAME TO elsewhere")
    answer = iva.get("/board")
    # SQLite says that the database is not usable, PostgreSQL that our statement is wrong.
    assert (answer.status_code, answer.text.count("Just a moment") + answer.text.count("Something went wrong") > 0) in (
        (503, True),
        (500, True),
    )
    assert 'class="nav"' not in answer.text
    assert "delivery" not in answer.text


def test_today_shows_what_one_did_oneself_since_midnight_and_no_more(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect("Ana Koleva")
    assert "Nothing yet." in iva.read("/")
    iva.post(f"/prospects/{known}/call", {"notes": "Called.", "minutes": "5", "version": str(scene.row(known).version)})
    mine = iva.read("/").partition("Done today")[2]
    assert f'<a href="/prospects/{known}">Ana Koleva</a>' in mine
    assert "Nothing yet." in scene.visitor("mila").read("/")
    scene.wait(days=1)
    assert "Nothing yet." in scene.visitor("iva").read("/")
