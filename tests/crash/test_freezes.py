"""Processes that are frozen, not dead: taken for dead, woken again, and still no email leaves twice."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.crash.rig import Rig, alive
from tests.support.crash import TIMINGS

pytestmark = pytest.mark.kills


def wake(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def test_a_sender_frozen_between_begin_and_mark_is_replaced(rig: Rig) -> None:
    """F47: another hand sends the email; the one that wakes finds its token gone and closes without the dot."""
    rig.arm("mark.before", "stop")
    touch_id = rig.email_due()
    pid = rig.fired("mark.before")
    touch = rig.wait_until(touch_id, "sent")
    assert touch.attempts >= 2
    wake(pid)
    rig.wait_for(lambda: not alive(pid), what="the sleeper to end its work")
    assert rig.copies(touch_id) == 1
    rig.check()


def test_a_sender_frozen_between_mark_and_dot_sends_nothing_when_it_wakes(rig: Rig) -> None:
    """F48: shown as uncertain meanwhile; it wakes, knows that nothing left, and the email is asked anew."""
    rig.arm("mark.committed", "stop")
    touch_id = rig.email_due()
    pid = rig.fired("mark.committed")
    rig.wait_until(touch_id, "uncertain")
    assert rig.copies(touch_id) == 0
    wake(pid)
    rig.wait_until(touch_id, "sent")
    assert rig.copies(touch_id) == 1
    rig.check()


def test_a_sender_frozen_behind_the_dot_settles_its_email_when_it_wakes(rig: Rig) -> None:
    """The server has it; uncertain becomes sent."""
    rig.arm("smtp.dot", "stop")
    touch_id = rig.email_due()
    pid = rig.fired("smtp.dot")
    rig.wait_until(touch_id, "uncertain")
    wake(pid)
    rig.wait_until(touch_id, "sent")
    assert rig.copies(touch_id) == 1
    rig.check()


def test_one_frozen_sender_does_not_hold_up_the_others(rig: Rig) -> None:
    """Its mailbox has other hands."""
    rig.arm("mark.committed", "stop")
    frozen = rig.email_due()
    pid = rig.fired("mark.committed")
    others = rig.emails_due("ok", 5)
    for touch_id in others:
        rig.wait_until(touch_id, "sent")
    wake(pid)
    rig.wait_until(frozen, "sent", "uncertain")
    rig.check()


def test_a_frozen_clock_is_no_clock_and_wakes_without_harm(rig: Rig) -> None:
    """Its claim stands without a hint until it wakes; then the email leaves, once."""
    rig.arm("claim.committed", "stop")
    touch_id = rig.email_due()
    pid = rig.fired("claim.committed")
    time.sleep(TIMINGS.hint_again.total_seconds())
    assert rig.touch(touch_id).state == "claimed"
    wake(pid)
    rig.wait_until(touch_id, "sent")
    rig.check()
