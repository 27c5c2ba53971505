"""docs/playbook.md says what the code does: its examples load, and it names every key and every finding."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from workflow.playbook import content, needs, schema
from workflow.playbook.check import check
from workflow.playbook.grammar import PLAYBOOK
from workflow.playbook.loader import load
from workflow.playbook.shapes import every

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "playbook.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SOURCES = sorted((ROOT / "workflow" / "playbook").glob("*.py"))

REST = {
    "name": "name: page\n",
    "languages": "languages: [en, bg]\n",
    "stages": "stages: {open: {title: {en: Open, bg: Отворен}, final: true}}\n",
}


def whole(example: str) -> str:
    """An example with what a playbook needs around it."""
    if example.startswith(" "):
        start = "" if "start:" in example else "    start: {when: call.ended}\n"
        example = f"sequences:\n  example:\n    stop: [reply]\n{start}{example}"
    return "".join(line for key, line in REST.items() if not re.search(rf"^{key}:", example, re.MULTILINE)) + example


def calls(source: Path, names: set[str]) -> list[ast.Call]:
    """The calls of functions and methods with one of these names."""
    found = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                found.append(node)
    return found


def texts(call: ast.Call) -> list[str]:
    """Its arguments that are plain words."""
    values = [each.value for each in call.args if isinstance(each, ast.Constant)]
    return [value for value in values if isinstance(value, str) and re.fullmatch(r"[a-z_]+", value)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(example: str) -> None:
    """As it stands, with a name and stages around it where they are missing."""
    load(whole(example), "docs/playbook.md")


def test_the_first_example_is_whole_and_without_findings() -> None:
    """A reader may start from it."""
    assert check(load(EXAMPLES[0]), frozenset({"follow_up_questions", "schedule_next_call"})) == ()


def test_it_names_every_key() -> None:
    """All that the grammar reads, with an example for each."""
    keys = {key.name for shape in every(PLAYBOOK) for key in shape.keys}
    assert {"name", "send_window", "pause_after_uncertain", "lateness", "value", "done_when", "criterion"} <= keys
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", PAGE)] == []
    shown = "".join(EXAMPLES)
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:", shown)] == []
    words = (
        *(*schema.START_WORDS, *schema.STOP_WORDS, *schema.OUTCOMES),
        *(*needs.SPIN, *needs.ROLES, *needs.MEETING_WORDS, *needs.CALL_WORDS, *content.PHASES),
    )
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_it_names_every_finding() -> None:
    """The codes of the table are those of the code."""
    reporting = {"wrong", "add", "unknown", "_unknown", "Finding", "_refusal"}
    codes = {text for source in SOURCES for call in calls(source, reporting) for text in texts(call)[:1]}
    table = PAGE[PAGE.index("## Findings") :]
    named = {code for row in re.findall(r"^\|(.*?)\|", table, re.MULTILINE) for code in re.findall(r"`([a-z_]+)`", row)}
    assert codes == named
