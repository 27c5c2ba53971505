"""The fixture of the command line's tests: an installation that was made by the command itself, once for the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.test_commands import onward
from tests.support import ground


@pytest.fixture
def made(place: Path) -> str:
    """The data folder of an installation that has never been started: a copy of the one that `db upgrade` made."""
    template = ground.folder() / "made by the command"

    def make() -> None:
        assert onward("db", "upgrade", "--data-dir", str(template)).returncode == 0

    ground.once("made", make)
    folder = place / "data"
    shutil.copytree(template, folder)
    return str(folder)
