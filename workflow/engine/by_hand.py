"""What a person does to the sequences of a prospect by hand: begin one, end one, take that back, let the mail wait.

Pure. A person goes round no rule: what may not begin again does not, and a pause that the prospect asked for stays.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from workflow.engine import signals as kinds
from workflow.engine.reasons import because
from workflow.engine.wishes import Wish

if TYPE_CHECKING:
    from workflow.engine.signals import ProspectView, Signal

LONGEST_HOLD: Final = timedelta(days=366)


def told(view: ProspectView, signal: Signal, now: datetime) -> Wish | None:
    """What a signal of `HAND_KINDS` asks for; None where that changes nothing."""
    if signal.kind == kinds.STARTED:
        key = str(signal.data.get("sequence") or "")
        running = key in (each.sequence.key for each in view.enrollments)
        return None if running or not key else Wish(detail={"sequence": key}, begins=key)
    if signal.kind == kinds.ENDED:
        which = str(signal.data.get("enrollment") or "")
        ended = next((each for each in view.enrollments if each.id == which), None)
        if ended is None:
            return None
        reason = because("stop.by", by=signal.actor)
        return Wish(detail={"sequence": ended.sequence.key}, ends=frozenset({which}), reason=reason)
    if signal.kind == kinds.RESUMED:
        key = str(signal.data.get("sequence") or "")
        # What the prospect declined meanwhile stays ended, whoever ended it first.
        barred = key in view.declined or key in (each.sequence.key for each in view.enrollments)
        which = str(signal.data.get("enrollment") or "")
        return None if barred or not which else Wish(detail={"sequence": key}, revive=which)
    return _held(view, signal, now)


def _held(view: ProspectView, signal: Signal, now: datetime) -> Wish | None:
    known = view.hold(now)
    if signal.kind == kinds.RELEASED:
        if known is None or known.why == kinds.PAUSE:
            return None
        return Wish({"mail_hold_until": None, "mail_hold_why": None}, resume=True)
    until = datetime.fromisoformat(str(signal.data["until"]))
    own = known is not None and known.why == kinds.BY_HAND
    if not now < until <= now + LONGEST_HOLD or (known is not None and not own and known.until >= until):
        return None
    if known is not None and known.why == kinds.PAUSE:
        # Whoever asked for a pause gets it whole: a rep may not take over the end of it.
        return None
    changes = {"mail_hold_until": until, "mail_hold_why": kinds.BY_HAND}
    sooner = own and known is not None and until < known.until
    return Wish(changes, {"until": until.isoformat()}, resume=sooner, take_back=not sooner)
