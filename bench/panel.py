"""The pages that reps live in over a full installation: Board, Today, Prospect and search, at the 95th percentile.

A hundred thousand prospects, a million rows of history; from the request to the last byte, one request after the other.
What counts is the time on a processor, ours and the database's together, because others share the machine; the time on
the wall stands beside it. `python -m bench.panel [PROSPECTS [sqlite]]`.
"""

from __future__ import annotations

import gc
import logging
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import psutil
from flask.testing import FlaskClient

from bench import full, harness
from bench.full import PROSPECTS, Full
from bench.harness import Figure, Ground
from web import create_app
from workflow.actions import people, prospects
from workflow.actions.prospects import Who
from workflow.workspace import Workspace, open_workspace

# What the page does not bring with it.
_SECTIONS: Final = ("times", "velocity", "sequences", "competitors", "reasons")
_TIMES: Final = 60
_MOST_MS: Final = 100.0
_POLL_MS: Final = 10.0
# As somebody types: one letter, two, many; in both alphabets; what many have, few, and nobody.
_WORDS: Final = (
    "и", "ив", "ива", "иван", "ivanov", "cvetan jel", "живк", "per", "person77", "firm4999", "example.com", "08800",
    "zzzq", "0880012345", "novak foods", "щ", "Papadopoulos 12", "строй 4711",
)  # fmt: skip


def run(number: int = PROSPECTS, kinds: tuple[str, ...] = ("sqlite", "postgresql")) -> list[Figure]:
    """Measure on both databases."""
    with harness.ground() as ground:
        figures = [figure for kind in kinds for figure in _database(ground, kind, number)]
    return harness.show("panel", figures)


def _database(ground: Ground, kind: str, number: int) -> list[Figure]:
    label = "SQLite" if kind == "sqlite" else "PostgreSQL"
    with _opened(ground, kind) as ws:
        begun = time.perf_counter()
        filled = full.fill(ws, number)
        took = time.perf_counter() - begun
        print(f"{label}: filled in {took:.0f} s", flush=True)
        app, spent = create_app(ws), _Spent(ground)
        # As `web` does before it serves: what is there for good is not looked through again.
        gc.collect()
        gc.freeze()
        figures: list[Figure] = []
        for whose, rep_id in (("an administrator", full.boss(ws)), ("a rep", filled.reps[0])):
            client = _signed_in(ws, app.test_client(), rep_id)
            figures += _pages(client, spent, f"{label}, {whose}", filled)
        figures.append(_poll(ws, _signed_in(ws, app.test_client(), full.boss(ws)), spent, label, filled))
    return figures


def _section(name: str) -> Callable[[int], str]:
    return lambda _at: f"/analytics/{name}?days=365&part=1"


def _pages(client: FlaskClient, spent: _Spent, label: str, filled: Full) -> list[Figure]:
    dice = random.Random(5)
    pages: dict[str, Callable[[int], str]] = {
        "Board": lambda _at: "/board",
        "Board, one's own": lambda _at: "/board?owner=me",
        "Today": lambda _at: "/",
        "Prospect": lambda at: f"/prospects/{filled.prospects[at % len(filled.prospects)]}",
        "list, newest first": lambda _at: "/prospects",
        "list, by company": lambda _at: "/prospects?sort=company",
        "search as one types": lambda at: f"/prospects?part=1&q={_WORDS[at % len(_WORDS)]}",
        "Analytics": lambda _at: "/analytics",
        "Analytics, a year": lambda _at: "/analytics?days=365",
        **{f"Analytics, {name}, a year": _section(name) for name in _SECTIONS},
        "search on the board": lambda _at: f"/board?part=1&q={dice.choice(_WORDS)}",
    }
    return [_figure(client, spent, f"{label}: {name}", address) for name, address in pages.items()]


class _Spent:
    """The processor time of this thread and of the servers of PostgreSQL, in milliseconds, as the kernel counts it."""

    def __init__(self, ground: Ground) -> None:
        self._paths = [Path("/proc/thread-self/schedstat")]
        file = ground.folder / "pg" / "data" / "postmaster.pid"
        self._server = int(file.read_text().split()[0]) if file.exists() else 0

    def know(self) -> None:
        """Take in the servers that run now."""
        if self._server:
            below = psutil.Process(self._server).children()
            self._paths = [self._paths[0], *(Path(f"/proc/{each.pid}/schedstat") for each in below)]

    def now(self) -> float:
        """So much until now."""
        return sum(int(path.read_text().split()[0]) for path in self._paths if path.exists()) / 1e6


def _figure(client: FlaskClient, spent: _Spent, what: str, address: Callable[[int], str]) -> Figure:
    times, walls = [], []
    for at in range(-3, _TIMES):
        if at == 0:
            spent.know()
        begun, used = time.perf_counter(), spent.now()
        answer = client.get(address(at), headers={"HX-Request": "true"} if "part=" in address(at) else {})
        if at >= 0:
            times.append(spent.now() - used)
            walls.append((time.perf_counter() - begun) * 1000)
        if answer.status_code not in (200, 404):
            raise SystemExit(f"{address(at)}: {answer.status_code}")
    note = f"median {median(times):.0f} ms; on the wall {median(walls):.0f} ms"
    figure = Figure(f"{what}, p95", quantiles(times, n=20)[-1], _MOST_MS, "ms", note=note)
    print(figure.row(), flush=True)
    return figure


def _poll(ws: Workspace, client: FlaskClient, spent: _Spent, label: str, filled: Full) -> Figure:
    """The question that the board asks every four seconds, beside a hundred fresh changes."""
    who = Who("source:crm", "bench")
    for known in filled.prospects[:100]:
        prospects.edit(ws, known, {"title": "Директор"}, {}, who)
    mark = client.get("/board/news").headers["ETag"]
    address, told = "/board/news", {"If-None-Match": mark}
    times = []
    spent.know()
    for _ in range(_TIMES):
        used = spent.now()
        answer = client.get(address, headers=told)
        times.append(spent.now() - used)
        if answer.status_code != 304:
            raise SystemExit(f"{address}: {answer.status_code}")
    note = f"median {median(times):.1f} ms, {len(answer.data)} bytes of body"
    figure = Figure(f"{label}: whether the board has news, p95", quantiles(times, n=20)[-1], _POLL_MS, "ms", note=note)
    print(figure.row(), flush=True)
    return figure


def _signed_in(ws: Workspace, client: FlaskClient, rep_id: str) -> FlaskClient:
    client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
    link = f"/sign-in/{people.sign_in_link(ws, rep_id)}"
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(link).text)
    assert found
    client.post(link, data={"csrf_token": found[1]})
    assert client.get("/board").status_code == 200
    return client


@contextmanager
def _opened(ground: Ground, kind: str) -> Iterator[Workspace]:
    settings = ground.workspace(ground.database(kind))
    settings.data_dir.mkdir(exist_ok=True)
    ws = open_workspace(replace(settings, playbook=None, base_url="http://127.0.0.1:8000"))
    try:
        yield ws
    finally:
        ws.database.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    run(int(sys.argv[1]) if len(sys.argv) > 1 else PROSPECTS, tuple(sys.argv[2:]) or ("sqlite", "postgresql"))
