"""Checking a playbook: how long the largest sensible one takes, from its bytes to no findings.

Sixty stages, sixty sequences, two hundred questions, guards of every kind. `python -m bench verify`.
"""

from __future__ import annotations

import random
import time
from statistics import median

from bench.harness import Figure, show
from workflow import places
from workflow.mail.templates import Templates
from workflow.playbook.check import check
from workflow.playbook.loader import MOST_BYTES, load

SIZE = 60
QUESTIONS = 200
MOST = 1.0
ROUNDS = 7
_SPIN = ("situation", "problem", "implication", "need_payoff")


def run() -> list[Figure]:
    """Read and check the same file a few times."""
    text = playbook(SIZE, QUESTIONS).encode()
    assert len(text) <= MOST_BYTES
    emails = Templates(places.templates_dir() / "email").catalogue()
    seconds = []
    for number in range(ROUNDS):
        # A text that was read before is not read again.
        fresh = text + b"#" * number
        begun = time.process_time()
        findings = check(load(fresh), emails)
        seconds.append(time.process_time() - begun)
        assert findings == (), findings[:3]
    note = f"{len(text) // 1024} KB, {text.count(b'trigger:')} transitions; the longest {max(seconds):.2f} s"
    what = f"a playbook of {SIZE} stages, {SIZE} sequences and {QUESTIONS} questions, read and checked, CPU"
    return show("verify", [Figure(what, median(seconds), MOST, "s", note=note)])


def playbook(size: int, questions: int, seed: int = 1) -> str:
    """A playbook without findings, as long as it is wide."""
    chance = random.Random(seed)
    lines = ["name: large", "languages: [en, bg]", "time_zone: Europe/Sofia", "stages:"]
    lines += [f"  stage_{number}: {_title('Stage', number)}" for number in range(size - 1)]
    lines += ["  closed: {title: {en: Closed, bg: Приключен}, final: true}", "transitions:"]
    lines += _transitions(chance, size, questions)
    lines.append("sequences:")
    lines += _sequences(chance, size)
    lines += [
        "personas: {owner: {title: {en: Owner, bg: Собственик}}}",
        "journey: {early: {title: {en: Early, bg: Начало}}, late: {title: {en: Late, bg: Край}}}",
        "questions:",
    ]
    lines += [_question(chance, number) for number in range(questions)]
    lines += _scripts(questions)
    lines += _matrix()
    return "\n".join(lines) + "\n"


def _title(en: str, number: int) -> str:
    return f"{{title: {{en: {en} {number}, bg: Етап {number}}}}}"


def _transitions(chance: random.Random, size: int, questions: int) -> list[str]:
    lines = []
    for number in range(size - 1):
        here, there = f"stage_{number}", f"stage_{number + 1}" if number < size - 2 else "closed"
        needs = ", ".join(_need(chance, number, questions) for _ in range(chance.randint(0, 4)))
        brought = "outcome" if there == "closed" else f"field_{number}"
        lines.append(f"  - {{trigger: on_{number}, from: {here}, to: {there}, needs: [{{field: {brought}}}, {needs}]}}")
        if number:
            lines.append(f"  - {{trigger: back_{number}, from: {here}, to: stage_{chance.randrange(number)}}}")
        ahead = f"stage_{min(number + 2, size - 2)}"
        lines.append(f"  - {{trigger: skip_{number}, from: {here}, to: {ahead}, needs: [{{role: manager}}]}}")
        lines.append(f"  - {{trigger: close_{number}, from: {here}, to: closed, sets: {{outcome: lost}}}}")
    return [line.replace(", ]", "]") for line in lines]


def _need(chance: random.Random, number: int, questions: int) -> str:
    some = ", ".join(f"question_{each}" for each in sorted(chance.sample(range(questions), 4)))
    return chance.choice(
        (
            f"{{answers: [{some}]}}",
            f"{{any: [{{score_at_least: {chance.randint(1, 90)}}}, {{role: manager}}]}}",
            "{any: [{all: [{evidence: {at_least: 3, spin: problem}}, {call: noted}]}, {meeting: held}]}",
            f"{{not: {{rated: {{criterion: budget, is: [option_{chance.randrange(4)}]}}}}}}",
            f"{{not: {{field: blocked_{number}}}}}",
            "{any: [{sequence: after_call}, {checklist: [diagnose]}, {evidence: {at_least: 2, journey: late}}]}",
            f"{{not: {{all: [{{field: parked_{number}}}, {{call: timed}}, {{meeting: booked}}]}}}}",
        )
    )


def _sequences(chance: random.Random, size: int) -> list[str]:
    starts = [
        ("after_call", "when: call.ended"),
        ("met", "when: meeting.held"),
        ("lost", "when: stage.entered, stage: closed, outcome: lost"),
    ]
    starts += [
        (f"sequence_{number}", f"when: stage.entered, stage: stage_{number}") for number in range(size - len(starts))
    ]
    emails = ("follow_up_questions", "schedule_next_call", "call_confirmation", "meeting_recap", "decision")
    lines = []
    for key, start in starts:
        lines += [
            f"  {key}:",
            f"    start: {{{start}}}",
            "    stop: [reply, bounce, complaint, unsubscribe, close]",
            "    steps:",
        ]
        for step in range(4):
            lines.append(f"      - {{key: mail_{step}, email: {chance.choice(emails)}, after: {step + 1}d}}")
        lines.append("      - {key: call_back, task: {en: Call back, bg: Обадете се}, after: 2wd, blocking: true}")
    return lines


def _question(chance: random.Random, number: int) -> str:
    text = f"{{en: What about number {number}?, bg: Какво за номер {number}?}}"
    fits = f"journey: [{chance.choice(('early', 'late'))}], personas: [owner], checklist: diagnose"
    return f"  question_{number}: {{text: {text}, spin: {_SPIN[number % 4]}, {fits}}}"


def _scripts(questions: int) -> list[str]:
    lines = ["scripts:"]
    for script in range(3):
        lines += [f"  script_{script}:", "    title: {en: Call, bg: Разговор}", "    minutes: 60", "    steps:"]
        for step in range(20):
            asked = f"question_{(script * 20 + step) % questions}"
            lines.append(
                f"      - {{key: step_{step}, title: {{en: Step, bg: Стъпка}}, minutes: 3, questions: [{asked}]}}"
            )
    return lines


def _matrix() -> list[str]:
    lines = ["qualification:", "  criteria:"]
    for key in ("budget", "authority", "need", "timing", "fit", "access"):
        options = ", ".join(
            f"option_{each}: {{title: {{en: Option {each}, bg: Избор {each}}}, points: {each}}}" for each in range(4)
        )
        lines.append(f"    {key}: {{title: {{en: Row, bg: Ред}}, weight: 15, options: {{{options}}}}}")
    title = "{en: Diagnose, bg: Диагноза}"
    lines += [
        "checklist:",
        f"  diagnose: {{title: {title}, phase: during, done_when: [{{evidence: {{at_least: 4}}}}]}}",
    ]
    return lines
