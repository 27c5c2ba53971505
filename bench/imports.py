"""Importing a hundred thousand people on SQLite: rows a second from the file to the last commit, and memory.

The command runs in a process of its own, whose largest resident size is counted. `python -m bench imports`.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.harness import ROOT, Figure, show
from workflow.records import schema
from workflow.records.db import Database
from workflow.settings import load

ROWS = 100_000
LEAST = 2_000.0
MOST_MB = 200.0
_COLUMNS = ("Имейл", "Име", "Фирма", "Телефон", "Длъжност", "Език", "Държава", "Бюджет", "Запознати")


def run() -> list[Figure]:
    """Import one large file."""
    with tempfile.TemporaryDirectory(prefix="onward-bench-") as name:
        folder = Path(name)
        file = folder / "people.csv"
        _write(file)
        settings = {"ONWARD_SECRET_KEY": "bench" * 12, "ONWARD_DATA_DIR": str(folder / "data")}
        (folder / "data").mkdir()
        schema.upgrade(Database(load(settings).database_url, pooled=False))
        argv = [sys.executable, "-c", "from workflow.cli import main; main()", "import", str(file)]
        began = time.perf_counter()
        done = subprocess.run(
            argv, cwd=ROOT, env={**os.environ, **settings}, check=True, capture_output=True, text=True
        )
        took = time.perf_counter() - began
    assert f"{ROWS} made" in done.stdout, done.stdout
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    note = f"{took:.0f} s for all, the check before included; {used.ru_utime + used.ru_stime:.0f} s of CPU"
    what = f"importing {ROWS:,} rows of nine columns on SQLite, looked at and written"
    return show(
        "imports",
        [
            Figure(f"{what}, rows a second", ROWS / took, LEAST, "/s", at_least=True, note=note),
            Figure(f"{what}, memory", used.ru_maxrss / 1024, MOST_MB, "MB"),
        ],
    )


def _write(file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerow(_COLUMNS)
        for number in range(ROWS):
            firm = number % 5000
            writer.writerow(
                [
                    f"person{number}@firm{firm}.example.com", f"Иван Петров {number}", f"Фирма {firm} ООД",
                    f"+35988{number:07d}", "Управител", "bg", "BG", f"{number},50",
                    f"{1 + number % 28:02d}.{1 + number % 12:02d}.2025",
                ]
            )  # fmt: skip
