"""Whether needs can be met: at all, beside the others of their row, and after the ways that lead to them.

One function per rule, all in the table `RULES`, which `check` runs beside its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workflow.playbook.findings import Finding
from workflow.playbook.needs import AllOf, AnyOf, Evidence, Filled, NotMet, ScoreAtLeast, Ticked
from workflow.playbook.paths import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from workflow.playbook.case import Case
    from workflow.playbook.cubes import Alternatives, Cubes, Fact
    from workflow.playbook.needs import Need
    from workflow.playbook.paths import Paths, State
    from workflow.playbook.schema import Playbook

_LONGEST: Final = 80
_NAMED: Final = {"field": "field {}", "answer": "an answer to {}", "meeting": "meeting {}", "call": "call {}"}


def need_never_met(case: Case) -> Iterator[Finding]:
    """A need that nothing can ever meet, be it one of several alternatives."""
    for path, needs in _lists(case.playbook):
        for row, need in enumerate(needs):
            for where, part in _impossible(case.alternatives, f"{path}.{row}", need):
                if not isinstance(part, ScoreAtLeast | Evidence):  # these have findings of their own
                    yield Finding(
                        case.playbook.line(where),
                        "need_never_met",
                        f"`{_brief(part)}` can never be met{_why(case.playbook, part)}: change it, or remove it.",
                    )


def needs_contradict(case: Case) -> Iterator[Finding]:
    """Two needs that can each be met, but never together."""
    for path, needs in _lists(case.playbook):
        yield from _clash(case, path, needs)
        for row, need in enumerate(needs):
            yield from _inner_clashes(case, f"{path}.{row}", need)


def need_against_way(case: Case) -> Iterator[Finding]:
    """A need that contradicts each way to where it is asked: it could be met elsewhere, and never here."""
    for number, way in enumerate(case.playbook.transitions):
        if not case.explorer.cubes[number]:
            continue
        for source in way.sources:
            if case.paths.reaches(source) and (number, source) not in case.paths.fired:
                yield _against(case, number, source, case.paths)
            elif case.plain.reaches(source) and (number, source) not in case.plain.fired:
                yield _against(case, number, source, case.plain)


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (need_never_met, needs_contradict, need_against_way)


# --- at all


def _lists(playbook: Playbook) -> Iterator[tuple[str, Sequence[Need]]]:
    """Every list of needs that must all be met, with its path."""
    for number, way in enumerate(playbook.transitions):
        yield f"transitions.{number}.needs", way.needs
    for key, item in playbook.content.checklist.items():
        yield f"checklist.{key}.done_when", item.done_when


def _impossible(known: Alternatives, path: str, need: Need) -> Iterator[tuple[str, Need]]:
    """The innermost parts of a need that nothing can meet."""
    if isinstance(need, AllOf | AnyOf):
        word = "all" if isinstance(need, AllOf) else "any"
        for row, inner in enumerate(need.needs):
            yield from _impossible(known, f"{path}.{word}.{row}", inner)
    elif not known.of([need]):
        yield path, need


def _inner_clashes(case: Case, path: str, need: Need) -> Iterator[Finding]:
    if isinstance(need, AllOf | AnyOf):
        word = "all" if isinstance(need, AllOf) else "any"
        if isinstance(need, AllOf):
            yield from _clash(case, f"{path}.all", need.needs)
        for row, inner in enumerate(need.needs):
            yield from _inner_clashes(case, f"{path}.{word}.{row}", inner)


def _clash(case: Case, path: str, needs: Sequence[Need]) -> Iterator[Finding]:
    """The first of these needs that contradicts those before it."""
    known = case.alternatives
    if not needs or known.of(needs) or not all(known.of([need]) for need in needs):
        return
    later = next(row for row in range(len(needs)) if not known.of(needs[: row + 1]))
    other = next((row for row in range(later) if not known.of([needs[row], needs[later]])), None)
    beside = f"`{_brief(needs[other])}`" if other is not None else "the needs before it"
    yield Finding(
        case.playbook.line(f"{path}.{later}"),
        "needs_contradict",
        f"`{_brief(needs[later])}` and {beside} can never be met together: change one of them.",
    )


def _why(playbook: Playbook, need: Need) -> str:
    if isinstance(need, Ticked):
        for key in need.items:
            item = playbook.content.checklist.get(key)
            if item is not None and not item.done_when:
                return f", because nothing ticks `{key}`, which has no `done_when`"
    return ", because what it denies always holds" if isinstance(need, NotMet) else ""


# --- after the ways that lead there


def _against(case: Case, number: int, source: str, paths: Paths) -> Finding:
    playbook, way = case.playbook, case.playbook.transitions[number]
    states = [paths.states[each] for each in paths.at[source]]
    row, cubes = _first_unmet(case, way.needs, states)
    need = f"`{_brief(way.needs[row])}`" if row is not None else "All that is needed here"
    path = f"transitions.{number}.needs" + (f".{row}" if row is not None else "")
    shut = shown(playbook, paths, paths.at[source][0], (way.trigger, way.to))
    unbegun = _unbegun(playbook, cubes, states)
    if unbegun:
        return Finding(
            playbook.line(path),
            "sequence_not_begun",
            f"{need} is never met at `{source}`, because `{unbegun}` has begun on no way there: {shut}",
        )
    fact = _fact_against(cubes, states)
    because = f", because {fact} is there on each way" if fact else " after what each way there asks for"
    anyway = "" if paths is case.paths else " (unless somebody undoes it)"
    return Finding(
        playbook.line(path), "need_against_way", f"{need} is never met at `{source}`{because}{anyway}: {shut}"
    )


def _first_unmet(case: Case, needs: Sequence[Need], states: Sequence[State]) -> tuple[int | None, Cubes]:
    """The first need that none of the states can meet, with its alternatives; all needs where it takes several."""
    for row, need in enumerate(needs):
        cubes = case.alternatives.of([need])
        if not any(case.explorer.fits(cube, state) for cube in cubes for state in states):
            return row, cubes
    return None, case.alternatives.of(needs)


def _unbegun(playbook: Playbook, cubes: Cubes, states: Iterable[State]) -> str:
    """A sequence that every alternative asks for, and that has begun for nobody there."""
    begun = {key for state in states for key in state.begun}
    for kind, name in sorted(frozenset.intersection(*(cube.yes for cube in cubes))) if cubes else ():
        if kind == "begun" and name not in begun and playbook.sequences[name].start.when == "stage.entered":
            return name
    return ""


def _fact_against(cubes: Cubes, states: Iterable[State]) -> str:
    """What every alternative denies and everybody there has."""
    denied: frozenset[Fact] = frozenset.intersection(*(cube.no for cube in cubes)) if cubes else frozenset()
    for state in states:
        denied &= state.kept.yes | {("begun", key) for key in state.begun}
    for kind, name in sorted(denied):
        return f"`{name}`" if kind == "begun" else f"`{_NAMED[kind].format(name)}`"
    return ""


def _brief(need: Need) -> str:
    match need:
        case Filled(name):
            text = f"field {name}"
        case NotMet(inner):
            text = f"not ({_brief(inner)})"
        case _:
            text = need.brief
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
