"""Simulated lives: how many of them one core lives in a minute, from the first call to the won deal.

With and without the words of the emails. `python -m bench simulate`.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

from bench.harness import Figure, show
from workflow import places
from workflow.actions.preview import Preview
from workflow.engine import script, sequences
from workflow.engine.life import Happening, Imagined, Writer
from workflow.engine.simulate import simulate
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbook.schema import Playbook

LEAST = 5000.0
LIVES = 400
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


def run() -> list[Figure]:
    """Live the same lives with and without words."""
    playbook = loader.read(places.shipped_playbook())
    lives = [_story(playbook, number) for number in range(LIVES)]
    writer = Preview(Templates(places.templates_dir() / "email"))
    mails = _live(playbook, lives[:20], writer)[1]  # loads the holidays and compiles the emails
    assert mails
    figures = []
    for what, each in (("simulated lives a minute on one core", None), ("the same with every email written", writer)):
        seconds, mails = _live(playbook, lives, each)
        note = f"{LIVES} lives, {mails} mails, {seconds / LIVES * 1e3:.1f} ms each"
        figures.append(Figure(what, LIVES / seconds * 60, LEAST, "lives", at_least=True, note=note))
    return show("simulate", figures)


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
