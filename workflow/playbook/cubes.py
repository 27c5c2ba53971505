"""Needs as alternatives: for each way to meet them, what must hold and what must not, and whether that is possible.

Knows the bank, the matrix and the checklist, and nothing of stages. Where needs have more alternatives than can be
told apart, they are taken as weaker than they are, so that what is called impossible always is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import lcm
from operator import and_
from typing import TYPE_CHECKING, Final

from workflow.playbook import needs as words
from workflow.playbook.references import questions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.playbook.needs import Need
    from workflow.playbook.schema import Playbook

Fact = tuple[str, str]
"""A kind and a name: `field`, `answer`, `meeting`, `call` or `begun`, and which one."""
NO_ROLE: Final = 0
ROLES: Final = frozenset(range(len(words.ROLES) + 1))
"""Who may ask: 0 is a source of webhooks, the others count from `needs.ROLES`."""
_UNRATED: Final = ""
_TOP: Final = 101
_MOST: Final = 128
_MOST_SCORES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Cube:
    """One way to meet some needs: all of it at once.

    `rated` holds the options that a criterion may have, `many` and `few` how many of these questions are answered at
    least, or fewer than; the score is at least `least` and lies below `below`.
    """

    yes: frozenset[Fact] = frozenset()
    no: frozenset[Fact] = frozenset()
    rated: frozenset[tuple[str, frozenset[str]]] = frozenset()
    many: frozenset[tuple[frozenset[str], int]] = frozenset()
    few: frozenset[tuple[frozenset[str], int]] = frozenset()
    least: int = 0
    below: int = _TOP
    roles: frozenset[int] = ROLES

    def __and__(self, other: Cube) -> Cube:
        """Both at once."""
        return Cube(
            self.yes | other.yes,
            self.no | other.no,
            self.rated | other.rated,
            self.many | other.many,
            self.few | other.few,
            max(self.least, other.least),
            min(self.below, other.below),
            self.roles & other.roles,
        )


ANYTHING: Final = Cube()
Cubes = tuple[Cube, ...]


class Alternatives:
    """The alternatives of a playbook's needs, each worked out once."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        self._known: dict[tuple[Need, bool], Cubes] = {}
        self._possible: dict[Cube, bool] = {}
        self._scores = _Scores(playbook)

    def of(self, needs: Iterable[Need]) -> Cubes:
        """Every way to meet all of `needs`; nothing when there is none."""
        return self._both(self._need(need, holds=True) for need in needs)

    def possible(self, cube: Cube) -> bool:
        """Whether it can be so at all, whatever came before."""
        if cube not in self._possible:
            self._possible[cube] = (
                cube.yes.isdisjoint(cube.no) and bool(cube.roles) and _can_count(cube) and self._scores.can_rate(cube)
            )
        return self._possible[cube]

    def _need(self, need: Need, *, holds: bool) -> Cubes:
        if (need, holds) not in self._known:
            self._known[need, holds] = self._work_out(need, holds=holds)
        return self._known[need, holds]

    def _work_out(self, need: Need, *, holds: bool) -> Cubes:
        match need:
            case words.NotMet(inner):
                return self._need(inner, holds=not holds)
            case words.AllOf(inner) | words.AnyOf(inner):
                each = [self._need(one, holds=holds) for one in inner]
                return self._both(each) if isinstance(need, words.AllOf) is holds else _either(each)
            case words.Ticked(items):
                return self._ticked(items, holds=holds)
            case words.Answered(keys):
                return _each((("answer", key) for key in keys if self._is_asked(key)), holds=holds)
            case words.Begun(key):
                return self._begun(key, holds=holds)
            case words.Filled() | words.Met() | words.Called():
                return _fact(need, holds=holds)
        return tuple(filter(self.possible, self._measured(need, holds=holds)))

    def _measured(self, need: Need, *, holds: bool) -> Cubes:
        match need:
            case words.Rated(key, options):
                criterion = self._playbook.content.criteria.get(key)
                if criterion is None or not set(options) <= criterion.options.keys():
                    return (ANYTHING,)
                others = frozenset({*criterion.options, _UNRATED}) - frozenset(options)
                return (Cube(rated=frozenset({(key, frozenset(options) if holds else others)})),)
            case words.ScoreAtLeast(score):
                return (Cube(least=score) if holds else Cube(below=score),)
            case words.HasRole(role):
                enough = frozenset(range(words.ROLES.index(role) + 1, len(ROLES)))
                return (Cube(roles=enough if holds else ROLES - enough),)
            case words.Evidence(least):
                counted = (frozenset(questions_of(self._playbook, need)), least)
                return (Cube(many=frozenset({counted})) if holds else Cube(few=frozenset({counted})),)
        raise NotImplementedError(type(need))

    def _ticked(self, items: Iterable[str], *, holds: bool) -> Cubes:
        ways: list[Cubes] = []
        for key in items:
            item = self._playbook.content.checklist.get(key)
            if item is None:
                ways.append((ANYTHING,))  # an unknown name has a finding of its own
            elif not item.done_when:
                ways.append(() if holds else (ANYTHING,))
            elif holds:
                ways.append(self.of(item.done_when))
            else:
                ways.append(_either([self._need(need, holds=False) for need in item.done_when]))
        return self._both(ways) if holds else _either(ways)

    def _begun(self, key: str, *, holds: bool) -> Cubes:
        sequence = self._playbook.sequences.get(key)
        if sequence is None:
            return (ANYTHING,)
        after_call = holds and sequence.start.when == "call.ended"
        return (_one([("begun", key), *([("call", "ended")] if after_call else [])], holds=holds),)

    def _is_asked(self, key: str) -> bool:
        content = self._playbook.content
        return key in content.questions or key in content.criteria

    def _both(self, parts: Iterable[Cubes]) -> Cubes:
        found: Cubes = (ANYTHING,)
        for part in parts:
            ways = part if len(found) * len(part) <= _MOST else (_common(part),)
            found = tuple(dict.fromkeys(cube for a in found for b in ways if self.possible(cube := a & b)))
        return found


def _fact(need: words.Filled | words.Met | words.Called, *, holds: bool) -> Cubes:
    match need:
        case words.Filled(name):
            return (_one([("field", name)], holds=holds),)
        case words.Met(state):
            return (_one([("meeting", state)], holds=holds),)
    # What is known of a call is known of one that ended.
    known = [("call", "ended"), ("call", need.how)] if holds else [("call", need.how)]
    return (_one(known, holds=holds),)


def _each(facts: Iterable[Fact], *, holds: bool) -> Cubes:
    """All of the facts, or without `holds` at least one of them not."""
    known = list(facts)
    if holds or not known:
        return (_one(known, holds=True),)
    return _either([(_one([fact], holds=False),) for fact in known])


def _either(parts: Iterable[Cubes]) -> Cubes:
    found = tuple(dict.fromkeys(cube for part in parts for cube in part))
    return found if len(found) <= _MOST else (_common(found),)


def _one(facts: Iterable[Fact], *, holds: bool) -> Cube:
    return Cube(yes=frozenset(facts)) if holds else Cube(no=frozenset(facts))


def _common(cubes: Cubes) -> Cube:
    """What all of them ask for: weaker than each."""
    return Cube(
        reduce(and_, (cube.yes for cube in cubes)),
        reduce(and_, (cube.no for cube in cubes)),
        reduce(and_, (cube.rated for cube in cubes)),
        reduce(and_, (cube.many for cube in cubes)),
        reduce(and_, (cube.few for cube in cubes)),
        min(cube.least for cube in cubes),
        max(cube.below for cube in cubes),
        frozenset().union(*(cube.roles for cube in cubes)),
    )


def _can_count(cube: Cube) -> bool:
    """Whether so many, and so few, answers are possible: exact for one of each, and weaker for more."""
    if not cube.many and not cube.few:
        return True
    said = {name for kind, name in cube.yes if kind == "answer"}
    unsaid = {name for kind, name in cube.no if kind == "answer"}
    for counted, below in cube.few:
        if len(counted & said) >= below:
            return False
    for counted, least in cube.many:
        if len(counted - unsaid) < least:
            return False
        for others, below in cube.few:
            free = below - 1 - len((others & said) - counted)
            if len(counted - others - unsaid) + min(free, len((counted & others) - unsaid)) < least:
                return False
    return True


class _Scores:
    """Which scores the matrix can give where some criteria may have only some options."""

    def __init__(self, playbook: Playbook) -> None:
        self._criteria = playbook.content.criteria
        whole = sum(
            each.weight for each in self._criteria.values() if any(option.points for option in each.options.values())
        )
        best = {
            key: max((each.points for each in row.options.values()), default=0) for key, row in self._criteria.items()
        }
        # In whole numbers: `_scale` is what a whole score of 1 is worth.
        self._scale = max(whole, 1) * lcm(*(points or 1 for points in best.values()))
        self._worth: dict[str, dict[str, int]] = {}
        for key, criterion in self._criteria.items():
            share = 100 * criterion.weight * self._scale // (max(whole, 1) * (best[key] or 1))
            self._worth[key] = {_UNRATED: 0} | {name: share * each.points for name, each in criterion.options.items()}
        self._top = sum(max(worth.values()) for worth in self._worth.values())
        self._given: dict[tuple[int, int, frozenset[tuple[str, frozenset[str]]]], bool] = {}

    def can_rate(self, cube: Cube) -> bool:
        """Whether some option of each criterion gives the score, and does not say what must stay unsaid."""
        if cube.least >= cube.below:
            return False
        allowed: dict[str, frozenset[str]] = {}
        for key, options in cube.rated:
            allowed[key] = allowed.get(key, options) & options
        for kind, key in cube.no:
            if kind == "answer" and key in self._worth:
                allowed[key] = allowed.get(key, frozenset({_UNRATED})) & {_UNRATED}
        if not all(allowed.values()):
            return False
        if cube.least == 0 and cube.below == _TOP:
            return True
        if not allowed and cube.below == _TOP:
            return cube.least <= self._top // self._scale
        asked = (cube.least, cube.below, frozenset(allowed.items()))
        if asked not in self._given:
            self._given[asked] = self._gives(cube.least, cube.below, allowed)
        return self._given[asked]

    def _gives(self, least: int, below: int, allowed: Mapping[str, frozenset[str]]) -> bool:
        sums = {0}
        lowest = highest = 0
        for key, worth in self._worth.items():
            values = {value for name, value in worth.items() if name in allowed.get(key, worth)}
            lowest, highest = lowest + min(values), highest + max(values)
            if len(sums) * len(values) <= _MOST_SCORES:
                sums = {earned + value for earned in sums for value in values}
            else:
                sums = set()
        if sums:
            return any(least <= earned // self._scale < below for earned in sums)
        return highest // self._scale >= least and lowest // self._scale < below
