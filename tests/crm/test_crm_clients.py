"""The clients of HubSpot and Pipedrive, over HTTP against working fakes: pages, windows, faults, and what they make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Clock
from workflow.crm import api
from workflow.crm.fake import TOKEN, FakeHubSpot, FakePipedrive, FakeServer, Told
from workflow.crm.hubspot import room
from workflow.crm.port import Crm, CrmError
from workflow.crm.vendors import Vendors


@pytest.fixture
def waited() -> list[float]:
    """How long a client slept; no test waits so long."""
    return []


@pytest.fixture
def account_at_hubspot(clock: Clock) -> Iterator[FakeServer]:
    """An account at HubSpot with Ana's deal."""
    account = FakeHubSpot(clock)
    account.put("contacts", "55", email="Ana@Example.com", firstname="Ana", lastname="Petrova", phone="+359 88")
    account.put("companies", "9", name="Example OOD")
    account.put("deals", "123", near=["contacts:55", "companies:9"], dealname="Big one", dealstage="qualifiedtobuy")
    with FakeServer(account) as server:
        yield server


@pytest.fixture
def account_at_pipedrive(clock: Clock) -> Iterator[FakeServer]:
    """An account at Pipedrive with the same."""
    account = FakePipedrive(clock)
    account.put("organizations", 9, name="Example OOD")
    account.put("persons", 55, name="Ana Petrova", emails=[{"value": "Ana@Example.com", "primary": True}], org_id=9)
    account.put("deals", 123, title="Big one", person_id=55, stage_id=2, status="open")
    with FakeServer(account) as server:
        yield server


def opened(kind: str, server: FakeServer, waited: list[float], token: str = TOKEN) -> Crm:
    """A client of a fake."""
    parts = {"client": api.client(private=True), "sleep": waited.append}
    return Vendors({kind: server.url}, parts).opened(kind, token)


def test_hubspot_says_who_a_deal_a_contact_and_a_company_are_about(
    account_at_hubspot: FakeServer, waited: list[float]
) -> None:
    crm = opened("hubspot", account_at_hubspot, waited)
    ana = {"email": "ana@example.com", "name": "Ana Petrova", "phone": "+359 88"}
    cards = {ref: crm.look_up(ref) for ref in ("123", "contact:55", "company:9", "99", "contact:99", "ticket:1", "x/y")}
    assert cards["99"] is cards["contact:99"] is cards["ticket:1"] is cards["x/y"] is None
    found = {ref: {**card.fields, "email": card.fields.get("email", "").lower()} for ref, card in cards.items() if card}
    assert found == {
        "123": {**ana, "company": "Example OOD"},
        "contact:55": ana,
        "company:9": {"email": "", "company": "Example OOD"},
    }
    assert cards["123"] is not None
    assert cards["123"].custom == {"deal": "Big one"}


def test_hubspot_tells_all_that_changed_page_by_page(
    clock: Clock, account_at_hubspot: FakeServer, waited: list[float]
) -> None:
    account = account_at_hubspot.account
    assert isinstance(account, FakeHubSpot)
    since = clock.advance(hours=1)
    for number in range(120):
        clock.advance(seconds=1)
        account.put("deals", str(1000 + number), dealname="d", dealstage="qualifiedtobuy")
    clock.advance(seconds=1)
    account.put("deals", "1000", dealstage="closedwon")
    pages = list(opened("hubspot", account_at_hubspot, waited).changed(since))
    assert [len(page.cards) for page in pages] == [50, 50, 20]
    told = {card.ref: [word.value for word in card.words] for page in pages for card in page.cards}
    assert len(told) == 120
    assert told["1000"] == ["qualifiedtobuy", "closedwon"]
    assert pages[-1].through == clock.now
    assert len(waited) == 4, "a little between searches"


def test_the_stage_is_read_and_written_and_what_is_no_stage_is_refused(
    clock: Clock, account_at_hubspot: FakeServer, account_at_pipedrive: FakeServer, waited: list[float]
) -> None:
    for kind, server, value, odd in (
        ("hubspot", account_at_hubspot, "contractsent", "nonsense"),
        ("pipedrive", account_at_pipedrive, "3", "7"),
    ):
        crm = opened(kind, server, waited)
        clock.advance(minutes=1)
        deal = crm.deal(["contact:55", "55", "123"] if kind == "hubspot" else ["55"])
        assert deal is not None
        written = crm.write(deal.id, value)
        assert (written.about, written.value, written.at) == ("deal:123", value, clock.now)
        again = crm.deal(["contact:55"] if kind == "hubspot" else ["deal:123"])
        assert again is not None
        assert again.word(crm.kind_of(value)) == written
        with pytest.raises(CrmError, match="refused it") as refused:
            crm.write(deal.id, odd)
        assert not refused.value.passes
        assert value in {stage.id for stage in crm.stages()}
    crm = opened("pipedrive", account_at_pipedrive, waited)
    assert crm.write("123", "won").kind == "deal.status"
    with pytest.raises(CrmError, match="won or lost"):
        crm.write("123", "contractsent")


def test_pipedrive_says_who_persons_and_deals_are_about(
    clock: Clock, account_at_pipedrive: FakeServer, waited: list[float]
) -> None:
    crm = opened("pipedrive", account_at_pipedrive, waited)
    account = account_at_pipedrive.account
    assert isinstance(account, FakePipedrive)
    by_person, by_deal, gone = crm.look_up("55"), crm.look_up("deal:123"), crm.look_up("deal:7")
    assert gone is None
    assert by_person is not None
    assert by_deal is not None
    assert by_person.fields == {"name": "Ana Petrova", "email": "Ana@example.com", "company": "Example OOD"}
    assert (by_deal.ref, by_deal.fields, by_deal.custom) == ("deal:123", by_person.fields, {"deal": "Big one"})
    since = clock.advance(hours=1)
    for number in range(130):
        clock.advance(seconds=1)
        account.put("deals", 1000 + number, title="d", person_id=55 if number else None, stage_id=1, status="open")
    account.put("deals", 1001, stage_id=2, status="lost")
    pages = list(crm.changed(since))
    assert [len(page.cards) for page in pages] == [100, 30]
    told = {
        word.about: (card.ref, word.kind, word.value) for page in pages for card in page.cards for word in card.words
    }
    assert told["deal:1000"] == ("deal:1000", "deal.stage", "1")
    assert told["deal:1001"] == ("55", "deal.status", "lost")


def test_what_may_pass_is_tried_again_and_what_the_vendor_wants_is_waited_for(
    account_at_hubspot: FakeServer, waited: list[float]
) -> None:
    crm = opened("hubspot", account_at_hubspot, waited)
    account_at_hubspot.faults = [Told(503), Told(429, {}, {"Retry-After": "2"})]
    assert crm.look_up("contact:55") is not None
    assert [round(each) for each in waited] == [1, 2]
    account_at_hubspot.faults = [Told(500, {"message": "oops"})] * 3
    with pytest.raises(CrmError, match=r"in trouble \(500: oops\)") as trouble:
        crm.look_up("contact:55")
    assert trouble.value.passes
    account_at_hubspot.faults = [Told(429, {"policyName": "DAILY"}, {"Retry-After": "3600"})]
    before = len(account_at_hubspot.asked)
    with pytest.raises(CrmError, match="limit") as limited:
        crm.look_up("contact:55")
    assert (limited.value.wait_s, len(account_at_hubspot.asked) - before) == (3600, 1)
    account_at_hubspot.faults = [Told(200, None, {"X-HubSpot-RateLimit-Remaining": "0"})]
    assert room({"x-hubspot-ratelimit-remaining": "0", "x-hubspot-ratelimit-interval-milliseconds": "10000"}) == 10.0
    waited.clear()
    crm.look_up("contact:55")
    crm.look_up("contact:55")
    assert len(waited) == 1
    account_at_hubspot.limit = 1
    assert [each.id for each in crm.stages()] == sorted(FakeHubSpot(lambda: datetime.now(UTC)).stages)


def test_a_token_is_in_no_error_and_in_no_representation(account_at_hubspot: FakeServer, waited: list[float]) -> None:
    crm = opened("hubspot", account_at_hubspot, waited, token="pat-wrong-secret")
    with pytest.raises(CrmError, match="refuses the API token") as refused:
        crm.look_up("contact:55")
    assert "secret" not in refused.value.message
    assert "secret" not in repr(crm)
    account_at_hubspot.token = "pat-wrong-secret"
    account_at_hubspot.faults = [Told(200, "x" * 100_000)]
    assert crm.look_up("contact:55") is None
    assert timedelta(seconds=sum(waited)) < timedelta(seconds=1)
