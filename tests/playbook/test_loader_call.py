"""The loader on needs, rules of sequences, variants and the content of a call: what it reads and what it refuses."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from workflow.errors import PlaybookError
from workflow.playbook.content import Branch, MeetingRules, Option, Question, ScriptStep
from workflow.playbook.loader import load
from workflow.playbook.needs import (
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
)  # fmt: skip
from workflow.playbook.schema import Variant, Window

SMALL = """\
name: small
stages:
  open: {title: {en: Open}}
  closed: {title: {en: Closed}, final: true}
transitions:
  - {trigger: close, from: open, to: closed, needs: [NEEDS]}
"""


def needing(*needs: str) -> str:
    """A playbook whose transition, in line 6, asks for this."""
    return SMALL.replace("NEEDS", ", ".join(needs))


def bare(rest: str) -> str:
    """A playbook without needs; `rest` begins in line 7."""
    return needing() + rest


def findings(text: str) -> list[tuple[int, str]]:
    """Line and code of everything wrong with `text`."""
    with pytest.raises(PlaybookError) as caught:
        load(text)
    return [(finding.line, finding.code) for finding in caught.value.findings]


@pytest.mark.parametrize(
    ("written", "need"),
    [
        ("{field: outcome}", Filled("outcome")),
        ("{answers: goal}", Answered(("goal",))),
        ("{answers: [goal, fit]}", Answered(("goal", "fit"))),
        ("{rated: {criterion: fit, is: good}}", Rated("fit", ("good",))),
        ("{rated: {criterion: fit, is: [good, fair]}}", Rated("fit", ("good", "fair"))),
        ("{checklist: [plan, spin]}", Ticked(("plan", "spin"))),
        ("{score_at_least: 60}", ScoreAtLeast(60)),
        ("{meeting: booked}", Met("booked")),
        ("{call: noted}", Called("noted")),
        ("{evidence: {at_least: 2}}", Evidence(2)),
        (
            "{evidence: {at_least: 1, spin: [problem, need_payoff], checklist: plan, journey: aware}}",
            Evidence(1, ("problem", "need_payoff"), ("plan",), ("aware",)),
        ),
        ("{sequence: after_call}", Begun("after_call")),
        ("{role: manager}", HasRole("manager")),
        (
            "{any: [{field: a}, {all: [{field: b}, {field: c}]}]}",
            AnyOf((Filled("a"), AllOf((Filled("b"), Filled("c"))))),
        ),
        ("{not: {not: {meeting: held}}}", NotMet(NotMet(Met("held")))),
    ],
)
def test_it_reads_every_kind_of_need(written: str, need: Need) -> None:
    """One key each."""
    assert load(needing(written)).transitions[0].needs == (need,)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{}", "missing"),
        ("{field: a, role: rep}", "combination"),
        ("{feild: a}", "unknown_key"),
        ("field", "type"),
        ("{answers: []}", "empty"),
        ("{answers: [a, a]}", "twice"),
        ("{answers: {a: b}}", "type"),
        ("{rated: {criterion: fit}}", "missing"),
        ("{rated: {is: good}}", "missing"),
        ("{rated: fit}", "type"),
        ("{checklist: Plan}", "name"),
        ("{score_at_least: 101}", "type"),
        ("{score_at_least: -1}", "type"),
        ('{score_at_least: "60"}', "type"),
        ("{meeting: cancelled}", "unknown_word"),
        ("{call: missed}", "unknown_word"),
        ("{evidence: 2}", "type"),
        ("{evidence: {spin: problem}}", "missing"),
        ("{evidence: {at_least: 0}}", "type"),
        ("{evidence: {at_least: 1, spin: pain}}", "unknown_word"),
        ("{sequence: [a]}", "type"),
        ("{role: boss}", "unknown_word"),
        ("{any: []}", "empty"),
        ("{all: {field: a}}", "type"),
        ("{any: [{}]}", "missing"),
        ("{not: [{field: a}]}", "type"),
        ("{not: {field: no}}", "quotes"),
    ],
)
def test_it_refuses_a_need_with_one_finding(written: str, code: str) -> None:
    """At the line of the need."""
    assert [each for each in findings(needing(written)) if each[1] != "missing" or code == "missing"] == [(6, code)]


def test_it_tells_which_fields_a_move_must_and_may_bring() -> None:
    """What stands under `not` is asked for by nobody."""
    way = load(
        needing("{field: a}", "{any: [{field: b}, {role: rep}]}", "{all: [{field: c}]}", "{not: {field: d}}")
    ).transitions[0]
    assert way.required_fields == ("a", "c")
    assert way.asked_fields == ("a", "b", "c")


def test_it_reads_outcomes_and_reasons() -> None:
    """Of a transition."""
    text = needing().replace("needs: []", "outcomes: [won, lost], reasons: {price: {en: Price}}")
    way = load(text).transitions[0]
    assert (way.outcomes, way.reasons) == (("won", "lost"), {"price": {"en": "Price"}})


def sequence(rules: str = "", step: str = "{key: a, email: x}") -> str:
    """A playbook with one sequence, whose rules are in line 9 and whose step is in line 10."""
    return bare(f"sequences:\n  s:\n    {{start: {{when: call.ended}}, stop: reply, {rules}\n    steps: [{step}]}}\n")


def test_it_reads_the_rules_of_a_sequence() -> None:
    """And fills in their defaults."""
    plain = load(sequence()).sequences["s"]
    assert (plain.again, plain.exclusive, plain.priority) == (timedelta(), False, 0)
    ruled = load(sequence("again: never, exclusive: true, priority: 7,")).sequences["s"]
    assert (ruled.again, ruled.exclusive, ruled.priority) == (None, True, 7)
    assert load(sequence("again: 90d,")).sequences["s"].again == timedelta(days=90)


def test_it_reads_variants() -> None:
    """In the order of the file; the first stands for the step wherever one email is asked for."""
    step = load(sequence(step="{key: a, variants: {short: {email: x}, long: {email: z, share: 3}}}")).sequences["s"]
    assert step.steps[0].variants == (Variant("short", "x", 1, 10), Variant("long", "z", 3, 10))
    assert (step.steps[0].email, step.steps[0].emails) == ("x", ("x", "z"))


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        (sequence("again: sometimes,"), 9, "duration"),
        (sequence("again: 3wd,"), 9, "duration"),
        (sequence("exclusive: yes,"), 9, "type"),
        (sequence("priority: high,"), 9, "type"),
        (sequence(step="{key: a, variants: {}}"), 10, "empty"),
        (sequence(step="{key: a, variants: [x]}"), 10, "type"),
        (sequence(step="{key: a, variants: {b: x}}"), 10, "type"),
        (sequence(step="{key: a, variants: {b: {share: 2}}}"), 10, "missing"),
        (sequence(step="{key: a, variants: {b: {email: x, share: 0}}}"), 10, "type"),
        (sequence(step="{key: a, email: x, variants: {b: {email: x}}}"), 10, "step"),
        (sequence(step="{key: a, task: {en: T}, variants: {b: {email: x}}}"), 10, "step"),
        (sequence(step="{key: a, variants: {b: {email: x}}, blocking: true}"), 10, "combination"),
        (needing().replace("needs: []", "outcomes: [maybe]"), 6, "unknown_word"),
        (needing().replace("needs: []", "reasons: [price]"), 6, "type"),
        (needing().replace("needs: []", "reasons: {price: Price}"), 6, "type"),
        (bare("personas: {Boss: {title: {en: Boss}}}\n"), 7, "name"),
        (bare("personas: {boss: {about: {en: Boss}}}\n"), 7, "missing"),
        (bare("personas: {boss: {title: {en: Boss}, age: 50}}\n"), 7, "unknown_key"),
        (bare("journey: [aware]\n"), 7, "type"),
        (bare("questions: {q: {title: {en: Q}}}\n"), 7, "missing"),
        (bare("questions: {q: {text: {en: Q}, spin: pain}}\n"), 7, "unknown_word"),
        (bare("questions: {q: {text: {en: Q}, of: seller}}\n"), 7, "unknown_word"),
        (bare("questions: {q: {text: {en: Q}, open: no}}\n"), 7, "type"),
        (bare("questions: {q: {text: {en: Q}, journey: []}}\n"), 7, "empty"),
        (bare(f"questions: {{q: {{text: {{en: {'x' * 501}}}}}}}\n"), 7, "too_long"),
        (bare("objections: {o: {says: {en: Never}}}\n"), 7, "missing"),
        (bare("scripts: {s: {title: {en: S}, minutes: 9, steps: []}}\n"), 7, "empty"),
        (bare("scripts: {s: {title: {en: S}, minutes: 0, steps: [{key: a, title: {en: A}, minutes: 1}]}}"), 7, "type"),
        (bare("scripts: {s: {title: {en: S}, minutes: 9, steps: [{key: a, title: {en: A}}]}}\n"), 7, "missing"),
        (
            bare(
                "scripts:\n  s:\n    title: {en: S}\n    minutes: 9\n    steps:\n"
                "      - {key: a, title: {en: A}, minutes: 1}\n      - {key: a, title: {en: A}, minutes: 1}\n"
            ),
            13,
            "twice",
        ),
        (
            bare(
                "scripts: {s: {title: {en: S}, minutes: 9, steps: [{key: a, title: {en: A}, minutes: 1, "
                "branches: [{says: {en: B}}]}]}}\n"
            ),
            7,
            "missing",
        ),
        (bare("qualification: {}\n"), 7, "missing"),
        (bare("qualification: {criteria: {}}\n"), 7, "empty"),
        (bare("qualification: {criteria: {c: {title: {en: C}, weight: 1, options: {}}}}\n"), 7, "empty"),
        (
            bare(
                "qualification: {criteria: {c: {title: {en: C}, weight: 0, "
                "options: {o: {title: {en: O}, points: 1}}}}}\n"
            ),
            7,
            "type",
        ),
        (bare("checklist: {i: {title: {en: I}}}\n"), 7, "missing"),
        (bare("checklist: {i: {title: {en: I}, phase: later}}\n"), 7, "unknown_word"),
        (bare("checklist: {i: {title: {en: I}, phase: before, done_when: [{checklist: i}]}}\n"), 7, "combination"),
        (bare("checklist: {i: {title: {en: I}, phase: before, done_when: [{not: {role: rep}}]}}\n"), 7, "combination"),
        (bare("meetings: {days: [friday]}\n"), 7, "unknown_word"),
        (bare("meetings: {hours: [{from: '10:30', to: '08:30'}]}\n"), 7, "window"),
        (bare("meetings: {length: 1wd}\n"), 7, "duration"),
        (bare("meetings: {alternates: 21}\n"), 7, "type"),
    ],
)  # fmt: skip
def test_it_refuses_with_one_finding(text: str, line: int, code: str) -> None:
    """Each mistake alone gives one finding, at its line."""
    assert findings(text) == [(line, code)]


def test_it_wants_every_text_in_each_language() -> None:
    """Of the content too."""
    text = bare("questions: {q: {text: {en: Q}, title: {bg: К}}}\nlanguages: [en, bg]\n")
    text = text.replace("{en: Open}", "{en: O, bg: О}").replace("{en: Closed}", "{en: C, bg: К}")
    assert findings(text) == [(7, "missing"), (7, "missing")]


def test_it_reads_the_content_of_a_call() -> None:
    """Every key of it, and the defaults of those that are not there."""
    content = load(
        bare("""\
personas: {boss: {title: {en: Boss}, about: {en: A}, wants: {en: W}, worries: {en: X}}}
journey: {aware: {title: {en: Aware}, about: {en: B}}, decides: {title: {en: Decides}}}
questions:
  goal: {text: {en: Goal}, title: {en: Goal}, spin: need_payoff, journey: aware, personas: [boss], checklist: plan}
  agenda: {text: {en: Points}, of: rep, open: false}
scripts:
  talk:
    title: {en: Talk}
    about: {en: First}
    minutes: 20
    steps:
      - {key: a, title: {en: A}, minutes: 5, lines: [{en: Hi}], questions: goal, branches: [{says: {en: Go}, to: end}]}
qualification:
  criteria:
    fit: {title: {en: Fit}, weight: 3, questions: goal, options: {good: {title: {en: Good}, points: 10}}}
checklist:
  plan: {title: {en: Plan}, phase: [before, after], asks: {en: Do}, done_when: [{answers: agenda}]}
meetings:
  {length: 30m, days: [mon, thu], notice: 2h, horizon: 7d, buffer: 5m, alternates: 1,
   hours: [{from: "08:00", to: "09:00"}]}
objections: {price: {says: {en: Too dear}, reply: {en: Than what}}}
""")
    ).content
    boss = content.personas["boss"]
    assert (boss.about, boss.wants, boss.worries) == ({"en": "A"}, {"en": "W"}, {"en": "X"})
    assert [(each.key, each.position) for each in content.journey.values()] == [("aware", 0), ("decides", 1)]
    assert content.questions["goal"] == Question(
        "goal", {"en": "Goal"}, 0, {"en": "Goal"}, "need_payoff", ("aware",), ("boss",), "plan", line=10
    )
    agenda = content.questions["agenda"]
    assert (agenda.of_rep, agenda.open, agenda.position, agenda.spin) == (True, False, 1, None)
    script = content.scripts["talk"]
    assert (script.minutes, script.about) == (20, {"en": "First"})
    assert script.steps == (
        ScriptStep("a", {"en": "A"}, 5, 0, ({"en": "Hi"},), ("goal",), (Branch({"en": "Go"}, "end", 18),), 18),
    )
    price = content.objections["price"]
    assert (price.says, price.reply) == ({"en": "Too dear"}, {"en": "Than what"})
    fit = content.criteria["fit"]
    assert (fit.weight, fit.questions) == (3, ("goal",))
    assert fit.options == {"good": Option("good", {"en": "Good"}, 10, 21)}
    plan = content.checklist["plan"]
    assert (plan.phases, plan.asks, plan.done_when) == (("before", "after"), {"en": "Do"}, (Answered(("agenda",)),))
    rules: dict[str, Any] = {"hours": (Window(time(8), time(9)),), "days": frozenset({0, 3}), "alternates": 1}
    assert content.meetings == MeetingRules(
        length=timedelta(minutes=30),
        notice=timedelta(hours=2),
        horizon=timedelta(days=7),
        buffer=timedelta(minutes=5),
        **rules,
    )


def test_a_playbook_without_content_has_none() -> None:
    """As that of the contract."""
    content = load(bare("")).content
    assert (content.questions, content.criteria, content.checklist, content.meetings) == ({}, {}, {}, MeetingRules())
