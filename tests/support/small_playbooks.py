"""Random small playbooks, and every place that a prospect can come to in one: tried out on the engine itself.

Knows nothing of the verifier, which is held against it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, combinations, product

from workflow.engine import guards, machine
from workflow.engine import signals as kinds
from workflow.engine.decide import Decision, decide
from workflow.engine.signals import MeetingView, ProspectView, Signal
from workflow.playbook import needs
from workflow.playbook.content import ChecklistItem, Content, Criterion, Option, Question
from workflow.playbook.needs import Need
from workflow.playbook.schema import Calendar, Limits, Playbook, Sequence, Stage, Start, Step, Transition

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
FIELDS = ("x", "y")
CALL_STATES = (frozenset[str](), frozenset({"ended"}), frozenset({"ended", "timed"}), frozenset({"ended", "noted"}),
               frozenset({"ended", "timed", "noted"}))  # fmt: skip
ROLES = (None, "rep", "manager", "admin")
OUTCOMES = ("won", "lost")
SEQUENCES = ("after", "other")

CONTENT = Content(
    questions={
        "q": Question("q", {"en": "Q"}, spin="problem"),
        "r": Question("r", {"en": "R"}, 1, spin="situation"),
    },
    criteria={"c": Criterion("c", {"en": "C"}, 3, {"good": Option("good", {"en": "Good"}, 4),
                                                   "fair": Option("fair", {"en": "Fair"}, 2)})},
    checklist={
        "said": ChecklistItem("said", {"en": "Said"}, 0, ("during",), done_when=(needs.Answered(("q",)),)),
        "blank": ChecklistItem("blank", {"en": "Blank"}, 1, ("during",)),
    },
)  # fmt: skip


# --- making them


def playbook(seed: int) -> Playbook:
    """A playbook of two to five stages, up to seven transitions and two sequences."""
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(chance.randint(2, 5))]
    last = len(names) - 1
    stages = {
        name: Stage(name, {"en": name}, place, final=place == last or (place > 0 and chance.random() < 0.2))
        for place, name in enumerate(names)
    }
    ways = tuple(_way(chance, names, f"t{number}") for number in range(chance.randint(1, 7)))
    sequences = {key: _sequence(chance, key, stages) for key in SEQUENCES}
    return Playbook(
        "small", ("en",), "UTC", Calendar(), Limits(), stages, ways, sequences, (), f"{seed:064x}", CONTENT
    )  # fmt: skip


def _way(chance: random.Random, names: list[str], trigger: str) -> Transition:
    sources = tuple(chance.sample(names, chance.choice((1, 1, 1, 2))))
    asked = tuple(_need(chance, 2) for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 2))))
    sets = {"outcome": chance.choice(OUTCOMES)} if chance.random() < 0.2 else {}
    if chance.random() < 0.2:
        sets["x"] = "set"
    outcomes = (chance.choice(OUTCOMES),) if chance.random() < 0.2 else ()
    return Transition(trigger, sources, chance.choice(names), asked, sets, outcomes)


def _sequence(chance: random.Random, key: str, stages: Mapping[str, Stage]) -> Sequence:
    when = chance.choice(("stage.entered", "stage.entered", "stage.entered", "call.ended", "meeting.held"))
    stage = chance.choice(list(stages)) if when == "stage.entered" else None
    outcome = chance.choice((None, *OUTCOMES)) if stage and stages[stage].final else None
    step = Step("a", 0, task={"en": "A"})
    return Sequence(key, Start(when, stage, outcome), frozenset({"reply"}), (step,), exclusive=chance.random() < 0.1)


def _need(chance: random.Random, depth: int) -> Need:
    kind = chance.randrange(17 if depth else 13)
    simple: list[Need] = [
        needs.Filled(chance.choice((*FIELDS, "outcome", "reason"))),
        needs.Answered(tuple(chance.sample(("q", "r", "c"), chance.randint(1, 2)))),
        needs.Rated("c", tuple(chance.sample(("good", "fair"), chance.choice((1, 1, 2))))),
        needs.Ticked((chance.choice(("said", "said", "blank")),)),
        needs.ScoreAtLeast(chance.choice((0, 1, 50, 51, 100))),
        needs.Met(chance.choice(("booked", "held"))),
        needs.Evidence(chance.choice((1, 2)), *chance.choice(((), (("problem",),), (("problem", "situation"),)))),
        needs.HasRole(chance.choice(needs.ROLES)),
        needs.Called(chance.choice(needs.CALL_WORDS)),
        needs.Called(chance.choice(needs.CALL_WORDS)),
        needs.Begun(chance.choice(SEQUENCES)),
        needs.Begun(chance.choice(SEQUENCES)),
        needs.Filled(chance.choice(FIELDS)),
    ]
    if kind < len(simple):
        return simple[kind]
    inner = tuple(_need(chance, depth - 1) for _ in range(2))
    return needs.NotMet(inner[0]) if kind < 15 else needs.AllOf(inner) if kind == 15 else needs.AnyOf(inner)


# --- trying them out


@dataclass(frozen=True, slots=True)
class Standing:
    """All of a prospect that outlasts a move. Where facts can be undone, fields, answers and meetings stay empty."""

    stage: str
    outcome: str | None = None
    calls: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    answers: frozenset[tuple[str, str]] = frozenset()
    held: bool = False


@dataclass(slots=True)
class Tried:
    """What was found by trying everything."""

    standings: dict[Standing, set[Standing]] = field(default_factory=dict)
    fired: set[tuple[int, str]] = field(default_factory=set)
    outcomes: dict[str, set[str | None]] = field(default_factory=dict)

    @property
    def stages(self) -> set[str]:
        """Where somebody ever stood."""
        return {standing.stage for standing in self.standings}

    def stuck(self, book: Playbook) -> set[str]:
        """The stages where nobody who ever stood there could come to a final one."""
        ending = {standing for standing in self.standings if book.is_final(standing.stage)}
        while more := {one for one, after in self.standings.items() if one not in ending and after & ending}:
            ending |= more
        return self.stages - {standing.stage for standing in ending}


def try_out(book: Playbook, *, undone: bool) -> Tried:
    """Every move from everywhere, with every combination of facts that its needs ask about.

    With `undone` people clear fields, blank answers and correct meetings whenever it helps; without, all of it stays.
    """
    tried = Tried()
    first = decide(book, ProspectView("p"), Signal(kinds.UPSERTED, NOW, "rep:1", "test"), NOW)
    todo = [Standing(first.stage, begun=_begun(first))]
    tried.outcomes[first.stage] = {None}
    tried.standings[todo[0]] = set()
    while todo:
        standing = todo.pop()
        for after in chain(_events(book, standing), _moves(book, standing, tried, undone=undone)):
            if after not in tried.standings:
                tried.standings[after] = set()
                todo.append(after)
            tried.standings[standing].add(after)
    return tried


def _events(book: Playbook, standing: Standing) -> Iterator[Standing]:
    """A call, one of before this playbook, and a meeting that was held."""
    asked = [need for way in book.transitions for need in needs.walk(way.needs)]
    begun = any(isinstance(need, needs.Begun) for need in asked)
    told = {need.how for need in asked if isinstance(need, needs.Called)}
    if told or begun:
        for words in CALL_STATES[1:]:
            if words - {"ended"} <= told and not words <= standing.calls:
                data = ({"minutes": 5} if "timed" in words else {}) | ({"notes": "said"} if "noted" in words else {})
                decision = decide(book, _view(standing), Signal(kinds.CALL_ENDED, NOW, "rep:1", "test", data), NOW)
                yield replace(standing, calls=standing.calls | words)
                yield replace(standing, calls=standing.calls | words, begun=standing.begun | _begun(decision))
    if begun:
        signal = Signal(kinds.HELD, NOW, "rep:1", "test", {"uid": "m"})
        yield replace(standing, begun=standing.begun | _begun(decide(book, _view(standing), signal, NOW)))


def _moves(book: Playbook, standing: Standing, tried: Tried, *, undone: bool) -> Iterator[Standing]:
    for number, way in enumerate(book.transitions):
        if standing.stage not in way.sources:
            continue
        asked = list(needs.walk(way.needs))
        for outcome in (None, "", *OUTCOMES) if book.is_final(way.to) or needs.Filled("outcome") in asked else (None,):
            seen: set[Standing] = set()
            for one in _combinations(asked, standing, undone=undone):
                data = one.data if outcome is None else {**one.data, "outcome": outcome}
                if one.known in seen or isinstance(
                    machine.fire(book, standing.stage, way.trigger, one.facts(data)), machine.Refused
                ):
                    continue
                signal = Signal(kinds.MOVE, NOW, "rep:1", "test", {"trigger": way.trigger, **data}, role=one.role)
                decision = decide(book, _view(one.known, booked=one.booked), signal, NOW)
                if decision.verdict != "applied":
                    break  # an outcome that is not for closing here
                tried.fired.add((number, standing.stage))
                yield _after(one.known, decision, tried, undone=undone)
                if undone:
                    break  # nothing of what was known outlasts the move
                if not data:
                    seen.add(one.known)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known at a move, and what it brings."""

    known: Standing
    data: Mapping[str, str]
    booked: bool
    role: str | None

    def facts(self, data: Mapping[str, str]) -> guards.Facts:
        known = self.known
        return guards.Facts(
            fields={**dict.fromkeys(known.fields, "there"), "outcome": known.outcome, **data},
            answers=dict(known.answers),
            meetings=frozenset([*(["booked"] if self.booked else []), *(["held"] if known.held else [])]),
            calls=known.calls,
            begun=known.begun,
            role=self.role,
        )


def _combinations(asked: list[Need], standing: Standing, *, undone: bool) -> Iterator[_Known]:
    """Everything that may be known, and everything that a move may bring, as far as the needs ask for it."""
    names = {name for name in FIELDS if needs.Filled(name) in asked}
    meeting = {need.state for need in asked if isinstance(need, needs.Met)}
    roles = ROLES if any(isinstance(need, needs.HasRole) for need in asked) else ("admin",)
    reasons: tuple[dict[str, str], ...] = ({}, {"reason": "why"}) if needs.Filled("reason") in asked else ({},)
    there = _several(names, set() if undone else standing.fields)
    # Where nothing is kept it is all the same whether a field is there or comes with the move.
    brought = [frozenset[str]()] if undone else _several(names, set())
    said = list(_answers(asked, standing, undone=undone))
    held = (False, True) if "held" in meeting and not standing.held else (standing.held,)
    booked = (False, True) if "booked" in meeting else (False,)
    for fields, given, answers, was_held, is_booked, role, reason in product(
        there, brought, said, held, booked, roles, reasons
    ):
        known = Standing(
            standing.stage, standing.outcome, standing.calls, standing.begun, fields, answers, was_held
        )  # fmt: skip
        yield _Known(known, {**dict.fromkeys(given, "given"), **reason}, is_booked, role)


def _several(names: set[str], least: frozenset[str] | set[str]) -> list[frozenset[str]]:
    """All the sets between `least` and that with `names`, the fullest first."""
    more = sorted(names - least)
    counts = range(len(more), -1, -1)
    return [frozenset({*least, *chosen}) for count in counts for chosen in combinations(more, count)]


def _answers(asked: list[Need], standing: Standing, *, undone: bool) -> Iterator[frozenset[tuple[str, str]]]:
    """Every set of answers, as far as it makes a difference to the needs."""
    said = dict(standing.answers)
    counted = any(isinstance(need, needs.Evidence) for need in asked)
    named = {key for need in asked if isinstance(need, needs.Answered) for key in need.keys}
    ticked = any(isinstance(need, needs.Ticked) for need in asked)
    rated = any(isinstance(need, needs.Rated | needs.ScoreAtLeast) for need in asked)
    choices = {
        "q": ("yes", "") if counted or ticked or "q" in named else ("",),
        "r": ("yes", "") if counted or "r" in named else ("",),
        "c": ("good", "fair", "whatever", "") if rated else ("whatever", "") if "c" in named else ("",),
    }
    for values in product(*choices.values()):
        answers = {key: value for key, value in zip(choices, values, strict=True) if value}
        if undone:
            yield frozenset(answers.items())
        elif all(key in answers for key in said if len(choices[key]) > 1):
            yield frozenset({**said, **answers}.items())


def _view(standing: Standing, *, booked: bool = False) -> ProspectView:
    states = [*(["booked"] if booked else []), *(["held"] if standing.held else [])]
    return ProspectView(
        id="p",
        stage=standing.stage,
        version=3,
        custom=dict.fromkeys(standing.fields, "there"),
        outcome=standing.outcome,
        answers=dict(standing.answers),
        calls=standing.calls,
        begun=dict.fromkeys(standing.begun, NOW),
        meetings=tuple(MeetingView(state, state, state, NOW, kinds.NEVER) for state in states),
    )


def _after(known: Standing, decision: Decision, tried: Tried, *, undone: bool) -> Standing:
    (moved,) = (change for change in decision.history if change.kind == "moved")
    outcome = moved.changes.get("outcome", known.outcome) or None
    tried.outcomes.setdefault(decision.stage, set()).add(outcome)
    stored = frozenset(moved.changes.get("custom", {})) | known.fields
    after = replace(known, stage=decision.stage, outcome=outcome, begun=known.begun | _begun(decision))
    if undone:
        return replace(after, fields=frozenset(), answers=frozenset(), held=False)
    return replace(after, fields=stored)


def _begun(decision: Decision) -> frozenset[str]:
    return frozenset(each.sequence.key for each in decision.enroll)
