"""The check: examples around one playbook, and silence about those that are in order. The corpus has all the codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workflow import places
from workflow.engine import signals as kinds
from workflow.mail.templates import VALUES, Templates
from workflow.playbook.case import FIELDS, Case
from workflow.playbook.check import RULES, check
from workflow.playbook.findings import MOST
from workflow.playbook.loader import load, read
from workflow.playbook.verify_emails import ALWAYS, OF_MEETING
from workflow.playbook.verify_signals import EVENTS

FAST = Path(__file__).with_name("fast.yaml")
TEMPLATES = frozenset({"hello", "again"})

GOOD = """\
name: good
time_zone: Europe/Sofia
calendar: {holidays: [BG, DE]}
stages:
  open: {title: {en: Open}}
  met: {title: {en: Met}}
  closed: {title: {en: Closed}, final: true}
transitions:
  - {trigger: meet, from: open, to: met}
  - {trigger: close, from: [open, met], to: closed, sets: {outcome: lost}}
  - {trigger: reopen, from: closed, to: open}
sequences:
  reminder:
    start: {when: meeting.booked}
    stop: [meeting.cancelled]
    steps:
      - {key: day, email: hello, before: meeting, lead: 24h}
      - {key: hour, email: again, before: meeting, lead: 1h, thread: same}
  lost:
    start: {when: stage.entered, stage: closed, outcome: lost}
    stop: [reply]
    steps:
      - {key: think, task: {en: Think}}
      - {key: ask, email: hello, after: 30d}
signals:
  - {source: hubspot, when: {kind: deal.stage, value: won}, do: close, sets: {outcome: won}}
personas: {boss: {title: {en: Boss}}}
journey: {aware: {title: {en: Aware}}}
questions:
  goal: {text: {en: Goal?}, spin: problem, personas: boss, journey: aware, checklist: plan}
scripts:
  talk:
    title: {en: Talk}
    minutes: 10
    steps:
      - {key: ask, title: {en: Ask}, minutes: 5, questions: goal, branches: [{says: {en: Aha}, to: thank}]}
      - {key: thank, title: {en: Thank}, minutes: 5}
qualification:
  criteria:
    fit: {title: {en: Fit}, weight: 1, questions: [goal], options: {good: {title: {en: Good}, points: 5}}}
checklist:
  plan: {title: {en: Plan}, phase: before, done_when: [{answers: [goal, fit]}, {not: {sequence: reminder}}]}
  fits: {title: {en: Fits}, phase: during, done_when: [{rated: {criterion: fit, is: good}}, {score_at_least: 50}]}
  ask: {title: {en: Ask}, phase: during, done_when: [{any: [{evidence: {at_least: 1, journey: aware}}]}]}
"""


def found(text: str) -> list[tuple[int, str]]:
    """Line and code of everything the check says about `text`."""
    return [(finding.line, finding.code) for finding in check(load(text), TEMPLATES)]


def test_it_has_nothing_to_say_about_a_good_playbook() -> None:
    """Neither about the one above nor about the contract's."""
    assert found(GOOD) == []
    names = {"follow_up_questions", "schedule_next_call", "call_confirmation", "meeting_recap", "decision"}
    assert check(read(FAST), frozenset(names)) == ()


def test_it_has_nothing_to_say_about_the_shipped_playbook() -> None:
    """With the emails that ship beside it; none of them is there for nobody."""
    emails = {folder.name for folder in (places.templates_dir() / "email").iterdir() if folder.is_dir()}
    playbook = read(places.shipped_playbook())
    assert check(playbook, frozenset(emails)) == ()
    sequences = [*playbook.sequences.values(), *read(FAST).sequences.values()]
    assert {step.email for sequence in sequences for step in sequence.steps} - {None} == emails


def test_it_has_nothing_to_say_about_the_guards_that_the_shipped_playbook_offers() -> None:
    """Its comments say which sign to take away; then the templates are asked what they need, too."""
    text = re.sub(r"(?m)^    # (needs: .*)$", r"    \1", places.shipped_playbook().read_text(encoding="utf-8"))
    guarded = load(text)
    assert sum(bool(way.needs) for way in guarded.transitions) >= 5
    emails = Templates(places.templates_dir() / "email").catalogue()
    assert check(guarded, emails) == check(read(places.shipped_playbook()), emails) == check(read(FAST), emails) == ()


def test_it_knows_the_events_of_the_engine() -> None:
    """Those that `signals` may name without a source's own words."""
    assert EVENTS == kinds.KINDS


def test_it_knows_the_values_of_the_emails() -> None:
    """What it takes for certain, or for certain after a meeting, is something that a template may name."""
    assert ALWAYS | OF_MEETING | FIELDS.keys() < VALUES


def test_a_file_of_nothing_but_mistakes_costs_little() -> None:
    """A thousand findings are enough, and no name is compared with thousands."""
    stages = "".join(f"  stage_{number}: {{title: {{en: S}}}}\n" for number in range(1500))
    ways = "".join(f"  - {{trigger: t, from: stage_{number}, to: stag_{number}}}\n" for number in range(1500))
    findings = check(load(f"name: many\nstages:\n{stages}transitions:\n{ways}"), ())
    assert len(findings) == MOST
    assert "did you mean `stage_" in findings[0].sentence


CASES = [
    ("Europe/Sofia", "Europe/Sofa", 2, "unknown_zone"),
    ("Europe/Sofia", "../etc/passwd", 2, "unknown_zone"),
    ("Europe/Sofia", "Europe", 2, "unknown_zone"),
    ("[BG, DE]", "[BG, XX]", 3, "unknown_country"),
    ("[BG, DE]", "[bg]", 3, "unknown_country"),
    ("from: open, to: met", "from: opened, to: met", 9, "unknown_stage"),
    ("from: [open, met]", "from: [open, met, gone]", 10, "unknown_stage"),
    ("from: closed, to: open", "from: closed, to: opens", 11, "unknown_stage"),
    ("stage: closed, outcome: lost", "stage: close", 20, "unknown_stage"),
    ("do: close", "do: clse", 26, "unknown_trigger"),
    ("email: again", "email: agian", 18, "unknown_template"),
    ("trigger: meet, from: open", "trigger: close, from: open", 10, "ambiguous_transition"),
    ("from: open, to: met}", "from: met, to: met}", 6, "unreachable_stage"),
    ("from: [open, met]", "from: [open]", 6, "no_way_to_final"),
    (", final: true", "", 4, "no_final_stage"),
    ("    stop: [reply]\n", "", 19, "no_stop_words"),
    ("stage: closed, outcome: lost", "stage: met", None, ""),
    ("outcome: lost}}", "outcome: loss}}", 10, "unknown_outcome"),
    ("outcome: won}", "outcome: victory}", 26, "unknown_outcome"),
    ("stage: closed, outcome: lost", "stage: closed, outcome: loose", 20, "unknown_outcome"),
    ("stage: closed, outcome: lost", "stage: met, outcome: lost", 20, "outcome_of_open_stage"),
    ("when: meeting.booked", "when: meeting.held", 17, "before_no_meeting"),
    ("when: meeting.booked", "when: call.ended", 18, "before_no_meeting"),
    ("after: 30d", "after: 30d, thread: same", 24, "thread_without_email"),
    ("from: open, to: met}", "from: open, to: met, outcomes: [won]}", 9, "outcome_of_open_stage"),
    ("key: ask, email: hello", "key: ask, variants: {a: {email: hello}, b: {email: bye}}", 24, "unknown_template"),
    ("    stop: [reply]", "    priority: 3\n    stop: [reply]", None, ""),
    ("questions: goal,", "questions: goals,", 36, "unknown_question"),
    ("questions: [goal]", "questions: [goals]", 40, "unknown_question"),
    ("answers: [goal, fit]", "answers: [goal, fits]", 42, "unknown_question"),
    ("criterion: fit", "criterion: fat", 43, "unknown_criterion"),
    ("is: good", "is: [good, fair]", 43, "unknown_option"),
    ("checklist: plan", "checklist: plans", 30, "unknown_item"),
    ("{at_least: 1, journey: aware}", "{at_least: 1, checklist: plans}", 44, "unknown_item"),
    ("personas: boss", "personas: [boss, clerk]", 30, "unknown_persona"),
    ("personas: boss, journey: aware", "journey: [aware, awake]", 30, "unknown_phase"),
    ("{at_least: 1, journey: aware}", "{at_least: 1, journey: awake}", 44, "unknown_phase"),
    ("sequence: reminder", "sequence: remind", 42, "unknown_sequence"),
    ("to: thank", "to: thanks", 36, "unknown_script_step"),
    ("to: thank}", "to: end}", 37, "unreachable_script_step"),
    ("minutes: 10", "minutes: 9", 34, "script_too_long"),
    ("  goal: {text", "  fit: {text: {en: F}}\n  goal: {text", 41, "name_clash"),
    ("points: 5", "points: 0", 43, "score_without_matrix"),
    ("at_least: 1,", "at_least: 2,", 44, "too_much_evidence"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "code"), CASES)
def test_it_finds(right: str, wrong: str, line: int | None, code: str) -> None:
    """Each mistake, at its own line."""
    assert GOOD.count(right) == 1
    codes = found(GOOD.replace(right, wrong))
    assert (line, code) in codes if line else codes == []


def test_it_finds_a_stage_that_nobody_enters() -> None:
    """The first stage is entered by every new prospect; another needs a way."""
    text = GOOD.replace("when: stage.entered, stage: closed, outcome: lost", "when: stage.entered, stage: {}")
    assert found(text.replace("stage: {}", "stage: open")) == []
    alone = text.replace("stage: {}", "stage: met").replace("from: open, to: met}", "from: open, to: closed}")
    assert (20, "stage_never_entered") in found(alone)


def test_every_rule_is_silent_about_what_is_in_order() -> None:
    """Asked alone; that each finds something is shown by the corpus."""
    for rule in RULES:
        assert list(rule(Case(load(GOOD), TEMPLATES))) == []


def test_it_offers_the_name_that_was_meant() -> None:
    """The sentence ends with the nearest known name."""
    (finding,) = check(load(GOOD.replace("email: again", "email: agian")), TEMPLATES)
    assert finding.sentence == "There is no email template `agian`: did you mean `again`?"


def test_it_reports_all_mistakes_in_the_order_of_lines() -> None:
    """One run shows everything."""
    text = GOOD.replace("Europe/Sofia", "Mars").replace("email: again", "email: x").replace("do: close", "do: x")
    assert found(text) == [(2, "unknown_zone"), (18, "unknown_template"), (26, "unknown_trigger")]
