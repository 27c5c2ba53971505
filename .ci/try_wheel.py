"""Starts an installed `onward up` in an empty folder, asks it a few pages, and stops it within ten seconds.

Run as `python .ci/try_wheel.py PATH/TO/onward FOLDER`. Talks to it as a user would, and imports nothing of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

START_S = 60
STOP_S = 10
PAGES = ("/healthz", "/readyz", "/sign-in")


def main(onward: str, folder: Path) -> int:
    """Exit code 0 when it started, answered and stopped."""
    folder.mkdir(parents=True)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ONWARD_", "PYTHON"))}
    log = folder.with_name("up.log")
    begun = time.monotonic()
    with log.open("wb") as out:
        words = (onward, "up", "--port", str(port), "--data-dir", str(folder / "data"))
        up = subprocess.Popen(words, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
    try:
        trouble = _ask(up, port)
        print(f"Answered after {time.monotonic() - begun:.1f} s.")
        begun = time.monotonic()
        trouble = trouble or _stop(up)
        print(f"Stopped after {time.monotonic() - begun:.1f} s.")
    finally:
        up.kill()
    print(log.read_text(errors="replace"))
    if trouble:
        print(trouble, file=sys.stderr)
        for part in sorted(folder.glob("data/log/*.log")):
            print(f"--- {part.name}\n{part.read_text(errors='replace')[-2000:]}", file=sys.stderr)
    return 1 if trouble else 0


def _ask(up: subprocess.Popen[bytes], port: int) -> str:
    for page in PAGES:
        deadline = time.monotonic() + START_S
        while not _is_there(f"http://127.0.0.1:{port}{page}"):
            if up.poll() is not None:
                return f"onward up ended with {up.returncode}."
            if time.monotonic() > deadline:
                return f"{page} did not answer 200 within {START_S} s."
            time.sleep(0.1)
    return ""


def _is_there(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def _stop(up: subprocess.Popen[bytes]) -> str:
    up.send_signal(signal.SIGTERM)
    try:
        up.wait(STOP_S)
    except subprocess.TimeoutExpired:
        return f"onward up did not stop within {STOP_S} s of SIGTERM."
    return "" if up.returncode == 0 else f"onward up stopped with {up.returncode}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
