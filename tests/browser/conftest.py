"""A real browser before a real server: the panel over a fresh SQLite database, at an address of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from werkzeug.serving import make_server

from tests.conftest import Clock
from tests.panel.scene import Scene
from tests.support.browser import launched
from web import create_app
from workflow.actions import people
from workflow.records.db import Database
from workflow.settings import Settings
from workflow.workspace import open_workspace

# A refused move is a 422 and a stale one a 409: the browser notes every such answer, and it is no fault.
_ANSWERED = "Failed to load resource: the server responded with a status of 4"
_PATIENCE_MS = 15_000


@dataclass(slots=True)
class Desk:
    """A signed-in browser window. Everything its console complains about is kept in `faults`."""

    scene: Scene
    base: str
    page: Page
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the panel."""
        self.page.goto(self.base + path)
        return self.page


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser sees does not depend on the database: the other tests of the panel run on both."""
    return sqlite_url


@pytest.fixture
def scene(database: Database, place: Path, clock: Clock) -> Iterator[Scene]:
    """The panel with the fixed cast, served at the base address of its settings."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        settings = Settings(
            data_dir=place,
            database_url=database.url,
            redis_url=None,
            smtp_url=None,
            playbook=None,
            base_url=f"http://127.0.0.1:{port}",
            mail_from="Ivan Rep <ivan@sales.example.com>",
            secret_key="a key for tests, long enough to be one",
        )
        ws = open_workspace(settings, database=database)
        app = create_app(ws, clock=clock)
        server = make_server("127.0.0.1", port, app, threaded=True, fd=door.fileno())
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        made = Scene(ws, app, clock)
        for name, role in (("iva", "admin"), ("boyan", "rep")):
            made.add_rep(name, role)
        yield made
        server.shutdown()
        serving.join(timeout=10)
        server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once for all tests."""
    expect.set_options(timeout=_PATIENCE_MS)
    with launched() as opened:
        yield opened


def seat(scene: Scene, context: BrowserContext, who: str = "iva") -> Desk:
    """A window of `context`, signed in as Iva or another by a one-time link."""
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    base = scene.ws.settings.base_url
    desk = Desk(scene, base, page)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_ANSWERED):
            desk.faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: desk.faults.append(str(error)))
    page.goto(f"{base}/sign-in/{people.sign_in_link(scene.ws, scene.reps[who])}")
    page.get_by_role("button").click()
    page.wait_for_url(f"{base}/")
    return desk


@pytest.fixture
def desk(scene: Scene, browser: Browser) -> Iterator[Desk]:
    """A window of a desktop; at the end its console must be silent."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    made = seat(scene, context)
    yield made
    context.close()
    assert made.faults == []


@pytest.fixture
def reps_desk(scene: Scene, browser: Browser) -> Iterator[Desk]:
    """A window of Boyan's, who is a rep and meets every guard, in Bulgarian."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="bg-BG")
    made = seat(scene, context, "boyan")
    made.page.goto(f"{made.base}/?lang=bg")
    yield made
    context.close()
    assert made.faults == []


@pytest.fixture
def phone(scene: Scene, browser: Browser) -> Iterator[Desk]:
    """The window of a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, locale="en-GB")
    made = seat(scene, context)
    yield made
    context.close()
    assert made.faults == []


@pytest.fixture
def plain(scene: Scene, browser: Browser) -> Iterator[Desk]:
    """A window without scripts."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    made = seat(scene, context)
    yield made
    context.close()
    assert made.faults == []
