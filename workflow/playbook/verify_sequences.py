"""Whether sequences stop, begin and hold together: the rules of starts, stops and re-entry.

One function per rule, all in the table `RULES`, which `check` runs beside its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from workflow.playbook.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workflow.playbook.case import Case
    from workflow.playbook.schema import Sequence

_AT_ONCE: Final = timedelta(minutes=1)
_REPLIED: Final = "email.replied"


def no_stop_words(case: Case) -> Iterator[Finding]:
    """A sequence that nothing stops."""
    for key, sequence in case.playbook.sequences.items():
        if not sequence.stop:
            yield Finding(
                case.playbook.line(f"sequences.{key}"),
                "no_stop_words",
                f"Nothing stops the sequence `{key}`: add `stop`, at least [reply, bounce, complaint, unsubscribe].",
            )


def stop_never_comes(case: Case) -> Iterator[Finding]:
    """A sequence whose stop words are all about moves that nobody makes while it runs."""
    for key, sequence in case.playbook.sequences.items():
        if sequence.stop and sequence.stop <= {"close", "reopen"} and not _can_stop(case, sequence):
            yield Finding(
                case.playbook.line(f"sequences.{key}.stop"),
                "stop_never_comes",
                f"Nothing stops the sequence `{key}`, because no move from where it runs says "
                f"{' or '.join(f'`{word}`' for word in sorted(sequence.stop))}: add another stop word.",
            )


def reenters_at_once(case: Case) -> Iterator[Finding]:
    """A sequence that writes at once and begins again at once: by one move, or by the answer to its own email."""
    playbook = case.playbook
    prompt = {
        sequence.start.stage: key
        for key, sequence in playbook.sequences.items()
        if sequence.start.when == "stage.entered" and sequence.again == timedelta() and _writes_at_once(sequence)
    }
    replying = {rule.do for rule in playbook.signals if rule.kind == _REPLIED}
    # From a stage to the next: any move back to itself, and what a reply alone moves.
    next_of: dict[str, list[tuple[str, str]]] = {}
    for number, source in sorted(case.paths.fired):
        way = playbook.transitions[number]
        if source in prompt and way.to in prompt and (way.to == source or way.trigger in replying):
            next_of.setdefault(source, []).append((way.trigger, way.to))
    for stage, key in prompt.items():
        loop = _loop(next_of, stage) if stage else None
        if stage and loop:
            yield Finding(
                playbook.line(
                    f"sequences.{key}.again" if f"sequences.{key}.again" in playbook.lines else f"sequences.{key}"
                ),
                "reenters_at_once",
                f"The sequence `{key}` writes at once, and can begin again at once: say with `again` how long it "
                f"waits, or give its first step an `after`: {case.way_to(stage, *loop)}",
            )


def always_gives_way(case: Case) -> Iterator[Finding]:
    """An exclusive sequence that begins together with another, which always goes first."""
    rivals = [each for each in case.playbook.sequences.values() if each.exclusive]
    for place, sequence in enumerate(rivals):
        for other_place, other in enumerate(rivals):
            ahead = (other.priority, place) > (sequence.priority, other_place)
            if other is not sequence and ahead and other.again == timedelta() and _covers(other, sequence):
                yield Finding(
                    case.playbook.line(f"sequences.{sequence.key}"),
                    "always_gives_way",
                    f"`{sequence.key}` never begins, because `{other.key}` starts at the same moment, is exclusive too "
                    f"and goes first: give `{sequence.key}` more `priority`, or another start.",
                )
                break


def before_no_meeting(case: Case) -> Iterator[Finding]:
    """A step counts back from a meeting that its sequence does not know, or that is over when the sequence starts."""
    for path, step in case.steps():
        key = path.split(".")[1]
        if step.before_meeting and case.playbook.sequences[key].start.when != "meeting.booked":
            yield Finding(
                case.playbook.line(f"{path}.before"),
                "before_no_meeting",
                f"The sequence `{key}` does not start with a meeting to come: use `before: meeting` only where it "
                "starts with `when: meeting.booked`.",
            )


def thread_without_email(case: Case) -> Iterator[Finding]:
    """The first email of a sequence has no thread to continue."""
    for key, sequence in case.playbook.sequences.items():
        first = next((step for step in sequence.steps if step.email is not None), None)
        if first is not None and first.same_thread:
            yield Finding(
                case.playbook.line(f"sequences.{key}.steps.{first.position}.thread"),
                "thread_without_email",
                f"`{first.key}` is the first email of its sequence and has no thread to continue: remove `thread`.",
            )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    no_stop_words,
    stop_never_comes,
    reenters_at_once,
    always_gives_way,
    before_no_meeting,
    thread_without_email,
)


def _can_stop(case: Case, sequence: Sequence) -> bool:
    """Whether a move says one of its stop words, from where a prospect may stand while it runs."""
    playbook, paths = case.playbook, case.paths
    start = sequence.start.stage
    if start is not None and not paths.reaches(start):
        return True  # it never begins, which is told elsewhere
    # From any state of a stage, because what has happened there meanwhile is not known.
    ways = {(source, playbook.transitions[number].to) for number, source in paths.fired}
    stages = {start} if start is not None else set(paths.at)
    while more := {to for source, to in ways if source in stages} - stages:
        stages |= more
    closes = any(source in stages and playbook.is_final(to) for source, to in ways)
    reopens = any(source in stages and playbook.is_final(source) and not playbook.is_final(to) for source, to in ways)
    return ("close" in sequence.stop and closes) or ("reopen" in sequence.stop and reopens)


def _writes_at_once(sequence: Sequence) -> bool:
    """Whether less than a minute, and no task that holds it up, lies between its start and its first email."""
    waited = timedelta()
    for step in sequence.steps:
        waited += step.after.span
        if step.before_meeting or step.after.working_days or waited >= _AT_ONCE or step.blocking:
            return False
        if step.email is not None:
            return True
    return False


def _loop(next_of: dict[str, list[tuple[str, str]]], stage: str) -> list[tuple[str, str]]:
    """The shortest way from a stage back to itself; nothing where there is none."""
    todo: list[tuple[str, list[tuple[str, str]]]] = [(stage, [])]
    seen: set[str] = set()
    for at, way in todo:  # grows while it is read
        for trigger, to in next_of.get(at, ()):
            if to == stage:
                return [*way, (trigger, to)]
            if to not in seen:
                seen.add(to)
                todo.append((to, [*way, (trigger, to)]))
    return []


def _covers(other: Sequence, sequence: Sequence) -> bool:
    """Whether whatever starts `sequence` starts `other` too."""
    mine, theirs = sequence.start, other.start
    return theirs.when == mine.when and theirs.stage == mine.stage and theirs.outcome in (None, mine.outcome)
