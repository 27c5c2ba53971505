"""Starts an installed `onward up` in an empty folder, tries what it tells a newcomer to try, and stops it.

Run as `python .ci/try_wheel.py PATH/TO/onward FOLDER`. Talks to it as a user would, and imports nothing of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

PATIENCE_S = 60
STOP_S = 10
PAGES = ("/healthz", "/readyz", "/sign-in")
ACCEPTED = 202


class Trouble(Exception):
    """What did not go as a newcomer is told."""


def main(onward: str, folder: Path) -> int:
    """Exit code 0 when it started, answered, sent a mail and stopped, without a traceback anywhere."""
    folder.mkdir(parents=True)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ONWARD_", "PYTHON"))}
    said = folder.with_name("up.log")
    with said.open("wb") as out:
        words = (onward, "up", "--port", str(port), "--data-dir", str(folder / "data"))
        up = subprocess.Popen(words, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
    trouble = ""
    try:
        _try(up, f"http://127.0.0.1:{port}", said, folder / "data" / "mail")
        _stop(up)
    except Trouble as error:
        trouble = str(error)
    finally:
        up.kill()
        up.wait()
    logs = [said, *sorted(folder.glob("data/log/*.log"))]
    trouble = trouble or next((f"{log.name} has a traceback." for log in logs if "Traceback" in log.read_text()), "")
    if trouble:
        print(trouble, file=sys.stderr)
        for log in logs:
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}", file=sys.stderr)
    return 1 if trouble else 0


def _try(up: subprocess.Popen[bytes], url: str, said: Path, mails: Path) -> None:
    begun = time.monotonic()
    for page in PAGES:
        _wait(up, partial(_answers, url + page), f"{page} to answer 200")
    print(f"Answered after {time.monotonic() - begun:.1f} s.")
    _wait(up, lambda: "hexkey:" in said.read_text(), "the words to try")
    begun = time.monotonic()
    _book_a_meeting(url, said.read_text())
    _wait(up, lambda: any(b"elena" in mail.read_bytes() for mail in mails.glob("*.eml")), "the confirmation")
    print(f"The confirmation came after {time.monotonic() - begun:.1f} s.")


def _book_a_meeting(url: str, said: str) -> None:
    """Do what the printed curl does."""
    secret = re.search(r"hexkey:([0-9a-f]+)", said)
    sample = re.search(r"body='(\{.*?\})'$", said, re.MULTILINE)
    if secret is None or sample is None:
        message = f"The words to try are not as this script knows them: {said}"
        raise Trouble(message)
    body = json.dumps(json.loads(sample[1].replace("'$id'", "evt_1"))).encode()
    stamp = str(int(time.time()))
    signed = hmac.digest(bytes.fromhex(secret[1]), f"evt_1.{stamp}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    request = urllib.request.Request(f"{url}/webhooks/crm", body, headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        if answer.status != ACCEPTED:
            message = f"The webhook was answered {answer.status}."
            raise Trouble(message)
        print(answer.read().decode())


def _wait(up: subprocess.Popen[bytes], condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if up.poll() is not None:
            message = f"onward up ended with {up.returncode}."
            raise Trouble(message)
        if time.monotonic() > deadline:
            message = f"Waited {PATIENCE_S} s for {what}."
            raise Trouble(message)
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def _stop(up: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    up.send_signal(signal.SIGTERM)
    try:
        up.wait(STOP_S)
    except subprocess.TimeoutExpired:
        message = f"onward up did not stop within {STOP_S} s of SIGTERM."
        raise Trouble(message) from None
    if up.returncode != 0:
        message = f"onward up stopped with {up.returncode}."
        raise Trouble(message)
    print(f"Stopped after {time.monotonic() - begun:.1f} s.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
