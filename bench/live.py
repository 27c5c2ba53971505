"""Real processes, seen from outside: how late an idle installation sends, how soon a fresh one does, what it weighs.

`onward up` with its embedded Redis, one mail server beside it. `python -m bench live`.
"""

from __future__ import annotations

import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

from bench import harness, idle_memory
from bench.harness import Figure
from tests.support.processes import Installation, installed
from tests.support.smtpd import SmtpSink

TIMERS: Final = 24
_BETWEEN_S: Final = 0.83
"""Not a multiple of anything the clock does, so that the timers fall due at every point of its wait."""
_MEDIAN_S, _MOST_S = 0.3, 1.0


def run() -> list[Figure]:
    """Measure start, lateness and memory, each on an installation of its own, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="onward-bench-") as folder:
        figures = _on_time(Path(folder))
    total, _ = idle_memory.measure()
    return harness.show("live", [*figures, Figure("idle memory of `onward up`, PSS", total, 300, "MB")])


def _on_time(folder: Path) -> list[Figure]:
    with SmtpSink(folder / "smtp") as sink, installed(folder, database_url="", smtp=sink) as made:
        made.settings["ONWARD_DATABASE_URL"] = f"sqlite:///{made.data_dir}/onward.db"
        begun = time.time()
        made.up_together()
        answered = time.time() - begun
        made.webhook("move.requested", prospect=_someone("first"), data={"trigger": "qualify"})
        made.wait_for(sink.truth_rows, what="the first email")
        first = time.time() - begun
        # What comes after the first mail finds everything loaded, as on any day.
        late = _timers(made, sink)
    return [
        Figure("from nothing to the first email taken by its server", first, None, "s",
               note=f"made the database, key and source, then `up`; the web answered after {answered:.1f} s"),
        Figure("due to taken by the mail server, idle: median", median(late), _MEDIAN_S, "s"),
        Figure("due to taken by the mail server, idle: longest", max(late), _MOST_S, "s",
               note=f"{len(late)} timers, one at a time"),
        Figure("due to taken by the mail server, idle: shortest", min(late), 0, "s", at_least=True, note="never early"),
    ]  # fmt: skip


def _timers(made: Installation, sink: SmtpSink) -> list[float]:
    """How late each email was, whose time to leave fell at an arbitrary moment of a quiet installation."""
    names = [f"p{number}-{uuid4().hex[:6]}" for number in range(TIMERS)]
    for name in names:
        made.webhook("call.ended", prospect=_someone(name), data={"minutes": 1})
        time.sleep(_BETWEEN_S)
    made.wait_for(lambda: len(_taken(sink)) > TIMERS, what="the emails")
    taken = _taken(sink)
    due = {name: made.touches(f"{name}@sink.test") for name in names}
    return [
        taken[f"{name}@sink.test"] - datetime.fromisoformat(touch["due_at"]).timestamp()
        for name, touches in due.items()
        for touch in touches
        if touch["step"] == "questions"
    ]


def _taken(sink: SmtpSink) -> dict[str, float]:
    """When the mail server took the first email to each address."""
    rows = reversed(sink.truth_rows())
    return {str(row["rcpt"]): float(str(row["ts"])) for row in rows}


def _someone(name: str) -> dict[str, str]:
    return {"ref": name, "email": f"{name}@sink.test", "name": "Ana Petrova"}
