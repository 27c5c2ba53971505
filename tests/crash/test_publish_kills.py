"""kill -9 at every point of a publication: the old playbook is in force or the new one, and never half of each.

What is left of it is finished by a clock; no email leaves twice, and none is lost.
"""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.crash.rig import CRM, Rig, alive
from tests.process.ground import ROOT
from tests.support.crash import PUBLISH_POINTS
from workflow.actions import prospects, publishing
from workflow.engine import signals as kinds
from workflow.playbook import loader
from workflow.records.models import Enrollment, Prospect, Publication, Touch
from workflow.reports import doctor

pytestmark = pytest.mark.kills

FAST = ROOT / "tests" / "playbook" / "fast.yaml"
IN_FLIGHT = 60
"""More than a batch."""


def state_of(rig: Rig) -> tuple[str, set[str], set[str]]:
    """What is in force, where the prospects stand, and what those in flight follow."""
    with rig.ws.database.read() as tx:
        held = rig.ws.playbooks.in_force(tx).digest
        stages = set(tx.conn.execute(select(Prospect.stage)).scalars())
        followed = set(tx.conn.execute(select(Enrollment.playbook_digest)).scalars())
    return held, stages, followed


def under_way(rig: Rig) -> list[str]:
    """The states of the publications that somebody asked for."""
    with rig.ws.database.read() as tx:
        return list(tx.conn.execute(select(Publication.state).where(Publication.actor == "command")).scalars())


@pytest.mark.parametrize("point", PUBLISH_POINTS)
def test_a_publication_killed_at(fresh: Rig, point: str) -> None:
    """One kill, one look, and then the clock."""
    made = [fresh.prospect() for _ in range(IN_FLIGHT)]
    for prospect_id in made:
        prospects.tell(fresh.ws, prospect_id, kinds.CALL_ENDED, {}, CRM)
    file = fresh.arms.parent / "next.yaml"
    # The waits are as short as before: the mail goes on while the publication does.
    file.write_text(FAST.read_text(encoding="utf-8").replace("planned", "fresh").replace("4s", "3s"), encoding="utf-8")
    old, new = loader.read(FAST).digest, loader.read(file).digest
    fresh.arm(point, "kill")
    fresh.start("publish", str(file), "planned=fresh")
    pid = fresh.fired(point)
    fresh.wait_for(lambda: not alive(pid), what="the kill")

    before = point in ("publish.switched", "publish.mapped")
    held, stages, followed = state_of(fresh)
    assert (held, stages) == ((old, {"planned"}) if before else (new, {"fresh"}))
    if before:
        assert (followed, under_way(fresh)) == ({old}, [])
        publishing.publish(
            fresh.ws,
            publishing.draft(file.read_bytes()),
            prospects.Who("command", "test"),
            choices=publishing.Choices("move"),
            mapping={"planned": "fresh"},
        )
    fresh.start_all()
    fresh.wait_for(lambda: under_way(fresh) == ["done"], 30.0, what="the clock to finish it")

    def all_sent() -> bool:
        with fresh.ws.database.read() as tx:
            return set(tx.conn.execute(select(Touch.state)).scalars()) == {"sent"}

    fresh.wait_for(all_sent, 60.0, what="every email to leave")
    assert len(fresh.sink.truth_rows()) == 2 * IN_FLIGHT
    assert state_of(fresh)[:2] == (new, {"fresh"})
    assert doctor.examine(fresh.ws) == ()
