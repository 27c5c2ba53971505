"""Which playbook is in force: what a start offers, what a restart leaves alone, and what a command goes by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from workflow import playbooks
from workflow.actions import prospects, publishing
from workflow.actions.prospects import Who
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.errors import OnwardError, PlaybookError, StartError
from workflow.playbook import loader
from workflow.reports import publishing as reports
from workflow.settings import Settings
from workflow.workspace import Workspace, open_workspace

FAST = Path(__file__).resolve().parents[1] / "playbook" / "fast.yaml"
IVA = Who("rep:iva", "test")
Opens = Callable[..., Workspace]


@pytest.fixture
def opens(place: Path, database_url: str) -> Opens:
    """Opens the installation with ONWARD_PLAYBOOK set to a file or to nothing, as a process (`offer`) or a command."""
    settings = Settings(
        data_dir=place,
        database_url=database_url,
        redis_url=None,
        smtp_url=None,
        playbook=None,
        base_url="http://127.0.0.1:8000",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="a key for tests, long enough to be one",
    )

    def build(file: Path | None = None, *, offer: bool = False) -> Workspace:
        return open_workspace(replace(settings, playbook=file), pooled=False, offer=offer)

    return build


def held(ws: Workspace) -> str:
    """The name of the playbook in force."""
    with ws.database.read() as tx:
        return ws.playbooks.in_force(tx).name


def named(place: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A file with fast.yaml under another name, and with other words in it."""
    words = FAST.read_text(encoding="utf-8").replace("name: fast", f"name: {name}")
    for old, new in changes:
        assert old in words
        words = words.replace(old, new)
    file = place / f"{name}.yaml"
    file.write_text(words, encoding="utf-8")
    return file


def publish(ws: Workspace, file: Path) -> None:
    """As the command does."""
    publishing.publish(ws, publishing.draft(file.read_bytes()), IVA)


def test_a_command_goes_by_what_is_in_force_whatever_its_own_setting_says(opens: Opens, place: Path) -> None:
    opens(FAST, offer=True)
    assert held(opens()) == "fast"
    assert held(opens(named(place, "other"))) == "fast"
    with opens().database.read() as tx:
        assert [(each.name, each.in_force, each.by) for each in reports.versions(tx)] == [("fast", True, "system")]


def test_before_a_start_a_command_goes_by_its_setting_and_takes_nothing_over(opens: Opens) -> None:
    assert held(opens(FAST)) == "fast"
    assert held(opens()) == "discovery"


def test_a_restart_does_not_undo_what_was_published_since(opens: Opens, place: Path) -> None:
    ws = opens(FAST, offer=True)
    publish(ws, named(place, "better"))
    assert held(opens(FAST, offer=True)) == "better"
    assert held(ws) == "better"


def test_an_edited_file_comes_into_force_at_a_restart(opens: Opens, place: Path) -> None:
    file = named(place, "mine")
    ws = opens(file, offer=True)
    publish(ws, named(place, "better"))
    assert held(opens(file, offer=True)) == "better"
    file.write_text(file.read_text(encoding="utf-8").replace("name: mine", "name: edited"), encoding="utf-8")
    assert held(opens(file, offer=True)) == "edited"
    assert held(ws) == "edited"
    publish(ws, named(place, "better"))
    assert held(opens(file, offer=True)) == "better"


def test_the_shipped_playbook_gives_way_to_every_other(opens: Opens) -> None:
    assert held(opens(offer=True)) == "discovery"
    assert held(opens(FAST, offer=True)) == "fast"
    assert held(opens(offer=True)) == "fast"


def test_a_new_release_brings_its_shipped_playbook_where_the_one_before_was_in_force(opens: Opens, place: Path) -> None:
    newer, newest = named(place, "next_release"), named(place, "newest")
    ws = opens(offer=True)

    def starts(file: Path) -> str:
        with ws.database.write(alone=True) as tx:
            return playbooks.offered(tx, loader.read(file), file, shipped=True).name

    assert starts(newer) == "next_release"
    publish(ws, FAST)
    assert starts(newest) == "fast"


def test_an_upgrade_from_before_takes_the_file_as_it_did(opens: Opens) -> None:
    """Before this release the file alone said what holds, and no row told of it."""
    old = opens(FAST)
    prospects.create(old, {"email": "ana@example.com"}, {}, IVA)
    assert held(opens(FAST, offer=True)) == "fast"


def test_a_start_that_would_leave_prospects_without_a_stage_stops_and_says_what_to_do(
    opens: Opens, place: Path
) -> None:
    ws = opens(FAST, offer=True)
    prospects.create(ws, {"email": "ana@example.com"}, {}, IVA)
    file = named(place, "renamed", ("planned", "fresh"))
    with pytest.raises(StartError, match=f"1 in “planned”.*onward playbook publish {file} --map planned=NEW"):
        opens(file, offer=True)
    assert held(opens()) == "fast"
    draft = publishing.draft(file.read_bytes())
    publishing.publish(ws, draft, IVA, mapping={"planned": "fresh"})
    assert held(opens(file, offer=True)) == "renamed"


def test_a_start_with_a_file_that_cannot_be_read_stops(opens: Opens, place: Path) -> None:
    opens(FAST, offer=True)
    bad = place / "bad.yaml"
    bad.write_text("name: [", encoding="utf-8")
    with pytest.raises(PlaybookError):
        opens(bad, offer=True)
    assert held(opens(bad)) == "fast"


def test_a_file_with_the_line_ends_of_windows_is_the_same_version_ever_after(opens: Opens, place: Path) -> None:
    file = place / "windows.yaml"
    file.write_bytes(FAST.read_bytes().replace(b"\n", b"\r\n"))
    ws = opens(file, offer=True)
    digest = loader.read(file).digest
    other = opens()
    with other.database.read() as tx:
        assert other.playbooks.in_force(tx).digest == ws.playbooks.current.digest == digest


def test_nobody_decides_by_the_old_one_while_the_new_one_comes_into_force(opens: Opens, place: Path) -> None:
    """Who has begun to write is waited for, and what they wrote is seen: no prospect is left in a removed stage."""
    ws, other = opens(FAST, offer=True), opens(FAST)
    draft = publishing.draft(named(place, "renamed", ("planned", "fresh")).read_bytes())
    begun, published = threading.Event(), threading.Event()
    failed: list[OnwardError] = []

    def publishes() -> None:
        begun.wait(10)
        try:
            publishing.publish(other, draft, IVA, mapping={"planned": "fresh"})
        except OnwardError as error:
            failed.append(error)
        published.set()

    thread = threading.Thread(target=publishes)
    thread.start()
    with ws.database.write() as tx:
        made = prospects.submit(ws, tx, None, Signal(kinds.UPSERTED, tx.now, "rep:iva", "test"))
        begun.set()
        _wait_until(lambda: published.is_set() or _waits(ws, sqlite=not tx.locks_rows))
        assert not published.is_set()
    thread.join(10)
    assert failed == []
    with ws.database.read() as tx:
        assert reports.versions(tx)[0].name == "renamed"
    assert prospects.move(ws, made.prospect_id, "qualify", {}, IVA).decision.stage == "qualified"


def _waits(ws: Workspace, *, sqlite: bool) -> bool:
    """Whether somebody stands before the gate; SQLite does not tell, and there a while has to do."""
    if sqlite:
        time.sleep(0.5)
        return True
    asked = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with ws.database.read() as tx:
        return bool(tx.conn.execute(asked).scalar_one())


def _wait_until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)
