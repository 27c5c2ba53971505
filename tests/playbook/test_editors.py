"""The schema for editors: it takes what the loader takes and refuses what is wrong in form: both read one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from workflow import places
from workflow.commands import playbooks
from workflow.errors import PlaybookError
from workflow.playbook.editors import json_schema
from workflow.playbook.loader import load

FAST = Path(__file__).with_name("fast.yaml")
VALIDATOR = Draft202012Validator(json_schema())
SHIPPED = [FAST, *sorted((places.templates_dir() / "playbooks").glob("*.yaml"))]


def errors(text: str) -> list[str]:
    """What an editor would underline in `text`."""
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema() -> None:
    """By the rules of JSON Schema itself."""
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_it_takes_what_ships(path: Path) -> None:
    """Not one line underlined."""
    assert errors(path.read_text(encoding="utf-8")) == []


def test_the_command_prints_it() -> None:
    """To a file, for an editor."""
    done = CliRunner().invoke(playbooks.playbook, ["schema"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json_schema()


def test_every_key_says_what_it_is_for() -> None:
    """An editor shows it beside the key."""
    for shape in [json_schema(), *json_schema()["$defs"].values()]:
        for name, described in shape.get("properties", {}).items():
            assert described.get("description", "").endswith("."), name


WHOLE = """\
name: whole
stages:
  open: {title: {en: Open}}
  closed: {title: {en: Closed}, final: true}
transitions:
  - {trigger: close, from: open, to: closed, needs: [{any: [{field: outcome}, {not: {role: rep}}]}]}
sequences:
  hello:
    start: {when: stage.entered, stage: open}
    stop: [reply]
    again: 5d
    steps:
      - {key: a, email: x, after: 2wd}
      - {key: b, task: {en: Call}, blocking: true}
calendar: {send_window: always}
questions: {goal: {text: {en: Goal}, spin: problem}}
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("name: whole\n", ""),
        ("name: whole", "nam: whole"),
        ("final: true", "final: yes please"),
        ("final: true", "end: true"),
        ("from: open", "from: []"),
        ("from: open", "from: [open, open]"),
        ("trigger: close", "trigger: Close"),
        ("{field: outcome}", "{}"),
        ("{field: outcome}", "{field: outcome, role: rep}"),
        ("{field: outcome}", "{score_at_least: 101}"),
        ("{not: {role: rep}}", "{not: {role: boss}}"),
        ("when: stage.entered, stage: open", "when: stage.entered"),
        ("when: stage.entered, stage: open", "when: call.ended, stage: open"),
        ("when: stage.entered, stage: open", "when: call.began"),
        ("stop: [reply]", "stop: [answer]"),
        ("again: 5d", "again: soon"),
        ("again: 5d", "again: 5wd"),
        ("email: x, after", "after"),
        ("email: x, after", "email: x, task: {en: T}, after"),
        ("after: 2wd", "after: 2 days"),
        ("after: 2wd", "after: 2wd, before: meeting"),
        ("after: 2wd", "lead: 2h"),
        ("after: 2wd", "blocking: true"),
        ("blocking: true", "thread: same"),
        ("{send_window: always}", "{send_window: never}"),
        ("{send_window: always}", "{send_window: {from: '08:30'}}"),
        ("{send_window: always}", "{send_window: {from: '8:30', to: '17:30'}}"),
        ("spin: problem", "spin: pain"),
        ("spin: problem", "journey: []"),
        ("text: {en: Goal}", "text: {de: Ziel}"),
        ("text: {en: Goal}", "text: {}"),
    ],
)
def test_it_refuses_what_the_loader_refuses(right: str, wrong: str) -> None:
    """Each mistake of form is seen by both."""
    assert WHOLE.count(right) == 1
    assert errors(WHOLE) == []
    load(WHOLE)
    text = WHOLE.replace(right, wrong)
    assert errors(text)
    with pytest.raises(PlaybookError):
        load(text)


def references(node: Any) -> set[str]:
    """Every definition that is referred to."""
    if isinstance(node, dict):
        return {node["$ref"]} if "$ref" in node else set().union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_it_refers_to_what_it_defines_and_to_nothing_else() -> None:
    """A definition that nobody uses is a key that nobody reads."""
    schema = json_schema()
    assert references(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}
