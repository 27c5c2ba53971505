"""Which emails and tasks a prospect gets next, and when: what stands now, and what more if something happened now.

Asks the forecast, which decides as production does; sends and plans nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from workflow.engine.life import Happening
from workflow.reports import forecast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from workflow.engine.reasons import Reason
    from workflow.playbook.schema import Step
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

HORIZON: Final = timedelta(days=60)
_SHOWN: Final = frozenset({"mail", "task"})


@dataclass(frozen=True, slots=True)
class Coming:
    """One email or task, and when it leaves or falls due. Without a `step` the playbook in force knows it no more."""

    at: datetime
    kind: str
    sequence: str
    key: str
    step: Step | None


@dataclass(frozen=True, slots=True)
class FollowUps:
    """All of them in order of time, and why a sequence does not begin that would have."""

    coming: tuple[Coming, ...]
    withheld: tuple[tuple[str, Reason], ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """What would go, stop or leave at another time if something happened now."""

    goes: tuple[Coming, ...]
    stops: tuple[Coming, ...]
    moves: tuple[Coming, ...]
    withheld: tuple[tuple[str, Reason], ...]


def effects(
    ws: Workspace, tx: Tx, prospect_id: str, kind: str, data: Mapping[str, Any], before: FollowUps | None = None
) -> Effects:
    """What a signal of this kind would change of the next 60 days."""
    stands = before or follow_ups(ws, tx, prospect_id)
    then = follow_ups(ws, tx, prospect_id, [(kind, data, {})])
    old = {(each.sequence, each.key): each for each in stands.coming}
    new = {(each.sequence, each.key): each for each in then.coming}
    return Effects(
        goes=tuple(each for name, each in new.items() if name not in old),
        stops=tuple(each for name, each in old.items() if name not in new),
        moves=tuple(each for name, each in new.items() if name in old and old[name].at != each.at),
        withheld=tuple(each for each in then.withheld if each not in stands.withheld),
    )


def follow_ups(
    ws: Workspace, tx: Tx, prospect_id: str, told: Iterable[tuple[str, Mapping[str, Any], Mapping[str, str]]] = ()
) -> FollowUps:
    """What comes within 60 days when `told` happens now: kinds of signals, with data and custom fields."""
    events = [Happening(tx.now, kind, data, custom=custom) for kind, data, custom in told]
    life = forecast.forecast(ws, tx, prospect_id, events, horizon=HORIZON)
    book = ws.playbooks.in_force(tx)
    coming = []
    for each in life.entries:
        if each.kind in _SHOWN:
            sequence = book.sequences.get(each.sequence)
            step = next((one for one in sequence.steps if one.key == each.step), None) if sequence else None
            coming.append(Coming(each.at, each.kind, each.sequence, each.step, step))
    withheld = tuple(
        (each.sequence, reason) for each in life.entries if each.kind == "withheld" for reason in each.reasons
    )
    return FollowUps(tuple(sorted(coming, key=lambda one: one.at)), withheld)
