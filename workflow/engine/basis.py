"""What one signal was decided from, and what followed, as two compact JSON texts: so that it can be asked again.

Keeps what decides and nothing else: where it only matters that something was told, a mark stands for it, so that no
name, number, note or answer of a person lies in yet another place. Reads and writes; asks nothing itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from workflow.engine.signals import NEVER, EnrollmentView, MeetingView, ProspectView, Signal
from workflow.engine.trail import written
from workflow.playbook import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.engine.decide import Decision
    from workflow.playbook.schema import Playbook

MARK: Final = "•"
"""Stands for a text that was there."""
_LONGEST: Final = 200
# Of a prospect's own fields the calendar asks these; of the others a need asks whether they are filled.
_TOLD_FIELDS: Final = frozenset({"time_zone", "country"})
# Of what came with a signal these words decide by themselves.
_TOLD_DATA: Final = frozenset({"trigger", "value", "uid", "permanent", "outcome"})
_GIVEN_DATA: Final = frozenset({"minutes", "notes"})


@dataclass(frozen=True, slots=True)
class Question:
    """The arguments of `decide`, but for the playbook."""

    view: ProspectView
    signal: Signal
    now: datetime


def pack(playbook: Playbook, view: ProspectView, signal: Signal, now: datetime) -> str:
    """The question that `decide` was asked, as text."""
    asked = _asked(playbook)
    told = {
        "now": now,
        "view": _kept(
            {
                "stage": view.stage,
                "version": view.version,
                "fields": _fields(view.fields),
                "custom": _custom(view.custom, asked),
                "outcome": view.outcome,
                "moved_at": view.moved_at if view.moved_at > NEVER else None,
                "suppressed": view.suppressed,
                "fallback_zone": view.fallback_zone,
                "enrollments": [[e.id, e.sequence.key, e.digest, e.meeting_id] for e in view.enrollments],
                "meetings": [[m.id, m.uid, m.state, m.starts_at, m.changed_at] for m in view.meetings],
                "answers": _answers(playbook, view.answers),
                "calls": sorted(view.calls),
                "begun": dict(view.begun),
            }
        ),
        "signal": _kept(
            {
                "kind": signal.kind,
                "at": signal.occurred_at,
                # A meeting without a name of its own is called after what told of it.
                "cause": signal.cause if signal.kind.startswith("meeting.") else None,
                "data": _data(playbook, signal.data, asked),
                # Clearing a field is told by an empty text, which must stay.
                "fields": _fields(signal.fields, cleared=True),
                "custom": _custom(signal.custom, asked),
                "sender": list(signal.sender),
                "role": signal.role,
            }
        ),
    }
    return _WRITE(told)


def unpack(text: str, versions: Callable[[str], Playbook]) -> Question:
    """The question that was packed; `versions` finds a playbook by its digest. Raises ValueError or KeyError."""
    told = json.loads(text)
    view, signal = told["view"], told["signal"]
    return Question(
        view=ProspectView(
            id="",
            stage=view.get("stage", ""),
            version=view.get("version", 0),
            fields=view.get("fields", {}),
            custom=view.get("custom", {}),
            outcome=view.get("outcome"),
            suppressed=view.get("suppressed", False),
            fallback_zone=view.get("fallback_zone"),
            enrollments=tuple(
                EnrollmentView(each, versions(digest).sequences[key], meeting, digest)
                for each, key, digest, meeting in view.get("enrollments", ())
            ),
            meetings=tuple(
                MeetingView(each, uid, state, _moment(starts), datetime.fromisoformat(changed))
                for each, uid, state, starts, changed in view.get("meetings", ())
            ),
            answers=view.get("answers", {}),
            calls=frozenset(view.get("calls", ())),
            begun={key: datetime.fromisoformat(at) for key, at in view.get("begun", {}).items()},
            moved_at=_moment(view.get("moved_at")) or NEVER,
        ),
        signal=Signal(
            kind=signal["kind"],
            occurred_at=datetime.fromisoformat(signal["at"]),
            actor="",
            cause=signal.get("cause", ""),
            data=_timed(signal.get("data", {})),
            fields=signal.get("fields", {}),
            custom=signal.get("custom", {}),
            sender=tuple(signal.get("sender", ())),
            role=signal.get("role"),
        ),
        now=datetime.fromisoformat(told["now"]),
    )


def answer(decision: Decision) -> str:
    """What was decided, as text: two decisions with the same text mean the same for stages and sequences."""
    told = {
        "verdict": decision.verdict,
        "stage": decision.stage,
        "enroll": [
            {
                "sequence": each.sequence.key,
                "meeting": each.meeting_uid,
                "touches": [
                    [
                        touch.step.key,
                        touch.state,
                        touch.due_at,
                        touch.not_after,
                        touch.next_attempt_at,
                        touch.reason.code,
                    ]
                    for touch in each.touches
                ],
            }
            for each in decision.enroll
        ],
        "stop": [[each.enrollment_id, each.reason.code, each.suppressed] for each in decision.stop],
        "withheld": [[each.sequence, each.reason.code, dict(each.reason.facts)] for each in decision.withheld],
        "reanchor": [
            [each.enrollment_id, [[free.position, free.due_at, free.not_after] for free in each.released]]
            for each in decision.reanchor
        ],
    }
    return _WRITE(_kept(told))


def matters(decision: Decision) -> bool:
    """Whether somebody may ask about this decision: it moved, started, stopped or withheld something."""
    return bool(
        decision.enroll
        or decision.stop
        or decision.withheld
        or decision.reanchor
        or any(change.kind == "moved" for change in decision.history)
    )


@lru_cache(maxsize=16)
def _asked(playbook: Playbook) -> frozenset[str]:
    """The names of all fields that any need of the playbook asks about."""
    wanted = [need for way in playbook.transitions for need in way.needs]
    wanted += [need for item in playbook.content.checklist.values() for need in item.done_when]
    return frozenset(need.field for need in needs.walk(wanted) if isinstance(need, needs.Filled))


def _fields(fields: Mapping[str, str], *, cleared: bool = False) -> dict[str, str]:
    return {name: value if name in _TOLD_FIELDS else _mark(value) for name, value in fields.items() if value or cleared}


def _custom(custom: Mapping[str, Any], asked: frozenset[str]) -> dict[str, str | None]:
    if not custom or asked.isdisjoint(custom):
        return {}
    return {
        name: _mark(str(value)) if isinstance(value, str | int | float) else None
        for name, value in custom.items()
        if name in asked
    }


def _data(playbook: Playbook, data: Mapping[str, Any], asked: frozenset[str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in data.items():
        if name in _TOLD_DATA:
            told[name] = value if isinstance(value, str | int | float | None) else str(value)
            if isinstance(told[name], str):
                told[name] = told[name][:_LONGEST]
        elif name == "starts_at":
            told[name] = value
        elif name == "answers":
            told[name] = _answers(playbook, value)
        elif name in asked or name in _GIVEN_DATA:
            told[name] = _mark(value) if isinstance(value, str) else value if isinstance(value, int | float) else None
    return told


def _answers(playbook: Playbook, answers: Mapping[str, Any]) -> dict[str, str]:
    """An answer to a question counts when there is one; one to a criterion names an option."""
    criteria = playbook.content.criteria
    return {
        name: str(value)[:_LONGEST] if name in criteria else _mark(str(value))
        for name, value in answers.items()
        if isinstance(value, str | int | float)
    }


def _mark(value: str) -> str:
    """A mark for a text; a blank one stays as blank as it was."""
    return MARK if value.strip() else value[:1]


def _kept(told: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in told.items() if value or (value == 0 and value is not False)}


def _timed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _moment(value) if name == "starts_at" else value for name, value in data.items()}


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return written(value)
    raise TypeError(value)


_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
