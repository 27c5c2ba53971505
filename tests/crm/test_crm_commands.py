"""`onward source token`, `stages`, `reconcile` and `writes`, against a working fake of the vendor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import click
import pytest
from click.testing import CliRunner, Result

from tests.crm.conftest import Office
from workflow.actions import sources
from workflow.commands.senders import source
from workflow.crm.fake import TOKEN
from workflow.crm.port import CrmError
from workflow.errors import BadInput
from workflow.reports import crm as reports

Run: TypeAlias = "Callable[..., Result]"


@pytest.fixture
def run(hubspot: Office, place: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the installation of the office."""
    monkeypatch.setenv("ONWARD_DATABASE_URL", hubspot.scene.ws.settings.database_url)
    monkeypatch.setenv("ONWARD_SECRET_KEY", hubspot.scene.ws.settings.secret_key)
    monkeypatch.setenv("ONWARD_BASE_URL", "https://onward.example.com")

    def act(*words: str, told: str | None = None) -> Result:
        command: click.Command = source
        return CliRunner().invoke(command, [*words, "--data-dir", str(place)], input=told, obj=hubspot.vendors)

    return act


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_comes_by_file_or_input_and_is_never_shown(hubspot: Office, run: Run, place: Path) -> None:
    ws = hubspot.scene.ws
    assert run("token", "crm", "--remove").exit_code == 0
    assert isinstance(run("token", "crm", "--try").exception, BadInput)
    assert isinstance(run("token", "crm", told="").exception, BadInput)
    (place / "token.txt").write_text(TOKEN + "\n")
    kept = run("token", "crm", "--file", str(place / "token.txt"))
    assert kept.exit_code == 0, kept.exception
    assert "has 5 stages" in kept.output
    assert TOKEN not in kept.output
    wrong = run("token", "crm", "--file", "-", told="pat-wrong")
    assert wrong.exit_code == 0
    assert "does not answer to it yet: HubSpot refuses the API token" in wrong.output
    assert isinstance(run("token", "crm", "--try").exception, CrmError)
    assert run("token", "crm", told=TOKEN).exit_code == 0
    with ws.database.read() as tx:
        assert sources.token(ws, tx, hubspot.source_id) == TOKEN
    assert "closedwon\tSales: closedwon" in run("stages", "crm").output
    assert run("writes", "crm", "qualified=qualifiedtobuy", "closed=closedwon").output.splitlines() == [
        "qualified=qualifiedtobuy",
        "closed=closedwon",
    ]
    assert isinstance(run("writes", "crm", "qualified").exception, BadInput)
    assert run("writes", "crm", "--none").output == ""
    looked = run("reconcile", "crm", "--since", "2026-11-10T07:00")
    assert looked.output.startswith("2 events that no webhook had told"), looked.exception
    assert isinstance(run("reconcile", "crm", "--since", "soon").exception, BadInput)
    with ws.database.read() as tx:
        state = reports.state(tx, hubspot.source_id)
    assert state is not None
    assert (state.poll_found, state.target_state, state.problem, state.has_token) == (2, "disabled", None, True)
