"""Every way through the stages that the needs leave open: which transitions can fire, and what is certain where.

A state is a stage with what surely holds there. What is not certain may be either way, so a move that is not among the
fired ones is impossible. Told apart are at most so many states of a stage; beyond that, anything counts as possible.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import TYPE_CHECKING, Final

from workflow.playbook.cubes import ANYTHING, Cube
from workflow.playbook.needs import Begun, Ticked, walk
from workflow.playbook.schema import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from workflow.playbook.cubes import Alternatives, Cubes, Fact
    from workflow.playbook.needs import Need
    from workflow.playbook.schema import Playbook, Transition

_MOST_STATES: Final = 24
_MOST_CHOICES: Final = 3
_LONGEST: Final = 12
FOREVER: Final = ("call", "begun")
"""Kinds of facts that nobody can undo."""
NORMALLY: Final = (*FOREVER, "field", "answer", "held")
"""Those that stay as they are unless somebody undoes them on purpose: by clearing a field, an answer, a meeting."""
# The reason is written down in the history, and no field of the prospect.
_FLEETING: Final = frozenset({"outcome", "reason"})
_OUTCOME: Final = ("field", "outcome")


@dataclass(frozen=True, slots=True)
class State:
    """A stage with the sequences that have begun by then and what surely holds. In a `loose` one anything may."""

    stage: str
    begun: frozenset[str] = frozenset()
    kept: Cube = ANYTHING
    loose: bool = False


@dataclass(slots=True)
class Paths:
    """What an exploration found. States are named by their number, transitions by theirs in the file."""

    states: list[State] = field(default_factory=list)
    came: list[tuple[int, int] | None] = field(default_factory=list)
    edges: list[set[int]] = field(default_factory=list)
    at: dict[str, list[int]] = field(default_factory=dict)
    fired: set[tuple[int, str]] = field(default_factory=set)
    outcomes: dict[str, set[str | None]] = field(default_factory=dict)

    def reaches(self, stage: str) -> bool:
        """Whether anybody ever stands there."""
        return stage in self.at

    def certain(self, stage: str) -> tuple[frozenset[Fact], frozenset[tuple[frozenset[str], int]]] | None:
        """The facts, and the counts of answers, that hold for everybody who stands there; None when it is not known."""
        kept = [self.states[number] for number in self.at.get(stage, ())]
        if not kept or any(state.loose for state in kept):
            return None
        facts = frozenset.intersection(*(state.kept.yes for state in kept))
        return facts, frozenset.intersection(*(state.kept.many for state in kept))


class Explorer:
    """Walks through a playbook, with all needs in their alternatives."""

    def __init__(self, playbook: Playbook, alternatives: Alternatives, wanted: Collection[Fact] = ()) -> None:
        self._playbook = playbook
        self._alternatives = alternatives
        self.cubes: list[Cubes] = [alternatives.of(way.needs) for way in playbook.transitions]
        cubes = list(chain.from_iterable(self.cubes))
        # Only what some need denies, or some email wants, can make a difference later.
        self._told = frozenset(chain(wanted, *(cube.no for cube in cubes)))
        few = {counted for cube in cubes for counted, _ in cube.few}
        self._kept_facts = self._told | {("answer", key) for counted in few for key in counted}
        self._counts = bool(few) or any(kind == "answer" for kind, _ in wanted)
        named = set(_sequences_of(playbook, [need for way in playbook.transitions for need in way.needs]))
        # Whether one that a stage begins has begun is known from the way; of any other it may be so at any time.
        self._by_stage = {
            key: sequence
            for key, sequence in playbook.sequences.items()
            if key in named and sequence.start.when == "stage.entered"
        }
        self._begins: dict[str, list[str]] = {}
        for key, sequence in self._by_stage.items():
            self._begins.setdefault(sequence.start.stage or "", []).append(key)
        # What a move brings is kept where its needs name the field outright, and what it sets is kept in any case.
        self._stored = [frozenset({*way.asked_fields, *way.sets}) - _FLEETING for way in playbook.transitions]
        self._out: dict[str, list[int]] = {}
        for number, way in enumerate(playbook.transitions):
            for source in way.sources:
                self._out.setdefault(source, []).append(number)

    def walk(self, kinds: Collection[str]) -> Paths:
        """Everything that can be reached, where facts of these `kinds` stay once they hold."""
        paths = Paths()
        todo: deque[int] = deque()
        for begun in self._entering(self._playbook.first_stage, frozenset(), {None}):
            self._arrive(paths, todo, _state(self._playbook.first_stage, begun, ANYTHING, loose=False), None)
        paths.outcomes[self._playbook.first_stage] = {None}
        while todo:
            number = todo.popleft()
            for way in self._out.get(paths.states[number].stage, ()):
                self._leave(paths, todo, number, way, kinds)
        return paths

    def fits(self, cube: Cube, state: State) -> bool:
        """Whether the needs can be met this way by somebody who stands there."""
        if state.loose:
            return True
        for kind, name in cube.yes:
            if kind == "begun" and name in self._by_stage and name not in state.begun:
                return False
        if any(kind == "begun" and name in state.begun for kind, name in cube.no):
            return False
        return self._alternatives.possible(cube if state.kept is ANYTHING else cube & state.kept)

    def _leave(self, paths: Paths, todo: deque[int], number: int, way: int, kinds: Collection[str]) -> None:
        state, transition = paths.states[number], self._playbook.transitions[way]
        for cube in self.cubes[way]:
            if not self.fits(cube, state):
                continue
            paths.fired.add((way, state.stage))
            if transition.to not in self._playbook.stages:
                continue  # which is told elsewhere
            outcomes = self._outcomes(transition, cube, state.stage)
            paths.outcomes.setdefault(transition.to, set()).update(outcomes)
            kept = self._kept(state, cube, way, kinds)
            for begun in self._entering(transition.to, state.begun, outcomes):
                after = _state(transition.to, begun, kept, loose=state.loose)
                paths.edges[number].add(self._arrive(paths, todo, after, (number, way)))

    def _arrive(self, paths: Paths, todo: deque[int], state: State, came: tuple[int, int] | None) -> int:
        """The number of this state, or of one that stands for it because less is certain there."""
        there = paths.at.setdefault(state.stage, [])
        for number in there:
            known = paths.states[number]
            if known.loose or (
                known.begun == state.begun and known.kept.yes <= state.kept.yes and known.kept.many <= state.kept.many
            ):
                return number
        if len(there) >= _MOST_STATES:
            state = State(state.stage, loose=True)
        number = len(paths.states)
        paths.states.append(state)
        paths.came.append(came)
        paths.edges.append(set())
        there.append(number)
        todo.append(number)
        return number

    def _outcomes(self, way: Transition, cube: Cube, source: str) -> set[str | None]:
        """The outcomes with which a prospect may come out of this way."""
        if not self._playbook.is_final(way.to):
            return {None}
        if "outcome" in way.sets:
            return {way.sets["outcome"]}
        given: set[str | None] = set() if _OUTCOME in cube.no else set(way.outcomes or OUTCOMES)
        # Where there is an outcome already the need is met without a new one, and the old one is not kept.
        must = _OUTCOME in cube.yes and not self._playbook.is_final(source)
        return given if must else {*given, None}

    def _entering(
        self, stage: str, begun: frozenset[str], outcomes: set[str | None]
    ) -> Iterator[frozenset[str] | None]:
        """What may have begun once the stage is entered with one of these outcomes; None for too much to tell."""
        surely, perhaps = set(begun), []
        for key in self._begins.get(stage, ()):
            sequence = self._playbook.sequences[key]
            start = sequence.start
            if key in begun or (start.outcome and start.outcome not in outcomes):
                continue
            # An exclusive one may have to give way to another.
            if sequence.exclusive or (start.outcome and len(outcomes) > 1):
                perhaps.append(key)
            else:
                surely.add(key)
        if len(perhaps) > _MOST_CHOICES:
            yield None
            return
        for count in range(len(perhaps) + 1):
            for chosen in combinations(perhaps, count):
                yield frozenset({*surely, *chosen})

    def _kept(self, state: State, cube: Cube, number: int, kinds: Collection[str]) -> Cube:
        """What holds from now on, as far as anything asks for it."""
        way = self._playbook.transitions[number]
        found = set(state.kept.yes) - {_OUTCOME}
        for kind, name in cube.yes & self._kept_facts:
            if kind == "meeting":
                stays = name == "held" and "held" in kinds
            elif kind == "field":
                stays = "field" in kinds and name in self._stored[number]
            else:
                stays = kind in kinds
            if stays and not (kind == "begun" and name in self._by_stage):
                found.add((kind, name))
        if "field" in kinds:
            found |= {("field", name) for name in way.sets if name not in _FLEETING}
            must = _OUTCOME in cube.yes and not self._playbook.is_final(state.stage)
            if self._playbook.is_final(way.to) and (must or "outcome" in way.sets):
                found.add(_OUTCOME)
        many = state.kept.many | cube.many if self._counts and "answer" in kinds else frozenset()
        facts = frozenset(found) & self._kept_facts
        return Cube(yes=facts, many=many) if facts or many else ANYTHING


def _state(stage: str, begun: frozenset[str] | None, kept: Cube, *, loose: bool) -> State:
    return State(stage, loose=True) if loose or begun is None else State(stage, begun, kept)


def shown(playbook: Playbook, paths: Paths, number: int, *more: tuple[str, str]) -> str:
    """The way to a state in plain text, `planned -qualify-> qualified`, with further `(trigger, stage)` behind it."""
    hops: list[tuple[str, str]] = []
    came = paths.came[number]
    while came is not None:
        number, way = came
        hops.append((playbook.transitions[way].trigger, playbook.transitions[way].to))
        came = paths.came[number]
    hops = [*reversed(hops), *more]
    told = [f" -{trigger}-> {stage}" for trigger, stage in hops]
    if len(told) > _LONGEST:
        told = [*told[: _LONGEST // 2], " -> ...", *told[-_LONGEST // 2 :]]
    return playbook.first_stage + "".join(told)


def _sequences_of(playbook: Playbook, needs: Iterable[Need]) -> Iterator[str]:
    """The sequences that needs ask for, those within the checklist too."""
    for need in walk(needs):
        if isinstance(need, Begun):
            yield need.sequence
        elif isinstance(need, Ticked):
            for key in need.items:
                item = playbook.content.checklist.get(key)
                if item is not None:
                    yield from _sequences_of(playbook, item.done_when)
