"""The embedded Redis: one server per data folder, adopted while it lives, replaced when it does not."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.process import ground
from workers import embedded, notes, processes
from workers.queue import Queue
from workflow.errors import StartError
from workflow.settings import noted_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.embedded import Embedded
    from workers.processes import Mark


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Embedded]:
    """The embedded Redis of a data folder whose name has a space and letters beyond ASCII, not yet started."""
    folder = tmp_path / "Данни на Onward"
    folder.mkdir()
    one = embedded.embedded(folder)
    yield one
    ground.sweep(folder)
    one.socket.unlink(missing_ok=True)


def start(server: Embedded) -> Mark:
    """Start the server and wait until it answers."""
    mark = processes.spawn(server.command(log=server.data_dir / "redis.log"), lambda _: None)
    assert ground.wait_for(server.find) == mark
    return mark


def stop(mark: Mark, number: int = signal.SIGTERM) -> None:
    """End a server that is a child of the test."""
    os.kill(mark.pid, number)
    os.waitpid(mark.pid, 0)


def test_it_is_found_by_its_folder_and_keeps_what_it_was_given(server: Embedded) -> None:
    """A living server is recognised without any record; after an orderly stop its keys are there again."""
    assert server.find() is None
    first = start(server)
    queue = Queue(server.url)
    assert queue.hint("01890000-0000-7000-8000-000000000001")
    stop(first)
    assert server.find() is None
    second = start(server)
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(server.socket))
    client.sendall(b"LLEN rq:queue:sends\r\nQUIT\r\n")
    assert client.recv(100).startswith(b":1\r\n")
    client.close()
    queue.close()
    stop(second)


def test_it_has_no_port_and_a_door_for_its_user_only(server: Embedded) -> None:
    """Nobody else on the machine or the network reaches it."""
    mark = start(server)
    assert psutil.Process(mark.pid).net_connections("inet") == []
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    assert len(os.fsencode(server.socket)) <= 100
    stop(mark)


def test_a_killed_server_leaves_a_socket_that_does_not_stop_the_next(server: Embedded) -> None:
    """Kill -9 leaves the socket behind; the server is not found, and the next one takes the place."""
    stop(start(server), signal.SIGKILL)
    assert server.socket.exists()
    assert server.find() is None
    stop(start(server))


def test_a_hanging_server_is_not_taken_for_a_living_one(server: Embedded) -> None:
    """A stopped process accepts connections and answers nothing."""
    mark = start(server)
    os.kill(mark.pid, signal.SIGSTOP)
    assert server.find() is None
    os.kill(mark.pid, signal.SIGCONT)
    assert server.find() == mark
    stop(mark)


def test_a_copied_folder_does_not_talk_to_the_server_of_the_original(server: Embedded, tmp_path: Path) -> None:
    """The note and the server both say which folder they belong to."""
    mark = start(server)
    embedded.note(server)
    assert noted_address(server.data_dir, notes.REDIS) == server.url
    copy = tmp_path / "copy"
    shutil.copytree(server.data_dir, copy)
    assert noted_address(copy, notes.REDIS) is None
    other = embedded.embedded(copy)
    assert other.socket != server.socket
    assert embedded.Embedded(copy, server.binary, server.socket).find() is None
    stop(mark)


def test_a_store_that_cannot_be_read_is_put_aside(server: Embedded) -> None:
    """Hints are worth less than a service that starts: the files are kept for a look, and the server starts empty."""
    stop(start(server))
    base = next((server.store / "appendonlydir").glob("*.base.*"))
    base.write_bytes(b"no file of Redis\n")
    mark = processes.spawn(server.command(log=server.data_dir / "redis.log"), lambda _: None)
    assert os.WEXITSTATUS(os.waitpid(mark.pid, 0)[1]) == 1
    assert "starts empty" in server.rescue()
    stop(start(server))
    assert list(server.data_dir.glob("redis.unreadable-*/appendonlydir"))


def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A prepared folder in a shared place could hold somebody else's server."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"onward-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"onward-{os.getuid()}").chmod(0o777)
    if len(os.fsencode(tmp_path)) > 50:
        monkeypatch.setattr("workers.embedded._PATH_LIMIT", 1_000)
    with pytest.raises(StartError, match="must be yours alone"):
        embedded.embedded(tmp_path / "data")
