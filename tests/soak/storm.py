"""A storm over a real installation: a nemesis that kills processes at random, and a vendor that goes on delivering.

Both draw from one seed. Judges nothing: it keeps what it did and what it was answered.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from tests.support.checker import Accepted
from tests.support.processes import Installation, signed

KILL_EVERY_S = 0.5
"""The mean of the times between two kills, which are distributed exponentially."""
PROSPECTS_PER_S = 6.0
_RETRY_S = 0.4
_CONNECTIONS = 6
_SPARED_S = 15.0
_WEIGHTS = {"web": 2, "web worker": 2, "crew": 1, "worker": 3, "horse": 4, "clock": 2, "redis": 1, "up": 0.4}
_SCRIPTS = {"ok": 80, "f451x1": 6, "drop_after_dot": 3, "lose_after_dot": 3, "drop_after_250": 4, "f451dotx1": 4}


class Nemesis(threading.Thread):
    """Kills one process of the installation after another until it is told to rest."""

    def __init__(self, house: Installation, seed: int) -> None:
        super().__init__(name="nemesis", daemon=True)
        self._house = house
        self._random = random.Random(seed)
        self._rest = threading.Event()
        self._spared_until = time.monotonic() + _SPARED_S
        self.kills: Counter[str] = Counter()

    def run(self) -> None:
        """Kill, wait, kill."""
        while not self._rest.wait(self._random.expovariate(1 / KILL_EVERY_S)):
            living = roles(self._house)
            calm = time.monotonic() > self._spared_until
            present = [role for role in _WEIGHTS if role in living and (calm or role != "up")]
            if not present:
                continue
            role = self._random.choices(present, [_WEIGHTS[role] for role in present])[0]
            victim = self._random.choice(sorted(living[role], key=lambda each: each.pid))
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
                self.kills[role] += 1
            if role == "up":
                # It takes everything with it when it starts anew: killed each time, nothing else would ever live.
                self._spared_until = time.monotonic() + _SPARED_S

    def rest(self) -> None:
        """No more kills."""
        self._rest.set()
        self.join()


class Keeper(threading.Thread):
    """Starts the supervisor again whenever it has ended, as systemd would (`Restart=always`)."""

    def __init__(self, house: Installation, start: Callable[[], None]) -> None:
        super().__init__(name="keeper", daemon=True)
        self._house = house
        self._start = start
        self._done = threading.Event()

    def run(self) -> None:
        """Look twice a second."""
        while not self._done.wait(0.5):
            if self._house._parts["up"].poll() is not None:
                self._start()

    def leave(self) -> None:
        """Let it end for good."""
        self._done.set()
        self.join()


def roles(house: Installation) -> dict[str, list[psutil.Process]]:
    """Every process of the installation by what it does; a work-horse is known by its parents."""
    found: dict[str, list[psutil.Process]] = {}
    store = str(house.data_dir / "redis")
    ours_since = psutil.Process().create_time()
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            # What is older than this test is none of its processes, and looking closer costs most.
            if process.create_time() < ours_since or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.cwd() == store:
                found.setdefault("redis", []).append(process)
            elif process.environ().get("ONWARD_DATA_DIR") == str(house.data_dir):
                found.setdefault(_role(process), []).append(process)
    return found


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    part = words[words.index("tests.support.crash") + 1] if "tests.support.crash" in words else "other"
    if part not in ("web", "worker"):
        return part
    depth = 0
    above = process.parent()
    while above is not None and above.cmdline() == words:
        depth += 1
        above = above.parent()
    if (part, depth) == ("worker", 1) and _log(process).endswith("clock.log"):
        return "clock"
    return {"web": ["web", "web worker"], "worker": ["crew", "worker", "horse"]}[part][min(depth, 2)]


def _log(process: psutil.Process) -> str:
    """Where a process writes what it has to say: the clock of a crew differs from its workers by nothing else."""
    with suppress(OSError):
        return str(Path(f"/proc/{process.pid}/fd/2").readlink())
    return ""


@dataclass(order=True)
class _Due:
    """A delivery and when to try it next."""

    at: float
    number: int
    key: str = field(compare=False)
    body: bytes = field(compare=False)
    events: tuple[str, ...] = field(compare=False)


class Vendor(threading.Thread):
    """Delivers events at a steady rate: some twice, some out of order; again and again until each is accepted."""

    def __init__(self, house: Installation, seed: int, seconds: float) -> None:
        super().__init__(name="vendor", daemon=True)
        self._house = house
        self._random = random.Random(seed)
        self._until = time.monotonic() + seconds
        self._numbers = count()
        self._waiting: list[_Due] = []
        self._in_flight = 0
        self._lock = threading.Lock()
        self._prospects = count()
        self.accepted: list[Accepted] = []
        self.expected: list[tuple[str, str]] = []
        self.refused: Counter[int] = Counter()

    def run(self) -> None:
        """Bring new prospects until the time is up, then go on until nothing waits for its answer."""
        next_at = time.monotonic()
        with ThreadPoolExecutor(_CONNECTIONS) as connections:
            while True:
                now = time.monotonic()
                if next_at <= now < self._until:
                    self._introduce(now)
                    next_at += self._random.expovariate(PROSPECTS_PER_S)
                due = self._next(now)
                if due is not None:
                    connections.submit(self._deliver, due)
                elif now >= self._until and self._is_done():
                    return
                else:
                    time.sleep(0.005)

    def _next(self, now: float) -> _Due | None:
        with self._lock:
            if self._in_flight >= _CONNECTIONS or not self._waiting or self._waiting[0].at > now:
                return None
            self._in_flight += 1
            return heappop(self._waiting)

    def _is_done(self) -> bool:
        with self._lock:
            return not self._waiting and not self._in_flight

    def _introduce(self, now: float) -> None:
        """One prospect's life: a call, perhaps a move, a reply or an unsubscribe, in whatever order they arrive."""
        number = next(self._prospects)
        script = self._random.choices(list(_SCRIPTS), list(_SCRIPTS.values()))[0]
        ref, email = f"r-{number}", f"{script}+{number}@sink.test"
        self.expected.append((email, "after_call"))
        lives: list[tuple[str, dict[str, Any], float]] = [("call.ended", {"minutes": 20}, 0.0)]
        if self._random.random() < 0.4:
            lives.append(("move.requested", {"trigger": "qualify"}, self._random.uniform(-0.5, 3.0)))
            self.expected.append((email, "welcome"))
        luck = self._random.random()
        if luck < 0.08:
            lives.append(("email.replied", {"address": email}, self._random.uniform(-0.3, 9.0)))
        elif luck < 0.12:
            lives.append(("email.unsubscribed", {"address": email}, self._random.uniform(0.0, 9.0)))
        begun = datetime.now(UTC)
        for kind, data, later in lives:
            at = begun + timedelta(seconds=max(later, 0.0))
            self._send(now + max(later, 0.0), self._event(kind, ref, email, data, at))
        if self._random.random() < 0.05:
            # A batch: notes about this prospect and the one before.
            pair = [
                self._event("answers.recorded", f"r-{max(number - back, 0)}", None, {"answers": {"budget": "5"}}, begun)
                for back in (0, 1)
            ]
            self._send(now + 1.0, pair)

    @staticmethod
    def _event(kind: str, ref: str, email: str | None, data: dict[str, Any], at: datetime) -> dict[str, Any]:
        who = {"ref": ref} | ({"email": email} if email else {})
        return {"type": kind, "occurred_at": at.isoformat(), "prospect": who, "data": data}

    def _send(self, at: float, told: dict[str, Any] | list[dict[str, Any]]) -> None:
        events = told if isinstance(told, list) else [told]
        for event in events:
            event["id"] = f"evt-{next(self._numbers)}"
        number = next(self._numbers)
        ids = tuple(event["id"] for event in events)
        due = _Due(at, number, f"msg-{number}", json.dumps(told).encode(), ids)
        with self._lock:
            heappush(self._waiting, due)
            if self._random.random() < 0.1:
                # The same delivery once more, as after an answer that was lost.
                again = at + self._random.uniform(0.0, 5.0)
                heappush(self._waiting, _Due(again, next(self._numbers), due.key, due.body, ids))

    def _deliver(self, due: _Due) -> None:
        headers = signed(self._house.secret, due.body, due.key)
        try:
            status = self._house.request("POST", "/webhooks/crm", due.body, headers).status
        except (OSError, http.client.HTTPException):
            status = 0
        with self._lock:
            self._in_flight -= 1
            if 200 <= status < 300:
                self.accepted.append(Accepted(due.key, due.body, due.events))
                return
            self.refused[status] += 1
            later = _Due(time.monotonic() + _RETRY_S, next(self._numbers), due.key, due.body, due.events)
            heappush(self._waiting, later)
