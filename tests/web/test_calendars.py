"""Meetings that move: told as a cancellation and a booking, in any order and often, they stay one meeting."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.conftest import Clock
from tests.web.fixtures import FAST, Sender
from tests.web.vendors import Post, arrive, vendors
from web import create_app
from workflow.actions import inbox, sources
from workflow.records.db import Database
from workflow.records.models import Enrollment, Meeting, Prospect, Touch
from workflow.reports import doctor
from workflow.settings import Settings
from workflow.workspace import Workspace, open_workspace

REMINDERS = """  reminders:
    start: {when: meeting.booked}
    stop: [close, meeting, meeting.cancelled]
    steps:
      - {key: confirmation, email: call_confirmation, after: 0s}
      - {key: reminder, email: call_confirmation, before: meeting, lead: 1h}
  nudge:
"""
SIGNALS = "".join(
    f"  - {{source: {kind}, when: {{kind: meeting.{what}}}, do: {do}}}\n"
    for kind in ("calendly", "calcom")
    for what, do in (("booked", "schedule_meeting"), ("cancelled", "cancel_meeting"), ("no_show", "no_show"))
)
BOOKING = datetime.fromisoformat("2026-11-09T08:00:00+00:00")


@pytest.fixture
def ws(database: Database, tmp_path: Any) -> Workspace:
    """An installation with reminders, where bookings move a prospect."""
    told = FAST.read_text()
    own = "  - {source: calcom, when: {kind: meeting.booked}, do: schedule_meeting}\n"
    assert own in told
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(told.replace("  nudge:\n", REMINDERS).replace(own, SIGNALS))
    settings = Settings(
        data_dir=tmp_path,
        database_url=database.url,
        redis_url=None,
        smtp_url="smtp://127.0.0.1:1",
        playbook=playbook,
        base_url="http://127.0.0.1:8000",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="a key for tests, long enough to be one",
    )
    return open_workspace(settings, database=database)


@pytest.fixture
def client(ws: Workspace, clock: Clock) -> FlaskClient:
    return create_app(ws, clock=clock).test_client()


@pytest.fixture
def crm(ws: Workspace, client: FlaskClient, clock: Clock) -> Sender:
    return Sender(client, clock, sources.add(ws, "standard", "crm"))


@pytest.fixture
def calendly(ws: Workspace, client: FlaskClient, clock: Clock) -> Post:
    return arrive(ws, client, clock, vendors()["calendly"], "calendly")


@pytest.fixture
def calcom(ws: Workspace, client: FlaskClient, clock: Clock) -> Post:
    return arrive(ws, client, clock, vendors()["calcom"], "calcom")


def at(hours: float) -> datetime:
    return BOOKING + timedelta(hours=hours)


def meets(number: int) -> datetime:
    """When the meeting takes place after its so-many-th move."""
    return BOOKING + timedelta(days=10 + number)


class Calendly:
    """One invitee's messages."""

    def __init__(self, who: str) -> None:
        self.who = who

    def _uri(self, number: int) -> str:
        return f"https://api.calendly.com/scheduled_events/EV{self.who}{number}/invitees/IN{self.who}{number}"

    def _invitee(self, number: int, **more: Any) -> dict[str, Any]:
        return {
            "uri": self._uri(number),
            "email": f"{self.who}@example.com",
            "name": "Ана Петрова",
            "timezone": "Europe/Sofia",
            "created_at": at(number).isoformat(),
            "scheduled_event": {
                "start_time": meets(number).isoformat(),
                "end_time": (meets(number) + timedelta(minutes=30)).isoformat(),
                "location": {"join_url": "https://meet.example.com/x"},
            },
            **more,
        }

    def created(self, number: int) -> dict[str, Any]:
        old = self._uri(number - 1) if number else None
        return {"event": "invitee.created", "payload": self._invitee(number, old_invitee=old)}

    def moved_away(self, number: int) -> list[dict[str, Any]]:
        """What comes beside the new booking."""
        ended = {"created_at": at(number + 0.99).isoformat(), "canceler_type": "invitee"}
        more = {"rescheduled": True, "new_invitee": self._uri(number + 1), "cancellation": ended}
        return [{"event": "invitee.canceled", "payload": self._invitee(number, **more)}]

    def cancelled(self, number: int) -> dict[str, Any]:
        ended = {"created_at": at(number + 5).isoformat(), "canceler_type": "host", "reason": "Conflict"}
        more = {"rescheduled": False, "cancellation": ended}
        return {"event": "invitee.canceled", "payload": self._invitee(number, **more)}


class Calcom:
    """One guest's messages."""

    def __init__(self, who: str) -> None:
        self.who = who

    def _told(self, trigger: str, when: datetime, number: int, **more: Any) -> dict[str, Any]:
        payload = {
            "uid": f"{self.who}-{number}",
            "startTime": meets(number).isoformat(),
            "endTime": (meets(number) + timedelta(minutes=30)).isoformat(),
            "attendees": [{"email": f"{self.who}@example.com", "name": "Ана", "timeZone": "Europe/Sofia"}],
            **more,
        }
        return {"triggerEvent": trigger, "createdAt": when.isoformat(), "payload": payload}

    def created(self, number: int) -> dict[str, Any]:
        if not number:
            return self._told("BOOKING_CREATED", at(0), 0)
        return self._told("BOOKING_RESCHEDULED", at(number), number, rescheduleUid=f"{self.who}-{number - 1}")

    def moved_away(self, number: int) -> list[dict[str, Any]]:
        return [self._told("BOOKING_CANCELLED", at(number + 0.99), number, requestReschedule=True)]

    def cancelled(self, number: int) -> dict[str, Any]:
        return self._told("BOOKING_CANCELLED", at(number + 5), number, cancellationReason="Conflict")


def state(ws: Workspace, email: str) -> dict[str, Any]:
    """What is recorded of the prospect: stage, meetings that are not mere marks, live reminders, waiting mail."""
    with ws.database.read() as tx:
        prospect = tx.conn.execute(select(Prospect.id, Prospect.stage).where(Prospect.email == email)).one()
        meetings = tx.conn.execute(
            select(Meeting.uid, Meeting.state, Meeting.starts_at)
            .where(Meeting.prospect_id == prospect.id, Meeting.state != "moved")
            .order_by(Meeting.uid)
        )
        active = tx.conn.execute(
            select(Meeting.uid)
            .join(Enrollment, Enrollment.meeting_id == Meeting.id)
            .where(Enrollment.prospect_id == prospect.id, Enrollment.state == "active")
        )
        touches = tx.conn.execute(
            select(Touch.step).where(
                Touch.prospect_id == prospect.id, Touch.state == "scheduled", Touch.step != "hello"
            )
        )
        return {
            "stage": prospect.stage,
            "meetings": [tuple(row) for row in meetings],
            "reminded of": [row.uid for row in active],
            "waiting": sorted(row.step for row in touches),
        }


numbers = st.integers(0, 2**32 - 1)


@example(seed=108457457, moves=3, lost=True, vendor="calendly")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=numbers, moves=st.integers(0, 3), lost=st.booleans(), vendor=st.sampled_from(["calendly", "calcom"]))
def test_a_meeting_that_moved_is_one_meeting_in_any_order(
    crm: Sender, calendly: Post, calcom: Post, *, seed: int, moves: int, lost: bool, vendor: str
) -> None:
    chance = random.Random(seed)
    who = f"p{seed}x{moves}{'l' if lost else 'k'}{vendor}{chance.getrandbits(40)}"
    post = calendly if vendor == "calendly" else calcom
    one = Calendly(who) if vendor == "calendly" else Calcom(who)
    for trigger in ("qualify", "diagnose"):
        crm.tell("move.requested", f"{who}@example.com", data={"trigger": trigger}, occurred_at=at(-1).isoformat())
    told: list[dict[str, Any]] = [one.created(number) for number in range(moves + 1)]
    told += [each for number in range(moves) for each in one.moved_away(number)]
    told += [one.cancelled(moves)] if lost else []
    told += chance.choices(told, k=chance.randint(0, 4))
    chance.shuffle(told)
    for number, body in enumerate(told):
        # A retry of a vendor may look a little different each time.
        post.tell(json.dumps(body | {"attempt": number}).encode())
    inbox.sweep(post.ws)
    uid = f"EV{who}{moves}/IN{who}{moves}" if vendor == "calendly" else f"{who}-{moves}"
    found = state(post.ws, f"{who}@example.com")
    assert found == {
        "stage": "diagnosed" if lost else "meeting_scheduled",
        "meetings": [(uid, "cancelled" if lost else "booked", meets(moves))],
        "reminded of": [] if lost else [uid],
        "waiting": [] if lost else ["confirmation", "reminder"],
    }, told
    assert doctor.examine(post.ws) == ()


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_a_cancellation_that_does_not_say_it_is_half_of_a_move_loses_nothing(
    crm: Sender, calcom: Post, order: tuple[int, ...]
) -> None:
    one = Calcom("ana")
    for trigger in ("qualify", "diagnose"):
        crm.tell("move.requested", data={"trigger": trigger}, occurred_at=at(-1).isoformat())
    bare = one.moved_away(0)[0]
    bare["payload"]["requestReschedule"] = False
    told = [one.created(0), bare, one.created(1)]
    for place in order:
        calcom.tell(told[place])
    inbox.sweep(calcom.ws)
    found = state(calcom.ws, "ana@example.com")
    assert (found["stage"], found["reminded of"]) == ("meeting_scheduled", ["ana-1"])
    assert [row for row in found["meetings"] if row[1] == "booked"] == [("ana-1", "booked", meets(1))]


def test_two_meetings_of_one_prospect_stay_two(crm: Sender, calendly: Post) -> None:
    first, second = Calendly("ana"), Calendly("ana")
    second._uri = lambda number: f"https://api.calendly.com/scheduled_events/OTHER/invitees/OTHER{number}"  # type: ignore[method-assign]
    crm.tell("move.requested", data={"trigger": "qualify"})
    for body in (first.created(0), second.created(0), first.created(1)):
        calendly.tell(body)
    found = state(calendly.ws, "ana@example.com")
    assert [row[:2] for row in found["meetings"]] == [("EVana1/INana1", "booked"), ("OTHER/OTHER0", "booked")]


def test_a_guest_who_did_not_come_is_noted(calendly: Post, calcom: Post) -> None:
    one, other = Calendly("ana"), Calcom("ben")
    calendly.tell(one.created(0))
    calendly.tell({"event": "invitee_no_show.created", "payload": {"invitee": one._uri(0), "email": "ana@example.com",
                   "created_at": meets(0).isoformat()}})  # fmt: skip
    calcom.tell(other.created(0))
    missed = {"attendees": [{"email": "ben@example.com", "noShow": True}], "bookingUid": "ben-0"}
    calcom.tell({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "createdAt": at(250).isoformat(), "payload": missed})
    for email in ("ana@example.com", "ben@example.com"):
        assert [row[1] for row in state(calcom.ws, email)["meetings"]] == ["no_show"]


def test_an_invitee_is_found_by_the_prospect_s_id_that_the_link_carried(crm: Sender, calendly: Post) -> None:
    crm.tell("move.requested", data={"trigger": "qualify"})
    with calendly.ws.database.read() as tx:
        prospect_id = tx.conn.execute(select(Prospect.id)).scalar_one()
    body = Calendly("another-address").created(0)
    body["payload"]["tracking"] = {"utm_source": "email", "utm_content": prospect_id}
    assert calendly.tell(body)[0]["outcome"] == "applied"
    with calendly.ws.database.read() as tx:
        assert tx.conn.execute(select(Prospect.id)).scalars().all() == [prospect_id]
    # A word of a campaign is no name of a prospect: it stands in the links of many.
    for who in ("ben", "cara"):
        body = Calendly(who).created(0)
        body["payload"]["tracking"] = {"utm_content": "autumn"}
        calendly.tell(body)
    with calendly.ws.database.read() as tx:
        assert len(tx.conn.execute(select(Prospect.id)).scalars().all()) == 3
