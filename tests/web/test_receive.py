"""Deliveries through the front door: what is answered, and what is kept."""

from tests.web.fixtures import Sender


def test_it_moves_a_prospect_and_says_so(crm: Sender) -> None:
    told = crm.tell("move.requested", data={"trigger": "qualify"}, id="evt_1")
    assert told == {"id": "evt_1", "outcome": "applied", "stage": "qualified", "reason": None}
