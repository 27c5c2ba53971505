"""Fixtures of outreach: an opened installation on both databases, and one with a playbook of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Clock
from tests.outreach.scene import Scene, opened
from tests.support import ground
from workflow.actions.outreach.spool import Spool
from workflow.records.db import Database
from workflow.workspace import Workspace

Stage = Callable[..., Scene]


@pytest.fixture
def emails() -> Path:
    """The folder of the short emails that all tests of a run share."""
    return ground.folder() / "emails"


@pytest.fixture
def stage(database: Database, clock: Clock, place: Path, emails: Path) -> Stage:
    """Opens an installation with changes to fast.yaml: `stage(limits=mailbox_limits(per_hour="3"))`."""

    def build(**changes: object) -> Scene:
        ws = opened(place, database, folder=emails, **changes)  # type: ignore[arg-type]
        return Scene(ws, clock, Spool(place / "spool"))

    return build


@pytest.fixture
def scene(stage: Stage) -> Scene:
    """An installation on fast.yaml as it stands, at ten o'clock of a working day."""
    return stage()


@pytest.fixture
def ws(scene: Scene) -> Workspace:
    """The workspace of `scene`."""
    return scene.ws
