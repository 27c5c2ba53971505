"""Whether what a source says can ever move a prospect: the rules of `signals`.

One function per rule, all in the table `RULES`, which `check` runs beside its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workflow.playbook.cubes import NO_ROLE
from workflow.playbook.findings import Finding, nearest
from workflow.playbook.schema import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workflow.playbook.case import Case
    from workflow.playbook.schema import SignalRule, Transition

EVENTS: Final = frozenset(
    {
        *("prospect.upserted", "move.requested", "call.ended", "answers.recorded"),
        *("meeting.booked", "meeting.rescheduled", "meeting.cancelled", "meeting.held", "meeting.no_show"),
        *("email.replied", "email.bounced", "email.complained", "email.unsubscribed", "email.auto_replied"),
        "meeting.answered",
    }
)
"""The product's own events, into which every source's are translated; a test holds them equal to the engine's."""
_OWN: Final = ("meeting.", "email.", "answers.", "prospect.", "move.")
_MOVE: Final = "move.requested"
_OUTCOME: Final = ("field", "outcome")


def unknown_event(case: Case) -> Iterator[Finding]:
    """An event that looks like one of the product's own and is none."""
    for number, rule in enumerate(case.playbook.signals):
        if rule.kind.startswith(_OWN) and rule.kind not in EVENTS:
            yield Finding(
                case.playbook.line(f"signals.{number}.when.kind"),
                "unknown_event",
                f"There is no event `{rule.kind[:40]}`: {nearest(rule.kind, EVENTS)}",
            )


def signal_shadowed(case: Case) -> Iterator[Finding]:
    """A row that is never asked, because one before it takes every event that it waits for."""
    seen: dict[tuple[str, str, str | None], int] = {}
    for number, rule in enumerate(case.playbook.signals):
        before = [key for value in (None, rule.value) if (key := (rule.source, rule.kind, value)) in seen]
        if before:
            line = case.playbook.line(f"signals.{seen[before[0]]}")
            yield Finding(
                case.playbook.line(f"signals.{number}"),
                "signal_shadowed",
                f"This row never counts, because the one in line {line} takes the same events: {rule.source} "
                f"{rule.kind} -> {case.playbook.signals[seen[before[0]]].do}; keep one of them.",
            )
        seen.setdefault((rule.source, rule.kind, rule.value), number)


def signal_never_moves(case: Case) -> Iterator[Finding]:
    """A row whose trigger can fire, but never by an event: it needs what no event has."""
    for number, rule in enumerate(case.playbook.signals):
        line = case.playbook.line(f"signals.{number}")
        if rule.kind == _MOVE:
            yield Finding(
                line,
                "signal_never_moves",
                f"`{_MOVE}` names its trigger itself, so that this row never counts: remove it.",
            )
            continue
        ways = [
            (which, way, source)
            for which, way in enumerate(case.playbook.transitions)
            for source in way.sources
            if way.trigger == rule.do and (which, source) in case.paths.fired
        ]
        if ways and not any(_moves(case, rule, *each) for each in ways):
            _, way, source = ways[0]
            yield Finding(
                line,
                "signal_never_moves",
                f"No event can fire `{rule.do}`, because {_lack(case, rule, ways[0])}: "
                f"{case.way_to(source, (way.trigger, way.to))}",
            )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (unknown_event, signal_shadowed, signal_never_moves)

_Way = tuple[int, "Transition", str]


def _moves(case: Case, rule: SignalRule, which: int, way: Transition, source: str) -> bool:
    """Whether an event of this rule can take the way from that stage."""
    outcome = rule.sets.get("outcome")
    if outcome and outcome not in OUTCOMES:
        return True  # which has a finding of its own
    if outcome and way.outcomes and outcome not in way.outcomes:
        return False
    states = [case.paths.states[number] for number in case.paths.at[source]]
    for cube in case.explorer.cubes[which]:
        told = replace(cube, roles=cube.roles & {NO_ROLE})
        has_outcome = outcome or case.playbook.is_final(source)
        if (_OUTCOME in cube.yes and not has_outcome) or any(("field", name) in cube.no for name in rule.sets):
            continue
        if any(case.explorer.fits(told, state) for state in states):
            return True
    return False


def _lack(case: Case, rule: SignalRule, way: _Way) -> str:
    which, transition, source = way
    outcome = rule.sets.get("outcome")
    if outcome and transition.outcomes and outcome not in transition.outcomes:
        return f"`{outcome}` is not among the `outcomes` there"
    cubes = case.explorer.cubes[which]
    if not any(NO_ROLE in cube.roles for cube in cubes):
        return "the way there needs a role, and a source of webhooks has none"
    if not outcome and all(_OUTCOME in cube.yes for cube in cubes):
        return "the way needs an outcome, and no event brings one: add `sets: {outcome: ...}`"
    return f"it never has what the way from `{source}` needs"
