"""Which items of a playbook's checklist are ticked, and what the others still need. Pure, from facts alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflow.engine import guards

if TYPE_CHECKING:
    from workflow.engine.guards import Facts
    from workflow.engine.reasons import Reason
    from workflow.playbook.content import ChecklistItem
    from workflow.playbook.schema import Playbook


@dataclass(frozen=True, slots=True)
class Point:
    """An item, whether it is ticked, and if not, what is missing. Nothing is missing where nothing ticks it."""

    item: ChecklistItem
    ticked: bool
    missing: tuple[Reason, ...]


def points(playbook: Playbook, facts: Facts) -> tuple[Point, ...]:
    """The checklist as it stands for the prospect of these facts, in the order of the file."""
    found = []
    for item in playbook.content.checklist.values():
        missing = guards.unmet(playbook, item.done_when, facts)
        found.append(Point(item, bool(item.done_when) and not missing, missing))
    return tuple(found)


def wants(playbook: Playbook) -> frozenset[guards.Kind]:
    """The kinds of facts that the whole checklist is judged by."""
    return guards.wants(playbook, [need for item in playbook.content.checklist.values() for need in item.done_when])
