"""The gates of the house: each is broken once, on purpose, and said so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOUND = {
    "workflow/rule.py": "from __future__ import annotations\n\n\ndef rule(n: int) -> int:\n    return n\n",
    "tests/test_rule.py": "def test_it() -> None:\n    assert True\n",
}
BROKEN = {
    "a long function": ({"workers/a.py": "def f() -> None:\n" + "    print()\n" * 60}, "workers/a.py:1 f has 61 lines"),
    "a long test": ({"tests/test_a.py": "def test_a():\n" + "    print()\n" * 60}, "tests/test_a.py:1 test_a has 61"),
    "a long file": ({"web/a.py": "a = 1\n" * 401}, "web/a.py has 401 lines of code"),
    "a cycle": ({"workflow/a.py": "import workflow.b\n", "workflow/b.py": "from workflow import a\n"}, "each other"),
    "an import inside": ({"web/a.py": "def f():\n    import os\n"}, "web/a.py:2 imports inside a function"),
    "a bare except": ({"web/a.py": "try:\n    pass\nexcept:\n    pass\n"}, "web/a.py:3 has a bare except"),
    "catching all": ({"web/a.py": "try:\n    pass\nexcept (OSError, Exception):\n    pass\n" * 4}, "web/a.py:15"),
}


def judge(root: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Count a house made of these files."""
    for name, text in (SOUND | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    words = (sys.executable, str(ROOT / ".ci" / "house.py"), str(root))
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_sound_house_passes(tmp_path: Path) -> None:
    """The table is printed, and nothing is wrong: a type-only import is no cycle, nor are blank lines code."""
    only_typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workflow import rule\n" + "\n" * 500
    done = judge(tmp_path, {"workflow/other.py": only_typed, "workflow/rule.py": "from workflow import other\n"})
    assert done.returncode == 0, done.stderr
    assert "import cycles                                               0   0" in done.stdout


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_gate_is_named(tmp_path: Path, name: str) -> None:
    """The place and the limit stand in one sentence."""
    files, sentence = BROKEN[name]
    done = judge(tmp_path, files)
    assert done.returncode == 1
    assert sentence in done.stderr
