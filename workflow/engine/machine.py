"""The stage machine of a playbook, run by `transitions`: which way a trigger leads, or why it does not.

Knows stages, triggers and needs, and nothing of prospects, sequences or time. The only user of `transitions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from transitions import Machine

from workflow.engine import guards
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.engine.guards import Facts
    from workflow.playbook.schema import Playbook, Transition


@dataclass(frozen=True, slots=True)
class Moved:
    """The trigger leads on, by this transition."""

    transition: Transition


@dataclass(frozen=True, slots=True)
class Refused:
    """The trigger does not lead on. `possible` tells a guard's no (needs are missing) from a way that is not there."""

    reasons: tuple[Reason, ...]
    possible: bool


class _Cursor:
    """Where the machine stands while one trigger is fired. Never registered with it, so nothing is kept or planted."""

    __slots__ = ("state", "taken")

    def __init__(self, state: str) -> None:
        self.state = state
        self.taken: Transition | None = None


def fire(playbook: Playbook, stage: str, trigger: str, facts: Facts) -> Moved | Refused:
    """Fire `trigger` at `stage`, where `facts` are what the needs may ask about."""
    open_ways = ways_for(playbook, stage, trigger)
    if not open_ways:
        known = any(way.trigger == trigger for way in playbook.transitions)
        code = "no_transition" if known else "unknown_trigger"
        return Refused((because(code, trigger=trigger, stage=stage),), possible=False)
    # The machine answers a failed condition with a bare False; the needs are asked first so that the no has a name.
    missing = [guards.unmet(playbook, way.needs, facts) for way in open_ways]
    if all(missing):
        return Refused(missing[0], possible=True)
    cursor = _Cursor(stage)
    _machine(playbook).events[trigger].trigger(cursor, facts=facts)
    if cursor.taken is None:  # the machine and the question above read the same table
        raise AssertionError(trigger)
    return Moved(cursor.taken)


def ways_out(playbook: Playbook, stage: str) -> tuple[Transition, ...]:
    """The transitions that leave `stage`, in the order of the file."""
    return tuple(way for way in playbook.transitions if stage in way.sources)


def ways_for(playbook: Playbook, stage: str, trigger: str) -> tuple[Transition, ...]:
    """The transitions that `trigger` may take from `stage`: one, in a playbook without findings."""
    return tuple(way for way in playbook.transitions if way.trigger == trigger and stage in way.sources)


@lru_cache(maxsize=16)
def _machine(playbook: Playbook) -> Machine:
    machine = Machine(
        model=None, states=list(playbook.stages), initial=playbook.first_stage, auto_transitions=False, send_event=True
    )
    for way in playbook.transitions:
        machine.add_transition(
            way.trigger, list(way.sources), way.to, conditions=[_condition(playbook, way)], before=[_remember(way)]
        )
    return machine


def _condition(playbook: Playbook, way: Transition) -> Callable[[Any], bool]:
    return lambda event: not guards.unmet(playbook, way.needs, event.kwargs["facts"])


def _remember(way: Transition) -> Callable[[Any], None]:
    def remember(event: Any) -> None:  # noqa: ANN401 - the library has no types
        event.model.taken = way

    return remember
