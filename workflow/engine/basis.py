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

from workflow.engine.signals import MEETING_KINDS, NEVER, EnrollmentView, MeetingView, ProspectView, Signal
from workflow.engine.trail import written
from workflow.playbook import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.engine.decide import Decision
    from workflow.engine.sequences import Planned
    from workflow.playbook.schema import Playbook

MARK: Final = "•"
"""Stands for a text that was there."""
_LONGEST: Final = 200
# Of a prospect's own fields the calendar asks these; of the others a need asks whether they are filled.
_TOLD_FIELDS: Final = ("time_zone", "country")
# Of what came with a signal these words decide by themselves.
_TOLD_DATA: Final = frozenset(
    {"trigger", "value", "uid", "replaces", "permanent", "outcome", "colleague", "about", "returns_on", "sequence"}
    | {"enrollment"}
)
_HOLD: Final = "mail_hold_until"
_GIVEN_DATA: Final = frozenset({"minutes", "notes"})


@dataclass(frozen=True, slots=True)
class Question:
    """The arguments of `decide`, but for the playbook."""

    view: ProspectView
    signal: Signal
    now: datetime


def pack(playbook: Playbook, view: ProspectView, signal: Signal, now: datetime) -> str:
    """The question that `decide` was asked, as text.

    What the signal tells of the person is taken over before anything is decided, so the two stand here as one.
    """
    known = {**_person(playbook, view, signal), **_around(playbook, view)}
    return _WRITE({"now": written(now), "view": known, "signal": _told(playbook, signal)})


def unpack(text: str, versions: Callable[[str], Playbook]) -> Question:
    """The question that was packed; `versions` finds a playbook by its digest. Raises ValueError or KeyError."""
    told = json.loads(text)
    view, signal = told["view"], told["signal"]
    return Question(
        view=ProspectView(
            id="",
            stage=view.get("stage", ""),
            version=view.get("version", 0),
            fields=dict.fromkeys(view["filled"], MARK) | {name: view[name] for name in _TOLD_FIELDS if name in view},
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
            mail_hold_until=_moment(view.get("mail_hold_until")),
            mail_hold_why=view.get("mail_hold_why"),
            declined=frozenset(view.get("declined", ())),
            later=frozenset(view.get("later", ())),
        ),
        signal=Signal(
            kind=signal["kind"],
            occurred_at=datetime.fromisoformat(signal["at"]),
            actor="",
            cause=signal.get("cause", ""),
            data=_timed(signal.get("data", {})),
            sender=tuple(signal.get("sender", ())),
            role=signal.get("role"),
        ),
        now=datetime.fromisoformat(told["now"]),
    )


def answer(decision: Decision) -> str:
    """What was decided, as text: two decisions with the same text mean the same for stages and sequences."""
    told: dict[str, Any] = {"verdict": decision.verdict, "stage": decision.stage}
    if decision.enroll:
        told["enroll"] = [
            [each.sequence.key, each.meeting_uid, [_touch(touch) for touch in each.touches]] for each in decision.enroll
        ]
    if decision.stop:
        told["stop"] = [[each.enrollment_id, each.reason.code, each.suppressed] for each in decision.stop]
    told |= _holds(decision)
    if decision.withheld:
        told["withheld"] = [[each.sequence, each.reason.code, dict(each.reason.facts)] for each in decision.withheld]
    if decision.reanchor:
        told["reanchor"] = [
            [
                each.enrollment_id,
                [[free.position, written(free.due_at), written(free.not_after)] for free in each.released],
            ]
            for each in decision.reanchor
        ]
    return _WRITE(told)


def matters(decision: Decision) -> bool:
    """Whether somebody may ask about this decision: it moved, started, stopped, withheld or delayed something."""
    return bool(
        decision.enroll
        or decision.stop
        or decision.withheld
        or decision.reanchor
        or any(change.kind == "moved" or _HOLD in change.changes for change in decision.history)
    )


def _holds(decision: Decision) -> dict[str, Any]:
    """Until when mail waits from now on, where the decision changed that."""
    found = [change.changes for change in decision.history if _HOLD in change.changes]
    return {"hold": [found[-1][_HOLD], found[-1]["mail_hold_why"], decision.resume]} if found else {}


@lru_cache(maxsize=16)
def _asked(playbook: Playbook) -> frozenset[str]:
    """The names of all fields that any need of the playbook asks about."""
    wanted = [need for way in playbook.transitions for need in way.needs]
    wanted += [need for item in playbook.content.checklist.values() for need in item.done_when]
    return frozenset(need.field for need in needs.walk(wanted) if isinstance(need, needs.Filled))


def _person(playbook: Playbook, view: ProspectView, signal: Signal) -> dict[str, Any]:
    """The prospect's own row. Only what is there is named: most prospects have little of it."""
    fields = {**view.fields, **signal.fields}
    known: dict[str, Any] = {"stage": view.stage, "version": view.version}
    known["filled"] = [name for name, value in fields.items() if value]
    known |= {name: fields[name] for name in _TOLD_FIELDS if fields.get(name)}
    if view.custom or signal.custom:
        known["custom"] = _custom({**view.custom, **signal.custom}, _asked(playbook))
    if view.outcome:
        known["outcome"] = view.outcome
    if view.moved_at > NEVER:
        known["moved_at"] = written(view.moved_at)
    if view.mail_hold_until is not None:
        known |= {"mail_hold_until": written(view.mail_hold_until), "mail_hold_why": view.mail_hold_why}
    if view.declined:
        known["declined"] = sorted(view.declined)
    if view.suppressed:
        known["suppressed"] = True
    if view.fallback_zone:
        known["fallback_zone"] = view.fallback_zone
    return known


def _around(playbook: Playbook, view: ProspectView) -> dict[str, Any]:
    """What else was looked up for the decision."""
    known: dict[str, Any] = {}
    if view.enrollments:
        known["enrollments"] = [[e.id, e.sequence.key, e.digest, e.meeting_id] for e in view.enrollments]
    if view.meetings:
        known["meetings"] = [[m.id, m.uid, m.state, m.starts_at, m.changed_at] for m in view.meetings]
    if view.answers:
        known["answers"] = _answers(playbook, view.answers)
    if view.calls:
        known["calls"] = sorted(view.calls)
    if view.begun:
        known["begun"] = dict(view.begun)
    if view.later:
        known["later"] = sorted(view.later)
    return known


def _told(playbook: Playbook, signal: Signal) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": signal.kind, "at": written(signal.occurred_at)}
    if signal.kind in MEETING_KINDS:
        # A meeting without a name of its own is called after what told of it.
        told["cause"] = signal.cause
    if signal.data:
        told["data"] = _data(playbook, signal.data)
    if signal.sender:
        told["sender"] = signal.sender
    if signal.role:
        told["role"] = signal.role
    return told


def _touch(touch: Planned) -> list[str]:
    return [touch.step.key, touch.state, written(touch.due_at), written(touch.not_after), touch.reason.code]


def _custom(custom: Mapping[str, Any], asked: frozenset[str]) -> dict[str, str | None]:
    if not custom or asked.isdisjoint(custom):
        return {}
    return {
        name: _mark(str(value)) if isinstance(value, str | int | float) else None
        for name, value in custom.items()
        if name in asked
    }


def _data(playbook: Playbook, data: Mapping[str, Any]) -> dict[str, Any]:
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
        elif name in _GIVEN_DATA or name in _asked(playbook):
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


def _timed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _moment(value) if name == "starts_at" else value for name, value in data.items()}


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return written(value)
    raise TypeError(value)


_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
