"""Simulated lives: how many two cores live in a minute, and what a life costs beside its bare decisions.

Bare are the very decisions of those lives, asked again of the engine one after another: nobody can live them without.
Then what a forecast costs for a real prospect among three hundred. `python -m bench simulate`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from bench.harness import Figure, alternate, ground, ratio, show
from workflow import places
from workflow.actions import prospects
from workflow.actions.preview import Preview, for_prospect
from workflow.actions.prospects import Who
from workflow.engine import script, sequences
from workflow.engine import simulate as room
from workflow.engine.decide import decide
from workflow.engine.life import Happening, Imagined, Writer
from workflow.engine.simulate import simulate
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbook.schema import Playbook
from workflow.reports import forecast
from workflow.workspace import Workspace, open_workspace

LEAST = 5000.0
LIVES = 200
WON = """
moves qualify
call ends on day 1
moves diagnose on day 6
books on day 7 for day 13
meets
rep does call_back on day 16
moves close with outcome=won on day 20
"""
LOST = """
moves qualify
call ends on day 1
replies on day 2
moves diagnose on day 4
books on day 5
does not show
books on day 12
meets
moves close with outcome=lost, reason=Price on day 30
"""
STORIES = (
    WON,
    LOST,
    "call ends\nbounces on day 2\n",
    "moves qualify on day 1\ncall ends on day 1\nunsubscribes on day 3\nmoves disqualify with reason=No fit on day 4\n",
    "books for day 4 at 09:30\nreschedules on day 2 for day 9\nmeets\nmoves qualify on day 11\n",
)
ZONES = ("Europe/Sofia", "America/New_York", "Asia/Kathmandu", "Europe/London")
Story = tuple[Imagined, tuple[Happening, ...], datetime]


CORES = 2
PROSPECTS = 300
WHO = Who("system", "bench")


def run() -> list[Figure]:
    """Live the same lives with and without words, beside their bare decisions; then forecasts."""
    playbook = loader.read(places.shipped_playbook())
    lives = [_story(playbook, number) for number in range(LIVES)]
    writer = Preview(Templates(places.templates_dir() / "email"))
    _live(playbook, lives[:20], writer)  # loads the holidays and compiles the emails
    return show("simulate", [*_rates(playbook, lives, writer), *_beside_bare(playbook, lives), *_forecasts()])


def _rates(playbook: Playbook, lives: list[Story], writer: Writer) -> Iterator[Figure]:
    """By the processor time of two processes side by side, so that other work on the machine counts for little."""
    for what, words in (("simulated lives a minute on two cores", False), ("the same with every email written", True)):
        mails = _live(playbook, lives, writer if words else None)[1]
        with ProcessPoolExecutor(CORES) as pool:
            spent = list(pool.map(_share, [words] * CORES))
        rate = sum(LIVES / seconds * 60 for seconds in spent)
        note = f"{CORES} x {LIVES} lives with {mails} mails each, {max(spent) / LIVES * 1e3:.1f} ms a life"
        yield Figure(what, rate, LEAST, "lives", at_least=True, note=note)


def _share(words: bool) -> float:  # noqa: FBT001 - a task of the pool
    """The processor time of one process."""
    playbook = loader.read(places.shipped_playbook())
    writer = Preview(Templates(places.templates_dir() / "email")) if words else None
    lives = [_story(playbook, number) for number in range(LIVES)]
    _live(playbook, lives[:20], writer)
    return _live(playbook, lives, writer)[0]


def _beside_bare(playbook: Playbook, lives: list[Story]) -> Iterator[Figure]:
    asked: list[tuple[Any, ...]] = []
    with _heard(asked):
        _live(playbook, lives, None)

    def bare() -> float:
        begun = time.process_time()
        for question in asked:
            decide(*question)
        return time.process_time() - begun

    given = alternate({"life": lambda: _live(playbook, lives, None)[0], "bare": bare})
    each = {side: median(rounds) / LIVES * 1e6 for side, rounds in given.items()}
    note = f"{each['life']:,.0f} µs against {each['bare']:,.0f} µs for {len(asked) / LIVES:.1f} decisions"
    yield Figure("a life without words over its bare decisions, CPU", ratio(given, "life", "bare"), 4.0, note=note)


@contextmanager
def _heard(asked: list[tuple[Any, ...]]) -> Iterator[None]:
    """Note every question that the simulator puts to the engine."""

    def heard(*question: Any) -> Any:
        asked.append(question)
        return decide(*question)

    room.decide = heard
    try:
        yield
    finally:
        room.decide = decide


def _forecasts() -> Iterator[Figure]:
    with ground() as made:
        for kind in ("sqlite", "postgresql"):
            ws = open_workspace(made.workspace(made.database(kind), ONWARD_PLAYBOOK=str(places.shipped_playbook())))
            known = [_prospect(ws, number) for number in range(PROSPECTS)]
            for what, words in (("a forecast", False), ("the same with its emails written", True)):
                spent = [_forecast(ws, each, words=words) for each in known[:: PROSPECTS // 100]]
                note = f"longest {max(spent):.1f} ms; {PROSPECTS} prospects"
                yield Figure(f"{what}, {kind}: median on the wall", median(spent), 20.0, "ms", note=note)
            ws.database.close()


def _prospect(ws: Workspace, number: int) -> str:
    fields = {"email": f"p{number}@example.com", "name": "Ana Petrova", "time_zone": ZONES[number % len(ZONES)]}
    made = prospects.create(ws, fields, {}, WHO).prospect_id
    prospects.tell(ws, made, "call.ended", {"minutes": 30, "notes": "They hesitate."}, WHO)
    prospects.tell(ws, made, "answers.recorded", {"answers": {"pain": "Wrong pallets leave"}}, WHO)
    starts = datetime.now(UTC) + timedelta(days=6)
    prospects.tell(ws, made, "meeting.booked", {"uid": "m", "starts_at": starts}, WHO)
    return made


def _forecast(ws: Workspace, prospect_id: str, *, words: bool) -> float:
    """Milliseconds on the wall."""
    begun = time.perf_counter()
    with ws.database.read() as tx:
        writer = for_prospect(ws, tx, prospect_id) if words else None
        life = forecast.forecast(ws, tx, prospect_id, writer=writer)
    assert any(entry.kind == "mail" for entry in life.entries)
    return (time.perf_counter() - begun) * 1e3


def _story(playbook: Playbook, number: int) -> Story:
    chance = random.Random(number)
    zone = chance.choice(ZONES)
    begins = datetime(2026, 1, 1, 7, tzinfo=UTC) + timedelta(minutes=chance.randrange(500_000))
    person = Imagined({"email": "ana@example.com", "name": "Ana Petrova", "time_zone": zone, "country": "BG"})
    where = sequences.whereabouts(playbook, zone, None, "BG")
    return person, script.read(STORIES[number % len(STORIES)], playbook, begins=begins, where=where), begins


def _live(playbook: Playbook, lives: list[Story], writer: Writer | None) -> tuple[float, int]:
    """Seconds of the processor, and how many emails there were."""
    mails = 0
    begun = time.process_time()
    for person, told, begins in lives:
        life = simulate(playbook, person, told, begins=begins, writer=writer)
        mails += sum(entry.kind == "mail" for entry in life.entries)
    return time.process_time() - begun, mails
