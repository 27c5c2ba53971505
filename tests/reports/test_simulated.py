"""`onward simulate` as it is typed: four ways to read a life, and one sentence for everything that is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workflow.commands import simulation
from workflow.errors import OnwardError

STORY = "moves qualify\ncall ends on day 1\nbooks on day 2 for day 6 at 11:00\ndoes not show\n"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulate.md"


def run(*words: str, events: str = STORY) -> str:
    """What the command prints about a story in Sofia."""
    fixed = ("--at", "2026-11-10T10:00", "--zone", "Europe/Sofia", "--country", "BG", "--events", "-")
    done: Result = CliRunner().invoke(simulation.simulate, [*fixed, *words], input=events, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes.decode()  # as it is: a calendar file has line ends of its own


def test_the_table_shows_both_clocks_what_and_why() -> None:
    lines = run("--rep-zone", "America/New_York").splitlines()
    assert lines[0].startswith("prospect (Europe/Sofia)")
    (mail,) = [line for line in lines if "MAIL after_call.questions" in line]
    assert re.split(r"\s{2,}", mail) == [
        "Thu 2026-11-12 10:00",
        "Thu 2026-11-12 03:00",
        "MAIL after_call.questions: A few questions after our call",
        "Due by the plan of its sequence.",
    ]
    assert lines[-1].startswith("Open: task no_show.call, due ")


def test_it_shows_the_emails_in_full_and_in_the_language_of_the_prospect() -> None:
    text = run("--show-text", "--language", "bg", "--field", "name=Ана Петрова", events="call ends")
    assert "Здравейте, Ана," in text
    assert "Здравейте" not in run("--language", "bg", events="call ends")


def test_markdown_is_a_table_in_which_no_cell_breaks() -> None:
    text = run("--format", "markdown", "--show-text", events="moves close with reason=a|b\ncall ends")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {5}
    assert "### after_call.questions, Wed 2026-11-11 10:00: A few questions after our call" in text


def test_json_tells_the_same_with_codes_and_offsets() -> None:
    told: dict[str, Any] = json.loads(run("--format", "json", "--show-text", "--rep-zone", "UTC"))
    (mail,) = [each for each in told["entries"] if each["kind"] == "mail" and each["step"] == "missed"]
    assert mail["at"] == "2026-11-16T12:00:00Z"
    assert mail["prospect_time"] == "2026-11-16T14:00:00+02:00"
    assert mail["rep_time"] == "2026-11-16T12:00:00+00:00"
    assert [reason["code"] for reason in mail["reasons"]] == ["due", "gap"]
    assert mail["subject"] == "We missed each other"
    assert mail["text"].startswith("Hello Ana,")
    assert (told["ending"], told["stage"]) == ("waiting", "qualified")
    assert [each["step"] for each in told["open"]] == ["call"]


def test_the_calendar_file_is_folded_escaped_and_whole() -> None:
    text = run("--format", "ics", "--show-text", "--language", "bg")
    lines = text.split("\r\n")
    assert "\n" not in "".join(lines)
    assert max(len(line.encode()) for line in lines) <= 75
    unfolded = text.replace("\r\n ", "")
    titles = re.findall(r"^SUMMARY:(.*?)\r$", unfolded, re.MULTILINE)
    assert sum("MAIL " in title for title in titles) == 5
    assert "Meeting (no show)" in titles
    assert unfolded.count("BEGIN:VEVENT") == unfolded.count("END:VEVENT") == len(titles)
    uids = re.findall(r"^UID:(.*?)\r$", unfolded, re.MULTILINE)
    assert len(set(uids)) == len(uids)
    assert text == run("--format", "ics", "--show-text", "--language", "bg")
    assert "DTSTART:20261116T090000Z\r\nDTEND:20261116T094500Z" in unfolded


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--zone", "Mars"], "“Mars” is no time zone: write its IANA name, for example Europe/Sofia."),
        (["--rep-zone", "Mars"], "“Mars” is no time zone: write its IANA name, for example Europe/Sofia."),
        (["--country", "XX"], "“XX” is no country with known holidays: write its ISO code, for example BG."),
        (["--stage", "qualfied"], "The playbook has no stage “qualfied”: did you mean `qualified`?"),
        (["--field", "company"], "“company” is no field with its value: write it as company=Example."),
        (["--at", "tomorrow"], "“tomorrow” is no time: write it as 2026-11-30T09:00."),
        (["--at", "9999-12-31"], "“9999-12-31” is too far away: begin between 2000 and 2099."),
        (["--horizon", "9wd"], "“9wd” counts working days: write the horizon in days, as 120d."),
    ],
)
def test_it_answers_what_is_wrong_in_one_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(OnwardError) as error:
        run(*words)
    assert error.value.message == sentence


def test_an_error_of_the_script_goes_to_stderr_with_its_line(tmp_path: Path) -> None:
    """As a shell sees it: exit code 2, no traceback, and nothing on stdout."""
    (tmp_path / "story.txt").write_text("call ends\nyodels\n", encoding="utf-8")
    program = "from workflow.cli import main; main()"
    argv = [sys.executable, "-c", program, "simulate", "--events", str(tmp_path / "story.txt")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=PAGE.parents[1])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().endswith(
        "story.txt:2: “yodels” is no event of a script: docs/simulate.md lists what can happen."
    )


def test_the_examples_of_the_page_work() -> None:
    """docs/simulate.md shows scripts, and every one can be told."""
    scripts = re.findall(r"^```script\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(scripts) >= 3
    for text in scripts:
        run(events=text)
