"""Webhook ingest: a full `standard` delivery through the web as shipped, against bare routes on the same server.

Each side has a database of its own, a copy of the same one, and takes the same deliveries: verified, kept under their
key, a stage entered, history written, a sequence begun. `python -m bench webhook`.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from bench import batches, harness, wire
from bench.harness import Figure, Ground
from bench.recipe import Recipe, record
from tests.support.processes import free_port
from web import create_app
from workflow.actions import prospects, sources
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.workspace import open_workspace

EACH_ROUND = 300
WARM = 300
"""Requests before the first round: until then statements are compiled and caches fill."""
SAMPLE = 999_999
_OF_BARE, _OF_CORE = 0.8, 0.4


def run() -> list[Figure]:
    """Measure on both databases."""
    with harness.ground() as ground:
        figures = [figure for kind in ("sqlite", "postgresql") for figure in _database(ground, kind)]
    return harness.show("webhook", figures)


def _database(ground: Ground, kind: str) -> list[Figure]:
    url, secret, recipe = _prepared(ground, kind)
    with ExitStack() as stack:
        product = stack.enter_context(_product(ground, ground.copy(url)))
        literal = stack.enter_context(_bare(ground, recipe(ground.copy(url))))
        two = stack.enter_context(_bare(ground, Recipe(ground.copy(url), secret, recipe(url).source_id)))
        sides = {"product": product, "literal": literal, "two": two}
        given = {name: _Side(name, pid, port, secret) for name, (pid, port) in sides.items()}
        cpu = harness.alternate({name: side.round for name, side in given.items()})
        batch = _batches(ground, kind)
    label = "SQLite, FULL" if kind == "sqlite" else "PostgreSQL"
    words = {name: f"{median(cpu[name]):,.0f} us CPU, {median(side.rates):,.0f}/s" for name, side in given.items()}
    count = len(recipe(url).statements) - 1
    return [
        Figure(
            f"webhook, {label}: signed deliveries a second of one web process",
            median(given["product"].rates), None, "/s",
            note=f"of the bare limit's {median(given['literal'].rates):,.0f}/s",
        ),
        batch,
        Figure(
            f"webhook, {label}: the {count} statements as literal SQL, CPU of bare over product",
            harness.ratio(cpu, "literal", "product"), _OF_BARE, at_least=True,
            note=f"{words['literal']} against {words['product']}",
        ),
        Figure(
            f"webhook, {label}: two Core statements, CPU of bare over product",
            harness.ratio(cpu, "two", "product"), _OF_CORE, at_least=True,
            note=f"{words['two']} against {words['product']}",
        ),
    ]  # fmt: skip


def _batches(ground: Ground, kind: str) -> Figure:
    """On an installation of its own, with a source of HubSpot's beside the other."""
    url = ground.database(kind)
    ws = open_workspace(ground.workspace(url))
    single = sources.add(ws, "standard", "crm")
    secret = sources.add(ws, "hubspot", "hub", "a-client-secret-of-the-bench")
    ws.database.close()
    label = "SQLite, FULL" if kind == "sqlite" else "PostgreSQL"
    with _product(ground, url) as (_, port):
        wire.pour(port, [wire.webhook(single, number, "warm") for number in range(WARM)], b'"accepted"')
        return batches.figure(label, port, f"http://127.0.0.1:{port}", secret, single, range(WARM, WARM + EACH_ROUND))


class _Side:
    """One server under deliveries nobody sent it before."""

    def __init__(self, name: str, pid: int, port: int, secret: str) -> None:
        self._name = name
        self._pid = pid
        self._port = port
        self._secret = secret
        self._sent = 0
        self.rates: list[float] = []

    def round(self) -> float:
        """Microseconds of processor time of the server for each delivery."""
        count = EACH_ROUND if self._sent else WARM
        numbers = range(self._sent, self._sent + count)
        self._sent += count
        requests = [wire.webhook(self._secret, number, "b") for number in numbers]
        before = harness.cpu_of(self._pid)
        took = wire.pour(self._port, requests, b'"accepted", "events": [{"id"')
        if count == EACH_ROUND:
            self.rates.append(count / took)
        return (harness.cpu_of(self._pid) - before) / count * 1e6


def _prepared(ground: Ground, kind: str) -> tuple[str, str, Callable[[str], Recipe]]:
    """A database full of prospects that wait to be qualified, its source's secret, and what one delivery does to it."""
    url = ground.database(kind)
    ws = open_workspace(ground.workspace(url))
    secret = sources.add(ws, "standard", "crm")
    with ws.database.write() as tx:
        source = sources.open_source(ws, tx, "crm")
        assert source is not None
        for number in (*range(WARM + EACH_ROUND * harness.ROUNDS), SAMPLE):
            signal = Signal(kinds.UPSERTED, tx.now, "system", "bench", fields=wire.facts(number))
            made = prospects.submit(ws, tx, None, signal)
            prospects.remember_ref(tx, source.id, f"crm-{number:06}", made.prospect_id)
    ws.database.close()
    scratch = open_workspace(ground.workspace(ground.copy(url)))
    client = create_app(scratch).test_client()
    head, _, body = wire.webhook(secret, SAMPLE, "sample").partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    known = {
        "prospect": made.prospect_id,
        "ref": f"crm-{SAMPLE}",
        "email": f"p{SAMPLE}@example.com",
        "event": f"evt_sample_{SAMPLE}",
        "delivery": f"msg_sample_{SAMPLE}",
        "=source": source.id,
        "=mailbox": scratch.mailbox_id,
    }
    # Once before, unsigned and refused, so that what is read for two seconds at a time is not taken for a statement.
    client.post("/webhooks/crm", data=body)
    post = partial(client.post, "/webhooks/crm", data=body, headers=headers)
    statements, fresh = record(scratch.database, post, known, body)
    scratch.database.close()
    return url, secret, lambda copy: Recipe(copy, secret, source.id, statements, fresh)


@contextmanager
def _product(ground: Ground, url: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    settings = ground.workspace(url)
    env = settings.environment() | {
        "ONWARD_SECRET_KEY": settings.secret_key,
        "ONWARD_BASE_URL": f"http://127.0.0.1:{port}",
    }
    with _serving(ground, ("-m", "web"), env, port) as pid:
        yield pid, port


@contextmanager
def _bare(ground: Ground, recipe: Recipe) -> Iterator[tuple[int, int]]:
    port = free_port()
    path = ground.folder / f"{port}.recipe"
    path.write_bytes(pickle.dumps(recipe))
    with _serving(ground, ("-m", "bench.bare", str(path)), {}, port) as pid:
        yield pid, port


@contextmanager
def _serving(ground: Ground, words: tuple[str, ...], env: dict[str, str], port: int) -> Iterator[int]:
    argv = (sys.executable, *words, "--bind", f"127.0.0.1:{port}")
    log = Path(ground.folder) / f"{port}.log"
    with harness.process(argv, env, log) as child:
        harness.wait_for(lambda: _answers(port) or child.poll() is not None, 30, "a server")
        if child.poll() is not None:
            raise SystemExit(log.read_text(errors="replace"))
        yield child.pid


def _answers(port: int) -> bool:
    try:
        wire.pour(port, [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"], b"HTTP/1.1", connections=1)
    except OSError:
        return False
    return True
