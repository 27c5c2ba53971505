"""`onward endpoint`: a receiver is added, tried out over real HTTP, paused and removed, in a sentence or a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.receiver import Receiver, Told
from workflow.cli import cli
from workflow.errors import BadInput, NotFound, StartError


def test_an_endpoint_from_its_secret_to_its_removal(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONWARD_DATA_DIR", str(place))
    monkeypatch.setenv("ONWARD_ALLOW_PRIVATE_ENDPOINTS", "yes")
    runner = CliRunner()

    def run(*words: str) -> str:
        result = runner.invoke(cli, words, catch_exceptions=False, standalone_mode=False)
        return result.output

    run("db", "upgrade")
    with Receiver(Told(500, "boom"), Told(200, "thanks")) as receiver:
        added = runner.invoke(cli, ["endpoint", "add", "crm", receiver.url, "--event", "task.due"])
        secret = added.stdout.strip()
        assert (added.exit_code, secret.startswith("whsec_"), secret in added.stderr) == (0, True, False)
        failed = runner.invoke(cli, ["endpoint", "test", "crm"])
        assert (failed.exit_code, failed.stdout) == (1, "crm did not take it: 500 boom\n")
        assert run("endpoint", "test", "crm") == "crm took it: 200 thanks\n"
    assert run("endpoint", "rotate", "crm").strip() not in ("", secret)
    run("endpoint", "pause", "crm")
    listed = run("endpoint", "list")
    assert "crm\t" in listed
    assert "task.due\tpaused: paused by the command line." in listed
    run("endpoint", "resume", "crm")
    assert "Delivered once more: 0." in run("endpoint", "replay", "crm")
    assert "prospect.moved" in run("endpoint", "events").split()
    run("endpoint", "remove", "crm")
    assert run("endpoint", "list") == ""
    assert isinstance(runner.invoke(cli, ["endpoint", "test", "crm"]).exception, NotFound)
    monkeypatch.setenv("ONWARD_ALLOW_PRIVATE_ENDPOINTS", "perhaps")
    assert isinstance(runner.invoke(cli, ["endpoint", "list"]).exception, StartError)
    monkeypatch.delenv("ONWARD_ALLOW_PRIVATE_ENDPOINTS")
    assert isinstance(runner.invoke(cli, ["endpoint", "add", "x", "http://127.0.0.1/"]).exception, BadInput)
