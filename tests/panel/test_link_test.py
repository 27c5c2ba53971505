"""The daily test of the link to unsubscribe: it passes, stops all mail when looking acts, or tells of a silent web."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.outreach.test_race import together
from tests.panel.scene import Scene
from workers.linktest import LinkTests
from workflow.actions import link_test
from workflow.actions.outreach import acts
from workflow.mail import knock, links
from workflow.records.models import Mailbox, Prospect, Suppression
from workflow.reports import doctor


def outside(scene: Scene) -> FlaskClient:
    """Somebody without a session."""
    client = scene.app.test_client(use_cookies=False)
    client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
    return client


def by(client: FlaskClient, method: str) -> Callable[[str], str]:
    """What opens addresses by this method on the real application."""

    def get(url: str) -> str:
        status = client.open(urlsplit(url).path, method=method).status_code
        return "" if status == 200 else f"it answers {status}, not the page"

    return get


def paused(scene: Scene) -> list[bool]:
    """Whether each mailbox is paused by the test."""
    with scene.ws.database.read() as tx:
        rows = tx.conn.execute(select(Mailbox.state, Mailbox.pause_reason)).all()
    return [row.state == "paused" and "pause.self_test" in row.pause_reason for row in rows]


def metrics(scene: Scene) -> str:
    """What monitors see."""
    return outside(scene).get("/metrics").text


def test_looking_at_the_link_changes_nothing_and_is_tested_once_a_day(scene: Scene) -> None:
    look = by(outside(scene), "GET")
    assert "link_test" not in metrics(scene)
    assert sorted(map(str, together(*[lambda: link_test.run(scene.ws, look)] * 3))) == ["None", "None", "passed"]
    scene.wait(hours=23)
    assert link_test.run(scene.ws, look) is None
    scene.wait(hours=2)
    assert link_test.run(scene.ws, look) == "passed"
    assert "onward_link_test_ok 1.0" in metrics(scene)
    assert paused(scene) == [False]
    assert not [each for each in doctor.remarks(scene.ws) if "unsubscribe" in each]
    with scene.ws.database.read() as tx:
        for table in (Suppression, Prospect):
            assert tx.conn.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_a_look_that_acts_stops_every_mailbox_until_somebody_mends_it(scene: Scene) -> None:
    client = outside(scene)
    for choice in ("", "pause", "decline"):
        token = links.sign(links.Link(links.SELF_TEST), scene.ws.key("links"))

        def act(_url: str, told: str = choice, path: str = f"/u/{token}") -> str:
            return str(client.post(path, data={"choice": told}).status_code)[3:]

        assert link_test.run(scene.ws, act) == "changed"
        assert paused(scene) == [True]
        (finding,) = doctor.examine(scene.ws)
        assert finding.code == "link.looking"
        assert "onward_link_test_ok 0.0" in metrics(scene)
        acts.resume(scene.ws, scene.ws.mailbox_id)
        scene.wait(hours=25)
    assert link_test.run(scene.ws, by(client, "GET")) == "passed"
    assert paused(scene) == [False]
    assert doctor.examine(scene.ws) == ()


class _Web(BaseHTTPRequestHandler):
    """Answers the status that the path names, and sends 302 somewhere else."""

    def do_GET(self) -> None:
        status = int(self.path.split("/")[1])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def web() -> Iterator[str]:
    """A web server on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_address_that_nobody_answers_is_told_and_stops_nothing(scene: Scene) -> None:
    with web() as here:
        assert knock.get(f"{here}/200") == ""
        assert knock.get(f"{here}/302") == "it answers 302, not the page"
        assert knock.get(f"{here}/404") == "it answers 404, not the page"
    assert "nobody answers" in knock.get(f"{here}/200")
    ws = replace(scene.ws, settings=replace(scene.ws.settings, base_url=here))
    tests = LinkTests(ws, first_s=0.0)
    tests.look()
    tests.stop(20)
    assert any(f"under {here} was not reached" in each for each in doctor.remarks(ws))
    assert doctor.examine(ws) == ()
    assert paused(scene) == [False]
    scene.wait(minutes=16)
    assert link_test.run(scene.ws, by(outside(scene), "GET")) == "passed"
    assert not [each for each in doctor.remarks(ws) if "not reached" in each]
