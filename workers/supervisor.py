"""The supervisor: keeps a set of child processes running, and stops them together.

Restarts with back-off what dies and remembers on disk what it started, so that a supervisor killed outright leaves
nothing unknown behind. Knows nothing of what the children do.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from workers import notes, processes
from workers.processes import Command, Mark
from workflow.errors import OnwardError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

_LOG_LIMIT = 10_000_000
_LOG_LOOK_S = 60.0
_NO_ACCIDENT = 3
_BLINK_S = 0.02


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient the supervisor is, in seconds. A child that lived `steady` long is no part of a row of failures."""

    first: float = 0.5
    ceiling: float = 30.0
    steady: float = 5.0
    look: float = 1.0
    find_again: float = 5.0
    stop_early: float = 6.0
    stop_all: float = 8.0
    leftover: float = 5.0

    def pause(self, failures: int) -> float:
        """The wait before the next start after `failures` short lives in a row."""
        return min(self.first * 2.0 ** min(failures, 16), self.ceiling)


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep running.

    Children of the lower `rank` are stopped first. `find` gives a healthy process of an earlier supervisor, to be
    kept; without it whatever an earlier one left is replaced. A child that `find` misses three times in a row hangs
    and is replaced too. `rescue` is asked after the third short life in a row.
    """

    name: str
    command: Command
    rank: int = 0
    find: Callable[[], Mark | None] | None = None
    rescue: Callable[[], str] | None = None


@dataclass(slots=True)
class _Post:
    """Where a child stands just now."""

    child: Child
    mark: Mark | None = None
    own: bool = True
    since: float = 0.0
    due: float = 0.0
    failures: int = 0
    look_due: float = 0.0
    missed: int = 0


@contextmanager
def sole(data_dir: Path) -> Iterator[None]:
    """Hold the data folder: one installation runs on it at a time.

    Raises StartError at once when another holds it. The kernel gives the lock back however the holder ends.
    """
    with (notes.run_dir(data_dir) / "up.lock").open("a+", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = (
                f"Onward already runs on {data_dir} ({_holder(handle)}): stop it first, or give another --data-dir."
            )
            raise StartError(message) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def clear(record: Path, children: Sequence[Child], tell: Callable[[str], None], timing: Timing) -> None:
    """End what an earlier supervisor left, but for what a child's `find` recognises as healthy."""
    kept = {mark for child in children if child.find and (mark := child.find())}
    left = {name: mark for name, mark in _recorded(record).items() if mark not in kept}
    living = {name: mark for name, mark in left.items() if processes.is_alive(mark)}
    if living:
        tell(f"An earlier start left {', '.join(sorted(living))} running; stopping them first.")
    processes.end(left.values(), patience_s=timing.leftover)


class Supervisor:
    """Runs its children until it is told to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        tell: Callable[[str], None],
        record: Path | None = None,
        pulse: Callable[[Supervisor], float] | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`tell` gets a sentence for each event a person wants to know of.

        `pulse` is called from the loop, between looks at the children, and returns the seconds until its next call.
        """
        self._posts = [_Post(child) for child in children]
        self._tell = tell
        self._record = record
        self._pulse = pulse
        self._timing = timing or Timing()
        self._stop_asked = 0
        self._exit = 0
        self._pulse_due = 0.0
        self._log_due = time.monotonic() + _LOG_LOOK_S

    def living(self) -> dict[str, Mark]:
        """The children that run now, by name."""
        return {post.child.name: post.mark for post in self._posts if post.mark}

    def failures(self, name: str) -> int:
        """How often in a row the child of that name died young."""
        return next(post.failures for post in self._posts if post.child.name == name)

    def stop(self, code: int = 0) -> None:
        """Ask the loop to end; `run` then returns `code`."""
        self._stop_asked += 1
        self._exit = code

    def run(self) -> int:
        """Start the children, keep them running, and stop them when a signal or `stop` says so."""
        with self._signals() as wake:
            try:
                while not self._stop_asked:
                    self._look()
                    self._beat()
                    _sleep(wake, self._until_next())
            finally:
                self._stop_children(wake)
        return self._exit

    # The loop

    def _look(self) -> None:
        now = time.monotonic()
        for post in self._posts:
            if self._stop_asked:
                return
            if post.mark and (words := self._ended(post) or self._hangs(post, post.mark)):
                self._after_death(post, words, now)
            if post.mark is None and post.due <= now:
                self._start(post)
        if self._log_due <= now:
            self._log_due = now + _LOG_LOOK_S
            for post in self._posts:
                _trim(post.child.command.log)

    def _start(self, post: _Post) -> None:
        found = post.child.find() if post.child.find else None
        post.since = time.monotonic()
        post.look_due = post.since + self._timing.find_again
        if found is not None:
            post.mark, post.own = found, False
            self._write_record(post, found)
            return

        def record(mark: Mark) -> None:
            post.mark, post.own = mark, True
            self._write_record(post, mark)

        try:
            processes.spawn(post.child.command, record)
        except OSError as error:
            # No process or no disk to be had: the same patience as with a child that dies at once.
            self._after_death(post, f"could not be started ({error.strerror})", post.since)

    def _ended(self, post: _Post) -> str:
        """How the child of this post ended, "" while it lives."""
        mark = post.mark
        if mark is None:
            return ""
        if not post.own:
            return "" if processes.is_alive(mark) else "ended"
        try:
            pid, status = os.waitpid(mark.pid, os.WNOHANG)
        except ChildProcessError:
            return "ended"
        return processes.exit_words(status) if pid else ""

    def _hangs(self, post: _Post, mark: Mark) -> str:
        """Whether a living child no longer answers, as words; it is ended then."""
        now = time.monotonic()
        if post.child.find is None or now < post.look_due:
            return ""
        post.look_due = now + self._timing.find_again
        # Not found right after the start is no sign of anything: it may still be reading its files.
        post.missed = 0 if post.child.find() == mark else post.missed + 1
        if post.missed < _NO_ACCIDENT:
            return ""
        processes.kill_group(mark)
        deadline = now + self._timing.look
        while not (words := self._ended(post)) and time.monotonic() < deadline:
            time.sleep(_BLINK_S)
        return f"did not answer and {words}" if words else ""

    def _after_death(self, post: _Post, words: str, now: float) -> None:
        if post.mark:
            # What it started itself must not hold its port or its files against the next one.
            processes.kill_group(post.mark)
        post.mark, post.missed = None, 0
        short = now - post.since < self._timing.steady
        post.failures = post.failures + 1 if short else 0
        pause = self._timing.pause(max(post.failures - 1, 0))
        post.due = now + pause
        log = post.child.command.log
        self._tell(f"{post.child.name} {words}; starting it again in {pause:g} s{f' (see {log})' if log else ''}.")
        if post.failures >= _NO_ACCIDENT and post.child.rescue:
            self._tell(post.child.rescue())

    def _beat(self) -> None:
        now = time.monotonic()
        if self._pulse is None or now < self._pulse_due or self._stop_asked:
            return
        try:
            wait = self._pulse(self)
        except OnwardError as error:
            # A beat that cannot be written is late, no reason to stop the children.
            self._tell(error.message)
            wait = self._timing.look
        self._pulse_due = time.monotonic() + wait

    def _until_next(self) -> float:
        now = time.monotonic()
        times = [post.due for post in self._posts if post.mark is None]
        if self._pulse:
            times.append(self._pulse_due)
        return max(0.0, min([*times, now + self._timing.look]) - now)

    # Stopping

    def _stop_children(self, wake: socket.socket) -> None:
        begun = time.monotonic()
        asked = self._stop_asked
        for rank in sorted({post.child.rank for post in self._posts}):
            team = [post for post in self._posts if post.child.rank == rank and post.mark]
            for post in team:
                if post.mark:
                    processes.signal_one(post.mark, signal.SIGTERM)
            last = rank == max(post.child.rank for post in self._posts)
            deadline = begun + (self._timing.stop_all if last else self._timing.stop_early)
            while self._reap(team) and time.monotonic() < deadline and self._stop_asked <= max(asked, 1):
                _sleep(wake, min(0.1, max(0.0, deadline - time.monotonic())))
        for post in self._posts:
            if post.mark:
                processes.kill_group(post.mark)
        deadline = time.monotonic() + 1.0
        while self._reap(self._posts) and time.monotonic() < deadline:
            time.sleep(_BLINK_S)
        if self._record:
            self._record.unlink(missing_ok=True)

    def _reap(self, team: Sequence[_Post]) -> int:
        """How many of the team still live, after taking leave of those that ended."""
        for post in team:
            if post.mark and self._ended(post):
                processes.kill_group(post.mark)
                post.mark = None
        return sum(1 for post in team if post.mark)

    # Records and signals

    def _write_record(self, post: _Post, mark: Mark) -> None:
        if self._record is None:
            return
        marks = self.living() | {post.child.name: mark}
        content = {name: {"pid": one.pid, "start": one.start} for name, one in marks.items()}
        notes.replace(self._record, {"children": content})

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        wake, wakener = socket.socketpair()
        wake.setblocking(False)
        wakener.setblocking(False)

        def asked(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        wanted = {signal.SIGTERM: asked, signal.SIGINT: asked, signal.SIGCHLD: _nothing}
        # Under nohup a hang-up is ignored from the start, and stays so.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            wanted[signal.SIGHUP] = asked
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        earlier = signal.set_wakeup_fd(wakener.fileno(), warn_on_full_buffer=False)
        try:
            yield wake
        finally:
            signal.set_wakeup_fd(earlier)
            for number, handler in before.items():
                signal.signal(number, handler)
            wake.close()
            wakener.close()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """SIGCHLD only wakes the loop."""


def _sleep(wake: socket.socket, seconds: float) -> None:
    if select.select([wake], [], [], seconds)[0]:
        wake.recv(4096)


def _recorded(record: Path) -> dict[str, Mark]:
    children = notes.read(record).get("children")
    if not isinstance(children, dict):
        return {}
    return {str(name): mark for name, entry in children.items() if (mark := _mark_in(entry))}


def _mark_in(entry: Mapping[str, object] | object) -> Mark | None:
    if not isinstance(entry, dict):
        return None
    pid, start = entry.get("pid"), entry.get("start")
    # A number below 2 would name every process of the group, or all of them.
    if isinstance(pid, int) and pid > 1 and isinstance(start, str):
        return Mark(pid, start)
    return None


def _holder(handle: TextIO) -> str:
    handle.seek(0)
    return f"process {text}" if (text := handle.read(20).strip()).isdigit() else "another process"


def _trim(log: Path | None) -> None:
    """Keep a log small: past the limit its content moves to `<name>.1`. The child goes on writing to the same file."""
    try:
        if log is None or log.stat().st_size < _LOG_LIMIT:
            return
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)
    except OSError:
        # A log that cannot be trimmed is a matter of disk space; the next look tries again.
        return
