"""kill -9 of a worker while it tells an endpoint something: told again under the same id, and the order is kept."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from tests.crash.rig import Rig, alive
from tests.outreach.scene import REP
from tests.support.crash import OUTBOX_POINTS
from tests.support.receiver import Receiver
from workflow.actions import endpoints
from workflow.records.outbox import Outgoing, Target

pytestmark = pytest.mark.kills

TIMES_TOLD = {"outbox.taken": 1, "outbox.answered": 2}
"""Of the event at which the worker died: before the request, and between its answer and the record."""


def test_the_table_names_every_point_of_the_outbox() -> None:
    assert tuple(TIMES_TOLD) == OUTBOX_POINTS


@pytest.mark.parametrize("point", OUTBOX_POINTS)
def test_a_worker_killed_at(rig: Rig, point: str) -> None:
    with Receiver() as receiver:
        made = endpoints.add(rig.ws, f"crm-{uuid4().hex[:8]}", receiver.url, REP, events=["prospect.created"])
        try:
            rig.arm(point, "kill")
            first = rig.prospect()
            pid = rig.fired(point)
            rig.wait_for(lambda: not alive(pid), what="the kill")
            rest = [rig.prospect() for _ in range(3)]
            rig.revive()
            _let_a_minute_pass(rig, made.id)
            rig.wait_for(lambda: _states(rig, made.id) == ["done"] * 4, what="four events told")
        finally:
            endpoints.remove(rig.ws, made.id, REP.actor)
    told = [json.loads(came.body) for came in receiver.came]
    assert [each["prospect"]["id"] for each in told] == [first] * TIMES_TOLD[point] + rest
    assert len({came.headers["webhook-id"] for came in receiver.came}) == 4
    assert [came.headers["onward-sequence"] for came in receiver.came[-4:]] == ["1", "2", "3", "4"]
    rig.check()


def _let_a_minute_pass(rig: Rig, target_id: str) -> None:
    """The dead worker held the target for a minute, which the test does not wait for."""
    with rig.ws.database.write() as tx:
        held = update(Target).where(Target.id == target_id, Target.lease_until > tx.now + timedelta(seconds=10))
        assert tx.conn.execute(held.values(lease_until=tx.now)).rowcount == 1


def _states(rig: Rig, target_id: str) -> list[str]:
    with rig.ws.database.read() as tx:
        found = select(Outgoing.state).where(Outgoing.target_id == target_id).order_by(Outgoing.sequence)
        return list(tx.conn.execute(found).scalars())
