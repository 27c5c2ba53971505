"""The ground for tests of process life: stand-ins as real processes, and eyes to see what runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil

from tests.process.standin import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a stand-in on this data folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ONWARD_")}
    return own | {"ONWARD_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)} | more


def start(data_dir: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a stand-in; its sentences go to files beside the data folder."""
    argv = [sys.executable, *_program(arguments[0]), *arguments[1:]]
    with said_file(data_dir).open("a", encoding="utf-8") as out:
        return subprocess.Popen(argv, env=environment(data_dir, **more), cwd="/", stdout=out, stderr=out, text=True)


def _program(name: str) -> tuple[str, ...]:
    if name == "up":
        return ("-m", "tests.process.standin")
    return ("-m", "tests.process.patient", "team") if name == "team" else PARTS[name]


@contextmanager
def running(data_dir: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A stand-in for the time of a test, stopped at its end with everything it left."""
    process = start(data_dir, *arguments, **more)
    try:
        yield process
    finally:
        sweep(data_dir, process)


def sweep(data_dir: Path, *processes: subprocess.Popen[str]) -> None:
    """Stop the processes, and kill what still runs on the data folder."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    for one in on(data_dir):
        with suppress(psutil.NoSuchProcess):
            one.kill()
            one.wait(10)


def said_file(data_dir: Path) -> Path:
    """Where the sentences of the stand-ins are kept."""
    return data_dir.with_name(f"{data_dir.name}.said")


def said(data_dir: Path) -> str:
    """Every sentence so far."""
    return said_file(data_dir).read_text(encoding="utf-8")


def on(data_dir: Path) -> list[psutil.Process]:
    """Every living process that works on this data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            told = process.environ().get("ONWARD_DATA_DIR") == str(data_dir)
            ours = told or process.cwd().startswith(str(data_dir))
            if ours and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def children(data_dir: Path) -> dict[str, int]:
    """The recorded children, by name."""
    try:
        record = json.loads((data_dir / "run" / "children.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: entry["pid"] for name, entry in record["children"].items()}


def lines(file: Path) -> list[str]:
    """The lines of a file, none when it is not there yet."""
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def wait_for(look: Callable[[], T], seconds: float = 30.0, what: str = "") -> T:
    """Look until there is something to see; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            message = f"waited {seconds:g} s for {what or look}"
            raise AssertionError(message)
        time.sleep(0.02)
    return seen


def kill(pid: int) -> None:
    """Kill -9, as an operator or the kernel would."""
    os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process of that id lives."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
