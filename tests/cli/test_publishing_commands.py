"""`onward playbook publish` and `versions` from outside: what is printed, what is asked, and the exit codes."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_commands import FAST, ONWARD, onward, refused


def publish(made: str, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Publish a file."""
    return onward("playbook", "publish", str(file), *words, "--data-dir", made)


def written(place: Path, *changes: tuple[str, str]) -> Path:
    """fast.yaml with other words in it."""
    text = FAST.read_text(encoding="utf-8")
    for old, new in changes:
        text = text.replace(old, new)
    file = place / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_it_publishes_shows_what_changes_and_lists_the_versions(place: Path, made: str) -> None:
    assert publish(made, FAST, "--yes").returncode == 0
    answer = publish(made, written(place, ("after: 4s", "after: 2h")), "--yes", "--all", "move")
    assert answer.returncode == 0
    assert "  step after_call.next_call: waits: 4s → 2h\n" in answer.stdout
    assert "version 3 is in force" in answer.stdout
    lines = onward("playbook", "versions", "--data-dir", made).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["3", "yes"], ["2", "0"], ["1", "0"]]
    assert onward("doctor", "--data-dir", made).returncode == 0


def test_what_is_in_force_counts_and_not_the_setting_of_whoever_asks(place: Path, made: str) -> None:
    publish(made, FAST, "--yes")
    again = onward("playbook", "publish", str(FAST), "--data-dir", made, env={"ONWARD_PLAYBOOK": str(written(place))})
    assert (again.returncode, again.stdout.count("\n")) == (0, 1)
    assert "in force already" in again.stdout
    assert "вече е в сила" in publish(made, FAST, "--language", "bg").stdout


def test_a_dry_run_changes_nothing(made: str) -> None:
    answer = publish(made, FAST, "--dry-run", "--language", "bg")
    assert answer.returncode == 0
    assert "Какво се променя в наръчника:" in answer.stdout
    assert "В ход: 0" in answer.stdout
    assert len(onward("playbook", "versions", "--data-dir", made).stdout.splitlines()) == 2


def test_findings_are_printed_as_the_check_does(place: Path, made: str) -> None:
    bad = written(place, ("to: qualified}", "to: qualifed}"))
    answer = publish(made, bad, "--yes")
    assert answer.returncode == 1
    assert answer.stdout == onward("playbook", "check", str(bad)).stdout
    assert answer.stdout.startswith(f"{bad}:")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--group", "after_cal=move"], "did you mean `after_call`"),
        (["--group", "after_call=drop"], "keep, move or stop"),
        (["--group", "after_call"], "as old=new"),
        (["--group", "after_call=move", "--group", "after_call=stop"], "given twice"),
        (["--map", "nobody=planned"], "no removed stage “nobody”"),
        (["--map", "planned=planned"], "is in the new playbook"),
    ],
)
def test_odd_wishes_are_refused_in_one_sentence(made: str, words: list[str], told: str) -> None:
    answer = publish(made, FAST, "--yes", *words)
    assert answer.returncode == 2
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_where_nobody_can_be_asked_it_wants_to_be_told(made: str) -> None:
    answer = publish(made, FAST)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert "--yes" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_on_a_terminal_it_asks(made: str) -> None:
    for said, code in (("n", 2), ("y", 0)):
        ours, theirs = pty.openpty()
        words = [ONWARD, "playbook", "publish", str(FAST), "--data-dir", made]
        process = subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.write(ours, f"{said}\n".encode())
        out, _ = process.communicate(timeout=60)
        assert b"Publish? [y/N]" in out
        assert process.returncode == code
        os.close(ours)
        os.close(theirs)


def test_a_file_that_is_not_there_is_refused(place: Path, made: str) -> None:
    refused(publish(made, place / "none.yaml", "--yes"))
