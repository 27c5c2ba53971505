"""Processes of this host: start one, recognise it again later, end it with everything it started.

Knows nothing of Onward's parts. A process is recognised by its id and its start together, because ids are reused.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.02
# The numbers of fields in /proc/<pid>/stat, counted behind the name in brackets (proc(5)).
_STATE, _STARTED = 0, 19
# What a shell says of a command it could not start.
_NOT_STARTED = 127


@dataclass(frozen=True, slots=True)
class Mark:
    """One process of this host, for as long as the host is up."""

    pid: int
    start: str


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where, and with what.

    With `call` nothing is executed: the fork goes on in this function and shares the memory of what is loaded. That
    wants a parent without threads and without open database connections. `with_parent` ends it when the parent dies.
    """

    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    cwd: Path | None = None
    fds: tuple[int, ...] = ()
    call: Callable[[], int] | None = None
    with_parent: bool = False


def mark_of(pid: int) -> Mark | None:
    """The mark of a living process, None when there is none (a zombie is dead)."""
    if _PROC.joinpath("self").exists():
        return _mark_from_proc(pid)
    return _mark_from_ps(pid)


def is_alive(mark: Mark) -> bool:
    """Whether this very process still lives."""
    return mark_of(mark.pid) == mark


def spawn(command: Command, record: Callable[[Mark], None]) -> Mark:
    """Start `command` in a session of its own and return its mark.

    `record` is called before the command begins: a caller killed in between leaves a child that sees the pipe
    close and ends, so that no process ever runs that is not on record.
    """
    gate_out, gate_in = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(gate_in)
        _become(command, gate_out, parent)
    os.close(gate_out)
    try:
        mark = mark_of(pid) or Mark(pid, "")
        record(mark)
        os.write(gate_in, b".")
    finally:
        os.close(gate_in)
    return mark


def signal_one(mark: Mark, number: int) -> None:
    """Send a signal to the process itself, if it still lives."""
    if is_alive(mark):
        _quietly(os.kill, mark.pid, number)


def kill_group(mark: Mark) -> None:
    """End the process and whatever it started in its session's first group.

    The id of a group is not given away while the group lives; if another process has the id, the group is gone.
    """
    now = mark_of(mark.pid)
    if now is None or now == mark:
        _quietly(os.killpg, mark.pid, signal.SIGKILL)


def end(marks: Iterable[Mark], *, patience_s: float) -> None:
    """Ask the processes to stop, wait `patience_s` seconds at most, and kill what is left with its group."""
    living = list(marks)
    for mark in living:
        signal_one(mark, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while any(map(is_alive, living)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    for mark in living:
        kill_group(mark)
    deadline = time.monotonic() + 1.0
    while any(map(is_alive, living)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)


def die_with_parent(number: int, parent: int) -> None:
    """Have the kernel send `number` to this process when `parent` dies. Linux only; elsewhere it does nothing."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    # The parent may have died between the fork and the call above; then no signal will ever come.
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def exit_words(status: int) -> str:
    """How a wait status reads in a sentence: `stopped with exit code 1`, `was ended by SIGKILL`."""
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"stopped with exit code {os.WEXITSTATUS(status)}"


def _become(command: Command, gate: int, parent: int) -> NoReturn:
    """In the child: wait until it is on record, then turn into the command. Never returns to the caller's code."""
    code = _NOT_STARTED
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.setsid()
        if os.read(gate, 1) == b"":
            os._exit(0)
        if command.with_parent:
            die_with_parent(signal.SIGKILL, parent)
        _connect(command)
        code = command.call() if command.call else _execute(command)
    finally:
        # The frames above belong to the parent and must not be unwound here: the trace is printed, and that is all.
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


def _execute(command: Command) -> int:
    try:
        os.execvpe(command.argv[0], command.argv, dict(command.env))
    except OSError as error:
        os.write(2, f"{command.argv[0]} cannot be started: {error.strerror}.\n".encode())
        return _NOT_STARTED


def _connect(command: Command) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if command.log is not None:
        log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
    for number in command.fds:
        os.set_inheritable(number, True)
    if command.cwd is not None:
        os.chdir(command.cwd)


def _mark_from_proc(pid: int) -> Mark | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    if fields[_STATE] in "ZX":
        return None
    return Mark(pid, f"{boot}/{fields[_STARTED]}")


def _mark_from_ps(pid: int) -> Mark | None:
    line = _words(["ps", "-o", "stat=,lstart=", "-p", str(pid)])
    state, _, start = line.partition(" ")
    if not state or state.startswith("Z"):
        return None
    return Mark(pid, start.strip())


def _words(argv: Sequence[str]) -> str:
    # A fixed command of the system, no input of ours but a number.
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def _quietly(act: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        act(pid, number)
    except (ProcessLookupError, PermissionError):
        return
