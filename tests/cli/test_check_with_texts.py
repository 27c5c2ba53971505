"""`onward playbook check` with the texts of an installation: what was saved in its panel counts, and only there."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from tests.cli.test_commands import FAST
from workflow.actions import setup, texts
from workflow.commands.playbooks import playbook
from workflow.mail.templates import Text
from workflow.settings import load
from workflow.workspace import open_workspace


def check(file: Path, *words: str, **env: str) -> Result:
    """Run the command, in this process."""
    return CliRunner(env={"ONWARD_DATA_DIR": None, **env}).invoke(playbook, ["check", str(file), *words])


def test_a_text_of_the_panel_is_known_where_its_installation_is_named(place: Path) -> None:
    folder, file = place / "data", place / "mine.yaml"
    settings = load({}, data_dir=folder, make_key=True)
    setup.upgrade(settings)
    ws = open_workspace(settings, pooled=False)
    text = Text("Hello", "Hi. {{ unsubscribe_url }}", "<p>{{ unsubscribe_url }}</p>")
    for language in ("en", "bg"):
        texts.save(ws, "fresh", language, text, "rep:iva")
    file.write_text(FAST.read_text(encoding="utf-8").replace("email: decision", "email: fresh"), encoding="utf-8")
    assert check(file, "--data-dir", str(folder)).exit_code == 0
    assert check(file, ONWARD_DATA_DIR=str(folder)).exit_code == 0
    answer = check(file)
    assert (answer.exit_code, "There is no email template `fresh`" in answer.stdout) == (1, True)
    answer = check(FAST, ONWARD_DATA_DIR=str(place / "empty"))
    assert (answer.exit_code, "Checked with the shipped emails" in answer.stderr) == (0, True)
