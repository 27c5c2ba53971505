"""kill -9 on the way of an erasure: either nothing of it happened, or it ends by itself and nothing is left."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.crash.rig import CRM, Rig, alive
from tests.support.crash import ERASE_POINTS
from workflow.actions import erasing, inbox, prospects, sources
from workflow.actions.parcels import Incoming, Parcel
from workflow.records.base import Base
from workflow.records.erasing import Erasure
from workflow.records.models import Prospect
from workflow.reports import doctor

pytestmark = pytest.mark.kills

EMAIL, MANY = "zlatka@privat.test", 250
"""More deliveries than a batch of the search."""


def words_left(rig: Rig) -> set[str]:
    """The tables in which the address stands."""
    with rig.ws.database.read() as tx:
        return {
            table.name
            for table in Base.metadata.sorted_tables
            for row in tx.conn.execute(select(*table.columns))
            if any(EMAIL in (each.decode("latin-1") if isinstance(each, bytes) else str(each)) for each in row)
        }


def is_over(rig: Rig) -> bool:
    """Whether every erasure that began has ended."""
    with rig.ws.database.read() as tx:
        return set(tx.conn.execute(select(Erasure.state)).scalars()) == {"done"}


@pytest.mark.parametrize("point", ERASE_POINTS)
def test_an_erasure_killed_at(fresh: Rig, point: str) -> None:
    """One kill, and then nothing but a clock; before the commit it is as if nobody had asked."""
    ws = fresh.ws
    sources.add(ws, "standard", "crm")
    with ws.database.read() as tx:
        crm = sources.open_source(ws, tx, "crm")
    assert crm is not None
    for number in range(MANY):
        told = Incoming(f"evt-{number}", "email.clicked", ref=None, fields={"email": EMAIL}, data={})
        inbox.receive(ws, crm, Parcel(f"msg-{number}", {}, f"{number} {EMAIL}".encode(), [told]))
    known = prospects.create(ws, {"email": EMAIL, "name": "Zlatka"}, {}, CRM).prospect_id
    fresh.arm(point, "kill")
    fresh.start("erase", known)
    pid = fresh.fired(point)
    fresh.wait_for(lambda: not alive(pid), what="the kill")
    if point == "erase.blanked":
        with ws.database.read() as tx:
            assert tx.conn.execute(select(Prospect.name)).scalar_one() == "Zlatka"
        assert erasing.erase(ws, known, CRM).is_done is False
    assert not is_over(fresh)
    assert words_left(fresh) >= {"delivery", "erasure"}
    fresh.start("clock")
    fresh.wait_for(lambda: is_over(fresh), 60.0, what="the clock to end it")
    assert words_left(fresh) == set()
    assert doctor.examine(ws) == ()
