"""The services of docker-compose.yml as plain processes: several machines against one PostgreSQL and one Redis.

Each machine has a data folder of its own and its secrets in files; nothing is shared but the two servers.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.support.processes import ROOT, Installation, installed
from tests.support.redis import RedisServer
from tests.support.smtpd import SmtpSink

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PROSPECTS = [f"crm-{number}" for number in range(1, 9)]
MACHINES = ("one", "two")


class Machines:
    """Two machines that run every service of the compose file."""

    def __init__(self, stack: ExitStack, place: Path, database_url: str, smtp: SmtpSink) -> None:
        self.redis = RedisServer(place / "r")
        self.redis.start()
        stack.callback(self.redis.stop)
        secrets = {
            "SECRET_KEY": "k" * 48,
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis.url,
            "SMTP_URL": smtp.url,
        }
        for name, value in secrets.items():
            (place / name).write_text(f"{value}\n")
        self.all: list[Installation] = []
        for name in MACHINES:
            (place / name).mkdir()
            machine = stack.enter_context(installed(place / name, database_url=database_url, smtp=smtp))
            for secret in secrets:
                machine.settings.pop(f"ONWARD_{secret}", None)
                machine.settings[f"ONWARD_{secret}_FILE"] = str(place / secret)
            self.all.append(machine)

    def up(self) -> None:
        """Migrate from both machines at once, then start the rest, and make a source and a key on the first."""
        with ThreadPoolExecutor() as both:
            list(both.map(lambda machine: machine.onward(*command("migrate")), self.all))
        self.all[0].prepare()
        for machine in self.all:
            machine.secret, machine.key = self.all[0].secret, self.all[0].key
            for name in ("web", "worker", "clock"):
                machine.start(name, *command(name, port=machine.port))
        for machine in self.all:
            machine.wait_for(machine.answers, what="web to answer")


def command(service: str, port: int = 0) -> list[str]:
    """The words of a service, with a port that is free here."""
    return [word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in SERVICES[service]["command"]]


def waiting(machine: Installation) -> list[dict[str, object]]:
    """The touches that have not ended; one behind an uncertain mail waits for a person."""
    found = []
    for ref in PROSPECTS:
        touches = machine.touches(ref)
        unsure = any(touch["state"] == "uncertain" for touch in touches)
        found += [t for t in touches if t["state"] not in ("sent", "uncertain") and not unsure]
    return found


def alive(machine: Installation, role: str) -> bool:
    """Whether the health check of the compose file passes."""
    _, _, *words = SERVICES[role]["healthcheck"]["test"]
    done = subprocess.run((sys.executable, *words), env=machine.environment(), capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def machines(place: Path, postgres_url: str, smtp_sink: SmtpSink) -> Iterator[Machines]:
    """Both machines, up."""
    with ExitStack() as stack:
        both = Machines(stack, place, postgres_url, smtp_sink)
        both.up()
        yield both


@pytest.mark.timeout(240)
def test_every_mail_leaves_once_though_a_machine_dies(machines: Machines) -> None:
    """Both machines take deliveries and send; half-way the workers and the clock of one are killed for good."""
    first, second = machines.all
    for number, ref in enumerate(PROSPECTS):
        machine = machines.all[number % 2]
        prospect = {"ref": ref, "email": f"{ref}@example.com", "name": "Ana"}
        answer = machine.webhook("call.ended", prospect=prospect, data={"minutes": 20})
        assert answer.status == http.client.ACCEPTED, answer
        assert answer.json["events"][0]["outcome"] == "applied"
    first.wait_for(lambda: len(first.mails()) >= len(PROSPECTS) // 2, what="the first mails")
    first.kill("worker")
    first.kill("clock")
    try:
        second.wait_for(lambda: not waiting(second), seconds=90, what="every touch to end")
    except AssertionError as error:
        error.add_note(str(waiting(second)))
        raise
    states = [touch["state"] for ref in PROSPECTS for touch in second.touches(ref)]
    mails = [str(mail["Message-ID"]) for mail in second.mails()]
    assert len(states) == 2 * len(PROSPECTS)
    assert len(set(mails)) == len(mails), "a mail left twice"
    assert states.count("sent") <= len(mails) <= states.count("sent") + states.count("uncertain")
    second.onward("doctor")


def test_health_checks_tell_the_living_from_those_that_left_and_all_stop_in_time(machines: Machines) -> None:
    """A worker and a clock are alive once they have beaten, and gone once they have said farewell.

    SIGTERM ends each part within ten seconds, with exit code 0.
    """
    first = machines.all[0]
    for role in ("worker", "clock"):
        first.wait_for(partial(alive, first, role), what=f"the {role} to beat")
    # Both clocks first, since here the two machines have the same host name.
    for name in ("clock", "web", "worker"):
        for machine in machines.all:
            machine.stop(name)
            assert machine.exit_code(name) == 0, machine.last_words()
        if name == "clock":
            assert not alive(first, "clock")
            assert alive(first, "worker")
