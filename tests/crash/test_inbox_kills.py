"""kill -9 of the web while a delivery is taken: the vendor's retry finds it stored once, or not at all."""

from __future__ import annotations

import http.client
import time
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.crash.rig import Rig
from tests.support.checker import Accepted
from tests.support.crash import INBOX_POINTS
from tests.support.processes import Answer, signed
from workflow.actions import sources
from workflow.records.models import Delivery, Source

pytestmark = pytest.mark.kills

RETRIES_S = 20.0


@pytest.fixture
def secret(rig: Rig) -> str:
    """The secret of a source, on a rig whose web runs."""
    if "web" not in rig.house._parts:
        rig.start("web", "--bind", f"127.0.0.1:{rig.house.port}")
    rig.wait_for(rig.house.answers, 30.0, "web to answer")
    return sources.add(rig.ws, "standard", f"crm-{uuid4().hex[:8]}")


def deliver(rig: Rig, secret: str, body: bytes, delivery_id: str) -> Answer | None:
    """One attempt of the vendor; None when there was no answer."""
    with rig.ws.database.read() as tx:
        name = tx.conn.execute(select(Source.name).order_by(Source.id.desc()).limit(1)).scalar_one()
    with suppress(OSError, http.client.HTTPException):
        return rig.house.request("POST", f"/webhooks/{name}", body, signed(secret, body, delivery_id))
    return None


@pytest.mark.parametrize("point", INBOX_POINTS)
def test_a_web_killed_at(rig: Rig, secret: str, point: str) -> None:
    """F6 and F7: no answer at the first attempt; at the retry accepted, or a duplicate of what was stored."""
    rig.arm(point, "kill")
    name = uuid4().hex
    event_id, email = f"evt-{name}", f"ok+{name}@sink.test"
    body = (
        f'{{"id": "{event_id}", "type": "move.requested", "prospect": {{"email": "{email}"}},'
        ' "data": {"trigger": "qualify"}}'
    ).encode()
    assert deliver(rig, secret, body, f"msg-{name}") is None
    rig.fired(point)
    until = time.monotonic() + RETRIES_S
    answer = None
    while (answer is None or answer.status >= 500) and time.monotonic() < until:
        time.sleep(0.2)
        answer = deliver(rig, secret, body, f"msg-{name}")
    assert answer is not None
    assert answer.status == 202, answer
    assert answer.json["status"] == {"delivery.kept": "accepted", "delivery.committed": "duplicate"}[point]
    rig.accepted.append(Accepted(f"msg-{name}", body, (event_id,)))
    with rig.ws.database.read() as tx:
        kept = tx.conn.execute(select(Delivery.id).where(Delivery.dedupe_key == f"msg-{name}")).all()
    assert len(kept) == 1
    rig.wait_for(lambda: email in {row["rcpt"] for row in rig.sink.truth_rows()}, what="the email of the move")
    rig.check()
