"""Reads what guards ask about beyond a prospect's row: answers, calls, meetings, sequences begun, the asker's role.

Each kind costs one statement, and is read only where the playbook wants it: most events need none of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select

from workflow.engine.guards import Facts
from workflow.engine.signals import FIELDS, MeetingView
from workflow.playbook.needs import CALL_WORDS
from workflow.records.models import Answer, ApiKey, Call, Enrollment, Meeting, Rep
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.engine.guards import Kind
    from workflow.engine.signals import ProspectView, Signal
    from workflow.records.db import Record, Tx

_EVERYTHING: Final[frozenset[Kind]] = frozenset({"answers", "meetings", "calls", "sequences"})
# Statements of the hot route are built once: building one costs more than running it.
_ANSWERS: Final = Prepared(select(Answer.question, Answer.text).where(Answer.prospect_id == bindparam("prospect")))
_CALLS: Final = Prepared(
    select(
        func.count().label("ended"),
        func.count(Call.minutes).label("timed"),
        func.count(func.nullif(Call.notes, "")).label("noted"),
    ).where(Call.prospect_id == bindparam("prospect"))
)
_BEGUN: Final = Prepared(
    select(Enrollment.sequence, func.max(Enrollment.started_at).label("last"))
    .where(Enrollment.prospect_id == bindparam("prospect"))
    .group_by(Enrollment.sequence)
)
_MEETINGS: Final = Prepared(
    select(Meeting.id, Meeting.uid, Meeting.state, Meeting.starts_at, Meeting.changed_at).where(
        Meeting.prospect_id == bindparam("prospect")
    )
)
_ROLE_OF_REP: Final = Prepared(select(Rep.role).where(Rep.id == bindparam("name")))
_ROLE_OF_KEY: Final = Prepared(select(ApiKey.role).where(ApiKey.name == bindparam("name")))


def complete(tx: Tx, view: ProspectView, signal: Signal, kinds: frozenset[Kind]) -> tuple[ProspectView, Signal]:
    """The view and the signal with the facts of these kinds."""
    view = replace(
        view,
        answers=answers(tx, view.id) if "answers" in kinds else view.answers,
        calls=calls(tx, view.id) if "calls" in kinds else view.calls,
        begun=begun(tx, view.id) if "sequences" in kinds else view.begun,
        meetings=meetings(tx, view.id) if "meetings" in kinds and not view.meetings else view.meetings,
    )
    return view, replace(signal, role=signal.role or role(tx, signal.actor)) if "role" in kinds else signal


def facts(tx: Tx, prospect_id: str, fields: Mapping[str, str | None], kinds: frozenset[Kind]) -> Facts:
    """What guards and checklist may ask of a prospect who is only looked at; nobody asks for a move, so no role."""
    return Facts(
        fields=fields,
        answers=answers(tx, prospect_id) if "answers" in kinds else {},
        meetings=frozenset(each.state for each in meetings(tx, prospect_id)) if "meetings" in kinds else frozenset(),
        calls=calls(tx, prospect_id) if "calls" in kinds else frozenset(),
        begun=frozenset(begun(tx, prospect_id)) if "sequences" in kinds else frozenset(),
    )


def standing(tx: Tx, row: Record, role: str | None = None) -> Facts:
    """All that guards may ask of the prospect of `row`, a whole row of its table, for a viewer of this role."""
    custom = {name: str(value) for name, value in row.custom.items() if isinstance(value, str | int | float)}
    fields = {**{name: getattr(row, name) for name in FIELDS}, **custom, "outcome": row.outcome}
    return replace(facts(tx, row.id, fields, _EVERYTHING), role=role)


def answers(tx: Tx, prospect_id: str) -> dict[str, str]:
    """The newest answer to each question and criterion."""
    return {row.question: row.text for row in _ANSWERS.all(tx, {"prospect": prospect_id})}


def calls(tx: Tx, prospect_id: str) -> frozenset[str]:
    """What is known of the prospect's calls: whether any ended, with minutes, with notes."""
    (row,) = _CALLS.all(tx, {"prospect": prospect_id})
    return frozenset(word for word in CALL_WORDS if getattr(row, word))


def begun(tx: Tx, prospect_id: str) -> dict[str, datetime]:
    """When each sequence of the prospect last began."""
    return {row.sequence: row.last for row in _BEGUN.all(tx, {"prospect": prospect_id})}


def meetings(tx: Tx, prospect_id: str) -> tuple[MeetingView, ...]:
    """Every meeting of the prospect."""
    rows = _MEETINGS.all(tx, {"prospect": prospect_id})
    return tuple(MeetingView(row.id, row.uid, row.state, row.starts_at, row.changed_at) for row in rows)


def role(tx: Tx, actor: str) -> str | None:
    """The role of a person or of a key of the API; a source of webhooks and Onward itself have none."""
    kind, _, name = actor.partition(":")
    statement = {"rep": _ROLE_OF_REP, "api": _ROLE_OF_KEY}.get(kind)
    row = statement.first(tx, {"name": name}) if statement else None
    return row.role if row else None
