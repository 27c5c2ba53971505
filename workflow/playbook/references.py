"""Whether what needs, questions, scripts and the matrix name exists, and whether it can work: the rules of the call.

One function per rule, all in the table `RULES`, which `check` runs beside its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workflow.playbook import content as parts
from workflow.playbook.findings import Finding, nearest
from workflow.playbook.needs import AllOf, Answered, AnyOf, Begun, Evidence, NotMet, Rated, ScoreAtLeast, Ticked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from workflow.playbook.case import Case
    from workflow.playbook.content import Script
    from workflow.playbook.needs import Need
    from workflow.playbook.schema import Playbook


def unknown_question(case: Case) -> Iterator[Finding]:
    """A need, a script or a criterion names a question that is not in the bank."""
    playbook = case.playbook
    questions = playbook.content.questions
    named: list[tuple[str, Iterable[str], Collection[str]]] = [
        (f"{path}.answers", need.keys, {**questions, **playbook.content.criteria})
        for path, need in needs_of(playbook)
        if isinstance(need, Answered)
    ]
    for key, script in playbook.content.scripts.items():
        named += [
            (f"scripts.{key}.steps.{step.position}.questions", step.questions, questions) for step in script.steps
        ]
    for key, criterion in playbook.content.criteria.items():
        named.append((f"qualification.criteria.{key}.questions", criterion.questions, questions))
    for path, names, known in named:
        yield from _unknown(playbook, path, names, known, "unknown_question", "question")


def unknown_criterion(case: Case) -> Iterator[Finding]:
    """A need names a criterion, or an option of one, that is not there."""
    playbook = case.playbook
    for path, need in needs_of(playbook):
        if isinstance(need, Rated):
            criteria = playbook.content.criteria
            where = f"{path}.rated"
            yield from _unknown(
                playbook, f"{where}.criterion", [need.criterion], criteria, "unknown_criterion", "criterion"
            )
            if need.criterion in criteria:
                options = criteria[need.criterion].options
                yield from _unknown(playbook, f"{where}.is", need.options, options, "unknown_option", "option")


def unknown_item(case: Case) -> Iterator[Finding]:
    """A need or a question names an item that the checklist does not have."""
    playbook = case.playbook
    named = [(f"questions.{key}.checklist", [each.checklist]) for key, each in playbook.content.questions.items()]
    for path, need in needs_of(playbook):
        if isinstance(need, Ticked):
            named.append((f"{path}.checklist", list(need.items)))
        elif isinstance(need, Evidence):
            named.append((f"{path}.evidence.checklist", list(need.checklist)))
    for path, names in named:
        known = playbook.content.checklist
        yield from _unknown(playbook, path, filter(None, names), known, "unknown_item", "item of the checklist")


def unknown_persona(case: Case) -> Iterator[Finding]:
    """A question is for a persona that is not there."""
    playbook = case.playbook
    for key, question in playbook.content.questions.items():
        path, known = f"questions.{key}.personas", playbook.content.personas
        yield from _unknown(playbook, path, question.personas, known, "unknown_persona", "persona")


def unknown_phase(case: Case) -> Iterator[Finding]:
    """A question or a need names a phase that the journey does not have."""
    playbook = case.playbook
    named = [(f"questions.{key}.journey", each.journey) for key, each in playbook.content.questions.items()]
    named += [
        (f"{path}.evidence.journey", need.journey) for path, need in needs_of(playbook) if isinstance(need, Evidence)
    ]
    for path, names in named:
        known = playbook.content.journey
        yield from _unknown(playbook, path, names, known, "unknown_phase", "phase of the journey")


def unknown_sequence(case: Case) -> Iterator[Finding]:
    """A need waits for a sequence that is not there."""
    playbook = case.playbook
    for path, need in needs_of(playbook):
        if isinstance(need, Begun):
            where, known = f"{path}.sequence", playbook.sequences
            yield from _unknown(playbook, where, [need.sequence], known, "unknown_sequence", "sequence")


def unknown_script_step(case: Case) -> Iterator[Finding]:
    """A branch leads to a step that its script does not have."""
    playbook = case.playbook
    for key, script in playbook.content.scripts.items():
        known = {step.key for step in script.steps} | {parts.END}
        for step in script.steps:
            for number, branch in enumerate(step.branches):
                path = f"scripts.{key}.steps.{step.position}.branches.{number}.to"
                yield from _unknown(playbook, path, [branch.to], known, "unknown_script_step", "step of the script")


def unreachable_script_step(case: Case) -> Iterator[Finding]:
    """No way through the script comes to this step."""
    playbook = case.playbook
    for key, script in playbook.content.scripts.items():
        reached = _least_minutes(script)
        for step in script.steps:
            if step.key not in reached:
                yield Finding(
                    playbook.line(f"scripts.{key}.steps.{step.position}"),
                    "unreachable_script_step",
                    f"No step of the script leads to `{step.key}`: add a branch to it, or remove it.",
                )


def script_too_long(case: Case) -> Iterator[Finding]:
    """Even the shortest way through a script takes longer than the call."""
    playbook = case.playbook
    for key, script in playbook.content.scripts.items():
        least = _least_minutes(script).get(parts.END)
        if least is not None and least > script.minutes:
            yield Finding(
                playbook.line(f"scripts.{key}.minutes"),
                "script_too_long",
                f"The shortest way through this script takes {least} minutes, and the call has {script.minutes}: "
                "shorten steps, or plan a longer call.",
            )


def script_never_ends(case: Case) -> Iterator[Finding]:
    """No way through a script comes to its end."""
    playbook = case.playbook
    for key, script in playbook.content.scripts.items():
        reached = _least_minutes(script)
        known = {step.key for step in script.steps} | {parts.END}
        whole = all(branch.to in known for step in script.steps for branch in step.branches)
        if whole and parts.END not in reached:
            yield Finding(
                playbook.line(f"scripts.{key}"),
                "script_never_ends",
                f"No way through the script `{key}` comes to its end: lead a branch of `{list(reached)[-1]}` to `end`.",
            )


def name_clash(case: Case) -> Iterator[Finding]:
    """A criterion and a question share a key, so that the answer to one would count for the other."""
    playbook = case.playbook
    for key in playbook.content.criteria:
        if key in playbook.content.questions:
            yield Finding(
                playbook.line(f"qualification.criteria.{key}"),
                "name_clash",
                f"`{key}` is a question too, and both would keep their answers under it: give one another key.",
            )


def score_without_matrix(case: Case) -> Iterator[Finding]:
    """A need asks for a score that nothing gives."""
    playbook = case.playbook
    scores = any(option.points for each in playbook.content.criteria.values() for option in each.options.values())
    for path, need in needs_of(playbook):
        if isinstance(need, ScoreAtLeast) and need.score and not scores:
            yield Finding(
                playbook.line(f"{path}.score_at_least"),
                "score_without_matrix",
                "No criterion of the qualification gives points, so that this score is never reached: add one.",
            )


def too_much_evidence(case: Case) -> Iterator[Finding]:
    """A need asks for more answers than the bank has questions for."""
    playbook = case.playbook
    for path, need in needs_of(playbook):
        if not isinstance(need, Evidence):
            continue
        there = len(questions_of(playbook, need))
        if there < need.at_least:
            yield Finding(
                playbook.line(f"{path}.evidence.at_least"),
                "too_much_evidence",
                f"Only {there} questions of the bank count here, and {need.at_least} answers are asked for.",
            )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    unknown_question,
    unknown_criterion,
    unknown_item,
    unknown_persona,
    unknown_phase,
    unknown_sequence,
    unknown_script_step,
    unreachable_script_step,
    script_never_ends,
    script_too_long,
    name_clash,
    score_without_matrix,
    too_much_evidence,
)


def needs_of(playbook: Playbook) -> Iterator[tuple[str, Need]]:
    """Every need of the file, those within others too, with its path."""
    for number, way in enumerate(playbook.transitions):
        for row, need in enumerate(way.needs):
            yield from _within(f"transitions.{number}.needs.{row}", need)
    for key, item in playbook.content.checklist.items():
        for row, need in enumerate(item.done_when):
            yield from _within(f"checklist.{key}.done_when.{row}", need)


def questions_of(playbook: Playbook, need: Evidence) -> tuple[str, ...]:
    """The questions of the bank that count for `need`. One that fits every phase of the journey fits each of them."""
    return tuple(
        key
        for key, question in playbook.content.questions.items()
        if (not need.spin or question.spin in need.spin)
        and (not need.checklist or question.checklist in need.checklist)
        and (not need.journey or not question.journey or not set(need.journey).isdisjoint(question.journey))
    )


def _within(path: str, need: Need) -> Iterator[tuple[str, Need]]:
    yield path, need
    if isinstance(need, AllOf | AnyOf):
        word = "all" if isinstance(need, AllOf) else "any"
        for number, inner in enumerate(need.needs):
            yield from _within(f"{path}.{word}.{number}", inner)
    elif isinstance(need, NotMet):
        yield from _within(f"{path}.not", need.need)


def _unknown(
    playbook: Playbook, path: str, names: Iterable[str], known: Collection[str], code: str, noun: str
) -> Iterator[Finding]:
    for number, name in enumerate(names):
        if name not in known:
            line = playbook.line(f"{path}.{number}")
            yield Finding(line, code, f"There is no {noun} `{name}`: {nearest(name, known)}")


def _least_minutes(script: Script) -> dict[str, int]:
    """For each step that can be reached, and for the end, the fewest minutes until it is over."""
    follows = [*(step.key for step in script.steps[1:]), parts.END]
    ways = {
        step.key: [branch.to for branch in step.branches] or [after]
        for step, after in zip(script.steps, follows, strict=True)
    }
    minutes = {step.key: step.minutes for step in script.steps}
    least: dict[str, int] = {}
    todo = [(minutes[script.steps[0].key], script.steps[0].key)]
    while todo:
        todo.sort(reverse=True)
        spent, key = todo.pop()
        if key in least:
            continue
        least[key] = spent
        todo += [(spent + minutes.get(to, 0), to) for to in ways.get(key, ())]
    return least
