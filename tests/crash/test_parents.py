"""Kills above the work-horse: RQ's worker, the crew, the clock; an orphan must not go on sending."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.crash.rig import Rig, alive

pytestmark = pytest.mark.kills

LAST_GASP_S = 5.0


def held(rig: Rig, point: str) -> tuple[str, psutil.Process]:
    """An email in the hands of a work-horse that holds at `point`; the touch and the horse."""
    rig.arm(point, "hold")
    touch_id = rig.email_due()
    return touch_id, psutil.Process(rig.fired(point))


@pytest.mark.parametrize(("point", "state", "copies"), [("smtp.body", "sent", 1), ("smtp.dot", "uncertain", 1)])
def test_a_horse_dies_with_its_worker(rig: Rig, point: str, state: str, copies: int) -> None:
    """F2: RQ's worker is killed alone. Its horse would go on as an orphan that nobody knows of; the kernel ends it."""
    touch_id, horse = held(rig, point)
    worker = horse.parent()
    assert worker is not None
    worker.send_signal(signal.SIGKILL)
    rig.wait_for(lambda: not alive(horse.pid), LAST_GASP_S, "the horse to die with its worker")
    assert rig.wait_until(touch_id, "sent", "uncertain").state == state
    rig.wait_for(lambda: rig.copies(touch_id) == copies, what="the copy")
    rig.check()


def test_a_whole_crew_dies_with_its_parent(rig: Rig) -> None:
    """The parent of all workers is killed alone: no worker and no horse is left, and the next crew takes over."""
    touch_id, horse = held(rig, "smtp.body")
    worker = horse.parent()
    assert worker is not None
    rig.house.kill("worker", only=True)
    rig.wait_for(lambda: not alive(horse.pid) and not alive(worker.pid), LAST_GASP_S, "the crew to die")
    rig.revive()
    assert rig.wait_until(touch_id, "sent").attempts >= 2
    assert rig.copies(touch_id) == 1
    rig.check()


def test_everything_killed_at_once_goes_on_where_it_was(rig: Rig) -> None:
    """F3: crew, workers, horses and clock at the same moment, with emails in all phases."""
    rig.arm("smtp.body", "hold")
    touch_ids = rig.emails_due("slow100", 6)
    rig.fired("smtp.body")
    for part in ("clock", "worker"):
        rig.house.kill(part)
    rig.revive()
    states = [rig.wait_until(touch_id, "sent", "uncertain").state for touch_id in touch_ids]
    assert states.count("uncertain") <= 2, "no more than there were hands"
    rig.check()


def test_a_worker_asked_to_stop_finishes_the_email_in_hand(rig: Rig) -> None:
    """SIGTERM: the email leaves, the rest waits for the next crew, and nothing is uncertain."""
    rig.arm("smtp.body", "hold")
    touch_ids = rig.emails_due("ok", 3)
    pid = rig.fired("smtp.body")
    os.kill(rig.house._parts["worker"].pid, signal.SIGTERM)
    rig.go("smtp.body")
    rig.house._parts["worker"].wait(10)
    assert not alive(pid)
    rig.revive()
    assert {rig.wait_until(touch_id, "sent", "uncertain").state for touch_id in touch_ids} == {"sent"}
    rig.check()
