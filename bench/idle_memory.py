"""Idle memory of `onward up`: the share of each process in the memory of the machine (PSS), and where it goes.

Run as `python bench/idle_memory.py`; Linux only. Starts an installation of its own in a temporary folder.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_ONWARD = Path(sys.executable).with_name("onward")
_TARGET_MB = 300.0
_MB = 1024 * 1024
_START_S = 120.0
_SETTLE_S = 30.0


def main() -> int:
    """Print the table; exit code 1 when the target is missed."""
    total, rows = measure()
    print(f"{'PSS MB':>8} {'own MB':>8}  process")
    for pss, own, name in rows:
        print(f"{pss:8.1f} {own:8.1f}  {name}")
    print(f"{total:8.1f} {'':8}  in all; the target is {_TARGET_MB:g}")
    return 0 if total <= _TARGET_MB else 1


def measure() -> tuple[float, list[tuple[float, float, str]]]:
    """The sum of all shares, and the processes, the largest first."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [str(_ONWARD), "up", "--port", "0", "--data-dir", folder]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as up:
            try:
                _await_greeting(up)
                time.sleep(_SETTLE_S)
                rows = sorted(_rows(psutil.Process(up.pid)), reverse=True)
            finally:
                up.terminate()
                up.wait(15)
    return sum(pss for pss, _, _ in rows), rows


def _await_greeting(up: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _START_S
    for line in up.stdout or ():
        if line.startswith("Onward runs on"):
            return
        if time.monotonic() > deadline:
            break
    message = "onward up did not start"
    raise SystemExit(message)


def _rows(up: psutil.Process) -> list[tuple[float, float, str]]:
    """Of each process: its share of memory, what it shares with nobody, and its name."""
    rows = []
    for process in [up, *up.children(recursive=True)]:
        memory = process.memory_full_info()
        words = [word for word in process.cmdline()[1:] if not word.startswith("-")]
        rows.append((memory.pss / _MB, memory.uss / _MB, " ".join(words[:2]) or process.name()))
    return rows


if __name__ == "__main__":
    sys.exit(main())
