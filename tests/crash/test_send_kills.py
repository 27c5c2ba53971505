"""kill -9 at every point on the way of an email: what the records say afterwards, and how many copies left.

The table is that of `docs/email-route.md`. Before the commit mark an email is sent again, once; after it, and without
the answer recorded, it is uncertain and never sent again by itself.
"""

from __future__ import annotations

import time

import pytest

from tests.crash.rig import FREED_S, Rig, alive
from tests.support.crash import POINTS

pytestmark = pytest.mark.kills

TABLE: dict[str, tuple[str, int]] = {
    "claim.committed": ("sent", 1),
    "begin.locked": ("sent", 1),
    "begin.committed": ("sent", 1),
    "smtp.connected": ("sent", 1),
    "smtp.mail": ("sent", 1),
    "smtp.rcpt": ("sent", 1),
    "smtp.body": ("sent", 1),
    "mark.before": ("sent", 1),
    "mark.committed": ("uncertain", 0),
    "smtp.dot": ("uncertain", 1),
    "smtp.replied": ("uncertain", 1),
    "answered": ("uncertain", 1),
    "sent.recorded": ("sent", 1),
}


def test_the_table_names_every_point() -> None:
    """No window is left out."""
    assert tuple(TABLE) == POINTS


@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at(rig: Rig, point: str) -> None:
    """One email, one kill; what died is started again, as the supervisor does."""
    state, copies = TABLE[point]
    rig.arm(point, "kill")
    touch_id = rig.email_due()
    pid = rig.fired(point)
    killed = time.monotonic()
    rig.wait_for(lambda: not alive(pid), what="the kill")
    rig.revive()
    touch = rig.wait_until(touch_id, "sent", "uncertain", "failed")
    assert touch.state == state
    assert time.monotonic() - killed < FREED_S
    rig.wait_for(lambda: rig.copies(touch_id) == copies, what=f"{copies} copies, not {rig.copies(touch_id)}")
    rig.check()
