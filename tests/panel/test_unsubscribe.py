"""Unsubscribing by the link of an email: looking changes nothing, one click is enough, and it happens once."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.panel.scene import Scene
from workflow.mail import tokens
from workflow.records.models import History, Suppression

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def mail_program(scene: Scene) -> FlaskClient:
    """Somebody outside: no session, no cookie jar."""
    client = scene.app.test_client(use_cookies=False)
    client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
    return client


def link(scene: Scene, prospect: str) -> str:
    """The path that an email to this prospect carries."""
    return f"/u/{tokens.sign('unsubscribe', prospect, scene.ws.key('links'))}"


def rows(scene: Scene, prospect: str) -> tuple[int, int]:
    """How many rows of history there are, and how many suppressed addresses."""
    with scene.ws.database.read() as tx:
        history = select(func.count()).select_from(History).where(History.prospect_id == prospect)
        return (
            tx.conn.execute(history).scalar_one(),
            tx.conn.execute(select(func.count()).select_from(Suppression)).scalar_one(),
        )


def test_the_link_of_a_real_email_works(scene: Scene, mail_program: FlaskClient) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    scene.wait(hours=25)
    (envelope,) = scene.send_due().sent
    head = str(message_from_bytes(envelope.content, policy=default)["List-Unsubscribe"])
    path = urlsplit(re.findall(r"<(http[^>]+)>", head)[0]).path
    answer = mail_program.post(path, data=ONE_CLICK)
    assert (answer.status_code, answer.data) == (200, b"")
    assert "Set-Cookie" not in answer.headers
    assert [touch.state for touch in scene.touches(known)] == ["sent", "skipped"]


def test_looking_changes_nothing_however_often(scene: Scene, mail_program: FlaskClient) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    before = rows(scene, known)
    for _ in range(3):
        page = mail_program.get(link(scene, known))
        assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
        assert "Set-Cookie" not in page.headers
        assert page.text.count("<script") == 0
        assert mail_program.head(link(scene, known)).status_code == 200
    assert rows(scene, known) == before
    assert scene.touches(known)[0].state == "scheduled"


@pytest.mark.parametrize("body", [ONE_CLICK, {"confirm": "1"}, {}])
def test_one_click_and_the_button_do_the_same_once(
    scene: Scene, mail_program: FlaskClient, body: dict[str, str]
) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    history, _ = rows(scene, known)
    for _ in range(3):
        assert mail_program.post(link(scene, known), data=body).status_code == 200
    assert rows(scene, known) == (history + 1, 1)
    assert [touch.state for touch in scene.touches(known)] == ["skipped", "skipped"]


def test_a_mail_program_may_send_it_as_multipart_and_years_later(scene: Scene, mail_program: FlaskClient) -> None:
    known = scene.prospect()
    scene.wait(days=800)
    answer = mail_program.post(link(scene, known), data=ONE_CLICK, content_type="multipart/form-data")
    assert answer.status_code == 200
    assert rows(scene, known)[1] == 1


def test_whoever_unsubscribes_after_a_bounce_is_written_down_all_the_same(
    scene: Scene, mail_program: FlaskClient
) -> None:
    known = scene.prospect()
    scene.tell(known, "email.bounced", permanent=True)
    history, _ = rows(scene, known)
    assert mail_program.post(link(scene, known), data=ONE_CLICK).status_code == 200
    assert rows(scene, known) == (history + 1, 1)


def test_a_link_that_is_wrong_altered_or_of_nobody_gets_one_and_the_same_page(
    scene: Scene, mail_program: FlaskClient
) -> None:
    known = scene.prospect()
    good = link(scene, known).removeprefix("/u/")
    key = scene.ws.key("links")
    wrong = (
        "x", good[:-1], good + "A", good.upper(), "." + good, tokens.sign("book", known, key), "%00", "a" * 5000,
        tokens.sign("unsubscribe", known, scene.ws.key("other")), tokens.sign("unsubscribe", "x" * 36, key),
        tokens.sign("unsubscribe", "01a20398-81c2-78da-b81b-3d2631c1f7b7", key),
    )  # fmt: skip
    pages = {mail_program.get(f"/u/{token}").text for token in wrong}
    assert len(pages) == 1
    for token in wrong:
        assert mail_program.get(f"/u/{token}").status_code == 404
        assert mail_program.post(f"/u/{token}", data={"confirm": "1"}).text in pages
        assert mail_program.post(f"/u/{token}", data=ONE_CLICK).status_code == 404
    assert rows(scene, known) == (1, 0)


def test_the_page_speaks_the_language_of_the_prospect(scene: Scene, mail_program: FlaskClient) -> None:
    bulgarian, unknown = scene.prospect(language="bg"), scene.prospect("Boris Ivanov")
    assert "Отписване" in mail_program.get(link(scene, bulgarian)).text
    assert "Unsubscribe" in mail_program.get(link(scene, bulgarian) + "?lang=en").text
    assert "Отписани сте" in mail_program.post(link(scene, bulgarian)).text
    assert "Unsubscribe" in mail_program.get(link(scene, unknown)).text
    told = mail_program.get(link(scene, unknown), headers={"Accept-Language": "bg,en;q=0.5"})
    assert "Отписване" in told.text
    assert "You are unsubscribed" in mail_program.get(link(scene, bulgarian) + "?lang=en").text
