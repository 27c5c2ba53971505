"""A prospect that moves here moves its deal there, once; what comes back is known, and a rep there has the last say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.crm.conftest import Office
from workflow.actions import crm_links, outbox, sources
from workflow.actions.outbox import Drained
from workflow.actions.writeback import TRIES, WritebackCourier
from workflow.crm.fake import Told
from workflow.crm.vendors import Vendors
from workflow.errors import BadInput
from workflow.probe import SILENT, Probe
from workflow.records.crm import CrmLink
from workflow.records.db import Record
from workflow.records.outbox import Outgoing
from workflow.reports import doctor

WRITES = {"qualified": "qualifiedtobuy", "diagnosed": "contractsent", "closed": "closedlost"}


def target_of(office: Office) -> str:
    with office.scene.ws.database.read() as tx:
        return str(tx.conn.execute(select(CrmLink.target_id)).scalar_one())


def drain(office: Office, probe: Probe = SILENT) -> Drained:
    """What a worker does on a hint."""
    vendors = Vendors(office.vendors.bases, {**office.vendors.parts, "tries": TRIES})
    courier = WritebackCourier(office.scene.ws, vendors, probe)
    return outbox.drain(office.scene.ws, target_of(office), {"writeback": courier}, probe=probe)


def sent(office: Office) -> list[Record]:
    with office.scene.ws.database.read() as tx:
        return list(tx.conn.execute(select(*Outgoing.__table__.columns).order_by(Outgoing.sequence)).all())


def writes(office: Office) -> list[object]:
    return [asked.body for asked in office.server.asked if asked.method == "PATCH"]


def known(office: Office) -> str:
    """Ana, whom HubSpot's deal made known."""
    office.delivers(office.changes("deal", 123))
    office.ask()
    office.sweep()
    crm_links.set_writes(office.scene.ws, office.source_id, WRITES)
    office.scene.clock.advance(minutes=1)
    return str(office.whose("123").id)


def test_a_move_here_sets_the_stage_there_and_its_echo_changes_nothing(hubspot: Office) -> None:
    scene, ana = hubspot.scene, known(hubspot)
    scene.move(ana, "qualify")
    written = scene.clock.now
    drain(hubspot)
    assert hubspot.hubspot.objects["deals"]["123"]["properties"]["dealstage"] == "qualifiedtobuy"
    assert [row.state for row in sent(hubspot)] == ["done"]
    # The prospect moved on before the echo came: taken for news it would be a step back.
    scene.clock.advance(seconds=5)
    scene.move(ana, "diagnose")
    drain(hubspot)
    version = hubspot.whose("123").version
    for stage, at in (("qualifiedtobuy", written), ("contractsent", scene.clock.now)):
        (event,) = hubspot.delivers(hubspot.changes("deal", 123, at, dealstage=stage)).events
        assert event.outcome == "ignored"
        assert "Our own change" in str(event.reason)
    scene.clock.advance(minutes=2)
    hubspot.ask(poll=True)
    assert hubspot.whose("123").version == version
    assert len(writes(hubspot)) == 2
    # A rep there has the last word, and it is not written back.
    hubspot.hubspot.put("deals", "123", dealstage="closedlost")
    assert hubspot.delivers(hubspot.changes("deal", 123, dealstage="closedlost")).events[0].outcome == "applied"
    drain(hubspot)
    assert (hubspot.whose("123").stage, len(writes(hubspot))) == ("closed", 2)
    assert sent(hubspot)[-1].answer == "it came from there"
    assert [fault for fault in doctor.examine(scene.ws) if "outbox" in str(fault)] == []


def test_who_was_later_wins(hubspot: Office) -> None:
    scene, ana = hubspot.scene, known(hubspot)
    scene.move(ana, "qualify")
    scene.clock.advance(seconds=10)
    hubspot.hubspot.put("deals", "123", dealstage="closedwon")
    drain(hubspot)
    assert writes(hubspot) == []
    assert sent(hubspot)[-1].answer == "somebody changed it there since"
    scene.clock.advance(seconds=10)
    scene.move(ana, "diagnose")
    scene.move(ana, "close", outcome="lost")
    scene.clock.advance(seconds=10)
    drain(hubspot)
    assert [row.answer for row in sent(hubspot)[1:]] == ["the prospect has moved on since", "deal 123 is in closedlost"]
    stranger = scene.prospect("boris@example.com")
    scene.move(stranger, "qualify")
    drain(hubspot)
    assert sent(hubspot)[-1].answer == "the prospect is not known there"


def test_what_may_pass_is_tried_again_in_order_and_what_is_refused_is_given_up(hubspot: Office) -> None:
    scene, ana = hubspot.scene, known(hubspot)
    hubspot.server.faults = [Told(429, {}, {"Retry-After": "120"})]
    scene.move(ana, "qualify")
    drain(hubspot)
    assert [(row.state, row.code) for row in sent(hubspot)] == [("waiting", 429)]
    scene.clock.advance(seconds=100)
    assert drain(hubspot).attempts == 0
    scene.clock.advance(seconds=30)
    hubspot.server.token = "another"
    drain(hubspot)
    assert "refuses the API token" in sent(hubspot)[0].answer
    sources.keep_token(scene.ws, hubspot.source_id, "another")
    drain(hubspot)
    assert [row.state for row in sent(hubspot)] == ["done"]
    crm_links.set_writes(scene.ws, hubspot.source_id, {"diagnosed": "nonsense"})
    scene.move(ana, "diagnose")
    drain(hubspot)
    assert [row.state for row in sent(hubspot)] == ["done", "dead"]
    (remark,) = (each for each in doctor.remarks(scene.ws) if "written" in each)
    assert remark.startswith("1 stages were not written to the vendor of the source crm: `onward source writes crm")
    assert "refused it (400" in sent(hubspot)[1].answer
    # What was never written has no echo: the same from there is a rep's.
    crm_links.set_writes(scene.ws, hubspot.source_id, {"diagnosed": "contractsent"})
    outbox.replay_dead(scene.ws, target_of(hubspot))
    drain(hubspot)
    assert sent(hubspot)[1].state == "done"
    with pytest.raises(BadInput, match="no stage “nowhere”"):
        crm_links.set_writes(scene.ws, hubspot.source_id, {"nowhere": "1"})
    crm_links.set_writes(scene.ws, hubspot.source_id, {})
    scene.move(ana, "close", outcome="lost")
    assert len(sent(hubspot)) == 2


class Dies(Exception):
    """The process ended here."""


def test_an_answer_that_was_lost_is_no_second_change_and_its_echo_is_still_our_own(hubspot: Office) -> None:
    scene, ana = hubspot.scene, known(hubspot)

    class Killed:
        def at(self, point: str) -> None:
            if point == "writeback.written":
                raise Dies

    # The clock there is ahead of ours, by more than two times of one change may differ.
    hubspot.hubspot.now = lambda: scene.clock.now + timedelta(seconds=45)
    scene.move(ana, "qualify")
    with pytest.raises(Dies):
        drain(hubspot, Killed())
    echo = hubspot.changes("deal", 123, hubspot.hubspot.now(), dealstage="qualifiedtobuy")
    scene.clock.advance(minutes=2)
    drain(hubspot)
    assert (sent(hubspot)[0].answer, len(writes(hubspot))) == ("it is in qualifiedtobuy there already", 1)
    assert hubspot.delivers(echo).events[0].outcome == "ignored"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_deal_at_pipedrive_is_moved_by_its_person_and_ends_as_won(pipedrive: Office) -> None:
    scene = pipedrive.scene
    told = {"meta": {"id": "m-1", "entity": "person", "action": "create", "entity_id": "55"}, "data": {"id": 55}}
    assert pipedrive.delivers(told).events[0].outcome == "parked"
    pipedrive.ask()
    pipedrive.sweep()
    ana = pipedrive.whose("55")
    assert ana.email == "ana@example.com"
    crm_links.set_writes(scene.ws, pipedrive.source_id, {"qualified": "3", "closed": "won"})
    scene.clock.advance(minutes=1)
    scene.move(ana.id, "qualify")
    drain(pipedrive)
    at = scene.clock.now.isoformat()
    deal = {"id": 123, "person_id": 55, "stage_id": 3, "status": "open"}
    meta = {"id": "m-2", "entity": "deal", "action": "change", "entity_id": "123", "timestamp": at}
    echo = pipedrive.delivers({"meta": meta, "data": deal, "previous": {"stage_id": 2}})
    assert [event.outcome for event in echo.events] == ["ignored"]
    scene.clock.advance(minutes=1)
    scene.move(ana.id, "close", outcome="won")
    drain(pipedrive)
    assert [row.answer for row in sent(pipedrive)] == ["deal 123 is in 3", "deal 123 is in won"]
    assert pipedrive.pipedrive.objects["deals"][123]["status"] == "won"
