"""`up` over stand-in parts: one command starts everything, survives its own death, and says what it cannot do."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.process import ground
from workers import embedded, notes
from workflow.settings import load, noted_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTS = {"redis", "catcher", "web", "worker"}


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose name has a space and letters beyond ASCII; not there yet."""
    folder = tmp_path / "Данни на Onward"
    yield folder
    ground.sweep(folder)
    if folder.exists():
        embedded.embedded(folder).socket.unlink(missing_ok=True)


def address(data_dir: Path, *, greetings: int = 1) -> str:
    """The address that `up` prints once the web answers."""

    def look() -> list[str]:
        found = re.findall(r"Onward runs on (http://\S+) ", ground.said(data_dir))
        return found if len(found) >= greetings else []

    return ground.wait_for(look, seconds=40, what="the greeting")[-1]


def ask(url: str) -> str:
    """The answer of the web."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
        return str(answer.read().decode())


def roots(data_dir: Path) -> list[psutil.Process]:
    """What runs on the folder, without what its parts have forked themselves."""
    every = ground.on(data_dir)
    pids = {process.pid for process in every}
    children = set(ground.children(data_dir).values())
    return [process for process in every if process.pid in children or process.ppid() not in pids]


def test_one_command_starts_everything_and_one_signal_stops_it(data_dir: Path) -> None:
    """Everything runs, the greeting comes when the web answers, and ten seconds after SIGTERM nothing is left."""
    with ground.running(data_dir, "up", "--data-dir", str(data_dir)) as process:
        url = address(data_dir)
        assert set(ground.children(data_dir)) == PARTS
        assert ask(f"{url}/healthz")
        assert f"Sign in: {url}/sign-in" in ground.said(data_dir)
        open_to_others = [path for path in [data_dir, *data_dir.rglob("*")] if path.lstat().st_mode & 0o077]
        assert open_to_others == []
        begun = time.monotonic()
        process.terminate()
        assert process.wait(15) == 0
        assert time.monotonic() - begun < 10
        assert ground.on(data_dir) == []


def test_a_killed_part_comes_back(data_dir: Path) -> None:
    """Kill -9 of each part in turn is followed by a new one; the others go on."""
    with ground.running(data_dir, "up", "--data-dir", str(data_dir)):
        url = address(data_dir)
        ground.wait_for(lambda: ground.lines(data_dir / "beats"))
        for part in sorted(PARTS):
            before = ground.children(data_dir)
            ground.kill(before[part])
            ground.wait_for(lambda gone=before[part], name=part: ground.children(data_dir)[name] != gone)  # type: ignore[misc]
            after = ground.children(data_dir)
            assert {name for name in PARTS if after[name] != before[name]} == {part}
            # The door stays open: who asks while the web restarts waits for its answer.
            assert ask(f"{url}/healthz")
        assert len(roots(data_dir)) == len(PARTS) + 1


def test_a_killed_up_leaves_exactly_one_of_each_to_the_next(data_dir: Path) -> None:
    """After its own kill -9 the parts go on; the next start adopts Redis, replaces the rest, and keeps the port."""
    first = ground.start(data_dir, "up", "--data-dir", str(data_dir))
    url = address(data_dir)
    before = ground.children(data_dir)
    ground.kill(first.pid)
    first.wait()
    assert ask(f"{url}/healthz")
    port = url.rpartition(":")[2]
    with ground.running(data_dir, "up", "--data-dir", str(data_dir), "--port", port):
        assert address(data_dir, greetings=2) == url
        after = ground.children(data_dir)
        assert after["redis"] == before["redis"]
        assert not {after[name] for name in PARTS - {"redis"}} & set(before.values())
        assert len(roots(data_dir)) == len(PARTS) + 1
        # An adopted Redis is watched like one of our own.
        ground.kill(after["redis"])
        ground.wait_for(lambda: ground.children(data_dir)["redis"] != after["redis"])


def test_a_second_up_on_the_same_folder_is_one_sentence(data_dir: Path) -> None:
    """It exits with 2 and leaves the first alone."""
    with ground.running(data_dir, "up", "--data-dir", str(data_dir)) as first:
        address(data_dir)
        before = ground.children(data_dir)
        second = start_and_end(data_dir, "--data-dir", str(data_dir))
        assert second.returncode == 2
        assert second.stderr == (
            f"Onward already runs on {data_dir} (process {first.pid}): stop it first, or give another --data-dir.\n"
        )
        assert ground.children(data_dir) == before


def start_and_end(data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `up` to its own end."""
    argv = [sys.executable, "-m", "tests.process.standin", *arguments]
    env = ground.environment(data_dir, **more)
    return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=60, check=False)


def test_a_port_in_use_is_one_sentence(data_dir: Path) -> None:
    """Nothing is started, and the sentence names the port and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start_and_end(data_dir, "--data-dir", str(data_dir), "--port", str(port))
    assert ended.returncode == 2
    assert (
        ended.stderr
        == f"Port {port} cannot be used (address already in use): stop what uses it, or give another with --port.\n"
    )
    assert ground.on(data_dir) == []


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    ended = start_and_end(tmp_path, "--data-dir", str(tmp_path / "file" / "data"))
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr


def test_an_unknown_setting_is_one_sentence(data_dir: Path) -> None:
    """A mistyped name would otherwise be a silent default."""
    ended = start_and_end(data_dir, "--data-dir", str(data_dir), ONWARD_REDIS_ULR="redis://127.0.0.1/")
    assert ended.returncode == 2
    assert ended.stderr.startswith("ONWARD_REDIS_ULR is not a setting of Onward")


def test_what_the_preparation_says_is_what_the_person_reads(data_dir: Path) -> None:
    """A first start that cannot be made ends with its own sentence, and starts nothing."""
    ended = start_and_end(data_dir, "--data-dir", str(data_dir), "--without", "prepare")
    assert ended.returncode == 2
    assert ended.stderr == "The database is newer than this program: install the newer Onward.\n"
    assert ground.on(data_dir) == []


def test_a_web_that_does_not_start_ends_everything_with_its_last_words(data_dir: Path) -> None:
    """Better no start than one that looks like it."""
    ended = start_and_end(data_dir, "--data-dir", str(data_dir), "--without", "web")
    assert ended.returncode == 1
    assert "The web process does not start; its last words: The database is newer" in ended.stdout
    assert ground.on(data_dir) == []


def test_parts_are_told_of_the_installation_and_of_nothing_else(data_dir: Path) -> None:
    """The settings reach every part; the addresses of local parts stay in the notes, where a part can find them."""
    with ground.running(data_dir, "up", "--data-dir", str(data_dir), ONWARD_MAIL_FROM="Ana <ana@example.com>"):
        url = address(data_dir)
        told = psutil.Process(ground.children(data_dir)["worker"]).environ()
        assert told["ONWARD_BASE_URL"] == url
        assert told["ONWARD_MAIL_FROM"] == "Ana <ana@example.com>"
        assert told["ONWARD_DATA_DIR"] == str(data_dir)
        assert "ONWARD_REDIS_URL" not in told
        assert "ONWARD_SMTP_URL" not in told
        assert "ONWARD_SECRET_KEY" not in told
        assert str(noted_address(data_dir, notes.CATCHER)).startswith("smtp://127.0.0.1:")
        # A command in another terminal knows the port of this one.
        assert load({}, data_dir=data_dir).base_url == url
        assert load({}, data_dir=data_dir, port=4711).base_url == "http://127.0.0.1:4711"


def test_a_given_mail_server_and_redis_are_used_instead(data_dir: Path, redis_url: str) -> None:
    """Neither the catcher nor the embedded Redis is started then."""
    given = {"ONWARD_SMTP_URL": "smtp://127.0.0.1:9?starttls=never", "ONWARD_REDIS_URL": redis_url}
    with ground.running(data_dir, "up", "--data-dir", str(data_dir), **given):
        address(data_dir)
        assert set(ground.children(data_dir)) == PARTS - {"redis", "catcher"}


def test_two_installations_run_side_by_side(data_dir: Path, tmp_path: Path) -> None:
    """Each has ports and sockets of its own."""
    other = tmp_path / "other"
    try:
        with (
            ground.running(data_dir, "up", "--data-dir", str(data_dir)),
            ground.running(other, "up", "--data-dir", str(other)),
        ):
            assert ask(f"{address(data_dir)}/healthz") != ask(f"{address(other)}/healthz")
    finally:
        embedded.embedded(other).socket.unlink(missing_ok=True)
