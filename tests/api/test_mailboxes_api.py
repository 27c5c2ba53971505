"""The API about mailboxes: add, change, try out, pause; what is secret goes in and never comes out."""

from __future__ import annotations

from pathlib import Path

from flask.testing import FlaskClient

from tests.support.smtpd import Behaviour, SmtpSink
from tests.web.fixtures import Api, body_of
from workflow.actions import people
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"
PASSWORD = "canary-4711"
NEW = {
    "name": "maria", "sender": "Maria <maria@example.com>", "smtp_url": f"smtp://maria:{PASSWORD}@localhost:2525",
    "imap_url": f"imap://maria:{PASSWORD}@localhost:1143",
}  # fmt: skip


def test_a_mailbox_is_added_and_changed_and_tells_no_secret(api: Api) -> None:
    answer = api.ask("POST", "/mailboxes", NEW)
    assert (answer.status_code, PASSWORD in answer.text) == (201, False)
    made = body_of(answer)
    assert (made["server"], made["inbox"], made["rep"], made["read_at"]) == (
        "localhost:2525",
        "localhost:1143",
        None,
        None,
    )
    changed = body_of(api.ask("PATCH", f"/mailboxes/{made['id']}", {"sender": "M <m@example.com>", "imap_url": ""}))
    assert (changed["sender"], changed["inbox"], changed["server"]) == ("M <m@example.com>", None, "localhost:2525")
    assert PASSWORD not in api.ask("GET", "/mailboxes").text


def test_what_cannot_be_is_refused_at_its_field(api: Api) -> None:
    assert api.ask("POST", "/mailboxes", NEW).status_code == 201
    assert api.ask("POST", "/mailboxes", NEW).status_code == 409
    for odd in ({"smtp_url": "ftp://x"}, {"name": "A B"}, {"rep": 5}, {"password": "x"}, {"plus_addresses": "no"}):
        answer = api.ask("POST", "/mailboxes", {**NEW, "name": "petar", **odd})
        assert (answer.status_code, next(iter(odd)) in answer.text) == (422, True), odd
    assert api.ask("POST", "/mailboxes", {**NEW, "name": "petar", "rep": "x@example.com"}).status_code == 404
    assert api.ask("PATCH", f"/mailboxes/{NOWHERE}", {}).status_code == 404
    for act in ("test", "pause", "resume"):
        assert api.ask("POST", f"/mailboxes/{NOWHERE}/{act}").status_code == 404


def test_a_test_tells_how_far_a_mailbox_came(api: Api, tmp_path: Path) -> None:
    with SmtpSink(tmp_path / "own", behaviour=Behaviour(user="maria", password=PASSWORD)) as smtp:
        made = body_of(
            api.ask("POST", "/mailboxes", {**NEW, "smtp_url": smtp.url, "imap_url": "imap://m:x@localhost:1"})
        )
        told = body_of(api.ask("POST", f"/mailboxes/{made['id']}/test"))
    assert (told["sends"], told["phase"], told["reads"]) == (True, "replied", False)
    assert "is away" in told["problem"]
    told = body_of(api.ask("POST", f"/mailboxes/{made['id']}/test"))
    assert (told["sends"], told["phase"]) == (False, "connect")


def test_a_mailbox_is_paused_and_says_by_whom(api: Api, ws: Workspace) -> None:
    paused = body_of(api.ask("POST", f"/mailboxes/{ws.mailbox_id}/pause"))
    assert paused["state"] == "paused"
    assert paused["pause_reason"].startswith("paused by ")
    assert body_of(api.ask("POST", f"/mailboxes/{ws.mailbox_id}/resume"))["state"] == "active"


def test_a_rep_s_key_changes_no_mailbox(ws: Workspace, client: FlaskClient) -> None:
    rep = Api(client, people.add_key(ws, "small", "rep"))
    assert rep.ask("GET", "/mailboxes").status_code == 200
    assert rep.ask("POST", "/mailboxes", NEW).status_code == 403
    for method, path in (("PATCH", ""), ("POST", "/test"), ("POST", "/pause"), ("POST", "/resume")):
        assert rep.ask(method, f"/mailboxes/{ws.mailbox_id}{path}", {}).status_code == 403
