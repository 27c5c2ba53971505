"""Whose turn it is among the events of one prospect: which waits behind one that fails, which is asked once more.

An event that fails holds up the later ones of its prospect, so that they keep their order, for a quarter of an hour at
the most; what stops mail never waits. One that was refused is asked again when older news come in. Applies nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select, update

from workflow.actions import prospects
from workflow.engine import meaning
from workflow.engine import signals as kinds
from workflow.mail.address import key_of
from workflow.records.models import Event, ExternalRef
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from workflow.actions.parcels import Incoming
    from workflow.actions.prospects import Loaded
    from workflow.engine.signals import Signal
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx

HELD_FOR: Final = timedelta(minutes=15)
RETRY: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
)
"""After each failure of an event in a row; then it is given up, and waits for a person."""
# A refusal that another order of arrival would have spared.
REFUSED: Final = frozenset({"ignored", "blocked"})
_STOPPING: Final = kinds.MAIL_KINDS | kinds.MEETING_KINDS
_KEPT: Final = Prepared(
    select(Event.id, Event.outcome, Event.occurred_at, Event.failing_since, Event.next_attempt_at).where(
        Event.prospect_id == bindparam("prospect"), Event.payload.is_not(None)
    )
)
_FAILING_REF: Final = Prepared(
    select(Event.id, Event.outcome, Event.occurred_at, Event.failing_since, Event.next_attempt_at).where(
        Event.waits_ref == bindparam("ref"),
        Event.source_id == bindparam("source"),
        Event.failing_since.is_not(None),
    )
)
_ASK_AGAIN: Final = Prepared(update(Event).where(Event.id == bindparam("which"), Event.payload.is_not(None)))


def kept(tx: Tx, known: Loaded | None, source_id: str, ref: str | None) -> Sequence[Record]:
    """The events of a prospect, or of a ref that nobody is known by, that may have to be applied again."""
    if known is not None:
        return _KEPT.all(tx, {"prospect": known.view.id}) if known.has_kept else ()
    return _FAILING_REF.all(tx, {"ref": ref, "source": source_id}) if ref else ()


def held_until(rows: Sequence[Record], row_id: str, first_at: datetime, now: datetime) -> datetime | None:
    """Until when an event waits for those before it. `first_at` is when it came."""
    if first_at <= now - HELD_FOR:
        return None
    ends = [
        min(row.next_attempt_at or now, (row.failing_since or first_at) + HELD_FOR)
        for row in rows
        if row.id < row_id and _holds(row, now)
    ]
    return max(*ends, now + timedelta(seconds=1)) if ends else None


def is_stopping(playbook: Playbook, signal: Signal) -> bool:
    """Whether a signal may stop mail: such a one never waits."""
    if signal.kind in _STOPPING:
        return True
    trigger = meaning.trigger(playbook, signal)
    return any(way.trigger == trigger and playbook.is_final(way.to) for way in playbook.transitions)


def ask_again(tx: Tx, rows: Sequence[Record], at: datetime) -> None:
    """Let the refused events among `rows` that happened after `at` be asked once more: they came before their cause."""
    for row in rows:
        if row.outcome in REFUSED and row.occurred_at is not None and row.occurred_at > at:
            _ASK_AGAIN.run(tx, {"which": row.id, "next_attempt_at": tx.now})


def whom(tx: Tx, source_id: str, incoming: Incoming) -> str | None:
    """Whom an event is about, where the prospect itself may not be loadable."""
    if incoming.ref:
        known = select(ExternalRef.prospect_id).where(
            ExternalRef.source_id == source_id, ExternalRef.object == "prospect", ExternalRef.ref == incoming.ref
        )
        found: str | None = tx.conn.execute(known).scalar_one_or_none()
        if found is not None:
            return found
    email_key = key_of(incoming.address)
    return prospects.by_email(tx, email_key) if email_key else None


def _holds(row: Record, now: datetime) -> bool:
    if row.failing_since is not None:
        failing: datetime = row.failing_since
        return failing > now - HELD_FOR
    return bool(row.outcome == "pending")
