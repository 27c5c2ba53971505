"""What every bench shares: durable databases of its own, rounds that alternate, processor time, a table of figures.

Knows nothing of what is measured. Absolute rates of two runs are not comparable; a figure is a ratio inside one run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from tests.support.postgres import Cluster
from tests.support.processes import FAST
from tests.support.servers import end
from workflow.records import schema
from workflow.records.db import Database
from workflow.settings import Settings, load

ROOT: Final = Path(__file__).resolve().parents[1]
ROUNDS: Final = 7
"""Rounds of each side; a figure is the median over them."""
# The tests run their cluster without; here a commit is on the disk before it is answered, as in production.
_DURABLE: Final = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "autovacuum=on")
_KEY: Final = "bench" * 12


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `at_least` tells a floor from a ceiling; `note` holds the absolute numbers behind it.

    Without a limit it is there to be known.
    """

    what: str
    value: float
    limit: float | None
    unit: str = "x"
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure keeps its limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> str:
        """The figure as a line of Markdown."""
        value, limit, verdict = _number(self.value, self.unit), "none", ""
        if self.limit is not None:
            limit = f"{'>=' if self.at_least else '<='} {_number(self.limit, self.unit)}"
            verdict = "met" if self.met else "**missed**"
        return f"| {self.what} | {value} | {limit} | {verdict} | {self.note} |"


@dataclass(slots=True)
class Ground:
    """A folder on a real disk, and in it databases that keep what they promised."""

    folder: Path
    _stack: ExitStack = field(default_factory=ExitStack)
    _cluster: Cluster | None = None
    _count: int = 0

    def database(self, kind: str) -> str:
        """The address of a fresh database with the schema."""
        return self._fresh(kind, None)

    def copy(self, url: str) -> str:
        """The address of a copy of a database nobody uses."""
        return self._fresh("sqlite" if url.startswith("sqlite") else "postgresql", url)

    def workspace(self, url: str, **more: str) -> Settings:
        """Settings of an installation on that database, with the playbook whose delays are seconds."""
        self._count += 1
        environ = {
            "ONWARD_DATA_DIR": str(self.folder / f"data-{self._count}"),
            "ONWARD_DATABASE_URL": url,
            "ONWARD_PLAYBOOK": str(FAST),
            "ONWARD_SECRET_KEY": _KEY,
            "ONWARD_MAIL_FROM": "Ivan Rep <ivan@sales.example.com>",
        }
        return load(environ | more)

    def _fresh(self, kind: str, source: str | None) -> str:
        self._count += 1
        if kind == "sqlite":
            path = self.folder / f"{self._count}.db"
            if source:
                shutil.copyfile(source.removeprefix("sqlite:///"), path)
            url = f"sqlite:///{path}"
        else:
            cluster = self._started()
            template = source.partition("@/")[2].partition("?")[0] if source else "template1"
            url = cluster.url(cluster.create(template=template))
        if source is None:
            database = Database(url)
            schema.upgrade(database)
            database.close()
        return url

    def _started(self) -> Cluster:
        if self._cluster is None:
            cluster = Cluster(self.folder / "pg")
            server = cluster.prepare()
            words = tuple(word for setting in _DURABLE for word in ("-c", setting))
            child = replace(server, argv=server.argv + words).spawn()
            # SIGINT: end the sessions, then the server.
            self._stack.callback(end, child, signal.SIGINT)
            server.wait_until(cluster.answers, child)
            self._cluster = cluster
        return self._cluster

    def close(self) -> None:
        """Stop what was started."""
        self._stack.close()


@contextmanager
def ground() -> Iterator[Ground]:
    """A ground for the time of a bench."""
    with tempfile.TemporaryDirectory(prefix="onward-bench-") as folder:
        Path(folder).chmod(0o711)
        made = Ground(Path(folder))
        try:
            yield made
        finally:
            made.close()


def alternate(
    sides: Mapping[str, Callable[[], float]], rounds: int = ROUNDS, *, warm: bool = True
) -> dict[str, list[float]]:
    """Run the sides in turns, the order reversed every other round; what each gave, round by round.

    With `warm` each side runs once before it counts.
    """
    names = list(sides)
    if warm:
        for name in names:
            sides[name]()
    given: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            given[name].append(sides[name]())
    return given


def ratio(given: Mapping[str, Sequence[float]], above: str, below: str) -> float:
    """The median of the ratios of each round: what slows the machine for a while slows both sides of it."""
    return median(a / b for a, b in zip(given[above], given[below], strict=True))


def cpu_each(work: Callable[[], object], times: int) -> float:
    """Microseconds of this process's processor time for each call."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * 1e6


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process and those below it have used."""
    top = psutil.Process(pid)
    spent = 0.0
    for process in (top, *top.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


@contextmanager
def process(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the time of a block."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ONWARD_")}
    with log.open("ab") as words:
        child = subprocess.Popen(
            argv, env=own | {"PYTHONPATH": str(ROOT)} | dict(env), cwd=log.parent, stdout=words, stderr=words
        )
    try:
        yield child
    finally:
        end(child)


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds. Raises SystemExit after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:g} s for {what}")
        time.sleep(0.01)


def show(bench: str, figures: Sequence[Figure]) -> list[Figure]:
    """Print the figures of a bench, keep them under its name in bench/results, and hand them on."""
    print(f"\n{bench}\n" + "\n".join(figure.row() for figure in figures), flush=True)
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    kept = [{**asdict(figure), "met": figure.met} for figure in figures]
    (results / f"{bench}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return list(figures)


def _number(value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits}{'' if unit == 'x' else ' '}{unit}"
