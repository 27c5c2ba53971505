"""The doctor: silent over an honest database, and loud once for each way in which one can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from tests.conftest import Clock
from tests.web.fixtures import Sender
from workflow import ids
from workflow.actions.outreach import recover
from workflow.playbook import loader
from workflow.records.db import Tx
from workflow.records.models import (
    Enrollment,
    Event,
    Heartbeat,
    History,
    Message,
    PlaybookVersion,
    Prospect,
    Suppression,
    Touch,
)
from workflow.reports import doctor
from workflow.workspace import Workspace


def codes(ws: Workspace) -> set[str]:
    return {finding.code for finding in doctor.examine(ws)}


def change(ws: Workspace, *statements: Any) -> None:
    with ws.database.write() as tx:
        for statement in statements:
            tx.conn.execute(statement)


def first_touch(ws: Workspace) -> Any:
    with ws.database.read() as tx:
        return tx.conn.execute(
            select(*Touch.__table__.columns).where(Touch.kind == "email").order_by(Touch.position, Touch.id)
        ).first()


def sent(ws: Workspace, clock: Clock, **more: Any) -> Any:
    """Write the first email down as sent, the way the send protocol does."""
    touch = first_touch(ws)
    at = max(clock.now, touch.due_at)
    values = {
        "state": "sent", "sent_at": at, "committed_at": at, "committed_version": 2, "ended_at": at, "attempts": 1,
        "message_id": f"<{touch.id}@example.com>", "recipient": "ana@example.com", "next_attempt_at": None, **more,
    }  # fmt: skip
    message = {
        "id": ids.new_id(), "touch_id": touch.id, "message_id": values["message_id"], "subject": "Hello",
        "content": b"", "sha256": "", "created_at": at,
    }  # fmt: skip
    later = update(Touch).where(Touch.enrollment_id == touch.enrollment_id, Touch.position == 1)
    released = later.values(next_attempt_at=at + timedelta(seconds=4), due_at=at + timedelta(seconds=4))
    change(ws, update(Touch).where(Touch.id == touch.id).values(**values), insert(Message).values(**message), released)
    return touch


def start_clock(ws: Workspace, clock: Clock) -> None:
    """A clock that has been running for an hour."""
    clock.advance(hours=-1)
    recover.beat(ws, beat := ids.new_id(), "clock", "here", {})
    clock.advance(hours=1)
    recover.beat(ws, beat, "clock", "here", {})


@pytest.fixture
def called(ws: Workspace, crm: Sender) -> Workspace:
    """An installation with one prospect who was called: two emails lie ahead."""
    assert crm.tell("call.ended", data={"minutes": 12})["outcome"] == "applied"
    return ws


def test_it_finds_nothing_where_everything_is_right(called: Workspace, crm: Sender, clock: Clock) -> None:
    crm.tell("prospect.upserted", data={"name": "Ана", "city": "Русе", "email": "ANA@example.com"})
    crm.tell("move.requested", data={"trigger": "qualify"})
    crm.tell("email.replied", "nobody@example.com")
    crm.tell("meeting.booked", data={"starts_at": "2026-12-01T09:00:00Z", "place": "here"})
    crm.tell("email.unsubscribed", data={"address": "ana@example.com"})
    start_clock(called, clock)
    assert doctor.examine(called) == ()


def test_it_finds_nothing_after_an_email_was_sent(called: Workspace, clock: Clock) -> None:
    sent(called, clock)
    assert doctor.examine(called) == ()


def _history(**values: Any) -> Any:
    return update(History).where(History.version == 2).values(**values)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (delete(History).where(History.version == 1), "history.gap"),
        (update(Prospect).values(version=9), "history.gap"),
        (_history(actor="somebody else"), "history.chain"),
        (_history(detail={"minutes": 13}), "history.chain"),
        (update(Prospect).values(chain="0"), "history.chain"),
        (_history(cause=""), "history.actor"),
        (update(Prospect).values(stage="closed"), "history.fold"),
        (update(Prospect).values(email_key="else@example.com"), "history.fold"),
        (update(Touch).values(state="cancelled"), "enrollment.stuck"),
        (update(Enrollment).values(state="completed"), "touch.orphan"),
        (update(Touch).where(Touch.position == 0).values(state="cancelled"), "touch.unlinked"),
        (update(Event).values(outcome="applied", id="00000000-0000-7000-8000-000000000000"), "event.untold"),
    ],
)
def test_it_finds_records_that_do_not_agree(called: Workspace, statement: Any, code: str) -> None:
    change(called, statement)
    assert code in codes(called)


def test_it_finds_two_active_enrollments_where_the_index_is_lost(called: Workspace) -> None:
    with called.database.read() as tx:
        row = tx.conn.execute(select(*Enrollment.__table__.columns)).one()._asdict()
    change(called, text("DROP INDEX uq_enrollment_active"), insert(Enrollment).values(**row | {"id": ids.new_id()}))
    assert "enrollment.twice" in codes(called)


@pytest.mark.parametrize(
    "statement",
    [
        delete(Message),
        update(Touch).where(Touch.state == "sent").values(message_id=None),
        update(Touch).where(Touch.state == "sent").values(sent_at=None),
        update(Touch).where(Touch.state == "sent").values(committed_at=None),
    ],
)
def test_it_finds_a_sent_email_without_a_part_of_it(called: Workspace, clock: Clock, statement: Any) -> None:
    sent(called, clock)
    change(called, statement)
    assert codes(called) == {"touch.bare"}


def test_it_finds_an_email_that_was_sent_twice(called: Workspace, clock: Clock) -> None:
    touch = sent(called, clock)
    with called.database.read() as tx:
        row = tx.conn.execute(select(*Touch.__table__.columns).where(Touch.id == touch.id)).one()._asdict()
    again = {"id": ids.new_id(), "generation": 2, "message_id": "<again@example.com>"}
    change(called, insert(Touch).values(**row | again))
    assert "touch.twice" in codes(called)


@pytest.mark.parametrize(
    ("off", "attempts", "code"),
    [(25, 1, "touch.late"), (-1, 1, "touch.early"), (49, 3, "touch.late"), (47, 3, None), (23, 1, None)],
)
def test_it_finds_what_left_too_late_or_too_early(
    called: Workspace, clock: Clock, off: float, attempts: int, code: str | None
) -> None:
    at = first_touch(called).due_at + timedelta(hours=off)
    sent(called, clock, committed_at=at, sent_at=at, attempts=attempts)
    assert codes(called) == ({code} if code else set())


def test_it_finds_what_dead_hands_hold_only_while_a_clock_could_have_freed_it(called: Workspace, clock: Clock) -> None:
    held = {"state": "sending", "holder": ids.new_id(), "hint_at": clock.now - timedelta(minutes=5)}
    change(called, update(Touch).where(Touch.id == first_touch(called).id).values(**held))
    assert codes(called) == set()
    assert any("No clock" in remark for remark in doctor.remarks(called))
    start_clock(called, clock)
    assert codes(called) == {"touch.held"}
    beat = {"id": held["holder"], "role": "sender", "name": "it", "detail": {}}
    change(called, insert(Heartbeat).values(**beat, started_at=clock.now, beat_at=clock.now))
    assert codes(called) == set()


def test_it_finds_what_is_long_due_and_held_by_nothing(called: Workspace, clock: Clock) -> None:
    clock.advance(minutes=30)
    start_clock(called, clock)
    assert codes(called) == {"touch.overdue"}
    change(called, text("UPDATE mailbox SET state = 'paused'"))
    assert codes(called) == set()


def test_it_finds_events_that_nobody_tries_again(called: Workspace, crm: Sender, clock: Clock) -> None:
    assert crm.tell("email.replied", "nobody@example.com")["outcome"] == "parked"
    clock.advance(minutes=65)
    assert "event.forgotten" not in codes(called)
    clock.advance(minutes=10)
    start_clock(called, clock)
    assert "event.forgotten" in codes(called)


def test_it_finds_an_email_after_an_unsubscribe_by_the_version(called: Workspace, crm: Sender, clock: Clock) -> None:
    sent(called, clock)
    crm.tell("email.unsubscribed")
    assert codes(called) == set()
    change(called, update(Touch).where(Touch.state == "sent").values(committed_version=3))
    assert codes(called) == {"touch.after_suppression"}


def test_a_soft_bounce_bars_nobody(called: Workspace, crm: Sender, clock: Clock) -> None:
    assert crm.tell("email.bounced", data={"permanent": False})["outcome"] == "applied"
    sent(called, clock, committed_version=3)
    assert codes(called) == set()


def test_it_finds_an_email_to_an_address_that_another_prospect_barred(called: Workspace, clock: Clock) -> None:
    sent(called, clock)
    barred = {"email_key": "ana@example.com", "cause": "unsubscribe", "actor": "rep"}
    change(called, insert(Suppression).values(**barred, at=clock.now - timedelta(minutes=1)))
    assert codes(called) == {"touch.after_suppression"}


def test_it_finds_an_email_after_its_sequence_was_stopped(called: Workspace, crm: Sender, clock: Clock) -> None:
    sent(called, clock)
    crm.tell("email.replied")
    assert codes(called) == set()
    later = clock.now + timedelta(minutes=1)
    change(called, update(Touch).where(Touch.state == "sent").values(committed_at=later))
    assert codes(called) == {"touch.after_stop"}


def _many(ws: Workspace, clock: Clock, times: list[float], *, forced: bool) -> None:
    touch = sent(ws, clock)
    with ws.database.read() as tx:
        row = tx.conn.execute(select(*Touch.__table__.columns).where(Touch.id == touch.id)).one()._asdict()
    for number, minutes in enumerate(times):
        at = row["committed_at"] + timedelta(minutes=minutes)
        own = {
            "id": ids.new_id(),
            "message_id": f"<{number}@example.com>",
            "step": f"s{number}",
            "position": 9 + number,
        }
        change(ws, insert(Touch).values(**row | own | {"committed_at": at, "not_after": at, "forced": forced}))
        message = {"touch_id": own["id"], "message_id": own["message_id"], "created_at": at, "content": b""}
        change(ws, insert(Message).values(**message, id=ids.new_id(), subject="", sha256=""))


@pytest.fixture
def strict(ws: Workspace) -> Callable[[str, str], None]:
    """Puts other limits in force."""

    def put(name: str, value: str) -> None:
        source = ws.settings.playbook.read_text() if ws.settings.playbook else ""
        before = {"per_hour": "per_hour: 100000", "per_day": "per_day: 1000000", "min_gap": "min_gap: 0s, pause"}[name]
        after = f"{name}: {value}" + (", pause" if name == "min_gap" else "")
        playbook = loader.load(source.replace(before, after, 1))

        def publish(tx: Tx) -> None:
            row = {"digest": playbook.digest, "name": "strict", "number": 2, "source": source}
            tx.conn.execute(insert(PlaybookVersion).values(**row, published_at=tx.now - timedelta(days=3)))

        ws.database.transact(publish)
        ws.playbooks.current = playbook

    return put


@pytest.mark.parametrize(
    ("limit", "value", "times", "forced", "code"),
    [
        ("per_hour", "2", [10, 59], True, "mailbox.limit"),
        ("per_hour", "2", [10, 60], True, None),
        ("per_day", "2", [700, 1439], True, "mailbox.limit"),
        ("per_day", "2", [700, 1440], True, None),
        ("min_gap", "60s", [0.5], False, "mailbox.gap"),
        ("min_gap", "60s", [0.5], True, None),
        ("min_gap", "60s", [1.0], False, None),
    ],
)
def test_it_finds_an_overdrawn_window_wherever_it_lies(
    called: Workspace,
    clock: Clock,
    strict: Callable[[str, str], None],
    limit: str,
    value: str,
    times: list[float],
    forced: bool,  # noqa: FBT001
    code: str | None,
) -> None:
    strict(limit, value)
    _many(called, clock, times, forced=forced)
    clock.advance(hours=26)
    found = codes(called)
    assert ({code} if code else set()) == {each for each in found if each.startswith("mailbox.")}


def test_it_says_that_the_schema_is_not_this_release_s(called: Workspace) -> None:
    change(called, text("UPDATE alembic_version SET version_num = '0000'"))
    assert codes(called) == {"schema"}


def test_it_names_fifty_of_a_kind_and_says_that_there_are_more(ws: Workspace, crm: Sender) -> None:
    for start in range(0, 60, 10):
        emails = [f"a{number}@example.com" for number in range(start, start + 10)]
        crm.deliver([{"type": "prospect.upserted", "prospect": {"email": email}} for email in emails])
    change(ws, update(Prospect).values(version=7))
    found = doctor.examine(ws)
    assert len(found) == doctor.MOST_OF_A_KIND + 1
    assert str(found[-1]) == "history.gap: And more of the same."


def test_it_remarks_on_what_is_no_fault(called: Workspace, crm: Sender, clock: Clock) -> None:
    crm.deliver(b"{")
    sent(called, clock, state="uncertain", sent_at=None)
    change(called, text("UPDATE mailbox SET state = 'paused'"))
    start_clock(called, clock)
    told = " ".join(doctor.remarks(called))
    assert "1 uncertain" in told
    assert "1 deliveries" in told
    assert "is paused" in told
    assert "https" in told
    assert "No clock" not in told
    assert doctor.examine(called) == ()
