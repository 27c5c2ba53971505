"""What a CRM still says of somebody who was merged: by the old address, the old ref or the old email of ours."""

from __future__ import annotations

from sqlalchemy import select

from tests.web.fixtures import Sender, body_of
from workflow.actions import merging, prospects
from workflow.actions.prospects import Who
from workflow.records.models import Event, Prospect
from workflow.workspace import Workspace

REP = Who("rep:tester", "test")


def test_events_of_the_old_one_reach_the_other_and_its_address_does_not_wander(crm: Sender, ws: Workspace) -> None:
    kept = prospects.create(ws, {"email": "ana@example.com"}, {}, REP).prospect_id
    crm.tell("prospect.upserted", "old@example.com", prospect={"email": "old@example.com", "ref": "crm-7"})
    with ws.database.read() as tx:
        gone = prospects.by_email(tx, "old@example.com")
    assert gone is not None
    assert gone != kept
    merging.merge(ws, kept, gone, REP)

    told = [
        crm.tell("call.ended", "old@example.com", data={"minutes": 5}),
        crm.tell("call.ended", "", prospect={"ref": "crm-7"}, data={"minutes": 6}),
        crm.tell("call.ended", "", prospect={"ref": gone}, data={"minutes": 7}),
        # The CRM knows this person by the old address only, and says so again and again.
        crm.tell("prospect.upserted", prospect={"ref": "crm-7", "email": "old@example.com", "company": "Example"}),
        crm.tell("prospect.upserted", "old@example.com", prospect={"email": "OLD@example.com", "title": "Head"}),
    ]

    assert [each["outcome"] for each in told] == ["applied"] * 5
    with ws.database.read() as tx:
        of_events = select(Event.prospect_id).order_by(Event.id.desc()).limit(5)
        assert set(tx.conn.execute(of_events).scalars()) == {kept}
        rows = tx.conn.execute(
            select(Prospect.id, Prospect.email, Prospect.company, Prospect.title, Prospect.merged_into)
        ).all()
    assert {tuple(row) for row in rows} == {
        (kept, "ana@example.com", "Example", "Head", None),
        (gone, "old@example.com", "", "", kept),
    }
    # An address that nobody has is taken over as ever.
    moved = {"ref": "crm-7", "email": "ana.petrova@example.com"}
    assert body_of(crm.deliver({"id": "evt_9", "type": "prospect.upserted", "prospect": moved}))["status"] == "accepted"
    with ws.database.read() as tx:
        assert prospects.by_email(tx, "ana.petrova@example.com") == kept
