"""`onward simulate` as it is typed: four ways to read a life, and one sentence for everything that is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.support import icalendar
from workflow.commands import simulation
from workflow.errors import OnwardError
from workflow.reports.icalendar import Event, calendar

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


def test_the_calendar_file_keeps_every_rule_of_the_format() -> None:
    """Read by a strict reader: line ends, folding, escapes, names, times in UTC."""
    words = ("--format", "ics", "--show-text", "--language", "bg")
    text = run(*words)
    events = icalendar.events(text.encode())
    assert sum("MAIL " in event.title for event in events) == 5
    (meeting,) = [event for event in events if event.title == "Meeting (no show)"]
    assert meeting.begins == datetime(2026, 11, 16, 9, tzinfo=UTC)
    assert meeting.ends == datetime(2026, 11, 16, 9, 45, tzinfo=UTC)
    (missed,) = [event for event in events if "no_show.missed" in event.title]
    assert missed.text.startswith("Due by the plan of its sequence. Planned for Mon 2026-11-16 12:15.")
    assert "\n\nЗдравейте, Ana," in missed.text
    assert text == run(*words)
    (cancelled,) = [
        event for event in icalendar.events(run("--format", "ics", events="books\ncancels").encode())
        if event.title.startswith("Meeting")
    ]  # fmt: skip
    assert (cancelled.title, cancelled.status) == ("Meeting (cancelled)", "CANCELLED")


WILD = st.text(st.characters(codec="utf-8"), max_size=300)


@given(st.lists(st.tuples(WILD, WILD), max_size=5))
def test_whatever_is_written_into_a_calendar_is_read_from_it(told: list[tuple[str, str]]) -> None:
    at = datetime(2026, 11, 16, 9, tzinfo=UTC)
    events = [Event(f"{number}", at, at, at, title, text) for number, (title, text) in enumerate(told)]
    read = icalendar.events(calendar("-//Test//EN", events).encode())
    assert [(event.title, event.text) for event in read] == [(plain(title), plain(text)) for title, text in told]
    assert {event.ends for event in read} <= {None}


def plain(text: str) -> str:
    """Without what no calendar may hold."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\x00-\x08\x0b-\x1f\x7f]", "", unified)


def test_the_words_are_in_the_language_of_the_reader() -> None:
    """Which is not that of the emails, and comes from the environment where nobody says it."""
    text = run("--words", "bg", "--rep-zone", "America/New_York")
    lines = text.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == [
        "клиент (Europe/Sofia)", "търговец (America/New_York)", "какво", "защо",
    ]  # fmt: skip
    (mail,) = [line for line in lines if "ИМЕЙЛ after_call.questions" in line]
    assert re.split(r"\s{2,}", mail) == [
        "чт 2026-11-12 10:00",
        "чт 2026-11-12 03:00",
        "ИМЕЙЛ after_call.questions: A few questions after our call",
        "Планиран по своята поредица.",
    ]
    assert "Обаждане и предлагане на нов час" in text
    assert "Етап накрая: qualified. Останалото чака човек." in text
    for form in ("markdown", "table", "ics"):
        english = re.sub(r"A few questions.*|[\w.]+\.[\w]+|Europe/Sofia", "", run("--words", "bg", "--format", form))
        assert not re.search(r"\b(Planned|Due|Asked|stage|sequence|begins|Waits|Open|prospect|MAIL|TASK)\b", english)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "bg_BG.UTF-8"}, "bg"),
        ({"LANG": "bg"}, "bg"),
        ({"LANG": "bg_BG.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "bg_BG"}, "bg"),
        ({"LANG": "bgx_YY"}, "en"),
    ],
)
def test_the_environment_names_the_language(
    environ: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, environ.get(name, ""))
    assert ("клиент" if language == "bg" else "prospect") in run()


def test_a_prospect_who_moves_is_shown_by_the_clock_on_their_new_wall() -> None:
    """And the change of the clocks between two mails shows in the rep's time only."""
    moved = run(events="changes time_zone to Asia/Tokyo\ncall ends after 1h").splitlines()
    (mail,) = [line for line in moved if "MAIL after_call.questions" in line]
    assert re.split(r"\s{2,}", mail)[:2] == ["Thu 2026-11-12 08:30 (Asia/Tokyo)", "Thu 2026-11-12 01:30"]
    changed = run("--at", "2026-10-22T10:00", "--rep-zone", "America/New_York", events="call ends").splitlines()
    times = [re.split(r"\s{2,}", line)[:2] for line in changed if "MAIL after_call" in line]
    assert times == [
        ["Fri 2026-10-23 10:00", "Fri 2026-10-23 03:00"],
        ["Mon 2026-10-26 08:30", "Mon 2026-10-26 02:30"],
    ]


def test_single_events_may_stand_on_the_command_line() -> None:
    """After those of the file."""
    words = ("--event", "clicks move qualify on day 1 at 10:00", "--event", "books, then does not show")
    assert run(*words, events="call ends") == run(
        events="call ends\nclicks move qualify on day 1 at 10:00\nbooks, then does not show"
    )


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
