"""kill -9 of a worker while it sets a stage at HubSpot, before the call or behind its answer: set once, and no echo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from tests.crash.rig import CRM, Rig, alive
from tests.support.crash import HUBSPOT, WRITEBACK_POINTS
from workflow.actions import crm_links, crm_words, prospects, sources
from workflow.crm.fake import TOKEN, FakeHubSpot, FakeServer, Told
from workflow.crm.port import STAGE, Word
from workflow.records.crm import CrmLink
from workflow.records.outbox import Outgoing, Target

pytestmark = pytest.mark.kills


@pytest.mark.parametrize("point", WRITEBACK_POINTS)
def test_a_worker_killed_at(rig: Rig, point: str) -> None:
    """HubSpot says no first: the wait it asks for is kept, and the kill comes with the attempt after it."""
    account = FakeHubSpot(lambda: datetime.now(UTC))
    account.put("deals", "123", dealname="Big", dealstage="appointmentscheduled")
    with FakeServer(account, faults=[Told(429, {"message": "slow"}, {"Retry-After": "1"})]) as server:
        (rig.arms / HUBSPOT).write_text(server.url, encoding="ascii")
        name = f"hubspot-{uuid4().hex[:8]}"
        sources.add(rig.ws, "hubspot", name, "a-client-secret")
        source_id = sources.id_of(rig.ws, name)
        try:
            sources.keep_token(rig.ws, source_id, TOKEN)
            crm_links.set_writes(rig.ws, source_id, {"qualified": "qualifiedtobuy"})
            moved = rig.prospect()
            with rig.ws.database.write() as tx:
                prospects.remember_ref(tx, source_id, "123", moved)
            rig.arm(point, "kill")
            prospects.move(rig.ws, moved, "qualify", {}, CRM)
            pid = rig.fired(point)
            rig.wait_for(lambda: not alive(pid), what="the kill")
            rig.revive()
            _let_a_minute_pass(rig, source_id)
            rig.wait_for(lambda: _states(rig, source_id) == ["done"], what="the stage to be set")
            calls = [asked for asked in server.asked if asked.method == "PATCH"]
            assert [asked.body for asked in calls] == [{"properties": {"dealstage": "qualifiedtobuy"}}]
            last = account.objects["deals"]["123"]["history"]["dealstage"][0]
            echo = Word("deal:123", STAGE, "qualifiedtobuy", datetime.fromisoformat(last["timestamp"]))
            with rig.ws.database.read() as tx:
                assert crm_words.is_ours(tx, source_id, echo)
        finally:
            sources.remove(rig.ws, source_id)
            (rig.arms / HUBSPOT).unlink()
    rig.check()


def _let_a_minute_pass(rig: Rig, source_id: str) -> None:
    """The dead worker held the target for a minute, which the test does not wait for."""
    with rig.ws.database.write() as tx:
        mine = select(CrmLink.target_id).where(CrmLink.source_id == source_id).scalar_subquery()
        held = update(Target).where(Target.id == mine, Target.lease_until > tx.now + timedelta(seconds=10))
        assert tx.conn.execute(held.values(lease_until=tx.now)).rowcount == 1


def _states(rig: Rig, source_id: str) -> list[str]:
    with rig.ws.database.read() as tx:
        mine = select(CrmLink.target_id).where(CrmLink.source_id == source_id).scalar_subquery()
        return list(tx.conn.execute(select(Outgoing.state).where(Outgoing.target_id == mine)).scalars())
