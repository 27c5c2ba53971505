"""What a signal means in the playbook's own words: the row of `signals` that it matches, the trigger it asks for.

Pure, and decides nothing: whether the move is possible is asked of the machine and its guards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from workflow.engine.signals import Signal
    from workflow.playbook.schema import Playbook, SignalRule

STOP_WORDS: Final = {
    kinds.BOUNCED: "bounce",
    kinds.COMPLAINED: "complaint",
    kinds.UNSUBSCRIBED: "unsubscribe",
    kinds.BOOKED: "meeting",
    kinds.CANCELLED: "meeting.cancelled",
    kinds.HELD: "meeting.held",
    kinds.NO_SHOW: "meeting.no_show",
}
"""What a sequence may stop on, by the kind of the signal that says it."""


def rule(playbook: Playbook, signal: Signal) -> SignalRule | None:
    """The first row of `signals` that this signal matches."""
    for row in playbook.signals:
        if row.source not in signal.sender or row.kind != signal.kind:
            continue
        if row.value is None or str(signal.data.get("value", "")) == row.value:
            return row
    return None


def trigger(playbook: Playbook, signal: Signal) -> str:
    """The trigger that a signal asks for, by itself or by a row of `signals`; empty for none."""
    if signal.kind == kinds.MOVE:
        return str(signal.data.get("trigger", ""))
    row = rule(playbook, signal)
    return row.do if row else ""


def is_before(at: datetime, moved_at: datetime) -> bool:
    """Whether `at` lies before `moved_at`. Without a fraction it stands for its whole second; equal is not before."""
    return at < (moved_at if at.microsecond else moved_at.replace(microsecond=0))


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """What of `values` can be read as text."""
    return {name: str(value) for name, value in values.items() if isinstance(value, str | int | float)}
