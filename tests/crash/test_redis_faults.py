"""Redis flushed, killed, frozen: hints are lost, never an email."""

from __future__ import annotations

import signal
import time

import pytest

from tests.crash.rig import Rig

pytestmark = pytest.mark.kills

BACK_S = 25.0
"""A worker that lost Redis ends, and is started again with back-off; then it takes hints at once."""


def test_a_flushed_redis_loses_no_email(rig: Rig) -> None:
    """F12: hints that nobody had taken are gone; the clock leaves them again."""
    rig.house.kill("worker")
    touch_ids = rig.emails_due("ok", 3)
    for touch_id in touch_ids:
        rig.wait_until(touch_id, "claimed")
    for _ in range(3):
        rig.house.redis.flush()
        time.sleep(0.1)
    rig.revive()
    rig.house.redis.flush()
    for touch_id in touch_ids:
        rig.wait_until(touch_id, "sent")
    rig.check()


def test_a_redis_that_comes_back_empty_loses_no_email(rig: Rig) -> None:
    """F13: killed under load, away for a while, back without its files."""
    before = rig.emails_due("ok", 3)
    rig.house.redis.kill()
    during = rig.emails_due("ok", 3)
    time.sleep(1.0)
    assert any(rig.touch(touch_id).state != "sent" for touch_id in during)
    for file in rig.house.redis.folder.glob("appendonlydir/*"):
        file.unlink()
    rig.house.redis.start()
    for touch_id in before + during:
        rig.wait_until(touch_id, "sent", seconds=BACK_S)
    rig.check()


def test_a_redis_that_hangs_loses_no_email(rig: Rig) -> None:
    """F14: it takes connections and answers nothing; the clock goes on looking after the rest meanwhile."""
    child = rig.house.redis._child
    assert child is not None
    child.send_signal(signal.SIGSTOP)
    try:
        touch_ids = rig.emails_due("ok", 3)
        time.sleep(2.0)
    finally:
        child.send_signal(signal.SIGCONT)
    for touch_id in touch_ids:
        rig.wait_until(touch_id, "sent", seconds=BACK_S)
    rig.check()


def test_an_email_in_hand_leaves_while_redis_is_away(rig: Rig) -> None:
    """F15: the record is in the database before the worker learns that Redis is gone; nothing is sent again."""
    rig.arm("smtp.body", "hold")
    touch_id = rig.email_due()
    rig.fired("smtp.body")
    rig.house.redis.kill()
    rig.go("smtp.body")
    rig.wait_until(touch_id, "sent")
    rig.house.redis.start()
    after = rig.email_due()
    rig.wait_until(after, "sent", seconds=BACK_S)
    assert rig.copies(touch_id) == 1
    rig.check()
