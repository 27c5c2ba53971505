"""`onward up` with the real parts: starts from an empty folder, is small, and outlives kill -9 of itself."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.process import ground
from workers import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

ONWARD = Path(sys.executable).with_name("onward")


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose name has a space and letters beyond ASCII; not there yet."""
    folder = tmp_path / "Данни на Onward"
    yield folder
    ground.sweep(folder)
    embedded.embedded(folder).socket.unlink(missing_ok=True)


def up(data_dir: Path, port: int = 0) -> subprocess.Popen[str]:
    """Start everything, as a person would."""
    argv = [str(ONWARD), "up", "--port", str(port), "--data-dir", str(data_dir)]
    with ground.said_file(data_dir).open("a", encoding="utf-8") as out:
        return subprocess.Popen(argv, env=ground.environment(data_dir), cwd="/", stdout=out, stderr=out, text=True)


def address(data_dir: Path, greetings: int = 1) -> str:
    """The address in the last greeting."""

    def look() -> list[str]:
        found = re.findall(r"Onward runs on (http://\S+) ", ground.said(data_dir))
        return found if len(found) >= greetings else []

    return ground.wait_for(look, seconds=60, what=f"the greeting, after: {ground.said(data_dir)}")[-1]


def megabytes(pid: int) -> float:
    """The memory of a process and of all below it, each page shared out among those that use it."""
    top = psutil.Process(pid)
    shares: int = sum(each.memory_full_info().pss for each in (top, *top.children(recursive=True)))
    return shares / 2**20


def test_it_starts_survives_itself_and_stops(data_dir: Path) -> None:
    """One way through a life: first start, kill -9, second start, a stop in order."""
    first = up(data_dir)
    url = address(data_dir)
    with urllib.request.urlopen(f"{url}/healthz", timeout=30) as answer:  # noqa: S310
        assert answer.status == 200
    before = ground.children(data_dir)
    # Two workers and the clock, which share what their parent has loaded.
    ground.wait_for(lambda: len(psutil.Process(before["worker"]).children()) == 4)
    assert megabytes(first.pid) <= 300
    ground.kill(first.pid)
    first.wait()
    second = up(data_dir, port=int(url.rpartition(":")[2]))
    try:
        assert address(data_dir, greetings=2) == url
        after = ground.children(data_dir)
        assert after["redis"] == before["redis"]
        assert not any(ground.alive(pid) for name, pid in before.items() if name != "redis")
        begun = time.monotonic()
        second.terminate()
        assert second.wait(15) == 0
        assert time.monotonic() - begun < 10
    finally:
        ground.sweep(data_dir, second)
    assert "Traceback" not in "".join(log.read_text(encoding="utf-8") for log in (data_dir / "log").glob("*.log"))
