"""The corpus: files with a mistake, found with its code and line and nothing else, and files in order, left alone.

A seeded file names what must be found in its first line, `# expect: code@line`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from workflow.errors import PlaybookError
from workflow.mail.templates import Templates
from workflow.playbook.check import check
from workflow.playbook.loader import MOST_BYTES, load, read

HERE = Path(__file__).with_name("corpus")
SEEDED = sorted((HERE / "seeded").glob("*.yaml"))
CLEAN = sorted((HERE / "clean").glob("*.yaml"))
EMAILS = Templates(HERE / "email").catalogue()
PACKAGE = Path(__file__).parents[2] / "workflow" / "playbook"
# No file of a corpus can be missing, or should be larger than the limit.
ELSEWHERE = {"unreadable", "too_large"}


def found(path: Path) -> list[str]:
    """What is found in a file, as its first line would expect it."""
    try:
        findings = check(read(path), EMAILS)
    except PlaybookError as error:
        findings = error.findings
    assert all("\n" not in finding.sentence and finding.sentence for finding in findings)
    return [f"{finding.code}@{finding.line}" for finding in findings]


def expected(path: Path) -> list[str]:
    """What its first line says must be found, in the order of lines."""
    first = path.read_bytes().split(b"\n")[0].decode()
    assert first.startswith("# expect: ")
    return re.findall(r"[a-z_]+@\d+", first)


@pytest.mark.parametrize("path", SEEDED, ids=lambda path: path.stem)
def test_it_finds_the_mistake_at_its_line(path: Path) -> None:
    """Exactly that, and nothing that is in order."""
    assert sorted(found(path)) == sorted(expected(path)) != []


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_it_leaves_alone_what_is_in_order(path: Path) -> None:
    """However close to a mistake it looks."""
    assert found(path) == []


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    """Both halves."""
    assert len(SEEDED) >= 60
    assert len(CLEAN) >= 15


def test_every_code_has_a_seeded_file() -> None:
    """Whoever adds a rule adds a file."""
    reporting = {"wrong", "add", "unknown", "_unknown", "Finding", "_refusal"}
    codes = set()
    for source in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                codes |= {
                    word
                    for word in [word for word in words if isinstance(word, str) and re.fullmatch("[a-z_]+", word)][:1]
                    if name in reporting
                }
    seeded = {each.partition("@")[0] for path in SEEDED for each in expected(path)}
    assert codes - seeded == ELSEWHERE
    assert seeded <= codes


def test_what_is_too_large_or_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    """The two that no file of the corpus can show."""
    assert found(tmp_path / "missing.yaml") == ["unreadable@0"]
    large = tmp_path / "large.yaml"
    large.write_bytes(b"# " + b"x" * MOST_BYTES)
    assert found(large) == ["too_large@0"]


@pytest.mark.parametrize("size", [10_000, 250_000])
def test_nesting_without_end_costs_nothing(size: int) -> None:
    """Brackets, braces, dashes and quotes that go on until the file ends."""
    for unit in ("[", "{a: ", "- ", "? ", "'", "a: &x [*x, "):
        with pytest.raises(PlaybookError):
            load(unit * (size // len(unit)))


def test_a_finding_shows_the_shortest_way_to_it() -> None:
    """In plain text, from the first stage on."""
    for name, way in {
        "dead_end": "planned -qualify-> qualified -diagnose-> diagnosed -forget-> limbo",
        "trap_for_some": "open -call_first-> met",
        "sequence_begun_already": "planned -qualify-> qualified -diagnose-> diagnosed",
        "sequence_that_starts_itself_again": "planned -qualify-> qualified -retry-> qualified",
        "sequence_that_answers_itself": "-diagnose-> diagnosed -back-> qualified",
        "answer_asked_for_on_one_way_only": "open -hurry-> met, met_well",
        "meeting_in_a_mail_after_a_call": "call.ended, follow_up",
        "limit_of_one_a_day": "after_call: questions -> next_call",
    }.items():
        findings = check(read(HERE / "seeded" / f"{name}.yaml"), EMAILS)
        assert any(finding.sentence.endswith(way) for finding in findings), (name, findings)
