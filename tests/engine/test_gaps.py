"""What is missing, with the place to give it: the guards' own answer, put as work for a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workflow.engine import gaps, guards
from workflow.engine.guards import Facts
from workflow.playbook import loader
from workflow.playbook.needs import ROLES
from workflow.playbook.schema import Transition

BOOK = loader.load("""
name: gaps
languages: [en, bg]
stages: {a: {title: {en: A, bg: А}}, z: {title: {en: Z, bg: Я}, final: true}}
transitions:
  - {trigger: given, from: a, to: z, needs: [{field: outcome}, {field: email}, {field: journey}, {field: size}]}
  - {trigger: asked, from: a, to: z, needs: [{answers: [pain, fit, goal]}, {evidence: {at_least: 2, spin: problem}}]}
  - {trigger: rated, from: a, to: z, needs: [{score_at_least: 50}, {rated: {criterion: fit, is: good}}]}
  - trigger: done
    from: a
    to: z
    needs: [{call: noted}, {meeting: held}, {sequence: calls}, {checklist: [call, fit]}]
  - trigger: led
    from: a
    to: z
    needs: [{any: [{all: [{call: ended}, {answers: pain}]}, {role: manager}, {not: {role: rep}}]}]
  - {trigger: either, from: a, to: z, needs: [{any: [{call: ended}, {meeting: held}, {role: admin}]}]}
  - {trigger: reserved, from: a, to: z, needs: [{role: admin}]}
  - {trigger: never, from: a, to: z, needs: [{not: {call: ended}}]}
  - {trigger: free, from: a, to: z}
sequences:
  calls: {start: {when: call.ended}, stop: [reply], steps: [{key: t, task: {en: T, bg: Т}}]}
questions:
  pain: {text: {en: Pain, bg: Болка}, spin: problem}
  ache: {text: {en: Ache, bg: Друга болка}, spin: problem}
  goal: {text: {en: Goal, bg: Цел}}
qualification:
  criteria:
    fit: {title: {en: Fit, bg: Ф}, weight: 1, options: {good: {title: {en: G, bg: Д}, points: 1}}}
checklist:
  call: {title: {en: Call, bg: О}, phase: during, done_when: [{call: ended}]}
  fit: {title: {en: Fits, bg: П}, phase: before, done_when: [{score_at_least: 50}]}
""")


def way(trigger: str) -> Transition:
    """The way that a trigger takes."""
    return next(each for each in BOOK.transitions if each.trigger == trigger)


def missing(trigger: str, **facts: Any) -> gaps.Missing:
    """What this way lacks."""
    return gaps.missing(BOOK, way(trigger).needs, replace(Facts(), **facts))


@pytest.mark.parametrize(
    ("trigger", "places"),
    [
        ("given", [("move", ("outcome",)), ("facts", ("email",)), ("buyer", ("journey",)), ("move", ("size",))]),
        ("asked", [("questions", ("pain", "goal")), ("score", ("fit",)), ("questions", ("pain", "ache"))]),
        ("rated", [("score", ()), ("score", ("fit",))]),
        ("done", [("call", ()), ("meeting", ()), ("call", ()), ("item", ("call",)), ("item", ("fit",))]),
        ("led", [("call", ()), ("questions", ("pain",))]),
        ("either", [("any", ())]),
        ("reserved", [("nowhere", ())]),
        ("free", []),
    ],
)
def test_each_gap_has_its_place(trigger: str, places: list[tuple[str, tuple[str, ...]]]) -> None:
    found = missing(trigger).gaps
    assert [(gap.place, gap.keys) for gap in found] == places
    assert all(gap.reason.words(language) for gap in found for language in ("en", "bg"))


def test_evidence_says_how_many_answers_are_short() -> None:
    assert missing("asked").gaps[-1].short == 2
    assert missing("asked", answers={"pain": "Much"}).gaps[-1].short == 1


def test_alternatives_about_who_asks_are_no_work_and_say_who_may() -> None:
    assert [(name, missing(name).role) for name in ("led", "either", "reserved", "given", "asked")] == [
        ("led", "manager"), ("either", "admin"), ("reserved", "admin"), ("given", None), ("asked", None),
    ]  # fmt: skip
    assert missing("led", role="admin") == missing("led", role=None) == missing("led")
    assert [[gap.place for gap in each] for each in missing("either").gaps[0].ways] == [["call"], ["meeting"]]


@pytest.mark.parametrize("role", ["rep", "manager", "admin"])
def test_nothing_is_missing_exactly_when_a_rep_may_go_on(role: str) -> None:
    """The list and the guard never tell two stories."""
    for answers in ({}, {"pain": "x"}, {"pain": "x", "goal": "y", "ache": "z", "fit": "good"}):
        for calls in (frozenset[str](), frozenset({"ended", "noted"})):
            for meetings in (frozenset[str](), frozenset({"held"})):
                fields = {"outcome": "won", "email": "a@b.example"} if calls else {}
                facts = Facts(fields, answers, meetings, calls, frozenset(), role)
                for each in BOOK.transitions:
                    allowed = not guards.unmet(BOOK, each.needs, replace(facts, role="rep"))
                    found = gaps.missing(BOOK, each.needs, facts)
                    assert (not found.gaps) is allowed, each.trigger
                    if found.role is not None and ROLES.index(role) >= ROLES.index(found.role):
                        told = replace(facts, fields={**fields, "outcome": "won"})
                        assert not guards.unmet(BOOK, each.needs, told), each.trigger


def test_what_cannot_be_undone_has_no_place() -> None:
    (gap,) = missing("never", calls=frozenset({"ended"})).gaps
    assert (gap.place, missing("never").gaps) == ("nowhere", ())
