"""Fixtures of CRMs by API: an installation, an account at each vendor behind a working fake, and what joins them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import Clock
from tests.outreach.scene import Scene, columns, opened
from tests.support import ground
from web.webhooks.adapter import parcel
from web.webhooks.kinds import ADAPTERS
from workflow.actions import asking, inbox, sources
from workflow.actions.outreach.spool import Spool
from workflow.actions.parcels import Receipt
from workflow.crm import api
from workflow.crm.fake import TOKEN, Account, FakeHubSpot, FakePipedrive, FakeServer
from workflow.crm.vendors import Vendors
from workflow.records.db import Database, Record
from workflow.records.models import Event, ExternalRef, Prospect

_SIGNALS = "signals:                        # what a CRM's own words mean here\n"
_MORE = """\
  - {source: hubspot, when: {kind: deal.stage, value: contractsent}, do: diagnose}
  - {source: hubspot, when: {kind: deal.stage, value: closedlost}, do: close, sets: {outcome: lost}}
  - {source: pipedrive, when: {kind: deal.stage, value: "1"}, do: qualify}
"""


@dataclass(slots=True)
class Office:
    """An installation and the account of one CRM; `tells` lets that one deliver a webhook."""

    scene: Scene
    kind: str
    account: Account
    server: FakeServer
    waited: list[float] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    @property
    def vendors(self) -> Vendors:
        """The vendors as this office reaches them."""
        return Vendors({self.kind: self.server.url}, {"client": api.client(private=True), "sleep": self.waited.append})

    @property
    def source_id(self) -> str:
        """The source called crm."""
        return sources.id_of(self.scene.ws, "crm")

    @property
    def hubspot(self) -> FakeHubSpot:
        """The account at HubSpot."""
        assert isinstance(self.account, FakeHubSpot)
        return self.account

    @property
    def pipedrive(self) -> FakePipedrive:
        """The account at Pipedrive."""
        assert isinstance(self.account, FakePipedrive)
        return self.account

    def ask(self, *, poll: bool = False, since: datetime | None = None) -> asking.Done | None:
        """What a clock does when a source is due."""
        return asking.Asker(self.scene.ws, self.vendors).work(self.source_id, poll=poll, since=since)

    def delivers(self, *events: dict[str, Any]) -> Receipt:
        """A webhook of HubSpot with these events, or of Pipedrive with the one."""
        body = json.dumps(list(events) if self.kind == "hubspot" else events[0]).encode()
        with self.scene.ws.database.read() as tx:
            source = sources.known(self.scene.ws, tx, "crm")
        return inbox.receive(self.scene.ws, source, parcel(ADAPTERS[self.kind], {}, body))

    def changes(self, what: str, about: int, at: datetime | None = None, **told: str) -> dict[str, Any]:
        """A change of HubSpot as it is delivered; without properties that the object was made."""
        stamp = int((at or self.scene.clock.now).timestamp() * 1000)
        base = {"objectId": about, "occurredAt": stamp, "eventId": next(self.numbers) + 1, "portalId": 7, "appId": 8}
        if not told:
            return {**base, "subscriptionType": f"{what}.creation"}
        ((name, value),) = told.items()
        return {
            **base,
            "subscriptionType": f"{what}.propertyChange",
            "propertyName": name,
            "propertyValue": value,
        }

    def sweep(self) -> None:
        """What the clock does about events that wait."""
        while inbox.sweep(self.scene.ws):
            pass

    def events(self) -> list[Record]:
        """All events, in order."""
        with self.scene.ws.database.read() as tx:
            return list(tx.conn.execute(select(*columns(Event)).order_by(Event.id)).all())

    def outcomes(self) -> list[str]:
        """What became of them."""
        return [event.outcome for event in self.events()]

    def whose(self, ref: str) -> Record:
        """The prospect behind a ref."""
        with self.scene.ws.database.read() as tx:
            found = select(*columns(Prospect)).join(ExternalRef, ExternalRef.prospect_id == Prospect.id)
            return tx.conn.execute(found.where(ExternalRef.ref == ref)).one()


def _office(database: Database, clock: Clock, place: Path, account: Account) -> Iterator[Office]:
    """An installation that was joined an hour after what stands in the account."""
    clock.advance(hours=1)
    kind = "hubspot" if isinstance(account, FakeHubSpot) else "pipedrive"
    ws = opened(place, database, folder=ground.folder() / "emails", replaced={_SIGNALS: _SIGNALS + _MORE})
    with FakeServer(account) as server:
        sources.add(ws, kind, "crm", "a-client-secret")
        made = Office(Scene(ws, clock, Spool(place / "spool")), kind, account, server)
        sources.keep_token(ws, made.source_id, TOKEN)
        yield made


@pytest.fixture
def hubspot(database: Database, clock: Clock, place: Path) -> Iterator[Office]:
    """An installation with HubSpot behind it, and Ana's deal there."""
    account = FakeHubSpot(clock)
    account.put("contacts", "55", email="ana@example.com", firstname="Ana", lastname="Petrova")
    account.put("companies", "9", name="Example OOD")
    account.put("deals", "123", near=["contacts:55", "companies:9"], dealname="Big", dealstage="appointmentscheduled")
    yield from _office(database, clock, place, account)


@pytest.fixture
def pipedrive(database: Database, clock: Clock, place: Path) -> Iterator[Office]:
    """An installation with Pipedrive behind it, and Ana's deal there."""
    account = FakePipedrive(clock)
    account.put("persons", 55, name="Ana Petrova", emails=[{"value": "ana@example.com", "primary": True}])
    account.put("deals", 123, title="Big", person_id=55, stage_id=2, status="open")
    yield from _office(database, clock, place, account)
