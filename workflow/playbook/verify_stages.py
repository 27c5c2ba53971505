"""Whether every stage is reached, left and finished, and every trigger can fire: the rules of the ways, needs included.

One function per rule, all in the table `RULES`, which `check` runs beside its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workflow.playbook.findings import Finding
from workflow.playbook.paths import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workflow.playbook.case import Case


def ambiguous_transition(case: Case) -> Iterator[Finding]:
    """One trigger leads two ways from one stage, whatever the two need."""
    playbook = case.playbook
    first: dict[tuple[str, str], int] = {}
    for number, way in enumerate(playbook.transitions):
        for source in way.sources:
            if (way.trigger, source) in first:
                other = playbook.transitions[first[way.trigger, source]]
                line = playbook.line(f"transitions.{first[way.trigger, source]}")
                yield Finding(
                    playbook.line(f"transitions.{number}"),
                    "ambiguous_transition",
                    f"`{way.trigger}` already leads from `{source}` elsewhere (line {line}): keep one way, or give the "
                    f"other a trigger of its own: {source} -{way.trigger}-> {other.to}, "
                    f"{source} -{way.trigger}-> {way.to}",
                )
            else:
                first[way.trigger, source] = number


def unreachable_stage(case: Case) -> Iterator[Finding]:
    """Nobody ever stands in this stage."""
    playbook = case.playbook
    for key in playbook.stages:
        if case.paths.reaches(key):
            continue
        line = playbook.line(f"stages.{key}")
        into = [(number, way) for number, way in enumerate(playbook.transitions) if way.to == key]
        barred = [
            (number, source)
            for number, way in into
            for source in way.sources
            if source != key and case.paths.reaches(source)
        ]
        if barred:
            number, source = barred[0]
            shut = case.way_to(source, (playbook.transitions[number].trigger, key))
            yield Finding(
                line,
                "unreachable_stage",
                f"Nobody ever reaches the stage `{key}`, because what the way needs (line "
                f"{playbook.line(f'transitions.{number}.needs')}) is never met: {shut}",
            )
        elif others := sorted({source for _, way in into for source in way.sources} - {key}):
            yield Finding(
                line,
                "unreachable_stage",
                f"Nobody ever reaches the stage `{key}`: only `{others[0]}` leads there, which nobody reaches either.",
            )
        else:
            yield Finding(
                line,
                "unreachable_stage",
                f"No way leads to the stage `{key}` from the first stage: add a transition to it, or remove it.",
            )


def no_way_to_final(case: Case) -> Iterator[Finding]:
    """A prospect who stands here, or who came here in a certain way, can never be finished."""
    playbook, paths = case.playbook, case.paths
    if not any(stage.final for stage in playbook.stages.values()):
        yield Finding(
            playbook.line("stages"),
            "no_final_stage",
            "No stage is final: write `final: true` at the one where a prospect's way ends.",
        )
        return
    stuck = _stuck(case)
    ways: dict[str, set[str]] = {}
    for number in stuck:
        ways.setdefault(paths.states[number].stage, set()).update(
            paths.states[other].stage for other in paths.edges[number]
        )
    behind = {stage: _behind(ways, stage) for stage in ways}
    for stage in playbook.stages:
        # Of a chain of stages that all end in the same trap the trap itself is named.
        if stage not in ways or any(stage not in behind[other] for other in behind[stage]):
            continue
        way = shown(playbook, paths, next(number for number in paths.at[stage] if number in stuck))
        out = [number for number, each in enumerate(playbook.transitions) if stage in each.sources and each.to != stage]
        if not stuck.issuperset(paths.at[stage]):
            says = f"Whoever comes to the stage `{stage}` this way can never go on to a final one: {way}"
        elif out and ways[stage] <= {stage}:
            line = playbook.line(f"transitions.{out[0]}.needs")
            says = (
                f"No way leads from the stage `{stage}` to a final one, because what the next needs (line {line}) is "
                f"never met: {way}"
            )
        else:
            says = f"No way leads from the stage `{stage}` to a final one: add a transition that does: {way}"
        yield Finding(playbook.line(f"stages.{stage}"), "no_way_to_final", says)


def trigger_never_fires(case: Case) -> Iterator[Finding]:
    """A transition that starts only where nobody ever stands."""
    playbook = case.playbook
    for number, way in enumerate(playbook.transitions):
        known = [source for source in way.sources if source in playbook.stages]
        if known and not any(case.paths.reaches(source) for source in known):
            yield Finding(
                playbook.line(f"transitions.{number}"),
                "trigger_never_fires",
                f"Nobody can ever fire `{way.trigger}` here, because nobody ever stands in `{known[0]}`: "
                f"{known[0]} -{way.trigger}-> {way.to}",
            )


def stage_never_entered(case: Case) -> Iterator[Finding]:
    """A sequence waits for a stage that no prospect ever enters."""
    for key, sequence in case.playbook.sequences.items():
        stage = sequence.start.stage
        if stage in case.playbook.stages and stage not in case.paths.outcomes:
            yield Finding(
                case.playbook.line(f"sequences.{key}.start.stage"),
                "stage_never_entered",
                f"The sequence `{key}` never starts, because nobody ever enters the stage `{stage}`.",
            )


def outcome_never_given(case: Case) -> Iterator[Finding]:
    """A sequence waits for an outcome with which nobody enters its stage."""
    for key, sequence in case.playbook.sequences.items():
        start = sequence.start
        given = case.paths.outcomes.get(start.stage or "")
        if not start.outcome or not given or not case.playbook.is_final(start.stage or "") or start.outcome in given:
            continue
        some = ", ".join(sorted(outcome for outcome in given if outcome)) or "none"
        yield Finding(
            case.playbook.line(f"sequences.{key}.start.outcome"),
            "outcome_never_given",
            f"The sequence `{key}` never starts, because nobody enters `{start.stage}` with the outcome "
            f"`{start.outcome}`; outcomes given there: {some}: {case.way_to(start.stage or '')}",
        )


def outcome_clash(case: Case) -> Iterator[Finding]:
    """A transition sets an outcome that it does not allow."""
    for number, way in enumerate(case.playbook.transitions):
        outcome = way.sets.get("outcome")
        if outcome and way.outcomes and outcome not in way.outcomes:
            yield Finding(
                case.playbook.line(f"transitions.{number}.outcomes"),
                "outcome_clash",
                f"`{way.trigger}` sets the outcome `{outcome}`, which is not among its `outcomes`: keep one of them.",
            )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    ambiguous_transition,
    unreachable_stage,
    no_way_to_final,
    trigger_never_fires,
    stage_never_entered,
    outcome_never_given,
    outcome_clash,
)


def _stuck(case: Case) -> set[int]:
    """The states from which no final stage is reached."""
    paths = case.paths
    before: dict[int, set[int]] = {}
    for number, following in enumerate(paths.edges):
        for other in following:
            before.setdefault(other, set()).add(number)
    todo = [number for number, state in enumerate(paths.states) if case.playbook.is_final(state.stage)]
    ending = set(todo)
    while todo:
        for number in before.get(todo.pop(), set()) - ending:
            ending.add(number)
            todo.append(number)
    return set(range(len(paths.states))) - ending


def _behind(ways: Mapping[str, set[str]], stage: str) -> set[str]:
    """The stage and all that can follow it."""
    found, todo = {stage}, [stage]
    while todo:
        for other in ways[todo.pop()] - found:
            found.add(other)
            todo.append(other)
    return found
