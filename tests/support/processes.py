"""An installation of Onward as a user has it: real processes, reached through the contract only.

Starts, kills and stops the parts, signs deliveries, asks the API, reads the mail that left. Knows nothing of the
product's inside: no table, no module.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import psutil
from click.testing import CliRunner

from tests.support.redis import RedisServer
from tests.support.smtpd import SmtpSink
from workflow.cli import cli

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
FAST = ROOT / "tests" / "playbook" / "fast.yaml"
ONWARD = Path(sys.executable).with_name("onward")
STOP_S = 10.0
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str


class Installation:
    """One installation in a folder of its own. Closed by `down`, which leaves no process behind."""

    def __init__(self, folder: Path, *, database_url: str, smtp: SmtpSink | None = None) -> None:
        # A blank and a Cyrillic letter in the path: what breaks there, breaks at somebody's desk.
        self.folder = folder / "наша installation"
        self.folder.mkdir()
        self.data_dir = self.folder / "var"
        self.port = free_port()
        self.base_url = f"http://{_HOST}:{self.port}"
        self.redis = RedisServer(folder / "redis")
        self.smtp = smtp
        self.secret = ""
        self.key = ""
        self.settings = {
            "ONWARD_DATA_DIR": str(self.data_dir),
            "ONWARD_DATABASE_URL": database_url,
            "ONWARD_REDIS_URL": self.redis.url,
            "ONWARD_BASE_URL": self.base_url,
            "ONWARD_PLAYBOOK": str(FAST),
            "ONWARD_MAIL_FROM": "Ivan Rep <ivan@sales.example.com>",
        }
        if smtp is not None:
            self.settings["ONWARD_SMTP_URL"] = smtp.url
        self._parts: dict[str, subprocess.Popen[bytes]] = {}

    # --- processes

    def up(self, playbook: Path = FAST, workers: int = 2, env: Mapping[str, str] | None = None) -> None:
        """Prepare the installation, start Redis, web, worker and clock as processes, and return once web answers."""
        self.settings |= {"ONWARD_PLAYBOOK": str(playbook), **(env or {})}
        self.redis.start()
        self.prepare()
        self.start("web", "web", "--bind", f"{_HOST}:{self.port}")
        self.start("worker", "worker", "-n", str(workers))
        self.start("clock", "clock")
        self.wait_for(self.answers, what="web to answer")

    def up_together(self, playbook: Path = FAST, workers: int = 2, env: Mapping[str, str] | None = None) -> None:
        """The same by the one command `onward up`, with its own Redis; return once web answers."""
        self.settings |= {"ONWARD_PLAYBOOK": str(playbook), **(env or {})}
        del self.settings["ONWARD_REDIS_URL"]
        self.prepare()
        self.start("up", "up", "--no-demo", "--port", str(self.port), "--workers", str(workers))
        self.wait_for(self.answers, what="web to answer")

    def prepare(self) -> None:
        """Make the schema and the key, a source named crm, and an API key."""
        self._here("db", "upgrade")
        self.secret = self._here("source", "add", "standard", "crm").split()[1]
        self.key = self._here("key", "add", "tests", "--role", "admin").strip()

    def start(self, name: str, *words: str, argv: Sequence[str] | None = None) -> None:
        """Start `onward WORDS` as the part `name`; `argv` names another command, such as a worker with a probe."""
        with self.log(name).open("ab") as log:
            self._parts[name] = subprocess.Popen(
                argv or (str(ONWARD), *words),
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def restart(self, name: str, *, argv: Sequence[str] | None = None) -> None:
        """Start a part that was killed or stopped anew, as it was."""
        self.start(name, argv=argv or self._command(name))

    def kill(self, name: str, *, only: bool = False) -> None:
        """Kill a part and everything below it at once (SIGKILL); with `only`, its first process alone."""
        part = self._parts[name]
        below = [] if only else _below(part.pid)
        part.kill()
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        part.wait()

    def stop(self, name: str) -> float:
        """Stop a part by SIGTERM; the seconds it took. Fails when it has not ended after 10 s."""
        begun = time.monotonic()
        self._parts[name].terminate()
        try:
            self._parts[name].wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name} did not stop within {STOP_S:.0f} s.\n{self.last_words()}") from None
        return time.monotonic() - begun

    def exit_code(self, name: str) -> int | None:
        """How a part ended; None while it runs."""
        return self._parts[name].poll()

    def down(self) -> None:
        """Stop every part, and make sure that nothing is left."""
        for part in self._parts.values():
            if part.poll() is None:
                part.terminate()
        deadline = time.monotonic() + STOP_S
        for part in self._parts.values():
            with suppress(subprocess.TimeoutExpired):
                part.wait(max(0.0, deadline - time.monotonic()))
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for part in self._parts.values():
            part.kill()
            part.wait()
        self.redis.stop()

    def processes(self, word: str = "") -> list[psutil.Process]:
        """Every living process of this installation whose command line has `word`, children of children as well."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                ours = process.environ().get("ONWARD_DATA_DIR") == str(self.data_dir) and process.pid != os.getpid()
                if ours and process.status() != psutil.STATUS_ZOMBIE and word in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def onward(self, *words: str, given: str | None = None, fails: bool = False, seconds: float = 60) -> Said:
        """Run a command of `onward` to its end. Fails when its exit code is not 0, or with `fails`, when it is."""
        done = subprocess.run(
            (str(ONWARD), *words),
            env=self.environment(),
            cwd=self.folder,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert bool(said.code) == fails, f"onward {' '.join(words)}: {said}"
        return said

    def _here(self, *words: str) -> str:
        """Run a command in this process: what only lays the ground need not load the product anew each time."""
        done = CliRunner().invoke(cli, words, env=self.environment(), catch_exceptions=False, standalone_mode=False)
        return done.stdout

    def environment(self) -> dict[str, str]:
        """What a command of this installation finds in its environment."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("ONWARD_")}
        return own | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | self.settings

    def log(self, name: str) -> Path:
        """Where a part's words go."""
        return self.folder / f"{name}.log"

    def last_words(self) -> str:
        """The end of every log, for the message of a failure."""
        logs = [*sorted(self.folder.glob("*.log")), *sorted(self.data_dir.glob("log/*.log"))]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)

    # --- from outside

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One HTTP request, on a connection of its own."""
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether web answers."""
        with suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/healthz").status == http.client.OK
        return False

    def webhook(
        self,
        kind: str,
        *,
        prospect: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        delivery_id: str | None = None,
    ) -> Answer:
        """Deliver one event of type `kind`, signed, as the CRM would."""
        event = {
            "id": event_id or f"evt_{uuid4().hex}",
            "type": kind,
            "occurred_at": (occurred_at or datetime.now(UTC)).isoformat(),
            "prospect": prospect,
            "data": data,
        }
        return self.deliver({name: value for name, value in event.items() if value is not None}, delivery_id)

    def deliver(self, body: bytes | object, delivery_id: str | None = None, *, source: str = "crm") -> Answer:
        """Deliver a body (bytes as they are, anything else as JSON) with a good Standard Webhooks signature."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", f"/webhooks/{source}", content, signed(self.secret, content, delivery_id))

    def api(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request to the API, with the key; `path` begins behind /api/v1."""
        own = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})}
        return self.request(method, f"/api/v1{path}", None if body is None else json.dumps(body).encode(), own)

    def prospect(self, ref: str) -> dict[str, Any]:
        """The prospect with this ref or address."""
        query = urlencode({"email" if "@" in ref else "ref": ref})
        answer = self.api("GET", f"/prospects?{query}")
        assert answer.status == http.client.OK, answer
        assert len(answer.json["items"]) == 1, f"{ref}: {answer.json}"
        found: dict[str, Any] = answer.json["items"][0]
        return found

    def touches(self, ref: str) -> list[dict[str, Any]]:
        """The touches of the prospect with this ref or address."""
        answer = self.api("GET", f"/prospects/{self.prospect(ref)['id']}/touches")
        assert answer.status == http.client.OK, answer
        found: list[dict[str, Any]] = answer.json["items"]
        return found

    def history(self, ref: str) -> list[dict[str, Any]]:
        """The history of the prospect with this ref or address."""
        answer = self.api("GET", f"/prospects/{self.prospect(ref)['id']}/history")
        assert answer.status == http.client.OK, answer
        found: list[dict[str, Any]] = answer.json["items"]
        return found

    def mails(self, to: str | None = None) -> list[EmailMessage]:
        """The mails that the SMTP server took, or with the local catcher, that lie in the data folder; in order."""
        if self.smtp is not None:
            contents = [taken.content for taken in self.smtp.taken if to in (None, taken.rcpt)]
            return [_parsed(content) for content in contents]
        mails = [_parsed(file.read_bytes()) for file in sorted(self.data_dir.glob("mail/*.eml"))]
        return [mail for mail in mails if to is None or to in str(mail["To"])]

    def wait_for(self, condition: Callable[[], T], seconds: float = 30.0, what: str = "") -> T:
        """Ask until the answer is true, and return it. Fails with the ends of the logs after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            answer = condition()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"Waited {seconds:.0f} s for {what or condition}.\n{self.last_words()}")
            time.sleep(0.05)

    def _command(self, name: str) -> tuple[str, ...]:
        return tuple(str(word) for word in self._parts[name].args)  # type: ignore[union-attr]


@contextmanager
def installed(folder: Path, *, database_url: str, smtp: SmtpSink | None = None) -> Iterator[Installation]:
    """An installation for the time of a test."""
    installation = Installation(folder, database_url=database_url, smtp=smtp)
    try:
        yield installation
    finally:
        installation.down()


def signed(secret: str, body: bytes, delivery_id: str | None = None, at: datetime | None = None) -> dict[str, str]:
    """The three headers of Standard Webhooks for this body; `secret` is `whsec_…`."""
    name = delivery_id or f"msg_{uuid4().hex}"
    stamp = str(int((at or datetime.now(UTC)).timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mark = base64.b64encode(hmac.new(key, b".".join((name.encode(), stamp.encode(), body)), hashlib.sha256).digest())
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{mark.decode()}",
    }


def free_port() -> int:
    """A port of the loopback interface that nobody used a moment ago."""
    with socket.socket() as door:
        door.bind((_HOST, 0))
        port: int = door.getsockname()[1]
        return port


def _parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _below(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []
