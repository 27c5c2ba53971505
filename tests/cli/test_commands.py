"""The command line from outside: what it prints where, and the one sentence and exit code 2 of every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ONWARD = str(Path(sys.executable).with_name("onward"))
FAST = Path(__file__).parents[1] / "playbook" / "fast.yaml"


def onward(*words: str, env: Mapping[str, str] | None = None, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with nothing but these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ONWARD_")}
    return subprocess.run(
        [ONWARD, *words], env=clean | dict(env or {}), input=said, capture_output=True, text=True, check=False
    )


def refused(answer: subprocess.CompletedProcess[str]) -> str:
    """The sentence of a refusal: one line on stderr, nothing on stdout, exit code 2."""
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert "Traceback" not in answer.stderr
    return answer.stderr


def test_help_names_every_command_and_loads_none() -> None:
    answer = onward("--help", env={"ONWARD_NONSENSE": "1"})
    assert answer.returncode == 0
    for name in ("up", "web", "worker", "clock", "db", "source", "rep", "key", "playbook", "explain", "doctor"):
        assert f"  {name} " in answer.stdout


@pytest.mark.parametrize("words", [["up"], ["web"], ["worker"], ["clock"], ["db", "upgrade"], ["source", "add"],
                                   ["rep", "add"], ["key", "add"], ["playbook", "check"], ["explain"],
                                   ["doctor"]])  # fmt: skip
def test_every_command_explains_itself(words: list[str]) -> None:
    answer = onward(*words, "--help")
    assert answer.returncode == 0
    assert "usage" in answer.stdout.lower()


def test_an_unknown_setting_stops_every_command(made: str) -> None:
    for words in (["doctor"], ["up"], ["web"], ["worker"], ["clock"]):
        sentence = refused(onward(*words, "--data-dir", made, env={"ONWARD_DATABSE_URL": "sqlite:///x"}))
        assert "ONWARD_DATABSE_URL is not a setting" in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONWARD_DATABASE_URL", "mysql://x"),
        ("ONWARD_REDIS_URL", "http://x"),
        ("ONWARD_SMTP_URL", "ftp://x"),
        ("ONWARD_PLAYBOOK", "/no/such/file.yaml"),
        ("ONWARD_BASE_URL", "not a url"),
        ("ONWARD_MAIL_FROM", "nobody"),
        ("ONWARD_SECRET_KEY", "short"),
        ("ONWARD_SECRET_KEY_FILE", "/no/such/file"),
    ],
)
def test_an_odd_setting_is_named_and_nothing_starts(made: str, name: str, value: str) -> None:
    assert name.removesuffix("_FILE") in refused(onward("doctor", "--data-dir", made, env={name: value}))


def test_a_setting_may_come_from_a_file(place: Path, made: str) -> None:
    (place / "from").write_text("Sales <sales@example.com>\n")
    assert onward("doctor", "--data-dir", made, env={"ONWARD_MAIL_FROM_FILE": str(place / "from")}).returncode == 0


def test_without_a_key_and_without_an_installation_it_says_how_to_begin(place: Path) -> None:
    assert "onward db upgrade" in refused(onward("key", "add", "mine", "--data-dir", str(place / "none")))


def test_the_data_folder_may_be_named_before_or_behind_the_command(made: str) -> None:
    assert onward("--data-dir", made, "doctor").returncode == 0
    assert onward("doctor", "--data-dir", made).returncode == 0
    assert onward("doctor", env={"ONWARD_DATA_DIR": made}).returncode == 0


def test_the_key_file_is_only_its_owners(made: str) -> None:
    assert (Path(made) / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_source_is_two_lines_and_hints_go_elsewhere(made: str) -> None:
    answer = onward("source", "add", "standard", "crm", "--data-dir", made)
    url, secret = answer.stdout.splitlines()
    assert url == "http://127.0.0.1:8000/webhooks/crm"
    assert secret.startswith("whsec_")
    assert secret not in answer.stderr
    assert "already" in refused(onward("source", "add", "standard", "crm", "--data-dir", made))


def test_a_source_takes_a_secret_of_ones_own_if_it_is_one(made: str) -> None:
    own = "whsec_" + "QUJD" * 10
    assert onward("source", "add", "standard", "crm", "--secret", own, "--data-dir", made).stdout.splitlines()[1] == own
    assert "24 to 64" in refused(onward("source", "add", "standard", "b", "--secret", "whsec_x", "--data-dir", made))
    assert "standard" in refused(onward("source", "add", "fax", "b", "--data-dir", made))
    assert "small letters" in refused(onward("source", "add", "standard", "../b", "--data-dir", made))


def test_a_key_is_one_line(made: str) -> None:
    answer = onward("key", "add", "script", "--role", "manager", "--data-dir", made)
    assert len(answer.stdout.splitlines()) == 1
    assert answer.stdout.startswith("ak_")
    assert onward("key", "revoke", "script", "--data-dir", made).returncode == 0
    assert "boss" in refused(onward("key", "add", "b", "--role", "boss", "--data-dir", made))


def test_a_rep_comes_in_by_password_or_by_link(made: str) -> None:
    by_password = onward(
        "rep", "add", "ana@example.com", "--password-stdin", "--data-dir", made, said="long enough words\n"
    )
    assert (by_password.returncode, by_password.stdout) == (0, "")
    by_link = onward("rep", "add", "boyan@example.com", "--role", "admin", "--data-dir", made)
    assert "/sign-in/" in by_link.stdout
    assert "/sign-in/" in onward("rep", "link", "ana@example.com", "--data-dir", made).stdout
    refused(onward("rep", "add", "ana@example.com", "--data-dir", made))
    refused(onward("rep", "add", "no address", "--data-dir", made))
    refused(onward("rep", "link", "nobody@example.com", "--data-dir", made))
    refused(onward("rep", "add", "c@example.com", "--password-stdin", "--data-dir", made))


def test_a_clean_playbook_is_silent_and_a_bad_one_is_told_line_by_line(place: Path) -> None:
    clean = onward("playbook", "check", str(FAST))
    assert (clean.returncode, clean.stdout) == (0, "")
    bad = place / "bad.yaml"
    bad.write_text(FAST.read_text().replace("to: qualified}", "to: qualifed}", 1))
    answer = onward("playbook", "check", str(bad))
    assert answer.returncode == 1
    assert all(line.startswith(f"{bad}:") and line.split(":")[1].isdigit() for line in answer.stdout.splitlines())
    assert "qualifed" in answer.stdout
    refused(onward("playbook", "check", str(place / "missing.yaml")))


def test_a_playbook_is_drawn() -> None:
    assert "Квалифициран" in onward("playbook", "diagram", str(FAST), "--language", "bg").stdout
    assert onward("playbook", "diagram").stdout.startswith("stateDiagram-v2")


def test_a_playbook_with_findings_starts_nothing(place: Path, made: str) -> None:
    bad = place / "bad.yaml"
    bad.write_text("name: [")
    sentence = refused(onward("doctor", "--data-dir", made, env={"ONWARD_PLAYBOOK": str(bad)}))
    assert f"{bad}:1" in sentence


def test_the_doctor_finds_nothing_in_a_fresh_installation(made: str) -> None:
    answer = onward("doctor", "--data-dir", made)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_a_mailbox_is_changed_where_no_mail_server_is_set_and_a_bad_key_is_refused_before(made: str) -> None:
    """A terminal need not know the server by which the processes send."""
    given = ("--data-dir", made, "--imap-url-file", "-")
    answer = onward("mailbox", "set", "default", *given, said="imaps://me:secret@mail.example.com")
    assert (answer.returncode, answer.stderr) == (0, "The mailbox default is changed.\n")
    sentence = refused(
        onward("mailbox", "set", "default", "--data-dir", made, "--dkim-key-file", "-", said="-----BEGIN nothing-----")
    )
    assert "key" in sentence
