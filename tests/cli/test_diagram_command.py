"""`onward playbook diagram` from outside, and the drawing in the docs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workflow import places
from workflow.playbook import diagram, svg
from workflow.playbook.loader import read

ROOT = Path(__file__).resolve().parents[2]
FAST = ROOT / "tests" / "playbook" / "fast.yaml"


def draw(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [str(Path(sys.executable).with_name("onward")), "playbook", "diagram", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_it_draws_in_both_forms_and_languages(tmp_path: Path) -> None:
    assert draw(str(FAST)).stdout == diagram.diagram(read(FAST), "en")
    done = draw(str(FAST), "--format", "svg", "--language", "bg", "--output", str(tmp_path / "fast.svg"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "fast.svg").read_text() == svg.page(read(FAST), "bg")


def test_a_place_that_takes_no_file_is_named() -> None:
    done = draw(str(FAST), "--output", "/no/such/folder/x.svg")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "/no/such/folder/x.svg" in done.stderr


def test_the_drawing_in_the_docs_is_that_of_the_shipped_playbook() -> None:
    """`make diagram` draws it anew."""
    assert (ROOT / "docs" / "discovery.svg").read_text() == svg.page(read(places.shipped_playbook()), "en")
