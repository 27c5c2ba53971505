"""What is missing before needs are met, each with the place where it can be given: for people who want to go on.

Pure, as `guards` is. It says what a person may do about a need; whether a move is allowed is asked of `guards` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from workflow.engine import guards
from workflow.engine.signals import FIELDS
from workflow.playbook import references
from workflow.playbook.needs import (
    ROLES,
    AllOf,
    Answered,
    AnyOf,
    Begun,
    Called,
    Evidence,
    Filled,
    HasRole,
    Met,
    Need,
    NotMet,
    Rated,
    ScoreAtLeast,
    Ticked,
    walk,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.engine.guards import Facts
    from workflow.engine.reasons import Reason
    from workflow.playbook.schema import Playbook

Place = Literal["move", "facts", "buyer", "questions", "score", "call", "meeting", "item", "any", "nowhere"]
"""Where a person gives what is missing; `move` with the move itself, `buyer` where persona and journey stand."""

BUYER: Final = ("persona", "journey")
_WITH_MOVE: Final = ("outcome", "reason")
_BEGUN_AT: Final[Mapping[str, Place]] = {"call.ended": "call", "meeting.booked": "meeting", "meeting.held": "meeting"}


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is missing. `keys` are fields, questions, criteria or an item of the checklist, by the place.

    `short` is how many answers are lacking; of the `ways` of an `any` one is enough.
    """

    reason: Reason
    place: Place
    keys: tuple[str, ...] = ()
    short: int = 0
    ways: tuple[tuple[Gap, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing, whoever asks, and the least role that may go on without it; None where nobody may."""

    gaps: tuple[Gap, ...] = ()
    role: str | None = None


def missing(playbook: Playbook, needs: Iterable[Need], facts: Facts) -> Missing:
    """What is missing of these needs for an ordinary rep, and who may go on all the same."""
    needs = tuple(needs)
    told = replace(facts, role=ROLES[0])
    gaps = tuple(gap for need in needs for gap in _gaps(need, playbook, told))
    return Missing(gaps, _enough(playbook, needs, told) if gaps else None)


def _enough(playbook: Playbook, needs: tuple[Need, ...], facts: Facts) -> str | None:
    """The least role with which nothing is missing any more, where a need speaks of roles at all."""
    if not any(isinstance(need, HasRole) for need in walk(needs)):
        return None
    filled = {**facts.fields, **dict.fromkeys(_WITH_MOVE, "given")}
    able = (role for role in ROLES[1:] if not guards.unmet(playbook, needs, replace(facts, fields=filled, role=role)))
    return next(able, None)


def _gaps(need: Need, playbook: Playbook, facts: Facts) -> tuple[Gap, ...]:
    reasons = guards.unmet(playbook, (need,), facts)
    if isinstance(need, AllOf):
        return tuple(gap for each in need.needs for gap in _gaps(each, playbook, facts))
    if not reasons:
        return ()
    if isinstance(need, AnyOf):
        return _of_any(need, playbook, facts)
    if isinstance(need, Ticked):
        items = [key for key in need.items if not guards.is_ticked(playbook, key, facts)]
        return tuple(Gap(guards.unmet(playbook, (Ticked((key,)),), facts)[0], "item", (key,)) for key in items)
    if isinstance(need, Answered):
        return _unanswered(need, playbook, facts)
    if isinstance(need, Evidence):
        keys = tuple(key for key in references.questions_of(playbook, need) if not guards.answered(facts, key))
        known = len(references.questions_of(playbook, need)) - len(keys)
        return (Gap(reasons[0], "questions", keys, need.at_least - known),)
    place, keys = _place(need, playbook)
    return (Gap(reasons[0], place, keys),)


def _unanswered(need: Answered, playbook: Playbook, facts: Facts) -> tuple[Gap, ...]:
    """Criteria are rated, questions answered: two places."""
    open_keys = [key for key in need.keys if not guards.answered(facts, key)]
    rated = tuple(key for key in open_keys if key in playbook.content.criteria)
    asked = tuple(key for key in open_keys if key not in rated)
    parts: tuple[tuple[Place, tuple[str, ...]], ...] = (("questions", asked), ("score", rated))
    return tuple(
        Gap(guards.unmet(playbook, (Answered(keys),), facts)[0], place, keys, len(keys))
        for place, keys in parts
        if keys
    )


def _of_any(need: AnyOf, playbook: Playbook, facts: Facts) -> tuple[Gap, ...]:
    """Alternatives that depend on who asks are no work for anybody; with one other left, it is simply what to do."""
    doable = [each for each in need.needs if not _about_who(each)]
    ways = tuple(gaps for gaps in (_gaps(each, playbook, facts) for each in doable) if gaps)
    if len(ways) == 1:
        return ways[0]
    return (Gap(guards.unmet(playbook, (AnyOf(tuple(doable)) if doable else need,), facts)[0], "any", ways=ways),)


def _about_who(need: Need) -> bool:
    return isinstance(need, HasRole) or (isinstance(need, NotMet) and isinstance(need.need, HasRole))


def _place(need: Need, playbook: Playbook) -> tuple[Place, tuple[str, ...]]:
    match need:
        case Filled(name) if name in BUYER:
            return "buyer", (name,)
        case Filled(name):
            return ("facts" if name in FIELDS else "move"), (name,)
        case Rated(criterion):
            return "score", (criterion,)
        case ScoreAtLeast():
            return "score", ()
        case Met():
            return "meeting", ()
        case Called():
            return "call", ()
        case Begun(sequence) if sequence in playbook.sequences:
            return _BEGUN_AT.get(playbook.sequences[sequence].start.when, "nowhere"), ()
    return "nowhere", ()
