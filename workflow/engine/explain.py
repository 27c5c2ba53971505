"""Asks a stored decision again, from what it was decided from, and says where the answer is another one by now.

Pure. A difference means that a row was altered, or that a release decides differently than it says it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from workflow.engine import basis, leaving, sequences, trail
from workflow.engine.decide import decide
from workflow.engine.reasons import Reason
from workflow.engine.signals import MailHold
from workflow.errors import OnwardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.engine.trail import Line
    from workflow.playbook.schema import Playbook, Sequence, Step

    Versions = Callable[[str], Playbook]

# What a damaged text does to those who read it: these are differences, no faults of ours.
_DAMAGED: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, OnwardError)


def replay_decision(playbook: Playbook, stored_basis: str, stored_answer: str, versions: Versions) -> str | None:
    """None when `decide` answers today as it did, else what differs. `versions` finds a playbook by its digest."""
    try:
        asked = basis.unpack(stored_basis, versions)
        now = basis.answer(decide(playbook, asked.view, asked.signal, asked.now))
    except _DAMAGED as error:
        return f"it cannot be asked again ({type(error).__name__})"
    return None if now == stored_answer else "the answer is another one now"


def replay_touch(playbook: Playbook, sequence_key: str, step_key: str, line: Line, by: Playbook) -> str | None:
    """None when the line of a touch's trail comes out as it stands there, else what differs.

    `playbook` is the version of the line, `by` the one whose calendar was asked where that was another.
    """
    if line.kind == trail.UNREADABLE:
        return "it cannot be read"
    if line.kind not in trail.DECIDED:
        return None
    try:
        if line.kind == "retried":
            again = leaving.retry_at(_at(line), line.given["attempt"], line.given["spread"])
            return _differs({"next": again}, line)
        sequence = playbook.sequences[sequence_key]
        step = sequence.step(step_key)
        gave, reason = _again(playbook, sequence, step, line, by)
    except _DAMAGED as error:
        return f"it cannot be asked again ({type(error).__name__})"
    if reason != line.reason:
        return "the reason is another one now"
    return _differs(gave, line)


def _again(
    playbook: Playbook, sequence: Sequence, step: Step, line: Line, by: Playbook
) -> tuple[Mapping[str, Any], Reason | None]:
    if line.kind == "planned":
        return _planned(playbook, sequence, step, line)
    if line.kind == "released":
        due = sequences.due_at(playbook, step, line.given["since"], _where(line))
        return {"due": due, "until": sequences.not_after(step, due)}, None
    if line.kind == "anchored":
        moved = sequences.reanchor(by, step, line.given["meeting"], _where(line))
        return {"due": moved.due_at, "until": moved.not_after}, None
    return _asked(playbook, step, line)


def plan(playbook: Playbook, sequence: Sequence, line: Line) -> tuple[sequences.Planned, ...]:
    """The whole plan that a line of the kind `planned` was part of."""
    barred = line.given.get("barred")
    return sequences.plan(
        playbook,
        sequence,
        anchor=line.given["anchor"],
        now=_at(line),
        where=_where(line),
        meeting_at=line.given.get("meeting"),
        unreachable=Reason(*barred) if barred else None,
    )


def _planned(playbook: Playbook, sequence: Sequence, step: Step, line: Line) -> tuple[Mapping[str, Any], Reason | None]:
    touch = plan(playbook, sequence, line)[step.position]
    gave = {
        "since": touch.since,
        "due": touch.due_at,
        "until": touch.not_after,
        "state": touch.state,
        "next": touch.next_attempt_at,
    }
    return gave, touch.reason


def _asked(playbook: Playbook, step: Step, line: Line) -> tuple[Mapping[str, Any], Reason | None]:
    given, now = line.given, _at(line)
    until = leaving.leaves_until(step, due_at=given["due_at"], not_after=given["not_after"], attempts=given["attempts"])
    if line.kind == "late":
        # The reason tells the same time in words, and is not asked again.
        then = {"then": step.late} if step.late != "skip" else {}
        return ({"until": until, **then} if now > until else {}), line.reason
    asked = leaving.Asked(now, given["due_at"], given["not_after"], given["attempts"], given.get("forced", False))
    asked.held = MailHold(given["held"], given["held_by"]) if "held" in given else None
    hold = leaving.when_it_may_leave(
        playbook,
        step,
        asked,
        where=lambda: _where(line),
        mails=lambda: leaving.Mails(given.get("last"), given.get("day"), given.get("week")),
    )
    if (hold is not None) != (line.kind == "held") or now > until:
        return {line.kind: False}, line.reason
    return ({"next": hold.until, "until": hold.not_after}, hold.reason) if hold else ({}, None)


def _differs(gave: Mapping[str, Any], line: Line) -> str | None:
    known = {name: value for name, value in gave.items() if value is not None}
    if known == dict(line.gave):
        return None
    names = sorted({name for name in (*known, *line.gave) if known.get(name) != line.gave.get(name)})
    return f"another answer now: {', '.join(names)}"


def _at(line: Line) -> Any:  # noqa: ANN401 - a time; one that is missing is found by whoever counts from it
    return line.at


def _where(line: Line) -> sequences.Whereabouts:
    where = line.where()
    if where is None:
        raise KeyError("zone")
    return where
