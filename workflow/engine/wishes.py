"""What a prospect asks for at the end of an email, and what the list of barred addresses does to one.

Pure. A pause is neither shortened nor stretched by asking twice; what is undone was asked for before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.engine.signals import MailHold, ProspectView, Signal

PAUSE_FOR: Final = timedelta(days=30)
"""How long a pause lasts that a prospect asks for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What follows: changes of the prospect, the enrollments that end and why, and the one that goes on.

    `suppressed` says that what has not left is skipped because its address is barred; `resume` that mail which waits
    is asked again; `take_back` that mail sent ahead of its time waits too. `begins` is what a person begins by hand.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, str] = field(default_factory=dict)
    ends: frozenset[str] = frozenset()
    reason: Reason | None = None
    suppressed: bool = False
    resume: bool = False
    take_back: bool = False
    revive: str | None = None
    begins: str = ""


def told(view: ProspectView, signal: Signal, now: datetime) -> Wish | None:
    """What a signal of `WISH_KINDS` asks for; None where that changes nothing any more."""
    said = {name: str(signal.data[name]) for name in ("sequence", "detail", "address") if signal.data.get(name)}
    if signal.kind in (kinds.DECLINED, kinds.WANTED_AGAIN):
        return _series(view, signal, said)
    if signal.kind == kinds.PAUSED:
        return _paused(view.hold(now), said, now)
    if signal.kind in (kinds.PAUSE_UNDONE, kinds.PAUSE_ENDED):
        known = view.hold(now)
        if known is None or known.why != kinds.PAUSE:
            return None
        return Wish({"mail_hold_until": None, "mail_hold_why": None}, said, resume=True)
    if signal.kind == kinds.BARRED:
        ends = frozenset(each.id for each in view.enrollments)
        return Wish(detail=said, ends=ends, reason=because("suppressed"), suppressed=True)
    return Wish(detail=said)


def _paused(known: MailHold | None, said: Mapping[str, str], now: datetime) -> Wish | None:
    if known is not None and known.why == kinds.PAUSE:
        return None
    until = max(now + PAUSE_FOR, known.until) if known else now + PAUSE_FOR
    return Wish({"mail_hold_until": until, "mail_hold_why": kinds.PAUSE}, said, take_back=True)


def _series(view: ProspectView, signal: Signal, said: Mapping[str, str]) -> Wish | None:
    key = said.get("sequence", "")
    if signal.kind == kinds.WANTED_AGAIN:
        if key not in view.declined:
            return None
        return Wish(_declined(view.declined - {key}), said, revive=str(signal.data.get("enrollment") or "") or None)
    ends = frozenset(each.id for each in view.enrollments if each.sequence.key == key)
    if not key or (key in view.declined and not ends):
        return None
    changes = {} if key in view.declined else _declined(view.declined | {key})
    return Wish(changes, said, ends, because("stop.declined"))


def _declined(keys: frozenset[str]) -> Mapping[str, Any]:
    return {"declined": " ".join(sorted(keys)) or None}
