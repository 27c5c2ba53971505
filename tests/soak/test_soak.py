"""A minute of random kills over everything that runs, under load: nothing sent twice, nothing lost, the rest shown.

`make soak` runs it on SQLite and on PostgreSQL and prints the seed and what happened. TEST_SEED=N runs a seed again,
TEST_SECONDS=N storms longer.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import and_, func, or_, select

from tests.outreach.scene import REP
from tests.soak.storm import Keeper, Nemesis, Vendor
from tests.support import crash
from tests.support.checker import Witness, examine
from tests.support.processes import Installation
from tests.support.smtpd import SmtpSink
from workflow.actions.outreach import acts
from workflow.engine import reasons
from workflow.records.db import Database
from workflow.records.models import Event, Touch
from workflow.settings import load
from workflow.workspace import Workspace, open_workspace

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
HEAL_S = 150.0
"""A supervisor waits up to 30 s before it starts again what died young several times in a row."""
UNDER_WAY = ("claimed", "sending", "committing")


def test_a_minute_of_random_kills(place: Path, database_url: str) -> None:
    """F9: exponential kills over supervisor, web, workers, work-horses, clock and Redis."""
    seed = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(1_000_000)))
    seconds = float(os.environ.get("TEST_SECONDS", "60"))
    print(f"\nSEED={seed} {database_url.partition(':')[0]} {seconds:.0f} s", flush=True)
    with SmtpSink(place / "smtp", keep=False) as sink:
        house = Installation(place, database_url=database_url, smtp=sink)
        try:
            storm(house, sink, seed, seconds)
        finally:
            house.down()


def storm(house: Installation, sink: SmtpSink, seed: int, seconds: float) -> None:
    """Start everything, and let the weather have it."""
    arms = house.folder / "arms"
    arms.mkdir()
    house.prepare()
    del house.settings["ONWARD_REDIS_URL"]
    house.settings[crash.ARMS] = str(arms)
    start(house)
    house.wait_for(house.answers, 60.0, "web to answer")
    with closing(Database(house.settings["ONWARD_DATABASE_URL"])) as database:
        own = {name: value for name, value in house.settings.items() if name.startswith("ONWARD_")}
        ws = open_workspace(load(own), database=database)
        weather(house, ws, sink, seed, seconds)


def weather(house: Installation, ws: Workspace, sink: SmtpSink, seed: int, seconds: float) -> None:
    """The storm itself, and the calm behind it."""
    nemesis, vendor = Nemesis(house, seed), Vendor(house, seed + 1, seconds)
    keeper = Keeper(house, lambda: start(house))
    keeper.start()
    try:
        vendor.start()
        nemesis.start()
        time.sleep(seconds)
        nemesis.rest()
        vendor.join(HEAL_S)
        assert not vendor.is_alive(), f"deliveries still wait: {vendor.refused}\n{house.last_words()}"
        healed = time.monotonic()
        house.wait_for(lambda: at_rest(ws), HEAL_S, "nothing to be under way")
        hurry_retries(ws)
        house.wait_for(lambda: at_rest(ws), HEAL_S, "the retries to leave")
        print(f"at rest {time.monotonic() - healed:.0f} s after the last kill and the last delivery")
    finally:
        nemesis.rest()
        keeper.leave()
    judge(house, ws, sink, nemesis, vendor)


def start(house: Installation) -> None:
    """Start the supervisor, or start it anew on what the one before it left."""
    argv = (sys.executable, "-m", "tests.support.crash", "up", "--port", str(house.port), "--workers", "2")
    house.start("up", argv=argv)


def at_rest(ws: Workspace) -> bool:
    """Whether nothing is under way, nothing due, and nothing about to be within ten seconds."""
    with ws.database.read() as tx:
        soon = func.coalesce(Touch.next_attempt_at, tx.now)
        waits = and_(Touch.state == "scheduled", Touch.next_attempt_at.is_not(None), soon <= tx.now + crash.TEN_S)
        found = select(Touch.id).where(Touch.kind == "email", or_(Touch.state.in_(UNDER_WAY), waits)).limit(1)
        pending = select(Event.id).where(Event.outcome == "pending").limit(1)
        return tx.conn.execute(found).first() is None and tx.conn.execute(pending).first() is None


def hurry_retries(ws: Workspace) -> None:
    """A rep presses “Send now” on everything that waits for a retry, so that the run need not wait six minutes."""
    with ws.database.read() as tx:
        waits = select(Touch.id).where(Touch.state == "scheduled", Touch.next_attempt_at > tx.now, Touch.attempts > 0)
        waiting = tx.conn.execute(waits).scalars().all()
    for touch_id in waiting:
        acts.send_now(ws, touch_id, REP)


def judge(house: Installation, ws: Workspace, sink: SmtpSink, nemesis: Nemesis, vendor: Vendor) -> None:
    """Print what happened, and let the checker and the doctor say whether it was right."""
    truth = sink.truth_rows()
    copies = Counter(row["message_id"] for row in truth)
    with ws.database.read() as tx:
        rows = tx.conn.execute(
            select(Touch.state, Touch.message_id, Touch.reason, Touch.attempts).where(Touch.kind == "email")
        ).all()
    states = Counter(row.state for row in rows)
    uncertain = [row for row in rows if row.state == "uncertain"]
    breaches = examine(ws.database, ws.playbooks.current, Witness(truth, vendor.accepted, vendor.expected))
    lost = [each for each in breaches if each.formula in ("C1", "C2", "C4")]
    table = {
        "kills": f"{sum(nemesis.kills.values())} ({', '.join(f'{k} {n}' for k, n in sorted(nemesis.kills.items()))})",
        "deliveries accepted": f"{len(vendor.accepted)}, attempts without an answer {sum(vendor.refused.values())}",
        "prospects": len({email for email, _ in vendor.expected}),
        "emails": f"{len(rows)} ({', '.join(f'{k} {n}' for k, n in sorted(states.items()))})",
        "tried more than once": sum(1 for row in rows if row.attempts > 1),
        "sent": states["sent"],
        "uncertain": f"{len(uncertain)}, of which {sum(1 for row in uncertain if copies[row.message_id])} had arrived",
        "duplicates": sum(times - 1 for times in copies.values()),
        "lost": len(lost),
    }
    print("\n".join(f"{name:>22}  {value}" for name, value in table.items()), flush=True)
    assert not breaches, "\n".join(map(str, breaches)) + house.last_words()
    assert sum(nemesis.kills.values()) > 20
    assert states["sent"] > 100
    assert all(reasons.words(row.reason, "en") for row in uncertain), "an uncertain email says why"
    house.onward("doctor")
