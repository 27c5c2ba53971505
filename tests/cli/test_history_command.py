"""`onward history` from outside: export, check without an installation, and the sentence for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflow.reports import check_history

ONWARD = str(Path(sys.executable).with_name("onward"))


def onward(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with no settings at all."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ONWARD_")}
    return subprocess.run([ONWARD, *words], env=clean, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def exported(place: Path) -> Path:
    """A folder with an installation in `data`, its history in `kept`, and the digest in `digest`."""
    assert onward("db", "upgrade", "--data-dir", "data", cwd=place).returncode == 0
    done = onward("history", "export", "kept", "--data-dir", "data", cwd=place)
    assert done.returncode == 0, done.stderr
    (place / "digest").write_text(done.stdout.strip())
    return place


def test_it_exports_and_checks_without_an_installation(exported: Path) -> None:
    digest = (exported / "digest").read_text()
    assert (exported / "kept").stat().st_mode & 0o777 == 0o600
    done = onward("history", "check", "kept", "--expect", digest.upper(), cwd=exported)
    assert (done.returncode, done.stdout.strip()) == (0, digest)
    assert "nothing altered" in done.stderr
    assert not (exported / "var").exists()


def test_a_finding_is_one_line_and_exit_code_1(exported: Path) -> None:
    content = (exported / "kept").read_bytes()
    (exported / "kept").write_bytes(content.replace(b"seal", b"Seal"))
    done = onward("history", "check", "kept", cwd=exported)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")
    (exported / "kept").write_bytes(content)
    assert onward("history", "check", "kept", "--expect", "0" * 64, cwd=exported).returncode == 1


def test_it_prints_the_checker(exported: Path) -> None:
    done = onward("history", "checker", cwd=exported)
    assert done.stdout == Path(check_history.__file__).read_text()


def test_a_mistake_is_one_sentence_and_leaves_no_file(exported: Path) -> None:
    before = (exported / "kept").read_bytes()
    for words, said in (
        (("export", "kept", "--data-dir", "data"), "is there already"),
        (("export", "no/such/folder", "--data-dir", "data"), "cannot be written"),
        (("export", "new", "--data-dir", "data", "--prospect", "nobody@example.com"), "nobody@example.com"),
        (("check", "nowhere"), "nowhere"),
    ):
        done = onward("history", *words, cwd=exported)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not (exported / "new").exists()
        assert (exported / "kept").read_bytes() == before
