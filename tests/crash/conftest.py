"""Rigs that several tests share: one per database and test process, because processes take a while to start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import _fill
from tests.crash.rig import Rig, rigged
from tests.support import ground, postgres


@pytest.fixture(scope="session")
def rigs() -> Iterator[dict[str, Rig]]:
    """The rigs of this test process, started when first asked for."""
    with ExitStack() as stack:
        yield _Rigs(stack)


class _Rigs(dict[str, Rig]):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, kind: str) -> Rig:
        folder = new_folder(self._stack)
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'onward.db'}"
        else:
            cluster = postgres.shared(_fill)
            name = cluster.create()
            self._stack.callback(cluster.drop, name)
            url = cluster.url(name)
        rig = self._stack.enter_context(rigged(folder, url))
        rig.start_all()
        self[kind] = rig
        return rig


def new_folder(stack: ExitStack) -> Path:
    """A short-named folder in memory, removed at the end."""
    folder = ground.folder() / uuid4().hex[:12]
    folder.mkdir()
    stack.callback(shutil.rmtree, folder)
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def rig(request: pytest.FixtureRequest, rigs: dict[str, Rig]) -> Rig:
    """A running rig: the test runs on SQLite and again on PostgreSQL. Everything in it lives when the test begins."""
    kind: str = request.param
    running = rigs[kind]
    running.revive()
    return running


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A rig of its own, of which no process runs yet."""
    with ExitStack() as stack:
        folder = new_folder(stack)
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'onward.db'}"
        else:
            cluster = postgres.shared(_fill)
            name = cluster.create()
            stack.callback(cluster.drop, name)
            url = cluster.url(name)
        yield stack.enter_context(rigged(folder, url))
