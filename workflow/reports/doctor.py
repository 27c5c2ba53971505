"""The invariants, checked on a live database: what must hold at any moment, whatever was killed before.

Reads only. What changes together is read in one statement, so that work going on is never taken for a fault.
`examine` tells what is wrong; `remarks` tells what is right but should be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, func, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from workflow import progress
from workflow.engine import reasons
from workflow.engine import signals as kinds
from workflow.mail.address import key_of
from workflow.records.chain import digest, plain
from workflow.records.models import (
    REVISION,
    Delivery,
    Enrollment,
    Event,
    Heartbeat,
    History,
    Mailbox,
    Message,
    Prospect,
    Suppression,
    Touch,
)
from workflow.reports import check_limits, check_stays, crm, link_test, outbox, replay
from workflow.reports.touches import COUNTED, holds
from workflow.search import searchable
from workflow.wanted import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

MOST_OF_A_KIND: Final = 50
_BATCH: Final = 200
_OPEN: Final = ("scheduled", "claimed", "sending", "committing", "uncertain")
_ALIVE: Final = timedelta(seconds=30)
_LONG_DEAD: Final = timedelta(minutes=2)
_TOO_LONG: Final = timedelta(minutes=10)
# A transaction takes its time when it begins and may then wait for a lock: two of them may be told in the wrong order.
_SLACK: Final = timedelta(seconds=10)
_RETRIED_UNTIL: Final = timedelta(hours=48)
_FOLDED: Final = (
    *kinds.FIELDS, "custom", "stage", "outcome", "outcome_reason", "owner_id", "entered_stage_at", "moved_at",
    "mail_hold_until", "mail_hold_why", "declined", "merged_into",
)  # fmt: skip
_BLANK: Final[dict[str, Any]] = {**dict.fromkeys(kinds.FIELDS, ""), "custom": {}}
_LINKS: Final = tuple(column.label(f"link_{column.name}") for column in History.__table__.columns)
_LINK_PLACES: Final = {
    column.name: len(Prospect.__table__.columns) + place for place, column in enumerate(History.__table__.columns)
}
_SUPPRESSING: Final = frozenset({kinds.BOUNCED, kinds.COMPLAINED, kinds.UNSUBSCRIBED})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a stable code, and a sentence that names the row."""

    code: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


def examine(ws: Workspace, *, seed: int = 0) -> tuple[Finding, ...]:
    """Everything that is wrong, at most fifty of a kind. Raises Unavailable when the database is away.

    `seed` chooses which decisions are asked again beside the newest.
    """
    found: list[Finding] = []
    with ws.database.read() as tx:
        schema = _schema(tx)
        if schema is not None:
            return (schema,)
        asked_again = (Finding(code, sentence) for code, sentence in replay.sample(ws, tx, seed))
        for found_by in (*(rule(ws, tx) for rule in _RULES), asked_again):
            these = list(islice(found_by, MOST_OF_A_KIND + 1))
            found += these[:MOST_OF_A_KIND]
            if len(these) > MOST_OF_A_KIND:
                found.append(Finding(these[-1].code, "And more of the same."))
    return tuple(found)


def remarks(ws: Workspace) -> tuple[str, ...]:
    """What is no fault but should be known: uncertain emails, dead letters, paused mailboxes, a silent clock."""
    with ws.database.read() as tx:
        told = [*_counts(tx), *outbox.remarks(tx), *crm.remarks(tx)]
        link = link_test.remark(tx, ws.settings.base_url)
        if link is not None:
            told.append(link)
        if _clock_since(tx) is None:
            told.append("No clock has been running for two minutes: what is due waits, and waiting was not judged.")
    if not ws.settings.base_url.startswith("https://"):
        told.append(f"Links in emails begin with {ws.settings.base_url}: give ONWARD_BASE_URL an https address.")
    return tuple(told)


def _counts(tx: Tx) -> Iterator[str]:
    uncertain = tx.conn.execute(select(func.count()).where(Touch.state == "uncertain")).scalar_one()
    if uncertain:
        yield f"Nobody knows whether these arrived: {uncertain} uncertain emails wait for somebody to settle them."
    dead = tx.conn.execute(select(func.count()).where(Delivery.status == "dead")).scalar_one()
    if dead:
        yield f"There are {dead} deliveries that could not be read: look at them, mend their sender, replay them."
    given_up = tx.conn.execute(select(func.count()).select_from(Event).where(GIVEN_UP)).scalar_one()
    if given_up:
        yield f"There are {given_up} events that were given up: see `onward deliveries list --fate given_up`."
    for row in tx.conn.execute(select(Mailbox.name, Mailbox.pause_reason).where(Mailbox.state == "paused")):
        why = (reasons.words(row.pause_reason, "en") or "nobody said why").rstrip(".")
        yield f"The mailbox {row.name} is paused, its mail waits: {why}. {reasons.remedy(row.pause_reason, 'en')}"


def _schema(tx: Tx) -> Finding | None:
    try:
        found = tx.conn.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    except DBAPIError:
        found = []
    if list(found) == [REVISION]:
        return None
    return Finding(
        "schema", f"The schema is at {', '.join(found) or 'nothing'}, not {REVISION}: run `onward db upgrade`."
    )


# --- history: gap-free, chained, and what it says is what the row is


def _history(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    last = ""
    some = select(Prospect.id).order_by(Prospect.id).limit(_BATCH)
    while batch := tx.conn.execute(some.where(Prospect.id > last)).scalars().all():
        last = batch[-1]
        try:
            told = _told(tx, batch)
        except (ValueError, TypeError):
            # SQLite takes any text for a time or for JSON: what can be read is judged, what cannot is named.
            told = []
            for each in batch:
                try:
                    told += _told(tx, (each,))
                except (ValueError, TypeError):
                    yield Finding("history.unreadable", f"A time or a JSON text of prospect {each} cannot be read.")
        for _, group in groupby(told, key=lambda row: row.id):
            rows = list(group)
            links = [{name: row[at] for name, at in _LINK_PLACES.items()} for row in rows]
            yield from _one_history(rows[0], [link for link in links if link["version"] is not None])
    lost = select(History.prospect_id).distinct().where(~exists().where(Prospect.id == History.prospect_id))
    for prospect_id in tx.conn.execute(lost).scalars():
        yield Finding("history.lost", f"There is a history of prospect {prospect_id}, and no such prospect.")


def _told(tx: Tx, batch: Sequence[str]) -> list[Record]:
    """These prospects, each beside the rows of its history."""
    # One statement for both tables: on PostgreSQL each statement sees a moment of its own.
    both = select(*Prospect.__table__.columns, *_LINKS).outerjoin(History, History.prospect_id == Prospect.id)
    return list(tx.conn.execute(both.where(Prospect.id.in_(batch)).order_by(Prospect.id, History.version)))


def _one_history(prospect: Record, links: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    name = f"prospect {prospect.id}"
    if [link["version"] for link in links] != list(range(1, prospect.version + 1)):
        yield Finding("history.gap", f"The history of {name} is not 1 to {prospect.version} without a gap.")
    before, folded = "", dict(_BLANK)
    for link in links:
        if digest(before, link) != link["digest"]:
            sentence = f"Version {link['version']} of {name} was altered, or the row before it was."
            yield Finding("history.chain", sentence)
            break
        before = link["digest"]
    else:
        if links and prospect.chain != before:
            yield Finding("history.chain", f"The newest link of {name} is not that of its history.")
    for link in links:
        folded |= link["changes"]
        if not link["actor"] or not link["cause"]:
            yield Finding("history.actor", f"Version {link['version']} of {name} does not say who did it, or why.")
    differs = [field for field in _FOLDED if folded.get(field) != plain(getattr(prospect, field))]
    differs += [field for field, value in _derived(prospect, links).items() if getattr(prospect, field) != value]
    if differs:
        yield Finding("history.fold", f"The row of {name} is not what its history adds up to: {', '.join(differs)}.")


def _derived(prospect: Record, links: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the writer makes of the rest of the row, and of the times of its history."""
    searched = searchable(prospect.name, prospect.company, prospect.email, prospect.phone)
    times = {"created_at": links[0]["at"], "updated_at": links[-1]["at"]} if links else {}
    counted = {
        "reached": progress.told(progress.marks((link["kind"], link["to_stage"]) for link in links)),
        "competitor": progress.competitors(prospect.custom),
        **({"origin": progress.origin(links[0]["actor"], links[0]["cause"])} if links else {}),
    }
    return {"email_key": key_of(prospect.email), "search": searched, **times, **counted}


def _stays(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    return (Finding(code, sentence) for code, sentence in check_stays.faults(tx))


def _merged(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    """One that was merged leads to one that was not, and nothing of it is still to happen."""
    into, mine = aliased(Prospect), Touch.prospect_id == Prospect.id
    running = exists().where(Enrollment.prospect_id == Prospect.id, Enrollment.state == "active")
    waits = exists().where(mine, Touch.state.in_(_OPEN))
    marked = select(Prospect.id).join(into, into.id == Prospect.merged_into)
    for prospect_id in tx.conn.execute(marked.where(or_(running, waits, into.merged_into.is_not(None)))).scalars():
        yield Finding("prospect.merged", f"Prospect {prospect_id} was merged, and is on its way all the same.")


# --- enrollments: one of a kind, never stuck


def _enrollments(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    active = Enrollment.state == "active"
    twice = (
        select(Enrollment.prospect_id, Enrollment.sequence)
        .where(active)
        .group_by(Enrollment.prospect_id, Enrollment.sequence)
        .having(func.count() > 1)
    )
    for row in tx.conn.execute(twice):
        yield Finding("enrollment.twice", f"Prospect {row.prospect_id} is on the sequence {row.sequence} twice.")
    pending = exists().where(Touch.enrollment_id == Enrollment.id, Touch.state.in_(_OPEN))
    for enrollment_id in tx.conn.execute(select(Enrollment.id).where(active, ~pending)).scalars():
        yield Finding("enrollment.stuck", f"Enrollment {enrollment_id} is active, and nothing of it is pending.")


def _waiting(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    earlier = aliased(Touch)
    before = exists().where(
        earlier.enrollment_id == Touch.enrollment_id, earlier.position < Touch.position, earlier.state.in_(_OPEN)
    )
    unlinked = Touch.next_attempt_at.is_(None) & (Touch.state == "scheduled") & ~before
    for touch_id in tx.conn.execute(select(Touch.id).where(unlinked)).scalars():
        yield Finding("touch.unlinked", f"Touch {touch_id} waits for a step before it, and there is none.")
    revocable = (Touch.kind == "email") & Touch.state.in_(("scheduled", "claimed", "sending"))
    orphans = (
        select(Touch.id, Touch.state)
        .join(Enrollment, Enrollment.id == Touch.enrollment_id)
        .where(revocable, Enrollment.state != "active")
    )
    for row in tx.conn.execute(orphans):
        yield Finding("touch.orphan", f"Touch {row.id} is {row.state}, although its sequence has ended.")


# --- touches: sent once, in time, within the limits, and never in dead hands


def _sent(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    sent = (Touch.kind == "email") & (Touch.state == "sent")
    untold = or_(
        Touch.message_id.is_(None), Touch.sent_at.is_(None), Touch.committed_at.is_(None), Message.id.is_(None)
    )
    found = select(Touch.id).outerjoin(Message, Message.touch_id == Touch.id).where(sent, untold)
    for touch_id in tx.conn.execute(found).scalars():
        yield Finding("touch.bare", f"Touch {touch_id} is sent without its bytes, its Message-ID or its time.")
    twice = select(Touch.enrollment_id, Touch.step).where(sent).group_by(Touch.enrollment_id, Touch.step)
    for row in tx.conn.execute(twice.having(func.count() > 1)):
        yield Finding("touch.twice", f"Step {row.step} of enrollment {row.enrollment_id} was sent more than once.")


def _lateness(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    marked = Touch.committed_at.is_not(None) & Touch.state.in_(COUNTED)
    columns = (Touch.id, Touch.due_at, Touch.not_after, Touch.committed_at, Touch.attempts)
    suspects = or_(Touch.committed_at > Touch.not_after, Touch.committed_at < Touch.due_at)
    for row in tx.conn.execute(select(*columns).where(marked, suspects)):
        # Retries may run on for two days, and what was begun in time may still be on its way.
        until = row.not_after if row.attempts <= 1 else max(row.not_after, row.due_at + _RETRIED_UNTIL) + _TOO_LONG
        if row.committed_at > until:
            yield Finding("touch.late", f"Touch {row.id} left after {until.isoformat()}, when it was too late for it.")
        if row.committed_at < row.due_at:
            yield Finding("touch.early", f"Touch {row.id} left before it was due.")


def _dead_hands(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    """Only while a clock runs: nobody else would free them."""
    if _clock_since(tx) is None:
        return
    long_ago = tx.now - _LONG_DEAD
    alive = exists().where(Heartbeat.id == Touch.holder, Heartbeat.beat_at > long_ago)
    held = Touch.state.in_(("sending", "committing")) & (Touch.hint_at < long_ago) & ~alive
    expired = Touch.state.in_(("sending", "committing")) & (Touch.lease_until < long_ago)
    forgotten = (Touch.state == "claimed") & (Touch.hint_at < tx.now - _TOO_LONG)
    for row in tx.conn.execute(select(Touch.id, Touch.state).where(or_(held, expired, forgotten))):
        yield Finding("touch.held", f"Touch {row.id} is {row.state} in the hands of a process that is long gone.")


def _overdue(ws: Workspace, tx: Tx) -> Iterator[Finding]:
    if _clock_since(tx) is None:
        return
    long_ago = tx.now - _TOO_LONG
    busy = aliased(Touch)
    # A mailbox that is at work is working off what waits; one that is not has forgotten it.
    at_work = exists().where(busy.mailbox_id == Touch.mailbox_id, busy.state.in_(("claimed", "sending", "committing")))
    waits = (Touch.state == "scheduled") & (Touch.next_attempt_at < long_ago) & Touch.asks_since.is_(None)
    due = waits & Touch.mailbox_id.is_not(None) & ~at_work
    rows = tx.conn.execute(select(Touch.id, Touch.mailbox_id).where(due).limit(MOST_OF_A_KIND + 1)).all()
    held = holds(tx, {row.mailbox_id for row in rows}, ws.playbooks.in_force(tx).limits) if rows else {}
    for row in rows:
        if row.mailbox_id not in held:
            yield Finding("touch.overdue", f"Touch {row.id} has been due for ten minutes, and nothing holds it.")


def _limits(ws: Workspace, tx: Tx) -> Iterator[Finding]:
    return (Finding(code, sentence) for code, sentence in check_limits.overdrawn(ws, tx))


# --- stops: nothing crosses its commit mark after one


def _after_stop(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    columns = (Touch.id, Touch.committed_at, Touch.committed_version, Touch.prospect_id)
    barred = select(*columns, Suppression.email_key, Suppression.at).join(
        Suppression, Suppression.email_key == func.lower(Touch.recipient)
    )
    for row in tx.conn.execute(barred.where(Touch.committed_at.is_not(None), Touch.state.in_(COUNTED))).all():
        # Versions grow under the prospect's lock and tell the order exactly; the clock is for what another one barred.
        if _barred_before(tx, row) or row.committed_at > row.at + _SLACK:
            yield Finding("touch.after_suppression", f"Touch {row.id} left after its address was suppressed.")
    ended = (
        select(Touch.id, Touch.committed_at, Enrollment.ended_at)
        .join(Enrollment, Enrollment.id == Touch.enrollment_id)
        .where(Enrollment.state == "stopped", Touch.committed_at > Enrollment.ended_at, Touch.state.in_(COUNTED))
    )
    for stopped in tx.conn.execute(ended):
        if stopped.committed_at > stopped.ended_at + _SLACK:
            yield Finding("touch.after_stop", f"Touch {stopped.id} left after its sequence was stopped.")


def _barred_before(tx: Tx, mark: Record) -> bool:
    """Whether the prospect's own history had barred the address by the version at which the email was let go."""
    email, barred = "", False
    rows = tx.conn.execute(
        select(History.kind, History.changes, History.detail)
        .where(History.prospect_id == mark.prospect_id, History.version <= (mark.committed_version or 0))
        .order_by(History.version)
    )
    for row in rows:
        email = row.changes.get("email", email)
        named = {key_of(email), key_of(row.detail.get("address") or "")}
        if row.kind in _SUPPRESSING and row.detail.get("permanent") is not False and mark.email_key in named:
            barred = True
        elif row.kind == kinds.ALLOWED and mark.email_key in named:
            barred = False
    return barred


def _link(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    fault = link_test.fault(tx)
    if fault is not None:
        yield Finding("link.looking", fault)


# --- deliveries: nothing is forgotten


def _events(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    applied = select(Event.id).where(Event.outcome == "applied", Event.type.in_(_TELLING))
    silent = applied.except_(select(func.substr(History.cause, 7)).where(History.cause.startswith("event:")))
    for event_id in tx.conn.execute(silent).scalars():
        yield Finding("event.untold", f"Event {event_id} was applied, and no history tells of it.")
    if _clock_since(tx) is None:
        return
    waits = select(Event.id).where(Event.next_attempt_at < tx.now - _TOO_LONG)
    for event_id in tx.conn.execute(waits).scalars():
        yield Finding("event.forgotten", f"Event {event_id} should have been tried again more than ten minutes ago.")


# Kinds that leave a row of history whenever they are applied.
_TELLING: Final = frozenset({kinds.MOVE, kinds.CALL_ENDED, kinds.ANSWERS}) | kinds.MEETING_KINDS | kinds.MAIL_KINDS


def _clock_since(tx: Tx) -> datetime | None:
    """Since when a clock has been running without a break, if it has for long enough to have done its chores."""
    now = tx.now
    return tx.conn.execute(
        select(func.min(Heartbeat.started_at)).where(
            Heartbeat.role == "clock", Heartbeat.beat_at > now - _ALIVE, Heartbeat.started_at < now - _LONG_DEAD
        )
    ).scalar_one()


def _outbox(_ws: Workspace, tx: Tx) -> Iterator[Finding]:
    since = _clock_since(tx)
    yield from (Finding(code, sentence) for code, sentence in (*outbox.faults(tx, since), *crm.faults(tx, since)))


_RULES: Final[tuple[Callable[[Workspace, Tx], Iterator[Finding]], ...]] = (
    _history,
    _stays,
    _merged,
    _enrollments,
    _waiting,
    _sent,
    _lateness,
    _dead_hands,
    _overdue,
    _limits,
    _after_stop,
    _link,
    _events,
    _outbox,
)
