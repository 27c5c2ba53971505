"""What a CRM names by ids is looked up, and what its webhooks lost is read: counted once, whichever way it comes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.crm.conftest import Office
from web.webhooks.kinds import read_again
from workers.askers import Askers
from workflow.actions import crm_links, crm_words, inbox, sources
from workflow.crm.fake import Told
from workflow.crm.port import CrmError
from workflow.engine.reasons import words
from workflow.records.crm import CrmLink, CrmLookup
from workflow.records.models import Delivery, Prospect
from workflow.records.outbox import Target
from workflow.reports import crm as crm_reports
from workflow.reports import doctor


def numbers(office: Office) -> crm_reports.Numbers:
    with office.scene.ws.database.read() as tx:
        return crm_reports.look(tx)


def test_events_that_name_a_deal_by_its_id_apply_once_hubspot_has_said_who_it_is(hubspot: Office) -> None:
    made = hubspot.changes("deal", 123)
    moved = hubspot.changes("deal", 123, dealstage="qualifiedtobuy")
    told = hubspot.delivers(moved, made)
    assert [event.outcome for event in told.events] == ["parked", "parked"]
    assert "HubSpot is being asked" in str(told.events[0].reason)
    assert list(crm_links.due(hubspot.scene.ws)) == [hubspot.source_id]
    done = hubspot.ask()
    assert done is not None
    assert (done.looked_up, done.polled) == (1, True)
    hubspot.sweep()
    ana = hubspot.whose("123")
    assert (ana.name, ana.email, ana.company, ana.stage) == (
        "Ana Petrova",
        "ana@example.com",
        "Example OOD",
        "qualified",
    )
    assert hubspot.whose("contact:55").id == ana.id
    assert hubspot.outcomes() == ["applied"] * 3
    assert len(hubspot.scene.touches(ana.id)) == 1
    assert list(crm_links.due(hubspot.scene.ws)) == []
    # A later change of the contact finds the prospect of the deal.
    hubspot.scene.clock.advance(minutes=1)
    hubspot.delivers(hubspot.changes("contact", 55, phone="+359 88 123"))
    assert hubspot.whose("123").phone == "+359 88 123"


def test_what_cannot_be_learned_is_a_dead_letter_after_some_tries_and_can_be_replayed(hubspot: Office) -> None:
    hubspot.delivers(hubspot.changes("deal", 99, dealstage="qualifiedtobuy"))
    hubspot.delivers(hubspot.changes("deal", 123, dealstage="qualifiedtobuy"))
    hubspot.server.faults = [Told(500)] * 3
    for _ in range(2):
        with pytest.raises(CrmError, match="in trouble"):
            hubspot.ask()
        assert [each for each in doctor.remarks(hubspot.scene.ws) if "source crm cannot be asked since" in each]
        hubspot.scene.clock.advance(hours=2)
        hubspot.server.faults = [Told(500)] * 3
    assert (numbers(hubspot).problems, numbers(hubspot).awaited) == (1, 2)
    assert 2 * 3600 - 900 <= numbers(hubspot).overdue_s <= 4 * 3600
    with hubspot.scene.ws.database.read() as tx:
        assert [code for code, _ in crm_reports.faults(tx, tx.now - timedelta(hours=2))] == ["crm.overdue"]
        assert not list(crm_reports.faults(tx, tx.now)), "without a clock nothing was judged"
    hubspot.server.faults = []
    hubspot.ask()
    hubspot.sweep()
    assert (numbers(hubspot).problems, numbers(hubspot).lookups_failed, numbers(hubspot).overdue_s) == (0, 1, 0)
    (remark,) = (each for each in doctor.remarks(hubspot.scene.ws) if "source crm" in each)
    assert "did not tell of 1 objects" in remark
    with hubspot.scene.ws.database.read() as tx:
        states = dict(tx.conn.execute(select(CrmLookup.ref, CrmLookup.state)).all())
        link = tx.conn.execute(select(CrmLink.problem, CrmLink.looked_up_at)).one()
    assert states == {"99": "failed", "123": "done"}
    assert link.problem is None
    dead = next(event for event in hubspot.events() if "99" in str(event.reason))
    assert (dead.outcome, dead.next_attempt_at) == ("failed", None)
    assert "99" in str(words(dead.reason, "bg"))
    hubspot.hubspot.put("deals", "99", near=["contacts:55"], dealname="Found", dealstage="qualifiedtobuy")
    hubspot.scene.clock.advance(hours=2)
    again = inbox.replay(hubspot.scene.ws, dead.delivery_id, read_again, "rep:tester")
    assert [event.outcome for event in again.events] == ["parked"]
    hubspot.ask()
    hubspot.sweep()
    assert hubspot.whose("99").email == "ana@example.com"


def test_a_poll_closes_the_gap_that_lost_webhooks_leave_and_no_event_counts_twice(hubspot: Office) -> None:
    hubspot.ask()
    assert hubspot.outcomes() == []
    clock = hubspot.scene.clock
    clock.advance(minutes=20)
    hubspot.hubspot.put("deals", "123", dealstage="qualifiedtobuy")
    lost = clock.now
    hubspot.hubspot.put("deals", "124", near=["contacts:55"], dealname="Second", dealstage="appointmentscheduled")
    clock.advance(minutes=3)
    hubspot.hubspot.put("deals", "123", dealstage="contractsent")
    hubspot.delivers(hubspot.changes("deal", 123, dealstage="contractsent"))
    clock.advance(minutes=3)
    done = hubspot.ask()
    assert done is not None
    assert done.polled
    hubspot.sweep()
    ana = hubspot.whose("123")
    assert (ana.stage, hubspot.whose("124").id) == ("diagnosed", ana.id)
    assert len(hubspot.scene.touches(ana.id)) == 1
    counted = [event for event in hubspot.events() if event.type == "deal.stage"]
    assert sorted(event.outcome for event in counted).count("applied") == 2
    before = len(hubspot.events())
    # The webhook that was late after all, and the same poll once more.
    late = hubspot.changes("deal", 123, lost + timedelta(milliseconds=700), dealstage="qualifiedtobuy")
    assert hubspot.delivers(late).events[0].outcome == "duplicate"
    hubspot.ask(poll=True)
    assert len(hubspot.events()) == before + 1
    assert hubspot.whose("123").version == ana.version
    with hubspot.scene.ws.database.read() as tx:
        polled = tx.conn.execute(select(Delivery.id, Delivery.headers).order_by(Delivery.id)).all()
    mine = [row.id for row in polled if row.headers.get("onward-origin") == "poll"]
    receipt = inbox.replay(hubspot.scene.ws, mine[0], read_again, "rep:tester")
    assert "failed" not in {event.outcome for event in receipt.events}


def test_a_poll_of_pipedrive_makes_persons_known_and_moves_their_deals(pipedrive: Office) -> None:
    clock = pipedrive.scene.clock
    pipedrive.ask()
    clock.advance(minutes=30)
    mail = [{"value": "boris@example.com", "primary": True}]
    pipedrive.pipedrive.put("persons", 56, name="Boris", emails=mail)
    pipedrive.pipedrive.put("deals", 124, title="New", person_id=56, stage_id=1, status="open")
    clock.advance(minutes=1)
    pipedrive.pipedrive.put("deals", 123, stage_id=1)
    clock.advance(minutes=1)
    pipedrive.ask(poll=True)
    pipedrive.sweep()
    boris, ana = pipedrive.whose("56"), pipedrive.whose("55")
    assert (boris.name, boris.email, boris.stage) == ("Boris", "boris@example.com", "qualified")
    assert (ana.email, ana.stage) == ("ana@example.com", "qualified")
    # A rep corrects a fact here; that the person changes there does not bring back the old one.
    pipedrive.scene.edit(ana.id, name="Ana P. Petrova")
    clock.advance(minutes=1)
    pipedrive.pipedrive.put("persons", 55, job_title="COO")
    pipedrive.pipedrive.put("deals", 123, stage_id=3)
    clock.advance(minutes=1)
    pipedrive.ask(poll=True)
    ana = pipedrive.whose("55")
    assert (ana.name, ana.title, ana.stage) == ("Ana P. Petrova", "COO", "diagnosed")


def test_a_source_is_asked_by_one_at_a_time_and_left_alone_while_its_vendor_wants_that(hubspot: Office) -> None:
    ws, clock = hubspot.scene.ws, hubspot.scene.clock
    assert crm_links.hold(ws, hubspot.source_id, "0" * 36)
    assert hubspot.ask() is None
    assert list(crm_links.due(ws)) == []
    clock.advance(minutes=3)
    hubspot.server.faults = [Told(429, {}, {"Retry-After": "600"})]
    with pytest.raises(CrmError, match="limit"):
        hubspot.ask()
    assert list(crm_links.due(ws)) == []
    clock.advance(minutes=10, seconds=1)
    assert list(crm_links.due(ws)) == [hubspot.source_id]
    hubspot.server.token = "another"
    with pytest.raises(CrmError, match="refuses the API token"):
        hubspot.ask()
    clock.advance(minutes=5)
    assert list(crm_links.due(ws)) == []
    sources.keep_token(ws, hubspot.source_id, "another")
    assert list(crm_links.due(ws)) == [hubspot.source_id]
    assert hubspot.ask() is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_token_everything_is_as_it_was(hubspot: Office) -> None:
    sources.keep_token(hubspot.scene.ws, hubspot.source_id, "")
    told = hubspot.delivers(hubspot.changes("deal", 123), hubspot.changes("deal", 123, dealstage="qualifiedtobuy"))
    assert [event.outcome for event in told.events] == ["applied", "applied"]
    assert list(crm_links.due(hubspot.scene.ws)) == []
    with hubspot.scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Prospect.email)).scalars().all() == [""]


def polled(office: Office) -> bool:
    with office.scene.ws.database.read() as tx:
        return tx.conn.execute(select(CrmLink.polled_at)).scalar_one() is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_clock_asks_in_a_thread_of_its_own_and_a_source_that_is_removed_is_left_alone(hubspot: Office) -> None:
    ws = hubspot.scene.ws
    hubspot.delivers(hubspot.changes("deal", 123, dealstage="qualifiedtobuy"))
    crm_links.set_writes(ws, hubspot.source_id, {"diagnosed": "contractsent"})
    askers = Askers(ws, hubspot.vendors)
    askers.look()
    until = time.monotonic() + 20
    while not polled(hubspot) and time.monotonic() < until:
        time.sleep(0.02)
    askers.stop()
    hubspot.sweep()
    assert (hubspot.whose("123").email, hubspot.whose("123").stage) == ("ana@example.com", "qualified")
    sources.remove(ws, hubspot.source_id)
    hubspot.scene.clock.advance(days=1)
    assert list(crm_links.due(ws)) == []
    with ws.database.read() as tx:
        assert tx.conn.execute(select(Target.state)).scalars().all() == ["disabled"]
    assert crm_words.forget(ws) == 0
    hubspot.scene.clock.advance(days=31)
    assert crm_words.forget(ws) == 1
