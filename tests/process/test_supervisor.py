"""The supervisor over real stand-in processes: what dies comes back, what is told to stop stops, none is lost."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.process import ground
from workers import processes, supervisor
from workers.supervisor import Timing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder whose name has a space and letters beyond ASCII."""
    folder = tmp_path / "Данни на Onward"
    folder.mkdir()
    return folder


def lives(data_dir: Path, name: str) -> list[str]:
    """The starts of a stand-in so far."""
    return [line for line in ground.lines(data_dir / "lives") if line.split()[0] == name]


def test_a_killed_child_comes_back(data_dir: Path) -> None:
    """Kill -9 of a child is followed by a new one, and a sentence that says so."""
    with ground.running(data_dir, "team", "web=patient", "clock=patient"):
        ground.wait_for(lambda: lives(data_dir, "web") and lives(data_dir, "clock"))
        first = ground.children(data_dir)
        ground.kill(first["web"])
        ground.wait_for(lambda: len(lives(data_dir, "web")) == 2)
        second = ground.children(data_dir)
        assert second["web"] != first["web"]
        assert second["clock"] == first["clock"]
        assert "web was ended by SIGKILL; starting it again" in ground.said(data_dir)


def test_a_child_that_dies_at_once_is_started_ever_more_slowly(data_dir: Path) -> None:
    """The pauses double up to the ceiling, and the others are not disturbed."""
    with ground.running(data_dir, "team", "bad=short", "good=patient"):
        ground.wait_for(lambda: len(lives(data_dir, "bad")) >= 5, seconds=20)
        times = [float(line.split()[2]) for line in lives(data_dir, "bad")][:5]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert gaps[0] >= 0.2
        assert gaps[1] >= 0.4
        assert gaps[2] >= 0.8
        assert gaps[3] >= 0.8
        assert len(lives(data_dir, "good")) == 1
        assert "bad stopped with exit code 3; starting it again in 0.4 s" in ground.said(data_dir)


def test_the_pause_doubles_from_half_a_second_to_half_a_minute() -> None:
    """The waits of the product: 0.5 s, 1 s, 2 s … 30 s."""
    timing = Timing()
    assert [timing.pause(failures) for failures in (0, 1, 2, 5, 6, 99)] == [0.5, 1.0, 2.0, 16.0, 30.0, 30.0]


@pytest.mark.parametrize("number", ["TERM", "INT", "HUP"])
def test_a_signal_stops_everything(data_dir: Path, number: str) -> None:
    """SIGTERM, Ctrl+C and a closed terminal all end the children and leave exit code 0."""
    with ground.running(data_dir, "team", "web=patient", "clock=patient") as process:
        ground.wait_for(lambda: lives(data_dir, "web") and lives(data_dir, "clock"))
        process.send_signal(signal.Signals[f"SIG{number}"])
        assert process.wait(5) == 0
        assert ground.on(data_dir) == []
        assert ground.children(data_dir) == {}


def test_what_others_need_is_stopped_last(data_dir: Path) -> None:
    """A child of a higher rank is asked to stop only when those of the lower rank have ended."""
    with ground.running(data_dir, "team", "store=patient@1", "a=patient", "b=patient") as process:
        ground.wait_for(lambda: all(lives(data_dir, name) for name in ("store", "a", "b")))
        process.terminate()
        assert process.wait(10) == 0
        assert sorted(ground.lines(data_dir / "ended")[:2]) == ["a", "b"]
        assert ground.lines(data_dir / "ended")[2] == "store"


def test_a_child_that_does_not_listen_is_killed_in_time(data_dir: Path) -> None:
    """One deaf child does not hold up the stop beyond the limit (two seconds here, eight in the product)."""
    with ground.running(data_dir, "team", "deaf=deaf", "clock=patient") as process:
        ground.wait_for(lambda: lives(data_dir, "deaf") and lives(data_dir, "clock"))
        begun = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 3.5
        assert ground.on(data_dir) == []


def test_a_killed_supervisor_leaves_nothing_double(data_dir: Path) -> None:
    """After kill -9 of the supervisor the next start replaces what it left: exactly one of each runs."""
    with ground.running(data_dir, "team", "web=patient", "deaf=deaf") as first:
        ground.wait_for(lambda: lives(data_dir, "web") and lives(data_dir, "deaf"))
        before = ground.children(data_dir)
        ground.kill(first.pid)
        first.wait()
        assert all(map(ground.alive, before.values()))
        with ground.running(data_dir, "team", "web=patient", "deaf=deaf") as second:
            ground.wait_for(lambda: len(lives(data_dir, "web")) == 2 and len(lives(data_dir, "deaf")) == 2)
            after = ground.children(data_dir)
            assert {one.pid for one in ground.on(data_dir)} == {second.pid, *after.values()}
            assert not set(before.values()) & set(after.values())
            assert "An earlier start left deaf, web running" in ground.said(data_dir)


def test_what_answers_is_adopted_and_what_falls_silent_is_replaced(data_dir: Path) -> None:
    """A child that answers survives its supervisor's kill -9; one that no longer answers is ended and started anew."""
    with ground.running(data_dir, "team", "store=PATIENT") as first:
        ground.wait_for(lambda: lives(data_dir, "store"))
        before = ground.children(data_dir)["store"]
        ground.kill(first.pid)
        first.wait()
        with ground.running(data_dir, "team", "store=PATIENT"):
            ground.wait_for(lambda: ground.children(data_dir).get("store"))
            time.sleep(1.0)
            assert ground.children(data_dir)["store"] == before
            (data_dir / "store.answers").unlink()
            ground.wait_for(lambda: len(lives(data_dir, "store")) == 2)
            assert not ground.alive(before)
            assert "store did not answer and ended; starting it again" in ground.said(data_dir)


def test_two_starts_on_one_folder_are_refused(data_dir: Path) -> None:
    """The second start says one sentence, exits with 2 and disturbs nothing."""
    with ground.running(data_dir, "team", "web=patient") as first:
        ground.wait_for(lambda: lives(data_dir, "web"))
        argv = [sys.executable, "-m", "tests.process.patient", "team", "web=patient"]
        second = subprocess.run(
            argv, env=ground.environment(data_dir), capture_output=True, text=True, timeout=20, check=False
        )
        assert second.returncode == 2
        assert second.stderr.count("\n") == 1
        assert f"already runs on {data_dir} (process {first.pid})" in second.stderr
        assert first.poll() is None
        assert len(lives(data_dir, "web")) == 1


def test_a_recorded_number_that_was_given_to_another_process_is_left_alone(data_dir: Path) -> None:
    """A process id is reused sooner or later: only the very process on record is ended."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        record = {"children": {"web": {"pid": stranger.pid, "start": "another boot/1"}, "odd": {"pid": 1}, "x": 7}}
        (data_dir / "run").mkdir()
        (data_dir / "run" / "children.json").write_text(json.dumps(record), encoding="utf-8")
        with ground.running(data_dir, "team", "web=patient"):
            ground.wait_for(lambda: lives(data_dir, "web"))
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_dead_child_started_goes_with_it(data_dir: Path) -> None:
    """A process that a child left in its group is ended before the child starts anew."""
    with ground.running(data_dir, "team", "web=parent"):
        ground.wait_for(lambda: lives(data_dir, "grandchild"))
        grandchild = int(lives(data_dir, "grandchild")[0].split()[1])
        ground.kill(ground.children(data_dir)["web"])
        ground.wait_for(lambda: len(lives(data_dir, "grandchild")) == 2)
        assert not ground.alive(grandchild)


def test_a_command_that_does_not_exist_is_told_and_tried_again(data_dir: Path) -> None:
    """The fault is a sentence of the supervisor, and the rest goes on."""
    log = data_dir / "log"
    mark = processes.spawn(processes.Command(("/no/such/program",), {}, log=log), lambda _: None)
    _, status = os.waitpid(mark.pid, 0)
    assert processes.exit_words(status) == "stopped with exit code 127"
    assert "No such file" in log.read_text(encoding="utf-8")


def test_a_process_is_known_without_proc(tmp_path: Path) -> None:
    """Where the system has no /proc a process is recognised by what `ps` says of its start."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path)
    mark = processes._mark_from_ps(sleeper.pid)
    assert mark is not None
    assert mark.start
    assert processes._mark_from_ps(sleeper.pid) == mark
    sleeper.kill()
    sleeper.wait()
    assert processes._mark_from_ps(sleeper.pid) is None


def test_a_log_is_kept_small_while_it_is_written(tmp_path: Path) -> None:
    """Past the limit its content moves aside, and the writer goes on in the same file."""
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 10_000_000)
        supervisor._trim(log)
        writer.write(b"and on\n")
    assert log.read_bytes() == b"and on\n"
    assert (tmp_path / "web.log.1").stat().st_size == 10_000_000
    supervisor._trim(log)
    supervisor._trim(tmp_path / "none.log")
    supervisor._trim(None)
    assert log.read_bytes() == b"and on\n"


def test_no_process_runs_before_it_is_on_record(tmp_path: Path) -> None:
    """A child whose recording fails never begins."""
    trace = tmp_path / "trace"

    forked = []

    def refuse(mark: processes.Mark) -> None:
        forked.append(mark.pid)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        processes.spawn(processes.Command(("/usr/bin/touch", str(trace)), {}), refuse)
    _, status = os.waitpid(forked[0], 0)
    assert status == 0
    assert not trace.exists()
